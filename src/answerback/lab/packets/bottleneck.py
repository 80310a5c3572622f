"""Decides what becomes of each packet on one direction of a link, and when: pure, for the lab and for simulations.

Theory
    A packet waits in one bounded queue until the schedule lets it leave, meets the weather of that moment, flies, and
    lands. What it is offered and when, and the seed, decide everything: how often somebody asks does not. So the
    same code plays packets of a real network (times are the machine's) and of a simulated one (times are numbers).

        bottleneck = Bottleneck(link.up, weather_of(link), seed=1, way="up")
        dropped = bottleneck.offer(packet, size_bytes=len(packet), at_s=now_s)     # a `Drop`, or None
        for arrival in bottleneck.due(now_s): ...                                  # what has landed by now, in order
        bottleneck.next_at_s()                                                     # when to ask again; None: nothing
"""

import heapq
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum, unique
from math import inf
from typing import Final, Generic, TypeVar

from answerback.lab.links import EDGE_S
from answerback.lab.packets.weather import Draws, Weather
from answerback.lab.schedule import Gate, Schedule

T = TypeVar("T")
TellLoss = Callable[[float, int], None]
"""Hears when a packet left that never lands, and its bytes: it has taken its time of the link like any other."""


@unique
class Drop(Enum):
    """Why a packet never arrives."""

    QUEUE_FULL = "queue full"
    LOST = "lost"
    HOLE = "black hole"
    TOO_LONG = "too long"
    GAP = "gap of the recording"


@dataclass(frozen=True, slots=True)
class Arrival(Generic[T]):
    """A packet at the other end, with the moments of its way."""

    item: T
    size_bytes: int
    offered_s: float
    left_s: float
    lands_s: float


@dataclass(slots=True)
class Tally:
    """What one direction has seen so far; what was offered has landed, was dropped, or is under way."""

    offered: int = 0
    offered_bytes: int = 0
    landed: int = 0
    landed_bytes: int = 0
    drops: Counter[Drop] = field(default_factory=Counter)

    @property
    def dropped(self) -> int:
        """Packets that never arrive."""
        return self.drops.total()


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[T]):
    item: T
    size_bytes: int
    offered_s: float
    left_s: float


class Bottleneck(Generic[T]):
    """One direction of a link, shared by all that crosses it."""

    def __init__(
        self,
        schedule: Schedule,
        weather: Weather,
        *,
        seed: int,
        way: str,
        from_s: float = 0.0,
        tell_loss: TellLoss | None = None,
    ) -> None:
        """Begin empty at a moment of the schedule; `way` keeps the chances of two directions apart."""
        self.tally: Final = Tally()
        self._schedule: Final = schedule
        self._gate = Gate(schedule)
        self._draws: Final = Draws(seed=seed, way=way)
        self._weather = weather
        self._queue: Final[deque[_Waiting[T]]] = deque()
        self._queued_bytes = 0
        self._flying: Final[list[tuple[float, int, Arrival[T]]]] = []
        self._flown = 0
        self._landed_s = from_s
        self._now_s = from_s
        self._busy_until_s = from_s
        self._tell_loss: Final = tell_loss

    @property
    def weather(self) -> Weather:
        """The weather of now."""
        return self._weather

    @property
    def queued_bytes(self) -> int:
        """What waits for the link, as of the last time somebody asked or offered."""
        return self._queued_bytes

    @property
    def busy_until_s(self) -> float:
        """When the last packet that was taken leaves, or left."""
        return self._busy_until_s

    @property
    def under_way(self) -> int:
        """Packets that have neither landed nor been dropped."""
        return len(self._queue) + len(self._flying)

    def offer(self, item: T, *, size_bytes: int, at_s: float) -> Drop | None:
        """Hand over a packet, no earlier than the one before; say if it is dropped at once.

        One that is taken may still be lost when it leaves; `tally` knows.
        """
        self._advance(at_s)
        self.tally.offered += 1
        self.tally.offered_bytes += size_bytes
        if self._weather.drops_gaps and self._schedule.outages.at(at_s + EDGE_S) is not None:
            self.tally.drops[Drop.GAP] += 1
            return Drop.GAP
        if self._queued_bytes + size_bytes > self._weather.queue_bytes_max:
            self.tally.drops[Drop.QUEUE_FULL] += 1
            return Drop.QUEUE_FULL
        left_s = self._gate.cross(size_bytes, now_s=at_s)
        self._busy_until_s = left_s
        self._queue.append(_Waiting(item, size_bytes, at_s, left_s))
        self._queued_bytes += size_bytes
        return None

    def due(self, now_s: float) -> list[Arrival[T]]:
        """Everything that has landed by now and was not told before, in the order of landing."""
        self._advance(now_s)
        landed: list[Arrival[T]] = []
        while self._flying and self._flying[0][0] <= now_s:
            arrival = heapq.heappop(self._flying)[2]
            self.tally.landed += 1
            self.tally.landed_bytes += arrival.size_bytes
            landed.append(arrival)
        return landed

    def next_at_s(self) -> float | None:
        """When something may next land; None while nothing is under way. Asking earlier does no harm."""
        lands_s = self._flying[0][0] if self._flying else inf
        if self._queue:
            left_s = self._queue[0].left_s
            lands_s = min(lands_s, left_s + self._delay_s(left_s))
        return None if lands_s == inf else lands_s

    def change(self, weather: Weather, *, at_s: float) -> None:
        """Let the weather change; what has left before that moment is not touched, what is queued is."""
        self._advance(at_s)
        self._weather = weather

    # ---- private ---------------------------------------------------------------------------------------------------

    def _advance(self, now_s: float) -> None:
        """Let leave what has left by now, each at its own moment; with the beginning of a gap the rest may vanish."""
        assert now_s >= self._now_s, f"time went back from {self._now_s} to {now_s}"
        if self._weather.drops_gaps and self._queue:
            gap_s = self._gap_s(after_s=self._now_s)
            if gap_s is not None and gap_s <= now_s:
                self._leave_until(gap_s)
                self._give_up()
        self._leave_until(now_s)
        self._now_s = now_s

    def _gap_s(self, *, after_s: float) -> float | None:
        """When a gap next begins."""
        outages = self._schedule.outages
        edge_s = outages.next_edge_s(after_s)
        if edge_s is not None and outages.at(edge_s + EDGE_S) is None:
            return outages.next_edge_s(edge_s + EDGE_S)
        return edge_s

    def _give_up(self) -> None:
        """Drop all that waits, and the time of the link that was set aside for it."""
        self.tally.drops[Drop.GAP] += len(self._queue)
        self._queue.clear()
        self._queued_bytes = 0
        self._gate = Gate(self._schedule)

    def _leave_until(self, now_s: float) -> None:
        queue = self._queue
        while queue and queue[0].left_s <= now_s:
            waiting = queue.popleft()
            self._queued_bytes -= waiting.size_bytes
            self._leave(waiting)

    def _leave(self, waiting: _Waiting[T]) -> None:
        lost = self._draws.is_lost(self._weather)
        jitter_s = self._draws.jitter_s(self._weather)
        held_up = self._draws.is_held_up(self._weather)
        drop = self._drop(waiting.size_bytes, lost=lost)
        if drop is not None:
            self.tally.drops[drop] += 1
            if self._tell_loss is not None:
                self._tell_loss(waiting.left_s, waiting.size_bytes)
            return
        lands_s = max(self._landed_s, waiting.left_s + self._delay_s(waiting.left_s) + jitter_s)
        if held_up:
            lands_s += self._weather.reorder_by_s
        else:
            self._landed_s = lands_s
        arrival = Arrival(waiting.item, waiting.size_bytes, waiting.offered_s, waiting.left_s, lands_s)
        self._flown += 1
        heapq.heappush(self._flying, (lands_s, self._flown, arrival))

    def _drop(self, size_bytes: int, *, lost: bool) -> Drop | None:
        if self._weather.hole:
            return Drop.HOLE
        if size_bytes > self._weather.packet_bytes_max:
            return Drop.TOO_LONG
        return Drop.LOST if lost else None

    def _delay_s(self, left_s: float) -> float:
        extra_s = self._weather.delay_at(left_s) if self._weather.delay_at is not None else 0.0
        return self._weather.delay_s + extra_s


def carry(bottleneck: Bottleneck[int], offered: Iterable[tuple[float, int]]) -> list[Arrival[int]]:
    """Carry packets given as (moment, bytes) to their end; each arrival's item is its place among the offered."""
    last_s = 0.0
    arrivals: list[Arrival[int]] = []
    for place, (at_s, size_bytes) in enumerate(offered):
        arrivals += bottleneck.due(at_s)
        bottleneck.offer(place, size_bytes=size_bytes, at_s=at_s)
        last_s = at_s
    while (next_s := bottleneck.next_at_s()) is not None:
        last_s = max(last_s, next_s)
        arrivals += bottleneck.due(last_s)
    return arrivals
