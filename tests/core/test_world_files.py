"""Proves that a message with a file is delivered when its file is, and that a lost file is brought again."""

from dataclasses import replace

import pytest

from answerback.core.effects import Download, FileReady, Upload
from answerback.core.facts import KeepTransfer
from answerback.model.causes import Cause
from answerback.model.message import Lane
from answerback.model.timeline import Stage
from tests.core.carrying import move
from tests.core.world import STEP_S, Phone, Strike, World


def two_phones() -> tuple[World, Phone, Phone]:
    world = World()
    ann, bea = world.person("ann"), world.person("bea")
    world.run(2)
    ann.send("bea", text="met")
    world.run(3)
    return world, ann, bea


def test_a_file_goes_before_its_message_and_delivery_is_told_when_it_is_there() -> None:
    world, ann, bea = two_phones()
    file = world.file(3_000_000)
    identity = ann.send("bea", text="photo", file=file)
    world.run(STEP_S * 4)
    assert bea.texts == ["met"]
    wait = ann.engine.wait_of(identity, bea.own.device, now=ann.now)
    assert wait is not None
    assert wait.cause is Cause.QUEUE_UPLOADING
    world.run_until(lambda: "photo" in bea.texts, at_most_s=30.0)
    assert ann.stage(identity, bea) is not Stage.DELIVERED
    world.run_until(world.settled, at_most_s=30.0)
    assert ann.stage(identity, bea) is Stage.DELIVERED
    assert file.blob in bea.disk.files


def test_a_file_goes_on_where_it_stopped() -> None:
    world, ann, bea = two_phones()
    file = world.file(3_000_000)
    ann.send("bea", text="photo", file=file)
    world.run(STEP_S * 6)
    there_bytes = world.relay.store.blobs[file.blob]
    assert 0 < there_bytes < file.sealed_bytes
    ann.crash()
    ann.drop()
    world.run(STEP_S * 6)
    assert world.relay.store.blobs[file.blob] >= there_bytes
    bea.fuse = 3, Strike.BEFORE_NETWORK
    world.run_until(world.settled, at_most_s=60.0)
    assert file.blob in bea.disk.files


def test_a_file_the_relay_has_lost_is_brought_again_by_its_sender() -> None:
    world, ann, bea = two_phones()
    bea.stop()
    file = world.file()
    identity = ann.send("bea", text="photo", file=file)
    world.run(10)
    world.relay.store.blobs.clear()
    bea.start()
    world.run_until(world.settled, at_most_s=300.0)
    assert file.blob in bea.disk.files
    assert ann.stage(identity, bea) is Stage.DELIVERED
    assert bea.shown.count("photo") == 1


def test_an_upload_whose_beginning_was_lost_begins_anew() -> None:
    world, ann, bea = two_phones()
    file = world.file(3_000_000)
    ann.send("bea", text="photo", file=file)
    world.run(STEP_S * 6)
    world.relay.store.blobs.clear()
    world.run_until(world.settled, at_most_s=60.0)
    assert file.blob in bea.disk.files


def test_reading_a_message_before_its_file_is_there_is_told_with_the_delivery() -> None:
    world, ann, bea = two_phones()
    bea.stop()
    identity = ann.send("bea", text="photo", file=world.file())
    world.run(10)
    world.relay.store.blobs.clear()
    bea.start()
    world.run_until(lambda: "photo" in bea.texts, at_most_s=10.0)
    bea.read(bea.message("photo"))
    world.run(3)
    assert ann.stage(identity, bea) is Stage.ACCEPTED
    world.run_until(world.settled, at_most_s=300.0)
    assert ann.stage(identity, bea) is Stage.READ


def test_a_file_nobody_can_bring_again_is_asked_for_ever_less_often() -> None:
    world, ann, bea = two_phones()
    bea.stop()
    ann.send("bea", text="photo", file=world.file())
    world.run(10)
    ann.stop()
    world.relay.store.blobs.clear()
    bea.start()
    world.run(3600)
    frames = bea.sent_frames
    world.run(6 * 3600)
    assert bea.sent_frames - frames <= 2 * 6


def test_a_member_of_a_group_who_names_anothers_file_first_keeps_it_from_nobody() -> None:
    world = World()
    ann, bea, mal = world.person("ann"), world.person("bea"), world.person("mal")
    world.run(2)
    ann.send("bea", "mal", text="met")
    mal.send("bea", text="met")
    world.run(5)
    bea.stop()
    file = world.file(3_000_000)
    identity = ann.send("bea", "mal", text="photo", file=file)
    world.run_until(lambda: "photo" in mal.texts, at_most_s=30.0)
    mal.send("bea", text="mine", file=file)
    world.run(10)
    waiting = world.relay.store.mailboxes[bea.own.device].rows
    first, second = sorted(position for position, row in waiting.items() if row.lane is Lane.NORMAL)
    waiting[first], waiting[second] = waiting[second], waiting[first]
    bea.start()
    world.run_until(lambda: "photo" in bea.texts, at_most_s=30.0)
    assert bea.texts.index("mine") < bea.texts.index("photo")
    world.run(STEP_S * 4)
    assert ann.stage(identity, bea) is Stage.ACCEPTED
    world.run_until(world.settled, at_most_s=60.0)
    assert ann.stage(identity, bea) is Stage.DELIVERED
    assert len([1 for fact in bea.disk.of(KeepTransfer) if fact.finished]) == 2


def test_a_file_that_nobody_can_bring_before_its_message_runs_out_is_given_up_and_never_said_to_be_delivered() -> None:
    world, ann, bea = two_phones()
    bea.stop()
    identity = ann.send("bea", text="photo", file=world.file(), lifetime_s=7200)
    world.run(10)
    world.relay.store.blobs.clear()
    (copy,) = [c for p in ann.engine.machines.outbox for c in p.copies.values() if c.device == bea.own.device]
    envelope = copy.envelope
    ann.stop()
    bea.start()
    world.run(7200 + 6 * 3600)
    assert not len(bea.engine.machines.transfers)
    assert envelope is not None
    bea.crash()  # also after a restart
    assert bea.engine.machines.transfers.active((ann.own.account, identity))
    bea.read(bea.message("photo"))
    ann.start()
    world.run(60)
    assert ann.stage(identity, bea) is Stage.EXPIRED


def test_whoever_waits_for_a_file_that_is_lost_everywhere_is_told_that_it_will_not_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world, ann, bea = two_phones()
    bea.stop()
    file = world.file()
    sent = ann.send("bea", text="photo", file=file)
    world.run(10)
    world.relay.store.blobs.clear()

    def carried(phone: Phone, piece: Upload | Download) -> None:
        if isinstance(piece, Upload):  # she asked for it, and it is no longer on Ann's disk
            return phone.carry_out(phone.engine.file_gone(piece, now=phone.now))
        return move(phone, piece)

    monkeypatch.setattr("tests.core.world.move", carried)
    bea.start()
    world.run_until(lambda: "photo" in bea.texts, at_most_s=30.0)
    world.run_until(world.settled, at_most_s=600.0)
    assert ann.stage(sent, bea) is Stage.FAILED
    assert FileReady(sent, file.blob, Cause.MESSAGE_FILE_MISSING) in bea.news
    assert not len(bea.engine.machines.transfers)
    bea.crash()
    assert bea.engine.machines.transfers.active((ann.own.account, sent)), "and it is never said to be delivered"


def test_who_asks_for_a_file_of_a_message_that_is_over_is_told_that_it_will_not_come() -> None:
    world, ann, bea = two_phones()
    file = world.file()
    sent = ann.send("bea", text="photo", file=file)
    world.run_until(world.settled, at_most_s=60.0)
    world.relay.store.blobs.clear()
    bea.disk.files.clear()
    (fetched,) = [fact for fact in bea.disk.of(KeepTransfer) if fact.message == sent]
    bea.disk.commit([replace(fetched, done_bytes=0, finished=False)])
    bea.crash()
    world.run_until(lambda: not len(bea.engine.machines.transfers), at_most_s=600.0)
    assert FileReady(sent, file.blob, Cause.MESSAGE_FILE_MISSING) in bea.news


def test_a_file_whose_author_was_revoked_before_it_could_be_brought_again_is_given_up() -> None:
    world, ann, bea = two_phones()
    laptop = world.second_device(ann)
    bea.stop()
    file = world.file()
    ann.send("bea", text="photo", file=file)
    world.run(10)
    world.relay.store.blobs.clear()
    ann.stop()
    bea.start()
    world.run_until(lambda: "photo" in bea.texts, at_most_s=30.0)
    assert len(bea.engine.machines.transfers) == 1
    world.revoke(laptop, ann)
    world.run_until(lambda: not len(bea.engine.machines.transfers), at_most_s=4 * 3600.0)
    assert file.blob not in bea.disk.files


def test_a_file_that_is_gone_before_it_was_brought_fails_its_message_and_is_not_tried_for_ever() -> None:
    world, ann, bea = two_phones()
    file = world.file()
    sent = ann.send("bea", text="see this", file=file)
    piece = Upload(ann.own.account, sent, file.blob, 0, 1, b"t")
    ann.carry_out(ann.engine.file_gone(piece, now=ann.now))
    assert ann.stage(sent, bea) is Stage.FAILED
    assert not len(ann.engine.machines.transfers)
    world.run(60)
    assert world.settled()
    assert bea.texts == ["met"]


def test_a_file_that_is_gone_before_anybody_is_addressed_waits_for_somebody_to_say_it_of() -> None:
    world = World()
    ann = world.person("ann")
    world.run(2)
    bea = world.person("bea")
    world.reachable = False
    ann.engine.look_up(bea.own.account, now=ann.now)
    ann.engine._departure.contacts["bea"] = bea.own.account
    file = world.file()
    sent = ann.send("bea", text="see this", file=file)
    piece = Upload(ann.own.account, sent, file.blob, 0, 1, b"t")
    ann.carry_out(ann.engine.file_gone(piece, now=ann.now))
    assert len(ann.engine.machines.transfers) == 1


def test_a_file_whose_message_ran_out_is_brought_no_more() -> None:
    world, ann, _ = two_phones()
    world.reachable = False
    ann.drop()
    sent = ann.send("bea", text="see this", file=world.file(100_000_000), lifetime_s=90)
    world.run(85)
    world.reachable = True
    world.run_until(lambda: ann.stage(sent) is Stage.EXPIRED, at_most_s=900)
    world.run(120)
    assert not len(ann.engine.machines.transfers)
    ann.crash()
    world.run(60)
    assert not len(ann.engine.machines.transfers), "not after a restart either"
