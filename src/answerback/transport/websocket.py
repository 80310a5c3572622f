"""Carries frames over one WebSocket to one relay, its certificate pinned or vouched for by an authority."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final, cast

import aiohttp

from answerback.model.causes import Cause
from answerback.model.errors import PeerError
from answerback.transport.approach import Approach, Reached, RelayConnector
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
BAD_REQUEST: Final = 400
SERVER_ERROR: Final = 500
SIGN_IN_FIRST: Final = 511
RETRY_AFTER_DIGITS_MAX = 6
"""Eleven days; what is believed of it is bounded elsewhere."""
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

    def __init__(self, session: aiohttp.ClientSession, socket: _Socket, peer: tuple[str, int] | None) -> None:
        self._session: Final = session
        self._socket: Final = socket
        self.peer: Final = peer

    @classmethod
    async def open(cls, url: str, *, pin: bytes | None, resume: Resume | None = None) -> "WebSocketLine":
        """Connect over whatever path the system chooses, showing a ticket if there is one.

        Raises `Unreachable`; a certificate that does not match is its cause `tls.untrusted`.
        """
        approach = Approach(url, pin=pin, fallback_port=0)
        try:
            async with asyncio.timeout(CONNECT_S_MAX):
                reached = await approach.reach()
        except TimeoutError as error:
            raise unreachable(error) from error
        finally:
            await approach.close()
        return await cls.over(approach, reached, resume=resume)

    @classmethod
    async def over(cls, approach: Approach, reached: Reached, *, resume: Resume | None) -> "WebSocketLine":
        """Go on upon a connection that stands, which is closed if that fails. Raises `Unreachable`."""
        waiting = [reached]

        async def take() -> Reached:
            if not waiting:  # aiohttp would ask again on another one; whether to is the engine's to decide
                raise Unreachable(Cause.NETWORK_CONNECTION_LOST, "the connection ended before it was a line")
            return waiting.pop()

        connector = RelayConnector(approach, take, limit=1)
        session = aiohttp.ClientSession(connector=connector, ws_response_class=_Socket)
        socket: aiohttp.ClientWebSocketResponse | None = None
        try:
            async with asyncio.timeout(CONNECT_S_MAX):
                socket = await session.ws_connect(
                    approach.url + ROUTE,
                    headers={RESUME_HEADER: resume_header(resume)} if resume else None,
                    autoping=True,
                    compress=0,
                    max_msg_size=FRAME_BYTES_MAX + 1,
                    timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_S_MAX),
                )
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise _refused(error, approach) from error
        finally:
            for unused in waiting:
                unused.close()
            if socket is None:
                await session.close()
        hold_little(socket.get_extra_info("socket"))
        peer = (reached.address.host, reached.port) if approach.is_direct else None
        return cls(session, cast("_Socket", socket), peer)

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


def _refused(error: BaseException, approach: Approach) -> Unreachable:
    if isinstance(error, aiohttp.ServerFingerprintMismatch):
        return Unreachable(Cause.TLS_UNTRUSTED, "the relay's certificate is not the one we know")
    if isinstance(error, aiohttp.WSServerHandshakeError):
        cause = _cause_of_status(error.status, is_sealed=approach.is_sealed)
        return Unreachable(cause, str(error), retry_after_s=_retry_after_s(error))
    return unreachable(error)


def _retry_after_s(error: aiohttp.WSServerHandshakeError) -> float | None:
    """What RFC 9110 §10.2.3 calls delay-seconds; a date would be of a clock we do not know."""
    said = error.headers.get("Retry-After", "") if error.headers else ""
    return float(said) if said.isascii() and said.isdecimal() and len(said) <= RETRY_AFTER_DIGITS_MAX else None


def _cause_of_status(status: int, *, is_sealed: bool) -> Cause:
    # Only without TLS can somebody answer in the relay's place: a page to sign in at, or the way to one.
    if not is_sealed and (status < BAD_REQUEST or status == SIGN_IN_FIRST):
        return Cause.NETWORK_CAPTIVE
    return Cause.RELAY_BUSY if status >= SERVER_ERROR else Cause.RELAY_FAULTY


_ENDS = frozenset({aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED})
