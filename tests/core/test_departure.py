"""Proves that a letter asks for what it lacks, leaves in order and within the window, and waits with a cause."""

from answerback.core.departure import FRAME_BYTES, LOCKED_MAX
from answerback.core.effects import Transmit
from answerback.core.facts import KeepDraft
from answerback.model.causes import Cause
from answerback.model.message import Urgency
from answerback.model.timeline import Stage
from answerback.wire.codec import decode_client_frame
from answerback.wire.frames import BATCH_MAX, Submit
from tests.core.world import Phone, World


def friends() -> tuple[World, Phone, Phone]:
    world = World()
    ann, bea = world.person("ann"), world.person("bea")
    world.run(2)
    ann.send("bea", text="hello")
    world.run(3)
    return world, ann, bea


def submitted(phone: Phone) -> list[Submit]:
    frames = [decode_client_frame(data) for data in phone.to_relay]
    return [frame for frame in frames if isinstance(frame, Submit)]


def test_a_message_to_a_friend_leaves_within_the_change_that_promised_it() -> None:
    _, ann, _ = friends()
    ann.send("bea", text="at once")
    (frame,) = submitted(ann)
    assert len(frame.envelopes) == 1


def test_what_is_written_offline_leaves_in_few_frames_of_bounded_size() -> None:
    world, ann, bea = friends()
    ann.drop()
    world.reachable = False
    for number in range(300):
        ann.send("bea", text=f"{number}")
    assert submitted(ann) == []
    world.reachable = True
    frames: list[Submit] = []
    transmit = ann._network

    def watch(effects: object) -> object:
        frames.extend(e.frame for e in effects if isinstance(e, Transmit) and isinstance(e.frame, Submit))  # type: ignore[attr-defined]
        return transmit(effects)  # type: ignore[arg-type]

    ann._network = watch  # type: ignore[method-assign,assignment]
    world.run_until(world.settled, at_most_s=60.0)
    assert bea.texts[1:] == [str(number) for number in range(300)]
    for frame in frames:
        assert len(frame.envelopes) <= BATCH_MAX
        assert sum(len(envelope.sealed) for envelope in frame.envelopes[:-1]) < FRAME_BYTES


def test_no_more_is_under_way_than_the_window_and_one_envelope() -> None:
    world, ann, bea = friends()
    world.relay.holds_commits = True
    for number in range(60):
        ann.send("bea", text=f"{number}" + "x" * 3000)
    machines = ann.engine.machines
    assert machines.flight.flying_bytes == machines.outbox.flying_bytes
    assert machines.flight.window_bytes - 8000 < machines.flight.flying_bytes < machines.flight.window_bytes + 8000
    urgent = ann.send("bea", text="urgent", urgency=Urgency.URGENT)
    world.run(0.5)
    assert ann.stage(urgent) >= Stage.QUEUED
    world.relay.holds_commits = False
    world.run_until(world.settled, at_most_s=60.0)
    assert len(bea.texts) == 62


def test_a_missing_seal_key_is_a_cause_and_asked_for_again() -> None:
    world, ann, bea = friends()
    del ann.engine.machines.roster._seal_keys[bea.own.device]
    seal_key = world.relay.store.seal_keys.pop(bea.own.device)
    identity = ann.send("bea", text="which key?")
    world.run(2)
    wait = ann.engine.wait_of(identity, bea.own.device, now=ann.now)
    assert wait is not None
    assert wait.cause is Cause.RECIPIENT_NO_KEYS
    world.relay.store.seal_keys[bea.own.device] = seal_key
    world.run(70)
    assert bea.texts[1:] == ["which key?"]


def test_a_letter_is_encrypted_once_for_all_devices() -> None:
    world, ann, bea = friends()
    world.second_device(bea)
    identity = ann.send("bea", text="for two devices")
    locked = ann.engine._departure._locked
    assert list(locked)[-1] == identity
    for number in range(LOCKED_MAX + 5):
        ann.send("bea", text=str(number))
    world.run_until(world.settled, at_most_s=60.0)
    assert len(locked) <= LOCKED_MAX
    assert len(bea.texts) == LOCKED_MAX + 7


def test_ones_own_handle_is_asked_of_nobody() -> None:
    world = World()
    ann = world.person("ann")
    laptop = world.second_device(ann)
    world.reachable = False
    ann.drop()
    identity = ann.send("ann", text="note")
    assert not ann.disk.of(KeepDraft)
    world.reachable = True
    world.run(10)
    assert ann.stage(identity, laptop) is Stage.DELIVERED
