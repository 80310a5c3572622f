"""Proves that long outages last minutes or hours, end, and lose nothing."""

import asyncio
from pathlib import Path

import pytest

from answerback.lab.simulation.misfortunes import Misfortunes
from answerback.lab.simulation.misfortunes.outages import HOURS_S, OUTAGE_S
from answerback.lab.simulation.town import Town
from answerback.lab.simulation.verdict import judge
from tests.lab.simulation.stage import in_town


@pytest.mark.parametrize("seed", [10, 11, 12, 13])
def test_an_outage_lasts_and_ends(seed: int, tmp_path: Path) -> None:
    async def work(town: Town) -> float:
        before_s = town.loop.time()
        misfortunes = Misfortunes(town)
        await misfortunes.outages.long_outage()
        lasted_s = town.loop.time() - before_s
        misfortunes.heal()
        assert town.office.is_up
        assert not any(villager.road.is_cut for villager in town.villagers)
        assert town.chronicle.faults["long_outage"] == 1
        await asyncio.sleep(4_000)
        judge(town, log="")
        assert town.chronicle.objections == []
        return lasted_s

    assert OUTAGE_S[0] <= in_town(tmp_path, work, seed=seed) <= HOURS_S[1]
