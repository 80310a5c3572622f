"""Proves that a simulated device is the real agent: it goes on after every crash with what is on its disk."""

import asyncio
from pathlib import Path

from answerback.lab.simulation.disk import Fuse
from answerback.lab.simulation.town import Town
from answerback.model.message import LIFETIME_S, Urgency
from tests.lab.simulation.stage import in_town


def test_a_promise_outlives_a_crash_right_after_it(tmp_path: Path) -> None:
    async def work(town: Town) -> None:
        author = town.villagers[0]
        town.write(author, ["bea"], urgency=Urgency.NORMAL, lifetime_s=LIFETIME_S)
        author.crash()
        assert not author.is_on
        await asyncio.sleep(10)
        author.start()
        await asyncio.sleep(10)
        assert author.lives == 2
        assert any("shows #1" in line and "bea" in line for line in town.chronicle.lines)

    in_town(tmp_path, work)


def test_what_the_disk_did_not_take_was_never_promised(tmp_path: Path) -> None:
    async def work(town: Town) -> None:
        author = town.villagers[0]
        author.disk.fuse = Fuse(0, is_after=False)
        town.write(author, ["bea"], urgency=Urgency.NORMAL, lifetime_s=LIFETIME_S)
        assert town.truth.sent == {}
        await asyncio.sleep(60)
        assert author.is_on
        assert author.lives == 2

    in_town(tmp_path, work)


def test_a_full_disk_ends_no_agent(tmp_path: Path) -> None:
    async def work(town: Town) -> None:
        author = town.villagers[0]
        author.disk.is_full = True
        town.write(author, ["bea"], urgency=Urgency.NORMAL, lifetime_s=LIFETIME_S)
        await asyncio.sleep(10)
        author.disk.is_full = False
        await asyncio.sleep(10)
        town.write(author, ["bea"], urgency=Urgency.NORMAL, lifetime_s=LIFETIME_S)
        await asyncio.sleep(10)
        assert author.lives == 1
        assert len(town.truth.sent) == 1
        assert town.chronicle.objections == []

    in_town(tmp_path, work)
