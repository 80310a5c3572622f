"""Keeps the relay's files, by its own rules and its own rows, and carries their pieces as HTTP would.

Theory. The rules and the rows are the relay's; the objects are bytes in memory that outlive it. A relay that is put
back to an older copy has its older rows and today's objects, as a backup of the database alone would give it.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from hashlib import sha256
from typing import TYPE_CHECKING, Self, TypeVar

from answerback.lab.simulation.disk import PowerCut
from answerback.lab.simulation.wires import CONNECT_S_MAX, Road
from answerback.model.causes import Cause
from answerback.model.errors import PeerError, RefusedError, StorageError, StoreCorruptError, StoreFullError
from answerback.model.ids import BlobId, DeviceId
from answerback.relay.blobs import BlobLimits, BlobShelf, Upload, check_finished, find_visible, read_parts
from answerback.relay.http import Refusal
from answerback.storage.blobs import BlobObjects, BlobRows, is_whole, sweep_strays
from answerback.storage.database import Database
from answerback.storage.turns import Turns
from answerback.transport.failures import Deferred, TokenStale, Unreachable
from answerback.wire.requests import OFFSET_HEADER

if TYPE_CHECKING:
    from answerback.lab.simulation.post_office import PostOffice

WRITE_S = (0.001, 0.01)
"""What writing an object and syncing it takes."""
LATER = frozenset({408, 429, 500, 502, 503, 504, 507})
_T = TypeVar("_T")


class Objects(BlobObjects):
    """The bytes of the pieces: they outlive the relay's process."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}
        self.is_full = False

    async def keep(self, name: str, content: bytes) -> None:
        """Write one object."""
        if self.is_full:
            raise StoreFullError("no space is left for blobs")
        self.content[name] = content

    async def read(self, name: str, *, start: int, size_bytes: int) -> bytes:
        """Read some bytes of one object."""
        return self.content[name][start : start + size_bytes]

    async def check(self, name: str) -> None:
        """Raise StoreCorruptError if an object is gone, or has other bytes."""
        if name not in self.content or not is_whole(name, sha256(self.content[name]).hexdigest()):
            raise StoreCorruptError(f"the piece {name} is not what was kept")

    async def remove(self, names: Iterable[str]) -> None:
        """Remove objects."""
        for name in names:
            self.content.pop(name, None)

    def names(self) -> Iterator[str]:
        """List every object."""
        yield from list(self.content)

    def discard(self, name: str) -> None:
        """Remove one object."""
        self.content.pop(name, None)


class _Turns(Turns):
    """Gives each change a transaction of its own, after a while."""

    def __init__(self, office: "PostOffice", database: Database, chance: random.Random) -> None:
        self._office = office
        self._base = database
        self._chance = chance

    async def take(self, change: Callable[[], _T]) -> _T:
        """Carry out a change in one transaction, unless the relay is gone by then."""
        await asyncio.sleep(self._chance.uniform(*WRITE_S))
        if self._office.database is not self._base or not self._office.is_up:
            raise Unreachable(Cause.NETWORK_CONNECTION_LOST)
        if self._office.refuses_commits:
            raise StorageError("the simulated disk refuses this commit")
        try:
            with self._base.transaction():
                return change()
        except PowerCut:
            self._office.crash()
            raise Unreachable(Cause.NETWORK_CONNECTION_LOST) from None


class Shelf:
    """One run of a relay's blob store."""

    def __init__(self, office: "PostOffice", database: Database, objects: Objects, chance: random.Random) -> None:
        self._office = office
        self._objects = objects
        self._rows = BlobRows(database)
        sweep_strays(self._rows, objects)
        turns = _Turns(office, database, chance)
        self._rules = BlobShelf(
            rows=self._rows, objects=objects, turns=turns, limits=BlobLimits(), wall_ms=lambda: office.wall_ms
        )

    async def put(self, upload: Upload, content: bytes) -> int:
        """Take one piece; how much is here then."""
        try:
            row = await self._rules.keep(upload, content)
        except Refusal as refusal:
            if refusal.status == 409:
                return int(refusal.headers[OFFSET_HEADER])
            raise
        return row.stored_bytes

    async def get(self, blob: BlobId, device: DeviceId, *, start: int, end: int) -> AsyncIterator[bytes]:
        """Give a range of a blob; one that the disk has not kept is let go of."""
        row = find_visible(self._rows, blob, device, now_ms=self._office.wall_ms)
        check_finished(row)
        if start >= min(end, row.total_bytes):
            raise Refusal(Cause.RELAY_INCOMPATIBLE, "the blob has no such range", status=416)
        try:
            async for part in read_parts(self._rows, self._objects, row, start=start, end=min(end, row.total_bytes)):
                yield part
        except StoreCorruptError as error:
            await self._rules.forget(row)
            raise Refusal(Cause.MESSAGE_FILE_MISSING, str(error)) from error

    async def sweep(self) -> int:
        """Remove what has expired."""
        return await self._rules.sweep(now_ms=self._office.wall_ms)


class BlobWay:
    """One device's requests for pieces: a `RelayHttp` without sockets."""

    def __init__(self, road_of: Callable[[], Road], office: "PostOffice", faults: Counter[str]) -> None:
        self._road_of = road_of
        self._office = office
        self._faults = faults
        self.breaks: list[str] = []
        """What goes wrong with the next pieces: `request`, `answer` or `middle`."""

    async def __aenter__(self) -> Self:
        """Get ready."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing is held open."""

    async def upload_piece(self, blob: BlobId, content: bytes, *, offset: int, total_bytes: int, token: bytes) -> int:
        """Send one piece; return how many bytes the relay has."""
        await self._travel(len(content))
        self._break_at("request")
        try:
            stored_bytes = await self._shelf.put(Upload(blob, self._device(token), offset, total_bytes), content)
        except (RefusedError, StorageError) as error:
            raise _as_http(error) from error
        await self._travel(0)
        self._break_at("answer")
        return stored_bytes

    async def download_range(self, blob: BlobId, *, start: int, end: int, token: bytes) -> AsyncIterator[bytes]:
        """Fetch the bytes from `start` up to `end`."""
        await self._travel(0)
        self._break_at("request")
        left = end - start
        try:
            async for part in self._shelf.get(blob, self._device(token), start=start, end=end):
                await self._travel(len(part))
                if "middle" in self.breaks:
                    yield part[: len(part) // 2]
                self._break_at("middle")
                yield part
                left -= len(part)
        except (RefusedError, StorageError) as error:
            raise _as_http(error) from error
        if left:
            raise PeerError(f"{left} bytes of the range did not come")

    @property
    def _shelf(self) -> Shelf:
        if not self._office.is_up:
            raise Unreachable(Cause.NETWORK_RELAY_UNREACHABLE)
        return self._office.shelf

    def _device(self, token: bytes) -> DeviceId:
        device = self._office.exchange.device_of_token(token)
        if device is None:
            raise TokenStale
        return device

    async def _travel(self, size_bytes: int) -> None:
        road = self._road_of()
        if road.is_cut or road.up_held or road.down_held:
            await asyncio.sleep(CONNECT_S_MAX)
            raise Unreachable(Cause.NETWORK_RELAY_UNREACHABLE)
        await asyncio.sleep(road.way_s(size_bytes))

    def _break_at(self, where: str) -> None:
        if where in self.breaks:
            self.breaks.remove(where)
            self._faults[f"file_{where}_lost"] += 1
            raise Unreachable(Cause.NETWORK_CONNECTION_LOST)


def _as_http(error: RefusedError | StorageError) -> Exception:
    """Say a refusal the way `RelayHttp` would after it has crossed the network."""
    if isinstance(error, StoreFullError):
        return Deferred(Cause.RELAY_STORE_FULL, retry_after_ms=5_000)
    if isinstance(error, StorageError):
        return Deferred(Cause.RELAY_FAULTY, retry_after_ms=5_000)
    if isinstance(error, Refusal) and error.status in LATER:
        return Deferred(error.cause, retry_after_ms=max(0, error.retry_after_ms))
    return RefusedError(error.cause, str(error)) if isinstance(error, Refusal) else error
