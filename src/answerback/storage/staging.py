"""Holds files on their way: those to be sent, those half received, and those that came.

    files/outgoing/<blob>        encrypted; whole or not there; the original may vanish
    files/incoming/<blob>.part   encrypted, as far as it came
    files/received/<name>        opened and checked, under a name that is safe on any system

What the bytes mean is not known here: they come and go as pieces. When a method returns, what it wrote is on the disk.
"""

import contextlib
import errno
import os
import re
import secrets
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from answerback.model.errors import StorageError, StoreFullError, UsageError
from answerback.model.ids import BlobId
from answerback.storage.durable import PRIVATE_FILE, claim_name, make_private_folder, sync_folder
from answerback.storage.layout import INCOMING_FOLDER, OUTGOING_FOLDER, RECEIVED_FOLDER

PIECE_BYTES = 256 * 1024
"""What is read at once: large enough that reading costs nothing, small enough for a phone."""
NAME_BYTES_MAX = 200
"""Most file systems end at 255 bytes; the rest is for a number and for what people's programs append."""
SUFFIX_BYTES_MAX = 20
DRAFT_PREFIX = ".draft-"
SAME_NAME_MAX = 10_000
"""Nobody has more files of one name; bounds the search for a free one."""
_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_RESERVED = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(?:\s*\..*)?", re.IGNORECASE)
"""Devices, not files, on Windows, with any ending (learn.microsoft.com, "Naming files, paths, and namespaces")."""
_HIDDEN_KINDS = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories nobody sees: controls, and marks that turn `gpj.exe` into something that reads `exe.jpg`."""


class Staging:
    """The files of one device."""

    def __init__(self, folder: Path) -> None:
        self._outgoing: Final = folder / OUTGOING_FOLDER
        self._incoming: Final = folder / INCOMING_FOLDER
        self._received: Final = folder / RECEIVED_FOLDER

    # ---- to be sent ----

    def stage(self, blob: BlobId, pieces: Iterable[bytes]) -> int:
        """Keep what is to be sent, all of it or nothing, and return its size."""
        target = self._outgoing / blob.hex()
        with _translated(target):
            with _drafted(target, pieces) as draft:
                size_bytes = draft.stat().st_size
                draft.replace(target)  # the same blob staged again has the same bytes
            sync_folder(target.parent)
        return size_bytes

    def staged_bytes(self, blob: BlobId) -> int | None:
        """Say how large a staged file is; None if it is not there."""
        return _size(self._outgoing / blob.hex())

    def read_staged(self, blob: BlobId, *, offset: int, length: int) -> bytes:
        """Read a part of a staged file; what lies behind its end is left out."""
        path = self._outgoing / blob.hex()
        with _translated(path), path.open("rb") as file:
            file.seek(offset)
            return file.read(length)

    def discard_staged(self, blob: BlobId) -> None:
        """Let go of a staged file, if it is there."""
        self._discard(self._outgoing / blob.hex())

    def keep_staged(self, wanted: frozenset[BlobId]) -> None:
        """Let go of every staged file that no promise needs any more."""
        for path in self._outgoing.glob("*"):
            if path.name not in {blob.hex() for blob in wanted}:
                self._discard(path)

    # ---- half received ----

    def write_at(self, blob: BlobId, data: bytes, *, offset: int) -> None:
        """Put a part of an incoming file in its place: over what is there, or right behind it."""
        path = self._part(blob)
        with _translated(path):
            make_private_folder(path.parent)
            is_new = not path.exists()
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0), PRIVATE_FILE)
            with os.fdopen(descriptor, "wb") as file:
                size_bytes = os.fstat(descriptor).st_size
                if not 0 <= offset <= size_bytes:
                    raise UsageError(f"offset {offset} would leave a hole: {size_bytes} bytes are there")
                file.seek(offset)
                file.write(data)
                file.flush()
                os.fsync(descriptor)
            if is_new:
                sync_folder(path.parent)

    def incoming_bytes(self, blob: BlobId) -> int:
        """Say how much of an incoming file is there; 0 before its first part."""
        return _size(self._part(blob)) or 0

    def incoming_pieces(self, blob: BlobId) -> Iterator[bytes]:
        """Read an incoming file from its beginning."""
        path = self._part(blob)
        with _translated(path), path.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                yield piece

    def discard_incoming(self, blob: BlobId) -> None:
        """Let go of what came of a file, if anything did."""
        self._discard(self._part(blob))

    # ---- received ----

    def receive(self, name: str, pieces: Iterable[bytes]) -> Path:
        """Keep an opened file under a safe name like the one given, never over another file, and return where it is.

        If the pieces end in an error, such as a forged segment, nothing is kept.
        """
        target = self._received / safe_name(name)
        with _translated(target), _drafted(target, pieces) as draft:
            return _claim_free_name(draft, target)

    def tidy(self) -> None:
        """Remove drafts that a crash left behind; only while nobody else uses the folder."""
        for folder in (self._outgoing, self._received):
            with _translated(folder):
                for draft in folder.glob(f"{DRAFT_PREFIX}*") if folder.is_dir() else ():
                    draft.unlink(missing_ok=True)

    def _part(self, blob: BlobId) -> Path:
        return self._incoming / f"{blob.hex()}.part"

    def _discard(self, path: Path) -> None:
        with _translated(path):
            path.unlink(missing_ok=True)


def safe_name(name: str) -> str:
    """Make a file name out of what a peer calls a file: no folders, no devices, nothing hidden, not too long."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    seen = "".join(c for c in last if unicodedata.category(c) not in _HIDDEN_KINDS)
    plain = re.sub(r'[<>:"|?*]', "_", seen).strip().lstrip(".").rstrip(". ").strip()
    if not plain:
        return "file"
    stem, dot, suffix = plain.rpartition(".")
    if not stem or len(suffix.encode()) > SUFFIX_BYTES_MAX:
        stem, dot, suffix = plain, "", ""
    ending = dot + suffix
    stem = stem.encode()[: NAME_BYTES_MAX - len(ending.encode())].decode(errors="ignore")
    short = (stem + ending).rstrip(". ")
    return f"_{short}" if _RESERVED.fullmatch(short) else short


@contextlib.contextmanager
def _drafted(target: Path, pieces: Iterable[bytes]) -> Iterator[Path]:
    """Write a whole file beside the one that is meant; gone again unless it was given its name."""
    make_private_folder(target.parent)
    draft = target.with_name(f"{DRAFT_PREFIX}{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), PRIVATE_FILE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(descriptor)
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def _claim_free_name(draft: Path, target: Path) -> Path:
    for number in range(1, SAME_NAME_MAX):
        free = target if number == 1 else target.with_stem(f"{target.stem} ({number})")
        with contextlib.suppress(FileExistsError):
            claim_name(draft, free)
            return free
    raise StorageError(f"there are {SAME_NAME_MAX} files called {target.name} already")


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


@contextlib.contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _NO_SPACE:
            raise StoreFullError(f"no space is left for {path}") from error
        raise StorageError(f"{error.filename or path}: {error.strerror}") from error
