"""Plays minutes of a link in an instant: an event loop whose time jumps to the next timer."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

import pytest


class JumpingSelector(selectors.DefaultSelector):
    """Waits for nothing: time moves by as much as the loop would have waited."""

    now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready: list[tuple[selectors.SelectorKey, int]] = super().select(0)
        assert ready or timeout is not None, "nothing will ever happen again"
        if not ready and timeout is not None:
            self.now_s += max(timeout, 0.0)
        return ready


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time."""

    def __init__(self) -> None:
        self.jumping = JumpingSelector()
        super().__init__(self.jumping)

    def time(self) -> float:
        return self.jumping.now_s


@pytest.fixture
def play() -> Callable[[Coroutine[Any, Any, None]], None]:
    """Run a coroutine in virtual time."""

    def run(story: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=JumpingLoop) as runner:
            runner.run(story)

    return run
