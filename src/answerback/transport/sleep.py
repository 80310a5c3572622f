"""Tells how long this machine slept: time that its clocks let pass, and its programs did not.

Linux and macOS have two clocks that differ by nothing but sleep. Elsewhere a timer that comes far too late is the only
sign; a program that was not let run for so long has slept as well, as far as its connections are concerned.
"""

import sys
import time
from collections.abc import Callable
from typing import Final

SLEPT_S_MIN = 2.0
"""Less than this no connection notices."""
LATE_S_MIN = 10.0
"""So late comes no timer on a machine that is merely busy."""

Clock = Callable[[], float]


class SleepClock:
    """Asked now and then, tells of the sleep since it was asked last."""

    def __init__(self, clocks: tuple[Clock, Clock] | None = None, *, now_s: Clock = time.monotonic) -> None:
        """Take a clock that goes on during sleep and one that does not, if there are such."""
        self._clocks: Final = clocks
        self._now_s: Final = now_s
        self._asleep_s = self._in_all_s()
        self._due_s: float | None = None

    def due_in(self, seconds: float) -> None:
        """Say when it will be asked again at the latest."""
        self._due_s = self._now_s() + seconds

    def slept_s(self) -> float:
        """How long it slept since it was asked last; 0 for no sleep worth the name."""
        if self._clocks is None:
            due_s, self._due_s = self._due_s, None
            late_s = self._now_s() - due_s if due_s is not None else 0.0
            return late_s if late_s >= LATE_S_MIN else 0.0
        before_s, self._asleep_s = self._asleep_s, self._in_all_s()
        slept_s = self._asleep_s - before_s
        return slept_s if slept_s >= SLEPT_S_MIN else 0.0

    def _in_all_s(self) -> float:
        if self._clocks is None:
            return 0.0
        through, awake = self._clocks
        return through() - awake()


def system_clocks(platform: str = sys.platform) -> tuple[Clock, Clock] | None:
    """Give the clock that goes on during sleep, and the one that does not, if this system has both."""
    names = {"linux": ("CLOCK_BOOTTIME", "CLOCK_MONOTONIC"), "darwin": ("CLOCK_MONOTONIC", "CLOCK_UPTIME_RAW")}
    through, awake = (getattr(time, name, None) for name in names.get(platform, ("", "")))
    if through is None or awake is None:
        return None
    return (lambda: time.clock_gettime(through)), (lambda: time.clock_gettime(awake))
