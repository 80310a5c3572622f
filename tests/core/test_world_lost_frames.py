"""Proves that a connection that breaks at any moment loses nothing, doubles nothing and keeps the order."""

import pytest

from answerback.core.effects import LinkChanged
from answerback.core.network.path import SILENCE_LIMIT_S
from answerback.core.network.recovery import PLEDGE_SHARE
from answerback.model.message import Urgency
from answerback.model.timeline import Stage
from tests.core.world import STEP_S, Phone, World


def two_phones(seed: int = 0) -> tuple[World, Phone, Phone]:
    world = World(seed)
    ann, bea = world.person("ann"), world.person("bea")
    world.run(2)
    return world, ann, bea


@pytest.mark.parametrize("steps", range(12))
@pytest.mark.parametrize("whose", ["sender", "reader"])
def test_a_connection_that_breaks_at_any_step_of_a_message_does_not_lose_it(steps: int, whose: str) -> None:
    world, ann, bea = two_phones()
    first = ann.send("bea", text="one")
    second = ann.send("bea", text="two")
    world.run(steps * STEP_S)
    (ann if whose == "sender" else bea).drop()
    world.run_until(world.settled, at_most_s=60.0)
    assert bea.texts == bea.shown == ["one", "two"]
    assert ann.stage(first, bea) is ann.stage(second, bea) is Stage.DELIVERED


@pytest.mark.parametrize("relay_gets", range(4))
@pytest.mark.parametrize("phone_gets", range(4))
def test_frames_that_got_through_and_answers_that_did_not_are_sorted_out(relay_gets: int, phone_gets: int) -> None:
    world, ann, bea = two_phones()
    for number in range(6):
        ann.send("bea", text=str(number), urgency=Urgency.NORMAL if number % 2 else Urgency.URGENT)
        world.run(STEP_S)
        (ann, bea)[number % 2].cut(relay_gets=relay_gets, phone_gets=phone_gets)
    world.run_until(world.settled, at_most_s=60.0)
    assert [text for text in bea.texts if int(text) % 2] == ["1", "3", "5"]
    assert [text for text in bea.texts if not int(text) % 2] == ["0", "2", "4"]
    assert sorted(bea.shown) == sorted(bea.texts)


def test_a_relay_that_hands_mail_over_twice_makes_nobody_see_it_twice() -> None:
    world, ann, bea = two_phones()
    ann.send("bea", text="once")
    world.run(STEP_S * 12)
    rows = dict(world.relay.box(bea.own.device).rows)
    world.run(2)
    sent = bea.sent_frames
    world.relay.box(bea.own.device).rows.update(rows)
    world.relay.box(bea.own.device).handed = 0
    world.run(5)
    assert bea.texts == bea.shown == ["once"]
    assert bea.sent_frames - sent <= 2


def test_mail_from_somebody_unknown_waits_for_the_look_up_and_holds_up_nobody_else() -> None:
    world, ann, bea = two_phones()
    cid = world.person("cid")
    world.run(2)
    ann.send("bea", text="known")
    world.run(3)
    cid.send("bea", text="unknown")
    world.run_until(lambda: bool(world.relay.box(bea.own.device).rows) or "unknown" in bea.texts, at_most_s=5.0)
    ann.send("bea", text="known too")
    world.run(5)
    assert sorted(bea.texts) == ["known", "known too", "unknown"]
    assert not world.relay.box(bea.own.device).rows


def nothing_comes_through(world: World, seconds: float) -> None:
    """Packets vanish, in both directions and for everybody; no connection says its end."""
    world.reachable = False
    for _ in range(round(seconds)):
        world.run(1.0)
        for phone in world.phones:
            phone.to_relay.clear()
            phone.to_phone.clear()


def told_of_link(phone: Phone) -> list[bool]:
    return [news.connected for news in phone.news if isinstance(news, LinkChanged)]


def is_doubted(phone: Phone) -> bool:
    return phone.engine.machines.path.is_doubted


def test_a_dead_connection_is_noticed_at_once_and_replaced_as_soon_as_anything_comes_through() -> None:
    world, ann, bea = two_phones()
    old = ann.line
    ann.send("bea", text="into the void")
    nothing_comes_through(world, 2.0)
    assert is_doubted(ann)
    assert ann.line == old, "a doubt costs a packet and never a connection"
    nothing_comes_through(world, 18.0)
    assert told_of_link(ann) == [True, False], "for long enough to be told"
    world.reachable = True
    world.run(3)
    assert bea.texts == ["into the void"]
    assert ann.line != old
    assert not is_doubted(ann)
    assert told_of_link(ann) == [True, False, True]


def test_a_connection_that_is_dead_for_long_is_given_up() -> None:
    world, ann, bea = two_phones()
    ann.send("bea", text="into the void")
    nothing_comes_through(world, SILENCE_LIMIT_S - 5.0)
    assert ann.line == 1
    nothing_comes_through(world, 15.0)
    assert ann.line == 0
    assert not told_of_link(ann)[-1]
    world.reachable = True
    world.run_until(lambda: bea.texts == ["into the void"], at_most_s=15.0 + PLEDGE_SHARE * SILENCE_LIMIT_S)


def test_a_doubted_connection_that_speaks_again_goes_on_and_loses_nothing() -> None:
    world, ann, bea = two_phones()
    old = ann.line
    ann.send("bea", text="slow")
    world.reachable = False
    world.run(2)
    assert is_doubted(ann)
    world.reachable = True
    world.run_until(world.settled, at_most_s=10.0)
    assert bea.texts == bea.shown == ["slow"]
    assert ann.line == old
    assert told_of_link(ann) == [True], "nobody is told of a doubt"


def test_two_people_who_begin_at_once_both_arrive_and_stay_able_to_talk() -> None:
    world, ann, bea = two_phones()
    for number in range(5):
        ann.send("bea", text=f"ann {number}")
        bea.send("ann", text=f"bea {number}")
        world.run(0.3)
    world.run_until(world.settled, at_most_s=30.0)
    assert bea.texts == [f"ann {number}" for number in range(5)]
    assert ann.texts == [f"bea {number}" for number in range(5)]
    assert ann.engine.machines.sessions.renewals == bea.engine.machines.sessions.renewals == 0
