"""Proves that the lean WebSocket says and hears what a full one does, of every length and cut anywhere."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import WSMsgType, web

from answerback.faces.benchmarking.line import Line
from answerback.model.errors import PeerError
from answerback.wire.connection import FRAMES_PATH

LENGTHS = (0, 1, 125, 126, 127, 65_535, 65_536, 200_000)


async def _echo(request: web.Request) -> web.WebSocketResponse:
    websocket = web.WebSocketResponse()
    await websocket.prepare(request)
    async for message in websocket:
        if message.type is WSMsgType.BINARY:
            await websocket.ping(b"are you there")
            await websocket.send_bytes(message.data)
    return websocket


async def _with_server(
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]], work: Callable[[int], Awaitable[None]]
) -> None:
    application = web.Application()
    application.add_routes([web.get(FRAMES_PATH, answer)])
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        await work(runner.addresses[0][1])
    finally:
        await runner.cleanup()


async def _echoes(port: int) -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    line = Line(heard.put_nowait)
    await line.open(port, tls=None)
    said = [bytes([length % 251]) * length for length in LENGTHS]
    line.send(said)
    async with asyncio.timeout(10):
        assert [await heard.get() for _ in said] == said
        line.close()
        await line.ended


def test_messages_of_every_length_come_back_whole_and_in_order() -> None:
    asyncio.run(_with_server(_echo, _echoes))


async def _vanish(port: int) -> None:
    line = Line(lambda _message: None)
    await line.open(port, tls=None)
    line.reset()
    async with asyncio.timeout(10):
        await line.ended


def test_a_line_can_vanish() -> None:
    asyncio.run(_with_server(_echo, _vanish))


async def _plain(_request: web.Request) -> web.Response:
    return web.Response(text="no WebSocket here")


async def _refused(port: int) -> None:
    with pytest.raises(PeerError):
        await Line(lambda _message: None).open(port, tls=None)


def test_a_server_that_does_not_upgrade_is_an_error() -> None:
    asyncio.run(_with_server(_plain, _refused))


async def _in_pieces() -> list[bytes]:
    heard: list[bytes] = []
    line = Line(heard.append)
    stream = b"HTTP/1.1 101 Switching Protocols\r\n\r\n\x82\x03one\x82\x7e\x01\x00" + b"x" * 256 + b"\x82\x03end"
    for index in range(len(stream)):
        line.data_received(stream[index : index + 1])
    line.connection_lost(None)
    return heard


def test_what_comes_in_pieces_of_one_byte_is_put_together() -> None:
    assert asyncio.run(_in_pieces()) == [b"one", b"x" * 256, b"end"]
