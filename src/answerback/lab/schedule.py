"""Decides when bytes may cross a link, from the link's own delivery opportunities.

Theory
    A schedule is a growing sum: how many bytes could have crossed before a moment, had there always been some to
    send. Rates make the sum a slope, recordings make it stairs, an outage makes it flat. A gate keeps one number, how
    much of that sum is spent. Bytes that come spend from where the last ones ended or from what the sum is now,
    whichever is more: so an opportunity nobody was there to use is lost, as on a radio and as in Mahimahi.
    Nothing here knows a clock; all times are seconds since the link began.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Protocol

PACKET_BYTES = 1500
"""One delivery opportunity of a recording, and what is lost at once: the usual Ethernet MTU, as in Mahimahi."""

BITS_PER_BYTE = 8

SUM_ERROR_BYTES = 1e-3
"""Sums of floats are wrong by less than this in a year of any link. Without it, bytes that just fit in before an
outage would, by a billionth of a byte, wait for its end."""


@dataclass(frozen=True, slots=True)
class Outage:
    """A stretch in which nothing crosses."""

    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Outages:
    """The outages of one period, which comes again for ever."""

    period_s: float
    stretches: tuple[Outage, ...]
    _starts_s: tuple[float, ...] = field(init=False, repr=False)
    _edges_s: tuple[float, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Sort out the edges once, since they are asked for at every change."""
        assert self.period_s > 0, self.period_s
        object.__setattr__(self, "_starts_s", tuple(one.start_s for one in self.stretches))
        edges = {edge for one in self.stretches for edge in (one.start_s, one.end_s)}
        object.__setattr__(self, "_edges_s", tuple(sorted(edges)))

    def at(self, at_s: float) -> Outage | None:
        """The outage that holds at a moment, if one does."""
        cycle, phase_s = divmod(at_s, self.period_s)
        index = bisect_right(self._starts_s, phase_s) - 1
        if index < 0 or phase_s >= self.stretches[index].end_s:
            return None
        begin_s = cycle * self.period_s
        found = self.stretches[index]
        return Outage(begin_s + found.start_s, begin_s + found.end_s)

    def next_edge_s(self, after_s: float) -> float | None:
        """When an outage next begins or ends."""
        return next_in_cycle(self._edges_s, period_s=self.period_s, after_s=after_s)


class Schedule(Protocol):
    """When bytes may cross one direction of a link."""

    @property
    def outages(self) -> Outages:
        """The stretches in which nothing crosses."""

    def capacity_bytes(self, before_s: float) -> float:
        """How many bytes could have crossed strictly before a moment."""

    def reach_s(self, capacity_bytes: float) -> float:
        """The first moment by which so many bytes could have crossed."""

    def rate_bps(self, at_s: float) -> float:
        """Bits per second around a moment, for showing and for choosing segment sizes."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of one rate; a rate of zero is an outage."""

    duration_s: float
    rate_bps: float


@dataclass(frozen=True, slots=True)
class Rates:
    """A schedule of piecewise constant rates, which repeats at its end."""

    pieces: tuple[Piece, ...]
    outages: Outages = field(init=False, repr=False)
    _starts_s: tuple[float, ...] = field(init=False, repr=False)
    _starts_bytes: tuple[float, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Sum up the pieces once; the last element of each sum is the whole period."""
        assert all(piece.duration_s > 0 and piece.rate_bps >= 0 for piece in self.pieces)
        assert any(piece.rate_bps > 0 for piece in self.pieces), "a link that never carries anything"
        starts_s = tuple(accumulate((piece.duration_s for piece in self.pieces), initial=0.0))
        sizes = (piece.duration_s * piece.rate_bps / BITS_PER_BYTE for piece in self.pieces)
        object.__setattr__(self, "_starts_s", starts_s)
        object.__setattr__(self, "_starts_bytes", tuple(accumulate(sizes, initial=0.0)))
        gaps = [
            (start_s, starts_s[index + 1])
            for index, (piece, start_s) in enumerate(zip(self.pieces, starts_s, strict=False))
            if piece.rate_bps == 0
        ]
        object.__setattr__(self, "outages", Outages(starts_s[-1], _joined(gaps)))

    def capacity_bytes(self, before_s: float) -> float:
        """How many bytes could have crossed strictly before a moment."""
        cycle, phase_s = divmod(max(before_s, 0.0), self._starts_s[-1])
        index = min(bisect_right(self._starts_s, phase_s), len(self.pieces)) - 1
        within = (phase_s - self._starts_s[index]) * self.pieces[index].rate_bps / BITS_PER_BYTE
        return cycle * self._starts_bytes[-1] + self._starts_bytes[index] + within

    def reach_s(self, capacity_bytes: float) -> float:
        """The first moment by which so many bytes could have crossed."""
        capacity_bytes -= SUM_ERROR_BYTES
        if capacity_bytes <= 0:
            return 0.0
        cycle, rest = divmod(capacity_bytes, self._starts_bytes[-1])
        if rest == 0:  # The end of one period comes before the (perhaps silent) beginning of the next.
            cycle, rest = cycle - 1, self._starts_bytes[-1]
        index = bisect_left(self._starts_bytes, rest) - 1
        within_s = (rest - self._starts_bytes[index]) * BITS_PER_BYTE / self.pieces[index].rate_bps
        return cycle * self._starts_s[-1] + self._starts_s[index] + within_s

    def rate_bps(self, at_s: float) -> float:
        """Bits per second at a moment."""
        phase_s = at_s % self._starts_s[-1]
        return self.pieces[min(bisect_right(self._starts_s, phase_s), len(self.pieces)) - 1].rate_bps


class Gate:
    """The one way out in one direction, shared by all connections of a device."""

    def __init__(self, schedule: Schedule) -> None:
        """Begin with nothing spent."""
        self._schedule = schedule
        self._spent_bytes = 0.0
        self._left_s = 0.0

    def cross(self, size_bytes: int, *, now_s: float) -> float:
        """Spend opportunities on bytes that are here since `now_s`, and say when the last of them has left."""
        assert size_bytes > 0, size_bytes
        self._spent_bytes = max(self._spent_bytes, self._schedule.capacity_bytes(now_s)) + size_bytes
        self._left_s = max(self._left_s, now_s, self._schedule.reach_s(self._spent_bytes))
        return self._left_s


def next_in_cycle(moments_s: tuple[float, ...], *, period_s: float, after_s: float) -> float | None:
    """The first of these moments, repeated every period, that is later than a given one."""
    if not moments_s:
        return None
    cycle, phase_s = divmod(after_s, period_s)
    index = bisect_right(moments_s, phase_s)
    if index == len(moments_s):
        cycle, index = cycle + 1, 0
    return cycle * period_s + moments_s[index]


def _joined(gaps: list[tuple[float, float]]) -> tuple[Outage, ...]:
    """Outages out of gaps in order, where a gap that begins as another ends belongs to it."""
    joined: list[Outage] = []
    for start_s, end_s in gaps:
        touches = bool(joined) and joined[-1].end_s == start_s
        joined.append(Outage(joined.pop().start_s if touches else start_s, end_s))
    return tuple(joined)
