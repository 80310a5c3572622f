"""Proves that the relay's word moves a copy to accepted and no further, and is doubted when it should be."""

from answerback.core.catchup import ANSWER_DUE_S
from answerback.core.engine import LOOK_S
from answerback.model.causes import Cause
from answerback.model.timeline import Stage
from answerback.wire.codec import decode_client_frame
from answerback.wire.frames import Accepted, Inquire, Located, Refusal, Refused
from tests.core.world import Phone, World


def accepted() -> tuple[World, Phone, Phone, bytes]:
    """Ann's message is at the relay; Bea is away."""
    world = World()
    ann, bea = world.person("ann"), world.person("bea")
    world.run(2)
    ann.send("bea", text="hello")
    world.run(3)
    bea.stop()
    identity = ann.send("bea", text="away")
    world.run(1)
    return world, ann, bea, identity


def inquiries(phone: Phone) -> list[Inquire]:
    return [frame for frame in map(decode_client_frame, phone.to_relay) if isinstance(frame, Inquire)]


def test_what_the_relay_says_of_unknown_envelopes_changes_nothing() -> None:
    _, ann, _, _ = accepted()
    unknown = Refusal(b"?" * 16, Cause.RECIPIENT_DEVICE_GONE.value, -1)  # type: ignore[arg-type]
    frames = ann.sent_frames
    for frame in (Refused([unknown]), Located([]), Accepted([])):
        ann.carry_out(ann.engine.received(frame, now=ann.now))
    assert ann.sent_frames == frames


def test_a_device_that_is_away_is_a_cause_and_asked_about_late() -> None:
    world, ann, bea, _ = accepted()
    (copy,) = [c for p in ann.engine.machines.outbox for c in p.copies.values() if c.device == bea.own.device]
    assert (copy.stage, copy.cause) == (Stage.ACCEPTED, Cause.RECIPIENT_DEVICE_AWAY)
    world.run(ANSWER_DUE_S + 2 * LOOK_S)
    assert copy.inquiries == 0


def test_after_another_run_of_the_relay_everything_it_accepted_is_asked_about_and_only_that() -> None:
    world, ann, bea, _ = accepted()
    (copy,) = [c for p in ann.engine.machines.outbox for c in p.copies.values() if c.device == bea.own.device]
    attempts = copy.attempts
    ann.drop()
    world.run(3)
    assert copy.inquiries == 0
    world.relay.crash()
    world.run(3)
    assert (copy.inquiries, copy.attempts) == (1, attempts)
    assert copy.boot == world.relay.boot
    world.run(3600)
    assert copy.attempts == attempts


def test_a_retry_after_that_is_negative_is_for_good_but_for_a_device_that_may_have_been_replaced() -> None:
    world, ann, bea, _ = accepted()
    world.relay.refuse[bea.own.device] = Cause.RECIPIENT_DEVICE_GONE, -1
    identity = ann.send("bea", text="gone?")
    world.run(5)
    assert ann.stage(identity, bea) is not Stage.FAILED
    world.relay.refuse[bea.own.device] = Cause.RELAY_STORE_FULL, -1
    world.run(30)
    assert ann.stage(identity, bea) is Stage.FAILED
