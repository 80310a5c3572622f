"""Proves what leaves in which frame, what each copy carries, and what it waits for when something is missing."""

from dataclasses import replace

import pytest
from msgspec import structs

from answerback.core import departure as departure_module
from answerback.core.departure import (
    ABSENT_AGAIN_S,
    ABSENT_AGAIN_S_MAX,
    SEAL_KEY_ASK_S,
    SEAL_KEY_OLD_MS,
    STRICT_WINDOW_FACTOR,
)
from answerback.core.effects import Effect, Moment
from answerback.core.facts import KeepCopy, KeepRatchet, KeepRelay, KeepStep, KeepStream
from answerback.core.lanes import Hold
from answerback.crypto.prekeys import make_seal_key
from answerback.model.causes import Cause
from answerback.model.devices import Signed
from answerback.model.envelope import Delivery
from answerback.model.message import Lane
from answerback.model.timeline import Stage
from answerback.wire.flight import Kind
from answerback.wire.frames import Claim, LookUp, Submit
from answerback.wire.letters import Slip
from tests.core.families import Family, begin, machines_of
from tests.core.specimens import kept, letter, message_number
from tests.core.writer import NOW, Writer, draft, frames, submitted

# ---- leaving


def opened_by(writer: Writer, index: int, effects: list[Effect]) -> list[Slip]:
    """What one of Bea's devices reads in the slips that left."""
    bea = Family(0)
    order = sorted(range(2), key=lambda each: each != index)
    bea.root, bea.lists = writer.bea.root, writer.bea.lists
    bea.keys = [writer.bea.keys[each] for each in order]
    bea.sealing = [writer.bea.sealing[each] for each in order]
    reader = machines_of(bea, writer.ann)
    slips = []
    for frame in frames(effects):
        for envelope in frame.envelopes if isinstance(frame, Submit) else ():
            if envelope.device == reader.own.device:
                inner = reader.sessions.unseal(Delivery(1, envelope.lane, envelope.id, envelope.sealed))
                opened = reader.sessions.open(inner, writer.ann.keys[0].device(0), now=NOW)
                slips.append(opened.slip)
    return slips


def test_each_copy_carries_its_number_its_reader_and_the_list_it_was_sent_by() -> None:
    writer = Writer()
    writer.machines.registration.seal_key = b"mine"
    first, second = writer.promises(1)
    writer.promises(2)
    effects = writer.departure.pump(now=NOW)
    facts = kept(effects)
    assert {KeepRatchet, KeepStream, KeepCopy, KeepStep} <= {type(fact) for fact in facts}
    assert submitted(effects) == [[first.device, second.device, first.device, second.device]]
    assert (first.stage, first.sequence, first.attempts, first.sent_s) == (Stage.SEALED, 1, 1, NOW.now_s)
    keys = []
    for index in (0, 1):
        slips = opened_by(writer, index, effects)
        keys.append([slip.key for slip in slips])
        assert [(slip.message, slip.sequence) for slip in slips] == [(message_number(1), 1), (message_number(2), 2)]
        own = writer.machines.own
        for slip in slips:
            assert (slip.author, slip.author_device) == (own.account, own.device)
            assert (slip.reader, slip.reader_device) == (writer.bea.account, writer.bea.keys[index].device_id)
            assert (slip.list_version, slip.device_name, slip.seal_key) == (2, own.device_name, b"mine")
    assert keys[0] == keys[1], "a letter is encrypted once for all its devices"
    streams = [fact for fact in facts if isinstance(fact, KeepStream)]
    assert [(fact.device, fact.given) for fact in streams] == [
        (first.device, 1),
        (second.device, 1),
        (first.device, 2),
        (second.device, 2),
    ]


def test_what_leaves_again_is_the_same_bytes_with_what_is_left_of_its_time() -> None:
    writer = Writer()
    (copy,) = writer.promises(1, devices=1)
    promise = writer.machines.outbox.promise(copy.message)
    assert promise is not None
    promise.letter = replace(promise.letter, expires_ms=NOW.wall_ms + 10_000_999)
    (frame,) = frames(writer.departure.pump(now=NOW))
    assert isinstance(frame, Submit)
    assert (frame.envelopes[0].lifetime_s, frame.envelopes[0].sealed) == (10_000, copy.sealed)
    assert writer.departure.pump(now=NOW) == [], "it left"
    for again in writer.machines.outbox.connection_lost():
        writer.departure.queue(again)
    effects = writer.departure.pump(now=Moment(140.0, NOW.wall_ms + 9_950_000))
    assert kept(effects) == [], "nothing is sealed anew"
    (again_frame,) = frames(effects)
    assert isinstance(again_frame, Submit)
    assert again_frame.envelopes == [structs.replace(frame.envelopes[0], lifetime_s=60)], "a minute is the least"


def test_what_is_under_way_is_not_queued_again_before_the_socket_has_spoken() -> None:
    writer = Writer()
    (copy,) = writer.promises(1, devices=1)
    writer.departure.pump(now=NOW)
    writer.departure.queue(copy)
    assert len(writer.machines.lanes) == 0


def test_what_is_sealed_anew_keeps_its_number() -> None:
    writer = Writer()
    (copy,) = writer.promises(1, devices=1)
    writer.departure.pump(now=NOW)
    writer.departure.again(copy, reseal=True)
    effects = writer.departure.pump(now=NOW)
    assert submitted(effects) == [[copy.device]]
    assert copy.sequence == 1
    assert {type(fact) for fact in kept(effects)} == {KeepRatchet, KeepCopy, KeepStep, KeepRelay}, "no new number"


def test_each_change_that_seals_is_counted_on_disk_and_said_to_the_relay() -> None:
    writer = Writer()
    writer.machines.life = 5
    said = []
    for number in (1, 2):
        writer.promises(number)
        effects = writer.departure.pump(now=NOW)
        lives = [fact.life for fact in kept(effects) if isinstance(fact, KeepRelay)]
        said += [(lives, frame.life) for frame in frames(effects) if isinstance(frame, Submit)]
    assert said == [([6], 6), ([7], 7)]


def test_nothing_leaves_without_a_connection() -> None:
    writer = Writer(up=False)
    writer.promises(1)
    assert writer.departure.pump(now=NOW) == []
    assert len(writer.machines.lanes) == 2


def test_a_frame_is_closed_when_it_is_full_by_count_or_by_size(monkeypatch: pytest.MonkeyPatch) -> None:
    writer = Writer()
    for number in (1, 2, 3):
        writer.promises(number, devices=1)
    monkeypatch.setattr(departure_module, "BATCH_MAX", 2)
    assert [len(batch) for batch in submitted(writer.departure.pump(now=NOW))] == [2, 1]
    monkeypatch.undo()
    (copy,) = writer.promises(4, devices=1)
    writer.departure.pump(now=NOW)
    assert copy.sealed is not None
    monkeypatch.setattr(departure_module, "FRAME_BYTES", 2 * len(copy.sealed))
    writer.machines.flight.window_bytes = 100 * len(copy.sealed)
    for number in (5, 6, 7, 8):
        writer.promises(number, devices=1)
    assert [len(batch) for batch in submitted(writer.departure.pump(now=NOW))] == [2, 2]


def test_of_much_that_waited_a_little_leaves_first_and_so_arrives_long_before_the_rest() -> None:
    writer = Writer()
    for number in range(1, 17):
        writer.promises(number, devices=1)
    writer.machines.flight.window_bytes, writer.machines.flight.rate_bytes_per_s = 1e6, 20_000
    counts = [len(batch) for batch in submitted(writer.departure.pump(now=NOW))]
    assert counts[0] == 1, "on a slow link what is in one frame comes when all of it has"
    assert counts == sorted(counts[:-1]) + counts[-1:]
    assert (sum(counts), len(counts)) == (16, 5)


def test_bulk_stops_at_the_window_and_urgent_at_twice_the_window() -> None:
    writer = Writer()
    flight, window = writer.machines.flight, int(writer.machines.flight.window_bytes)
    flight.left("file", window, kind=Kind.CHUNK, now_s=NOW.now_s)
    writer.promises(1, devices=1)
    assert writer.departure.pump(now=NOW) == []
    (urgent,) = writer.promises(2, devices=1, lane=Lane.URGENT)
    assert submitted(writer.departure.pump(now=NOW)) == [[urgent.device]]
    flight.left("file", 100 * window, kind=Kind.CHUNK, now_s=NOW.now_s)
    (other,) = writer.promises(3, devices=1, lane=Lane.URGENT)
    assert submitted(writer.departure.pump(now=NOW)) == [[other.device]], "chunks may be on a path that is dead"
    flight.left("mail", STRICT_WINDOW_FACTOR * window, kind=Kind.MAIL, now_s=NOW.now_s)
    writer.promises(4, devices=1, lane=Lane.URGENT)
    assert writer.departure.pump(now=NOW) == []
    flight.forget("mail")
    flight.left("file", window // 2, kind=Kind.CHUNK, now_s=NOW.now_s)
    assert len(submitted(writer.departure.pump(now=NOW))) == 1


def test_what_ended_while_it_waited_is_passed_over() -> None:
    writer = Writer()
    ended, stays = writer.promises(1)
    unknown = (message_number(9), ended.device)
    writer.machines.lanes.push(unknown, lane=Lane.NORMAL, order=0)
    writer.machines.outbox.failed(ended, Cause.RECIPIENT_DEVICE_GONE, now=NOW)
    assert submitted(writer.departure.pump(now=NOW)) == [[stays.device]]


# ---- what is missing


def test_without_a_session_one_pre_key_is_asked_for_and_only_that_lane_waits() -> None:
    writer = Writer(ready=False)
    begin(writer.machines, next(keys for keys in writer.bea.keys if keys.device_id == writer.devices[1]))
    first, second = writer.promises(1)
    effects = writer.departure.pump(now=NOW)
    assert frames(effects)[0] == Claim(1, first.device)
    assert submitted(effects) == [[second.device]]
    assert writer.hold_of(first) == Hold(Cause.QUEUE_FETCHING_KEYS, None)
    assert first.sequence == 0, "a number is given when it is sealed"
    writer.machines.lanes.release(first.device, first.lane)
    assert frames(writer.departure.pump(now=NOW)) == [], "asked once"
    assert len(writer.machines.lanes) == 1


def test_a_device_without_a_seal_key_is_looked_up_and_waited_for_ever_longer() -> None:
    writer = Writer()
    (copy,) = writer.promises(1, devices=1)
    del writer.machines.roster._seal_keys[copy.device]
    waits: list[float] = []
    for _ in range(40):
        writer.machines.lanes.release(copy.device, copy.lane)
        (asked,) = frames(writer.departure.pump(now=NOW))
        assert asked == LookUp(len(waits) + 1, writer.bea.account, 2)
        writer.machines.questions.answered(len(waits) + 1)
        hold = writer.hold_of(copy)
        assert hold is not None
        assert hold.cause is Cause.RECIPIENT_NO_KEYS
        assert hold.until_s is not None
        waits.append(hold.until_s - NOW.now_s)
    assert waits[:3] == pytest.approx([ABSENT_AGAIN_S, 1.5 * ABSENT_AGAIN_S, 2.25 * ABSENT_AGAIN_S])
    assert waits[-1] == ABSENT_AGAIN_S_MAX
    other = writer.promises(2)[1]
    del writer.machines.roster._seal_keys[other.device]
    writer.departure.pump(now=NOW)
    assert writer.hold_of(other) == Hold(Cause.RECIPIENT_NO_KEYS, NOW.now_s + ABSENT_AGAIN_S), "each for itself"


def test_a_seal_key_grown_old_is_looked_up_once_and_then_used_after_all() -> None:
    writer = Writer()
    (copy,) = writer.promises(1, devices=1)
    key = writer.machines.roster.seal_key(copy.device)
    assert key is not None
    in_time = Moment(100.0, key.created_ms + SEAL_KEY_OLD_MS)
    late = Moment(100.0, key.created_ms + SEAL_KEY_OLD_MS + 1)
    assert frames(writer.departure.pump(now=late)) == [LookUp(1, writer.bea.account, 2)]
    assert writer.hold_of(copy) == Hold(Cause.RECIPIENT_NO_KEYS, 100.0 + ABSENT_AGAIN_S)
    writer.machines.lanes.release(copy.device, copy.lane)
    soon = Moment(100.0 + SEAL_KEY_ASK_S - 1, late.wall_ms)
    assert writer.departure.pump(now=soon) == [], "not before the answer, which may name a newer one"
    writer.machines.questions.answered(1)
    writer.machines.lanes.release(copy.device, copy.lane)
    assert submitted(writer.departure.pump(now=soon)) == [[copy.device]]
    writer.promises(2, devices=1)
    much_later = Moment(100.0 + SEAL_KEY_ASK_S, late.wall_ms)
    assert submitted(writer.departure.pump(now=much_later)) == [], "it is asked about again after a while"
    other = Writer()
    other.promises(1, devices=1)
    assert len(submitted(other.departure.pump(now=in_time))) == 1


def test_while_an_old_seal_key_is_looked_up_no_copy_for_its_account_is_sealed() -> None:
    """World 52: the look-up for one device let those for the account's other devices go with keys they had deleted."""
    writer = Writer()
    first, second = writer.promises(1)
    key = writer.machines.roster.seal_key(first.device)
    assert key is not None
    late = Moment(100.0, key.created_ms + SEAL_KEY_OLD_MS + 1)
    effects = writer.departure.pump(now=late)
    assert submitted(effects) == []
    assert frames(effects) == [LookUp(1, writer.bea.account, 2)]
    assert {writer.hold_of(copy) for copy in (first, second)} == {Hold(Cause.RECIPIENT_NO_KEYS, 100.0 + ABSENT_AGAIN_S)}


def test_a_device_gone_from_its_list_ends_its_copy_when_its_turn_comes() -> None:
    writer = Writer()
    copy, other = writer.promises(1)
    index = [keys.device_id for keys in writer.bea.keys].index(copy.device)
    writer.machines.roster.learn(writer.bea.account, [writer.bea.list_without(index)], [])
    effects = writer.departure.pump(now=NOW)
    assert (copy.stage, copy.cause) == (Stage.FAILED, Cause.RECIPIENT_DEVICE_GONE)
    assert submitted(effects) == [[other.device]]


def test_a_letter_that_fits_no_envelope_fails_and_its_number_stays_unused() -> None:
    writer = Writer()
    made = letter(1, recipients=(writer.bea.account,))
    writer.departure.contacts["bea"] = writer.bea.account
    huge = replace(draft("bea"), text="x" * 200_000)
    effects = writer.departure.draft(huge, now=NOW)
    effects += writer.departure.pump(now=NOW)
    failed = [fact for fact in kept(effects) if isinstance(fact, KeepCopy) and fact.stage is Stage.FAILED]
    assert [fact.cause for fact in failed] == [Cause.MESSAGE_TOO_LARGE] * 2
    assert submitted(effects) == []
    assert made.id == message_number(1)


def test_a_letter_is_locked_once_and_few_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(departure_module, "LOCKED_MAX", 2)
    writer = Writer()
    for number in (1, 2, 3):
        writer.promises(number)
    writer.departure.pump(now=NOW)
    assert list(writer.departure._locked) == [message_number(2), message_number(3)]


def test_a_newer_seal_key_is_used_as_soon_as_it_is_known() -> None:
    writer = Writer()
    (copy,) = writer.promises(1, devices=1)
    keys = next(keys for keys in writer.bea.keys if keys.device_id == copy.device)
    signed: Signed = make_seal_key(keys, now_ms=9)[1]
    writer.machines.roster.learn(writer.bea.account, [], [signed])
    late = Moment(100.0, 9 + SEAL_KEY_OLD_MS)
    assert submitted(writer.departure.pump(now=late)) == [[copy.device]]
