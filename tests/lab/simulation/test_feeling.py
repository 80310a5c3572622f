"""Proves that a simulated device is told of its ways first, that its datagrams cross, are lost, and bring calls."""

import asyncio
from pathlib import Path

from answerback.core.sensing import DatagramAnswered, NetworkSeen, Sensed
from answerback.lab.simulation import feeling as module
from answerback.lab.simulation.town import Town
from answerback.lab.simulation.villager import Villager
from answerback.model.message import LIFETIME_S, Urgency
from tests.lab.simulation.stage import in_town

SEED = 0


def feeler(town: Town) -> Villager:
    return next(who for who in town.villagers if who.feels)


def test_the_ways_are_told_before_anything_is_dialled(tmp_path: Path) -> None:
    async def work(town: Town) -> None:
        who = feeler(town)
        assert who.agent is not None
        seen = who.agent.engine.machines.paths.seen
        assert seen == who.ways.seen()
        assert who.path in {path.name for path in seen}

    in_town(tmp_path, work, seed=SEED)


def test_datagrams_cross_and_are_answered_and_some_are_lost(tmp_path: Path) -> None:
    async def work(town: Town) -> None:
        who = feeler(town)
        assert who._feeling is not None
        told: list[Sensed] = []
        who._feeling._tell = told.append
        for _ in range(40):
            who._feeling.ask(who.path)
            await asyncio.sleep(1)
        assert 20 < sum(isinstance(event, DatagramAnswered) for event in told) < 40
        assert town.chronicle.faults["datagram_lost"] > 0
        who.look()
        assert NetworkSeen(who.ways.seen()) in told

    in_town(tmp_path, work, seed=SEED)


def test_nothing_crosses_a_way_that_is_gone_or_lets_nothing_through(tmp_path: Path) -> None:
    async def work(town: Town) -> None:
        who = feeler(town)
        assert who._feeling is not None
        told: list[Sensed] = []
        who._feeling._tell = told.append
        path = who.path
        who.ways.roads[path].obstruct(up=True)
        who._feeling.ask(path)
        await asyncio.sleep(2)
        who.ways.go(path)
        who._feeling.ask(path)
        await asyncio.sleep(2)
        assert [event for event in told if isinstance(event, DatagramAnswered) and event.path == path] == []

    in_town(tmp_path, work, seed=SEED)


def test_the_relay_calls_a_device_that_does_not_take_its_mail(tmp_path: Path) -> None:
    async def work(town: Town) -> None:
        who = feeler(town)
        before = town.chronicle.faults["relay_called"]
        for wire in who.wires():
            if wire.device == who.name:
                wire.cut(device_knows=False, relay_knows=False)
        author = next(villager for villager in town.villagers if villager.account != who.account)
        town.write(author, [who.name.split()[0]], urgency=Urgency.NORMAL, lifetime_s=LIFETIME_S)
        await asyncio.sleep(6)
        assert town.chronicle.faults["relay_called"] > before
        assert any(f"{who.name}" in line and "shows #1" in line for line in town.chronicle.lines)

    in_town(tmp_path, work, seed=SEED)


def test_whoever_stopped_feels_nothing_any_more(tmp_path: Path) -> None:
    async def work(town: Town) -> None:
        who = feeler(town)
        felt = who._feeling
        assert felt is not None
        who.crash()
        await asyncio.sleep(1)
        assert felt._calls._open == {}
        assert felt._tasks == set()
        assert module.LOST_SHARE < 1

    in_town(tmp_path, work, seed=SEED)
