"""Proves that devices come and go while people write, and that nothing is lost by it."""

import asyncio
from pathlib import Path

import pytest

from answerback.lab.simulation.misfortunes import Misfortunes
from answerback.lab.simulation.town import Town
from tests.lab.simulation.misfortunes.stage import befalls
from tests.lab.simulation.stage import in_town

KINDS = ("device_linked", "device_revoked")


@pytest.mark.parametrize("kind", KINDS)
def test_it_happens_is_counted_and_heals(kind: str, tmp_path: Path) -> None:
    town = befalls(tmp_path, lambda misfortunes: getattr(misfortunes.people, kind))
    assert town.chronicle.faults[kind] == 1


def test_no_device_is_linked_by_one_that_is_off_nor_started_before_its_list_is_there(tmp_path: Path) -> None:
    async def work(town: Town) -> None:
        misfortunes = Misfortunes(town)
        misfortunes.people.device_linked()
        new = town.villagers[-1]
        for villager in town.villagers:
            villager.crash()  # the new list has not reached the relay
        assert new.lives == 0
        for _ in range(20):
            misfortunes.agents.agent_killed()
            misfortunes.people.device_linked()
        assert town.villagers[-1] is new
        await asyncio.sleep(60)
        assert new.lives == 0

    in_town(tmp_path, work)
