"""A link keeps its frames in order, says when the other side does not keep up, and ends when told."""

import asyncio
from collections.abc import AsyncIterator
from typing import Never, cast

from aiohttp import web

from answerback.relay import link
from answerback.relay.link import FULL_BYTES, UNSENT_BYTES_MAX, Link


class Socket:
    """A WebSocket whose other side reads when the test says so."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.may_send = asyncio.Event()
        self.closed = asyncio.Event()
        self.aborted = False

    def __aiter__(self) -> AsyncIterator[Never]:
        return self

    async def __anext__(self) -> Never:
        await self.closed.wait()
        raise StopAsyncIteration

    async def send_bytes(self, data: bytes) -> None:
        await self.may_send.wait()
        if self.aborted:
            raise ConnectionResetError
        self.sent.append(data)

    async def close(self, **_how: object) -> None:
        self.closed.set()

    def abort(self) -> None:
        self.aborted = True
        self.may_send.set()
        self.closed.set()


class Ear:
    def __init__(self) -> None:
        self.told: list[bool] = []

    def heard(self, number: int, data: bytes) -> None:
        raise AssertionError

    def broke(self, number: int, what: str) -> None:
        raise AssertionError

    def writable(self, number: int, *, on: bool) -> None:
        self.told.append(on)


def linked() -> tuple[Link, Socket, Ear]:
    socket, ear = Socket(), Ear()
    websocket, transport = cast("web.WebSocketResponse", socket), cast("asyncio.Transport", socket)
    return Link(1, ear, websocket, transport), socket, ear


def test_a_full_link_says_so_and_says_when_it_has_room_again() -> None:
    async def story() -> None:
        one, socket, ear = linked()
        running = asyncio.create_task(one.run())
        pieces = [bytes([n]) * (FULL_BYTES // 4) for n in range(6)]
        for piece in pieces:
            one.send(piece)
        await asyncio.sleep(0)
        assert ear.told == [False]
        socket.may_send.set()
        one.close()
        await running
        assert ear.told == [False, True]
        assert socket.sent == pieces

    asyncio.run(story())


def test_a_link_that_never_empties_is_cut() -> None:
    async def story() -> None:
        one, socket, _ = linked()
        running = asyncio.create_task(one.run())
        for _ in range(3):
            one.send(bytes(UNSENT_BYTES_MAX // 2))
        await running
        assert socket.aborted
        assert socket.sent == []

    asyncio.run(story())


def test_a_farewell_that_cannot_leave_does_not_hold_the_relay() -> None:
    async def story() -> None:
        one, socket, _ = linked()
        running = asyncio.create_task(one.run())
        one.send(b"farewell")
        one.close()
        one.send(b"nothing more")
        await running
        assert socket.aborted
        assert socket.sent == []

    was, link.CLOSE_S_MAX = link.CLOSE_S_MAX, 0.01
    try:
        asyncio.run(story())
    finally:
        link.CLOSE_S_MAX = was
