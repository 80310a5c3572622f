"""Proves that a damaged page takes its own rows and no others, wherever it lies."""

import os
from contextlib import closing, suppress
from pathlib import Path

import pytest

from answerback.model.errors import StorageError, StoreCorruptError
from answerback.storage.database import Database, open_damaged, open_database
from answerback.storage.salvage import Salvage, Table
from tests.storage.damage import PAGE_BYTES, pages, spoil

KEY = b"k" * 32
ROWS = 900
STEP = 1_000_003
"""Between two row numbers: positions in mailboxes are as far apart."""


def fill(path: Path, key: bytes | None) -> None:
    with closing(open_database(path, schema="relay", key=key)) as database, database.transaction():
        for number in range(ROWS):
            database.run(
                "INSERT INTO envelope VALUES (?, 1, 2, ?, 500, 2000000000, ?)",
                (1 + number * STEP, number.to_bytes(32, "big"), os.urandom(500)),
            )
            database.run("INSERT INTO handles VALUES (?, ?, 1)", (f"{number:06}@example.org", os.urandom(16)))


def salvaged(path: Path, target: Path, key: bytes | None) -> tuple[dict[str, Table], Database]:
    database = open_database(target, schema="relay", key=key)
    salvage = Salvage(lambda: open_damaged(path, key=key), database)
    try:
        return {table.name: table for table in salvage.run()}, database
    finally:
        salvage.close()


@pytest.fixture(params=[KEY, None], ids=["sealed", "plain"])
def damaged(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, bytes | None]:
    path = tmp_path / "relay.db"
    fill(path, request.param)
    return path, request.param


def test_of_a_whole_file_every_row_is_copied(damaged: tuple[Path, bytes | None], tmp_path: Path) -> None:
    path, key = damaged
    tables, target = salvaged(path, tmp_path / "new.db", key)
    with closing(target):
        assert all(table.is_whole for table in tables.values())
        assert (tables["envelope"].kept, tables["handles"].kept) == (ROWS, ROWS)
        assert target.row("SELECT seq FROM sqlite_sequence WHERE name = 'envelope'") == (1 + (ROWS - 1) * STEP,)
        target.check()


def test_a_damaged_page_takes_its_own_rows_and_no_others(damaged: tuple[Path, bytes | None], tmp_path: Path) -> None:
    path, key = damaged
    whole = path.read_bytes()
    rows_max = PAGE_BYTES // 500 + 1
    leaves = unreadable = 0
    for page in range(2, pages(path), 7):
        path.write_bytes(whole)
        spoil(path, page)
        try:
            tables, target = salvaged(path, tmp_path / f"new-{page}.db", key)
        except StoreCorruptError:  # one of the few that say which tables there are
            unreadable += 1
            continue
        with closing(target):
            target.check()
        table = tables["envelope"]
        if 0 < ROWS - table.kept <= rows_max:
            leaves += 1
            assert (table.gaps, table.lost) == (1, ROWS - table.kept), f"page {page}"
        elif table.kept < ROWS:  # a page that leads to others
            assert not table.is_whole, f"page {page}"
    assert leaves > 5
    assert unreadable <= 2


def test_several_damaged_pages_are_passed_one_after_the_other(
    damaged: tuple[Path, bytes | None], tmp_path: Path
) -> None:
    path, key = damaged
    for page in range(100, pages(path) - 1, 20):
        spoil(path, page)
    tables, target = salvaged(path, tmp_path / "new.db", key)
    with closing(target):
        target.check()
    assert ROWS // 2 < tables["envelope"].kept < ROWS
    assert tables["envelope"].gaps > 1


def test_nothing_is_said_to_be_whole_that_is_not(damaged: tuple[Path, bytes | None], tmp_path: Path) -> None:
    path, key = damaged
    whole = path.read_bytes()
    for page in range(1, pages(path), 11):
        path.write_bytes(whole)
        spoil(path, page)
        with suppress(StorageError):  # the first pages: nothing can be read at all, and that is said
            tables, target = salvaged(path, tmp_path / f"new-{page}.db", key)
            target.close()
            assert all(tables[name].kept == ROWS or not tables[name].is_whole for name in ("envelope", "handles"))


def test_a_file_whose_first_page_is_damaged_is_said_to_be_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "relay.db"
    fill(path, None)
    spoil(path, 0)
    with pytest.raises(StoreCorruptError, match="damaged"):
        salvaged(path, tmp_path / "new.db", None)
