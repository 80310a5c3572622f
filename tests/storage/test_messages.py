"""Proves that a message comes back from its row as it was kept."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from answerback.core.facts import KeepMessage
from answerback.model.message import Urgency
from answerback.storage.journal import Journal
from tests.storage.samples import ANN, BEA, FILE, IDENTITY, KEY, message_of


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal.open(tmp_path, key=KEY)
    opened.keep_identity(IDENTITY)
    yield opened
    opened.close()


def test_everything_a_message_has_comes_back(journal: Journal) -> None:
    earlier = frozenset({message_of(1).id, message_of(2).id})
    message = replace(
        message_of(3),
        text="schön, 再见 🙂",
        attachment=FILE,
        urgency=Urgency.URGENT,
        recipients=frozenset({ANN, BEA}),
        written_after=earlier,
    )
    journal.commit([KeepMessage(message, 7)])
    (kept,) = journal.messages()
    assert (kept.message, kept.arrived_wall_ms) == (message, 7)


def test_a_message_is_mine_whichever_of_my_devices_wrote_it(journal: Journal) -> None:
    assert IDENTITY.account in (ANN, BEA)
    other = BEA if IDENTITY.account == ANN else ANN
    mine, theirs = message_of(1, author=IDENTITY.account), message_of(2, author=other)
    journal.commit([KeepMessage(mine, 1), KeepMessage(theirs, 2)])
    assert [kept.mine for kept in journal.messages()] == [False, True]


def test_arrivals_count_up_and_never_again_the_same(journal: Journal) -> None:
    journal.commit([KeepMessage(message_of(number), number) for number in (3, 1, 2)])
    arrivals = [kept.arrival for kept in journal.messages()]
    assert arrivals == sorted(arrivals, reverse=True)
    assert len(set(arrivals)) == 3
