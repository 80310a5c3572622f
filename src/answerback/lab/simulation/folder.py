"""Keeps one device's files in memory: they outlive the agent, and a write fails or is torn when it is told to.

Theory. What a real folder promises holds here too: a file that is staged or received is whole or not there; of a half
received one, any beginning may be there after a crash.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from answerback.lab.simulation.disk import Disk, PowerCut
from answerback.model.errors import StoreFullError, UsageError
from answerback.model.ids import BlobId
from answerback.storage.staging import Staging, safe_name

PIECE_BYTES = 32 * 1024


class Folder(Staging):
    """What `Staging` keeps on a disk, without one."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._staged: dict[BlobId, bytes] = {}
        self._parts: dict[BlobId, bytearray] = {}
        self.received: dict[str, bytes] = {}
        """What the person finds there, by name."""
        self.is_brittle = False
        """The power goes at the next write."""

    # ---- to be sent

    def stage(self, blob: BlobId, pieces: Iterable[bytes]) -> int:
        """Keep what is to be sent, all of it or nothing."""
        content = b"".join(pieces)
        self._before(write_part=None)
        self._staged[blob] = content
        return len(content)

    def staged_bytes(self, blob: BlobId) -> int | None:
        """Say how large a staged file is."""
        return len(self._staged[blob]) if blob in self._staged else None

    def read_staged(self, blob: BlobId, *, offset: int, length: int) -> bytes:
        """Read a part of a staged file."""
        return self._staged[blob][offset : offset + length]

    def discard_staged(self, blob: BlobId) -> None:
        """Let go of a staged file."""
        self._staged.pop(blob, None)

    def keep_staged(self, wanted: frozenset[BlobId]) -> None:
        """Let go of every staged file that no promise needs any more."""
        for blob in self._staged.keys() - wanted:
            del self._staged[blob]

    # ---- half received

    def write_at(self, blob: BlobId, data: bytes, *, offset: int) -> None:
        """Put a part of an incoming file in its place."""
        part = self._parts.setdefault(blob, bytearray())
        if not 0 <= offset <= len(part):
            raise UsageError(f"offset {offset} would leave a hole: {len(part)} bytes are there")
        self._before(write_part=(part, data, offset))
        part[offset : offset + len(data)] = data

    def incoming_bytes(self, blob: BlobId) -> int:
        """Say how much of an incoming file is there."""
        return len(self._parts.get(blob, b""))

    def incoming_pieces(self, blob: BlobId) -> Iterator[bytes]:
        """Read an incoming file from its beginning."""
        content = bytes(self._parts.get(blob, b""))
        for start in range(0, len(content), PIECE_BYTES):
            yield content[start : start + PIECE_BYTES]

    def discard_incoming(self, blob: BlobId) -> None:
        """Let go of what came of a file."""
        self._parts.pop(blob, None)

    # ---- received

    def receive(self, name: str, pieces: Iterable[bytes]) -> Path:
        """Keep an opened file under a free name; nothing is kept if the pieces end in an error."""
        content = b"".join(pieces)
        self._before(write_part=None)
        free, number = safe_name(name), 1
        while free in self.received:
            number += 1
            free = f"{number} {safe_name(name)}"
        self.received[free] = content
        return Path(free)

    def tidy(self) -> None:
        """There are no drafts here."""

    # ---- what happens at a write

    def _before(self, *, write_part: tuple[bytearray, bytes, int] | None) -> None:
        if self.is_brittle:
            self.is_brittle = False
            if write_part is not None:
                part, data, offset = write_part
                half = data[: len(data) // 2]
                part[offset : offset + len(half)] = half
            self._disk.cut_power()
            raise PowerCut
        if self._disk.is_full:
            raise StoreFullError("no space is left for a file")
