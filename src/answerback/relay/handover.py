"""Hands one connected device its mail: in order, urgent lanes first, no more at once than its link carries.

Theory. Mail comes from the commit just ended (a device that keeps up never makes the relay read) or, in lanes where it
fell behind, in pages from the disk. A lane is *behind* from the moment something of it was left on disk until a page
says that nothing is left. Answers of the store arrive in the order it did things, so between two of them nothing can
slip past both roads.

What is handed over but not yet taken is bounded by a flight, as on the device's side (`wire/flight.py`), with the
device's own answers as its clock; files on their way to the same device count in the same flight. Control and urgent
lanes go first and may have a little more under way; the others share by weight (`wire/turns.py`). And all mail goes
before any file: on a slow link a device learns what there is before it is given the big parts of it.
"""

from collections import deque

from answerback.model.envelope import Delivery
from answerback.model.message import Lane
from answerback.relay.limits import DELIVER_BYTES_MAX, QUEUED_BYTES_LOW, QUEUED_BYTES_MAX
from answerback.storage.relay_commands import LANE_COUNT, Cursors
from answerback.wire.flight import Flight, Kind
from answerback.wire.frames import BATCH_MAX, Deliver, Taken
from answerback.wire.turns import Turns

URGENT_LANE_LAST = 1
URGENT_BYTES = 64 * 1024
"""What the urgent lanes may have outstanding above the window: they never wait for bulk to be taken."""
_LANES = tuple(Lane)
QUEUED_URGENT_BYTES = 64 * 1024
"""What the urgent lanes may have in memory above everybody's share."""
ENTRY_BYTES = 64
"""What one delivery costs in a frame beside its sealed bytes, roughly."""


class HandOver:
    """One connected device's mail on its way."""

    __slots__ = (
        "_behind",
        "_handed",
        "_outstanding",
        "_queued",
        "_queued_bytes",
        "_taken",
        "_turns",
        "connection",
        "flight",
        "is_paused",
        "is_reading",
        "outstanding_bytes",
    )

    def __init__(self, connection: int, taken: Cursors, *, has_mail: bool) -> None:
        self.connection = connection
        self.is_paused = False
        self.is_reading = False
        self.outstanding_bytes = 0
        self.flight = Flight()
        self._turns = Turns()
        self._taken = list(taken)
        self._handed = list(taken)  # or queued here to be
        self._behind = set(range(LANE_COUNT)) if has_mail else set[int]()
        self._queued: dict[Lane, deque[Delivery]] = {}
        self._queued_bytes = 0
        self._outstanding: deque[tuple[int, int, int, float]] | None = None  # lane, last position, bytes, when

    @property
    def idle_since_s(self) -> float | None:
        """When the oldest thing that is not yet taken was handed over."""
        return self._outstanding[0][3] if self._outstanding else None

    def offer(self, delivery: Delivery) -> None:
        """Learn of new mail that is on the disk now; it goes from memory if there is room for it."""
        lane = delivery.lane
        if lane in self._behind:
            return
        size_bytes = len(delivery.sealed) + ENTRY_BYTES
        room_bytes = QUEUED_BYTES_MAX + (QUEUED_URGENT_BYTES if lane <= URGENT_LANE_LAST else 0)
        if self._queued_bytes + size_bytes > room_bytes:
            self._behind.add(lane)
            return
        self._queue(delivery, size_bytes)

    def turn(self, entries: list[Delivery], lanes_left: tuple[int, ...], lanes_asked: tuple[int, ...]) -> None:
        """Take in a page that was read; lanes that have nothing left are no longer behind."""
        self.is_reading = False
        for delivery in entries:
            self._queue(delivery, len(delivery.sealed) + ENTRY_BYTES)
        self._behind -= set(lanes_asked) - set(lanes_left)

    def took(self, taken: list[Taken], *, now_s: float) -> None:
        """Learn what the device has on its own disk."""
        for entry in taken:
            self._taken[entry.lane] = max(self._taken[entry.lane], min(entry.position, self._handed[entry.lane]))
        if not self._outstanding:
            return
        reached = {entry.lane: entry.position for entry in taken}
        left: deque[tuple[int, int, int, float]] = deque()
        for parcel in self._outstanding:
            lane, position, size_bytes, _ = parcel
            if position > reached.get(lane, 0):  # type: ignore[call-overload]
                left.append(parcel)
                continue
            self.outstanding_bytes -= size_bytes
            self.flight.arrived((lane, position), now_s=now_s)
        self._outstanding = left or None

    def frames(self, *, now_s: float) -> list[Deliver]:
        """What may go to the device now."""
        found: list[Deliver] = []
        flight = self.flight
        while not self.is_paused and self._queued:
            has_room = flight.has_room(now_s=now_s)
            lane = self._turns.next(self._queued, has_room=has_room)
            if lane is None or (not has_room and flight.flying_bytes >= flight.window_bytes + URGENT_BYTES):
                break
            entries, size_bytes = self._next(lane, min(flight.chunk_bytes, DELIVER_BYTES_MAX))
            found.append(Deliver(entries))
            self._turns.spent(lane, size_bytes)
            flight.left((lane, entries[-1].position), size_bytes, kind=Kind.MAIL, now_s=now_s)
            self.outstanding_bytes += size_bytes
            if self._outstanding is None:
                self._outstanding = deque()
            self._outstanding.append((lane, entries[-1].position, size_bytes, now_s))
        return found

    def again(self, connection: int, *, is_paused: bool) -> "HandOver":
        """Begin anew on another connection, with all that the device is not known to have taken."""
        anew = HandOver(connection, tuple(self._taken), has_mail=True)
        anew.is_paused = is_paused
        return anew

    @property
    def has_mail(self) -> bool:
        """Whether mail waits here, or on the disk, to be handed over."""
        return bool(self._queued or self._behind)

    @property
    def wanted(self) -> tuple[int, ...]:
        """The lanes to read a page of now, the most urgent first; none if there is nothing to read or no room."""
        if not self._behind or self.is_reading or self.is_paused:
            return ()
        behind = tuple(sorted(self._behind))
        is_urgent_due = behind[0] <= URGENT_LANE_LAST and not (self._queued and min(self._queued) < behind[0])
        return behind if self._queued_bytes < QUEUED_BYTES_LOW or is_urgent_due else ()

    @property
    def after(self) -> Cursors:
        """How far each lane was handed over, or is about to be."""
        return tuple(self._handed)

    def _queue(self, delivery: Delivery, size_bytes: int) -> None:
        lane = _LANES[delivery.lane]
        queue = self._queued.get(lane)
        if queue is None:
            queue = self._queued[lane] = deque()
        queue.append(delivery)
        self._queued_bytes += size_bytes
        self._handed[lane] = delivery.position

    def _next(self, lane: Lane, room_bytes: int) -> tuple[list[Delivery], int]:
        queue = self._queued[lane]
        entries: list[Delivery] = []
        size_bytes = 0
        while queue and len(entries) < BATCH_MAX:
            next_bytes = len(queue[0].sealed) + ENTRY_BYTES
            if entries and size_bytes + next_bytes > room_bytes:
                break
            entries.append(queue.popleft())
            size_bytes += next_bytes
        self._queued_bytes -= size_bytes
        if not queue:
            del self._queued[lane]
        return entries, size_bytes
