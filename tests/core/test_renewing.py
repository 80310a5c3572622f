"""Proves that signing out and in again changes every key and session, and loses nothing, wherever it is interrupted."""

import pytest

from answerback.core.effects import Warned
from answerback.core.facts import KeepLease, KeepRatchet
from answerback.model.causes import Cause
from answerback.model.registration import Registered, Step
from answerback.model.timeline import Stage
from answerback.wire.frames import Challenge, Farewell, Hello
from tests.core.lone_engine import Device, at, welcome
from tests.core.world import Phone, World


def talking() -> tuple[World, Phone, Phone]:
    world = World()
    ann, bea = world.person("ann"), world.person("bea")
    world.run(2)
    for number in range(3):
        ann.send("bea", text=f"hello {number}")
        bea.send("ann", text=f"hello back {number}")
        world.run(2)
    return world, ann, bea


def ask(phone: Phone, *, gentle: bool = False) -> None:
    phone.carry_out(phone.engine.register_again(gentle=gentle, now=phone.now))


def in_use(phone: Phone) -> set[str]:
    return {ratchet.session for ratchet in phone.disk.of(KeepRatchet) if not ratchet.retired}


def test_keys_and_sessions_are_new_and_what_was_on_its_way_arrives() -> None:
    world, ann, bea = talking()
    registration = ann.engine.machines.registration
    seal_key, sessions = registration.seal_key, in_use(ann)
    ann.drop()
    waiting = bea.send("ann", text="sealed to the old keys")
    world.run_until(lambda: bea.stage(waiting) >= Stage.ACCEPTED)
    queued = ann.send("bea", text="queued before")
    ask(ann)
    world.run(60)
    assert ann.engine.renewing.is_done
    assert registration.seal_key != seal_key
    assert "sealed to the old keys" in ann.texts
    assert (ann.stage(queued), bea.stage(waiting)) == (Stage.DELIVERED, Stage.DELIVERED)
    assert not in_use(ann) & sessions, "nothing is sealed with a session of before"
    bea.send("ann", text="after")
    world.run(5)
    assert ann.texts[-1] == "after"
    assert len(ann.texts) == len(set(ann.texts))


def test_a_gentle_one_keeps_keys_and_sessions() -> None:
    world, ann, _ = talking()
    seal_key, sessions = ann.engine.machines.registration.seal_key, in_use(ann)
    ask(ann, gentle=True)
    world.run(30)
    assert ann.engine.renewing.is_done
    assert (ann.engine.machines.registration.seal_key, in_use(ann)) == (seal_key, sessions)


@pytest.mark.parametrize("after_s", [0.0, 0.02, 0.05, 0.1, 0.2, 0.5])
def test_a_crash_in_the_middle_is_taken_up_by_the_next_start(after_s: float) -> None:
    world, ann, bea = talking()
    seal_key = ann.engine.machines.registration.seal_key
    sent = ann.send("bea", text="in between")
    ask(ann)
    world.run(after_s)
    ann.crash()
    world.run(60)
    assert ann.engine.renewing.is_done
    (lease,) = ann.disk.of(KeepLease)
    assert (lease.step, lease.renewed_ms > 0) == (Step.NONE, True)
    assert ann.engine.machines.registration.seal_key != seal_key
    assert ann.stage(sent) is Stage.DELIVERED
    assert bea.texts.count("in between") == 1


def test_a_connection_begun_before_it_was_asked_for_is_given_up() -> None:
    device = Device()
    device.connects()
    device.engine.register_again(gentle=True, now=at(2.0))
    assert not device.machines.path.up
    assert device.machines.lease.step is Step.SIGN_IN


def test_at_every_moment_the_disk_knows_which_step_is_next() -> None:
    world, ann, _ = talking()
    ask(ann)
    steps = []
    for _ in range(200):
        (kept,) = ann.disk.of(KeepLease)
        assert kept == ann.engine.machines.lease.kept
        steps.append(Step(kept.step))
        world.run(0.05)
    assert list(dict.fromkeys(steps)) == [Step.SIGN_IN, Step.KEYS, Step.LISTS, Step.NONE]


def test_a_hello_that_was_said_before_it_was_asked_for_does_not_count_as_signing_in() -> None:
    device = Device()
    device.opens(1.0)
    device.engine.received(device.line, Challenge(b"n" * 32, b"relay", 0), now=at(1.0))  # and hello is on its way
    device.engine.register_again(gentle=True, now=at(2.0))
    device.hears(welcome(), now_s=2.1)
    assert device.machines.lease.step is Step.SIGN_IN, "that hello did not say that what was given before is void"
    assert not device.machines.path.up


def test_refusals_are_noticed_at_once_and_a_return_from_a_lapse_is_told() -> None:
    device = Device()
    device.connects(lease_s=90 * 86_400)
    assert device.engine.renewing.standing(now=at(1.0)).ends_ms is not None
    device.hears(Farewell(Cause.ACCOUNT_DEVICE_REVOKED.value, -1), now_s=2.0)
    assert device.engine.renewing.standing(now=at(2.0)).state is Registered.REVOKED
    other = Device()
    effects = other.connects(lease_s=90 * 86_400, lapsed_ms=5)
    warned = [effect.news for effect in effects if hasattr(effect, "news") and isinstance(effect.news, Warned)]
    assert Warned(Cause.ACCOUNT_REGISTRATION_EXPIRED) in warned


def test_a_long_silence_wakes_the_agent_to_warn() -> None:
    device = Device()
    device.connects(lease_s=90 * 86_400)
    device.hears(Farewell(Cause.RELAY_STOPPING.value, 1000), now_s=2.0)
    device.engine.renewing.look(now=at(3.0))
    wake = device.engine.renewing.wake_at
    assert wake is not None
    assert 29 * 86_400 < wake.at_s < 31 * 86_400
    (told,) = device.engine.renewing.look(now=at(wake.at_s + 1))
    assert told.news == Warned(Cause.ACCOUNT_REGISTRATION_STALE)  # type: ignore[union-attr]


def test_hello_says_that_earlier_tickets_are_void() -> None:
    device = Device()
    device.engine.register_again(gentle=False, now=at(0.5))
    device.opens(1.0)
    from answerback.core.effects import Transmit
    from answerback.wire.frames import Challenge

    effects = device.engine.received(device.line, Challenge(b"n" * 32, b"relay", 0), now=at(1.0))
    (hello,) = [e.frame for e in effects if isinstance(e, Transmit) and isinstance(e.frame, Hello)]
    assert hello.anew
    device.hears(welcome(), now_s=1.1)
    assert device.machines.lease.step is Step.KEYS
