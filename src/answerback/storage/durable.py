"""Puts whole files on the disk so that they are there after a power cut."""

import os
import secrets
import sys
from pathlib import Path

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700


def make_private_folder(folder: Path) -> None:
    """Make a folder, and those above it, that only its owner may enter; one that is there is left as it is."""
    if not folder.is_dir():
        # One by one: each new folder's name is in the folder above it, and a sync of the last one covers only its own.
        make_private_folder(folder.parent)
        folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
        sync_folder(folder.parent)


def is_private(path: Path) -> bool:
    """Say whether only its owner can read a file; where the system keeps no such mark, believe it. Raises OSError."""
    return sys.platform == "win32" or path.stat().st_mode & 0o077 == 0


def create_file(path: Path, content: bytes) -> None:
    """Create a private file that is either whole or not there; raise FileExistsError rather than replace one."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), PRIVATE_FILE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        claim_name(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def claim_name(draft: Path, path: Path) -> None:
    """Give a finished file its name in one step; raise FileExistsError if the name is taken."""
    if sys.platform == "win32":
        draft.rename(path)  # on Windows a rename never replaces
    else:
        try:
            os.link(draft, path)  # a rename would replace silently; a link refuses
            draft.unlink()
        except FileExistsError:
            raise
        except OSError:  # a file system without links, as on memory cards: claim the name first, then fill it
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE))
            draft.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Put the names in a folder on the disk; a file's own fsync does not cover its name."""
    if sys.platform == "win32":
        return  # Windows has no handle for it; NTFS journals its names
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
