"""Carries chunks of files over a WebSocket, either way, and never has more of them under way than a flight allows.

Theory. Whoever receives a chunk answers at once; the answers are read the moment they come, whatever else this end is
doing, because it is their time that tells how the link is. Everything else that comes waits in a short queue.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

import aiohttp

from answerback.model.errors import PeerError
from answerback.wire.codec import encode
from answerback.wire.files import AnyFileFrame, Came, Chunk, decode_file_frame
from answerback.wire.flight import Flight, Kind

WAITING_MAX = 32
"""Frames read and not yet asked for: two megabytes of chunks at most, and then the other end is not read on."""
LOOK_S = 0.05
"""How often it is looked for room that somebody else's answer has made."""


class Socket(Protocol):
    """What both kinds of aiohttp's WebSockets can do."""

    async def receive(self) -> aiohttp.WSMessage:
        """Wait for one message."""
        ...

    async def send_bytes(self, data: bytes) -> None:
        """Send one binary message."""
        ...


@dataclass(frozen=True, slots=True)
class Gate:
    """What a line is bounded by: a flight it may share with the mail of the same device."""

    flight: Callable[[], Flight]
    now_s: Callable[[], float] = time.monotonic
    mail_waits: Callable[[], bool] = lambda: False
    """Mail goes first: while some waits, files use no room that is made."""
    made_room: Callable[[], None] = lambda: None
    """Called after each answer, so that others may use the room."""


@dataclass(slots=True)
class OwnGate:
    """A gate for a line that shares its way with nobody known."""

    own: Flight = field(default_factory=Flight)

    def gate(self) -> Gate:
        """Give it."""
        return Gate(lambda: self.own)


class ChunkLine:
    """One end of a line for files."""

    def __init__(self, socket: Socket, gate: Gate) -> None:
        self._socket: Final = socket
        self._gate: Final = gate
        self._waiting: asyncio.Queue[AnyFileFrame | None] = asyncio.Queue(WAITING_MAX)
        self._room = asyncio.Event()
        self._flying: deque[object] = deque()
        self._answered = self._received = 0
        self.heard = 0
        """How many frames came, whatever they say."""
        self._is_over = False
        self._broke: PeerError | None = None
        self._reader = asyncio.get_running_loop().create_task(self._read(), name="chunks")

    async def send(self, frame: AnyFileFrame) -> None:
        """Send anything that is no chunk."""
        await self._socket.send_bytes(encode(frame))

    async def send_content(self, content: bytes) -> bool:
        """Send bytes in chunks as there is room; false if the other end said something, or nothing more, meanwhile."""
        at = 0
        while at < len(content):
            if not await self._has_room():
                return False
            flight, key = self._gate.flight(), object()
            part = content[at : at + flight.chunk_bytes]
            at += len(part)
            self._flying.append(key)
            flight.left(key, len(part), kind=Kind.CHUNK, now_s=self._gate.now_s())
            await self._socket.send_bytes(encode(Chunk(part)))
        return True

    async def receive(self) -> AnyFileFrame | None:
        """Wait for what the other end says next; None at the end of the connection. Raises `PeerError`."""
        frame = await self._waiting.get()
        if frame is None:
            self._waiting.put_nowait(None)
            if self._broke is not None:
                raise self._broke
        return frame

    async def close(self) -> None:
        """Stop reading, and forget what is under way."""
        self._reader.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait([self._reader])
        while not self._waiting.empty():
            self._waiting.get_nowait()
        self._waiting.put_nowait(None)  # whoever still waits is told that this is the end
        flight = self._gate.flight()
        for key in self._flying:
            flight.forget(key)
        self._flying.clear()

    async def _has_room(self) -> bool:
        gate = self._gate
        while self._waiting.empty():
            if not gate.mail_waits() and gate.flight().has_room(now_s=gate.now_s()):
                return True
            self._room.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._room.wait()
        return False

    async def _read(self) -> None:
        try:
            while (message := await self._socket.receive()).type is aiohttp.WSMsgType.BINARY:
                await self._heard(decode_file_frame(message.data))
        except PeerError as error:
            self._broke = error
        except (aiohttp.ClientError, OSError, RuntimeError):
            pass  # the connection is over, and that is said by the None below
        await self._waiting.put(None)
        self._room.set()

    async def _heard(self, frame: AnyFileFrame) -> None:
        self.heard += 1
        if isinstance(frame, Came):
            self._learn(frame.count)
            return
        await self._waiting.put(frame)
        if isinstance(frame, Chunk):
            self._received += 1
            await self._socket.send_bytes(encode(Came(self._received)))
        else:
            self._room.set()

    def _learn(self, count: int) -> None:
        if not self._answered <= count <= self._answered + len(self._flying):
            raise PeerError(f"{count} chunks are said to have come, of {self._answered + len(self._flying)}")
        flight, now_s = self._gate.flight(), self._gate.now_s()
        while self._answered < count:
            self._answered += 1
            flight.arrived(self._flying.popleft(), now_s=now_s)
        self._gate.made_room()
        self._room.set()
