"""Proves what becomes of messages when their files arrive, are lost on the way, or are gone."""

from dataclasses import replace

from answerback.core.effects import Download, Effect, FileReady, Save, Tell, Upload
from answerback.core.facts import KeepStep, KeepTransfer
from answerback.model.causes import Cause
from answerback.model.message import Message, Urgency
from answerback.model.timeline import Stage
from answerback.wire.frames import Submit
from answerback.wire.letters import Nack, Receipt
from tests.core.lone_engine import FILE, Device, at, frames
from tests.core.specimens import a_message, kept


def uploading() -> tuple[Device, Upload]:
    """A file of ours that is on its way to the relay, with a message for two devices."""
    device = Device()
    device.connects(1.0)
    _, effects = device.engine.send(
        handles=["bea"], text="x", attachment=FILE, urgency=Urgency.NORMAL, lifetime_s=600, now=at(2.0)
    )
    (piece,) = [effect for effect in effects if isinstance(effect, Upload)]
    return device, piece


def downloading(device: Device) -> tuple[Download, Message]:
    """A file of Bea's that is on its way here."""
    message = a_message(1, author=device.bea.account, device=device.bea.keys[0].device_id)
    device.machines.transfers.add((message.author, message.id), FILE.blob, uploading=False, total_bytes=100)
    (piece,) = device.machines.transfers.next(token=b"t", rate_bytes_per_s=0, now_s=0.0)
    assert isinstance(piece, Download)
    return piece, message


def submits(effects: list[Effect]) -> list[object]:
    return [frame for frame in frames(effects) if isinstance(frame, Submit)]


def test_a_message_leaves_when_its_file_is_whole_at_the_relay_and_not_before() -> None:
    device, piece = uploading()
    carriage = device.engine._carriage
    part = carriage.moved(piece, done_bytes=FILE.sealed_bytes - 1)
    assert [type(fact) for fact in kept(part)] == [KeepTransfer]
    assert submits(device.engine.wake(now=at(2.5))) == []
    again = replace(piece, offset=FILE.sealed_bytes - 1)
    assert any(isinstance(effect, Save) for effect in carriage.moved(again, done_bytes=FILE.sealed_bytes))
    assert len(submits(device.engine.wake(now=at(3.0)))) == 1


def test_a_file_that_is_here_is_told_of_and_its_author_is_answered() -> None:
    device = Device()
    piece, message = downloading(device)
    effects = device.engine._carriage.checked(piece.blob, message, now=at(2.0))
    assert effects[0] == Tell(FileReady(message.id, piece.blob))
    assert device.answers() == [(message.author_device, Receipt([message.id], []))]


def test_what_this_very_device_sent_is_answered_by_nobody() -> None:
    device = Device()
    own = device.machines.own
    mine = a_message(2, author=own.account, device=own.device)
    assert device.engine._carriage.checked(FILE.blob, mine, now=at(2.0)) == [Tell(FileReady(mine.id, FILE.blob))]
    assert device.answers() == []


def test_a_piece_that_failed_is_tried_again_and_nobody_is_asked() -> None:
    device = Device()
    piece, message = downloading(device)
    assert device.engine._carriage.failed(piece, missing=False, message=message, now=at(2.0)) == []
    assert device.machines.transfers.progress((message.author, message.id)) == (0, 100)
    assert device.answers() == []


def test_a_file_that_the_relay_has_not_got_is_asked_of_its_author_once_for_each_loss() -> None:
    device = Device()
    piece, message = downloading(device)
    device.engine._carriage.failed(piece, missing=True, message=message, now=at(2.0))
    assert device.answers() == [(message.author_device, Nack([], [], [piece.blob]))]


def test_a_file_whose_author_device_is_gone_is_given_up() -> None:
    device = Device()
    piece, message = downloading(device)
    orphan = replace(message, author_device=type(message.author_device)(b"g" * 16))
    effects = device.engine._carriage.failed(piece, missing=True, message=orphan, now=at(2.0))
    assert device.machines.transfers.progress((message.author, message.id)) is None
    assert any(isinstance(effect, Tell) for effect in effects)
    assert device.answers() == []


def test_a_file_that_is_gone_from_this_disk_ends_its_message_for_that_reason() -> None:
    device, piece = uploading()
    steps = [fact for fact in kept(device.engine._carriage.gone(piece, now=at(3.0))) if isinstance(fact, KeepStep)]
    assert len(steps) == 2
    assert {(fact.step.stage, fact.step.cause) for fact in steps} == {(Stage.FAILED, Cause.MESSAGE_FILE_MISSING)}
    assert kept(device.engine._carriage.gone(piece, now=at(4.0))) == []
