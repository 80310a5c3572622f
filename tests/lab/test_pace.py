"""The time of a link is the clock's, times the speed."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from answerback.lab.pace import Pace


def test_a_link_begins_at_nought_and_runs_at_its_speed(play: Callable[[Coroutine[Any, Any, None]], None]) -> None:
    async def story() -> None:
        clock = asyncio.get_running_loop().time
        pace = Pace(clock, speed=4.0)
        began_s = clock()
        await pace.reach(20.0)
        assert pace.now_s() == pytest.approx(20.0)
        assert clock() - began_s == pytest.approx(5.0)
        await pace.reach(3.0)
        assert pace.now_s() == pytest.approx(20.0)

    play(story())


def test_a_link_may_begin_in_its_middle(play: Callable[[Coroutine[Any, Any, None]], None]) -> None:
    async def story() -> None:
        clock = asyncio.get_running_loop().time
        pace = Pace(clock, speed=4.0, from_s=600.0)
        assert pace.now_s() == pytest.approx(600.0)
        began_s = clock()
        await pace.reach(620.0)
        assert clock() - began_s == pytest.approx(5.0)

    play(story())
