"""Works out what a power cut may leave of a folder, from the record of what was written and what was synced.

Theory. A disk promises two things: what a sync of a file covered is there, and what a sync of a folder covered of its
names is there. Of everything else any part may be there or not: any of the writes, in any order, torn between sectors;
any of the names. POSIX promises no more, and file systems differ in what they do beyond it: Pillai et al., "All File
Systems Are Not Created Equal" (OSDI 2014), whose tool ALICE builds such states; Mohan et al., "Finding
Crash-Consistency Bugs with Bounded Black-Box Crash Testing" (OSDI 2018), whose CrashMonkey does so below a file system.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum, unique
from pathlib import Path
from random import Random
from typing import TypeVar

from tests.durability.recorder import Entry, Kind

SECTOR_BYTES = 512
"""What disks write whole or not at all."""
UNWATCHED = ("-shm", ".lock")
"""SQLite's shared memory is mapped, and made anew after a crash; a lock is the system's and goes with the process."""
_T = TypeVar("_T")
FOLDER = -1
"""Stands for a folder where a name stands for a file."""


@unique
class Fate(Enum):
    """What becomes of that which no sync has covered."""

    NONE = "none of it is there"
    ALL = "all of it is there"
    FIRST = "all up to some moment is there"
    SOME = "some writes are there and others not"
    TORN = "some sectors are there and others not"


@dataclass(slots=True)
class _File:
    durable: bytes = b""
    pending: list[Entry] = field(default_factory=list)


def _parent(name: str) -> str:
    return name.rpartition("/")[0]


class Disk:
    """One folder on a disk, and what its disk has promised."""

    def __init__(self, *, keeps_promises: bool = True) -> None:
        self._files: dict[int, _File] = {}
        self._names: dict[str, int] = {}
        self._open: dict[int, int] = {}
        self._pending: list[tuple[Entry, int]] = []
        self._count = 0
        self._keeps_promises = keeps_promises
        """False for a disk that takes a sync and does nothing."""

    @classmethod
    def of(cls, folder: Path, *, keeps_promises: bool = True) -> "Disk":
        """A folder that has been there for long: all of it is durable."""
        disk = cls(keeps_promises=keeps_promises)
        for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
            name = path.relative_to(folder).as_posix()
            if path.is_dir():
                disk._names[name] = FOLDER
            elif not name.endswith(UNWATCHED):
                number = disk._new_file(path.stat().st_ino)
                disk._files[number].durable = path.read_bytes()
                disk._names[name] = number
        return disk

    def _new_file(self, inode: int) -> int:
        # An inode's number is used again once its file is gone.
        self._count += 1
        self._open[inode] = self._count
        self._files[self._count] = _File()
        return self._count

    # ---- what happens

    def learn(self, entry: Entry) -> None:
        """Take in what was done next."""
        if entry.name.endswith(UNWATCHED):
            return
        match entry.kind:
            case Kind.CREATE:
                self._pending.append((entry, self._new_file(entry.file)))
            case Kind.WRITE | Kind.CUT:
                self._files[self._open[entry.file]].pending.append(entry)
            case Kind.RENAME | Kind.LINK | Kind.UNLINK | Kind.FOLDER:
                self._pending.append((entry, 0))
            case Kind.SYNC if self._keeps_promises:
                file = self._files[self._open[entry.file]]
                file.durable, file.pending = _applied(file.durable, file.pending), []
            case Kind.SYNC_FOLDER if self._keeps_promises:
                self._sync_names(entry.name)
            case _:
                pass

    def _sync_names(self, folder: str) -> None:
        left: list[tuple[Entry, int]] = []
        for entry, number in self._pending:
            if folder in _folders(entry):
                _rename(self._names, entry, number)
            else:
                left.append((entry, number))
        self._pending = left

    @property
    def waiting(self) -> int:
        """How much of what was done no sync has covered yet."""
        return len(self._pending) + sum(len(file.pending) for file in self._files.values())

    # ---- what is left

    def cut(self, chance: Random, *, fates: Iterable[Fate] = tuple(Fate)) -> dict[str, bytes | None]:
        """What a power cut at this moment may leave: files by name, None for a folder."""
        choices = list(fates)
        names = dict(self._names)
        for entry, number in _kept(self._pending, chance.choice(choices), chance):
            _rename(names, entry, number)
        image: dict[str, bytes | None] = {}
        for name, number in sorted(names.items()):
            parent = _parent(name)
            if parent and image.get(parent, b"") is not None:
                continue  # the folder it was in was never there
            if number == FOLDER:
                image[name] = None
            elif not name.endswith(UNWATCHED):
                image[name] = self._left_of(self._files[number], chance.choice(choices), chance)
        return image

    def whole(self) -> dict[str, bytes | None]:
        """What is there if the power stays on."""
        return self.cut(Random(0), fates=[Fate.ALL])

    @staticmethod
    def _left_of(file: _File, fate: Fate, chance: Random) -> bytes:
        if fate is not Fate.TORN:
            return _applied(file.durable, _kept(file.pending, fate, chance))
        sectors = [sector for entry in file.pending for sector in _sectors(entry)]
        return _applied(file.durable, [sector for sector in sectors if chance.random() < 0.5])


def put_down(image: dict[str, bytes | None], folder: Path) -> Path:
    """Write what was left into an empty folder."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, content in image.items():
        if content is None:
            (folder / name).mkdir(mode=0o700, exist_ok=True)
        else:
            (folder / name).write_bytes(content)
            (folder / name).chmod(0o600)
    return folder


def _kept(pending: list[_T], fate: Fate, chance: Random) -> list[_T]:
    match fate:
        case Fate.NONE:
            return []
        case Fate.ALL:
            return pending
        case Fate.FIRST:
            return pending[: chance.randint(0, len(pending))]
        case Fate.SOME | Fate.TORN:
            return [each for each in pending if chance.random() < 0.5]


def _applied(content: bytes, changes: Iterable[Entry]) -> bytes:
    made = bytearray(content)
    for change in changes:
        if change.kind is Kind.CUT:
            del made[change.offset :]
            made.extend(bytes(change.offset - len(made)))
            continue
        made.extend(bytes(max(0, change.offset - len(made))))  # what was never written reads as zeros
        made[change.offset : change.offset + len(change.data)] = change.data
    return bytes(made)


def _sectors(entry: Entry) -> list[Entry]:
    """One write as the disk does it."""
    if entry.kind is Kind.CUT:
        return [entry]
    found, at = [], 0
    while at < len(entry.data):
        end = at + SECTOR_BYTES - (entry.offset + at) % SECTOR_BYTES
        data = entry.data[at:end]
        found.append(Entry(entry.kind, entry.when_ns, entry.file, entry.offset + at, entry.name, data))
        at = end
    return found


def _folders(entry: Entry) -> set[str]:
    names = [entry.name, entry.data.decode()] if entry.kind in (Kind.RENAME, Kind.LINK) else [entry.name]
    return {_parent(name) for name in names}


def _rename(names: dict[str, int], entry: Entry, number: int) -> None:
    """Do one change of names, as far as what it changes is there."""
    match entry.kind:
        case Kind.CREATE:
            names[entry.name] = number
        case Kind.FOLDER:
            names[entry.name] = FOLDER
        case Kind.UNLINK:
            names.pop(entry.name, None)
        case Kind.LINK if entry.name in names:
            names[entry.data.decode()] = names[entry.name]
        case Kind.RENAME if entry.name in names:
            names[entry.data.decode()] = names.pop(entry.name)
        case _:
            pass
