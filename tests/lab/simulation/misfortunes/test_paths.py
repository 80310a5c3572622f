"""Proves that ways die, go, come and move, that devices feel it or do not, and that nothing is lost by it."""

import asyncio
from pathlib import Path

import pytest

from answerback.core.network.modes import Mode, Wish
from answerback.lab.simulation.misfortunes.paths import PathTrouble
from answerback.lab.simulation.town import Town
from answerback.lab.simulation.villager import Villager
from answerback.model.message import LIFETIME_S, Urgency
from tests.lab.simulation.misfortunes.stage import befalls
from tests.lab.simulation.stage import in_town

SEED = 0
"""A town in which somebody has two ways out."""
KINDS = (
    "path_dies_silently",
    "path_vanishes",
    "address_changes",
    "path_priced",
    "left_alone",
    "battery_low",
    "wish_changed",
)


@pytest.mark.parametrize("kind", KINDS)
def test_it_happens_is_counted_and_heals(kind: str, tmp_path: Path) -> None:
    town = befalls(tmp_path, lambda misfortunes: getattr(misfortunes.paths, kind), count=2, seed=SEED)
    assert town.chronicle.faults[kind] == 2


def somebody_with_two(town: Town) -> Villager:
    return next(who for who in town.villagers if who.ways.are_several)


def test_mail_goes_on_at_once_when_the_way_in_use_dies_and_another_is_there(tmp_path: Path) -> None:
    async def work(town: Town) -> None:
        who = somebody_with_two(town)
        for villager in town.villagers:
            villager.ways.metered.clear()
            villager.look()
        await asyncio.sleep(20)
        road = who.ways.roads[who.path]
        road.obstruct(up=True, down=True)
        road.is_cut = True
        whom = "bea" if who.name.startswith("ann") else "ann"
        town.write(who, [whom], urgency=Urgency.URGENT, lifetime_s=LIFETIME_S)
        await asyncio.sleep(4)
        assert who.ways.roads[who.path] is not road
        assert town.truth.moves[who.device] >= 1
        assert any(f"shows #{len(town.truth.sent)} of" in line for line in town.chronicle.lines)
        assert town.chronicle.objections == []

    in_town(tmp_path, work, seed=SEED)


def test_a_wish_outlives_the_agent_and_the_healing_takes_it_back(tmp_path: Path) -> None:
    async def work(town: Town) -> None:
        who = town.villagers[0]
        trouble = PathTrouble(town)
        trouble.wish_changed()
        wishing = next(villager for villager in town.villagers if villager.wish != Wish())
        assert wishing.wish.mode in tuple(Mode)
        wishing.crash()
        wishing.start()
        assert wishing.agent is not None
        assert wishing.agent.wish == wishing.wish
        trouble.heal()
        assert [villager.wish for villager in town.villagers] == [Wish()] * len(town.villagers)
        assert who in town.villagers

    in_town(tmp_path, work, seed=SEED)
