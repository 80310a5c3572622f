"""One device's WebSocket: frames in, frames out in order, and no more than the other side takes.

Nothing waits for a socket inside an effect: what is to be said goes into the link's own queue, which a task empties and
which costs nothing while it is empty.
"""

import asyncio
from collections import deque
from typing import Final, Protocol

from aiohttp import WSCloseCode, WSMsgType, web

FULL_BYTES = 256 * 1024
"""Unsent bytes beyond which a device is handed no more mail."""
UNSENT_BYTES_MAX = 4 * 1024 * 1024
"""Unsent bytes beyond which a connection is cut: it asks and asks, and does not listen."""
CLOSE_S_MAX = 2.0
"""How long a farewell may take to leave; on a dead link it never does."""


class Hears(Protocol):
    """Whoever is told what happens on a link."""

    def heard(self, number: int, data: bytes) -> None:
        """One frame came."""

    def broke(self, number: int, what: str) -> None:
        """Something came that cannot be a frame."""

    def writable(self, number: int, *, on: bool) -> None:
        """The other side does not keep up, or does again."""


class Link:
    """One connection, from its upgrade to its end."""

    __slots__ = (
        "_hears",
        "_is_closing",
        "_is_full",
        "_listens",
        "_number",
        "_sender",
        "_transport",
        "_unsent",
        "_unsent_bytes",
        "_websocket",
    )

    def __init__(
        self, number: int, hears: Hears, websocket: web.WebSocketResponse, transport: asyncio.Transport | None
    ) -> None:
        self._number: Final = number
        self._hears: Final = hears
        self._websocket: Final = websocket
        self._transport = transport
        self._unsent: deque[bytes] | None = None
        self._unsent_bytes = 0
        self._is_full = False
        self._is_closing = False
        self._sender: asyncio.Task[None] | None = None
        self._listens: asyncio.Future[None] | None = None

    async def run(self) -> None:
        """Read until the connection ends."""
        async for message in self._websocket:
            if message.type is not WSMsgType.BINARY:
                self._hears.broke(self._number, "text, where frames are binary")
                break
            self._hears.heard(self._number, message.data)
            if self._listens is not None:
                await self._listens
            if self._is_closing:
                break
        if self._sender is not None:
            await asyncio.wait([self._sender])

    def send(self, data: bytes) -> None:
        """Queue one frame; it leaves in its turn."""
        if self._is_closing:
            return
        if self._unsent is None:
            self._unsent = deque()
        self._unsent.append(data)
        self._unsent_bytes += len(data)
        if self._unsent_bytes > UNSENT_BYTES_MAX:
            self.cut()
        elif self._sender is None:
            self._sender = asyncio.get_running_loop().create_task(self._send())

    def close(self) -> None:
        """Close when everything queued has left, or after a short while."""
        if self._is_closing:
            return
        self._is_closing = True
        self.listen(on=True)
        loop = asyncio.get_running_loop()
        if self._sender is None:
            self._sender = loop.create_task(self._send())
        loop.call_later(CLOSE_S_MAX, self.cut)

    def cut(self) -> None:
        """Close at once."""
        self._is_closing = True
        self.listen(on=True)
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    def listen(self, *, on: bool) -> None:
        """Read on, or stop reading for now."""
        if on and self._listens is not None:
            self._listens.set_result(None)
            self._listens = None
        elif not on and self._listens is None and not self._is_closing:
            self._listens = asyncio.get_running_loop().create_future()

    async def _send(self) -> None:
        try:
            while self._unsent:
                if self._unsent_bytes > FULL_BYTES and not self._is_full:
                    self._is_full = True
                    self._hears.writable(self._number, on=False)
                data = self._unsent.popleft()
                await self._websocket.send_bytes(data)
                self._unsent_bytes -= len(data)
                if self._is_full and self._unsent_bytes < FULL_BYTES // 2:
                    self._is_full = False
                    self._hears.writable(self._number, on=True)
            if self._is_closing:
                await self._websocket.close(code=WSCloseCode.GOING_AWAY, drain=False)
        except ConnectionError:
            self._is_closing = True  # the reading side learns of it as well, and reports it
        finally:
            self._sender = None
            self._unsent = None
            self._unsent_bytes = 0
