"""Measures the emulator itself: how late each packet was against its plan, and the rate against the recording.

A packet is late by as much as it was written after the moment it was planned to land. The rate is compared over
seconds in which packets never stopped waiting: there the plan is the recording itself, to the byte.
"""

from array import array
from collections import defaultdict
from collections.abc import Iterable
from typing import Final

import msgspec

from answerback.lab.schedule import BITS_PER_BYTE, Schedule

WINDOW_S = 1.0
_EDGE_BYTES = 1500.0
"""One packet lies across each edge of a window."""


class Accuracy(msgspec.Struct, frozen=True, kw_only=True):
    """How true a run was to its plan."""

    packets: int
    late_ms_p50: float
    late_ms_p99: float
    late_ms_max: float
    busy_s: float
    """For how long packets never stopped waiting for the link, in whole seconds."""
    busy_bps: float
    """What was then carried."""
    recording_bps: float
    """What the recordings allow in the same seconds."""
    pause_ms_max: float
    """The longest time the emulator did not look at its devices."""

    @property
    def rate_ratio(self) -> float | None:
        """The achieved rate against the recording's; None if no second was busy throughout."""
        return self.busy_bps / self.recording_bps if self.recording_bps else None


class WayMeter:
    """Measures one direction."""

    def __init__(self, schedule: Schedule, *, from_s: float = 0.0) -> None:
        """Begin with an idle link at a moment of the schedule."""
        self._schedule: Final = schedule
        self._from_s: Final = from_s
        self.late_s: Final[array[float]] = array("d")
        self._landed_bytes: Final[defaultdict[int, int]] = defaultdict(int)
        self._idle: Final[set[int]] = {int(from_s // WINDOW_S)}
        self._busy_until_s = from_s

    def offered(self, at_s: float, *, busy_until_s: float) -> None:
        """Take note that a packet came, and that with it the link is busy until a moment."""
        if at_s > self._busy_until_s:
            self._mark_idle(self._busy_until_s, at_s)
        self._busy_until_s = max(self._busy_until_s, busy_until_s)

    def lost(self, left_s: float, size_bytes: int) -> None:
        """Take note that a packet crossed the link and was lost behind it: it took its time like any other."""
        self._landed_bytes[int(left_s // WINDOW_S)] += size_bytes

    def written(self, *, left_s: float, lands_s: float, now_s: float, size_bytes: int) -> None:
        """Take note that a packet was handed over."""
        late_s = now_s - lands_s
        self.late_s.append(late_s)
        # As if it had left as much later as it was written too late.
        self._landed_bytes[int((left_s + late_s) // WINDOW_S)] += size_bytes

    def busy_windows(self, until_s: float) -> Iterable[tuple[int, float]]:
        """The bytes carried and the bytes possible in each whole window in which the link was never idle."""
        self._mark_idle(min(self._busy_until_s, until_s), until_s)
        for window in range(int(self._from_s // WINDOW_S), int(until_s // WINDOW_S)):
            start_s = window * WINDOW_S
            possible = self._schedule.capacity_bytes(start_s + WINDOW_S) - self._schedule.capacity_bytes(start_s)
            if window not in self._idle and possible > _EDGE_BYTES:
                yield self._landed_bytes[window], possible

    def _mark_idle(self, from_s: float, until_s: float) -> None:
        self._idle.update(range(int(from_s // WINDOW_S), int(until_s // WINDOW_S) + 1))


def accuracy_of(meters: Iterable[WayMeter], *, until_s: float, pause_s_max: float) -> Accuracy:
    """Sum up what was measured until a moment."""
    late_s: list[float] = []
    windows: list[tuple[int, float]] = []
    for meter in meters:
        late_s += meter.late_s
        windows += meter.busy_windows(until_s)
    late_s.sort()
    busy_s = len(windows) * WINDOW_S
    return Accuracy(
        packets=len(late_s),
        late_ms_p50=_rank_ms(late_s, 0.5),
        late_ms_p99=_rank_ms(late_s, 0.99),
        late_ms_max=_rank_ms(late_s, 1.0),
        busy_s=busy_s,
        busy_bps=_rate_bps(sum(carried for carried, _ in windows), busy_s),
        recording_bps=_rate_bps(sum(possible for _, possible in windows), busy_s),
        pause_ms_max=round(pause_s_max * 1000, 3),
    )


def _rank_ms(ranked_s: list[float], share: float) -> float:
    if not ranked_s:
        return 0.0
    return round(ranked_s[min(int(share * len(ranked_s)), len(ranked_s) - 1)] * 1000, 3)


def _rate_bps(carried_bytes: float, during_s: float) -> float:
    return round(carried_bytes * BITS_PER_BYTE / during_s, 1) if during_s else 0.0
