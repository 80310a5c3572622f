"""Carries time: how far a link has been played, and waiting for a moment of it."""

import asyncio
from collections.abc import Callable


class Pace:
    """The seconds of a link, which may pass faster or slower than those of the clock handed in."""

    def __init__(self, clock: Callable[[], float], *, speed: float, from_s: float = 0.0) -> None:
        """Begin now, `from_s` into the link."""
        self.speed = speed
        self._clock = clock
        self._from_s = from_s
        self._began_s = clock()

    def now_s(self) -> float:
        """How far the link has been played."""
        return self._from_s + (self._clock() - self._began_s) * self.speed

    async def reach(self, at_s: float) -> None:
        """Wait until the link has been played so far."""
        # Asked again after each sleep: timers may wake a little early, and the clock handed in need not be theirs.
        while (ahead_s := at_s - self.now_s()) > 0:  # noqa: ASYNC110 - a clock has no event to wait for
            await asyncio.sleep(ahead_s / self.speed)
