"""Proves that the verdict names what is missing, what is doubled, what is out of order and who cannot be quiet."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from answerback.lab.simulation.town import CANARY, Town
from answerback.lab.simulation.verdict import judge, still_talking, unsettled
from answerback.model.ids import EnvelopeId
from answerback.model.message import LIFETIME_S, Urgency
from answerback.wire.log_frames import Follow
from tests.lab.simulation.stage import in_town


def message_disappears(town: Town) -> None:
    reader = next(villager for villager in town.villagers if villager.name.startswith("bea"))
    reader.disk.connect(Path()).execute("DELETE FROM messages")


def copy_disappears(town: Town) -> None:
    town.villagers[0].disk.connect(Path()).execute("DELETE FROM copies")


def arrival_is_turned_round(town: Town) -> None:
    reader = next(villager for villager in town.villagers if villager.name.startswith("bea"))
    reader.disk.connect(Path()).execute("UPDATE messages SET arrival = -arrival")


def shown_twice(town: Town) -> None:
    town.truth.shown.update(town.truth.shown)


def sent_again_and_again(town: Town) -> None:
    author = town.villagers[0]
    town.truth.submitted[author.device, EnvelopeId(b"e" * 16)] = 50


def text_on_the_relay(town: Town) -> None:
    disk = town.office.disk.connect(Path())
    disk.execute("UPDATE device_list SET signature = ?", (f"{CANARY} in the open".encode(),))


DAMAGE: list[tuple[Callable[[Town], None], str]] = [
    (message_disappears, "honest"),
    (copy_disappears, "kept"),
    (arrival_is_turned_round, "ordered"),
    (shown_twice, "once"),
    (sent_again_and_again, "quiet"),
    (text_on_the_relay, "private"),
]


@pytest.mark.parametrize(("damage", "checker"), DAMAGE, ids=lambda each: getattr(each, "__name__", each))
def test_each_checker_objects_to_its_damage_and_only_to_that(
    damage: Callable[[Town], None], checker: str, tmp_path: Path
) -> None:
    async def work(town: Town) -> None:
        for _ in range(3):
            town.write(town.villagers[0], ["bea"], urgency=Urgency.NORMAL, lifetime_s=LIFETIME_S)
        await asyncio.sleep(60)
        assert list(unsettled(town)) == []
        judge(town, log="")
        assert town.chronicle.objections == []
        damage(town)
        judge(town, log="")
        assert {objection.split(":")[0] for objection in town.chronicle.objections} == {checker}

    in_town(tmp_path, work)


def test_what_is_not_finished_what_is_logged_and_who_talks_on_is_objected_to(tmp_path: Path) -> None:
    async def work(town: Town) -> None:
        town.office.crash()
        town.write(town.villagers[0], ["bea"], urgency=Urgency.NORMAL, lifetime_s=LIFETIME_S)
        assert [name for name, _ in unsettled(town)] == [town.villagers[0].name]
        judge(town, log=f"received {CANARY} 1")
        still_talking(town, {**town.talk, town.villagers[0].name: 0}, dict(town.readings), {})
        kinds = {objection.split(":")[0] for objection in town.chronicle.objections}
        assert kinds == {"finishes", "kept", "private", "quiet"}

    in_town(tmp_path, work)


@pytest.mark.parametrize(("readings", "objections"), [(1, 0), (2, 1)])
def test_one_reading_of_the_log_is_no_chatter_and_two_are(readings: int, objections: int, tmp_path: Path) -> None:
    async def work(town: Town) -> None:
        before, read_before, moved = dict(town.talk), dict(town.readings), dict(town.truth.moves)
        town.hears(town.villagers[0], [Follow(1, 0, 0)] * readings)
        still_talking(town, before, read_before, moved)
        assert len(town.chronicle.objections) == objections

    in_town(tmp_path, work)


@pytest.mark.parametrize(("lifetime_s", "objections"), [(30, 0), (LIFETIME_S, 1)])
def test_only_what_a_leaping_clock_may_have_ended_on_its_way_may_come_out_of_order(
    lifetime_s: int, objections: int, tmp_path: Path
) -> None:
    async def work(town: Town) -> None:
        for _ in range(3):
            town.write(town.villagers[0], ["bea"], urgency=Urgency.NORMAL, lifetime_s=lifetime_s)
        await asyncio.sleep(20)
        town.office.clock.set_to(3_600_000, now_s=town.loop.time())
        arrival_is_turned_round(town)
        judge(town, log="")
        assert [objection.split(":")[0] for objection in town.chronicle.objections] == ["ordered"] * objections

    in_town(tmp_path, work)
