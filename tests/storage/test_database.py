"""Proves that a file is migrated forward only, and that errors come out in our words."""

import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from answerback.model.errors import StorageError, StoreCorruptError, StoreFullError, StoreLockedError
from answerback.storage import database as database_file
from answerback.storage.database import Database, connect_plain, connect_sealed, open_database

FIRST = """
-- A comment; with a semicolon.
CREATE TABLE words (number INTEGER PRIMARY KEY AUTOINCREMENT, word TEXT NOT NULL UNIQUE) STRICT;
"""
SECOND = "ALTER TABLE words ADD COLUMN language TEXT NOT NULL DEFAULT 'en';\n"
BROKEN = "CREATE TABLE extra (one INTEGER NOT NULL) STRICT;\nINSERT INTO nowhere VALUES (1);\n"
KEY = bytes(32)

Open = Callable[..., Database]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "words.db"


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The migrations this program knows."""
    migrations = [FIRST]
    monkeypatch.setattr(database_file, "_migrations", lambda schema: list(migrations))
    return migrations


@pytest.fixture
def opened(path: Path, known: list[str]) -> Iterator[Open]:
    databases: list[Database] = []

    def open_one(key: bytes | None = KEY, *, read_only: bool = False) -> Database:
        databases.append(open_database(path, schema="words", key=key, read_only=read_only))
        return databases[-1]

    yield open_one
    for database in databases:
        database.close()


def _words(database: Database) -> list[str]:
    return [row[0] for row in database.rows("SELECT word FROM words ORDER BY number")]


def test_an_older_file_is_brought_up_to_date_and_keeps_its_rows(opened: Open, known: list[str]) -> None:
    opened().run("INSERT INTO words (word) VALUES ('tide')")
    known.append(SECOND)
    database = opened()
    assert database.rows("SELECT word, language FROM words") == [("tide", "en")]
    assert database.version == 2


def test_a_newer_file_is_left_alone(opened: Open, known: list[str]) -> None:
    known.append(SECOND)
    opened().run("INSERT INTO words (word) VALUES ('tide')")
    known.pop()
    with pytest.raises(StorageError, match=r"newer Answerback .* Update this program"):
        opened()
    known.append(SECOND)
    assert _words(opened()) == ["tide"]


def test_a_migration_that_fails_changes_nothing(opened: Open, known: list[str]) -> None:
    opened().run("INSERT INTO words (word) VALUES ('tide')")
    known.append(BROKEN)
    with pytest.raises(StorageError):
        opened()
    known.pop()
    database = opened()
    assert database.version == 1
    assert database.rows("SELECT name FROM sqlite_schema WHERE name = 'extra'") == []


def test_a_reader_does_not_migrate(opened: Open, known: list[str]) -> None:
    writer = opened()
    known.append(SECOND)
    with pytest.raises(StorageError, match="start the agent once"):
        opened(read_only=True)
    assert writer.version == 1


def test_the_packaged_migrations_are_numbered_without_a_gap() -> None:
    for schema in ("journal", "relay"):
        assert database_file._migrations(schema)
    with pytest.raises(AssertionError, match="no migrations"):
        database_file._migrations("nothing")


def test_an_error_inside_a_transaction_undoes_all_of_it(opened: Open) -> None:
    database = opened()
    with pytest.raises(StorageError), database.transaction():
        database.run_many("INSERT INTO words (word) VALUES (?)", [("tide",), ("tide",)])
    assert _words(database) == []
    with database.transaction():
        assert database.run("INSERT INTO words (word) VALUES ('ebb')") == 1
    assert _words(database) == ["ebb"]


@pytest.mark.parametrize("key", [None, KEY])
def test_a_commit_of_another_process_is_waited_for_and_then_named(
    opened: Open, key: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_file, "BUSY_MS_MAX", 20)
    first, second = opened(key), opened(key)
    with first.transaction(), pytest.raises(StoreLockedError, match="another process is writing"):
        second.run("INSERT INTO words (word) VALUES ('tide')")
    second.run("INSERT INTO words (word) VALUES ('ebb')")
    assert _words(first) == ["ebb"]


def test_threads_take_turns(opened: Open) -> None:
    database = opened()

    def add(prefix: str) -> None:
        for number in range(50):
            with database.transaction():
                database.run("INSERT INTO words (word) VALUES (?)", (f"{prefix}{number}",))
                database.run("UPDATE words SET word = word || '!' WHERE word = ?", (f"{prefix}{number}",))

    threads = [threading.Thread(target=add, args=(prefix,)) for prefix in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(_words(database)) == 150
    assert all(word.endswith("!") for word in _words(database))


def test_what_is_read_together_is_of_one_moment(opened: Open) -> None:
    reader, writer = opened(), opened()
    with reader.reading():
        before = _words(reader)
        writer.run("INSERT INTO words (word) VALUES ('tide')")
        assert _words(reader) == before == []
    assert _words(reader) == ["tide"]


@pytest.mark.parametrize("key", [None, KEY])
def test_every_commit_is_synced_and_logged(opened: Open, key: bytes | None) -> None:
    database = opened(key)
    settings = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "temp_store": 2}
    assert {name: (database.row(f"PRAGMA {name}") or [None])[0] for name in settings} == settings


@pytest.mark.parametrize("key", [None, KEY])
def test_a_file_that_is_no_database_is_refused(path: Path, opened: Open, key: bytes | None) -> None:
    path.write_bytes(b"a letter to my aunt, not a database. " * 200)
    with pytest.raises(StorageError if key else StoreCorruptError):
        opened(key)


@pytest.mark.parametrize("key", [None, KEY])
def test_errors_of_both_libraries_come_out_as_ours(opened: Open, key: bytes | None) -> None:
    database = opened(key)
    database.run("INSERT INTO words (word) VALUES ('tide')")
    for sql in (
        "INSERT INTO words (word) VALUES ('tide')",
        "SELECT nothing FROM nowhere",
        "INSERT INTO words VALUES (1)",
    ):
        with pytest.raises(StorageError):
            database.run(sql)
    database.check()


def test_only_the_owner_may_read_the_file(opened: Open, path: Path) -> None:
    opened().run("INSERT INTO words (word) VALUES ('tide')")
    for file in path.parent.iterdir():
        assert file.stat().st_mode & 0o777 == 0o600


def test_a_key_of_another_length_is_refused(path: Path, known: list[str]) -> None:
    with pytest.raises(StorageError, match="31 bytes"):
        open_database(path, schema="words", key=bytes(31))
    assert not path.exists()


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path, known: list[str]) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="cannot be created"):
        open_database(tmp_path / "file" / "words.db", schema="words")


def test_the_two_ways_to_connect_differ_in_what_they_write(tmp_path: Path, known: list[str]) -> None:
    for connect, key, header in ((connect_plain, None, b"SQLite format 3\0"), (connect_sealed, KEY, None)):
        path = tmp_path / connect.__name__
        open_database(path, schema="words", key=key, connect=connect).close()
        assert (path.read_bytes()[:16] == header) is (header is not None)


def test_a_closed_file_says_so(opened: Open) -> None:
    database = opened()
    database.close()
    with pytest.raises(StorageError):
        database.row("SELECT 1")


def test_our_codes_are_those_of_sqlite() -> None:
    error = sqlite3.OperationalError("x")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR | 3 << 8
    assert database_file._primary_code(error) == sqlite3.SQLITE_IOERR
    assert database_file._primary_code(None) == sqlite3.SQLITE_ERROR


@pytest.mark.parametrize(("free_bytes", "kind"), [(0, StoreFullError), (10**9, StorageError)])
def test_an_error_of_input_and_output_on_a_full_disk_is_a_full_disk(
    path: Path, free_bytes: int, kind: type[StorageError], monkeypatch: pytest.MonkeyPatch
) -> None:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_SHMSIZE
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: SimpleNamespace(free=free_bytes))
    assert type(database_file._in_our_words(error, path)) is kind
