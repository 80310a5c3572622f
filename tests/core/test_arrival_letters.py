"""Proves what each letter that arrives puts on disk, moves, and sends back, one delivery after the other."""

import pytest
from msgspec.structs import replace

from answerback.core import arrival as arrival_module
from answerback.core.arrival import Arrival
from answerback.core.departure import Departure
from answerback.core.effects import Arrived, Tell, Warned
from answerback.core.facts import (
    KeepCursor,
    KeepDeviceName,
    KeepMessage,
    KeepOutgoing,
    KeepRatchet,
    KeepSeen,
    KeepStream,
)
from answerback.crypto.prekeys import check_prekey, make_fallback
from answerback.crypto.seal import lock_letter
from answerback.model.causes import Cause
from answerback.model.envelope import Delivery
from answerback.model.ids import ConversationId, EnvelopeId, conversation_id
from answerback.model.message import Lane
from answerback.model.timeline import Stage
from answerback.wire.frames import Resolve
from answerback.wire.letters import Nack, Receipt
from answerback.wire.requests import BLOB_BYTES_MAX
from tests.core.families import Correspondent, Family, begin, machines_of
from tests.core.reader import ANN, BEA, FILE, LATER, STRANGER, Reader, frames, looked_up, pair, seen, took, warned
from tests.core.specimens import NOW, kept, message_number, stages_told

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


def test_a_receipt_that_mentions_a_newer_list_ends_no_promise_before_that_list_is_here() -> None:
    ann, bea = pair()
    message = message_number(11)
    ann.owes(message, to=bea)
    ann.hears(bea.writes(Receipt([message], []), 1, lane=Lane.CONTROL, list_version=3))
    promise = ann.machines.outbox.promise(message)
    assert promise is not None, "the newer list may name a device that has no copy yet"
    ann.machines.roster.learn(BEA.account, [], [])
    ann.departure.readdress(BEA.account, now=NOW)
    assert set(promise.copies) == {device.id for device in ann.machines.roster.devices(BEA.account)}
    assert promise.addressed


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


def test_what_a_known_device_sent_that_makes_no_sense_steps_its_ratchet_and_is_called_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ann, bea, tablet = Reader(), Correspondent(BEA, ANN), Correspondent(BEA, ANN, index=1)
    with monkeypatch.context() as patch:
        patch.setattr("answerback.core.sessions.encode", lambda _: b"no slip")
        nonsense = bea.writes(bea.post(1), 1)
    effects = ann.hears(nonsense, tablet.writes(tablet.post(2), 2))
    ratchets = [fact.device for fact in kept(effects) if isinstance(fact, KeepRatchet)]
    assert ratchets == [bea.id, tablet.id]
    assert [fact.opened for fact in seen(effects)] == [False, True]
    letters = [fact.devices for fact in kept(effects) if isinstance(fact, KeepOutgoing) and not fact.addressed]
    assert letters == [(tablet.id,), (bea.id,)]
    assert ann.answers() == [
        (tablet.id, Receipt([message_number(2)], [])),
        (bea.id, Nack([nonsense.id], [], [])),
    ]


OTHERS = conversation_id(frozenset({BEA.account, STRANGER.account}))


@pytest.mark.parametrize(
    "lie",
    [
        {"conversation": ConversationId(b"c" * 16)},
        {"message": message_number(99)},
        {"recipients": [STRANGER.account], "conversation": OTHERS},
    ],
)
def test_a_post_that_is_not_what_its_slip_and_its_members_say_is_said_and_not_shown(lie: dict[str, object]) -> None:
    ann, bea = pair()
    honest = bea.post(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.core.families.lock_letter", lambda post: lock_letter(replace(post, **lie)))
        delivery = bea.writes(honest, 1)
    effects = ann.hears(delivery)
    assert warned(effects) == [Warned(Cause.TRUST_SIGNATURE_WRONG, BEA.account)]
    assert not any(isinstance(fact, KeepMessage) for fact in kept(effects))
    assert ann.answers() == []


def test_a_file_larger_than_any_relay_carries_is_not_waited_for() -> None:
    ann, bea = pair()
    for number, (size, comes) in enumerate(((BLOB_BYTES_MAX, True), (BLOB_BYTES_MAX + 1, False)), start=1):
        file = replace(FILE, sealed_bytes=size)
        effects = ann.hears(bea.writes(bea.post(number, attachment=file), number))
        assert any(isinstance(fact, KeepMessage) for fact in kept(effects))
        assert ann.machines.transfers.active((BEA.account, message_number(number))) == comes
    assert ann.answers() == [(bea.id, Receipt([message_number(2)], []))]
