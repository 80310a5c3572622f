"""Proves that a relay that is killed, put back or emptied loses nobody anything."""

import asyncio
from pathlib import Path

import pytest

from answerback.lab.simulation.misfortunes import Misfortunes
from answerback.lab.simulation.town import Town
from answerback.lab.simulation.verdict import judge
from tests.lab.simulation.misfortunes.stage import befalls, write
from tests.lab.simulation.stage import in_town

KINDS = (
    "relay_killed",
    "relay_killed_before_a_commit",
    "relay_killed_after_a_commit",
    "relay_loses_its_last_second",
    "relay_restored_from_a_backup",
    "relay_loses_its_store",
)


@pytest.mark.parametrize("kind", KINDS)
def test_it_happens_is_counted_and_heals(kind: str, tmp_path: Path) -> None:
    town = befalls(tmp_path, lambda misfortunes: getattr(misfortunes.relay, kind))
    assert town.chronicle.faults[kind] == 1


def test_a_relay_put_back_to_before_a_device_was_linked_learns_of_it_again(tmp_path: Path) -> None:
    async def work(town: Town) -> None:
        misfortunes = Misfortunes(town)
        misfortunes.relay.keep_a_copy()
        new = town.link(town.villagers[0])
        assert new is not None
        await asyncio.sleep(60)
        misfortunes.relay.relay_restored_from_a_backup()
        assert town.chronicle.faults["relay_forgets_a_list"] == 1
        await asyncio.sleep(200)
        write(town)
        await asyncio.sleep(200)
        versions = town.office.list_versions()
        assert versions[new.account] == len(town.lists[new.account])
        assert new.is_on
        judge(town, log="")
        assert town.chronicle.objections == []

    in_town(tmp_path, work)
