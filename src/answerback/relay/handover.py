"""Hands one connected device its mail: in order, urgent lanes first, no more at once than its link carries.

Theory. Mail comes from the commit just ended (a device that keeps up never makes the relay read) or, in lanes where it
fell behind, in pages from the disk. A lane is *behind* from the moment something of it was left on disk until a page
says that nothing is left. Answers of the store arrive in the order it did things, so between two of them nothing can
slip past both roads.

What is handed over but not yet taken is bounded by a window. It grows while the device's answers come back about as
fast as the fastest did, and shrinks when they take longer: then the mail waits in some queue on the way, and urgent
mail would have to wait behind it (the idea of RFC 6817, LEDBAT, with the device's own answers as its clock).
"""

from collections import deque
from dataclasses import dataclass

from answerback.model.envelope import Delivery
from answerback.relay.limits import DELIVER_BYTES_MAX, QUEUED_BYTES_LOW, QUEUED_BYTES_MAX
from answerback.storage.relay_commands import LANE_COUNT, Cursors
from answerback.wire.frames import BATCH_MAX, Deliver, Taken

WINDOW_BYTES_FIRST = 32 * 1024
"""Nine seconds on 30 kbit/s: a device hears nothing of a frame before all of it is there, and must not give us up."""
WINDOW_BYTES_MIN = 16 * 1024
"""One text of the largest kind always has room once nothing is outstanding; this is a handful of usual ones."""
WINDOW_BYTES_MAX = 1024 * 1024
"""A backlog then drains at 5 MB/s over a round trip of 200 ms."""
QUEUE_S_MAX = 0.1
"""How much delay our own mail may add on the way to the device."""
URGENT_LANE_LAST = 1
URGENT_BYTES = 64 * 1024
"""What the urgent lanes may have outstanding above the window: they never wait for bulk to be taken."""
QUEUED_URGENT_BYTES = 64 * 1024
"""What the urgent lanes may have in memory above everybody's share."""
ENTRY_BYTES = 64
"""What one delivery costs in a frame beside its sealed bytes, roughly."""


@dataclass(slots=True)
class Window:
    """How much may be outstanding."""

    size_bytes: int = WINDOW_BYTES_FIRST
    fastest_s: float = 0.0
    shrunk_s: float = 0.0
    """When it shrank last: once a round trip, since everything sent before says the same thing."""

    def learn(self, delay_s: float, taken_bytes: int, *, sent_s: float, now_s: float, was_full: bool) -> None:
        """Take in how long the device took to answer for something handed over."""
        self.fastest_s = min(self.fastest_s, delay_s) if self.fastest_s else delay_s
        limit_s = self.fastest_s + QUEUE_S_MAX
        if delay_s <= limit_s:
            if was_full:
                self.size_bytes = min(self.size_bytes + taken_bytes, WINDOW_BYTES_MAX)
        elif sent_s >= self.shrunk_s:
            self.size_bytes = max(int(self.size_bytes * max(limit_s / delay_s, 0.5)), WINDOW_BYTES_MIN)
            self.shrunk_s = now_s


class HandOver:
    """One connected device's mail on its way."""

    __slots__ = (
        "_behind",
        "_handed",
        "_outstanding",
        "_queued",
        "_queued_bytes",
        "_was_full",
        "connection",
        "is_paused",
        "is_reading",
        "outstanding_bytes",
        "window",
    )

    def __init__(self, connection: int, taken: Cursors, *, has_mail: bool) -> None:
        self.connection = connection
        self.is_paused = False
        self.is_reading = False
        self.outstanding_bytes = 0
        self.window = Window()
        self._was_full = False
        self._handed = list(taken)  # or queued here to be
        self._behind = set(range(LANE_COUNT)) if has_mail else set[int]()
        self._queued: dict[int, deque[Delivery]] = {}
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
        if not self._outstanding:
            return
        reached = {entry.lane: entry.position for entry in taken}
        left: deque[tuple[int, int, int, float]] = deque()
        for entry in self._outstanding:
            lane, position, size_bytes, sent_s = entry
            if position > reached.get(lane, 0):  # type: ignore[call-overload]
                left.append(entry)
                continue
            self.outstanding_bytes -= size_bytes
            was_full, delay_s = self._was_full, now_s - sent_s
            self.window.learn(delay_s, size_bytes, sent_s=sent_s, now_s=now_s, was_full=was_full)
        self._outstanding = left or None

    def frames(self, *, now_s: float) -> list[Deliver]:
        """What may go to the device now."""
        found: list[Deliver] = []
        self._was_full = False
        while not self.is_paused and self._queued:
            lane = min(self._queued)
            room = self.window.size_bytes + (URGENT_BYTES if lane <= URGENT_LANE_LAST else 0) - self.outstanding_bytes
            if room <= 0:
                self._was_full = True
                break
            entries, size_bytes = self._next(lane, min(room, DELIVER_BYTES_MAX))
            found.append(Deliver(entries))
            self.outstanding_bytes += size_bytes
            if self._outstanding is None:
                self._outstanding = deque()
            self._outstanding.append((lane, entries[-1].position, size_bytes, now_s))
        return found

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
        lane = int(delivery.lane)
        queue = self._queued.get(lane)
        if queue is None:
            queue = self._queued[lane] = deque()
        queue.append(delivery)
        self._queued_bytes += size_bytes
        self._handed[lane] = delivery.position

    def _next(self, lane: int, room_bytes: int) -> tuple[list[Delivery], int]:
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
