"""Proves that virtual days pass at once, and that a world in which nobody ever wakes is noticed."""

import asyncio
import time

import pytest

from answerback.lab.simulation.clock import Standstill, VirtualLoop


def test_a_virtual_month_passes_at_once_and_in_order() -> None:
    woken: list[str] = []

    async def wait(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        woken.append(name)

    async def month() -> float:
        await asyncio.gather(wait("late", 30 * 86_400), wait("soon", 1))
        return asyncio.get_running_loop().time()

    began_s = time.monotonic()
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        assert runner.run(month()) == pytest.approx(30 * 86_400)
    assert woken == ["soon", "late"]
    assert time.monotonic() - began_s < 10


def test_waiting_for_nothing_is_an_error() -> None:
    loop = VirtualLoop()
    never = loop.create_future()
    with pytest.raises(Standstill):
        loop.run_until_complete(never)
    never.cancel()
    loop.close()
