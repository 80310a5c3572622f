"""Proves that every misfortune can happen, is counted under its name, and that everything heals."""

import asyncio
from pathlib import Path

import pytest

from answerback.lab.simulation.misfortunes import Misfortunes
from answerback.lab.simulation.town import Town
from answerback.model.message import Urgency
from tests.lab.simulation.stage import in_town

KINDS = sorted({kind.__name__ for kind in Misfortunes.kinds(Misfortunes.__new__(Misfortunes))})


@pytest.mark.parametrize("kind", KINDS)
def test_a_misfortune_happens_and_is_healed(kind: str, tmp_path: Path) -> None:
    async def work(town: Town) -> None:
        misfortunes = Misfortunes(town)
        getattr(misfortunes, kind)()
        if kind == "relay_restored_from_a_backup":
            await asyncio.sleep(5)
            getattr(misfortunes, kind)()
        town.write(
            town.awake[0],
            ["bea" if town.awake[0].name.startswith("ann") else "ann"],
            urgency=Urgency.NORMAL,
            lifetime_s=60,
        )
        await asyncio.sleep(2)
        assert town.chronicle.faults[kind] == 1
        misfortunes.heal()
        await asyncio.sleep(60)
        assert town.office.is_up
        assert [villager.name for villager in town.villagers if villager.counts and not villager.is_on] == []
        assert town.chronicle.objections == []

    in_town(tmp_path, work)
