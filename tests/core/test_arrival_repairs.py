"""Proves how calls for repair are made and answered, one letter after the other."""

import dataclasses

import pytest
from msgspec.structs import replace

from answerback.core import arrival as arrival_module
from answerback.core.arrival import KEYS_ANEW_S, RESEALS_MAX
from answerback.core.departure import SEAL_KEY_NAMED_S
from answerback.core.facts import KeepCopy, KeepOutgoing, KeepStream, KeepTransfer
from answerback.core.inbox import GAP_GRACE_S
from answerback.core.lanes import Hold
from answerback.crypto.identity import DeviceKeys
from answerback.crypto.prekeys import mark_published
from answerback.model.causes import Cause
from answerback.model.envelope import Envelope
from answerback.model.ids import BlobId, EnvelopeId
from answerback.model.message import Lane
from answerback.model.timeline import Stage
from answerback.wire.codec import encode
from answerback.wire.letters import Gap, Nack, Receipt, Void
from tests.core.families import PICKLE_KEY, Correspondent, Family, begin
from tests.core.reader import ANN, BEA, FILE, LATER, Reader, looked_up, pair
from tests.core.specimens import NOW, at, kept, letter, message_number, stages_told

# ---- repairs


def test_a_gap_is_asked_about_with_one_letter_for_each_device_that_is_still_listed() -> None:
    ann, bea, tablet = Reader(), Correspondent(BEA, ANN), Correspondent(BEA, ANN, index=1)
    ann.hears(bea.writes(bea.post(1), 1, sequence=3), tablet.writes(tablet.post(2), 2, sequence=2))
    ann.answers()
    assert ann.arrival.ask_for_gaps(now=at(100.0 + GAP_GRACE_S - 0.1)) == []
    effects = ann.arrival.ask_for_gaps(now=at(100.0 + GAP_GRACE_S))
    gaps = {bea.id: Gap(Lane.NORMAL, 1, 2), tablet.id: Gap(Lane.NORMAL, 1, 1)}
    assert dict(ann.answers()) == {device: Nack([], [gap], []) for device, gap in gaps.items()}
    assert len([fact for fact in kept(effects) if isinstance(fact, KeepOutgoing) and fact.addressed]) == 2
    ann.machines.roster.learn(BEA.account, [Family.list_without(BEA, 0)], [])
    BEA.lists.pop()
    effects = ann.arrival.ask_for_gaps(now=at(10_000.0))
    assert [device for device, _ in ann.answers()] == [tablet.id]
    (stream,) = [fact for fact in kept(effects) if isinstance(fact, KeepStream) and fact.device == bea.id]
    assert stream.missing == (), "what a revoked device never brought is waited for no longer"
    ann.hears(tablet.writes(Void([gaps[tablet.id]]), 3, lane=Lane.CONTROL))
    assert ann.machines.inbox.ask_at_s is None


def test_a_void_number_is_waited_for_no_longer() -> None:
    ann, bea = pair()
    ann.hears(bea.writes(bea.post(1), 1, sequence=4))
    effects = ann.hears(bea.writes(Void([Gap(Lane.NORMAL, 2, 3)]), 2, lane=Lane.CONTROL))
    (stream,) = [fact for fact in kept(effects) if isinstance(fact, KeepStream)]
    assert stream.missing == ((1, 1),)


def test_a_call_for_what_was_lost_has_the_relay_asked_and_voids_what_will_never_come() -> None:
    ann, bea = pair()
    first, second, third = ann.owes(*(message_number(number) for number in (11, 12, 13)), to=bea)
    ann.machines.outbox.requeue(third, reseal=False)
    nack = Nack([], [Gap(Lane.NORMAL, 1, 1), Gap(Lane.NORMAL, 3, 5)], [])
    ann.hears(bea.writes(nack, 1, lane=Lane.CONTROL))
    assert [copy.stage for copy in (first, second, third)] == [Stage.ACCEPTED, Stage.ACCEPTED, Stage.SEALED]
    assert [copy.missed for copy in (first, second, third)] == [True, False, False]
    assert ann.machines.catchup.doubted == [first.key]
    voids = [said for _, said in ann.answers() if isinstance(said, Void)]
    assert voids == [Void([Gap(Lane.NORMAL, 4, 4), Gap(Lane.NORMAL, 5, 5)])]


def test_a_receipt_that_did_not_open_is_said_again_though_nobody_kept_it() -> None:
    ann, bea = pair()
    begin(ann.machines, bea.keys, Lane.CONTROL)
    ann.hears(bea.writes(bea.post(1), 1))
    (promise,) = [promise for promise in ann.machines.outbox if not promise.letter.answered]
    (copy,) = promise.copies.values()
    envelope = Envelope(EnvelopeId(b"e" * 16), bea.id, Lane.CONTROL, 60, b"sealed")
    ann.machines.outbox.sealed(copy, envelope, sequence=0, now=NOW)
    ann.machines.outbox.leaving(copy, now=NOW)
    ann.machines.outbox.accepted(envelope.id, away_s=0, boot=b"b", now=NOW)
    assert ann.answers() == [], "it ended with the relay's word"
    ann.hears(bea.writes(Nack([envelope.id], [], []), 2, lane=Lane.CONTROL))
    assert ann.answers() == [(bea.id, Receipt([message_number(1)], []))]
    assert ann.machines.sessions.ready(bea.id, Lane.CONTROL), "on the session of the call, which works"


def test_a_call_about_what_did_not_open_seals_it_anew_on_a_fresh_session_but_not_for_anybody_else() -> None:
    ann, bea, tablet = Reader(), Correspondent(BEA, ANN), Correspondent(BEA, ANN, index=1)
    (copy,) = ann.owes(message_number(11), to=bea)
    begin(ann.machines, bea.keys)
    assert copy.envelope is not None
    call = Nack([EnvelopeId(b"?" * 16), copy.envelope], [], [])
    ann.hears(tablet.writes(call, 1, lane=Lane.CONTROL))
    assert (copy.stage, copy.reseals) == (Stage.ACCEPTED, 0), "it was not sent to that device"
    effects = ann.hears(bea.writes(call, 2, lane=Lane.CONTROL))
    assert (copy.stage, copy.sealed, copy.reseals) == (Stage.QUEUED, None, 1)
    assert any(fact == copy.fact() for fact in kept(effects))
    assert ann.machines.lanes.held(bea.id, Lane.NORMAL) == Hold(Cause.RECIPIENT_CANNOT_OPEN, 100.0)
    assert not ann.machines.sessions.ready(bea.id, Lane.NORMAL)


def test_a_pre_key_without_a_secret_makes_all_of_them_new_and_a_flood_of_such_only_once_an_hour() -> None:
    ann = Reader()
    mark_published(ann.machines.sessions.keys)
    before = ann.machines.sessions.keys.pickle(PICKLE_KEY)
    bea = Correspondent(BEA, ANN)  # with a pre-key that those keys have not made
    ann.machines.sessions.keys = DeviceKeys.from_pickle(before, PICKLE_KEY)
    registration = ann.machines.registration
    anew = []
    for position, at_s in enumerate((100.0, 101.0, 100.0 + KEYS_ANEW_S - 1, 100.0 + KEYS_ANEW_S), start=1):
        ann.hears(bea.writes(Receipt([], []), position, lane=Lane.CONTROL), at_s=at_s)
        anew.append(registration.is_anew)
        registration._anew = False
    assert anew == [True, False, False, True]
    assert ann.machines.healing.totals == {"keys": 2}


def test_a_session_that_a_receipt_has_proven_is_not_taken_for_a_lost_pre_key() -> None:
    ann, bea = pair()
    opened, lost = ann.owes(message_number(11), message_number(12), to=bea)
    begin(ann.machines, bea.keys)
    ann.hears(bea.writes(Nack([lost.envelope or EnvelopeId(b"")], [], []), 1, lane=Lane.CONTROL))
    assert ann.machines.healing.totals == {"keys": 1}
    begin(ann.machines, bea.keys)
    ann.hears(bea.writes(Receipt([opened.message], []), 2, lane=Lane.CONTROL))
    (other,) = ann.owes(message_number(13), to=bea)
    ann.hears(bea.writes(Nack([other.envelope or EnvelopeId(b"")], [], []), 3, lane=Lane.CONTROL))
    assert ann.machines.healing.totals == {"keys": 1, "session": 1}


def test_what_never_opens_is_said_to_fail_in_the_end() -> None:
    ann, bea = pair()
    first, second, third = ann.owes(*(message_number(number) for number in (11, 12, 13)), to=bea)
    first.reseals = RESEALS_MAX
    names = [copy.envelope for copy in (third, first, second) if copy.envelope is not None]
    effects = ann.hears(bea.writes(Nack(names, [], []), 1, lane=Lane.CONTROL))
    saved = [fact.message for fact in kept(effects) if isinstance(fact, KeepCopy) and fact.account == BEA.account]
    assert [message for message in saved if message in (third.message, second.message)] == [
        third.message,
        second.message,
    ]
    assert (first.stage, first.cause) == (Stage.FAILED, Cause.RECIPIENT_CANNOT_OPEN)
    assert stages_told(effects) == [Stage.QUEUED, Stage.FAILED, Stage.QUEUED], "one mended, one given up, one mended"
    assert second.stage is Stage.QUEUED, "the next one is repaired all the same"


def test_of_many_copies_called_for_each_is_put_on_disk() -> None:
    ann, bea = pair()
    copies = ann.owes(*(message_number(number) for number in (11, 12, 13, 14)), to=bea)
    unopened = [copy.envelope for copy in copies[:2] if copy.envelope is not None]
    unopened.insert(1, EnvelopeId(b"?" * 16))
    effects = ann.hears(bea.writes(Nack(unopened, [Gap(Lane.NORMAL, 3, 4)], []), 1, lane=Lane.CONTROL))
    saved = [fact for fact in kept(effects) if isinstance(fact, KeepCopy) and fact.account == BEA.account]
    assert [(fact.message, fact.stage) for fact in saved if fact.sequence] == [
        (message_number(11), Stage.QUEUED),
        (message_number(12), Stage.QUEUED),
    ]
    assert len(ann.machines.lanes) == 2
    assert ann.machines.catchup.doubted == [copy.key for copy in copies[2:]]


def test_a_call_for_more_numbers_than_fit_one_answer_is_answered_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrival_module, "NACK_NUMBERS_MAX", 2)
    ann, bea = pair()
    ann.hears(bea.writes(Nack([], [Gap(Lane.BULK, 7, 10**12)], []), 1, lane=Lane.CONTROL))
    assert ann.answers() == [(bea.id, Void([Gap(Lane.BULK, 7, 7), Gap(Lane.BULK, 8, 8)]))]


def test_a_call_for_a_lost_file_brings_that_file_again_and_no_other() -> None:
    ann, bea = pair()
    for number, blob in ((21, BlobId(b"x" * 16)), (22, BlobId(b"y" * 16)), (23, None)):
        file = replace(FILE, blob=blob) if blob is not None else None
        post = encode(Correspondent(ANN, BEA).post(number, attachment=file))
        with_file = dataclasses.replace(letter(number, recipients=(BEA.account,), blob=blob), letter=post)
        ann.machines.outbox.accept(with_file, now=NOW)
        ann.machines.outbox.lay_out(message_number(number), [(BEA.account, bea.id)])
    effects = ann.hears(bea.writes(Nack([], [], [BlobId(b"y" * 16)]), 1, lane=Lane.CONTROL))
    assert [fact.message for fact in kept(effects) if isinstance(fact, KeepTransfer)] == [message_number(22)]
    blobs = [BlobId(b"x" * 16), BlobId(b"y" * 16)]
    ann.machines.transfers._transfers.clear()
    effects = ann.hears(bea.writes(Nack([], [], blobs), 3, lane=Lane.CONTROL))
    assert len([fact for fact in kept(effects) if isinstance(fact, KeepTransfer)]) == 2
    ann.machines.transfers._transfers.clear()
    tablet = Correspondent(BEA, ANN, index=1)
    effects = ann.hears(tablet.writes(Nack([], [], blobs), 2, lane=Lane.CONTROL))
    assert [fact for fact in kept(effects) if isinstance(fact, KeepTransfer)] == [], "not sent to that device"


def test_each_device_that_wrote_in_one_page_gets_its_own_answer_on_disk() -> None:
    ann, bea, tablet = Reader(), Correspondent(BEA, ANN), Correspondent(BEA, ANN, index=1)
    effects = ann.hears(bea.writes(bea.post(1), 1), tablet.writes(tablet.post(2), 2))
    letters = [fact.devices for fact in kept(effects) if isinstance(fact, KeepOutgoing) and not fact.addressed]
    assert letters == [(bea.id,), (tablet.id,)]
    assert ann.answers() == [
        (bea.id, Receipt([message_number(1)], [])),
        (tablet.id, Receipt([message_number(2)], [])),
    ]


def test_a_call_for_several_repairs_is_answered_whole() -> None:
    ann, bea = pair()
    (copy,) = ann.owes(message_number(11), to=bea)
    assert copy.envelope is not None
    call = Nack([copy.envelope], [Gap(Lane.BULK, 7, 7)], [])
    effects = ann.hears(bea.writes(call, 1, lane=Lane.CONTROL))
    assert copy.fact() in kept(effects)
    assert ann.answers() == [(bea.id, Void([Gap(Lane.BULK, 7, 7)]))]


def test_a_gap_of_a_revoked_device_is_closed_and_the_others_are_still_asked_for() -> None:
    ann, bea, tablet = Reader(), Correspondent(BEA, ANN), Correspondent(BEA, ANN, index=1)
    ann.hears(bea.writes(bea.post(1), 1, sequence=2), tablet.writes(tablet.post(2), 2, sequence=2))
    ann.answers()
    ann.machines.roster.learn(BEA.account, [Family.list_without(BEA, 1)], [])
    BEA.lists.pop()
    effects = ann.arrival.ask_for_gaps(now=LATER)
    assert [fact.devices for fact in kept(effects) if isinstance(fact, KeepOutgoing) and fact.addressed] == [(bea.id,)]
    closed = [fact for fact in kept(effects) if isinstance(fact, KeepStream)]
    assert [(fact.device, fact.missing) for fact in closed] == [(tablet.id, ())]


def test_a_device_that_names_another_seal_key_is_looked_up_once_a_minute_and_not_sealed_to_meanwhile() -> None:
    ann, bea, tablet = Reader(), Correspondent(BEA, ANN), Correspondent(BEA, ANN, index=1)
    known = ann.machines.roster.seal_key(bea.id)
    assert known is not None
    numbers = iter(range(1, 99))

    def asks(of: Correspondent, seal_key: bytes, at_s: float) -> bool:
        for number in list(ann.machines.questions._by_number):
            ann.machines.questions.answered(number)
        ann.machines.roster.learn(BEA.account, [], BEA.seal_keys)
        number = next(numbers)
        effects = ann.hears(of.writes(of.post(number), number, seal_key=seal_key), at_s=at_s)
        return bool(looked_up(effects))

    assert not asks(bea, b"", 100.0), "it named none"
    assert not asks(bea, known.id, 100.0), "it named the one known here"
    assert asks(bea, b"other", 100.0)
    assert ann.machines.roster.seal_key(bea.id) is None
    assert not asks(bea, b"other", 100.0 + SEAL_KEY_NAMED_S - 1)
    assert asks(tablet, b"other", 101.0), "each device for itself"
    assert asks(bea, b"other", 100.0 + SEAL_KEY_NAMED_S)
