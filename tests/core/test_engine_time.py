"""Proves what files, time and a restart bring about in an engine."""

from dataclasses import replace

from answerback.core.effects import Download, FileReady, Reason, Save, Tell, Upload, Wake
from answerback.core.engine import LOOK_S, Engine
from answerback.core.facts import (
    DropOutgoing,
    KeepContact,
    KeepCopy,
    KeepCursor,
    KeepDeviceList,
    KeepDeviceName,
    KeepDraft,
    KeepOutgoing,
    KeepOwnList,
    KeepRelay,
    KeepSealKey,
    KeepSealSecret,
    KeepSeen,
    KeepStream,
    KeepTransfer,
)
from answerback.core.lanes import Hold
from answerback.core.memory import Memory
from answerback.core.transfers import PIECE_S
from answerback.crypto.prekeys import SealSecret
from answerback.model.causes import Cause
from answerback.model.ids import AccountId, DeviceId, EnvelopeId
from answerback.model.message import Lane, Message, Urgency
from answerback.model.stamp import Stamp
from answerback.model.timeline import Stage
from answerback.wire.frames import (
    LookUp,
    Pong,
    Submit,
    Taken,
)
from answerback.wire.letters import Nack, Receipt
from tests.core.families import PICKLE_KEY, Family
from tests.core.lone_engine import FILE, RELAY_MS, Device, at, frames
from tests.core.specimens import a_message, kept, letter, message_number

# ---- files


def test_a_file_that_is_at_the_relay_lets_its_message_leave() -> None:
    device = Device()
    device.connects(1.0)
    identity, effects = device.engine.send(
        handles=["bea"], text="x", attachment=FILE, urgency=Urgency.NORMAL, lifetime_s=600, now=at(2.0)
    )
    (piece,) = [effect for effect in effects if isinstance(effect, Upload)]
    assert (piece.blob, piece.token) == (FILE.blob, b"token")
    effects = device.engine.moved(piece, done_bytes=40, now=at(3.0))
    assert [type(effect) for effect in effects] == [Save, Upload]
    effects = device.engine.moved(piece, done_bytes=FILE.sealed_bytes, now=at(4.0))
    (submit,) = [frame for frame in frames(effects) if isinstance(frame, Submit)]
    assert len(submit.envelopes) == 2
    assert any(isinstance(fact, KeepTransfer) and fact.finished for fact in kept(effects))
    assert device.machines.outbox.promise(identity) is not None


def test_a_received_file_is_told_and_answered_unless_it_is_our_own() -> None:
    device = Device()
    phone, own = device.bea.keys[0].device_id, device.machines.own
    theirs = a_message(1, author=device.bea.account, device=phone)
    effects = device.engine.file_checked(FILE.blob, theirs, now=at(2.0))
    assert effects[0] == Tell(FileReady(theirs.id, FILE.blob))
    assert device.answers() == [(phone, Receipt([theirs.id], []))]
    here = a_message(2, author=own.account, device=own.device)
    assert device.engine.file_checked(FILE.blob, here, now=at(2.0)) == [Tell(FileReady(here.id, FILE.blob))]
    laptop = DeviceId(b"l" * 16)
    device.machines.roster._owners[laptop] = own.account
    device.engine.file_checked(FILE.blob, a_message(3, author=own.account, device=laptop), now=at(2.0))
    owed = [promise.letter.devices for promise in device.machines.outbox if not promise.letter.answered]
    assert owed == [(phone,), (laptop,)], "another device of ours is answered too"


def downloading(device: Device) -> tuple[Download, Message]:
    """A file of Bea's that is on its way here."""
    message = replace(a_message(1, author=device.bea.account, device=device.bea.keys[0].device_id), expires_ms=RELAY_MS)
    device.machines.transfers.add((message.author, message.id), FILE.blob, uploading=False, total_bytes=100)
    (piece,) = device.machines.transfers.next(token=b"t", rate_bytes_per_s=0, now_s=0.0)
    assert isinstance(piece, Download)
    return piece, message


def test_a_file_the_relay_has_lost_is_asked_of_its_author_and_a_piece_that_failed_is_tried_again() -> None:
    device = Device()
    piece, message = downloading(device)
    assert device.engine.transfer_failed(piece, missing=False, message=message, now=at(2.0)) == []
    assert device.answers() == []
    effects = device.engine.transfer_failed(piece, missing=True, message=message, now=at(2.0))
    assert device.answers() == [(message.author_device, Nack([], [], [FILE.blob]))]
    assert len(kept(effects)) >= 2
    wake = device.machines.transfers.wake_at()
    assert wake is not None
    assert wake.at_s > 2.0
    device.engine.transfer_failed(piece, missing=True, message=None, now=at(3.0))
    upload = Upload(piece.author, piece.message, piece.blob, 0, 1, b"t")
    device.engine.transfer_failed(upload, missing=True, message=message, now=at(3.0))
    assert len(device.answers()) == 1, "nobody else is asked"


def test_a_file_whose_message_has_run_out_or_whose_author_is_gone_is_given_up() -> None:
    late = Device()
    late.connects(1.0)
    piece, message = downloading(late)
    rtt_ms = round(late.machines.path.estimate.rtt_s * 500)
    still = replace(message, expires_ms=RELAY_MS + rtt_ms + 1000)
    late.engine.transfer_failed(piece, missing=True, message=still, now=at(2.0))
    assert late.machines.transfers.progress((message.author, message.id)) == (0, 100)
    late.engine.transfer_failed(piece, missing=True, message=still, now=at(2.1))
    assert late.machines.transfers.progress((message.author, message.id)) is None
    gone = Device()
    piece, message = downloading(gone)
    orphan = replace(message, author_device=DeviceId(b"g" * 16))
    gone.engine.transfer_failed(piece, missing=True, message=orphan, now=at(2.0))
    assert gone.machines.transfers.progress((message.author, message.id)) is None


# ---- time


def test_it_wakes_for_whatever_is_due_first() -> None:
    assert Device().engine.wake_at is None
    device = Device()
    device.connects(1.0)
    machines = device.machines
    device.settles(now_s=1.0)
    device.hears(Pong(1, RELAY_MS), now_s=30.0)
    assert device.engine.wake_at == Wake(1.0 + LOOK_S, Reason.UPKEEP)
    machines.transfers.add((device.ann.account, message_number(1)), FILE.blob, uploading=True, total_bytes=9)
    machines.transfers._transfers[device.ann.account, message_number(1)].again_s = 29.0
    assert device.engine.wake_at == Wake(29.0, Reason.TRANSFER)
    machines.lanes.hold(device.bea.keys[0].device_id, Lane.NORMAL, Hold(Cause.RELAY_BUSY, 28.0))
    assert device.engine.wake_at == Wake(28.0, Reason.RETRY_TOLD)
    machines.inbox.numbered(device.bea.keys[0].device_id, Lane.NORMAL, 3, now=at(25.0))
    assert device.engine.wake_at == Wake(27.0, Reason.GAP_DUE)


def test_on_a_wake_what_is_due_is_done_and_nothing_else() -> None:
    device = Device()
    device.connects(1.0)
    phone = device.bea.keys[0].device_id
    device.machines.lanes.hold(phone, Lane.NORMAL, Hold(Cause.RELAY_BUSY, 5.0))
    device.machines.inbox.numbered(phone, Lane.NORMAL, 3, now=at(2.0))
    device.engine.wake(now=at(3.9))
    assert device.answers() == []
    assert device.machines.lanes.held(phone, Lane.NORMAL) is not None
    device.engine.wake(now=at(5.0))
    assert [type(said) for _, said in device.answers()] == [Nack]
    assert device.machines.lanes.held(phone, Lane.NORMAL) is None


def test_now_and_then_it_looks_for_what_nobody_else_reminds_it_of() -> None:
    device = Device()
    device.connects(1.0)
    stranger = Family(1)
    expired, unaddressed = (
        letter(1, recipients=(device.bea.account,), expires_ms=1),
        letter(2, recipients=(stranger.account,), expires_ms=RELAY_MS * 2),
    )
    for each in (expired, unaddressed):
        device.machines.outbox.accept(each, now=at(2.0))
    device.engine.wake(now=at(1.0 + LOOK_S - 0.1))
    assert device.machines.outbox.promise(expired.id) is not None
    device.machines.inbox.numbered(device.bea.keys[0].device_id, Lane.NORMAL, 3, now=at(2.0))
    effects = device.engine.wake(now=at(1.0 + LOOK_S))
    assert DropOutgoing(expired.id) in kept(effects)
    asked = [fact.devices for fact in kept(effects) if isinstance(fact, KeepOutgoing) and fact.lane is Lane.CONTROL]
    assert asked[:1] == [(device.bea.keys[0].device_id,)], "what was due besides is done as well"
    assert device.machines.outbox.promise(expired.id) is None
    assert any(isinstance(frame, LookUp) and frame.account == stranger.account for frame in frames(effects))
    assert device.engine._look_at_s == 1.0 + 2 * LOOK_S


# ---- from disk


def a_transfer(device: Device) -> KeepTransfer:
    """A file of Bea's of which a third is here."""
    return KeepTransfer(
        author=device.bea.account,
        message=message_number(9),
        blob=FILE.blob,
        uploading=False,
        total_bytes=100,
        done_bytes=30,
        finished=False,
    )


def test_after_a_restart_everything_is_as_it_was_on_disk() -> None:
    device = Device()
    phone = device.bea.keys[0].device_id
    secret, _ = device.ann.sealing[0]
    seen = KeepSeen(EnvelopeId(b"s" * 16), 0, phone, message_number(7), opened=True)
    own_letter = letter(1, recipients=(device.bea.account,))
    copy = KeepCopy(own_letter.id, device.bea.account, phone, Lane.NORMAL, Stage.QUEUED, 0, 0, None, None, None)
    draft = KeepDraft(message_number(2), ("cid",), (), "x", FILE, Urgency.NORMAL, Stamp(1, 0), 60, 0)
    memory = Memory(
        drafts=(draft,),
        outgoing=(own_letter, letter(3)),
        copies=(copy,),
        seal_secrets=(KeepSealSecret(secret.id, secret.secret, 12),),
        device_lists=(KeepDeviceList(device.bea.account, 2, device.bea.lists[1]),),
        own_lists=(KeepOwnList(1, device.ann.lists[0]),),
        seal_keys=(KeepSealKey(phone, device.bea.seal_keys[0]),),
        contacts=(KeepContact("bea", device.bea.account),),
        device_names=(KeepDeviceName(phone, "Bea's phone"),),
        streams=(KeepStream(phone, Lane.NORMAL, 5, 6, ((2, 3),)),),
        seen=(seen, replace(seen, id=EnvelopeId(b"t" * 16), device=None)),
        cursors=(KeepCursor(Lane.BULK, 8),),
        relay=KeepRelay(b"store", b"boot", -70, 4),
        transfers=(a_transfer(device),),
        recent=(a_message(5),),
        last_stamp=Stamp(99, 1),
    )
    own = device.machines.own
    engine = Engine(own, device.ann.keys[0], pickle_key=PICKLE_KEY, randomness=device.draw, memory=memory)
    machines = engine.machines
    assert machines.sessions.secrets[secret.id] == SealSecret(secret.id, secret.secret, 12)
    assert machines.roster.version(device.bea.account) == 2
    assert machines.roster.seal_key(phone) is not None
    assert machines.roster.name(phone) == "Bea's phone"
    assert machines.registration.lists == {1: device.ann.lists[0]}
    assert (machines.store, machines.boot, machines.clock.offset_ms, machines.life) == (b"store", b"boot", -70, 4)
    assert machines.threads.knows(device.bea.account, message_number(7)), "what was seen is not shown again"
    assert machines.threads.clock.last == Stamp(99, 1)
    assert machines.threads.heads(a_message(5).conversation) == {message_number(5)}
    assert machines.inbox.taken == [Taken(Lane.BULK, 8)]
    assert machines.inbox.give(phone, Lane.NORMAL)[0] == 6
    assert machines.transfers.progress((device.bea.account, message_number(9))) == (30, 100)
    assert (engine._departure.contacts, engine._departure.drafts) == ({"bea": device.bea.account}, {draft.id: draft})
    assert [promise.id for promise in machines.outbox] == [message_number(1), message_number(3)]
    assert machines.lanes.next() == (Lane.NORMAL, (message_number(1), phone))


# ---- after every change


def test_an_answer_is_owed_while_anything_is_asked_or_under_way_and_else_not() -> None:
    def owed(device: Device) -> bool:
        device.engine.wake(now=at(2.0))
        return device.machines.path._is_owed

    idle, asking, flying, doubting = Device(), Device(), Device(), Device()
    for device in (idle, asking, flying, doubting):
        device.connects(1.0)
        for number in list(device.machines.questions._by_number):
            device.machines.questions.answered(number)
    asking.engine.look_up(asking.bea.account, now=at(1.5))
    flying.machines.outbox.flying_bytes = 1
    doubting.machines.catchup._asked = True
    assert [owed(device) for device in (idle, asking, flying, doubting)] == [False, True, True, True]


def test_a_piece_of_a_file_is_as_large_as_the_measured_rate_allows() -> None:
    device = Device()
    device.connects(1.0)
    device.machines.flight.rate_bytes_per_s = 100_000.0
    device.machines.transfers.add((device.ann.account, message_number(1)), FILE.blob, uploading=True, total_bytes=10**7)
    (piece,) = [effect for effect in device.engine.wake(now=at(2.0)) if isinstance(effect, Upload)]
    assert piece.length == int(100_000 * PIECE_S)


def test_what_was_too_much_to_ask_at_once_is_asked_when_there_is_room() -> None:
    device = Device()
    device.connects(1.0)
    strangers = [AccountId(number.to_bytes(16, "big")) for number in range(1, 60)]
    for stranger in strangers:
        device.engine.look_up(stranger, now=at(2.0))
    answered = next(iter(device.machines.questions._under_way))
    device.machines.questions.answered(answered)
    (asked,) = [frame for frame in frames(device.engine.wake(now=at(2.1))) if isinstance(frame, LookUp)]
    assert asked.account in strangers


def test_a_draft_whose_handles_are_known_by_now_leaves_at_the_next_look() -> None:
    device = Device()
    device.connects(1.0)
    identity, _ = device.sends("cid")
    device.engine._departure.contacts["cid"] = device.bea.account
    device.engine.wake(now=at(1.0 + LOOK_S))
    assert device.machines.outbox.promise(identity) is not None
