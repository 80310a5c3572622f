"""Knows when each contact's handle was last asked about, and what the relay has told of our own handles.

Theory. A handle only points to an account, and may come to point to another. Whoever writes to it asks again now and
then, beside the message and not before it: what the answer means is for `trust`. A move takes a week where anybody is
there to object, so a day is soon enough. What the relay tells of our own handles says which ones to watch in its log:
there every change of them stands for all to see, also one that it tells us nothing of.
"""

from dataclasses import dataclass, field

from answerback.core.facts import KeepNote
from answerback.model.errors import PeerError
from answerback.model.handle_state import HandleState
from answerback.model.ids import AccountId
from answerback.model.notes import NoteKind
from answerback.wire.codec import decode, encode
from answerback.wire.frames import HandleNotice

CHECK_AGAIN_MS = 86_400_000
"""A handle is asked about again when it is written to and the last answer of this run is older than this."""
OWN_MAX = 64
"""Handles the relay may tell of as ours: an account has eight at most, and each costs a slow hash to watch."""
OURS = frozenset({HandleState.OURS, HandleState.LEAVING, HandleState.CAME, HandleState.STAYED})
"""As what a handle still stands for this account."""


@dataclass(slots=True)
class HandleBook:
    """What is remembered of handles beside whose they are."""

    _checked_ms: dict[str, int] = field(default_factory=dict, repr=False)
    told: dict[bytes, bytes] = field(default_factory=dict, repr=False)
    """What the relay has told last of each of our own handles."""
    _fresh: set[str] = field(default_factory=set, repr=False)
    """Told of in this run, and the log was not read to its end since."""
    _covered: frozenset[str] = field(default=frozenset(), repr=False)
    _undecided: dict[str, AccountId] = field(default_factory=dict, repr=False)

    def is_due(self, handle: str, *, now_ms: int) -> bool:
        """Whether this handle was last asked about so long ago that it is asked about again."""
        return now_ms - self._checked_ms.get(handle, 0) >= CHECK_AGAIN_MS

    def checked(self, handle: str, *, now_ms: int) -> None:
        """The relay has said whose a handle is."""
        self._checked_ms[handle] = now_ms

    def noticed(self, notice: HandleNotice) -> KeepNote | None:
        """Take in what the relay says of a handle of ours; None if that was said before."""
        about, value = notice.handle.encode(), encode(notice)
        if self.told.get(about) == value or (about not in self.told and len(self.told) >= OWN_MAX):
            return None
        self.told[about] = value
        if notice.state in (HandleState.OURS, HandleState.CAME):
            self._fresh.add(notice.handle)
        return KeepNote(NoteKind.OWN_HANDLE, about, value)

    def has_heard_of(self, handle: str) -> bool:
        """Whether the relay has told anything of this handle of ours."""
        return handle.encode() in self.told

    def own(self, registered: str) -> frozenset[str]:
        """The handles that stand for this account; `registered` is the one this device goes by."""
        states = {notice.handle: notice.state for notice in map(_notice, self.told.values()) if notice is not None}
        states.setdefault(registered, HandleState.OURS)
        return frozenset(handle for handle, state in states.items() if handle and state in OURS)

    # ---- our handles in the log

    def stands_otherwise(self, handle: str, account: AccountId) -> bool:
        """The log says that a handle of ours stands for another account; true if that was done after it was ours.

        Of one that the relay has just told of, what is read now may be older than our own entry: that is only known
        once the log was read to its end.
        """
        if handle in self._fresh:
            self._undecided[handle] = account
            return False
        return True

    def stands_as_ours(self, handle: str) -> None:
        """The log, as it is read, has come to where it says that this handle is ours."""
        self._fresh.discard(handle)
        self._undecided.pop(handle, None)

    def lines_asked(self) -> None:
        """What is read once this is answered is as new as what the relay has told by now."""
        self._covered = frozenset(self._fresh)

    def lines_read(self) -> list[tuple[str, AccountId]]:
        """The log was read to its end; return which handles of ours it says are others', since they were ours."""
        self._fresh -= self._covered
        taken = {handle: account for handle, account in self._undecided.items() if handle not in self._fresh}
        self._undecided = {handle: each for handle, each in self._undecided.items() if handle not in taken}
        return list(taken.items())


def _notice(value: bytes) -> HandleNotice | None:
    try:
        return decode(value, HandleNotice)
    except PeerError:  # a disk that changed it must not keep the agent from starting
        return None
