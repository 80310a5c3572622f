"""Lets an event loop run through days in milliseconds: whoever waits is woken at once, and the clock has moved.

Theory. The agent's shell is the real one, so it must run on a real event loop. This loop never waits for anything but
time, and time is a number: when nothing is ready, the clock jumps to the next timer. Nothing else decides the order of
things, so the same inputs give the same run.
"""

import asyncio
import selectors
from dataclasses import dataclass

TICK_S = 1e-7
"""What passes when nobody waits: clocks do not stand still, and one that did would wake somebody who is a rounding
error early for ever. More than the smallest step of a float at a year."""


class Standstill(AssertionError):
    """Everybody waits, and for no time: a defect of the simulation."""


class _JumpingSelector(selectors.SelectSelector):
    """Waits for no socket: it moves the clock instead."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Let the time pass that the loop wants to wait."""
        if timeout is None:
            raise Standstill("nobody will ever be woken")
        self.now_s += max(timeout, TICK_S)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock only moves when nobody has anything to do."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._jumping.now_s


@dataclass(slots=True)
class WallClock:
    """A clock on somebody's wall: set wrong, gaining or losing, and set right again."""

    offset_ms: float = 0.0
    """How far it was ahead of true time at `since_s`."""
    drift: float = 0.0
    """Seconds it gains in each second."""
    since_s: float = 0.0

    def ahead_ms(self, now_s: float) -> int:
        """How far it is ahead of true time."""
        return int(self.offset_ms + (now_s - self.since_s) * 1000 * self.drift)

    def set_to(self, offset_ms: float, *, now_s: float) -> None:
        """Set it, all at once."""
        self.offset_ms, self.since_s = offset_ms, now_s

    def drift_by(self, drift: float, *, now_s: float) -> None:
        """Let it gain or lose from now on."""
        self.offset_ms, self.since_s, self.drift = self.ahead_ms(now_s), now_s, drift
