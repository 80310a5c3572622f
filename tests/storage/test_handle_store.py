"""Proves that moves, locks and notices are kept one for each handle, and forgotten when they are over."""

from pathlib import Path

from answerback.model.handle_state import HandleState
from answerback.model.ids import AccountId
from answerback.storage.database import open_database
from answerback.storage.handle_store import HandleStore, MoveRow, NoticeRow

ANN, BEA = AccountId(b"a" * 16), AccountId(b"b" * 16)
HANDLE = "ann@example.org"


def test_a_handle_is_in_one_move_at_a_time(tmp_path: Path) -> None:
    database = open_database(tmp_path / "relay.db", schema="relay")
    store = HandleStore(database)
    for due_ms in (5, 9):
        store.keep_move(MoveRow(HANDLE, ANN, BEA, due_ms))
    assert store.moves_to(BEA) == [store.move(HANDLE)] == [MoveRow(HANDLE, ANN, BEA, 9)]
    assert store.moves_due(now_ms=8, count_max=9) == []
    assert store.moves_due(now_ms=9, count_max=9) == [MoveRow(HANDLE, ANN, BEA, 9)]
    store.end_move(HANDLE)
    assert store.move(HANDLE) is None
    database.close()


def test_the_newest_notice_of_a_handle_counts_and_old_ones_go(tmp_path: Path) -> None:
    database = open_database(tmp_path / "relay.db", schema="relay")
    store = HandleStore(database)
    leaving, left = (NoticeRow(ANN, HANDLE, state, BEA, 7) for state in (HandleState.LEAVING, HandleState.LEFT))
    store.keep_notice(leaving, now_ms=1)
    store.keep_notice(left, now_ms=2)
    store.lock(HANDLE, until_ms=5)
    assert store.notices() == store.notices(ANN) == [left]
    assert (store.notices(BEA), store.locked_until_ms(HANDLE)) == ([], 5)
    assert store.forget_old(notices_before_ms=2, now_ms=4) == 0
    assert store.forget_old(notices_before_ms=3, now_ms=5) == 2
    database.close()


def test_a_handle_is_removed_by_its_own_account_only(tmp_path: Path) -> None:
    database = open_database(tmp_path / "relay.db", schema="relay")
    store = HandleStore(database)
    store.give(HANDLE, ANN, now_ms=3)
    assert not store.remove(HANDLE, BEA)
    assert [row.handle for row in store.held(ANN)] == [HANDLE]
    assert store.remove(HANDLE, ANN)
    assert store.held(ANN) == []
    database.close()
