"""Carries frames over one WebSocket to one relay, its certificate pinned or vouched for by an authority."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final, cast

import aiohttp

from answerback.model.causes import Cause
from answerback.model.errors import PeerError
from answerback.transport.failures import Unreachable, unreachable
from answerback.transport.sockets import hold_little
from answerback.wire.codec import decode_relay_frame, encode, resume_header
from answerback.wire.connection import RESUME_HEADER
from answerback.wire.frames import FRAME_BYTES_MAX, ClientFrame, RelayFrame, Resume

ROUTE = "/v1/frames"
CONNECT_S_MAX = 15.0
"""The engine gives an attempt up before this; here it only bounds what a forgotten attempt can hold."""
CLOSE_S_MAX = 0.5
"""A goodbye is a courtesy: a dead path must not keep us from trying a live one."""
FLUSH_LOOK_S = 0.005
"""How often we look whether the operating system has taken the rest; only slow links ever wait."""


class _Socket(aiohttp.ClientWebSocketResponse):
    """Also says how much of what was sent the operating system has not taken yet."""

    @property
    def unwritten_bytes(self) -> int | None:
        """None when nobody can say any more."""
        transport = self._conn.transport if self._conn is not None else None
        if transport is None or transport.is_closing():
            return None
        unwritten_bytes = cast("asyncio.WriteTransport", transport).get_write_buffer_size()
        # Python's TLS does not count what it has encrypted and given to the transport below it.
        below = getattr(getattr(transport, "_ssl_protocol", None), "_transport", None)
        return unwritten_bytes + (below.get_write_buffer_size() if below is not None else 0)


class WebSocketLine:
    """One connection; see `ports.RelayLine`."""

    def __init__(self, session: aiohttp.ClientSession, socket: _Socket) -> None:
        self._session: Final = session
        self._socket: Final = socket

    @classmethod
    async def open(cls, url: str, *, pin: bytes | None, resume: Resume | None = None) -> "WebSocketLine":
        """Connect, showing a ticket if there is one.

        Raises `Unreachable`; a certificate that does not match is its cause `tls.untrusted`.
        """
        tls: aiohttp.Fingerprint | bool = aiohttp.Fingerprint(pin) if pin else True
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=tls, force_close=True), ws_response_class=_Socket
        )
        try:
            async with asyncio.timeout(CONNECT_S_MAX):
                socket = await session.ws_connect(
                    url.rstrip("/") + ROUTE,
                    headers={RESUME_HEADER: resume_header(resume)} if resume else None,
                    autoping=True,
                    compress=0,
                    max_msg_size=FRAME_BYTES_MAX + 1,
                    timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_S_MAX),
                )
        except aiohttp.ServerFingerprintMismatch as error:
            await session.close()
            raise Unreachable(Cause.TLS_UNTRUSTED, "the relay's certificate is not the one we know") from error
        except aiohttp.WSServerHandshakeError as error:
            await session.close()
            raise Unreachable(Cause.RELAY_BUSY if error.status >= 500 else Cause.RELAY_FAULTY, str(error)) from error  # noqa: PLR2004
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            await session.close()
            raise unreachable(error) from error
        except BaseException:
            await session.close()
            raise
        hold_little(socket.get_extra_info("socket"))
        return cls(session, cast("_Socket", socket))

    async def send(self, frames: list[ClientFrame]) -> None:
        """Hand frames to the operating system, one WebSocket message each."""
        try:
            for frame in frames:
                await self._socket.send_bytes(encode(frame))
            # "Sent" is told to people: it must not mean our own buffer.
            while left_bytes := self._socket.unwritten_bytes:  # noqa: ASYNC110 - see the line below
                await asyncio.sleep(FLUSH_LOOK_S)  # transports tell nobody when they are empty
        except (aiohttp.ClientError, OSError, RuntimeError) as error:
            raise unreachable(error) from error
        if left_bytes is None:
            raise Unreachable(Cause.NETWORK_CONNECTION_LOST, "the connection ended before the system had all bytes")

    async def frames(self) -> AsyncIterator[RelayFrame]:
        """What the relay says, until the connection ends."""
        while True:
            try:
                message = await self._socket.receive()
            except (aiohttp.ClientError, OSError) as error:
                raise unreachable(error) from error
            if message.type is aiohttp.WSMsgType.BINARY:
                yield decode_relay_frame(message.data)
            elif message.type in _ENDS:
                return
            elif isinstance(message.data, aiohttp.WebSocketError):
                raise PeerError(f"the relay broke the WebSocket protocol: {message.data}")
            elif message.type is aiohttp.WSMsgType.ERROR:
                raise unreachable(message.data)
            else:
                raise PeerError(f"a {message.type.name} message; only binary ones are spoken here")

    async def close(self) -> None:
        """End the connection now."""
        try:
            with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
                async with asyncio.timeout(CLOSE_S_MAX):
                    await self._socket.close()
        finally:  # also when whoever closes is told to stop meanwhile
            await self._session.close()


_ENDS = frozenset({aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED})
