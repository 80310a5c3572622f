"""Proves that receipts come, count late, and never answer each other."""

from answerback.model.timeline import Stage
from tests.core.world import Phone, World


def two_phones() -> tuple[World, Phone, Phone]:
    world = World()
    ann, bea = world.person("ann"), world.person("bea")
    world.run(2)
    return world, ann, bea


def test_a_message_is_delivered_with_evidence_stage_by_stage() -> None:
    world, ann, bea = two_phones()
    ann.send("bea", text="now we know each other")
    world.run(5)
    identity = ann.send("bea", text="hello")
    world.run(5)
    assert ann.told(identity) == [Stage.QUEUED, Stage.SEALED, Stage.SENT, Stage.ACCEPTED, Stage.DELIVERED]
    assert bea.texts[1:] == ["hello"]


def test_a_read_receipt_counts_after_the_promise_has_ended() -> None:
    world, ann, bea = two_phones()
    identity = ann.send("bea", text="hello")
    world.run_until(world.settled, at_most_s=10.0)
    assert len(ann.engine.machines.outbox) == 0
    bea.read(bea.message("hello"))
    world.run(3)
    assert ann.stage(identity, bea) is Stage.READ


def test_nobody_sends_a_receipt_for_what_they_wrote_themselves() -> None:
    world, ann, _ = two_phones()
    laptop = world.second_device(ann)
    ann.send("bea", text="mine")
    world.run_until(world.settled, at_most_s=10.0)
    frames = laptop.sent_frames
    laptop.read(laptop.message("mine"))
    world.run(3)
    assert laptop.sent_frames == frames


def test_when_everything_is_settled_nobody_says_anything() -> None:
    world, ann, bea = two_phones()
    laptop = world.second_device(bea)
    for number in range(10):
        ann.send("bea", text=f"ann {number}")
        laptop.send("ann", text=f"bea {number}")
    world.run_until(world.settled, at_most_s=30.0)
    bea.read(*bea.disk.messages.values())
    world.run(60)
    before = [phone.sent_frames for phone in world.phones]
    world.run(6 * 3600)
    assert [phone.sent_frames for phone in world.phones] == before


def test_receipts_for_many_messages_travel_together() -> None:
    world, ann, bea = two_phones()
    bea.stop()
    for number in range(50):
        ann.send("bea", text=str(number))
    world.run(5)
    bea.start()
    frames = bea.sent_frames
    world.run_until(world.settled, at_most_s=30.0)
    assert bea.sent_frames - frames < 15
