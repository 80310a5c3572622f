"""Proves that a town is made by its seed, that its people can write, and that its devices can come and go."""

import asyncio
from pathlib import Path

from answerback.lab.simulation.town import CANARY, Town
from answerback.lab.simulation.witness import has_message
from answerback.model.envelope import Envelope
from answerback.model.ids import EnvelopeId
from answerback.model.message import LIFETIME_S, Lane, Urgency
from answerback.wire.frames import Submit
from tests.lab.simulation.stage import in_town


def test_people_are_connected_and_what_they_write_arrives_everywhere(tmp_path: Path) -> None:
    async def work(town: Town) -> None:
        author = town.villagers[0]
        town.write(author, ["bea"], urgency=Urgency.NORMAL, lifetime_s=LIFETIME_S)
        await asyncio.sleep(10)
        (message,) = town.truth.sent
        assert all(has_message(villager, author.account, message) for villager in town.villagers)
        assert town.chronicle.objections == []

    in_town(tmp_path, work)


def test_a_linked_device_runs_once_it_is_listed_and_a_revoked_one_never_again(tmp_path: Path) -> None:
    async def work(town: Town) -> None:
        first = town.villagers[0]
        new = town.link(first)
        assert new is not None
        assert new not in town.awake
        await asyncio.sleep(40)
        assert new in town.awake
        town.announce(first, [device for device in town.listed(first) if device.id != new.device])
        await asyncio.sleep(40)
        assert new.device in town.truth.revoked
        new.start()
        assert new.agent is None

    in_town(tmp_path, work)


def test_a_text_that_anybody_could_read_is_noticed_on_its_way(tmp_path: Path) -> None:
    async def work(town: Town) -> None:
        who = town.villagers[0]
        bare = Envelope(EnvelopeId(b"e" * 16), who.device, Lane.NORMAL, 60, CANARY.encode())
        town.hears(who, [Submit([bare])])
        assert [objection.split(":")[0] for objection in town.chronicle.objections] == ["private"]

    in_town(tmp_path, work)


def test_the_latest_time_anybody_may_believe_is_as_far_ahead_as_the_relays_clock_ever_leapt(tmp_path: Path) -> None:
    async def work(town: Town) -> None:
        assert town.latest_ms == town.wall_ms
        for behind_ms in (3_600_000, 0):  # ends that are set in between are over an hour early, by the only clock
            town.office.clock.set_to(-behind_ms, now_s=town.loop.time())
            town.office.remember_clock()
        assert town.latest_ms == town.wall_ms + 3_600_000

    in_town(tmp_path, work)


def test_a_time_that_a_slow_clock_set_before_the_relay_told_it_may_seem_to_be_over_by_as_much(tmp_path: Path) -> None:
    async def work(town: Town) -> None:
        author = town.villagers[0]
        author.clock.set_to(-3_600_000, now_s=town.loop.time())
        town.write(author, ["bea"], urgency=Urgency.NORMAL, lifetime_s=LIFETIME_S)
        author.crash()
        town.office.crash()
        author.start()
        town.write(author, ["bea"], urgency=Urgency.NORMAL, lifetime_s=LIFETIME_S)
        known, guessed = town.truth.sent.values()
        assert known.ends_ms - known.at_ms == LIFETIME_S * 1000
        assert guessed.ends_ms - guessed.at_ms == LIFETIME_S * 1000 - 3_600_000

    in_town(tmp_path, work)
