"""Knows in memory which envelopes each mailbox holds, so that no commit has to look for a random key on disk.

Theory. Everything here can be read back from the disk: it is made when a mailbox is first touched and may be dropped
whenever no batch is under way. A held envelope costs about 200 bytes here.
"""

from collections import deque
from dataclasses import dataclass, field

from answerback.model.ids import AccountId, DeviceId, EnvelopeId
from answerback.storage.relay_commands import NOTHING_TAKEN, Cursors

MAILBOX_ROWS_MAX = 100_000
"""What one device may leave untaken: a month of 3,300 envelopes a day, and 20 MB of memory while it is awake."""
MAILBOX_BYTES_MAX = 256 * 1024 * 1024
"""Bounds what one silent device costs the disk; files travel as blobs and are not counted here."""
ROW_BYTES = 128
"""What an envelope costs on disk beside its sealed bytes: its row's head and its entry in the index."""
REMEMBERED_MAX = 100_000
"""Taken ids that can still be told from lost ones: the last ten seconds at full load, days on a quiet relay."""


@dataclass(slots=True, eq=False)
class Mailbox:
    """One device's mailbox, as far as decisions need it."""

    number: int
    device: DeviceId
    account: AccountId
    entry: bytes
    list_version: int
    revoked: bool
    seen_ms: int
    life: int = 0
    """How often its device has said hello, as far as it said."""
    taken: list[int] = field(default_factory=lambda: list(NOTHING_TAKEN))
    held: dict[EnvelopeId, int] = field(default_factory=dict)
    """Position of each envelope that is neither taken nor expired."""
    queues: dict[int, deque[tuple[int, EnvelopeId, int]]] = field(default_factory=dict)
    """Position, id and size by lane, in order; only lanes that hold something."""
    size_bytes: int = 0
    is_open: bool = False
    lapsed_ms: int = 0
    """When no more mail was taken for it, because it had not been in touch; 0 if some is."""
    touched: bool = True

    @property
    def is_full(self) -> bool:
        """Whether it may take nothing more."""
        return len(self.held) >= MAILBOX_ROWS_MAX or self.size_bytes >= MAILBOX_BYTES_MAX

    @property
    def cursors(self) -> Cursors:
        """How far each lane is taken."""
        return tuple(self.taken)

    @property
    def head(self) -> int:
        """The last position it holds; where nothing waits, the last one taken."""
        return max([queue[-1][0] for queue in self.queues.values()] + self.taken)

    def hold(self, position: int, lane: int, identity: EnvelopeId, size_bytes: int) -> None:
        """Know of one more envelope, the last of its lane."""
        self.held[identity] = position
        queue = self.queues.get(lane)
        if queue is None:
            queue = self.queues[lane] = deque()
        queue.append((position, identity, size_bytes))
        self.size_bytes += size_bytes + ROW_BYTES

    def believed(self, lane: int, position: int) -> int:
        """How far a device has read that says so at hello: to a place that is or was here, else as far as is known.

        Any other position was given out by another store, or by this one before an older copy of it was put back. Mail
        that came since may lie below it, and nobody has seen that yet.
        """
        for there, _, _ in self.queues.get(lane, ()):
            if there >= position:
                return position if there == position else self.taken[lane]
        return self.taken[lane]

    def take(self, lane: int, position: int) -> list[tuple[int, EnvelopeId]]:
        """Forget what a lane holds up to a position, and say what that was."""
        if position <= self.taken[lane]:
            return []
        self.taken[lane] = position
        queue = self.queues.get(lane)
        gone: list[tuple[int, EnvelopeId]] = []
        while queue and queue[0][0] <= position:
            there, identity, size_bytes = queue.popleft()
            if self.held.get(identity) == there:  # else it has expired before
                del self.held[identity]
                self.size_bytes -= size_bytes + ROW_BYTES
                gone.append((there, identity))
        if queue is not None and not queue:
            del self.queues[lane]
        return gone

    def expire(self, position: int, identity: EnvelopeId, size_bytes: int) -> None:
        """Forget one envelope whose time is over; its place in the queue is skipped later."""
        if self.held.get(identity) == position:
            del self.held[identity]
            self.size_bytes -= size_bytes + ROW_BYTES

    def clear(self) -> list[int]:
        """Forget everything, and say which positions that was."""
        positions = list(self.held.values())
        self.held.clear()
        self.queues.clear()
        self.size_bytes = 0
        return positions


class RecentlyTaken:
    """The ids of envelopes that were taken lately: two generations, the older dropped when the younger is full."""

    def __init__(self, *, remembered_max: int = REMEMBERED_MAX) -> None:
        self._max = remembered_max
        self._young: dict[EnvelopeId, int] = {}
        self._old: dict[EnvelopeId, int] = {}

    def add(self, identity: EnvelopeId, mailbox: int) -> None:
        """Remember that this mailbox's device took it."""
        self._young[identity] = mailbox
        if len(self._young) >= self._max:
            self._old = self._young
            self._young = {}

    def has(self, identity: EnvelopeId, mailbox: int) -> bool:
        """Whether this mailbox's device took it lately."""
        return self._young.get(identity) == mailbox or self._old.get(identity) == mailbox
