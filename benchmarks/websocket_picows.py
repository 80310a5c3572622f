"""Puts picows behind a port that also speaks HTTP: what `websocket_candidates.py` needs when picows is there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, ClassVar, Final, cast

from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest
from picows.picows import WSAutoPingStrategy, WSProtocol  # type: ignore[attr-defined]

FRAME_BYTES_MAX: Final = 256 * 1024  # picows never gives a grown read buffer back
HEAD_BYTES_MAX: Final = 16 * 1024  # a request's head; beyond it the peer is not one of ours


class Echo(WSListener):
    """Echoes frames on picows."""

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Send a copy of the frame back: a relay, too, keeps its own copy."""
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()
            return
        transport.send(WSMsgType.BINARY, frame.get_payload_as_bytes())


def _accept(_request: WSUpgradeRequest) -> WSListener:
    return Echo()


class Frames(WSProtocol):  # type: ignore[misc]  # picows ships no type for its protocol
    """Speaks WebSocket on a connection that another protocol accepted."""

    open: ClassVar[set[Frames]] = set()

    # An adapter, because picows makes a child logger a connection out of a plain Logger.
    _log: Final = logging.LoggerAdapter(logging.getLogger("frames"), {})

    def __init__(self, **uvicorn: Any) -> None:  # noqa: ANN401  # uvicorn says what it likes
        """Begin on the server's side, waiting for the request's head."""
        state = uvicorn.get("server_state")  # uvicorn stops only those it knows
        self._siblings = state.connections if state else self.open
        super().__init__(
            host_port=None,
            ws_path=None,
            is_client_side=False,
            ws_listener_factory=_accept,
            logger=self._log,
            disconnect_on_exception=True,
            websocket_handshake_timeout=5,
            enable_auto_ping=False,
            auto_ping_idle_timeout=20,
            auto_ping_reply_timeout=20,
            auto_ping_strategy=WSAutoPingStrategy.PING_WHEN_IDLE,
            enable_auto_pong=True,
            max_frame_size=FRAME_BYTES_MAX,
            extra_headers=None,
            read_buffer_init_size=2_048,
        )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be known to whoever stops the server."""
        super().connection_made(transport)
        self._siblings.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Be forgotten."""
        super().connection_lost(exc)
        self._siblings.discard(self)

    def data_received(self, head: bytes) -> None:
        """Take bytes that were read before the transport knew this protocol."""
        rest = memoryview(head)
        while rest:
            room = memoryview(self.get_buffer(len(rest)))
            taken = min(len(room), len(rest))
            room[:taken] = rest[:taken]
            self.buffer_updated(taken)
            rest = rest[taken:]

    def shutdown(self) -> None:
        """Say goodbye and close, as uvicorn asks of its protocols."""
        self.transport.send_close(WSCloseCode.GOING_AWAY)
        self.transport.disconnect()


class FirstBytes(asyncio.Protocol):
    """Reads a connection's first request and hands the connection to WebSocket or to HTTP."""

    def __init__(self, http_factory: Callable[[], asyncio.Protocol]) -> None:
        """Remember who speaks HTTP."""
        self._http_factory = http_factory
        self._head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport to hand it on."""
        self._transport = cast(asyncio.Transport, transport)  # which those of uvloop are not, by type

    def data_received(self, data: bytes) -> None:
        """Choose as soon as the head is whole."""
        self._head += data
        end = self._head.find(b"\r\n\r\n")
        if end < 0 and len(self._head) < HEAD_BYTES_MAX:
            return
        upgrade = b"\r\nupgrade: websocket" in self._head[:end].lower()
        heir: Any = Frames() if upgrade else self._http_factory()
        self._transport.set_protocol(heir)
        heir.connection_made(self._transport)
        heir.data_received(self._head)
