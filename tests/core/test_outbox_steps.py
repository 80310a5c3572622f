"""Proves what each event of a letter puts on disk, what it tells, and what a restart brings back."""

from dataclasses import replace

import pytest

from answerback.core import outbox as outbox_module
from answerback.core.effects import Moment, Progressed, Save, Tell
from answerback.core.facts import DropOutgoing, KeepCopy, KeepOutgoing, KeepStep, RaiseStage
from answerback.core.outbox import RETIME_MS, Outbox
from answerback.model.causes import Cause
from answerback.model.ids import EnvelopeId
from answerback.model.message import Lane
from answerback.model.timeline import Evidence, Stage, Step
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


def test_a_promise_is_on_disk_before_it_is_told() -> None:
    outbox = Outbox()
    step = Step(Stage.QUEUED, Evidence.JOURNAL, NOW.wall_ms)
    assert outbox.accept(letter(1), now=NOW) == [
        Save(letter(1)),
        Save(KeepStep(message_number(1), None, step)),
        Tell(Progressed(message_number(1), None, step)),
    ]


def test_what_is_on_disk_of_a_copy_comes_back_whole() -> None:
    outbox = Outbox()
    on_disk = KeepCopy(
        message=message_number(1),
        account=BEA,
        device=PHONE,
        lane=Lane.BULK,
        stage=Stage.ACCEPTED,
        attempts=3,
        sequence=7,
        envelope=EnvelopeId(b"e" * 16),
        sealed=b"sealed",
        cause=Cause.RECIPIENT_DEVICE_AWAY,
        boot=b"boot",
        accepted_wall_ms=12_345,
    )
    outbox.restore(letter(1), [on_disk])
    copy = outbox.copy((message_number(1), PHONE))
    assert copy is not None
    assert copy.fact(with_bytes=True) == on_disk
    assert copy.fact() == replace(on_disk, sealed=None)
    assert outbox.copy_of(EnvelopeId(b"e" * 16)) is copy
    assert outbox.numbered(PHONE, Lane.BULK, 7) is copy


def test_that_a_letter_has_its_address_is_on_disk_with_its_copies() -> None:
    outbox = Outbox()
    outbox.accept(letter(1), now=NOW)
    facts = kept(outbox.lay_out(message_number(1), [(BEA, PHONE)]))
    assert [type(fact) for fact in facts] == [KeepCopy, KeepOutgoing]
    assert facts[1] == replace(letter(1), addressed=True)
    again = kept(outbox.lay_out(message_number(1), [(BEA, PHONE), (BEA, LAPTOP)]))
    assert [fact.device for fact in again if isinstance(fact, KeepCopy)] == [LAPTOP]
    assert len(again) == 1


def test_a_newer_device_list_reopens_the_address_of_a_post_but_not_of_a_receipt_or_of_what_has_ended() -> None:
    outbox = Outbox()
    outbox.unaddress(message_number(9))
    laid_out(outbox, 1)
    outbox.accept(letter(2, devices=(PHONE,), recipients=()), now=NOW)
    outbox.lay_out(message_number(2), [(BEA, PHONE)])
    for number in (1, 2):
        outbox.unaddress(message_number(number))
    post, receipt = outbox.promise(message_number(1)), outbox.promise(message_number(2))
    assert post is not None
    assert receipt is not None
    assert (post.addressed, receipt.addressed) == (False, True)


def test_each_attempt_is_counted_and_its_bytes_are_under_way_until_it_lands() -> None:
    outbox = Outbox()
    first, second = laid_out(outbox, 1, PHONE, LAPTOP)
    sizes = [len(under_way(outbox, copy, sequence=1).sealed) for copy in (first, second)]
    assert outbox.flying_bytes == sum(sizes)
    assert first.envelope is not None
    outbox.accepted(first.envelope, away_s=0, boot=b"b", now=NOW)
    assert outbox.flying_bytes == sizes[1]
    outbox.connection_lost()
    outbox.leaving(second, now=NOW)
    assert (first.attempts, second.attempts) == (1, 2)
    assert outbox.flying_bytes == sizes[1]


def test_a_step_says_which_attempt_it_was_and_what_proves_it() -> None:
    outbox = Outbox()
    (copy,) = laid_out(outbox)
    under_way(outbox, copy)
    outbox.connection_lost()
    outbox.leaving(copy, now=NOW)
    assert copy.envelope is not None
    written = outbox.written(copy.envelope, now=at(101.0))
    sent = Step(Stage.SENT, Evidence.SOCKET, 101_000, Cause.UNKNOWN, 2)
    assert written == [
        Save(copy.fact()),
        Save(KeepStep(copy.message, PHONE, sent)),
        Tell(Progressed(copy.message, PHONE, sent)),
    ]
    accepted = outbox.accepted(copy.envelope, away_s=60, boot=b"boot", now=at(102.0))
    assert (copy.boot, copy.accepted_s, copy.accepted_wall_ms) == (b"boot", 102.0, 102_000)
    step = Step(Stage.ACCEPTED, Evidence.RELAY, 102_000, Cause.RECIPIENT_DEVICE_AWAY, 2)
    assert accepted == [
        Save(copy.fact()),
        Save(KeepStep(copy.message, PHONE, step)),
        Tell(Progressed(copy.message, PHONE, step)),
    ]
    outbox.requeue(copy, reseal=False)
    outbox.accepted(copy.envelope, away_s=0, boot=b"later", now=at(103.0))
    assert (copy.boot, copy.cause, copy.accepted_s) == (b"later", None, 103.0)
    assert copy.accepted_wall_ms == 102_000, "the relay's first word is what is shown"


def test_a_refusal_is_told_with_its_cause_and_its_attempt() -> None:
    outbox = Outbox()
    first, second = laid_out(outbox, 1, PHONE, LAPTOP)
    full, large = Cause.RECIPIENT_MAILBOX_FULL, Cause.MESSAGE_TOO_LARGE
    refused = outbox.refused(under_way(outbox, first).id, full, retry_at_s=9.0, now=NOW)
    step = Step(Stage.SEALED, Evidence.REFUSAL, NOW.wall_ms, full, 1)
    assert refused == [
        Save(first.fact()),
        Save(KeepStep(first.message, PHONE, step)),
        Tell(Progressed(first.message, PHONE, step)),
    ]
    assert first.cause is full
    failed = outbox.refused(under_way(outbox, second).id, large, retry_at_s=None, now=NOW)
    step = Step(Stage.FAILED, Evidence.REFUSAL, NOW.wall_ms, large, 1)
    assert failed == [
        Save(second.fact()),
        Save(KeepStep(second.message, LAPTOP, step)),
        Tell(Progressed(second.message, LAPTOP, step)),
    ]
    assert second.cause is large
    assert outbox.flying_bytes == 0


def test_a_receipt_is_told_of_each_message_it_names_and_clears_its_cause() -> None:
    outbox = Outbox()
    (first,), (second,) = laid_out(outbox, 1), laid_out(outbox, 2)
    outbox.accepted(under_way(outbox, first, sequence=1).id, away_s=60, boot=b"b", now=NOW)
    under_way(outbox, second, sequence=2)
    unsent = message_number(1)
    effects = outbox.answered([unsent, message_number(2)], PHONE, Stage.READ, now=NOW)
    assert (first.stage, first.cause, second.stage) == (Stage.READ, None, Stage.READ)
    step = Step(Stage.READ, Evidence.RECEIPT, NOW.wall_ms)
    assert [effect for effect in effects if isinstance(effect, Tell)] == [
        Tell(Progressed(message_number(number), PHONE, step)) for number in (1, 2)
    ]
    assert [fact for fact in kept(effects) if isinstance(fact, KeepStep)] == [
        KeepStep(message_number(number), PHONE, step) for number in (1, 2)
    ]


def test_a_receipt_from_a_device_the_message_was_never_sent_to_counts_for_nothing() -> None:
    outbox = Outbox()
    laid_out(outbox, 1, PHONE)
    (second,) = laid_out(outbox, 2, PHONE)
    assert outbox.answered([message_number(1)], TABLET, Stage.DELIVERED, now=NOW) == []
    both = outbox.answered([message_number(1), message_number(2)], TABLET, Stage.DELIVERED, now=NOW)
    assert both == []
    assert second.stage is Stage.QUEUED


def test_a_late_receipt_for_a_promise_that_has_ended_is_kept_and_told() -> None:
    outbox = Outbox()
    (copy,) = laid_out(outbox, 1, PHONE)
    under_way(outbox, copy)
    outbox.answered([copy.message], PHONE, Stage.DELIVERED, now=NOW)
    step = Step(Stage.READ, Evidence.RECEIPT, NOW.wall_ms)
    assert outbox.answered([message_number(1)], PHONE, Stage.READ, now=NOW) == [
        Save(RaiseStage(message_number(1), PHONE, step)),
        Tell(Progressed(message_number(1), PHONE, step)),
    ]
    assert outbox.answered([message_number(1)], PHONE, Stage.READ, now=NOW) == []
    assert outbox.answered([message_number(1)], PHONE, Stage.DELIVERED, now=NOW) == []
    assert stages_told(outbox.answered([message_number(1)], LAPTOP, Stage.READ, now=NOW)) == []


def test_how_far_ended_copies_came_is_remembered_of_the_newest_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "ENDED_MAX", 2)
    outbox = Outbox()
    (copy,) = laid_out(Outbox())
    outbox.restore_ended(replace(copy.fact(), message=message_number(number)) for number in (1, 2, 3))
    told = [stages_told(outbox.answered([message_number(n)], PHONE, Stage.READ, now=NOW)) for n in (3, 2, 1)]
    assert told == [[Stage.READ], [Stage.READ], []]


def test_a_promise_that_expires_says_so_of_each_copy_that_is_open_and_of_itself_if_it_has_none() -> None:
    outbox = Outbox()
    first, second = laid_out(outbox, 1, PHONE, LAPTOP)
    outbox.answered([first.message], PHONE, Stage.DELIVERED, now=NOW)
    under_way(outbox, second)
    outbox.accept(letter(2), now=NOW)
    outbox.accept(letter(3, expires_ms=DAY_MS + 1), now=NOW)
    effects = outbox.expire(relay_ms=DAY_MS, now=NOW)
    copy_step = Step(Stage.EXPIRED, Evidence.CLOCK, NOW.wall_ms, Cause.MESSAGE_EXPIRED, 1)
    whole_step = Step(Stage.EXPIRED, Evidence.CLOCK, NOW.wall_ms, Cause.MESSAGE_EXPIRED)
    assert [effect.news for effect in effects if isinstance(effect, Tell)] == [
        Progressed(message_number(1), LAPTOP, copy_step),
        Progressed(message_number(2), None, whole_step),
    ]
    assert (second.cause, outbox.flying_bytes, len(outbox)) == (Cause.MESSAGE_EXPIRED, 0, 1)
    assert [fact for fact in kept(effects) if isinstance(fact, DropOutgoing)] == [
        DropOutgoing(message_number(1)),
        DropOutgoing(message_number(2)),
    ]


def test_an_end_that_was_guessed_is_corrected_for_what_never_left_and_for_nothing_else() -> None:
    outbox = Outbox()
    outbox.restore(letter(1), [])
    outbox.accept(letter(2), now=NOW)
    (left,) = laid_out(outbox, 3)
    under_way(outbox, left)
    guessed_by = {"shift_ms": 3 * RETIME_MS, "earlier_shift_ms": 2 * RETIME_MS}
    facts = kept(outbox.retime(**guessed_by, latest_ms=DAY_MS * 2))
    ends = [(fact.id, fact.expires_ms) for fact in facts if isinstance(fact, KeepOutgoing)]
    assert ends == [(message_number(1), DAY_MS + 2 * RETIME_MS), (message_number(2), DAY_MS + 3 * RETIME_MS)]
    late = outbox.promise(message_number(2))
    assert late is not None
    assert late.letter.expires_ms == DAY_MS + 3 * RETIME_MS


def test_a_correction_keeps_the_address_and_stays_within_what_can_be_sent() -> None:
    outbox = Outbox()
    (copy,) = laid_out(outbox, 1)
    assert outbox.retime(shift_ms=RETIME_MS, earlier_shift_ms=0, latest_ms=2 * DAY_MS) == []
    assert outbox.retime(shift_ms=-RETIME_MS, earlier_shift_ms=0, latest_ms=2 * DAY_MS) == []
    (fact,) = kept(outbox.retime(shift_ms=2 * DAY_MS, earlier_shift_ms=0, latest_ms=2 * DAY_MS))
    assert fact == replace(letter(1), expires_ms=2 * DAY_MS, addressed=True)
    (fact,) = kept(outbox.retime(shift_ms=-DAY_MS, earlier_shift_ms=0, latest_ms=2 * DAY_MS))
    assert fact == replace(letter(1), expires_ms=DAY_MS, addressed=True)
    assert copy.attempts == 0


def test_an_end_set_in_an_earlier_run_is_moved_later_at_most() -> None:
    outbox = Outbox()
    outbox.restore(letter(1), [])
    assert outbox.retime(shift_ms=DAY_MS, earlier_shift_ms=-DAY_MS, latest_ms=2 * DAY_MS) == []
    assert outbox.retime(shift_ms=DAY_MS, earlier_shift_ms=RETIME_MS, latest_ms=2 * DAY_MS) == []


SLEPT_MS = 3_600_000


def test_what_was_promised_after_a_sleep_that_no_clock_noticed_keeps_its_whole_time() -> None:
    outbox = Outbox()
    outbox.restore(letter(1), [])
    for number, promised in enumerate(
        (Moment(10.0, 0), Moment(20.0, 10_000), Moment(30.0, 20_000 + SLEPT_MS)), start=2
    ):
        outbox.accept(replace(letter(number), accepted_wall_ms=promised.wall_ms), now=promised)
    now = Moment(40.0, 30_000 + SLEPT_MS)
    facts = kept(outbox.overslept(SLEPT_MS, since_s=15.0, latest_ms=2 * DAY_MS, now=now))
    assert facts == [replace(letter(4), accepted_wall_ms=20_000 + SLEPT_MS, expires_ms=DAY_MS + SLEPT_MS)], (
        "what was promised before the sleep was given the right end, and what an earlier run promised is none of its"
    )


def test_where_the_wall_clock_tells_nothing_of_a_sleep_nothing_ends_before_its_time() -> None:
    outbox = Outbox()
    outbox.accept(letter(1), now=NOW)
    set_back = Moment(NOW.now_s + 10.0, -DAY_MS)
    (fact,) = kept(outbox.overslept(SLEPT_MS, since_s=0.0, latest_ms=DAY_MS + 1, now=set_back))
    assert fact == replace(letter(1), expires_ms=DAY_MS + 1), "and nothing lives longer than can be sent"
    assert outbox.overslept(-SLEPT_MS, since_s=0.0, latest_ms=DAY_MS, now=set_back) == [], (
        "a relay's clock was set back"
    )
    assert outbox.overslept(RETIME_MS, since_s=0.0, latest_ms=2 * DAY_MS, now=set_back) == [], "no worse than a guess"


def test_what_is_said_again_changes_no_time_and_tells_nothing() -> None:
    outbox = Outbox()
    first, second = laid_out(outbox, 1, PHONE, LAPTOP)
    envelope = under_way(outbox, first)
    assert outbox.written(envelope.id, now=at(101.0)) == [], "the socket took it once"
    outbox.accepted(envelope.id, away_s=0, boot=b"b", now=at(102.0))
    again = outbox.accepted(envelope.id, away_s=0, boot=b"b", now=at(103.0))
    assert (first.accepted_s, stages_told(again)) == (102.0, [])
    full = Cause.RECIPIENT_MAILBOX_FULL
    assert outbox.refused(envelope.id, full, retry_at_s=9.0, now=at(104.0)) == [], "it was accepted"
    assert second.stage is Stage.QUEUED


def test_an_acceptance_from_before_a_restart_is_timed_when_it_is_said_again() -> None:
    outbox = Outbox()
    (copy,) = laid_out(outbox)
    envelope = under_way(outbox, copy)
    outbox.accepted(envelope.id, away_s=0, boot=b"b", now=NOW)
    again = Outbox()
    again.restore(letter(1), [copy.fact(with_bytes=True)])
    restored = again.copy(copy.key)
    assert restored is not None
    times = [restored.accepted_s]
    told = again.accepted(envelope.id, away_s=0, boot=b"b", now=at(200.0))
    times.append(restored.accepted_s)
    assert (times, stages_told(told)) == ([None, 200.0], [])


def test_one_message_a_receipt_cannot_move_holds_up_none_of_the_others() -> None:
    outbox = Outbox()
    laid_out(outbox, 1, LAPTOP)
    (second,) = laid_out(outbox, 2, PHONE)
    under_way(outbox, second)
    outbox.restore_ended([replace(second.fact(), message=message_number(7), stage=Stage.DELIVERED)])
    messages = [message_number(number) for number in (1, 7, 8, 9, 2)]
    effects = outbox.answered(messages, PHONE, Stage.DELIVERED, now=NOW)
    told = [effect.news for effect in effects if isinstance(effect, Tell)]
    assert [news.message for news in told if isinstance(news, Progressed)] == [message_number(2)]
    raised = [fact.message for fact in kept(effects) if isinstance(fact, RaiseStage)]
    assert raised == [message_number(8), message_number(9)]


def test_a_letter_that_has_ended_is_found_no_more() -> None:
    outbox = Outbox()
    (copy,) = laid_out(outbox)
    envelope = under_way(outbox, copy, sequence=4)
    outbox.answered([copy.message], PHONE, Stage.DELIVERED, now=NOW)
    assert outbox.copy_of(envelope.id) is None
    assert outbox.numbered(PHONE, copy.lane, 4) is None
    assert (outbox.copy(copy.key), outbox.promise(copy.message)) == (None, None)


def test_what_is_sealed_anew_says_which_attempt_it_follows() -> None:
    outbox = Outbox()
    (copy,) = laid_out(outbox)
    under_way(outbox, copy)
    outbox.requeue(copy, reseal=True)
    effects = outbox.sealed(copy, envelope_for(copy, b"anew"), sequence=1, now=NOW)
    step = Step(Stage.SEALED, Evidence.RATCHET, NOW.wall_ms, attempt=1)
    assert KeepStep(copy.message, PHONE, step) in kept(effects)
    assert copy.reseals == 1
