"""Proves what each letter that arrives puts on disk, moves, and sends back, one delivery after the other."""

import dataclasses

import pytest
from msgspec.structs import replace

from answerback.core import arrival as arrival_module
from answerback.core.arrival import RESEALS_MAX, Arrival
from answerback.core.departure import Departure
from answerback.core.effects import (
    Arrived,
    Effect,
    KeepCopy,
    KeepCursor,
    KeepDeviceName,
    KeepMessage,
    KeepOutgoing,
    KeepRatchet,
    KeepSeen,
    KeepStream,
    KeepTransfer,
    Tell,
    Transmit,
    Warned,
)
from answerback.core.inbox import GAP_GRACE_S
from answerback.core.lanes import Hold
from answerback.core.outbox import Copy
from answerback.crypto.prekeys import check_prekey, make_fallback
from answerback.model.causes import Cause
from answerback.model.envelope import Delivery
from answerback.model.ids import AccountId, BlobId, DeviceId, EnvelopeId, MessageId
from answerback.model.message import Attachment, Lane
from answerback.model.timeline import Stage
from answerback.wire.codec import decode_letter, encode
from answerback.wire.frames import ClientFrame, LookUp, Resolve, Taken, Took
from answerback.wire.letters import AnyLetter, Gap, Nack, Receipt, Void
from tests.core.families import Correspondent, Family, begin, machines_of
from tests.core.specimens import NOW, at, envelope_for, kept, letter, message_number, stages_told

ANN, BEA, STRANGER = Family(1), Family(2), Family(1)
LATER = at(110.0)
FILE = Attachment(BlobId(b"b" * 16), b"k" * 32, 100, 60, b"h" * 32, "a.jpg", "image/jpeg")


class Reader:
    """Ann's device, which hears from Bea's."""

    def __init__(self, *known: Family) -> None:
        self.machines = machines_of(ANN, *(known or (BEA,)))
        self.departure = Departure(self.machines)
        self.arrival = Arrival(self.machines, self.departure)
        self.drawn = 0
        self.machines.randomness = self.draw

    def draw(self, count: int) -> bytes:
        """Give each letter an id of its own."""
        self.drawn += 1
        return self.drawn.to_bytes(count, "big")

    def hears(self, *deliveries: Delivery, at_s: float = 100.0) -> list[Effect]:
        """Take in what the relay hands over."""
        return self.arrival.deliver(deliveries, now=at(at_s))

    def answers(self) -> list[tuple[DeviceId, AnyLetter]]:
        """Take out the control letters it owes."""
        promises = [promise for promise in self.machines.outbox if not promise.letter.answered]
        for promise in promises:
            del self.machines.outbox._promises[promise.id]
        return [(promise.letter.devices[0], decode_letter(promise.letter.letter)) for promise in promises]

    def owes(self, *messages: MessageId, to: Correspondent, lane: Lane = Lane.NORMAL) -> list[Copy]:
        """Promise messages to a device, of which the relay has each, numbered from 1."""
        copies = []
        for number, message in enumerate(messages, start=1):
            outbox = self.machines.outbox
            kept_letter = letter(int.from_bytes(message, "big"), lane=lane, recipients=(BEA.account,))
            outbox.accept(kept_letter, now=NOW)
            outbox.lay_out(message, [(BEA.account, to.id)])
            copy = outbox.copy((message, to.id))
            assert copy is not None
            envelope = envelope_for(copy)
            outbox.sealed(copy, envelope, sequence=number, now=NOW)
            outbox.leaving(copy, now=NOW)
            outbox.written(envelope.id, now=NOW)
            outbox.accepted(envelope.id, away_s=0, boot=b"b", now=NOW)
            copies.append(copy)
        return copies


def pair() -> tuple[Reader, Correspondent]:
    return Reader(), Correspondent(BEA, ANN)


def frames(effects: list[Effect]) -> list[ClientFrame]:
    return [effect.frame for effect in effects if isinstance(effect, Transmit)]


def looked_up(effects: list[Effect]) -> list[AccountId]:
    return [frame.account for frame in frames(effects) if isinstance(frame, LookUp)]


def took(*positions: tuple[Lane, int]) -> Took:
    return Took([Taken(lane, position) for lane, position in positions])


def seen(effects: list[Effect]) -> list[KeepSeen]:
    return [fact for fact in kept(effects) if isinstance(fact, KeepSeen)]


def warned(effects: list[Effect]) -> list[Warned]:
    told = [effect.news for effect in effects if isinstance(effect, Tell)]
    return [news for news in told if isinstance(news, Warned)]


# ---- once


def test_what_arrives_is_kept_told_acknowledged_and_answered_in_one_change() -> None:
    ann, bea = pair()
    first, second = bea.writes(bea.post(1), 1, name="Bea's phone"), bea.writes(bea.post(2), 2)
    effects = ann.hears(first, second)
    facts = kept(effects)
    assert {KeepRatchet, KeepStream, KeepDeviceName, KeepMessage, KeepSeen, KeepCursor} <= {type(f) for f in facts}
    assert [fact.message.text for fact in facts if isinstance(fact, KeepMessage)] == ["1", "2"]
    shown = [effect.news for effect in effects if isinstance(effect, Tell)]
    assert [news.message.text for news in shown if isinstance(news, Arrived)] == ["1", "2"]
    assert seen(effects) == [
        KeepSeen(first.id, NOW.wall_ms, bea.id, message_number(1), opened=True),
        KeepSeen(second.id, NOW.wall_ms, bea.id, message_number(2), opened=True),
    ]
    assert [fact for fact in facts if isinstance(fact, KeepStream) and fact.lane is Lane.NORMAL][-1].seen == 2
    assert KeepDeviceName(bea.id, "Bea's phone") in facts
    assert took((Lane.NORMAL, 2)) in frames(effects)
    assert ann.answers() == [(bea.id, Receipt([message_number(1), message_number(2)], []))]


def test_the_same_bytes_again_are_answered_again_and_shown_once() -> None:
    ann, bea = pair()
    post, receipt = bea.writes(bea.post(1), 1), bea.writes(Receipt([], []), 2, lane=Lane.CONTROL)
    ann.hears(post, receipt)
    ann.answers()
    again = [Delivery(3, post.lane, post.id, post.sealed), Delivery(4, receipt.lane, receipt.id, receipt.sealed)]
    effects = ann.hears(*again)
    assert [type(effect) for effect in effects if isinstance(effect, Tell)] == []
    assert ann.answers() == [(bea.id, Receipt([message_number(1)], []))], "a receipt is not answered"
    assert ann.machines.inbox.duplicates == 2


def test_nobody_answers_a_device_that_is_off_its_accounts_list() -> None:
    ann, bea = pair()
    post = bea.writes(bea.post(1), 1)
    ann.hears(post)
    ann.answers()
    ann.machines.roster.learn(BEA.account, [Family.list_without(BEA, 0)], [])
    ann.hears(Delivery(2, post.lane, post.id, post.sealed))
    BEA.lists.pop()
    assert ann.answers() == []


def test_what_a_known_device_sent_and_nobody_can_open_is_called_for_each_time_it_comes() -> None:
    ann, bea = pair()
    begin(ann.machines, bea.keys, Lane.CONTROL)
    foreign = check_prekey(make_fallback(STRANGER.keys[0]), STRANGER.keys[0].device(0))
    foreign = replace(foreign, device=ANN.keys[0].device_id)  # a key whose secret Ann's device never had
    bea.sessions.begin(ANN.keys[0].device(0), Lane.NORMAL, foreign, now=LATER)
    broken = bea.writes(bea.post(2), 2)
    effects = ann.hears(broken)
    (fact,) = seen(effects)
    assert fact == KeepSeen(broken.id, NOW.wall_ms, bea.id, None, opened=False)
    assert ann.arrival.unreadable == 0
    assert ann.answers() == [(bea.id, Nack([broken.id], [], []))]
    assert not ann.machines.sessions.ready(bea.id, Lane.CONTROL), "the call goes through a fresh session"
    ann.hears(Delivery(3, broken.lane, broken.id, broken.sealed))
    assert ann.answers() == [(bea.id, Nack([broken.id], [], []))]


def test_what_nobody_provably_sent_is_counted_and_acknowledged_and_answered_to_nobody() -> None:
    ann, _ = pair()
    noise = [Delivery(number, Lane.NORMAL, EnvelopeId(bytes([number]) * 16), b"noise" * 100) for number in (1, 2)]
    effects = ann.hears(*noise)
    assert ann.arrival.unreadable == 2
    assert seen(effects) == [KeepSeen(each.id, NOW.wall_ms, None, None, opened=False) for each in noise]
    assert frames(effects) == [took((Lane.NORMAL, 2))]
    assert ann.answers() == []


# ---- from whom


def test_an_envelope_of_a_stranger_waits_for_the_look_up_and_holds_up_nobody_else() -> None:
    ann, bea = pair()
    stranger = Correspondent(STRANGER, ANN)
    parked = stranger.writes(stranger.post(1), 1)
    effects = ann.hears(parked, bea.writes(bea.post(2), 2, lane=Lane.URGENT))
    assert looked_up(effects) == [STRANGER.account]
    assert took((Lane.URGENT, 2)) in frames(effects)
    assert ann.arrival.look_again(BEA.account, now=NOW) == [], "another account"
    ann.answers()
    ann.machines.roster.learn(STRANGER.account, STRANGER.lists, STRANGER.seal_keys)
    effects = ann.arrival.look_again(STRANGER.account, now=NOW)
    assert [fact.message.text for fact in kept(effects) if isinstance(fact, KeepMessage)] == ["1"]
    assert frames(effects)[0] == took((Lane.NORMAL, 1))
    assert ann.answers() == [(stranger.id, Receipt([message_number(1)], []))]
    assert ann.arrival.look_again(STRANGER.account, now=NOW) == [], "opened once"


def test_an_envelope_whose_account_does_not_list_its_device_is_given_up_and_said() -> None:
    ann = Reader(BEA)
    stranger = Correspondent(STRANGER, ANN)
    parked = stranger.writes(stranger.post(1), 1)
    ann.hears(parked)
    effects = ann.arrival.look_again(STRANGER.account, now=NOW)
    assert warned(effects) == [Warned(Cause.TRUST_SIGNATURE_WRONG)]
    assert seen(effects) == [KeepSeen(parked.id, NOW.wall_ms, None, None, opened=False)]
    assert frames(effects) == [took((Lane.NORMAL, 1))]
    assert ann.answers() == []


def test_a_device_that_speaks_for_another_account_is_not_believed() -> None:
    ann, bea = pair()
    forged = bea.writes(bea.post(1), 1)
    ann.machines.roster._owners[bea.id] = STRANGER.account
    effects = ann.hears(forged)
    assert looked_up(effects) == [BEA.account]
    assert seen(effects) == []


def test_more_strangers_than_there_is_room_for_are_delivered_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrival_module, "PARKED_MAX", 1)
    ann = Reader(BEA)
    stranger = Correspondent(STRANGER, ANN)
    ann.hears(stranger.writes(stranger.post(1), 1), stranger.writes(stranger.post(2), 2))
    ann.machines.roster.learn(STRANGER.account, STRANGER.lists, STRANGER.seal_keys)
    effects = ann.arrival.look_again(STRANGER.account, now=NOW)
    assert [fact.message.text for fact in kept(effects) if isinstance(fact, KeepMessage)] == ["1"]
    assert frames(effects)[0] == took((Lane.NORMAL, 1))


def test_a_lost_connection_forgets_what_is_parked_for_it_comes_again() -> None:
    ann = Reader(BEA)
    stranger = Correspondent(STRANGER, ANN)
    ann.hears(stranger.writes(stranger.post(1), 1))
    ann.arrival.disconnected()
    assert ann.arrival.look_again(STRANGER.account, now=NOW) == []


def test_a_newer_list_mentioned_inside_the_seal_is_looked_up() -> None:
    ann, bea = pair()
    assert looked_up(ann.hears(bea.writes(bea.post(1), 1, list_version=2))) == []
    assert looked_up(ann.hears(bea.writes(bea.post(2), 2, list_version=3))) == [BEA.account]


# ---- what is said


def test_receipts_move_the_copies_they_name() -> None:
    ann, bea = pair()
    one, two, three = (message_number(number) for number in (11, 12, 13))
    copies = ann.owes(one, two, three, to=bea)
    effects = ann.hears(bea.writes(Receipt([one, two], [two]), 1, lane=Lane.CONTROL))
    assert stages_told(effects) == [Stage.DELIVERED, Stage.DELIVERED, Stage.READ]
    assert [copy.stage for copy in copies] == [Stage.DELIVERED, Stage.DELIVERED, Stage.ACCEPTED]
    assert seen(effects)[0].message is None


def test_a_message_with_a_file_is_answered_when_the_file_is_here_and_read_when_it_was_read() -> None:
    ann, bea = pair()
    effects = ann.hears(bea.writes(bea.post(1, attachment=FILE), 1))
    (message,) = [fact.message for fact in kept(effects) if isinstance(fact, KeepMessage)]
    assert ann.machines.transfers.active((BEA.account, message.id))
    assert ann.machines.transfers.progress((BEA.account, message.id)) == (0, FILE.sealed_bytes)
    assert ann.answers() == []
    ann.arrival.file_arrived(message, now=NOW)
    assert ann.answers() == [(bea.id, Receipt([message.id], []))]
    ann.arrival.read_early.add((BEA.account, message.id))
    ann.arrival.file_arrived(message, now=NOW)
    ann.arrival.file_arrived(message, now=NOW)
    assert ann.answers() == [
        (bea.id, Receipt([message.id], [message.id])),
        (bea.id, Receipt([message.id], [])),
    ]


@pytest.mark.parametrize(
    ("handles", "asked"),
    [
        (["cid@example.org", "cid@example.org", "other@example.org"], ["cid@example.org"]),
        (["", "cid@example.org"], ["cid@example.org"]),
        (["no handle at all"], []),
    ],
)
def test_the_handle_an_author_goes_by_is_asked_about_once(handles: list[str], asked: list[str]) -> None:
    ann, bea = pair()
    effects = ann.hears(*(bea.writes(bea.post(n, handle=handle), n) for n, handle in enumerate(handles, start=1)))
    assert [frame.handle for frame in frames(effects) if isinstance(frame, Resolve)] == asked


def test_the_handle_of_a_contact_or_of_oneself_is_asked_of_nobody() -> None:
    ann, bea = pair()
    ann.departure.contacts["bea@example.org"] = BEA.account
    effects = ann.hears(bea.writes(bea.post(1, handle="bea@example.org"), 1))
    assert [frame for frame in frames(effects) if isinstance(frame, Resolve)] == []
    own = Family(2)
    machines = machines_of(own)
    arrival, laptop = Arrival(machines, Departure(machines)), Correspondent(own, own, index=1)
    effects = arrival.deliver([laptop.writes(laptop.post(2, handle="ann@example.org"), 1)], now=NOW)
    assert [fact.message.text for fact in kept(effects) if isinstance(fact, KeepMessage)] == ["2"]
    assert [frame for frame in frames(effects) if isinstance(frame, Resolve)] == []


# ---- repairs


def test_a_gap_is_asked_about_with_one_letter_for_each_device_that_is_still_listed() -> None:
    ann, bea, tablet = Reader(), Correspondent(BEA, ANN), Correspondent(BEA, ANN, index=1)
    ann.hears(bea.writes(bea.post(1), 1, sequence=3), tablet.writes(tablet.post(2), 2, sequence=2))
    ann.answers()
    assert ann.arrival.ask_for_gaps(now=at(100.0 + GAP_GRACE_S - 0.1)) == []
    effects = ann.arrival.ask_for_gaps(now=at(100.0 + GAP_GRACE_S))
    gaps = {bea.id: Gap(Lane.NORMAL, 1, 2), tablet.id: Gap(Lane.NORMAL, 1, 1)}
    assert dict(ann.answers()) == {device: Nack([], [gap], []) for device, gap in gaps.items()}
    assert len(kept(effects)) >= 4, "each letter and its copy are on disk"
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


def test_what_never_opens_is_said_to_fail_in_the_end() -> None:
    ann, bea = pair()
    first, second = ann.owes(message_number(11), message_number(12), to=bea)
    first.reseals = RESEALS_MAX
    assert first.envelope is not None
    assert second.envelope is not None
    effects = ann.hears(bea.writes(Nack([first.envelope, second.envelope], [], []), 1, lane=Lane.CONTROL))
    assert (first.stage, first.cause) == (Stage.FAILED, Cause.RECIPIENT_CANNOT_OPEN)
    assert stages_told(effects) == [Stage.FAILED]
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
