"""The relay's end of a line for files: pieces up and ranges down, in chunks, beside the mail of the same device.

Theory. The rules are those of `relay/blobs.py`; only the carrying is another. What has come of a piece when its line
breaks is kept if it may be a piece, so that a slow link loses chunks and not pieces. What goes down counts in the same
flight as the device's mail, and mail goes first.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from aiohttp import web

from answerback.model.causes import Cause
from answerback.model.errors import PeerError, RefusedError, StorageError, StoreCorruptError
from answerback.model.ids import BlobId, DeviceId
from answerback.relay.addresses import Presence
from answerback.relay.blobs import (
    BlobLimits,
    BlobShelf,
    Upload,
    check_finished,
    find_visible,
    no_such_blob,
    read_parts,
)
from answerback.relay.http import Refusal, refusal_of, too_large
from answerback.relay.tokens import DeviceOfToken, asking_device
from answerback.storage.blobs import BlobObjects, BlobRow, BlobRows
from answerback.transport.chunks import ChunkLine, Gate, OwnGate
from answerback.transport.sockets import hold_little
from answerback.wire.files import MESSAGE_BYTES_MAX, Chunk, Get, Kept, Put, Sorry
from answerback.wire.requests import PIECE_BYTES_MAX, PIECE_BYTES_MIN

SILENCE_S_MAX = 60.0
"""A line that asks for nothing is closed by its device much sooner; one that stops within a piece is on a dead link."""
LINES_PER_DEVICE_MAX = 2
"""One, and the one it replaces that nobody has noticed to be dead."""
LINES_MAX = 1_024
"""With a piece in each this bounds memory to 1 GiB; most are on their way down and hold a quarter of it."""

GateOf = Callable[[DeviceId], Gate]
_CLASH: Final = 409


def own_gate(_device: DeviceId) -> Gate:
    """Bound a line by itself alone: nobody knows of mail to the same device."""
    return OwnGate().gate()


class FileLines:
    """The lines of all devices."""

    def __init__(
        self,
        *,
        shelf: BlobShelf,
        reader: BlobRows,
        objects: BlobObjects,
        device_of_token: DeviceOfToken,
        limits: BlobLimits,
        gate_of: GateOf = own_gate,
    ) -> None:
        self._shelf = shelf
        self._reader = reader
        self._objects = objects
        self._device_of_token = device_of_token
        self._limits = limits
        self._gate_of = gate_of
        self._present = Presence(each_max=LINES_PER_DEVICE_MAX, all_max=LINES_MAX)
        self._lines: set[ChunkLine] = set()

    async def close(self) -> None:
        """End every line; what has come of a piece is kept."""
        for line in list(self._lines):
            await line.close()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Carry one device's line from its upgrade to its end."""
        device = asking_device(request, self._device_of_token)
        if not self._present.enter(device.hex()):
            raise Refusal(Cause.RELAY_BUSY, "too many lines for files at once", retry_after_ms=2_000)
        try:
            return await self._serve(request, device)
        finally:
            self._present.leave(device.hex())

    async def _serve(self, request: web.Request, device: DeviceId) -> web.WebSocketResponse:
        websocket = web.WebSocketResponse(compress=False, max_msg_size=MESSAGE_BYTES_MAX + 1)
        try:
            await websocket.prepare(request)
        except ValueError as error:  # as in `relay/app.py`
            raise web.HTTPBadRequest(text="this is no WebSocket's key") from error
        hold_little(request.transport.get_extra_info("socket") if request.transport else None)
        line = ChunkLine(websocket, self._gate_of(device))
        self._lines.add(line)
        try:
            with suppress(PeerError, TimeoutError, ConnectionError):  # there is nobody left to tell
                await self._converse(line, device)
        finally:
            self._lines.discard(line)
            await line.close()
            await websocket.close()
        return websocket

    async def _converse(self, line: ChunkLine, device: DeviceId) -> None:
        while True:
            async with asyncio.timeout(SILENCE_S_MAX):
                frame = await line.receive()
            try:
                match frame:
                    case Put():
                        await self._take(line, frame, device)
                    case Get():
                        await self._give(line, frame, device)
                    case Chunk():
                        pass  # of a piece that was answered before all of it had left
                    case None:
                        return
                    case _:
                        raise PeerError(f"a {type(frame).__name__} where a request is expected")
            except (RefusedError, StorageError) as error:
                refusal = refusal_of(error)
                await line.send(Sorry(refusal.cause.value, str(refusal), refusal.retry_after_ms))

    # ---- up

    async def _take(self, line: ChunkLine, put: Put, device: DeviceId) -> None:
        if not 0 < put.total_bytes <= self._limits.blob_bytes_max:
            raise too_large(put.total_bytes, self._limits.blob_bytes_max)
        if not 0 < put.size_bytes <= PIECE_BYTES_MAX:
            raise too_large(put.size_bytes, PIECE_BYTES_MAX)
        known = self._reader.find(put.blob)
        if known is not None and known.device == device and known.stored_bytes != put.offset:
            await line.send(Kept(known.stored_bytes, known.total_bytes))
            return
        upload = Upload(put.blob, device, put.offset, put.total_bytes)
        content = bytearray()
        while len(content) < put.size_bytes:
            frame = await self._next_chunk(line, upload, content)
            content += frame.content
            if not frame.content or len(content) > put.size_bytes:
                raise PeerError("the chunks are not the piece that was announced")
        row = await self._keep(upload, bytes(content))
        await line.send(row)

    async def _next_chunk(self, line: ChunkLine, upload: Upload, content: bytearray) -> Chunk:
        try:
            async with asyncio.timeout(SILENCE_S_MAX):
                frame = await line.receive()
        except (PeerError, TimeoutError):
            await self._keep_some(upload, bytes(content))
            raise
        if frame is None:
            await self._keep_some(upload, bytes(content))
            raise PeerError("the line ended within a piece")
        if not isinstance(frame, Chunk):
            raise PeerError(f"a {type(frame).__name__} within a piece")
        return frame

    async def _keep(self, upload: Upload, content: bytes) -> Kept:
        try:
            row = await self._shelf.keep(upload, content)
        except Refusal as refusal:
            if refusal.status != _CLASH:
                raise
            known = self._reader.find(upload.blob)
            if known is None or known.device != upload.device:
                raise no_such_blob() from None
            return Kept(known.stored_bytes, known.total_bytes)
        return Kept(row.stored_bytes, row.total_bytes)

    async def _keep_some(self, upload: Upload, content: bytes) -> None:
        if len(content) >= PIECE_BYTES_MIN:
            with suppress(RefusedError, StorageError):  # nobody is there to be told, and nothing was promised
                await self._shelf.keep(upload, content)

    # ---- down

    async def _give(self, line: ChunkLine, get: Get, device: DeviceId) -> None:
        row = self._visible(get.blob, device)
        if not 0 <= get.start < get.end <= row.total_bytes:
            raise Refusal(Cause.RELAY_INCOMPATIBLE, "the blob has no such range", status=416)
        try:
            async for part in read_parts(self._reader, self._objects, row, start=get.start, end=get.end):
                async with asyncio.timeout(SILENCE_S_MAX):
                    if not await line.send_content(part):
                        return
        except StoreCorruptError:
            await self._shelf.forget(row)
            raise no_such_blob() from None

    def _visible(self, blob: BlobId, device: DeviceId) -> BlobRow:
        row = find_visible(self._reader, blob, device, now_ms=time.time_ns() // 1_000_000)
        check_finished(row)
        return row
