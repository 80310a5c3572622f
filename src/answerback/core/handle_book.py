"""Knows when each contact's handle was last asked about, and what the relay has told of our own handles.

Theory. A handle only points to an account, and may come to point to another. Whoever writes to it asks again now and
then, beside the message and not before it: what the answer means is for `trust`. A move takes a week where anybody is
there to object, so a day is soon enough.
"""

from dataclasses import dataclass, field

from answerback.core.facts import KeepNote
from answerback.model.notes import NoteKind
from answerback.wire.codec import encode
from answerback.wire.frames import HandleNotice

CHECK_AGAIN_MS = 86_400_000
"""A handle is asked about again when it is written to and the last answer of this run is older than this."""


@dataclass(slots=True)
class HandleBook:
    """What is remembered of handles beside whose they are."""

    _checked_ms: dict[str, int] = field(default_factory=dict, repr=False)
    told: dict[bytes, bytes] = field(default_factory=dict, repr=False)
    """What the relay has told last of each of our own handles."""

    def is_due(self, handle: str, *, now_ms: int) -> bool:
        """Whether this handle was last asked about so long ago that it is asked about again."""
        return now_ms - self._checked_ms.get(handle, 0) >= CHECK_AGAIN_MS

    def checked(self, handle: str, *, now_ms: int) -> None:
        """The relay has said whose a handle is."""
        self._checked_ms[handle] = now_ms

    def noticed(self, notice: HandleNotice) -> KeepNote | None:
        """Take in what the relay says of a handle of ours; None if that was said before."""
        about, value = notice.handle.encode(), encode(notice)
        if self.told.get(about) == value:
            return None
        self.told[about] = value
        return KeepNote(NoteKind.OWN_HANDLE, about, value)
