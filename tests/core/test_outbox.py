"""Proves that a promise ends with proof only, whatever the order of events."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerback.core import outbox as outbox_module
from answerback.core.facts import DropOutgoing, KeepCopy, RaiseStage
from answerback.core.outbox import Copy, Outbox
from answerback.model.causes import Cause
from answerback.model.timeline import Stage
from tests.core.specimens import (
    BEA,
    DAY_MS,
    LAPTOP,
    NOW,
    PHONE,
    TABLET,
    at,
    envelope_for,
    kept,
    laid_out,
    letter,
    message_number,
    stages_told,
    under_way,
)


def test_a_second_promise_of_the_same_id_is_free() -> None:
    outbox = Outbox()
    assert stages_told(outbox.accept(letter(1), now=NOW)) == [Stage.QUEUED]
    assert outbox.accept(letter(1), now=NOW) == []
    assert len(outbox) == 1


def test_a_promise_ends_when_the_last_device_has_answered_and_not_before() -> None:
    outbox = Outbox()
    first, second = laid_out(outbox, 1, PHONE, LAPTOP)
    for copy in (first, second):
        outbox.accepted(under_way(outbox, copy).id, away_s=0, boot=b"b", now=NOW)
    assert DropOutgoing(first.message) not in kept(outbox.answered([first.message], PHONE, Stage.DELIVERED, now=NOW))
    assert len(outbox) == 1
    assert DropOutgoing(first.message) in kept(outbox.answered([first.message], LAPTOP, Stage.DELIVERED, now=NOW))
    assert len(outbox) == 0


def test_a_receipt_ends_with_the_relays_acceptance_and_is_told_to_nobody() -> None:
    outbox = Outbox()
    (copy,) = laid_out(outbox, 1, PHONE, answered=False)
    effects = outbox.accepted(under_way(outbox, copy).id, away_s=0, boot=b"b", now=NOW)
    assert DropOutgoing(copy.message) in kept(effects)
    assert stages_told(effects) == []


def test_what_was_under_way_when_the_connection_ended_leaves_again_as_the_same_bytes() -> None:
    outbox = Outbox()
    (copy,) = laid_out(outbox)
    envelope = under_way(outbox, copy)
    assert outbox.connection_lost() == [copy]
    assert (copy.stage, copy.envelope, copy.sealed) == (Stage.SEALED, envelope.id, envelope.sealed)
    assert outbox.flying_bytes == 0
    assert outbox.connection_lost() == []


def test_a_socket_that_reports_after_the_connection_ended_does_not_strand_the_copy() -> None:
    outbox = Outbox()
    (copy,) = laid_out(outbox)
    envelope = envelope_for(copy)
    outbox.sealed(copy, envelope, sequence=1, now=NOW)
    outbox.leaving(copy, now=NOW)
    outbox.connection_lost()
    assert outbox.written(envelope.id, now=NOW) == []
    assert copy.stage is Stage.SEALED


def test_the_relays_late_word_still_counts_after_the_connection_ended() -> None:
    outbox = Outbox()
    (copy,) = laid_out(outbox)
    envelope = under_way(outbox, copy)
    outbox.connection_lost()
    assert stages_told(outbox.accepted(envelope.id, away_s=0, boot=b"b", now=NOW)) == [Stage.ACCEPTED]


def test_what_is_said_twice_is_told_once() -> None:
    outbox = Outbox()
    first, _ = laid_out(outbox, 1, PHONE, LAPTOP)
    envelope = under_way(outbox, first)
    outbox.accepted(envelope.id, away_s=0, boot=b"b", now=NOW)
    assert stages_told(outbox.accepted(envelope.id, away_s=0, boot=b"b", now=NOW)) == []
    outbox.answered([first.message], PHONE, Stage.DELIVERED, now=NOW)
    assert outbox.answered([first.message], PHONE, Stage.DELIVERED, now=NOW) == []
    assert outbox.refused(envelope.id, Cause.RECIPIENT_MAILBOX_FULL, retry_at_s=1.0, now=NOW) == []
    assert stages_told(outbox.accepted(envelope.id, away_s=0, boot=b"b", now=NOW)) == []
    assert first.stage is Stage.DELIVERED


def test_a_receipt_that_comes_before_the_relays_acceptance_counts() -> None:
    outbox = Outbox()
    (copy,) = laid_out(outbox)
    envelope = under_way(outbox, copy)
    effects = outbox.answered([copy.message], PHONE, Stage.DELIVERED, now=NOW)
    assert stages_told(effects) == [Stage.DELIVERED]
    assert outbox.flying_bytes == 0
    assert outbox.accepted(envelope.id, away_s=0, boot=b"b", now=NOW) == []


def test_a_read_receipt_after_the_promise_has_ended_is_passed_to_the_journal() -> None:
    (fact, *_) = kept(Outbox().answered([message_number(1)], PHONE, Stage.READ, now=NOW))
    assert isinstance(fact, RaiseStage)


def test_a_receipt_said_again_after_the_promise_has_ended_is_not_told_again() -> None:
    outbox = Outbox()
    (copy,) = laid_out(outbox)
    under_way(outbox, copy)
    outbox.answered([copy.message], PHONE, Stage.DELIVERED, now=NOW)
    assert outbox.answered([copy.message], PHONE, Stage.DELIVERED, now=NOW) == []
    assert stages_told(outbox.answered([copy.message], PHONE, Stage.READ, now=NOW)) == [Stage.READ]
    assert outbox.answered([copy.message], PHONE, Stage.DELIVERED, now=NOW) == []


def test_a_receipt_is_stronger_than_our_having_given_up() -> None:
    outbox = Outbox()
    first, second = laid_out(outbox, 1, PHONE, LAPTOP)
    under_way(outbox, first)
    outbox.failed(first, Cause.RECIPIENT_DEVICE_GONE, now=NOW)
    assert stages_told(outbox.answered([first.message], PHONE, Stage.DELIVERED, now=NOW)) == [Stage.DELIVERED]
    outbox.expire(relay_ms=DAY_MS, now=NOW)
    assert first.stage is Stage.DELIVERED
    assert second.stage is Stage.EXPIRED


def test_a_refusal_for_now_keeps_the_bytes_and_one_for_good_ends_the_copy() -> None:
    outbox = Outbox()
    first, second = laid_out(outbox, 1, PHONE, LAPTOP)
    now_s = 5.0
    outbox.refused(under_way(outbox, first).id, Cause.RECIPIENT_MAILBOX_FULL, retry_at_s=now_s, now=NOW)
    assert (first.stage, first.retry_at_s) == (Stage.SEALED, now_s)
    assert first.sealed is not None
    effects = outbox.refused(under_way(outbox, second).id, Cause.MESSAGE_TOO_LARGE, retry_at_s=None, now=NOW)
    assert stages_told(effects) == [Stage.FAILED]
    assert len(outbox) == 1


def test_a_copy_sealed_anew_is_found_by_its_new_envelope_and_keeps_its_number() -> None:
    outbox = Outbox()
    (copy,) = laid_out(outbox)
    old = under_way(outbox, copy, sequence=7)
    outbox.accepted(old.id, away_s=0, boot=b"b", now=NOW)
    outbox.requeue(copy, reseal=True)
    assert (copy.stage, copy.sealed, copy.sequence) == (Stage.QUEUED, None, 7)
    new = envelope_for(copy, b"anew")
    outbox.sealed(copy, new, sequence=7, now=NOW)
    assert outbox.copy_of(old.id) is None
    assert outbox.copy_of(new.id) is copy
    assert outbox.numbered(PHONE, copy.lane, 7) is copy


def test_only_the_time_of_the_relay_ends_a_promise() -> None:
    outbox = Outbox()
    (copy,) = laid_out(outbox)
    years_later = at(100.0, wall_ms=100 * DAY_MS)
    assert outbox.expire(relay_ms=DAY_MS - 1, now=years_later) == []
    assert stages_told(outbox.expire(relay_ms=DAY_MS, now=years_later)) == [Stage.EXPIRED]
    assert copy.stage is Stage.EXPIRED
    assert len(outbox) == 0


def test_a_letter_nobody_could_be_found_for_ends_with_its_time_too() -> None:
    outbox = Outbox()
    outbox.accept(letter(1), now=NOW)
    effects = outbox.expire(relay_ms=DAY_MS, now=NOW)
    assert stages_told(effects) == [Stage.EXPIRED]
    assert DropOutgoing(message_number(1)) in kept(effects)


def test_after_a_restart_what_was_sent_counts_as_not_sent() -> None:
    outbox = Outbox()
    (copy,) = laid_out(outbox)
    under_way(outbox, copy)
    again = Outbox()
    again.restore(letter(1), [copy.fact(with_bytes=True)])
    restored = again.copy(copy.key)
    assert restored is not None
    assert (restored.stage, restored.sealed) == (Stage.SEALED, copy.sealed)


def test_more_letters_than_a_phone_can_spare_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "LETTERS_MAX", 2)
    outbox = Outbox()
    laid_out(outbox, 1)
    before = outbox.full
    laid_out(outbox, 2)
    assert (before, outbox.full) == (False, True)
    outbox.accept(letter(4, answered=False), now=NOW)
    assert len(outbox) == 3, "a receipt is never refused"


# ---- any order of events

EVENTS = "seal leave write accept away refuse gone deliver read lost resend reseal expire fail late".split()


def happen(outbox: Outbox, copy: Copy, event: str) -> list[Stage]:
    """Let one thing happen to a copy, if the caller's contract allows it now; the stages told."""
    ready = copy.stage in (Stage.QUEUED, Stage.SEALED) and outbox.copy(copy.key) is copy
    envelope = copy.envelope or envelope_for(copy).id
    match event:
        case "seal" if ready and copy.sealed is None:
            envelope_now = envelope_for(copy, bytes([copy.reseals]))
            return stages_told(outbox.sealed(copy, envelope_now, sequence=1, now=NOW))
        case "leave" if ready and copy.sealed is not None and copy.sent_s is None:
            outbox.leaving(copy, now=NOW)
        case "write" | "late":
            return stages_told(outbox.written(envelope, now=NOW))
        case "accept" | "away":
            away_s = 0 if event == "accept" else 60
            return stages_told(outbox.accepted(envelope, away_s=away_s, boot=b"b", now=NOW))
        case "refuse" | "gone":
            retry_at_s = 7.0 if event == "refuse" else None
            cause = Cause.RECIPIENT_MAILBOX_FULL
            return stages_told(outbox.refused(envelope, cause, retry_at_s=retry_at_s, now=NOW))
        case "deliver":
            return stages_told(outbox.answered([copy.message], copy.device, Stage.DELIVERED, now=NOW))
        case "read":
            return stages_told(outbox.answered([copy.message], copy.device, Stage.READ, now=NOW))
        case "lost":
            outbox.connection_lost()
        case "resend" | "reseal" if copy.open and outbox.copy(copy.key) is copy:
            return stages_told(outbox.requeue(copy, reseal=event == "reseal"))
        case "expire":
            return stages_told(outbox.expire(relay_ms=DAY_MS, now=NOW))
        case "fail" if copy.open and outbox.copy(copy.key) is copy:
            return stages_told(outbox.failed(copy, Cause.RECIPIENT_DEVICE_GONE, now=NOW))
    return []


@given(st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(0, 2)), max_size=60))
def test_in_any_order_of_events_a_promise_ends_only_with_proof(events: list[tuple[str, int]]) -> None:
    outbox = Outbox()
    copies = laid_out(outbox, 1, PHONE, LAPTOP, TABLET)
    ended = False
    for event, index in events:
        happen(outbox, copies[index], event)
        ended = ended or not len(outbox)
        proven = all(copy.stage.answered or copy.stage.final for copy in copies)
        assert ended == proven, event
        assert outbox.flying_bytes == sum(len(copy.sealed or b"") for copy in copies if copy.sent_s is not None)
        for copy in copies:
            assert copy.envelope is None or not len(outbox) or outbox.copy_of(copy.envelope) is copy


@given(st.lists(st.sampled_from(EVENTS), max_size=40))
def test_in_any_order_of_events_no_copy_waits_for_something_that_cannot_come(events: list[str]) -> None:
    """Open copies are queued (they may leave), on the connection (its end gives them back), or at the relay."""
    outbox = Outbox()
    copy, _ = laid_out(outbox, 1, PHONE, LAPTOP)
    for event in events:
        happen(outbox, copy, event)
        if copy.stage is Stage.SENT:
            assert copy.sent_s is not None, event
            assert copy in outbox.connection_lost()


@given(st.lists(st.sampled_from(EVENTS), max_size=40))
def test_what_is_told_never_runs_back_but_for_a_new_attempt(events: list[str]) -> None:
    outbox = Outbox()
    copy, _ = laid_out(outbox, 1, PHONE, LAPTOP)
    best = Stage.QUEUED
    for event in events:
        for stage in happen(outbox, copy, event):
            if best.answered:
                assert stage >= best, event
            if stage.answered or stage.final:
                best = stage


@given(st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(0, 1)), max_size=40), st.integers(0, 39))
def test_a_crash_between_any_two_events_loses_no_promise(events: list[tuple[str, int]], crash_at: int) -> None:
    outbox = Outbox()
    copies = laid_out(outbox, 1, PHONE, LAPTOP)
    for index, (event, which) in enumerate(events):
        happen(outbox, copies[which], event)
        if index == crash_at and len(outbox):
            facts: list[KeepCopy] = [copy.fact(with_bytes=True) for copy in copies]
            promise = outbox.promise(message_number(1))
            assert promise is not None
            outbox = Outbox()
            outbox.restore(promise.letter, facts)
            restored = outbox.promise(message_number(1))
            assert restored is not None
            restored.addressed = True
            copies = list(restored.copies.values())
    for copy in copies:
        happen(outbox, copy, "deliver")
    assert len(outbox) == 0
    assert all(copy.account == BEA for copy in copies)


def test_a_receipt_for_what_was_never_sent_there_is_left_to_the_disk_and_not_told() -> None:
    outbox = Outbox()
    (copy,) = laid_out(outbox, 1, PHONE)
    under_way(outbox, copy)
    outbox.answered([copy.message], PHONE, Stage.DELIVERED, now=NOW)
    for forged in ([copy.message], [message_number(9)]):
        effects = outbox.answered(forged, LAPTOP, Stage.READ, now=NOW)
        assert [type(fact) for fact in kept(effects)] == [RaiseStage]
        assert stages_told(effects) == []


def test_after_a_restart_a_receipt_for_what_has_ended_is_told_once_and_only_if_it_says_more() -> None:
    outbox = Outbox()
    (copy,) = laid_out(Outbox(), 1, PHONE)
    delivered, expired = replace(copy.fact(), stage=Stage.DELIVERED), replace(copy.fact(), stage=Stage.EXPIRED)
    outbox.restore_ended([delivered, replace(expired, message=message_number(2))])
    assert outbox.answered([message_number(1)], PHONE, Stage.DELIVERED, now=NOW) == []
    for message, news in ((message_number(1), Stage.READ), (message_number(2), Stage.DELIVERED)):
        assert stages_told(outbox.answered([message], PHONE, news, now=NOW)) == [news]
        assert outbox.answered([message], PHONE, news, now=NOW) == []


def test_what_expired_in_this_run_may_still_turn_out_to_be_delivered() -> None:
    outbox = Outbox()
    (copy,) = laid_out(outbox)
    outbox.expire(relay_ms=DAY_MS, now=NOW)
    assert stages_told(outbox.answered([copy.message], PHONE, Stage.DELIVERED, now=NOW)) == [Stage.DELIVERED]
    assert outbox.answered([copy.message], PHONE, Stage.DELIVERED, now=NOW) == []
