"""Proves that a stopped agent handles nothing until it goes on, and then everything."""

import asyncio
from pathlib import Path

from answerback.lab.simulation.town import Town
from answerback.model.message import LIFETIME_S, Urgency
from tests.lab.simulation.stage import in_town


def shows(town: Town, name: str) -> bool:
    return any(name in line and "shows #1" in line for line in town.chronicle.lines)


def test_what_comes_to_a_stopped_agent_is_handled_when_it_goes_on(tmp_path: Path) -> None:
    async def work(town: Town) -> None:
        author, reader = town.villagers[0], next(v for v in town.villagers if v.name == "bea phone")
        assert reader.freeze()
        assert not reader.freeze()
        assert not reader.is_on
        assert not reader.change(lambda engine, now: [])
        town.write(author, ["bea"], urgency=Urgency.NORMAL, lifetime_s=LIFETIME_S)
        await asyncio.sleep(20)
        assert not shows(town, "bea phone")
        reader.thaw()
        await asyncio.sleep(20)
        assert shows(town, "bea phone")
        assert town.chronicle.objections == []

    in_town(tmp_path, work)


def test_the_monotonic_clock_of_a_sleeping_device_sleeps_too(tmp_path: Path) -> None:
    async def work(town: Town) -> None:
        who = town.villagers[0]
        assert who.agent is not None
        before = who.agent.now
        who.freeze(sleeps=True)
        await asyncio.sleep(3_600)
        who.thaw()
        after = who.agent.now
        assert after.now_s - before.now_s < 1
        assert after.wall_ms - before.wall_ms == 3_600_000
        await asyncio.sleep(60)
        assert town.chronicle.objections == []

    in_town(tmp_path, work)
