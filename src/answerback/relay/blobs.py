"""Takes blobs in pieces and gives them out by range: files that travel beside the mail, sealed by their senders.

Theory. Whoever began a blob is the only one who may add to it or ask how far it is; to everybody else it does not exist
until it is whole. Then any device with a token may read it, if it knows the id: 128 random bits that only those learn
who were sent the file. A piece must begin where the blob ends: else the answer is 409 and says where that is.
"""

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from aiohttp import web

from answerback.model.causes import Cause
from answerback.model.errors import StorageError, StoreCorruptError
from answerback.model.ids import BlobId, DeviceId
from answerback.relay.addresses import Presence
from answerback.relay.http import Refusal, answer, read_body, too_large
from answerback.relay.routes import OCTETS, Asked, Given, Proof, Route
from answerback.relay.tokens import DeviceOfToken, asking_device
from answerback.storage.blobs import BlobObjects, BlobRow, BlobRows, Piece, piece_name
from answerback.storage.turns import Turns
from answerback.wire.requests import (
    BLOB_BYTES_MAX,
    LENGTH_HEADER,
    OFFSET_HEADER,
    PIECE_BYTES_MAX,
    PIECE_BYTES_MIN,
    PieceKept,
)

_log = logging.getLogger(__name__)
BLOB_LIFETIME_S = 30 * 86_400
"""As long as mail is kept: a file that outlives its message helps nobody."""
READ_BYTES = 256 * 1024
"""How much of a blob is in memory for one download."""
WRITE_S_MAX = READ_BYTES / (4 * 1024)
"""How long a reader may take for that: as slow as we let senders be."""
SWEEP_EVERY_S = 600.0
_NUMBER = re.compile(r"\d{1,12}", re.ASCII)


@dataclass(frozen=True, slots=True)
class BlobLimits:
    """How much one device may leave here."""

    blob_bytes_max: int = BLOB_BYTES_MAX
    device_bytes_max: int = 1024 * 1024 * 1024
    device_blobs_max: int = 1_000
    downloads_per_device_max: int = 8
    downloads_max: int = 128


@dataclass(frozen=True, slots=True)
class Upload:
    """What a `PUT` says about its piece."""

    blob: BlobId
    device: DeviceId
    offset: int
    total_bytes: int


def check_upload(upload: Upload, row: BlobRow, *, size_bytes: int) -> None:
    """Raise a Refusal unless this piece is the next one of its own device's blob."""
    if row.total_bytes != upload.total_bytes:
        raise _misplaced(row, f"this blob has {row.total_bytes} bytes in all")
    if row.stored_bytes != upload.offset:
        raise _misplaced(row, f"{row.stored_bytes} bytes are here")
    end = upload.offset + size_bytes
    if end > row.total_bytes:
        raise _misplaced(row, f"a piece of {size_bytes} bytes goes beyond the blob's end")
    if size_bytes == 0 or (end < row.total_bytes and size_bytes < PIECE_BYTES_MIN):
        raise Refusal(Cause.RELAY_INCOMPATIBLE, f"a piece, but for the last, has at least {PIECE_BYTES_MIN} bytes")


def _misplaced(row: BlobRow, message: str) -> Refusal:
    refusal = Refusal(Cause.RELAY_INCOMPATIBLE, message, status=409, retry_after_ms=0)
    refusal.headers = _progress(stored_bytes=row.stored_bytes, total_bytes=row.total_bytes)
    return refusal


class BlobShelf:
    """Blobs with their rules."""

    def __init__(
        self,
        *,
        rows: BlobRows,
        objects: BlobObjects,
        turns: Turns,
        limits: BlobLimits,
        wall_ms: Callable[[], int] | None = None,
    ) -> None:
        self._rows = rows
        self._objects = objects
        self._turns = turns
        self._limits = limits
        self._wall_ms = wall_ms or _wall_ms

    def admit(self, upload: Upload, *, size_bytes: int, now_ms: int) -> BlobRow:
        """Find the blob a piece is for, or begin it, or raise a Refusal; within a transaction."""
        if self._rows.find(upload.blob) is None:
            self._check_room(upload, now_ms=now_ms)
            expires_ms = now_ms + BLOB_LIFETIME_S * 1000
            self._rows.begin(upload.blob, device=upload.device, total_bytes=upload.total_bytes, expires_ms=expires_ms)
        row = self._own(upload)
        check_upload(upload, row, size_bytes=size_bytes)
        return row

    def _own(self, upload: Upload) -> BlobRow:
        row = self._rows.find(upload.blob)
        if row is None or row.device != upload.device:
            raise no_such_blob()
        return row

    def _check_room(self, upload: Upload, *, now_ms: int) -> None:
        used = self._rows.usage(upload.device)
        is_full = used.count >= self._limits.device_blobs_max
        if is_full or used.total_bytes + upload.total_bytes > self._limits.device_bytes_max:
            wait_ms = max(0, used.first_expires_ms - now_ms) if used.count else -1
            raise Refusal(Cause.ACCOUNT_RATE_LIMITED, "this device's room for files is used up", retry_after_ms=wait_ms)

    async def keep(self, upload: Upload, content: bytes) -> BlobRow:
        """Put one piece on the disk, bytes first; return how far the blob is."""
        row = await self._turns.take(lambda: self.admit(upload, size_bytes=len(content), now_ms=self._wall_ms()))
        name = piece_name(upload.blob, content, offset=upload.offset)
        piece = Piece(upload.offset, len(content), name)
        await self._objects.keep(name, content)
        if not await self._turns.take(lambda: self._rows.add(row, piece)):
            await self._objects.remove([name])
            raise _misplaced(await self._turns.take(lambda: self._own(upload)), "another piece was quicker")
        return BlobRow(row.number, row.id, row.device, row.total_bytes, row.stored_bytes + len(content), row.expires_ms)

    async def forget(self, row: BlobRow) -> None:
        """Let go of a blob that this disk has not kept: its readers will have its author bring it again."""
        await self._objects.remove(await self._turns.take(lambda: self._rows.remove(row.number)))

    async def sweep(self, *, now_ms: int) -> int:
        """Remove blobs whose time is over; the row first, so that what is offered can be read."""
        count = 0
        for number in await self._turns.take(lambda: self._rows.expired(now_ms=now_ms)):
            names = await self._turns.take(lambda number=number: self._rows.remove(number))  # type: ignore[misc]  # a default binds the loop's value
            await self._objects.remove(names)
            count += 1
        return count


class BlobRoutes:
    """Blobs over HTTP."""

    def __init__(
        self,
        *,
        shelf: BlobShelf,
        reader: BlobRows,
        objects: BlobObjects,
        device_of_token: DeviceOfToken,
        limits: BlobLimits,
    ) -> None:
        self._shelf = shelf
        self._reader = reader
        self._objects = objects
        self._device_of_token = device_of_token
        self._limits = limits
        self._downloads = Presence(each_max=limits.downloads_per_device_max, all_max=limits.downloads_max)

    def routes(self) -> list[Route]:
        """Name the routes; an id of another shape is no route at all, so it never becomes a path."""
        path = "/v1/blobs/{blob:[0-9a-f]{32}}"
        named = (Asked("blob", "The blob's id, which its author makes up.", "[0-9a-f]{32}", "path"),)
        offset = Asked("offset", "Where the piece begins.", "[0-9]{1,12}", most=BLOB_BYTES_MAX)
        total = Asked("total", "How many bytes the whole blob has.", "[0-9]{1,12}", least=1, most=BLOB_BYTES_MAX)
        progress = (OFFSET_HEADER, LENGTH_HEADER)
        return [
            Route(
                method="PUT",
                path=path,
                words="Take one piece of a blob.",
                serve=self.put,
                gives={200: Given(PieceKept, headers=progress)},
                refuses=frozenset({400, 401, 404, 408, 409, 413}),
                takes_octets=PIECE_BYTES_MAX,
                asked=(*named, offset, total),
                proof=Proof.DEVICE,
            ),
            Route(
                method="HEAD",
                path=path,
                words="Say how far a blob is.",
                serve=self.head,
                gives={200: Given(headers=progress)},
                refuses=frozenset({401, 404}),
                asked=named,
                proof=Proof.DEVICE,
            ),
            Route(
                method="GET",
                path=path,
                words="Give a whole blob, or the range of it that a Range header asks for (RFC 9110).",
                serve=self.get,
                gives={200: Given(media=OCTETS), 206: Given(media=OCTETS, headers=("Content-Range",))},
                refuses=frozenset({401, 404, 416}),
                asked=named,
                proof=Proof.DEVICE,
            ),
        ]

    async def put(self, request: web.Request) -> web.Response:
        """Take one piece."""
        device = self._device(request)
        upload = Upload(
            _blob(request), device, offset=_number(request, "offset"), total_bytes=_number(request, "total")
        )
        if not upload.total_bytes:
            raise Refusal(Cause.RELAY_INCOMPATIBLE, "a blob has at least one byte")
        if upload.total_bytes > self._limits.blob_bytes_max:
            raise too_large(upload.total_bytes, self._limits.blob_bytes_max)
        content = await read_body(request, bytes_max=PIECE_BYTES_MAX)
        row = await self._shelf.keep(upload, content)
        response = answer(PieceKept(row.stored_bytes, row.total_bytes))
        response.headers.update(_progress(stored_bytes=row.stored_bytes, total_bytes=row.total_bytes))
        return response

    async def head(self, request: web.Request) -> web.Response:
        """Say how far a blob is."""
        row = self._visible(request)
        return web.Response(headers=_progress(stored_bytes=row.stored_bytes, total_bytes=row.total_bytes))

    async def get(self, request: web.Request) -> web.StreamResponse:
        """Give a whole blob, or a range of it."""
        row = self._visible(request)
        check_finished(row)
        start, end = _range(request, row.total_bytes)
        is_part = (start, end) != (0, row.total_bytes)
        response = web.StreamResponse(status=206 if is_part else 200, headers={"Accept-Ranges": "bytes"})
        response.content_type = "application/octet-stream"
        response.content_length = end - start
        if is_part:
            response.headers["Content-Range"] = f"bytes {start}-{end - 1}/{row.total_bytes}"
        reader = self._device(request).hex()
        if not self._downloads.enter(reader):
            raise Refusal(Cause.RELAY_BUSY, "too many downloads at once", retry_after_ms=2_000)
        try:
            return await self._stream(request, response, row, start=start, end=end)
        except ConnectionError:  # the reader has left, which is no news
            return _broken_off(request, response)
        finally:
            self._downloads.leave(reader)

    async def _stream(
        self, request: web.Request, response: web.StreamResponse, row: BlobRow, *, start: int, end: int
    ) -> web.StreamResponse:
        try:
            async for part in read_parts(self._reader, self._objects, row, start=start, end=end):
                if not response.prepared:
                    await response.prepare(request)
                async with asyncio.timeout(WRITE_S_MAX):
                    await response.write(part)
        except (StorageError, TimeoutError) as error:
            if isinstance(error, StoreCorruptError):
                _log.error("a blob is given up: %s", error)
                await self._shelf.forget(row)
            if not response.prepared:
                raise no_such_blob() if isinstance(error, StoreCorruptError) else error from None
            _log.warning("a download was broken off after it had begun")
            return _broken_off(request, response)
        await response.write_eof()
        return response

    def _visible(self, request: web.Request) -> BlobRow:
        device = self._device(request)
        return find_visible(self._reader, _blob(request), device, now_ms=_wall_ms())

    def _device(self, request: web.Request) -> DeviceId:
        return asking_device(request, self._device_of_token)


def find_visible(rows: BlobRows, blob: BlobId, device: DeviceId, *, now_ms: int) -> BlobRow:
    """Find a blob a device may know of: its own, or one that is whole."""
    row = rows.find(blob)
    if row is None or row.expires_ms <= now_ms or (row.device != device and not row.finished):
        raise no_such_blob()
    return row


def check_finished(row: BlobRow) -> None:
    """Raise a Refusal unless every byte is here."""
    if not row.finished:
        raise no_such_blob()


async def read_parts(
    rows: BlobRows, objects: BlobObjects, row: BlobRow, *, start: int, end: int
) -> AsyncIterator[bytes]:
    """Read the bytes from `start` up to `end`; each piece is checked before a byte of it is given out."""
    for piece in rows.pieces(row, start=start, end=end):
        await objects.check(piece.name)
        first, last = max(start, piece.start), min(end, piece.start + piece.size_bytes)
        for at in range(first, last, READ_BYTES):
            size_bytes = min(READ_BYTES, last - at)
            yield await objects.read(piece.name, start=at - piece.start, size_bytes=size_bytes)


async def sweep_for_ever(shelf: BlobShelf) -> None:
    """Remove what has expired, now and then, until cancelled."""
    while True:
        try:
            await shelf.sweep(now_ms=_wall_ms())
        except StorageError as error:
            _log.error("expired blobs could not be removed: %s", error)
        await asyncio.sleep(SWEEP_EVERY_S)


def _range(request: web.Request, total_bytes: int) -> tuple[int, int]:
    try:
        asked = request.http_range
    except ValueError as error:
        raise _no_such_range(total_bytes) from error
    start = 0 if asked.start is None else asked.start
    if start < 0:
        start = max(0, total_bytes + start)
    end = total_bytes if asked.stop is None else min(asked.stop, total_bytes)
    if start >= end:
        raise _no_such_range(total_bytes)
    return start, end


def _no_such_range(total_bytes: int) -> Refusal:
    refusal = Refusal(Cause.RELAY_INCOMPATIBLE, "the blob has no such range", status=416)
    refusal.headers = {"Content-Range": f"bytes */{total_bytes}"}
    return refusal


def no_such_blob() -> Refusal:
    """Say that a blob is not here, whatever the reason."""
    return Refusal(Cause.MESSAGE_FILE_MISSING, "there is no such blob")


def _progress(*, stored_bytes: int, total_bytes: int) -> dict[str, str]:
    return {OFFSET_HEADER: str(stored_bytes), LENGTH_HEADER: str(total_bytes)}


def _broken_off(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """End the connection with an answer that is shorter than announced: whoever reads it sees that it is not whole."""
    response.force_close()
    if request.transport is not None:
        request.transport.abort()
    return response


def _blob(request: web.Request) -> BlobId:
    return BlobId(bytes.fromhex(request.match_info["blob"]))


def _number(request: web.Request, name: str) -> int:
    text = request.query.get(name, "")
    if not _NUMBER.fullmatch(text):
        raise Refusal(Cause.RELAY_INCOMPATIBLE, f"{name} is a number of bytes")
    return int(text)


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000
