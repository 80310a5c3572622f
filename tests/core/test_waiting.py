"""Proves that whatever waits says why, whose problem it is, and when something happens next."""

from answerback.core.effects import Reason
from answerback.model.causes import Cause, Owner
from answerback.model.ids import MessageId
from answerback.model.timeline import Wait
from tests.core.world import Phone, World


def friends() -> tuple[World, Phone, Phone]:
    world = World()
    ann, bea = world.person("ann"), world.person("bea")
    world.run(2)
    ann.send("bea", text="hello")
    world.run(3)
    return world, ann, bea


def why(ann: Phone, message: MessageId, bea: Phone | None = None) -> Wait:
    wait = ann.engine.wait_of(message, bea.own.device if bea else None, now=ann.now)
    assert wait is not None
    return wait


def test_nothing_waits_for_what_is_done_or_unknown() -> None:
    world, ann, bea = friends()
    identity = ann.send("bea", text="done")
    world.run_until(world.settled, at_most_s=10.0)
    assert ann.engine.wait_of(identity, bea.own.device, now=ann.now) is None
    assert ann.engine.wait_of(MessageId(b"?" * 16), None, now=ann.now) is None


def test_without_a_network_the_network_is_the_cause_and_the_next_attempt_has_a_time() -> None:
    world, ann, bea = friends()
    world.reachable = False
    ann.drop()
    identity, to_stranger = ann.send("bea", text="x"), ann.send("stranger", text="y")
    world.run(30)
    for wait in (why(ann, identity, bea), why(ann, to_stranger)):
        assert wait.cause.owner in (Owner.YOUR_NETWORK, Owner.UNKNOWN)
        assert wait.next_attempt_ms is not None
        assert wait.next_attempt_ms >= ann.now.wall_ms


def test_a_message_to_somebody_never_met_waits_for_keys() -> None:
    world, ann, _ = friends()
    world.person("cid")
    identity = ann.send("cid", text="x")
    assert why(ann, identity).cause is Cause.QUEUE_FETCHING_KEYS


def test_at_the_relay_it_waits_for_the_recipients_device() -> None:
    world, ann, bea = friends()
    bea.stop()
    identity = ann.send("bea", text="x")
    world.run(2)
    wait = why(ann, identity, bea)
    assert (wait.cause, wait.next_reason) == (Cause.RECIPIENT_DEVICE_AWAY, Reason.ANSWER_DUE.value)


def test_on_the_connection_it_waits_for_the_relays_word() -> None:
    world, ann, bea = friends()
    world.relay.holds_commits = True
    identity = ann.send("bea", text="x")
    assert why(ann, identity, bea).cause is Cause.QUEUE_CONFIRMATION_DUE
    last = identity
    for number in range(80):
        last = ann.send("bea", text=f"{number}" + "x" * 3000)
    assert why(ann, last, bea).cause is Cause.QUEUE_BEHIND_OTHERS
