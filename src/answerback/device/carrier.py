"""Carries the pieces of files between this device's staging folder and the relay's blob store."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from hashlib import sha256
from typing import Final, Protocol

from answerback.core.effects import Download, Effect, Moment, Upload
from answerback.core.engine import Engine
from answerback.crypto.files import open_file
from answerback.crypto.primitives import CannotOpenError
from answerback.model.causes import Cause
from answerback.model.errors import PeerError, RefusedError, StorageError
from answerback.model.ids import BlobId
from answerback.model.message import Attachment, Message
from answerback.model.paths import ANY_PATH
from answerback.storage.journal import Journal
from answerback.storage.staging import Staging
from answerback.transport.approach import Approach
from answerback.transport.chunks import Gate
from answerback.transport.failures import Deferred, Unreachable
from answerback.transport.file_road import FileRoad

log = logging.getLogger(__name__)

Outcome = Callable[[Engine, Moment], list[Effect]]
PIECE_S_MAX = 60.0
"""A piece is a few seconds' worth; one that takes a minute is on a link that is gone, and what came of it is kept."""
DISK_AGAIN_S = 30.0
"""After the disk refused a piece: each costs a piece's worth of somebody's data, and making room takes a person."""


class BlobRoad(Protocol):
    """What is asked of the way to a relay's blobs."""

    async def upload_piece(self, blob: BlobId, content: bytes, *, offset: int, total_bytes: int, token: bytes) -> int:
        """Send one piece; return how many bytes the relay has."""
        ...

    def download_range(self, blob: BlobId, *, start: int, end: int, token: bytes) -> AsyncIterator[bytes]:
        """Fetch the bytes from `start` up to `end`, as they come."""
        ...


class FileCarrier:
    """The files of one device, one piece at a time."""

    def __init__(
        self,
        journal: Journal,
        staging: Staging,
        *,
        url: str,
        pin: bytes | None,
        open_relay: Callable[[], AbstractAsyncContextManager[BlobRoad]] | None = None,
        approach: Approach | None = None,
        path_of: Callable[[], str] = lambda: ANY_PATH,
    ) -> None:
        self._journal: Final = journal
        self._staging: Final = staging
        self._road: Final = FileRoad(url, pin=pin or b"", approach=approach, path_of=path_of)
        self._open_relay: Final = open_relay or (lambda: self._road)

    def share(self, gate: Gate) -> None:
        """Have files leave only as there is room for them beside the mail."""
        self._road.gate = gate

    def recheck(self) -> None:
        """The path was gone and is back: begin anew what does not speak soon."""
        self._road.recheck()

    async def close(self) -> None:
        """Let go of the relay."""
        await self._road.close()

    async def carry(self, piece: Upload | Download) -> Outcome:
        """Move one piece and say what came of it, as the change the engine is to make."""
        try:
            async with asyncio.timeout(PIECE_S_MAX), self._open_relay() as relay:
                if isinstance(piece, Upload):
                    if not self._is_staged(piece):
                        log.error("! a file that was to be sent is gone from this disk")
                        return lambda engine, now: engine.file_gone(piece, now=now)
                    done_bytes = await self._upload(relay, piece)
                    return lambda engine, now: engine.moved(piece, done_bytes=done_bytes, now=now)
                return await self._download(relay, piece)
        except RefusedError as error:
            # A blob without the range its message names is not that message's file, or not all of it.
            strange = isinstance(piece, Download) and error.cause is Cause.RELAY_INCOMPATIBLE
            return self._failed(piece, missing=strange or error.cause is Cause.MESSAGE_FILE_MISSING)
        except (Unreachable, Deferred, PeerError, TimeoutError):
            return self._failed(piece, missing=False)
        except StorageError as error:
            log.error("! the disk refused a piece of a file: %s", error)  # noqa: TRY400 - its message says it all
        await asyncio.sleep(DISK_AGAIN_S)
        return self._failed(piece, missing=False)

    def _is_staged(self, piece: Upload) -> bool:
        total_bytes = self._staging.staged_bytes(piece.blob)
        return total_bytes is not None and total_bytes > piece.offset

    async def _upload(self, relay: BlobRoad, piece: Upload) -> int:
        total_bytes = self._staging.staged_bytes(piece.blob)
        assert total_bytes is not None
        content = self._staging.read_staged(piece.blob, offset=piece.offset, length=piece.length)
        return await relay.upload_piece(
            piece.blob, content, offset=piece.offset, total_bytes=total_bytes, token=piece.token
        )

    async def _download(self, relay: BlobRoad, piece: Download) -> Outcome:
        offset = min(piece.offset, self._staging.incoming_bytes(piece.blob))
        end = piece.offset + piece.length
        if end <= offset:  # its author says that it has no bytes: no sealed file is so small
            raise RefusedError(Cause.MESSAGE_FILE_MISSING, "a file without a single byte")
        async for part in relay.download_range(piece.blob, start=offset, end=end, token=piece.token):
            self._staging.write_at(piece.blob, part, offset=offset)
            offset += len(part)
        message = self._message_of(piece)
        if message is None or message.attachment is None or offset < message.attachment.sealed_bytes:
            return lambda engine, now: engine.moved(piece, done_bytes=offset, now=now)
        return self._finish(piece, message)

    def _finish(self, piece: Download, message: Message) -> Outcome:
        """Open the whole file and check it; only then is its message delivered."""
        attachment = message.attachment
        assert attachment is not None
        try:
            path = self._staging.receive(attachment.name, self._checked(attachment))
        except CannotOpenError:
            self._staging.discard_incoming(attachment.blob)
            return self._failed(piece, missing=True)
        self._journal.keep_setting(f"file.{attachment.blob.hex()}", str(path))
        self._staging.discard_incoming(attachment.blob)

        def finished(engine: Engine, now: Moment) -> list[Effect]:
            moved = engine.moved(piece, done_bytes=attachment.sealed_bytes, now=now)
            return [*moved, *engine.file_checked(attachment.blob, message, now=now)]

        return finished

    def _checked(self, attachment: Attachment) -> Iterator[bytes]:
        digest = sha256()
        for piece in open_file(attachment.key, self._staging.incoming_pieces(attachment.blob)):
            digest.update(piece)
            yield piece
        if digest.digest() != attachment.sha256:
            raise CannotOpenError("the file is not the one its message names")

    def _failed(self, piece: Upload | Download, *, missing: bool) -> Outcome:
        message = None if isinstance(piece, Upload) else self._message_of(piece)
        return lambda engine, now: engine.transfer_failed(piece, missing=missing, message=message, now=now)

    def _message_of(self, piece: Upload | Download) -> Message | None:
        kept = self._journal.message(piece.message, author=piece.author)
        return kept.message if kept is not None else None
