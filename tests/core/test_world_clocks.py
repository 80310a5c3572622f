"""Proves that a wrong clock, by years or jumping, neither expires a message nor turns a conversation round."""

import pytest

from answerback.core.effects import Warned
from answerback.model.causes import Cause
from answerback.model.stamp import in_order
from answerback.model.timeline import Stage
from tests.core.world import Phone, World

YEARS_MS = 40 * 365 * 86_400_000
WRONG = pytest.mark.parametrize("offset_ms", [-YEARS_MS, YEARS_MS], ids=["years behind", "years ahead"])


def shown(phone: Phone) -> list[str]:
    return [message.text for message in in_order(phone.disk.messages.values())]


@WRONG
def test_a_conversation_with_a_wrong_clock_is_shown_in_the_order_it_was_held(offset_ms: int) -> None:
    world = World()
    ann, bea = world.person("ann", wall_offset_ms=offset_ms), world.person("bea")
    world.run(2)
    said = []
    for number in range(6):
        writer, reader = (ann, bea) if number % 2 else (bea, ann)
        writer.send(reader.own.handle, text=str(number))
        said.append(str(number))
        world.run(3)
    assert shown(ann) == shown(bea) == said
    assert Warned(Cause.CLOCK_SKEWED) in ann.news
    assert Warned(Cause.CLOCK_SKEWED) not in bea.news


@WRONG
def test_what_was_written_before_the_relay_was_ever_met_does_not_expire_for_a_wrong_clock(offset_ms: int) -> None:
    world = World()
    world.reachable = False
    ann, bea = world.person("ann", wall_offset_ms=offset_ms), world.person("bea")
    identity = ann.send("bea", text="written offline")
    world.run(10)
    world.reachable = True
    world.run(60)
    assert bea.texts == ["written offline"]
    assert ann.stage(identity, bea) is Stage.DELIVERED


@WRONG
def test_what_was_written_offline_to_a_known_person_survives_a_restart_with_a_wrong_clock(offset_ms: int) -> None:
    world = World()
    ann, bea = world.person("ann"), world.person("bea")
    world.run(2)
    ann.send("bea", text="met")
    world.run(3)
    ann.stop()
    world.reachable = False
    ann.wall_offset_ms = offset_ms
    ann.start()
    identity = ann.send("bea", text="offline")
    world.run(10)
    ann.crash()
    world.reachable = True
    world.run(60)
    assert bea.texts == ["met", "offline"]
    assert ann.stage(identity, bea) is Stage.DELIVERED


@WRONG
def test_a_clock_that_jumps_while_messages_wait_expires_none_of_them(offset_ms: int) -> None:
    world = World()
    ann, bea = world.person("ann"), world.person("bea")
    world.run(2)
    ann.send("bea", text="met")
    world.run(3)
    bea.stop()
    identity = ann.send("bea", text="waits", lifetime_s=3600)
    world.run(2)
    ann.wall_offset_ms = offset_ms
    world.run(600)
    assert ann.stage(identity, bea) is Stage.ACCEPTED
    bea.start()
    world.run(10)
    assert bea.texts == ["met", "waits"]


@WRONG
def test_a_message_ends_in_time_whatever_the_clock_says(offset_ms: int) -> None:
    world = World()
    ann, bea = world.person("ann", wall_offset_ms=offset_ms), world.person("bea")
    world.run(2)
    ann.send("bea", text="met")
    world.run(3)
    bea.stop()
    identity = ann.send("bea", text="only now", lifetime_s=600)
    world.run(580)
    assert ann.stage(identity, bea) is Stage.ACCEPTED
    world.run(100)
    assert ann.stage(identity, bea) is Stage.EXPIRED


def test_stamps_that_once_ran_years_ahead_do_not_give_later_messages_an_end_years_ahead() -> None:
    world = World()
    world.reachable = False
    ann, bea = world.person("ann", wall_offset_ms=YEARS_MS), world.person("bea")
    ann.send("bea", text="stamped with the wrong year")
    world.run(5)
    world.reachable = True
    world.run(60)
    bea.stop()
    identity = ann.send("bea", text="short-lived", lifetime_s=600)
    world.run(700)
    assert ann.stage(identity, bea) is Stage.EXPIRED
