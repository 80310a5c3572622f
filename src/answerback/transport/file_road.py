"""Carries pieces of files between a device and its relay: one line for many pieces, in chunks, as a flight allows."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from types import TracebackType
from typing import Final, Self

import aiohttp

from answerback.model.causes import Cause, cause_of
from answerback.model.errors import PeerError, RefusedError
from answerback.model.ids import BlobId
from answerback.model.paths import ANY_PATH
from answerback.transport.approach import Approach
from answerback.transport.chunks import ChunkLine, Gate, OwnGate
from answerback.transport.failures import Deferred, TokenStale, Unreachable, unreachable
from answerback.transport.relay_http import CONNECT_S_MAX, SILENCE_S_MAX, UNAUTHORIZED
from answerback.transport.sockets import hold_little
from answerback.transport.websocket import CLOSE_S_MAX
from answerback.wire.files import FILES_PATH, MESSAGE_BYTES_MAX, AnyFileFrame, Chunk, Get, Kept, Put, Sorry

RECHECK_S = 2.0
"""After a path is back, how long a line for files may go on being silent: a few round trips of the slowest."""
LINGER_S = 5.0
"""A line without work is closed after this: the next piece of the same file comes sooner."""


class FileRoad:
    """The line for files of one device; it opens when a piece is carried, and closes when it breaks or idles."""

    def __init__(
        self,
        url: str,
        *,
        pin: bytes,
        gate: Gate | None = None,
        approach: Approach | None = None,
        path_of: Callable[[], str] = lambda: ANY_PATH,
    ) -> None:
        """Take the way to the relay if somebody knows it already, and who says over which path files go now."""
        self._url: Final = url.rstrip("/") + FILES_PATH
        self._approach: Final = approach or Approach(url, pin=pin)
        self._is_own: Final = approach is None
        self._path_of: Final = path_of
        self._path = ANY_PATH
        self.gate = gate or OwnGate().gate()
        self._session: aiohttp.ClientSession | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._line: ChunkLine | None = None
        self._token = b""
        self._idle: asyncio.TimerHandle | None = None
        self._closing: asyncio.Task[None] | None = None
        self._recheck: asyncio.TimerHandle | None = None
        self._is_given_up = False
        self._turn: Final = asyncio.Lock()

    async def __aenter__(self) -> Self:
        """Get ready for one piece; one still being carried is given up, since nobody waits for it any more."""
        if self._turn.locked():
            self._is_given_up = True  # also while it is still being opened, perhaps over a path that was left
            if self._line is not None:
                await self._line.close()
        await self._turn.acquire()
        self._is_given_up = False
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        if self._closing is not None:
            await self._closing
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Keep the line for the next piece for a while; after an error, nobody knows where it stands."""
        try:
            if error is not None:
                await self.close()
            elif self._line is not None:
                self._idle = asyncio.get_running_loop().call_later(LINGER_S, self._close_soon)
        finally:
            self._turn.release()

    def recheck(self) -> None:
        """The path was gone and is back: a line with work that does not speak soon is broken off, and its piece fails.

        TCP would ask on it again only after about as long as the path was gone.
        """
        line = self._line
        if line is not None and self._turn.locked() and self._recheck is None:
            heard = line.heard
            loop = asyncio.get_running_loop()
            self._recheck = loop.call_later(RECHECK_S, lambda: self._break_off(line, heard))

    def _break_off(self, line: ChunkLine, heard: int) -> None:
        self._recheck = None
        if self._line is line and line.heard == heard and self._turn.locked():
            self._closing = asyncio.get_running_loop().create_task(line.close(), name="files broken off")

    async def close(self) -> None:
        """Let go of the line."""
        if self._recheck is not None:
            self._recheck.cancel()
            self._recheck = None
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        line, socket, session = self._line, self._socket, self._session
        self._line = self._socket = self._session = None
        if line is not None:
            await line.close()
        try:
            if socket is not None:
                with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
                    async with asyncio.timeout(CLOSE_S_MAX):
                        await socket.close()
        finally:  # also when whoever closes is told to stop meanwhile
            if session is not None:
                await session.close()
            if self._is_own:
                await self._approach.close()

    async def upload_piece(self, blob: BlobId, content: bytes, *, offset: int, total_bytes: int, token: bytes) -> int:
        """Send one piece; return how many bytes the relay has, which is not `offset` plus this one if it had others."""
        line = await self._opened(token)
        with _told():
            await line.send(Put(blob, offset, total_bytes, len(content)))
            await line.send_content(content)
            answer = await self._next(line)
        if not isinstance(answer, Kept):
            raise PeerError(f"a {type(answer).__name__} where a piece is answered")
        return answer.stored_bytes

    async def download_range(self, blob: BlobId, *, start: int, end: int, token: bytes) -> AsyncIterator[bytes]:
        """Fetch the bytes from `start` up to `end`, as they come; what came before an error is good."""
        line = await self._opened(token)
        left = end - start
        with _told():
            await line.send(Get(blob, start, end))
        while left > 0:
            with _told():
                chunk = await self._next(line)
            if not isinstance(chunk, Chunk) or not 0 < len(chunk.content) <= left:
                raise PeerError("that is not the range that was asked for")
            left -= len(chunk.content)
            yield chunk.content

    # ---- private

    async def _next(self, line: ChunkLine) -> AnyFileFrame:
        async with asyncio.timeout(SILENCE_S_MAX):
            frame = await line.receive()
        if frame is None:
            raise Unreachable(Cause.NETWORK_CONNECTION_LOST, "the line for files ended")
        if isinstance(frame, Sorry):
            cause = cause_of(frame.cause)
            if frame.retry_after_ms >= 0:
                raise Deferred(cause, retry_after_ms=frame.retry_after_ms, message=frame.message)
            raise RefusedError(cause, frame.message)
        return frame

    async def _opened(self, token: bytes) -> ChunkLine:
        path = self._path_of()
        if self._line is not None and token == self._token and path == self._path:
            return self._line
        await self.close()
        session = aiohttp.ClientSession(connector=self._approach.connector(lambda: path, limit=1))
        try:
            async with asyncio.timeout(CONNECT_S_MAX):
                headers = {"Authorization": f"Bearer {token.hex()}"}
                socket = await session.ws_connect(
                    self._url,
                    headers=headers,
                    compress=0,
                    max_msg_size=MESSAGE_BYTES_MAX + 1,
                    timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_S_MAX),
                )
        except aiohttp.WSServerHandshakeError as error:
            await session.close()
            raise _refused(error) from error
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            await session.close()
            raise unreachable(error) from error
        except BaseException:
            await session.close()
            raise
        if self._is_given_up:
            await session.close()
            raise Unreachable(Cause.NETWORK_CONNECTION_LOST, "the piece was given up while its line was opened")
        hold_little(socket.get_extra_info("socket"))
        self._session, self._socket, self._token, self._path = session, socket, token, path
        self._line = ChunkLine(socket, self.gate)
        return self._line

    def _close_soon(self) -> None:
        self._idle = None
        self._closing = asyncio.get_running_loop().create_task(self.close(), name="files idle")


def _refused(error: aiohttp.WSServerHandshakeError) -> Exception:
    if error.status == UNAUTHORIZED:
        return TokenStale()
    return Unreachable(Cause.RELAY_BUSY if error.status in (429, 503) else Cause.RELAY_FAULTY, str(error))


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Say what a broken connection means."""
    try:
        yield
    except (aiohttp.ClientError, OSError, RuntimeError, TimeoutError) as error:
        raise unreachable(error) from error
