"""Opens, migrates and checks one SQLite file.

Theory. One connection, one writer, one promise: when `transaction()` is left without an error, what was written is on
the disk (write-ahead log, `synchronous=FULL`), all of it or none. With a key the file is SQLCipher's and every page is
sealed and authenticated; without one it is plain SQLite. Errors of both libraries end here: above this file there is
only the StorageError tree.
"""

import contextlib
import importlib.resources
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from sqlcipher3 import dbapi2 as sqlcipher

from answerback.model.errors import (
    StorageError,
    StoreCorruptError,
    StoreFullError,
    StoreLockedError,
    StoreOutdatedError,
)
from answerback.storage.durable import PRIVATE_FILE, make_private_folder, sync_folder

KEY_BYTES = 32
BUSY_MS_MAX = 5_000
"""How long to wait for another process's commit; a commit takes milliseconds, so longer means that it hangs."""
FREE_BYTES_MIN = 64 * 1024
"""With less than this SQLite cannot even lay out its shared memory, of 32 KiB."""
LOG_BYTES_MAX = 64 * 1024 * 1024
"""The write-ahead log is cut back to this after a checkpoint, so that one busy hour does not keep the disk for ever."""
NOT_TEXT_WORDS = "Could not decode to UTF-8"
"""How both bindings say it, without a number, of a text whose bytes were changed."""

Value = str | bytes | int | float | None
Row = tuple[Any, ...]


class Cursor(Protocol):
    """What is used of a DB-API cursor (PEP 249)."""

    @property
    def rowcount(self) -> int:
        """How many rows a change touched."""
        ...

    def fetchone(self) -> Row | None:
        """Return the next row, or None."""
        ...

    def fetchall(self) -> list[Row]:
        """Return the rows that are left."""
        ...


class Connection(Protocol):
    """What is used of a connection: so little that a simulator can put a faulty disk under it."""

    @property
    def in_transaction(self) -> bool:
        """Whether BEGIN was not yet followed by COMMIT or ROLLBACK."""
        ...

    def execute(self, sql: str, values: Sequence[Value] = ..., /) -> Cursor:
        """Carry out one statement."""
        ...

    def executemany(self, sql: str, rows: Iterable[Sequence[Value]], /) -> Cursor:
        """Carry out one statement for each row."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


Connect = Callable[[Path], Connection]


class Database:
    """One open SQLite file. Threads may share it: each statement, and each transaction as a whole, has its turn."""

    def __init__(self, connection: Connection, path: Path) -> None:
        self._connection: Final = connection
        self._turn: Final = threading.RLock()
        self.path: Final = path

    def run(self, sql: str, values: Sequence[Value] = ()) -> int:
        """Carry out one statement and return how many rows it changed."""
        with self._turn, translated(self.path):
            return self._connection.execute(sql, values).rowcount

    def run_many(self, sql: str, rows: Iterable[Sequence[Value]]) -> int:
        """Carry out one statement for each row and return how many rows were changed in all."""
        with self._turn, translated(self.path):
            return self._connection.executemany(sql, rows).rowcount

    def rows(self, sql: str, values: Sequence[Value] = ()) -> list[Row]:
        """Return every row of an answer; bound it with LIMIT where it can grow."""
        with self._turn, translated(self.path):
            return self._connection.execute(sql, values).fetchall()

    def row(self, sql: str, values: Sequence[Value] = ()) -> Row | None:
        """Return the first row of an answer, if there is one."""
        with self._turn, translated(self.path):
            return self._connection.execute(sql, values).fetchone()

    def each(self, sql: str, values: Sequence[Value] = ()) -> Iterator[Row]:
        """Return the rows of an answer one by one, those before an error too."""
        with self._turn, translated(self.path):
            cursor = self._connection.execute(sql, values)
        while True:
            with self._turn, translated(self.path):
                row = cursor.fetchone()
            if row is None:
                return
            yield row

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Make everything inside one change: on disk when the block ends, or, after an error, never made."""
        with self._turn, translated(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                self._roll_back()
                raise

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Make everything read inside be as of one moment, whatever another process writes meanwhile."""
        with self._turn, translated(self.path):
            self._connection.execute("BEGIN")
            try:
                yield
            finally:
                self._roll_back()

    def check(self) -> None:
        """Read the whole file and raise StoreCorruptError if what is there cannot be right (`PRAGMA quick_check`)."""
        found = [row[0] for row in self.rows("PRAGMA quick_check(10)")]
        if found != ["ok"]:
            lines = [line for text in found for line in str(text).splitlines() if not line.startswith("***")]
            raise StoreCorruptError(f"{self.path} is damaged: {lines[0] if lines else 'nobody can say where'}")

    @property
    def version(self) -> int:
        """The number of the newest migration in this file."""
        row = self.row("PRAGMA user_version")
        return int(row[0]) if row else 0

    def close(self) -> None:
        """Let go of the file; the last connection to leave folds the write-ahead log in."""
        with self._turn, translated(self.path):
            self._connection.close()

    def _roll_back(self) -> None:
        # SQLite has already rolled back by itself after some errors (disk full, for one).
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except (sqlite3.Error, sqlcipher.Error):
            # Nobody may read what was never committed: closed, the file forgets it. The first error is the one to tell.
            with contextlib.suppress(sqlite3.Error, sqlcipher.Error):
                self._connection.close()


def open_database(
    path: Path, *, schema: str, key: bytes | None = None, connect: Connect | None = None, read_only: bool = False
) -> Database:
    """Open a file, creating or migrating it to the newest `schema` ("journal", "relay"), ready for use.

    `read_only` opens a file beside its one writer: it must exist and be of this program's version.
    """
    if key is not None and len(key) != KEY_BYTES:
        raise StorageError(f"the key of {path} has {len(key)} bytes; {KEY_BYTES} expected")
    migrations = _migrations(schema)
    if read_only and not path.exists():
        raise StorageError(f"there is no {path} to read")
    if not read_only:
        _create_private(path)
    with translated(path):
        database = Database((connect or (connect_sealed if key else connect_plain))(path), path)
    try:
        _unlock(database, key)
        _prepare(database, migrations, read_only=read_only)
    except BaseException:
        with contextlib.suppress(StorageError):
            database.close()
        raise
    return database


def open_damaged(path: Path, *, key: bytes | None = None) -> Database:
    """Open a file as it is, to read what can be read of it: nothing is checked, migrated or written."""
    with translated(path):
        database = Database((connect_sealed if key else connect_plain)(path), path)
    try:
        _unlock(database, key)
        database.run("PRAGMA cell_size_check = ON")  # a row that cannot be one is an error, not nonsense
        database.run("PRAGMA query_only = ON")
    except BaseException:
        with contextlib.suppress(StorageError):
            database.close()
        raise
    return database


def newest_version(schema: str) -> int:
    """Say which version of a schema this program writes."""
    return len(_migrations(schema))


def connect_plain(path: Path) -> Connection:
    """Open a file with the SQLite that comes with Python."""
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False)


def connect_sealed(path: Path) -> Connection:
    """Open a file with SQLCipher; nothing can be read before the key is given."""
    connection: Connection = sqlcipher.connect(str(path), isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA cipher_log_level = NONE")  # it would write to our stderr; errors are raised anyway
    return connection


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn errors of either SQLite library into ours."""
    try:
        yield
    except (sqlite3.Error, sqlcipher.Error) as error:
        raise _in_our_words(error, path) from error
    except UnicodeDecodeError as error:  # the binding reads the library's own words, which quote the damaged bytes
        raise StoreCorruptError(f"{path} is damaged: its tables have no readable names") from error
    except OverflowError as error:  # SQLite's integers have 64 bits, Python's have no end
        raise StorageError(f"a number is too large to be kept in {path}") from error


def _in_our_words(error: Exception, path: Path) -> StorageError:
    match _primary_code(error):
        case sqlite3.SQLITE_FULL:
            return StoreFullError(f"no space is left for {path}; what was being saved is not saved")
        case sqlite3.SQLITE_IOERR if _is_full(path):  # the shared memory beside the log has no other word for it
            return StoreFullError(f"no space is left for {path}; what was being saved is not saved")
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return StoreLockedError(f"another process is writing to {path} and did not finish in {BUSY_MS_MAX} ms")
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return StoreCorruptError(f"{path} is damaged: {error}")
        case _ if str(error).startswith(NOT_TEXT_WORDS):
            return StoreCorruptError(f"{path} is damaged: a text in it is none")
        case _:
            return StorageError(f"{path}: {error}")


def _primary_code(error: BaseException | None) -> int:
    extended = getattr(error, "sqlite_errorcode", None)  # errors of the binding itself carry none
    return extended & 0xFF if isinstance(extended, int) else sqlite3.SQLITE_ERROR


def _unlock(database: Database, key: bytes | None) -> None:
    database.run(f"PRAGMA busy_timeout = {BUSY_MS_MAX}")
    if key is not None:
        database.run(f"PRAGMA key = \"x'{key.hex()}'\"")  # raw: it is a key already, no passphrase to stretch
    try:
        database.row("SELECT count(*) FROM sqlite_schema")  # the first read is what proves the key
    except StoreCorruptError as error:
        if key is None or _primary_code(error.__cause__) != sqlite3.SQLITE_NOTADB:
            raise
        raise StorageError(
            f"{database.path} does not open: the key is another one, or its first page is damaged"
        ) from error


def _prepare(database: Database, migrations: Sequence[str], *, read_only: bool) -> None:
    if database.version > len(migrations):
        raise StorageError(
            f"{database.path} was written by a newer Answerback (file version {database.version}, this program knows "
            f"{len(migrations)}). Update this program; the file is untouched."
        )
    if read_only:
        database.run("PRAGMA query_only = ON")
        if database.version < len(migrations):
            raise StoreOutdatedError(
                f"{database.path} is of an older version; start the agent once, it brings it up to date"
            )
        return
    for setting in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        "temp_store = MEMORY",  # sorting must not spill what is sealed into a plain temporary file
        f"journal_size_limit = {LOG_BYTES_MAX}",
    ):
        database.row(f"PRAGMA {setting}")
    _migrate(database, migrations)


def _migrate(database: Database, migrations: Sequence[str]) -> None:
    for number, script in enumerate(migrations, start=1):
        if number <= database.version:
            continue
        with database.transaction():
            if number <= database.version:
                continue  # another process was quicker
            for statement in _statements(script):
                database.run(statement)
            database.run(f"PRAGMA user_version = {number}")


def _migrations(schema: str) -> list[str]:
    folder = importlib.resources.files("answerback.storage") / "schema"
    found = sorted(
        (file for file in folder.iterdir() if file.name.startswith(f"{schema}_") and file.name.endswith(".sql")),
        key=lambda file: file.name,
    )
    assert found, f"no migrations for {schema!r} in the package"
    assert [file.name for file in found] == [f"{schema}_{number:04}.sql" for number in range(1, len(found) + 1)]
    return [file.read_text(encoding="utf-8") for file in found]


def _statements(script: str) -> Iterator[str]:
    # Not `executescript`: it commits before it begins, and a migration is one transaction.
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    assert not statement.strip() or statement.lstrip().startswith("--"), f"a statement without its end: {statement!r}"


def _create_private(path: Path) -> None:
    """Create the file before SQLite does, so that nobody else can read it even for a moment."""
    try:
        make_private_folder(path.parent)
        if not path.exists():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE))
            sync_folder(path.parent)
    except OSError as error:
        raise StorageError(f"{path} cannot be created: {error.strerror}") from error


def _is_full(path: Path) -> bool:
    try:
        return shutil.disk_usage(path.parent).free < FREE_BYTES_MIN
    except OSError:
        return False
