"""Proves that people find their messages again."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from answerback.core.facts import KeepContact, KeepDeviceName, KeepMessage
from answerback.model.errors import UsageError
from answerback.model.ids import ConversationId, MessageId, message_id_text
from answerback.storage.journal import Journal
from tests.storage.samples import ANN, BEA, FILE, IDENTITY, KEY, PHONE, TALK, golden_facts, message_of

OTHER = ConversationId(b"other".ljust(16, b"."))


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal.open(tmp_path, key=KEY)
    opened.keep_identity(IDENTITY)
    yield opened
    opened.close()


def test_pages_go_from_the_newest_arrival_back_without_gap_or_overlap(journal: Journal) -> None:
    journal.commit([KeepMessage(message_of(number, stamp_ms=100 - number), number) for number in range(1, 26)])
    pages, before = [], None
    while page := journal.messages(conversation=TALK, limit=10, before=before):
        pages.append([kept.arrived_wall_ms for kept in page])
        before = page[-1].arrival
    assert [len(page) for page in pages] == [10, 10, 5]
    assert [number for page in pages for number in page] == list(range(25, 0, -1))
    assert [kept.arrived_wall_ms for kept in journal.messages(limit=2, before=4)] == [3, 2]


def test_conversations_come_newest_first_with_their_count_and_last_message(journal: Journal) -> None:
    elsewhere = replace(message_of(3, author=BEA), conversation=OTHER)
    journal.commit(
        [KeepMessage(message_of(1), 1), KeepMessage(message_of(2, author=BEA), 2), KeepMessage(elsewhere, 3)]
    )
    journal.commit([KeepMessage(message_of(4), 4)])
    found = journal.conversations()
    assert [(line.id, line.message_count, line.last.message.id) for line in found] == [
        (TALK, 3, message_of(4).id),
        (OTHER, 1, elsewhere.id),
    ]
    assert found[0].members == {ANN, BEA}


def test_a_message_is_marked_as_mine_by_account_not_by_device(journal: Journal) -> None:
    journal.commit([KeepMessage(message_of(1), 1), KeepMessage(message_of(2, author=BEA), 2)])
    assert [kept.mine for kept in journal.messages()] == [False, True]


def test_a_message_is_kept_whole(journal: Journal) -> None:
    earlier = frozenset({message_of(1).id, message_of(2).id})
    whole = replace(message_of(3), attachment=FILE, written_after=earlier, text="né\0 🌊")
    journal.commit([KeepMessage(whole, 7)])
    kept = journal.message(whole.id)
    assert kept is not None
    assert kept.message == whole
    assert journal.message(message_of(4).id) is None


def test_a_message_is_found_by_the_beginning_of_its_id(journal: Journal) -> None:
    first, second = (
        replace(message_of(1), id=MessageId(start + bytes(12))) for start in (b"\x01\x92\xab\xcd", b"\x01\x93\x00\x00")
    )
    journal.commit([KeepMessage(first, 1), KeepMessage(second, 2)])
    for prefix in ("0192abcd", "0192", "0192AB", " 0192a", message_id_text(first.id), message_id_text(first.id)[:10]):
        found = journal.find_message(prefix)
        assert found is not None
        assert found.message.id == first.id
    assert journal.find_message("0194") is None


@pytest.mark.parametrize("prefix", ["", "019", "zzzz", "0192%", "00" * 17])
def test_what_cannot_begin_an_id_is_refused(journal: Journal, prefix: str) -> None:
    with pytest.raises(UsageError, match="not the beginning of a message id"):
        journal.find_message(prefix)


def test_a_beginning_that_several_share_is_refused(journal: Journal) -> None:
    journal.commit([KeepMessage(message_of(number), number) for number in (1, 2)])
    with pytest.raises(UsageError, match="give more of it"):
        journal.find_message("00000000")


def test_what_is_known_of_others_and_how_much_is_kept(journal: Journal) -> None:
    journal.commit(golden_facts())
    assert journal.contacts() == (KeepContact("bea@example.org", BEA),)
    assert journal.device_names() == (KeepDeviceName(PHONE, "Bea's phone"),)
    assert [transfer.blob for transfer in journal.transfers()] == [FILE.blob]
    counts = journal.counts()
    assert (counts.messages, counts.outgoing, counts.copies, counts.seen, counts.transfers) == (2, 1, 1, 1, 1)


def test_a_person_with_many_messages_sees_the_newest_through_an_index(journal: Journal) -> None:
    for sql in (
        "SELECT id FROM messages WHERE conversation = x'00' AND arrival < 9 ORDER BY arrival DESC LIMIT 5",
        "SELECT id FROM messages WHERE arrival < 9 ORDER BY arrival DESC LIMIT 5",
        "SELECT max(arrival), count(*) FROM messages GROUP BY conversation",
        "SELECT id FROM messages WHERE id BETWEEN x'00' AND x'01' LIMIT 2",
    ):
        plan = " ".join(str(row[-1]) for row in journal._database.rows(f"EXPLAIN QUERY PLAN {sql}"))
        assert "USING" in plan, plan
        assert "TEMP B-TREE" not in plan, plan
