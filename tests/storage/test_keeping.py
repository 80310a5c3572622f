"""Proves what becomes of facts that come again, late, or about nothing."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from answerback.core.facts import Fact, KeepMessage, KeepOwnList, KeepPast, KeepStep, RaiseStage
from answerback.model.causes import Cause
from answerback.model.devices import Signed
from answerback.model.ids import MessageId
from answerback.model.timeline import Evidence, Stage, Step
from answerback.storage.journal import Journal
from answerback.storage.keeping import statements
from tests.storage.samples import KEY, LAPTOP, PHONE, copy_of, golden_facts, message_of, outgoing_of


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal.open(tmp_path, key=KEY)
    yield opened
    opened.close()


def _receipt(stage: Stage, *, number: int = 1) -> RaiseStage:
    return RaiseStage(message_of(number).id, PHONE, Step(stage, Evidence.RECEIPT, 9))


def _stages(journal: Journal) -> tuple[Stage, list[Stage]]:
    """The stage of the copy, and those of its timeline."""
    identity = message_of(1).id
    return journal.copies(identity)[0].stage, [kept.step.stage for kept in journal.steps(identity)]


def test_a_message_whose_id_is_known_changes_nothing(journal: Journal) -> None:
    journal.commit([KeepMessage(message_of(1), 5)])
    journal.commit([KeepMessage(message_of(1, text="forged"), 6), KeepMessage(message_of(2), 7)])
    assert [(kept.message.text, kept.arrived_wall_ms) for kept in journal.messages()] == [
        (message_of(2).text, 7),
        (message_of(1).text, 5),
    ]


def test_later_updates_of_a_copy_leave_its_bytes(journal: Journal) -> None:
    facts = [fact for fact in golden_facts() if not isinstance(fact, KeepMessage)]
    journal.commit(facts)
    (before,) = journal.load().copies
    journal.commit([replace(before, stage=Stage.SENT, sealed=None, cause=Cause.NETWORK_STALLED)])
    (after,) = journal.load().copies
    assert (after.sealed, after.stage, after.cause) == (before.sealed, Stage.SENT, Cause.NETWORK_STALLED)


def test_a_read_receipt_after_the_end_of_the_promise_still_counts_once(journal: Journal) -> None:
    journal.commit([copy_of(1, Stage.DELIVERED)])
    journal.commit([_receipt(Stage.READ)])
    journal.commit([_receipt(Stage.READ), _receipt(Stage.DELIVERED)])
    assert _stages(journal) == (Stage.READ, [Stage.READ])


@pytest.mark.parametrize("end", [Stage.FAILED, Stage.EXPIRED])
def test_a_receipt_that_comes_after_we_gave_up_still_counts(journal: Journal, end: Stage) -> None:
    journal.commit([copy_of(1, end)])
    journal.commit([_receipt(Stage.ACCEPTED)])
    assert _stages(journal) == (end, [])
    journal.commit([_receipt(Stage.DELIVERED)])
    assert _stages(journal) == (Stage.DELIVERED, [Stage.DELIVERED])


def test_a_receipt_for_what_was_never_sent_there_changes_nothing(journal: Journal) -> None:
    journal.commit([copy_of(1, Stage.ACCEPTED)])
    journal.commit([_receipt(Stage.READ, number=2), replace(_receipt(Stage.READ), device=LAPTOP)])
    assert _stages(journal) == (Stage.ACCEPTED, [])
    assert journal.steps(message_of(2).id) == []
    assert journal.copies(MessageId(b"?" * 16)) == []


def test_every_kind_of_fact_has_statements() -> None:
    kept = {type(fact) for fact in golden_facts()}
    gone = {kind for kind in get_args(Fact) if kind.__name__.startswith("Drop")}
    assert kept | gone | {RaiseStage, KeepOwnList, KeepPast} == set(get_args(Fact))
    listed = KeepOwnList(4, Signed(b"list", b"signature"))  # younger than the first golden files
    assert all(list(statements(fact)) for fact in [*golden_facts(), listed])


def test_a_copy_that_is_sealed_anew_has_the_new_bytes(journal: Journal) -> None:
    journal.commit([outgoing_of(1), copy_of(1, Stage.SEALED, sealed=b"old")])
    journal.commit([copy_of(1, Stage.SEALED, sealed=b"new")])
    assert [copy.sealed for copy in journal.load().copies] == [b"new"]


def test_history_stands_behind_everything_and_a_known_message_keeps_what_is_known_of_it(journal: Journal) -> None:
    known, past = message_of(1), message_of(2)
    journal.commit([KeepMessage(known, 11)])
    step = KeepStep(known.id, None, Step(Stage.QUEUED, Evidence.JOURNAL, 5))
    late = KeepStep(past.id, None, Step(Stage.READ, Evidence.RECEIPT, 6))
    facts = [
        KeepPast(known, 3, (copy_of(1, Stage.READ),), (step,)),
        KeepPast(past, 4, (copy_of(2, Stage.READ),), (late,)),
    ]
    for _ in range(2):  # once is as good as twice
        journal.commit(facts)
    assert [(kept.arrival, kept.arrived_wall_ms) for kept in journal.messages()] == [(1, 11), (-1, 4)]
    assert (journal.steps(known.id), journal.copies(known.id)) == ([], [])
    assert journal.steps(past.id) == [late]
    assert [copy.stage for copy in journal.copies(past.id)] == [Stage.READ]
    assert journal.load().past == ((past.author, past.id),)
