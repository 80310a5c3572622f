"""Proves that each input goes where it belongs, and that a connection's life is driven from the outside alone."""

from answerback.core.effects import Close, Effect, LinkChanged, Probe, Reason, Save, Tell, Transmit, Warned
from answerback.core.network.path import SILENCE_LIMIT_S
from answerback.core.network.signs import KEEPALIVE_S
from answerback.model.causes import Cause
from answerback.model.message import Urgency
from answerback.model.timeline import Stage
from answerback.wire.frames import WIRE_VERSION, Accepted, Challenge, Farewell, Hello, Pong
from tests.core.world import Phone, World


def two_phones() -> tuple[World, Phone, Phone]:
    world = World()
    ann, bea = world.person("ann"), world.person("bea")
    world.run(2)
    return world, ann, bea


def probes(effects: list[Effect]) -> list[Effect]:
    return [effect for effect in effects if isinstance(effect, Probe)]


def test_it_begins_by_connecting_and_says_why() -> None:
    world = World()
    world.reachable = False
    ann = world.person("ann")
    assert ann.engine.wake_at is not None
    assert probes(ann.engine.start(now=ann.now)) == []
    ann.engine.lost(1, Cause.NETWORK_NO_PATH, now=ann.now)
    assert probes(ann.engine.start(now=ann.now)) == [Probe(2, "", Reason.CONNECT_FIRST)]


def test_a_challenge_is_answered_and_one_of_another_protocol_is_not() -> None:
    world = World()
    ann = world.person("ann")
    ann.connect()
    kept, answer = ann.engine.received(ann.line, Challenge(b"n" * 32, b"relay", 0), now=ann.now)
    assert isinstance(kept, Save)  # how often it has said hello is on disk before it says so
    assert isinstance(answer, Transmit)
    assert isinstance(answer.frame, Hello)
    ann.connect()
    other = ann.engine.received(ann.line, Challenge(b"n" * 32, b"relay", 0, WIRE_VERSION + 1), now=ann.now)
    assert other == [Tell(Warned(Cause.RELAY_INCOMPATIBLE))]


def test_a_promise_needs_no_network() -> None:
    world, ann, _ = two_phones()
    world.reachable = False
    ann.drop()
    identity, effects = ann.engine.send(
        handles=["bea"], text="x", attachment=None, urgency=Urgency.NORMAL, lifetime_s=60, now=ann.now
    )
    assert all(isinstance(effect, Save | Tell) for effect in effects)
    ann.carry_out(effects)
    assert ann.stage(identity) is Stage.QUEUED


def test_a_farewell_says_when_to_come_back_and_is_obeyed() -> None:
    world, ann, _ = two_phones()
    ann.carry_out(ann.engine.received(ann.line, Farewell(Cause.RELAY_STOPPING.value, 30_000), now=ann.now))
    assert LinkChanged(connected=False, cause=Cause.RELAY_STOPPING) in ann.news
    ann._unplug()
    began_s = ann.now.now_s
    ann.carry_out(ann.engine.hint(now=ann.now))
    world.run(29)
    assert ann.own.device not in world.relay.online
    world.run(2)
    assert ann.own.device in world.relay.online
    assert ann.now.now_s - began_s > 30


def test_a_farewell_because_of_the_account_is_told_to_the_person() -> None:
    _, ann, _ = two_phones()
    ann.carry_out(ann.engine.received(ann.line, Farewell(Cause.ACCOUNT_DEVICE_REVOKED.value, 0), now=ann.now))
    assert Warned(Cause.ACCOUNT_DEVICE_REVOKED) in ann.news


def test_a_frame_of_a_connection_that_was_given_up_changes_nothing() -> None:
    _, ann, _ = two_phones()
    given_up = ann.line
    ann.drop()
    path = ann.engine.machines.path
    cause, wake, heard_s = path.cause, path.wake_at, path.silence.heard_s
    for frame in (Pong(1, 0), Accepted([]), Challenge(b"n" * 32, b"relay", 0)):
        assert ann.engine.received(given_up, frame, now=ann.now) == []
    assert ann.engine.lost(given_up, Cause.NETWORK_STALLED, now=ann.now) == []
    assert ann.engine.answered(given_up, now=ann.now) == []
    assert ann.engine.opened(given_up, now=ann.now) == []
    assert (path.cause, path.wake_at, path.silence.heard_s, path.up) == (cause, wake, heard_s, False)


def test_its_next_wake_is_never_further_than_what_any_machine_needs() -> None:
    world, ann, _ = two_phones()
    machines = ann.engine.machines
    wake = ann.engine.wake_at
    assert wake is not None
    assert machines.path.wake_at is not None
    assert wake.at_s <= machines.path.wake_at.at_s
    world.reachable = False
    world.run(KEEPALIVE_S + SILENCE_LIMIT_S + 5)
    assert not machines.path.up
    assert ann.engine.wake_at == machines.path.wake_at, "nothing else matters without a connection"


def test_a_wake_that_comes_late_or_early_does_no_harm() -> None:
    world, ann, bea = two_phones()
    for _ in range(50):
        ann.carry_out(ann.engine.wake(now=ann.now))
    ann.send("bea", text="x")
    world.run(5)
    assert bea.texts == ["x"]
    effects = ann.engine.wake(now=ann.now)
    assert not any(isinstance(effect, Close | Probe) for effect in effects)
