"""Proves that urgent messages overtake hundreds of others, and that none is lost for it."""

from answerback.core.facts import KeepStream
from answerback.model.message import Urgency
from answerback.model.timeline import Stage
from tests.core.world import STEP_S, Phone, World


def two_phones() -> tuple[World, Phone, Phone]:
    world = World()
    ann, bea = world.person("ann"), world.person("bea")
    world.run(2)
    return world, ann, bea


def test_of_400_messages_overtaken_by_urgent_ones_none_is_lost() -> None:
    world, ann, bea = two_phones()
    for number in range(400):
        ann.send("bea", text=str(number), urgency=Urgency.URGENT if number % 20 == 19 else Urgency.NORMAL)
        if number % 100 == 99:
            world.run(STEP_S)
    world.run_until(world.settled, at_most_s=120.0)
    came = [int(text) for text in bea.texts]
    assert sorted(came) == list(range(400))
    for urgent in (True, False):
        lane = [number for number in came if (number % 20 == 19) is urgent]
        assert lane == sorted(lane)
    assert ann.engine.machines.sessions.renewals == 0
    assert not any(fact.missing for fact in bea.disk.of(KeepStream))


def test_an_urgent_message_does_not_wait_behind_a_full_link() -> None:
    world, ann, bea = two_phones()
    ann.send("bea", text="met")
    ann.send("bea", text="met urgently", urgency=Urgency.URGENT)
    world.run(3)
    for number in range(300):
        ann.send("bea", text=f"{number} " + "x" * 2000, urgency=Urgency.BACKGROUND)
    urgent = ann.send("bea", text="fire", urgency=Urgency.URGENT)
    world.run_until(lambda: ann.stage(urgent, bea) is Stage.DELIVERED, at_most_s=10.0)
    assert len(bea.texts) < 200
    world.run_until(world.settled, at_most_s=120.0)
    assert len(bea.texts) == 303


def test_a_message_that_expired_on_its_way_leaves_a_hole_that_is_declared_and_closed() -> None:
    world, ann, bea = two_phones()
    ann.send("bea", text="first")
    world.run(3)
    bea.stop()
    gone = ann.send("bea", text="short-lived", lifetime_s=60)
    world.run(2)
    ann.send("bea", text="long-lived")
    world.run(90)
    assert ann.stage(gone, bea) is Stage.EXPIRED
    box = world.relay.box(bea.own.device)
    del box.rows[min(box.rows)]
    bea.start()
    world.run_until(lambda: bea.texts == ["first", "long-lived"], at_most_s=30.0)
    assert any(fact.missing for fact in bea.disk.of(KeepStream))
    world.run(30)
    assert not any(fact.missing for fact in bea.disk.of(KeepStream))
    assert bea.engine.machines.inbox.ask_at_s is None


def test_a_hole_that_the_relay_made_is_asked_about_and_filled() -> None:
    world, ann, bea = two_phones()
    ann.send("bea", text="first")
    world.run(3)
    bea.stop()
    for text in ("lost", "kept"):
        ann.send("bea", text=text)
    world.run(2)
    box = world.relay.box(bea.own.device)
    del box.rows[min(box.rows)]
    bea.start()
    took_s = world.run_until(lambda: len(bea.texts) == 3, at_most_s=60.0)
    assert bea.texts == ["first", "kept", "lost"]
    assert took_s < 15.0
    world.run_until(world.settled, at_most_s=60.0)
