"""Keeps a SQLite file that outlives whoever writes to it, and fails when it is told to.

Theory. What SQLite has committed stays; what it has not is gone or rolled back, by its own recovery (blocks.py). A
crash strikes at a chosen statement, before it, while its pages are on their way to the platter, or after it; whoever
held the file then holds nothing any more.
"""

import random
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from answerback.lab.simulation.blocks import BlockFile, Gone, Tear
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
    tear: Tear | None = None
    """The power goes while this commit is on its way to the platter; `seed` decides what becomes of its writes."""
    seed: int = 0
    burnt: Callable[[], None] | None = None
    """Told when it strikes."""


class Disk:
    """One file that survives its process."""

    def __init__(self) -> None:
        self._file = BlockFile()
        self._head: _Head | None = None
        self.is_full = False
        self.is_unreadable = False
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
            self._file.lose_power()

    def copy(self) -> bytes:
        """Take a copy of what is committed."""
        return self._file.image()

    def restore(self, image: bytes) -> None:
        """Put another copy back; whoever holds the file is ended first."""
        self.cut_power()
        self._file.replace(image)

    def rows(self, sql: str, values: Sequence[Value] = ()) -> list[tuple[object, ...]]:
        """Look at the disk itself, whatever its holder believes."""
        return self._file.execute(sql, values).fetchall()

    def has(self, sql: str, values: Sequence[Value] = ()) -> bool:
        """Whether there is such a row."""
        return self._file.execute(sql, values).fetchone() is not None

    def text(self) -> bytes:
        """All bytes of the file and its log."""
        return self._file.raw()

    def close(self) -> None:
        """Throw the disk away."""
        self.cut_power()
        self._file.close()

    def put_out(self) -> None:
        """Let the power stay on: neither a fuse that waits nor one that burns already strikes any more."""
        self.fuse = None
        self._file.platter.disarm()

    # ---- what happens at a statement

    def before(self, sql: str) -> None:
        """Fail where it is time to fail, before the statement is carried out."""
        if sql.lstrip().startswith(_READS):
            if self.is_unreadable and sql.lstrip().startswith("SELECT"):
                raise _error("disk I/O error", sqlite3.SQLITE_IOERR_READ)
            return
        self.writes += 1
        if self._burns(sql, is_after=False):
            self._begin_to_strike()
        if self.is_full:
            raise _error("database or disk is full", sqlite3.SQLITE_FULL)

    def after(self, sql: str) -> None:
        """Fail just after the statement was carried out."""
        if sql.lstrip().startswith(_READS):
            return
        if self._burns(sql, is_after=True) or (sql == "COMMIT" and self._file.platter.is_armed_to_fold):
            self.strike()

    def _begin_to_strike(self) -> None:
        assert self.fuse is not None
        if self.fuse.tear is None:
            self.strike()
        else:
            self._file.platter.arm(self.fuse.tear, random.Random(self.fuse.seed))

    def strike(self) -> NoReturn:
        """The power goes now."""
        fuse, self.fuse = self.fuse, None
        self.cut_power()
        if fuse is not None and fuse.burnt is not None:
            fuse.burnt()
        raise PowerCut

    def _burns(self, sql: str, *, is_after: bool) -> bool:
        fuse = self.fuse
        if fuse is None or fuse.is_after is not is_after or (fuse.at_commit and sql != "COMMIT"):
            return False
        fuse.statements -= 1
        return fuse.statements < 0


class _Head:
    """What one life of a process has of the disk."""

    def __init__(self, disk: Disk, file: BlockFile) -> None:
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
        try:
            cursor = self._file.execute(sql, values)
        except Gone:
            self._disk.strike()
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


def _error(what: str, code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(what)
    error.sqlite_errorcode = code
    return error
