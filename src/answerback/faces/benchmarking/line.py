"""Speaks WebSocket to a relay with as little work as can be, so that the relay is what is measured.

Theory. One protocol object for one connection: bytes in, whole messages out. Our frames carry an all-zero mask: the
relay unmasks them as it unmasks any (RFC 6455 §5.3), and we need not. The relay sends each message in one fragment.
"""

import asyncio
import base64
import secrets
import socket
import ssl
import struct
from collections.abc import Callable
from typing import Final, cast

from answerback.model.errors import PeerError
from answerback.wire.connection import FRAMES_PATH

HOST: Final = "127.0.0.1"
HEAD_END: Final = b"\r\n\r\n"
SWITCHED: Final = b"HTTP/1.1 101"
BINARY, CLOSE, PING, PONG = 0x2, 0x8, 0x9, 0xA  # RFC 6455 §5.2
FIN = 0x80
MASKED = 0x80
ZERO_MASK: Final = bytes(4)
SHORT_BYTES_MAX = 125
MIDDLE_BYTES_MAX = 0xFFFF
RST_ON_CLOSE: Final = struct.pack("ii", 1, 0)  # SO_LINGER on, for 0 seconds

Heard = Callable[[bytes], None]


class Line(asyncio.Protocol):
    """One WebSocket connection of one device."""

    def __init__(self, heard: Heard) -> None:
        self._heard = heard
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._is_open = False
        loop = asyncio.get_running_loop()
        self._opened: asyncio.Future[None] = loop.create_future()
        self.ended: Final[asyncio.Future[None]] = loop.create_future()

    async def open(self, port: int, *, tls: ssl.SSLContext | None) -> None:
        """Connect and upgrade; OSError if the relay is not there, PeerError if it does not upgrade."""
        await asyncio.get_running_loop().create_connection(lambda: self, HOST, port, ssl=tls)
        await self._opened

    # ---- what asyncio tells ----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are not derived from asyncio's
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        self._transport.write(
            f"GET {FRAMES_PATH} HTTP/1.1\r\nHost: {HOST}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        """Take bytes in and hand out every message that is whole."""
        self._buffer += data
        if not self._is_open and not self._upgraded():
            return
        used = 0
        while (found := _next(self._buffer, used)) is not None:
            opcode, start, used = found
            if opcode == BINARY:
                self._heard(bytes(memoryview(self._buffer)[start:used]))
            elif opcode == PING:
                self._write(_framed(bytes(memoryview(self._buffer)[start:used]), opcode=PONG))
        if used:
            del self._buffer[:used]

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits."""
        if not self._opened.done():
            self._opened.set_exception(exc or ConnectionResetError("closed before the upgrade"))
        if not self.ended.done():
            self.ended.set_result(None)

    # ---- what its device does --------------------------------------------------------------------------------------

    def send(self, messages: list[bytes]) -> None:
        """Send messages, in one write."""
        self._write(b"".join([_framed(message, opcode=BINARY) for message in messages]))

    def reset(self) -> None:
        """Vanish: the relay gets a reset instead of a goodbye."""
        if self._transport is None:
            return
        connected = self._transport.get_extra_info("socket")
        if connected is not None:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST_ON_CLOSE)
        self._transport.abort()

    def close(self) -> None:
        """Say goodbye."""
        if self._transport is not None:
            self._write(_framed(b"\x03\xe8", opcode=CLOSE))  # 1000, a normal closure
            self._transport.close()

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _upgraded(self) -> bool:
        end = self._buffer.find(HEAD_END)
        if end < 0:
            return False
        if not self._buffer.startswith(SWITCHED):
            first = bytes(self._buffer[:60])
            if not self._opened.done():
                self._opened.set_exception(PeerError(f"no upgrade to WebSocket: {first!r}"))
            return False
        del self._buffer[: end + len(HEAD_END)]
        self._is_open = True
        if not self._opened.done():
            self._opened.set_result(None)
        return True


def unchecked_tls() -> ssl.SSLContext:
    """Encrypt without asking to whom: the relay is our own child, and the cost is the same."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _framed(message: bytes, *, opcode: int) -> bytes:
    size = len(message)
    if size <= SHORT_BYTES_MAX:
        head = bytes((FIN | opcode, MASKED | size))
    elif size <= MIDDLE_BYTES_MAX:
        head = struct.pack("!BBH", FIN | opcode, MASKED | 126, size)
    else:
        head = struct.pack("!BBQ", FIN | opcode, MASKED | 127, size)
    return b"".join((head, ZERO_MASK, message))


def _next(buffer: bytearray, position: int) -> tuple[int, int, int] | None:
    """Find the next whole message: its opcode, where it begins and where it ends."""
    have = len(buffer) - position
    if have < 2:  # noqa: PLR2004 - the shortest head (RFC 6455 §5.2)
        return None
    size, start = buffer[position + 1] & 0x7F, position + 2
    if size > SHORT_BYTES_MAX:
        width = 2 if size == SHORT_BYTES_MAX + 1 else 8
        if have < 2 + width:
            return None
        size, start = int.from_bytes(buffer[start : start + width], "big"), start + width
    end = start + size
    return (buffer[position] & 0x0F, start, end) if end <= len(buffer) else None
