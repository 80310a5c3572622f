"""Keeps a SQLite file in memory that outlives whoever writes to it, and fails when it is told to.

Theory. What SQLite has committed stays; what it has not is rolled back, as its own recovery would do after a crash.
A crash strikes at a chosen statement, before or after it; whoever held the file then holds nothing any more. Pages are
never torn here: that SQLite survives torn and lost writes under its own log is its own, tested promise.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from answerback.storage.database import Connection, Cursor, Value

_READS = ("SELECT", "PRAGMA", "BEGIN", "ROLLBACK")


class PowerCut(Exception):
    """The power went at this very statement: nothing after it is done."""


@dataclass(slots=True)
class Fuse:
    """A crash to come: after so many statements that write, before the next one is carried out or just after it."""

    statements: int
    is_after: bool
    at_commit: bool = False
    """Only commits count."""


class Disk:
    """One file that survives its process."""

    def __init__(self) -> None:
        self._file = _memory()
        self._head: _Head | None = None
        self.is_full = False
        self.fuse: Fuse | None = None
        self.writes = 0

    def connect(self, _path: Path) -> Connection:
        """Open the file; whoever had it open before has lost it."""
        self.cut_power()
        self._head = _Head(self, self._file)
        return self._head

    def cut_power(self) -> None:
        """End whoever holds the file, in whatever they were doing."""
        if self._head is not None:
            self._head.is_dead = True
            self._head = None
        if self._file.in_transaction:
            self._file.execute("ROLLBACK")

    def copy(self) -> sqlite3.Connection:
        """Take a copy of what is committed."""
        image = _memory()
        self._file.backup(image)
        return image

    def restore(self, image: sqlite3.Connection) -> None:
        """Put an older copy back; whoever holds the file is ended first."""
        self.cut_power()
        self._file.close()
        self._file = _memory()
        image.backup(self._file)

    def rows(self, sql: str, values: Sequence[Value] = ()) -> list[tuple[object, ...]]:
        """Look at the disk itself, whatever its holder believes."""
        return self._file.execute(sql, values).fetchall()

    def has(self, sql: str, values: Sequence[Value] = ()) -> bool:
        """Whether there is such a row."""
        return self._file.execute(sql, values).fetchone() is not None

    def text(self) -> bytes:
        """All bytes of the file."""
        return self._file.serialize()

    def close(self) -> None:
        """Throw the disk away."""
        self.cut_power()
        self._file.close()

    # ---- what happens at a statement

    def before(self, sql: str) -> None:
        """Fail where it is time to fail, before the statement is carried out."""
        if sql.lstrip().startswith(_READS):
            return
        self.writes += 1
        if self._burns(sql, is_after=False):
            self._strike()
        if self.is_full:
            raise _full()

    def after(self, sql: str) -> None:
        """Fail just after the statement was carried out."""
        if not sql.lstrip().startswith(_READS) and self._burns(sql, is_after=True):
            self._strike()

    def _burns(self, sql: str, *, is_after: bool) -> bool:
        fuse = self.fuse
        if fuse is None or fuse.is_after is not is_after or (fuse.at_commit and sql != "COMMIT"):
            return False
        fuse.statements -= 1
        return fuse.statements < 0

    def _strike(self) -> None:
        self.fuse = None
        self.cut_power()
        raise PowerCut


class _Head:
    """What one life of a process has of the disk."""

    def __init__(self, disk: Disk, file: sqlite3.Connection) -> None:
        self._disk = disk
        self._file = file
        self.is_dead = False

    @property
    def in_transaction(self) -> bool:
        """Whether something was begun and not ended; of a dead process nothing is."""
        return not self.is_dead and self._file.in_transaction

    def execute(self, sql: str, values: Sequence[Value] = (), /) -> Cursor:
        """Carry out one statement."""
        self._before(sql)
        cursor = self._file.execute(sql, values)
        self._disk.after(sql)
        return cursor

    def executemany(self, sql: str, rows: Iterable[Sequence[Value]], /) -> Cursor:
        """Carry out one statement for each row."""
        self._before(sql)
        cursor = self._file.executemany(sql, rows)
        self._disk.after(sql)
        return cursor

    def close(self) -> None:
        """Let go of the file, which stays."""
        if not self.is_dead:
            self._disk.cut_power()

    def _before(self, sql: str) -> None:
        if self.is_dead:
            raise PowerCut
        self._disk.before(sql)


def _memory() -> sqlite3.Connection:
    return sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False, cached_statements=512)


def _full() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    return error
