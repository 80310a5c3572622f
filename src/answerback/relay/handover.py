"""Hands one connected device its mail: in order, urgent lanes first, no more at once than its link carries.

Theory. Mail comes from the commit just ended (a device that keeps up never makes the relay read) or, in lanes where it
fell behind, in pages from the disk. A lane is *behind* from the moment something of it was left on disk until a page
says that nothing is left. Answers of the store arrive in the order it did things, so between two of them nothing can
slip past both roads.

What is handed over but not yet taken is bounded by a flight, as on the device's side (`wire/flight.py`), with the
device's own answers as its clock; files on their way to the same device count in the same flight. Control and urgent
lanes go first and may have a little more under way; the others share by weight (`wire/turns.py`). And all mail goes
before any file: on a slow link a device learns what there is before it is given the big parts of it.

A device may say how much it takes (`Pace`, `helpings`): beyond its helping only urgent lanes go, and the rest stays on
the disk, not in memory. In the background it is not woken for chatter: receipts, repairs and history wait until
people's mail goes, or the device says anything at all.
"""

from collections import deque

from answerback.model.envelope import Delivery
from answerback.model.message import Lane
from answerback.relay.helpings import Helping
from answerback.relay.limits import DELIVER_BYTES_MAX, QUEUED_BYTES_LOW, QUEUED_BYTES_MAX
from answerback.storage.relay_commands import LANE_COUNT, Cursors
from answerback.wire.flight import Flight, Kind
from answerback.wire.frames import BATCH_MAX, Deliver, Pace, Taken
from answerback.wire.turns import Turns

URGENT_LANE_LAST = 1
URGENT_BYTES = 64 * 1024
"""What the urgent lanes may have outstanding above the window: they never wait for bulk to be taken."""
_LANES = tuple(Lane)
QUEUED_URGENT_BYTES = 64 * 1024
"""What the urgent lanes may have in memory above everybody's share."""
ANSWER_S_MAX = 3.0
"""A slow link is waited for so long before its silence is taken for an outage."""
COMPANY_S = 10.0
"""After a word in either direction a phone's radio is awake for so long: what comes then wakes nothing."""
CHATTER = frozenset({Lane.CONTROL, Lane.BACKGROUND})
"""Lanes that wake nobody who rests."""
MODE_BACKGROUND = 2
ENTRY_BYTES = 64
"""What one delivery costs in a frame beside its sealed bytes, roughly."""


class HandOver:
    """One connected device's mail on its way."""

    __slots__ = (
        "_behind",
        "_company_until_s",
        "_handed",
        "_helping",
        "_outstanding",
        "_queued",
        "_queued_bytes",
        "_rests",
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
        self._helping: Helping | None = None  # of lanes that are not urgent
        self._rests = False
        self._company_until_s = 0.0
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

    @property
    def answer_s(self) -> float:
        """How long what is under way may take to be answered, as far as is known of this link."""
        rate_bytes_per_s = self.flight.rate_bytes_per_s
        carried_s = self.flight.flying_bytes / rate_bytes_per_s if rate_bytes_per_s else 0.0
        return min(self.flight.allowed_s + carried_s, ANSWER_S_MAX)

    def offer(self, delivery: Delivery) -> None:
        """Learn of new mail that is on the disk now; it goes from memory if there is room for it."""
        lane = delivery.lane
        if lane in self._behind:
            return
        if self._is_held(lane):
            self._behind.add(lane)
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
        self.look(now_s=now_s)
        while not self.is_paused and self._queued:
            has_room = flight.has_room(now_s=now_s)
            lane = self._turns.next(self._free(now_s), has_room=has_room, now_s=now_s)
            if lane is None or (not has_room and flight.flying_bytes >= flight.window_bytes + URGENT_BYTES):
                break
            entries, size_bytes = self._next(lane, min(flight.chunk_bytes, self._most_bytes(lane)))
            self._spend(lane, size_bytes, now_s=now_s)
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
        anew._rests, anew._helping = self._rests, self._helping
        return anew

    def pace(self, pace: Pace, *, now_s: float) -> None:
        """Learn how eager the device is, and how much it takes from now on; it is awake as it says so."""
        self._rests = pace.mode >= MODE_BACKGROUND
        self._helping = None if pace.budget_bytes < 0 else Helping.of(pace.budget_bytes, now_s=now_s)
        self.spoke(now_s=now_s)

    def look(self, *, now_s: float) -> None:
        """See whether the device takes more by now."""
        if self._helping is not None:
            self._helping.look(now_s=now_s)

    def spoke(self, *, now_s: float) -> None:
        """The device says anything: it is awake, and what waited for company may come."""
        self._company_until_s = now_s + COMPANY_S

    @property
    def has_mail(self) -> bool:
        """Whether mail waits here, or on the disk, that may be handed over."""
        return any(not self._is_held(lane) for lane in (*self._queued, *self._behind))

    @property
    def left_lane(self) -> Lane | None:
        """The most urgent lane of people's mail that was on its way when the device left; none if there is none."""
        lanes = {parcel[0] for parcel in self._outstanding or ()}
        lanes |= {lane for lane in (*self._queued, *self._behind) if not self._is_held(lane)}
        return min((_LANES[lane] for lane in lanes if _LANES[lane] not in CHATTER), default=None)

    @property
    def wanted(self) -> tuple[int, ...]:
        """The lanes to read a page of now, the most urgent first; none if there is nothing to read or no room."""
        if not self._behind or self.is_reading or self.is_paused:
            return ()
        behind = tuple(sorted(lane for lane in self._behind if not self._is_held(lane)))
        if not behind:
            return ()
        is_urgent_due = behind[0] <= URGENT_LANE_LAST and not (self._queued and min(self._queued) < behind[0])
        return behind if self._queued_bytes < QUEUED_BYTES_LOW or is_urgent_due else ()

    @property
    def after(self) -> Cursors:
        """How far each lane was handed over, or is about to be."""
        return tuple(self._handed)

    def _is_held(self, lane: int) -> bool:
        """Whether the device has had as much of this lane as it takes for now."""
        return lane > URGENT_LANE_LAST and self._helping is not None and self._helping.is_had

    def _free(self, now_s: float) -> dict[Lane, deque[Delivery]]:
        """What is in memory and may go now."""
        if self._helping is None and not self._rests:
            return self._queued
        free = {lane: queue for lane, queue in self._queued.items() if not self._is_held(lane)}
        has_company = now_s < self._company_until_s or not CHATTER.issuperset(free)
        return free if has_company or not self._rests else {}

    def _most_bytes(self, lane: Lane) -> int:
        if lane <= URGENT_LANE_LAST or self._helping is None:
            return DELIVER_BYTES_MAX
        return min(int(self._helping.left_bytes), DELIVER_BYTES_MAX)

    def _spend(self, lane: Lane, size_bytes: int, *, now_s: float) -> None:
        if lane > URGENT_LANE_LAST and self._helping is not None:
            self._helping.spend(size_bytes, now_s=now_s)
            if self._helping.is_had and not self.is_reading:  # else the page would come to a lane begun anew
                self._put_back()
        if lane not in CHATTER:
            self._company_until_s = now_s + COMPANY_S

    def _put_back(self) -> None:
        """Leave to the disk what the device does not take for now: memory is for what is about to go."""
        for lane in [lane for lane in self._queued if self._is_held(lane)]:
            queue = self._queued.pop(lane)
            self._queued_bytes -= sum(len(delivery.sealed) + ENTRY_BYTES for delivery in queue)
            self._handed[lane] = queue[0].position - 1
            self._behind.add(lane)

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
