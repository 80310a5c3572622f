"""Proves that people do everything they are said to do, and that every kind of harm to files comes to something."""

import asyncio
from pathlib import Path

from answerback.lab.simulation.faults import KINDS
from answerback.lab.simulation.town import Town
from answerback.lab.simulation.workload import FileFaults, Workload
from tests.lab.simulation.stage import in_town

LOADS = {"burst", "group", "note_to_self", "unknown_handle", "short_lifetime", "file", "answer", "looked_up", "mass"}


def test_people_do_everything_sooner_or_later(tmp_path: Path) -> None:
    async def work(town: Town) -> None:
        people = Workload(town)
        for _ in range(250):
            people.write()
            people.look()
            await asyncio.sleep(0.5)
        people.mass()
        await asyncio.sleep(60)
        assert set(town.chronicle.faults) >= LOADS
        assert town.chronicle.objections == []
        people.leave()
        await asyncio.sleep(10)
        assert town.chronicle.faults["device_revokes_itself"] == 1
        assert len(town.truth.revoked) == 1

    in_town(tmp_path, work, seed=4)


def test_every_harm_to_files_is_counted_and_healed(tmp_path: Path) -> None:
    async def work(town: Town) -> None:
        people, harm = Workload(town), FileFaults(town)
        for _ in range(60):
            people.write()
            harm.kinds()[town.random.randrange(len(harm.kinds()))]()
            await asyncio.sleep(2)
        harm.heal()
        assert not town.office.objects.is_full
        assert {kind for kind in town.chronicle.faults if kind.startswith("file_")} <= set(KINDS)
        assert town.chronicle.faults["file_torn"]
        assert town.chronicle.objections == []

    in_town(tmp_path, work)
