"""Damages pages of a database file, as a disk does that forgets."""

from pathlib import Path

PAGE_BYTES = 4_096


def pages(path: Path) -> int:
    """How many pages a file has."""
    return path.stat().st_size // PAGE_BYTES


def spoil(path: Path, page: int, *, offset: int = 0, size_bytes: int = 64) -> None:
    """Turn all bits of some bytes of one page; the first page is 0."""
    with path.open("r+b") as file:
        file.seek(page * PAGE_BYTES + offset)
        bytes_there = file.read(size_bytes)
        file.seek(page * PAGE_BYTES + offset)
        file.write(bytes(byte ^ 0xFF for byte in bytes_there))
