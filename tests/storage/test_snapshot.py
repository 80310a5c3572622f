"""Proves that an engine gets back what it asked to keep, also from files that older versions wrote."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from answerback.core.facts import KeepDraft, KeepMessage, KeepSeen, KeepStep, KeepTextStep
from answerback.model.stamp import DRIFT_MS_MAX, Stamp
from answerback.storage.journal import Journal
from answerback.storage.layout import JOURNAL_FILE
from tests.storage.samples import BEA, IDENTITY, KEY, golden_facts, message_of

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal.open(tmp_path, key=KEY)
    yield opened
    opened.close()


@pytest.mark.parametrize("stored", sorted(GOLDEN.glob("journal_*.db")), ids=lambda path: path.stem)
def test_a_journal_of_each_version_is_still_read(stored: Path, tmp_path: Path) -> None:
    shutil.copy(stored, tmp_path / JOURNAL_FILE)
    journal = Journal.open(tmp_path, key=KEY)
    try:
        assert journal.identity() == IDENTITY
        assert journal.settings() == {"receipts": "on"}
        snapshot, facts = journal.load(), golden_facts(version=int(stored.stem[-4:]))
        found = [
            *(*snapshot.drafts, *snapshot.outgoing, *snapshot.copies, *snapshot.ratchets, snapshot.device_keys),
            *(*snapshot.seal_secrets, *snapshot.device_lists, *snapshot.seal_keys, *snapshot.contacts),
            *(*snapshot.device_names, *snapshot.streams, *snapshot.seen, *snapshot.cursors, snapshot.relay),
            *(*snapshot.transfers, *snapshot.networks, *snapshot.verified, *snapshot.changes),
            *snapshot.notes,
            *((snapshot.lease,) if snapshot.lease else ()),
            *(*snapshot.fallbacks, *snapshot.consents, *snapshot.texts),
            *(*snapshot.private, *snapshot.text_arrivals),
            *(*snapshot.labels, *((snapshot.log,) if snapshot.log else ()), *journal.evidence()),
        ]
        assert found == [fact for fact in facts if not isinstance(fact, KeepMessage | KeepStep | KeepTextStep)]
        lives = [step for text, steps in journal.texts(message_of(1).id) for step in steps]
        assert lives == [fact.step for fact in facts if isinstance(fact, KeepTextStep)]
        messages = [KeepMessage(kept.message, kept.arrived_wall_ms) for kept in reversed(journal.messages())]
        assert [*messages, *journal.steps(message_of(1).id)] == [
            fact for fact in facts if isinstance(fact, KeepMessage | KeepStep)
        ]
        journal.check()
    finally:
        journal.close()


def test_there_is_a_stored_journal_of_every_version(journal: Journal) -> None:
    stored = [path.stem for path in sorted(GOLDEN.glob("journal_*.db"))]
    assert stored == [f"journal_{number:04}" for number in range(1, journal._database.version + 1)]


def test_an_empty_journal_has_nothing_to_restore(journal: Journal) -> None:
    snapshot = journal.load()
    assert (snapshot.device_keys, snapshot.relay, snapshot.last_stamp) == (None, None, Stamp(0, 0))
    assert (snapshot.outgoing, snapshot.copies, snapshot.seen) == ((), (), ())


def test_a_stamp_from_the_far_future_does_not_drag_our_clock_along_after_a_restart(journal: Journal) -> None:
    journal.keep_identity(IDENTITY)
    far = message_of(1, author=BEA, stamp_ms=10 * DRIFT_MS_MAX)
    near = message_of(2, author=BEA, stamp_ms=900 + DRIFT_MS_MAX)
    journal.commit([KeepMessage(far, 1_000), KeepMessage(near, 1_000)])
    assert journal.load().last_stamp == near.stamp


def test_our_own_stamps_are_never_given_out_twice(journal: Journal) -> None:
    journal.keep_identity(IDENTITY)
    ours = message_of(1, stamp_ms=10 * DRIFT_MS_MAX)
    journal.commit([KeepMessage(ours, 1_000)])
    assert journal.load().last_stamp == ours.stamp
    (draft,) = (fact for fact in golden_facts() if isinstance(fact, KeepDraft))
    journal.commit([draft])
    assert journal.load().last_stamp == max(ours.stamp, draft.stamp)


def test_seen_envelopes_come_back_in_the_order_they_were_taken(journal: Journal) -> None:
    (seen,) = (fact for fact in golden_facts() if isinstance(fact, KeepSeen))
    later = KeepSeen(type(seen.id)(b"a" * 16), 99)
    journal.commit([seen, later, KeepSeen(seen.id, 100)])
    assert journal.load().seen == (seen, later)
