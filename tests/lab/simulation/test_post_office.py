"""Proves that the simulated relay crashes like a real one: commits stay, everything else goes."""

import asyncio
from pathlib import Path

from answerback.lab.simulation.disk import Fuse
from answerback.lab.simulation.town import Town
from answerback.model.message import LIFETIME_S, Urgency
from tests.lab.simulation.stage import in_town


def test_a_relay_killed_after_a_commit_has_the_mail_and_nobody_was_told(tmp_path: Path) -> None:
    async def work(town: Town) -> None:
        author = town.villagers[0]
        town.write(author, ["bea"], urgency=Urgency.NORMAL, lifetime_s=LIFETIME_S)
        for _ in range(5_000):
            if author.disk.has("SELECT 1 FROM copies WHERE stage >= 3"):
                break
            await asyncio.sleep(0.001)
        town.office.disk.fuse = Fuse(0, is_after=True, at_commit=True)
        await asyncio.sleep(1)
        assert not town.office.is_up
        assert town.office.disk.has("SELECT 1 FROM envelope")
        assert not any(": accepted" in line for line in town.chronicle.lines)
        town.office.start()
        await asyncio.sleep(30)
        assert any("shows #1" in line and "bea" in line for line in town.chronicle.lines)
        assert town.chronicle.objections == []

    in_town(tmp_path, work)


def test_a_relay_without_room_refuses_and_takes_it_later(tmp_path: Path) -> None:
    async def work(town: Town) -> None:
        town.office.is_full = True
        town.write(town.villagers[0], ["bea"], urgency=Urgency.NORMAL, lifetime_s=LIFETIME_S)
        await asyncio.sleep(20)
        assert any("relay.store_full" in line for line in town.chronicle.lines)
        assert not town.truth.stored
        town.office.is_full = False
        await asyncio.sleep(120)
        assert any("shows #1" in line and "bea" in line for line in town.chronicle.lines)

    in_town(tmp_path, work)


def test_a_commit_that_fails_is_told_to_nobody_as_done(tmp_path: Path) -> None:
    async def work(town: Town) -> None:
        town.office.refuses_commits = True
        town.write(town.villagers[0], ["bea"], urgency=Urgency.NORMAL, lifetime_s=LIFETIME_S)
        await asyncio.sleep(20)
        assert not any(": accepted" in line for line in town.chronicle.lines)
        town.office.refuses_commits = False
        await asyncio.sleep(180)
        assert any("shows #1" in line and "bea" in line for line in town.chronicle.lines)

    in_town(tmp_path, work)
