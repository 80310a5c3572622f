"""Lets an event loop run through days in milliseconds: whoever waits is woken at once, and the clock has moved.

Theory. The agent's shell is the real one, so it must run on a real event loop. This loop never waits for anything but
time, and time is a number: when nothing is ready, the clock jumps to the next timer. Nothing else decides the order of
things, so the same inputs give the same run.
"""

import asyncio
import selectors


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
        self.now_s += max(timeout, 0.0)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock only moves when nobody has anything to do."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._jumping.now_s
