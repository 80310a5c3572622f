"""Keeps blobs on the relay's disk, in pieces that resume.

Theory. A piece is one object, written and fsynced under a name nobody used before; only then comes its row, in a
transaction that also moves the blob's `stored_bytes`. So a crash leaves at worst an object without a row, which
`sweep_strays` removes at the next start, and what a row names is always whole. Reading goes piece by piece: no blob
is ever assembled in memory. A piece's name holds a digest of its bytes, so that a disk that changed them is noticed:
a blob nobody can open any more would be offered for ever, and its author never asked for it again.
"""

import asyncio
import contextlib
import errno
import hashlib
import os
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore

from answerback.model.errors import StorageError, StoreCorruptError, StoreFullError
from answerback.model.ids import BlobId, DeviceId
from answerback.storage.database import Database
from answerback.storage.durable import make_private_folder, sync_folder

NO_SPACE_WORDS: Final = ("(os error 28)", "(os error 112)", "(os error 122)")
"""How obstore says ENOSPC, ERROR_DISK_FULL (Windows) and EDQUOT: it gives the text of the error and no number."""
PAGE_ROWS: Final = 500
DIGEST_CHARACTERS: Final = 16
"""64 bits: against a disk that forgets, not against a relay that lies; what the blob holds is sealed and signed."""
NAME_PARTS: Final = 4


@dataclass(frozen=True, slots=True)
class BlobRow:
    """How far one blob has come."""

    number: int
    id: BlobId
    device: DeviceId
    total_bytes: int
    stored_bytes: int
    expires_ms: int

    @property
    def finished(self) -> bool:
        """Whether every byte is here."""
        return self.stored_bytes == self.total_bytes


@dataclass(frozen=True, slots=True)
class Piece:
    """Where some bytes of a blob are."""

    start: int
    size_bytes: int
    name: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What one device has at the relay."""

    count: int
    total_bytes: int
    first_expires_ms: int


class BlobRows:
    """The blobs as rows: single statements, no decisions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, identity: BlobId) -> BlobRow | None:
        """Return one blob's row."""
        sql = "SELECT number, id, device, total_bytes, stored_bytes, expires_ms FROM blobs WHERE id = ?"
        row = self._database.row(sql, (identity,))
        return BlobRow(*row) if row else None

    def usage(self, device: DeviceId) -> Usage:
        """Sum up what a device has here, unfinished blobs at their full size."""
        sql = "SELECT count(*), coalesce(sum(total_bytes), 0), coalesce(min(expires_ms), 0) FROM blobs WHERE device = ?"
        row = self._database.row(sql, (device,))
        assert row is not None
        return Usage(*row)

    def begin(self, identity: BlobId, *, device: DeviceId, total_bytes: int, expires_ms: int) -> None:
        """Keep a blob of which nothing is here yet."""
        sql = "INSERT INTO blobs (id, device, total_bytes, stored_bytes, expires_ms) VALUES (?, ?, ?, 0, ?)"
        self._database.run(sql, (identity, device, total_bytes, expires_ms))

    def add(self, blob: BlobRow, piece: Piece) -> bool:
        """Keep the next piece; false if another piece was quicker."""
        moved = self._database.run(
            "UPDATE blobs SET stored_bytes = stored_bytes + ? WHERE number = ? AND stored_bytes = ?",
            (piece.size_bytes, blob.number, piece.start),
        )
        if moved:
            sql = "INSERT INTO pieces (blob, start, size_bytes, name) VALUES (?, ?, ?, ?)"
            self._database.run(sql, (blob.number, piece.start, piece.size_bytes, piece.name))
        return moved == 1

    def pieces(self, blob: BlobRow, *, start: int, end: int) -> list[Piece]:
        """Return the pieces that hold some of the bytes from `start` up to `end`, in order."""
        sql = """SELECT start, size_bytes, name FROM pieces
                 WHERE blob = ? AND start < ? AND start + size_bytes > ? ORDER BY start"""
        return [Piece(*row) for row in self._database.rows(sql, (blob.number, end, start))]

    def expired(self, *, now_ms: int) -> list[int]:
        """Return the numbers of some blobs whose time is over."""
        rows = self._database.rows("SELECT number FROM blobs WHERE expires_ms <= ? LIMIT ?", (now_ms, PAGE_ROWS))
        return [row[0] for row in rows]

    def remove(self, number: int) -> list[str]:
        """Forget one blob; return the names of the objects that may go now."""
        names = [row[0] for row in self._database.rows("SELECT name FROM pieces WHERE blob = ?", (number,))]
        self._database.run("DELETE FROM blobs WHERE number = ?", (number,))
        return names

    def knows(self, names: Iterable[str]) -> set[str]:
        """Return which of these names a row stands for."""
        asked = list(names)
        marks = ",".join("?" * len(asked))
        sql = f"SELECT name FROM pieces WHERE name IN ({marks})"  # noqa: S608  # question marks only
        return {row[0] for row in self._database.rows(sql, asked)}


def piece_name(blob: BlobId, content: bytes, *, offset: int) -> str:
    """Name a piece as no piece was ever named, and so that its bytes can be checked."""
    return f"{blob.hex()}.{offset:012}.{sha256(content).hexdigest()[:DIGEST_CHARACTERS]}.{secrets.token_hex(8)}"


def is_whole(name: str, digest: str) -> bool:
    """Whether a piece is as it was named; older names say nothing, and are believed."""
    parts = name.split(".")
    return len(parts) < NAME_PARTS or digest[:DIGEST_CHARACTERS] == parts[2]


class BlobObjects:
    """The bytes of the pieces, as objects in a folder."""

    def __init__(self, folder: Path) -> None:
        make_private_folder(folder)
        self._folder = folder
        self._store = LocalStore(folder)

    async def keep(self, name: str, content: bytes) -> None:
        """Write one object; when this returns, a power cut cannot take it."""
        assert "/" not in name
        with _translated(name):
            await obstore.put_async(self._store, name, content)
            await asyncio.to_thread(self._sync, name)

    async def read(self, name: str, *, start: int, size_bytes: int) -> bytes:
        """Read some bytes of one object."""
        with _translated(name):
            return bytes(await obstore.get_range_async(self._store, name, start=start, length=size_bytes))

    async def check(self, name: str) -> None:
        """Raise StoreCorruptError if an object is gone, or no longer has the bytes it was kept with."""
        with _translated(name):
            digest = await asyncio.to_thread(self._digest, name)
        if not is_whole(name, digest):
            raise StoreCorruptError(f"the piece {name} has other bytes than were kept")

    async def remove(self, names: Iterable[str]) -> None:
        """Remove objects; those that are gone already are no error."""
        for name in names:
            with _translated(name), contextlib.suppress(FileNotFoundError):
                await obstore.delete_async(self._store, name)

    def names(self) -> Iterator[str]:
        """List every file in the folder, drafts that a crash left behind too, which obstore would not show."""
        with os.scandir(self._folder) as entries:
            yield from (entry.name for entry in entries if entry.is_file(follow_symlinks=False))

    def discard(self, name: str) -> None:
        """Remove one file that `names` listed."""
        (self._folder / name).unlink(missing_ok=True)

    def _digest(self, name: str) -> str:
        with (self._folder / name).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def _sync(self, name: str) -> None:
        # object_store renames a draft into place and leaves the rest to the system's page cache.
        descriptor = os.open(self._folder / name, os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        sync_folder(self._folder)


def sweep_strays(rows: BlobRows, objects: BlobObjects) -> int:
    """Remove files without a row; only before anything is uploaded, or a piece in between would be lost."""
    names = list(objects.names())
    gone = 0
    for first in range(0, len(names), PAGE_ROWS):
        page = names[first : first + PAGE_ROWS]
        for name in set(page) - rows.knows(page):
            objects.discard(name)
            gone += 1
    return gone


@contextlib.contextmanager
def _translated(name: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise StoreCorruptError(f"the piece {name} is not on the disk, though its row is") from error
    except (BaseError, OSError) as error:
        is_full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)
        if is_full or any(words in str(error) for words in NO_SPACE_WORDS):
            raise StoreFullError("no space is left for blobs") from error
        raise StorageError(f"the piece {name} cannot be read or written: {type(error).__name__}") from error
