"""Keeps files as a disk does: what was not synced may be gone, or there in part, when the power returns.

Theory. SQLite runs on these files through a file system of its own (apsw lets one be written in Python): real
write-ahead log, real recovery. A write goes to what programs see and to a list; a sync empties the list into what the
platter holds. When the power goes, each listed write is kept, lost, or torn at a sector's edge, as chance has it; bytes
beside a write are never harmed (SQLite counts on that too, "powersafe overwrite", and so do the disks it runs on).
What comes of it must not depend on how many writes there were: keys are random, and so is their length on the disk.
"""

import contextlib
import random
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum, unique

import apsw

from answerback.storage.database import Row, Value

SECTOR_BYTES = 512
"""What a disk writes whole."""
PAGE_SECTOR_BYTES = 4096
POWERSAFE_OVERWRITE = 0x1000
"""What SQLite's own file systems say of disks: https://sqlite.org/psow.html."""
CHECKPOINT_PAGES = 96
"""The log is folded in this often, so that folding is under way when the power goes in small worlds too."""
WAL_HEADER_BYTES = 32


@unique
class Tear(Enum):
    """When the power goes, and what that does."""

    LOST = "unsynced_writes_lost"
    """Before the log is synced: at least one of its writes is gone."""
    TORN = "torn_write"
    """Before the log is synced: at least one of its writes is there in part."""
    FOLDING = "power_cut_after_sync"
    """The log is synced; pages that are being folded into the file are kept, lost or torn."""


class Gone(Exception):
    """The power went while this was being written."""


@dataclass(slots=True)
class _Blocks:
    """One file: what programs see, and what has reached the platter."""

    seen: bytearray = field(default_factory=bytearray)
    kept: bytearray = field(default_factory=bytearray)
    unsynced: list[tuple[int, bytes | None]] = field(default_factory=list)
    """Writes, and truncations: those have no bytes."""

    def sync(self) -> None:
        for at, data in self.unsynced:
            _put(self.kept, at, data)
        self.unsynced.clear()

    def matters(self, *, is_log: bool) -> bool:
        """Whether more waits than the header of a fresh log, which is synced by itself."""
        return any(not is_log or (data and len(data) > WAL_HEADER_BYTES) for _, data in self.unsynced)

    def lose(self, chance: random.Random, must: Tear | None) -> None:
        """Keep, lose or tear what is not synced; with `must`, one of the pages surely."""
        pages = [index for index, (_, data) in enumerate(self.unsynced) if data and len(data) > SECTOR_BYTES]
        chosen = chance.choice(pages) if must and pages else None
        for index, (at, data) in enumerate(self.unsynced):
            fate = chance.random()
            if index == chosen:
                if must is Tear.TORN:
                    self._tear(at, data, chance)
            elif fate < 0.5:
                _put(self.kept, at, data)
            elif fate < 0.7:
                self._tear(at, data, chance)
        self.unsynced.clear()
        self.seen = bytearray(self.kept)

    def _tear(self, at: int, data: bytes | None, chance: random.Random) -> None:
        if data is None or len(data) <= SECTOR_BYTES:
            return
        sectors = range(0, len(data), SECTOR_BYTES)
        for start in chance.sample(sectors, chance.randrange(1, len(sectors))):
            _put(self.kept, at + start, data[start : start + SECTOR_BYTES])
        if self.kept[at : at + len(data)] == data:  # what was left out was there already: leave out what is not
            begin = next(start for start in sectors if any(data[start : start + SECTOR_BYTES]))
            self.kept[at + begin : at + begin + SECTOR_BYTES] = bytes(len(data[begin : begin + SECTOR_BYTES]))


def _put(file: bytearray, at: int, data: bytes | None) -> None:
    if data is None:
        del file[at:]
        return
    if len(file) < at:
        file.extend(bytes(at - len(file)))
    file[at : at + len(data)] = data


class Platter:
    """The files of one disk."""

    def __init__(self) -> None:
        self.files: dict[str, _Blocks] = {}
        self._tear: Tear | None = None
        self._chance = random.Random(0)
        self.is_struck = False
        self._life = 0

    def arm(self, tear: Tear, chance: random.Random) -> None:
        """Have the power go at the next moment of this kind."""
        self._tear, self._chance = tear, chance

    def disarm(self) -> None:
        """Let the power stay on."""
        self._tear = None

    def strike(self, must: Tear | None = None) -> None:
        """The power goes: whoever has these files open has nothing any more."""
        for blocks in self.files.values():
            blocks.lose(self._chance, must if must is not Tear.FOLDING else None)
        self._tear, self.is_struck = None, True
        self._life += 1

    @property
    def is_armed_to_fold(self) -> bool:
        """Whether the power goes once the log is synced."""
        return self._tear is Tear.FOLDING

    def open(self, name: str) -> "_File":
        """Open a file, making it if there is none."""
        self.is_struck = False
        return _File(self, self.files.setdefault(name, _Blocks()), is_log=name.endswith("-wal"))

    def is_gone(self, life: int) -> bool:
        """Whether a file that was opened in that life is open still."""
        return life != self._life

    @property
    def life(self) -> int:
        """How often the power has gone."""
        return self._life

    def synced(self, blocks: _Blocks, *, is_log: bool) -> None:
        """Put a file on the platter, unless the power goes before that."""
        if self._tear is not None and is_log is not self.is_armed_to_fold and blocks.matters(is_log=is_log):
            self.strike(self._tear)
            raise Gone
        blocks.sync()


class _File:
    """One open file, as apsw calls it; the names are SQLite's."""

    def __init__(self, platter: Platter, blocks: _Blocks, *, is_log: bool) -> None:
        self._platter = platter
        self._blocks = blocks
        self._is_log = is_log
        self._life = platter.life

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        self._check()
        return bytes(self._blocks.seen[offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self._check()
        seen, copy = self._blocks.seen, bytes(data)
        if len(seen) < offset:
            seen.extend(bytes(offset - len(seen)))
        seen[offset : offset + len(copy)] = copy
        self._blocks.unsynced.append((offset, copy))

    def xTruncate(self, size: int) -> None:  # noqa: N802
        self._check()
        _put(self._blocks.seen, size, None)
        self._blocks.unsynced.append((size, None))

    def xSync(self, _flags: int) -> None:  # noqa: N802
        self._check()
        self._platter.synced(self._blocks, is_log=self._is_log)

    def xFileSize(self) -> int:  # noqa: N802
        self._check()
        return len(self._blocks.seen)

    def xClose(self) -> None:  # noqa: N802
        pass

    def xLock(self, _level: int) -> None:  # noqa: N802
        pass  # one connection at a time has these files

    def xUnlock(self, _level: int) -> None:  # noqa: N802
        pass

    def xCheckReservedLock(self) -> bool:  # noqa: N802
        return False

    def xFileControl(self, _operation: int, _pointer: int) -> bool:  # noqa: N802
        return False

    def xSectorSize(self) -> int:  # noqa: N802
        return PAGE_SECTOR_BYTES

    def xDeviceCharacteristics(self) -> int:  # noqa: N802
        return POWERSAFE_OVERWRITE

    def _check(self) -> None:
        if self._platter.is_gone(self._life):
            raise Gone


class _FileSystem(apsw.VFS):
    """Leads SQLite to the platters; everything else is the system's."""

    NAME = "answerback-blocks"

    def __init__(self) -> None:
        super().__init__(self.NAME, base="")
        self.platters: dict[str, Platter] = {}

    def xOpen(self, name: "apsw.URIFilename | str | None", flags: list[int]) -> _File:  # type: ignore[override] # noqa: N802 - what has its methods will do
        platter, file = self._place(name)
        flags[1] = flags[0]
        return platter.open(file)

    def xDelete(self, name: str, _sync: bool) -> None:  # noqa: N802, FBT001
        platter, file = self._place(name)
        platter.files.pop(file, None)

    def xAccess(self, name: str, _flags: int) -> bool:  # noqa: N802
        platter, file = self._place(name)
        return file in platter.files

    def xFullPathname(self, name: str) -> str:  # noqa: N802
        return name

    def _place(self, name: "apsw.URIFilename | str | None") -> tuple[Platter, str]:
        text = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        disk, _, file = text.lstrip("/").partition("/")
        return self.platters[disk], file


_file_system: _FileSystem | None = None
_numbers = iter(range(1 << 62))


class BlockFile:
    """A SQLite file on a platter of its own, with what is used of a connection of Python's `sqlite3`."""

    def __init__(self) -> None:
        global _file_system  # noqa: PLW0603 - SQLite knows file systems by name, once for the whole process
        _file_system = _file_system or _FileSystem()
        self.platter = Platter()
        self._disk = f"disk{next(_numbers)}"
        self._systems = _file_system.platters
        self._systems[self._disk] = self.platter
        self._connection: apsw.Connection | None = None

    @property
    def in_transaction(self) -> bool:
        """Whether something was begun and not ended."""
        return self._connection is not None and self._connection.in_transaction

    def execute(self, sql: str, values: Sequence[Value] = (), /) -> "_Rows":
        """Carry out one statement."""
        if sql.startswith("PRAGMA wal_autocheckpoint"):
            sql = f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}"
        try:
            connection = self._open()
            rows = connection.execute(sql, values or None).fetchall()
            return _Rows(rows, connection.changes())
        except apsw.Error as error:
            raise _translated(error) from error

    def executemany(self, sql: str, many: Iterable[Sequence[Value]], /) -> "_Rows":
        """Carry out one statement for each row."""
        try:
            connection = self._open()
            changes = 0
            for values in many:
                connection.execute(sql, values)
                changes += connection.changes()
            return _Rows([], changes)
        except apsw.Error as error:
            raise _translated(error) from error

    def lose_power(self) -> None:
        """End whoever has the file open; what is not synced is at the mercy of chance."""
        self.platter.strike()
        self._drop()

    def image(self) -> bytes:
        """All that is committed, as one file."""
        return bytes(self._open().serialize("main"))

    def replace(self, image: bytes) -> None:
        """Put another file there; whoever has it open is ended."""
        self.lose_power()
        self.platter.files = {"disk.db": _Blocks(bytearray(image), bytearray(image))}

    def raw(self) -> bytes:
        """Every byte of every file."""
        return b"".join(bytes(blocks.seen) for blocks in self.platter.files.values())

    def close(self) -> None:
        """Throw the files away."""
        self._drop()
        self._systems.pop(self._disk, None)

    def _open(self) -> apsw.Connection:
        if self._connection is None:
            self._connection = apsw.Connection(f"/{self._disk}/disk.db", vfs=_FileSystem.NAME)
            self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")  # the log's index needs no shared memory then
            self._connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        return self._connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self.platter.strike()  # closing would fold the log in, which a dead process does not do
            with contextlib.suppress(apsw.Error, Gone):
                connection.close(True)  # noqa: FBT003 - force: nobody is to be asked


def _translated(error: apsw.Error) -> sqlite3.OperationalError:
    """Say it as Python's own binding does."""
    translated = sqlite3.OperationalError(str(error))
    translated.sqlite_errorcode = getattr(error, "extendedresult", sqlite3.SQLITE_ERROR)
    return translated


@dataclass(frozen=True, slots=True)
class _Rows:
    _rows: list[Row]
    rowcount: int

    def fetchone(self) -> Row | None:
        return self._rows[0] if self._rows else None

    def fetchall(self) -> list[Row]:
        return self._rows
