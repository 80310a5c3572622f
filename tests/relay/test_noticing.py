"""Proves that devices are told of their handles at once, after each welcome, and of nobody else's."""

import pytest

from answerback.model.handle_state import HandleState
from answerback.model.ids import AccountId
from answerback.relay import noticing
from answerback.relay.noticing import Noticing
from answerback.storage.handle_store import NoticeRow
from answerback.wire.frames import HandleNotice

ANN, BEA = AccountId(b"a" * 16), AccountId(b"b" * 16)


def row(account: AccountId, handle: str, state: HandleState = HandleState.LEAVING) -> NoticeRow:
    return NoticeRow(account, handle, state, BEA, 7)


def test_each_account_hears_the_newest_of_each_of_its_handles() -> None:
    notices = Noticing()
    news = notices.put([row(ANN, "a"), row(ANN, "b"), row(BEA, "c"), row(ANN, "a", HandleState.LEFT)])
    assert [len(news[account]) for account in (ANN, BEA)] == [3, 1]
    assert notices.of(ANN) == [
        HandleNotice("a", HandleState.LEFT, BEA, 7),
        HandleNotice("b", HandleState.LEAVING, BEA, 7),
    ]
    assert notices.of(AccountId(b"c" * 16)) == []


def test_memory_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noticing, "NOTICES_MAX", 2)
    notices = Noticing()
    notices.put([row(ANN, "a"), row(ANN, "b"), row(BEA, "c")])
    assert (notices.of(ANN), len(notices.of(BEA))) == ([], 1)
