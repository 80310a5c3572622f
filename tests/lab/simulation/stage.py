"""Sets up one small world for a test, on a clock that jumps, and clears it away."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from answerback.lab.simulation.clock import VirtualLoop
from answerback.lab.simulation.town import Town

_T = TypeVar("_T")
SEED = 10
"""Two people, three devices."""


def in_town(folder: Path, work: Callable[[Town], Awaitable[_T]], *, seed: int = SEED) -> _T:
    """Do something in a town where everybody is connected and nothing is wrong yet."""

    async def play() -> _T:
        town = Town(seed, folder)
        await asyncio.sleep(3)
        try:
            return await work(town)
        finally:
            await town.end()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(play())
