"""Proves what people and connections bring about in an engine: routed to who cares, and carried out whole."""

import pytest

from answerback.core import engine as engine_module
from answerback.core.effects import (
    Close,
    LinkChanged,
    Probe,
    Proceed,
    Reason,
    Save,
    Tell,
    Transmit,
    Upload,
    Use,
    Wake,
    Warned,
)
from answerback.core.facts import KeepCopy, KeepCursor, KeepDraft, KeepRelay, KeepTransfer
from answerback.core.lanes import Hold
from answerback.core.memory import Memory
from answerback.core.network.recovery import TOLD_S_MAX
from answerback.core.outbox import LETTERS_MAX
from answerback.core.resting import ENDED_S
from answerback.model.causes import Cause
from answerback.model.errors import UsageError
from answerback.model.ids import EnvelopeId, MessageId
from answerback.model.message import LIFETIME_S, Lane, Urgency
from answerback.model.timeline import Stage
from answerback.wire.frames import (
    Accepted,
    Challenge,
    Farewell,
    Hello,
    Listed,
    LookUp,
    Ping,
    Pong,
    Resolve,
    Submit,
    Taken,
)
from answerback.wire.letters import Receipt
from tests.core.families import Family
from tests.core.lone_engine import FILE, RELAY_MS, WALL_MS, Device, at, frames, told, welcome
from tests.core.specimens import BEA, CID, DAY_MS, a_message, kept, letter, message_number

# ---- people and programs


def test_a_promise_is_a_draft_with_all_that_was_said_until_every_handle_is_known() -> None:
    device = Device()
    identity, effects = device.engine.send(
        handles=["cid", "bea"],
        accounts=[device.ann.account],
        text="hello",
        attachment=FILE,
        urgency=Urgency.URGENT,
        lifetime_s=77,
        now=at(2.0),
    )
    stamp = device.machines.threads.clock.last
    wall_ms = at(2.0).wall_ms
    assert kept(effects)[0] == KeepDraft(
        identity, ("cid", "bea"), (device.ann.account,), "hello", FILE, Urgency.URGENT, stamp, 77, wall_ms
    )
    assert (identity[:6], stamp.wall_ms) == (wall_ms.to_bytes(6, "big"), wall_ms)
    assert device.engine.drafted_files == {FILE.blob}
    assert frames(effects) == [], "no network is needed"
    assert Resolve(1, "cid") in frames(device.connects(3.0))


def sends_file(device: Device) -> Upload:
    """Promise a message with a file to Bea, and name the file's first piece."""
    identity, _ = device.engine.send(
        handles=["bea"], text="", attachment=FILE, urgency=Urgency.NORMAL, lifetime_s=600, now=at(2.0)
    )
    return Upload(device.ann.account, identity, FILE.blob, 0, FILE.sealed_bytes, b"token")


def test_a_file_that_is_gone_from_this_disk_ends_every_copy_of_its_message_with_that_cause() -> None:
    device = Device()
    piece = sends_file(device)
    facts = kept(device.engine.file_gone(piece, now=at(3.0)))
    assert [fact.finished for fact in facts if isinstance(fact, KeepTransfer)] == [True]
    copies = [fact for fact in facts if isinstance(fact, KeepCopy)]
    assert [fact.cause for fact in copies] == [Cause.MESSAGE_FILE_MISSING] * 2
    assert {fact.device for fact in copies} == {keys.device_id for keys in device.bea.keys}
    assert kept(device.engine.file_gone(piece, now=at(4.0))) == [], "the message has ended"


def test_a_file_that_is_gone_before_its_devices_are_known_is_begun_anew_and_said_then() -> None:
    device = Device()
    piece = sends_file(device)
    device.engine.moved(piece, done_bytes=40, now=at(2.5))
    device.machines.outbox.unaddress(piece.message)
    assert kept(device.engine.file_gone(piece, now=at(3.0))) == []
    assert device.machines.transfers.progress((piece.author, piece.message)) == (0, FILE.sealed_bytes)


def test_more_promises_than_a_device_can_keep_are_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    device = Device()
    monkeypatch.setattr(engine_module, "LETTERS_MAX", 1)
    device.sends("cid")
    with pytest.raises(UsageError, match=r"^1 letters already wait; wait until some have left$"):
        device.sends("bea")
    monkeypatch.undo()
    monkeypatch.setattr("answerback.core.outbox.LETTERS_MAX", 0)
    with pytest.raises(UsageError, match=rf"^{LETTERS_MAX} letters already wait"):
        device.sends("bea")


def test_what_was_read_is_said_to_each_author_device_at_once_or_when_its_file_is_here() -> None:
    device = Device()
    phone, laptop = (keys.device_id for keys in device.bea.keys)
    of_bea = [a_message(number, author=device.bea.account, device=phone) for number in (1, 2)]
    on_laptop = a_message(3, author=device.bea.account, device=laptop)
    with_file = a_message(4, author=device.bea.account, device=laptop)
    own = a_message(5, author=device.ann.account, device=laptop)
    device.machines.transfers.add((device.bea.account, with_file.id), FILE.blob, uploading=False, total_bytes=9)
    effects = device.engine.read([*of_bea, with_file, own, on_laptop], now=at(2.0))
    assert device.answers() == [
        (phone, Receipt([], [of_bea[0].id, of_bea[1].id])),
        (laptop, Receipt([], [on_laptop.id])),
    ]
    assert len([fact for fact in kept(effects) if isinstance(fact, KeepCopy)]) == 2
    device.engine.file_checked(FILE.blob, with_file, now=at(3.0))
    assert device.answers()[2:] == [(laptop, Receipt([with_file.id], [with_file.id]))]


def test_why_it_waits_is_asked_of_the_draft_the_promise_or_the_copy() -> None:
    device = Device()
    drafted, _ = device.sends("cid")
    promised, _ = device.sends("bea")
    device.connects(3.0)
    phone = device.bea.keys[0].device_id
    waits = [
        device.engine.wait_of(message, where, now=at(3.0))
        for message, where in ((drafted, None), (promised, phone), (promised, None), (MessageId(b"?" * 16), None))
    ]
    assert [wait and wait.cause for wait in waits] == [
        Cause.QUEUE_FETCHING_KEYS,
        Cause.QUEUE_BEHIND_OTHERS,
        None,
        None,
    ]
    device.machines.outbox.accept(letter(9, recipients=(Family(1).account,)), now=at(3.0))
    unaddressed = device.engine.wait_of(message_number(9), phone, now=at(3.0))
    device.loses(now_s=4.0)
    offline = device.engine.wait_of(message_number(9), None, now=at(4.0))
    assert [wait and wait.cause for wait in (unaddressed, offline)] == [
        Cause.QUEUE_FETCHING_KEYS,
        Cause.NETWORK_STALLED,
    ]


# ---- a connection's life


def test_a_connection_begins_with_a_greeting_and_is_up_with_the_welcome() -> None:
    device = Device()
    assert device.engine.start(now=at(1.0)) == [Probe(1, "", Reason.CONNECT_FIRST)]
    assert device.machines.clock._began == at(1.0)
    assert device.engine.answered(1, now=at(1.2)) == [Proceed(1)]
    assert device.engine.opened(1, now=at(1.5)) == []
    device.line = 1
    device.machines.inbox.restore(seen=[], cursors=[KeepCursor(Lane.NORMAL, 4)], streams=[])
    device.machines.store = b"store"
    saved, said = device.engine.received(device.line, Challenge(b"n" * 32, b"relay", 0), now=at(2.0))
    assert isinstance(saved, Save)
    assert isinstance(saved.fact, KeepRelay)
    assert (saved.fact.store, saved.fact.life) == (b"store", 1), "on disk before it is said"
    assert isinstance(said, Transmit)
    hello = said.frame
    assert said.line == 1
    assert isinstance(hello, Hello)
    own = device.machines.own.device
    assert (hello.device, hello.taken, hello.life) == (own, [Taken(Lane.NORMAL, 4)], 1)
    effects = device.engine.received(device.line, welcome(waiting=7, seal_key=b"key"), now=at(2.5))
    assert effects[0] == Use(1), "before anything is said on it"
    assert told(effects)[0] == LinkChanged(connected=True, cause=None)
    assert not any(isinstance(frame, Ping) for frame in frames(effects)), "mail goes before measuring"
    met = [fact for fact in kept(effects) if isinstance(fact, KeepRelay)]
    offset_ms = device.machines.clock.offset_ms
    assert [(fact.store, fact.boot, fact.offset_ms) for fact in met] == [(b"store", b"boot", offset_ms)]
    machines = device.machines
    assert (machines.token, machines.store, machines.boot, machines.catchup.behind) == (b"token", b"store", b"boot", 7)
    registration = machines.registration
    assert (registration.prekeys_left, registration.seal_key, registration.known) == (100, b"key", True)
    assert not machines.path.recovery.is_out
    assert machines.path.recovery.wake_at is None
    assert device.settles(now_s=2.6) == [Transmit(Ping(1), device.line)]
    device.loses(now_s=3.0)
    device.connects(4.0)
    assert machines.life == 2, "each hello counts"


def test_a_welcome_lets_everything_held_be_looked_at_afresh_and_asks_again_what_is_open() -> None:
    device = Device()
    promised, _ = device.sends("bea")
    device.engine.look_up(device.bea.account, now=at(2.0))
    phone = device.bea.keys[0].device_id
    device.machines.lanes.hold(phone, Lane.NORMAL, Hold(Cause.RECIPIENT_MAILBOX_FULL, 999.0))
    effects = device.connects(3.0, list_version=5)
    asked = [(frame.account, frame.known_version) for frame in frames(effects) if isinstance(frame, LookUp)]
    assert asked == [(device.bea.account, 2), (device.ann.account, 2)]
    (submit,) = [frame for frame in frames(effects) if isinstance(frame, Submit)]
    assert len(submit.envelopes) == 2
    promise = device.machines.outbox.promise(promised)
    assert promise is not None
    assert {copy.attempts for copy in promise.copies.values()} == {1}
    assert device.machines.path._is_owed, "their acceptance is owed"
    assert device.machines.path._flying_bytes == sum(len(each.sealed) for each in submit.envelopes)
    assert device.machines.path.silence.is_owed


def test_a_clock_that_is_wrong_is_said_with_the_welcome_and_ends_guessed_by_it_are_corrected() -> None:
    device = Device()
    promised, _ = device.sends("cid", "bea", now_s=0.5)
    letter_id, _ = device.sends("bea", now_s=0.5)
    before = device.machines.outbox.promise(letter_id)
    assert before is not None
    guessed_ms = before.letter.expires_ms
    effects = device.connects(1.0, clock_ms=at(1.0).wall_ms + 50 * DAY_MS)
    assert Warned(Cause.CLOCK_SKEWED) in told(effects)
    after = device.machines.outbox.promise(letter_id)
    assert after is not None
    assert after.letter.expires_ms - guessed_ms == pytest.approx(50 * DAY_MS, abs=1000)
    assert promised in device.engine._departure.drafts
    right = Device()
    assert Warned(Cause.CLOCK_SKEWED) not in told(right.connects())
    relay_ms = right.machines.clock.relay_ms(at(1.0))
    assert relay_ms == RELAY_MS + round(right.machines.path.estimate.rtt_s * 500)


def test_no_end_is_corrected_beyond_the_longest_lifetime_and_none_twice() -> None:
    device = Device()
    identity, _ = device.sends("bea", now_s=0.5, lifetime_s=20 * LIFETIME_S)
    device.connects(1.0, clock_ms=at(1.0).wall_ms - DAY_MS)
    promise = device.machines.outbox.promise(identity)
    assert promise is not None
    relay_ms = device.machines.clock.relay_ms(at(1.0))
    assert relay_ms is not None
    assert promise.letter.expires_ms == relay_ms + LIFETIME_S * 1000
    end_ms = promise.letter.expires_ms
    device.loses(now_s=2.0)
    later, _ = device.sends("bea", now_s=3.0)
    promise = device.machines.outbox.promise(later)
    assert promise is not None
    second_end_ms = promise.letter.expires_ms
    device.connects(4.0, clock_ms=at(4.0).wall_ms + DAY_MS)
    assert promise.letter.expires_ms == pytest.approx(second_end_ms + 2 * DAY_MS, abs=1000), (
        "the relay's time lagged when it was written: this device may have slept and its clock been set"
    )
    first = device.machines.outbox.promise(identity)
    assert first is not None
    assert first.letter.expires_ms == end_ms


def test_an_end_set_in_an_earlier_run_is_corrected_by_what_the_clock_was_wrong_then() -> None:
    behind = KeepRelay(b"store", b"boot", -10 * DAY_MS, 0)
    device = Device(Memory(outgoing=(letter(1, expires_ms=WALL_MS),), relay=behind))
    device.connects(1.0, clock_ms=at(1.0).wall_ms)
    promise = device.machines.outbox.promise(message_number(1))
    assert promise is not None
    assert promise.letter.expires_ms - WALL_MS == pytest.approx(10 * DAY_MS, abs=1000)


def test_a_lost_connection_queues_again_what_was_under_way_and_sets_the_next_attempt() -> None:
    device = Device()
    device.connects(1.0)
    _, effects = device.sends("bea")
    (submit,) = [frame for frame in frames(effects) if isinstance(frame, Submit)]
    device.engine.written([envelope.id for envelope in submit.envelopes], now=at(2.1))
    device.machines.transfers.add((device.ann.account, message_number(8)), FILE.blob, uploading=True, total_bytes=9)
    device.hears(Pong(1, RELAY_MS), now_s=2.2)
    device.engine.wake(now=at(2.2))
    effects = device.loses(now_s=20.0)
    assert told(effects) == [LinkChanged(connected=False, cause=Cause.NETWORK_STALLED)]
    assert len(device.machines.lanes) == 2
    assert device.engine.wake_at == Wake(20.0, Reason.CONNECT_EVIDENCE)
    assert device.machines.transfers.wake_at is not None, "no piece is under way any more"
    assert device.loses(now_s=21.0) == []
    assert device.engine.wake(now=at(20.0)) == [Probe(2, "", Reason.CONNECT_EVIDENCE)]
    effects = device.engine.lost(2, Cause.NETWORK_NO_PATH, now=at(21.0))
    assert told(effects) == [LinkChanged(connected=False, cause=Cause.NETWORK_NO_PATH)]
    assert not device.machines.path.up
    again = device.connects(30.0)
    (resubmitted,) = [frame for frame in frames(again) if isinstance(frame, Submit)]
    assert [envelope.sealed for envelope in resubmitted.envelopes] == [each.sealed for each in submit.envelopes]


def test_what_a_relay_may_not_say_now_ends_the_connection() -> None:
    device = Device()
    device.opens(1.0)
    assert device.hears(Accepted([]), now_s=1.0) == [
        Close(device.line),
        Tell(LinkChanged(connected=False, cause=Cause.RELAY_FAULTY)),
    ]
    assert device.hears(welcome(), now_s=1.0) == [], "nothing more is heard on it"


def test_an_answer_to_another_question_ends_the_connection_and_the_question_is_asked_again_on_the_next() -> None:
    device = Device()
    device.connects(1.0)
    asked = [frame for frame in frames(device.engine.look_up(BEA, now=at(2.0))) if isinstance(frame, LookUp)]
    (question,) = asked
    wrong = Listed(question.request, CID, [], [])
    assert device.hears(wrong, now_s=3.0) == [
        Close(device.line),
        Tell(LinkChanged(connected=False, cause=Cause.RELAY_FAULTY)),
    ]
    assert device.loses(Cause.RELAY_FAULTY, now_s=4.0) == [], "all that follows was drawn at once"
    assert question in frames(device.connects(10.0))


def test_a_farewell_is_obeyed_within_reason_and_told_if_a_person_must_act() -> None:
    device = Device()
    device.connects(1.0)
    year_ms = 366 * DAY_MS
    effects = device.engine.received(device.line, Farewell(Cause.RELAY_BUSY.value, year_ms), now=at(5.0))
    assert told(effects) == [LinkChanged(connected=False, cause=Cause.RELAY_BUSY)]
    assert device.engine.wake_at == Wake(5.0 + TOLD_S_MAX, Reason.CONNECT_TOLD)
    other = Device()
    other.connects(1.0)
    effects = other.engine.received(other.line, Farewell(Cause.RELAY_STOPPING.value, 2500), now=at(5.0))
    assert other.engine.wake_at == Wake(7.5, Reason.CONNECT_TOLD)
    third = Device()
    third.connects(1.0)
    effects = third.engine.received(third.line, Farewell(Cause.ACCOUNT_DEVICE_REVOKED.value, 0), now=at(9.0))
    assert Warned(Cause.ACCOUNT_DEVICE_REVOKED) in told(effects)
    assert third.engine.wake_at == Wake(9.0 + ENDED_S, Reason.TURN), "it was removed: it knocks once in a day"
    third.engine.wake(now=at(9.0 + ENDED_S))
    assert third.engine.wake_at == Wake(9.0 + ENDED_S, Reason.CONNECT_FIRST), "a relay may have been wrong"
    fourth = Device()
    fourth.connects(1.0)
    fourth.engine.received(fourth.line, Farewell(Cause.ACCOUNT_NOT_REGISTERED.value, 0), now=at(9.0))
    assert fourth.engine.wake_at == Wake(9.0, Reason.CONNECT_EVIDENCE), "no time was named"


def test_a_pong_teaches_the_round_trip_and_the_relays_time() -> None:
    device = Device()
    device.opens(1.0, took_s=0.5)
    device.hears(Challenge(b"n" * 32, b"relay", 0), now_s=1.0)
    device.hears(welcome(), now_s=1.0)
    assert device.settles(now_s=1.0) == [Transmit(Ping(1), device.line)]
    assert device.machines.path.estimate.rtt_s == 0.5, "the probe was the first to be answered"
    assert device.engine.received(device.line, Pong(1, RELAY_MS + 77), now=at(1.2)) == []
    assert device.machines.path.estimate.rtt_s == pytest.approx(0.5 - 0.3 / 8)
    assert device.machines.clock.relay_ms(at(1.2)) == RELAY_MS + 77 + 100
    assert device.engine.received(device.line, Pong(1, RELAY_MS * 2), now=at(1.2)) == []
    assert device.machines.clock.relay_ms(at(1.2)) == RELAY_MS + 77 + 100, "it was not asked again"


def test_every_envelope_the_socket_took_is_told() -> None:
    device = Device()
    device.connects(1.0)
    _, effects = device.sends("bea")
    (submit,) = [frame for frame in frames(effects) if isinstance(frame, Submit)]
    names = [EnvelopeId(b"?" * 16), *(envelope.id for envelope in submit.envelopes)]
    stages = [fact.stage for fact in kept(device.engine.written(names, now=at(2.5))) if isinstance(fact, KeepCopy)]
    assert stages == [Stage.SENT, Stage.SENT]


def test_who_refuses_a_connection_and_says_when_to_come_back_is_obeyed() -> None:
    device = Device()
    device.opens(1.0)
    device.engine.lost(device.line, Cause.RELAY_BUSY, retry_after_s=40.0, now=at(1.2))
    assert device.engine.wake_at == Wake(41.2, Reason.CONNECT_TOLD)
    device.engine.hint(now=at(2.0))
    assert device.engine.wake_at == Wake(41.2, Reason.CONNECT_TOLD), "whatever the evidence"
