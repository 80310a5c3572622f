"""Catches up after time away, in bounded steps, never in a storm.

Theory. After a welcome two things are owed. Inbound, the mailbox: the relay hands it over in pages and we say how far
we are; nothing to ask for. Outbound, doubt: what the relay accepted before it last restarted may be gone with its
disk, and what was accepted long ago and never answered may be lost anywhere. Both are *asked about* first, a page at a
time, and only what the relay does not hold is sent again.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from answerback.core.lanes import CopyKey
from answerback.core.outbox import Copy
from answerback.wire.frames import Asked, Inquire

PAGE = 128
"""Envelopes asked about in one frame, and one frame at a time: 4 KiB, a second on a link of 32 kbit/s."""
ANSWER_DUE_S = 30.0
"""A connected device that has not answered by now is asked about."""
ANSWER_DUE_AWAY_S = 900.0
"""A device that was away when its mail was accepted: its mailbox keeps it; asking often tells nothing new."""
INQUIRIES_COUNTED_MAX = 16
"""Beyond this the wait is at its longest anyway."""
ANSWER_DUE_S_MAX = 6 * 3600.0
RESEAL_AFTER_INQUIRIES = 2
"""Taken and still not answered, twice: its receipt is lost. A relay does not hand over twice what was taken, so the
message is sealed anew, every time: the device knows it by its id, shows nothing, and repeats its receipt."""
RENEW_AFTER_INQUIRIES = 4
"""Still nothing: the device took what it cannot open; begin a fresh session with fresh keys."""


@dataclass(slots=True)
class Catchup:
    """What is still to be caught up with."""

    behind: int = 0
    """Envelopes that waited in the mailbox at the last welcome and have not been taken."""
    _doubted: dict[CopyKey, None] = field(default_factory=dict)
    _asked: bool = False

    def welcomed(self, waiting: int) -> None:
        """A connection begins with this many envelopes waiting."""
        self.behind, self._asked = waiting, False

    def took(self, count: int) -> None:
        """Some of them have been taken."""
        self.behind = max(0, self.behind - count)

    def doubt(self, copies: Iterable[Copy]) -> None:
        """Ask about these accepted copies when their page comes."""
        self._doubted.update((copy.key, None) for copy in copies)

    def resolved(self, key: CopyKey) -> None:
        """This copy's whereabouts are known, or no longer matter."""
        self._doubted.pop(key, None)

    def located(self) -> None:
        """The answer to a page has come."""
        self._asked = False

    def page(self, look: dict[CopyKey, Copy]) -> Inquire | None:
        """The next page to ask about; none while one is unanswered or nothing is doubted."""
        if self._asked:
            return None
        for key in [key for key in self._doubted if key not in look]:
            del self._doubted[key]
        entries = [
            Asked(copy.device, copy.envelope)
            for key in list(self._doubted)[:PAGE]
            if (copy := look[key]).envelope is not None
        ]
        self._asked = bool(entries)
        return Inquire(entries) if entries else None

    @property
    def doubted(self) -> list[CopyKey]:
        """What is to be asked about."""
        return list(self._doubted)

    @property
    def waiting(self) -> bool:
        """Whether an answer is owed."""
        return self._asked


def answer_due_s(copy: Copy) -> float | None:
    """When, in monotonic seconds, an accepted copy should be asked about; none if it is not accepted."""
    if copy.accepted_s is None:
        return None
    first_s = ANSWER_DUE_S if copy.cause is None else ANSWER_DUE_AWAY_S
    return copy.accepted_s + min(first_s * 2.0 ** min(copy.inquiries, INQUIRIES_COUNTED_MAX), ANSWER_DUE_S_MAX)
