"""What has been asked of the relay and not yet answered.

A question lives until its answer comes: a lost connection loses no question, it only asks again. The same question
twice is one question.

The surprising rule: a relay answers late whoever asks much, minutes late if need be, and is well. So once it has
answered a ping that left after a question, the missing answer says nothing against the connection any more, nor against
the next one. Else a device would doubt each connection that it asks on, and replace it before its turn has come.
"""

from dataclasses import dataclass, field

from answerback.model.devices import Signed
from answerback.model.errors import PeerError
from answerback.model.ids import AccountId, DeviceId
from answerback.model.message import Lane
from answerback.wire.frames import (
    Announce,
    Announced,
    Claim,
    Claimed,
    ClientFrame,
    Listed,
    LookUp,
    Publish,
    Published,
    RelayFrame,
    Resolve,
    Resolved,
)
from answerback.wire.log_frames import Disclose, Disclosed, Follow, Followed, Remind, Reminded

QUESTIONS_MAX = 4096
"""More than a group of 32 people with 16 devices and five lanes can raise at once."""
ASKED_AT_ONCE = 32
HANDLES_AT_ONCE = 16
"""Unanswered at once, of handles and of all else: a relay answers in order and sends away whoever has 64 waiting."""


@dataclass(frozen=True, slots=True)
class WantList:
    """Which devices an account has."""

    account: AccountId


@dataclass(frozen=True, slots=True)
class WantPreKey:
    """A pre-key, to start a session with this device in this lane."""

    device: DeviceId
    lane: Lane


@dataclass(frozen=True, slots=True)
class WantAccount:
    """Which account a handle stands for."""

    handle: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class WantKeysPublished:
    """Put our new keys where others find them."""


@dataclass(frozen=True, slots=True)
class WantListAnnounced:
    """Make this our account's newest device list."""

    list: Signed


@dataclass(frozen=True, slots=True)
class WantLines:
    """The lines of the log that were not read yet."""


@dataclass(frozen=True, slots=True)
class WantEntries:
    """What stands at these places of the log."""

    places: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class WantReminded:
    """What the relay says to a head it has signed."""

    head: Signed
    account: AccountId | None
    """Who was given it; none: this device, earlier."""


Question = (
    WantList | WantPreKey | WantAccount | WantKeysPublished | WantListAnnounced | WantLines | WantEntries | WantReminded
)
Asking = LookUp | Claim | Resolve | Publish | Announce | Follow | Disclose | Remind
Answer = Listed | Resolved | Claimed | Published | Announced | Followed | Disclosed | Reminded


@dataclass(slots=True)
class Questions:
    """All open questions, by number and by what they ask."""

    _by_number: dict[int, Question] = field(default_factory=dict)
    _asked: dict[Question, ClientFrame] = field(default_factory=dict)
    _under_way: set[int] = field(default_factory=set)
    """Those that this connection has asked."""
    _asked_s: dict[int, float] = field(default_factory=dict)
    """Since when, as far as was looked."""
    _held_back: set[int] = field(default_factory=set)
    """Those that the relay has been shown to have, and takes its time over."""
    _number: int = 0
    asked_size: int = 0
    """The log's size that the question answered last was asked with."""

    def __contains__(self, question: Question) -> bool:
        """Whether this is being asked."""
        return question in self._asked

    @property
    def announcing(self) -> bool:
        """Whether a new device list of our own account is being announced."""
        return any(isinstance(question, WantListAnnounced) for question in self._asked)

    def number(self) -> int:
        """The number the next question must carry."""
        return self._number + 1

    def ask(self, question: Question, frame: Asking) -> ClientFrame | None:
        """Open a question, to be sent now; none if it is being asked already, or waits for others to be answered."""
        if question in self._asked or len(self._asked) >= QUESTIONS_MAX:
            return None
        self._number = frame.request
        self._by_number[frame.request] = question
        self._asked[question] = frame
        if self._room(question) <= 0:
            return None
        self._under_way.add(frame.request)
        return frame

    def check(self, frame: RelayFrame) -> None:
        """Raise `PeerError` if a frame carries a question's number and answers another: the true answer never comes.

        An answer that nobody asked for, or that comes a second time, does no harm.
        """
        if not isinstance(frame, Answer):
            return
        question = self._by_number.get(frame.request)
        if question is not None and not _answers(frame, question):
            raise PeerError(f"{type(frame).__name__} {frame.request} answers another question than was asked")

    def find(self, number: int) -> Question | None:
        """The open question with this number, if there is one."""
        return self._by_number.get(number)

    def answered(self, number: int) -> Question | None:
        """Close a question; none if nobody asked it."""
        question = self._by_number.pop(number, None)
        self._under_way.discard(number)
        self._asked_s.pop(number, None)
        self._held_back.discard(number)
        if question is not None:
            frame = self._asked.pop(question)
            self.asked_size = frame.known_size if isinstance(frame, LookUp | Resolve | Follow | Remind) else 0
        return question

    def again(self) -> list[ClientFrame]:
        """What is still open, for a new connection, as far as there is room."""
        self._under_way.clear()
        self._asked_s.clear()
        return self.more()

    def more(self) -> list[ClientFrame]:
        """What may be asked now that others are answered."""
        if len(self._under_way) == len(self._asked):
            return []
        frames: list[ClientFrame] = []
        for number, question in self._by_number.items():
            if number not in self._under_way and self._room(question) > 0:
                self._under_way.add(number)
                frames.append(self._asked[question])
        return frames

    def _room(self, question: Question) -> int:
        of_handles = sum(isinstance(self._by_number[number], WantAccount) for number in self._under_way)
        if isinstance(question, WantAccount):
            return HANDLES_AT_ONCE - of_handles
        return ASKED_AT_ONCE - (len(self._under_way) - of_handles)

    def owed(self, *, now_s: float) -> bool:
        """Whether a connection that lives should have answered soon; what is new since the last look was asked now."""
        owed = self._under_way - self._held_back
        for number in owed:
            self._asked_s.setdefault(number, now_s)
        return bool(owed)

    def ponged(self, *, sent_s: float) -> None:
        """The relay has answered a ping that left then: it has all that was asked before."""
        self._held_back.update(number for number, asked_s in self._asked_s.items() if asked_s < sent_s)

    @property
    def waiting(self) -> bool:
        """Whether an answer is owed."""
        return bool(self._asked)


def _answers(frame: Answer, question: Question) -> bool:
    match frame, question:
        case Listed(), WantList():
            return frame.account == question.account
        case Resolved(), WantAccount():
            return frame.handle == question.handle
        case Claimed(), WantPreKey():
            return frame.device == question.device
        case (Published(), WantKeysPublished()) | (Announced(), WantListAnnounced()):
            return True
        case (Followed(), WantLines()) | (Disclosed(), WantEntries()) | (Reminded(), WantReminded()):
            return True
        case _:
            return False
