"""Proves that each part of a backup is put back once, below what is here, and never over it."""

from pathlib import Path

import pytest

from answerback.core.facts import KeepMessage
from answerback.storage.journal import Journal
from answerback.wire.keepsakes import Wrote
from tests.storage.samples import ANN, BEA, IDENTITY, message_of


def wrote(number: int) -> Wrote:
    message = message_of(number, author=BEA)
    return Wrote(
        message.id,
        message.conversation,
        message.author,
        message.author_device,
        sorted(message.recipients),
        message.text,
        None,
        message.urgency,
        message.stamp,
        [],
        message.expires_ms,
        4,
    )


@pytest.mark.parametrize("has_newer", [True, False])
def test_the_newest_comes_first_and_each_takes_its_place_below_all_others(tmp_path: Path, *, has_newer: bool) -> None:
    journal = Journal.open(tmp_path, key=None)
    journal.keep_identity(IDENTITY)
    here = [message_of(9)] if has_newer else []
    journal.commit([KeepMessage(message, 5) for message in here])
    for _ in range(2):
        journal.take_back([wrote(3), wrote(2)], own=ANN)
        journal.take_back([wrote(2), wrote(1)], own=ANN)
    found = journal.messages()
    assert [kept.message.id for kept in found] == [
        message_of(number).id for number in (*([9] if here else []), 3, 2, 1)
    ]
    assert all(kept.arrival <= 0 for kept in found[len(here) :])
    journal.commit([KeepMessage(message_of(10), 6)])
    assert journal.messages()[0].message.id == message_of(10).id
    journal.close()
