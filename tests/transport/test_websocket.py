"""Proves the line to the relay: every failure has its cause, "sent" means sent, and an end does not take long."""

import asyncio
import gc
import socket
from pathlib import Path

import pytest
from aiohttp import WSMsgType, web

from answerback.model.causes import Cause
from answerback.model.errors import PeerError
from answerback.relay.certificate import Certificate, own_certificate
from answerback.transport import websocket
from answerback.transport.failures import Unreachable
from answerback.transport.websocket import ROUTE, WebSocketLine
from answerback.wire.codec import decode_client_frame, encode
from answerback.wire.connection import FRAMES_PATH
from answerback.wire.frames import FRAME_BYTES_MAX, Challenge, ClientFrame, Hello, Ping
from tests.transport.lines import CHALLENGE, Talk, answering, silence


async def cause_of_opening(url: str, *, pin: bytes | None = None) -> Cause:
    with pytest.raises(Unreachable) as failed:
        await WebSocketLine.open(url, pin=pin)
    gc.collect()  # a session left open would warn now
    return failed.value.cause


def test_the_route_is_the_relays() -> None:
    assert ROUTE == FRAMES_PATH


def test_frames_go_both_ways_over_a_pinned_line(tmp_path: Path) -> None:
    said: list[ClientFrame] = []

    async def talk(spoken: web.WebSocketResponse) -> None:
        await spoken.send_bytes(encode(CHALLENGE))
        while len(said) < 2:
            said.append(decode_client_frame(await spoken.receive_bytes()))

    async def run() -> None:
        certificate = Certificate(own_certificate(tmp_path, hosts=["127.0.0.1"]))
        async with answering(talk, certificate=certificate) as url:
            line = await WebSocketLine.open(url + "/", pin=certificate.pin)
            frames = line.frames()
            assert await anext(frames) == CHALLENGE
            await line.send([Ping(1), Ping(2)])
            with pytest.raises(StopAsyncIteration):
                await anext(frames)
            await line.close()
            assert said == [Ping(1), Ping(2)]

    asyncio.run(run())


def test_another_certificate_is_not_spoken_to(tmp_path: Path) -> None:
    async def run() -> None:
        certificate = Certificate(own_certificate(tmp_path, hosts=["127.0.0.1"]))
        async with answering(silence, certificate=certificate) as url:
            assert await cause_of_opening(url, pin=b"x" * 32) is Cause.TLS_UNTRUSTED
            assert await cause_of_opening(url) is Cause.TLS_UNTRUSTED  # and no authority vouches for it

    asyncio.run(run())


def test_every_way_of_not_reaching_a_relay_has_its_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "CONNECT_S_MAX", 0.2)

    async def run() -> None:
        with socket.socket() as black_hole, socket.socket() as closed:
            black_hole.bind(("127.0.0.1", 0))
            black_hole.listen()
            closed.bind(("127.0.0.1", 0))  # bound, and nobody listens
            there = f"http://127.0.0.1:{black_hole.getsockname()[1]}"
            assert await cause_of_opening(there) is Cause.NETWORK_STALLED
            there = f"https://127.0.0.1:{black_hole.getsockname()[1]}"
            assert await cause_of_opening(there, pin=b"x" * 32) is Cause.NETWORK_STALLED
            there = f"http://127.0.0.1:{closed.getsockname()[1]}"
            assert await cause_of_opening(there) is Cause.NETWORK_RELAY_UNREACHABLE
        monkeypatch.setattr(websocket, "CONNECT_S_MAX", 15.0)
        assert await cause_of_opening("http://no-such-name.invalid") is Cause.NETWORK_NAME_UNRESOLVED
        for status, cause in ((503, Cause.RELAY_BUSY), (404, Cause.RELAY_FAULTY)):
            async with answering(silence, status=status) as url:
                assert await cause_of_opening(url) is cause

    asyncio.run(run())


NOT_SECONDS = ("", "Fri, 31 Dec 1999 23:59:59 GMT", "9" * 9)


@pytest.mark.parametrize(("said", "means_s"), [("7", 7.0), *((said, None) for said in NOT_SECONDS)])
def test_a_refusal_says_when_to_come_back(said: str, means_s: float | None) -> None:
    async def refuse(_request: web.Request) -> web.Response:
        return web.Response(status=503, headers={"Retry-After": said} if said else {})

    async def run() -> None:
        app = web.Application()
        app.router.add_get(websocket.ROUTE, refuse)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            port = runner.addresses[0][1]
            with pytest.raises(Unreachable) as refused:
                await WebSocketLine.open(f"http://127.0.0.1:{port}", pin=None)
            assert (refused.value.cause, refused.value.retry_after_s) == (Cause.RELAY_BUSY, means_s)
        finally:
            await runner.cleanup()

    asyncio.run(run())


@pytest.mark.parametrize(
    "say",
    [
        lambda spoken: spoken.send_bytes(bytes(FRAME_BYTES_MAX + 1)),
        lambda spoken: spoken.send_str("hello"),
        lambda spoken: spoken.send_bytes(b"nonsense"),
        lambda spoken: spoken.send_bytes(encode(Ping(1))),
    ],
    ids=["oversized", "text", "nonsense", "not a relay's"],
)
def test_what_no_relay_says_is_the_peers_fault(say: Talk) -> None:
    async def talk(spoken: web.WebSocketResponse) -> None:
        await say(spoken)
        await silence(spoken)

    async def run() -> None:
        async with answering(talk) as url:
            line = await WebSocketLine.open(url, pin=None)
            with pytest.raises(PeerError):
                await asyncio.wait_for(anext(aiter(line.frames())), 20)
            await line.close()

    asyncio.run(run())


def test_the_largest_frame_passes() -> None:
    filler = Challenge(b"", b"", 1)
    largest = Challenge(bytes(FRAME_BYTES_MAX - len(encode(filler)) - 3), b"", 1)
    assert len(encode(largest)) == FRAME_BYTES_MAX

    async def talk(spoken: web.WebSocketResponse) -> None:
        await spoken.send_bytes(encode(largest))
        await silence(spoken)

    async def run() -> None:
        async with answering(talk) as url:
            line = await WebSocketLine.open(url, pin=None)
            async for frame in line.frames():
                assert frame == largest
                break
            await line.close()

    asyncio.run(run())


def test_who_sends_on_a_dead_line_is_told() -> None:
    async def hang_up(spoken: web.WebSocketResponse) -> None:
        transport = spoken._req.transport if spoken._req else None
        assert transport is not None
        transport.abort()

    async def run() -> None:
        async with answering(hang_up) as url:
            line = await WebSocketLine.open(url, pin=None)
            async for _ in line.frames():
                raise AssertionError("nothing was said")
            with pytest.raises(Unreachable) as failed:
                await line.send([Ping(1)])
            assert failed.value.cause is Cause.NETWORK_CONNECTION_LOST
            await line.close()
            with pytest.raises(Unreachable):
                await line.send([Ping(2)])

    asyncio.run(run())


@pytest.mark.parametrize("sealed", [False, True])
def test_send_returns_only_when_the_system_has_all_bytes(tmp_path: Path, *, sealed: bool) -> None:
    frame = Hello(1, bytes(16), bytes(20_000), [])  # type: ignore[arg-type]

    async def deaf(spoken: web.WebSocketResponse) -> None:
        assert spoken._req is not None
        assert spoken._req.transport is not None
        spoken._req.transport.pause_reading()
        await silence(spoken)

    async def run() -> None:
        certificate = Certificate(own_certificate(tmp_path, hosts=["127.0.0.1"])) if sealed else None
        async with answering(deaf, certificate=certificate) as url:
            line = await WebSocketLine.open(url, pin=certificate.pin if certificate else None)
            connection = line._socket._conn
            assert connection is not None
            transport = connection.transport
            assert transport is not None
            lowest = transport._ssl_protocol._transport if sealed else transport  # type: ignore[attr-defined]
            full = False
            while not full:
                try:
                    await asyncio.wait_for(line.send([frame]), 0.5)
                except TimeoutError:
                    full = True
                else:
                    assert lowest.get_write_buffer_size() == 0
            waiting = asyncio.create_task(line.send([frame]))
            await asyncio.sleep(0)
            async with asyncio.timeout(20):  # many times what it may take
                await line.close()
                with pytest.raises(Unreachable):
                    await waiting

    asyncio.run(run())


def test_a_goodbye_nobody_answers_is_cut_short_and_leaves_nothing_even_when_interrupted(tmp_path: Path) -> None:
    async def run() -> None:
        certificate = Certificate(own_certificate(tmp_path, hosts=["127.0.0.1"]))
        async with answering(silence, certificate=certificate) as url:
            for told_to_stop in (False, True):
                line = await WebSocketLine.open(url, pin=certificate.pin)
                closing = asyncio.create_task(line.close())
                await asyncio.sleep(0)
                if told_to_stop:
                    closing.cancel()
                async with asyncio.timeout(20):
                    await asyncio.wait([closing])
                assert line._session.closed
                with pytest.raises(Unreachable):
                    await line.send([Ping(1)])
        gc.collect()

    asyncio.run(run())


def test_only_binary_messages_are_spoken() -> None:
    kinds: list[WSMsgType] = []

    async def talk(spoken: web.WebSocketResponse) -> None:
        kinds.append((await spoken.receive()).type)

    async def run() -> None:
        async with answering(talk) as url:
            line = await WebSocketLine.open(url, pin=None)
            await line.send([Ping(1)])
            async for _ in line.frames():
                raise AssertionError("nothing was said")
            await line.close()
            assert kinds == [WSMsgType.BINARY]

    asyncio.run(run())
