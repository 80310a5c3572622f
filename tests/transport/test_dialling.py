"""Proves the two steps to a line: a TCP connection that can be let go of, and a line of frames upon that very one."""

import asyncio
import contextlib
import gc
import socket
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop
from aiohttp import web

from answerback.model.causes import Cause
from answerback.model.ids import DeviceId
from answerback.relay.certificate import Certificate, own_certificate
from answerback.transport.approach import Approach
from answerback.transport.dialling import Dialler
from answerback.transport.failures import Unreachable
from answerback.wire.codec import resume_header
from answerback.wire.connection import RESUME_HEADER
from answerback.wire.frames import Ping, Resume
from tests.transport.lines import CHALLENGE, answering, greeting
from tests.transport.networks import Networks, inside

Factory = Callable[[], asyncio.AbstractEventLoop]
SYN_SENT = "02"
LOOPS = pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])


def ends_of(port: int) -> list[str]:
    """The states of all TCP connections to a port of this machine, as the system has them."""
    found = []
    for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        _, _, far, state, *_ = line.split()
        if int(far.rpartition(":")[2], 16) == port:
            found.append(state)
    return found


def deaf(listener: socket.socket, waiting: contextlib.ExitStack) -> int:
    """Fill the queue of a listener that accepts nobody: from then on, the system answers nobody who knocks there."""
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    waiting.enter_context(socket.create_connection(listener.getsockname()))
    return int(listener.getsockname()[1])


async def cause_of_proceeding(url: str, *, pin: bytes | None = None) -> Cause:
    dialled = await Dialler(Approach(url, pin=pin))()
    with pytest.raises(Unreachable) as failed:
        await dialled.proceed(None)
    gc.collect()  # what was left open would warn now
    return failed.value.cause


def played(story: Callable[[], Coroutine[Any, Any, None]], factory: Factory) -> None:
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(asyncio.wait_for(story(), 30))


@LOOPS
def test_a_line_goes_on_upon_the_connection_that_was_dialled(tmp_path: Path, loop: Factory) -> None:
    async def story() -> None:
        certificate = Certificate(own_certificate(tmp_path, hosts=["127.0.0.1"]))
        async with answering(greeting, certificate=certificate) as url:
            approach = Approach(url, pin=certificate.pin)
            dialled = await Dialler(approach)()
            here = dialled.reached.socket.getsockname()
            line = await dialled.proceed(None)
            assert line._socket.get_extra_info("sockname") == here
            dialled.close()  # the line is somebody else's now
            await line.send([Ping(1)])
            assert await anext(line.frames()) == CHALLENGE
            await line.close()
            await approach.close()

    played(story, loop)


@LOOPS
def test_a_ticket_is_shown_in_the_request(tmp_path: Path, loop: Factory) -> None:
    shown: list[str] = []

    async def talk(spoken: web.WebSocketResponse) -> None:
        assert spoken._req is not None
        shown.append(spoken._req.headers[RESUME_HEADER])

    async def story() -> None:
        resume = Resume(1, DeviceId(b"d" * 16), b"t" * 16, 1, [], 1, b"p" * 32)
        async with answering(talk) as url:
            dialled = await Dialler(Approach(url))()
            line = await dialled.proceed(resume)
            await line.close()
            assert shown == [resume_header(resume)]

    played(story, loop)


@pytest.mark.skipif(sys.platform != "linux", reason="NOT TRIED: only Linux tells what its connections are doing")
@LOOPS
def test_who_stops_dialling_leaves_nothing_that_knocks_again(loop: Factory) -> None:
    async def story() -> None:
        with socket.socket() as listener, contextlib.ExitStack() as waiting:
            port = deaf(listener, waiting)
            dialling = asyncio.create_task(Dialler(Approach(f"http://127.0.0.1:{port}"))())
            while SYN_SENT not in ends_of(port):  # noqa: ASYNC110 - the system tells nobody
                await asyncio.sleep(0)
            dialling.cancel()
            await asyncio.wait([dialling])
            assert SYN_SENT not in ends_of(port)
            assert dialling.cancelled()

    played(story, loop)


@LOOPS
def test_a_connection_that_is_let_go_of_ends_at_once(loop: Factory) -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(0)
            dialled = await Dialler(Approach(f"http://127.0.0.1:{listener.getsockname()[1]}"))()
            accepted, _ = await loop.sock_accept(listener)
            with accepted:
                dialled.close()
                dialled.close()
                assert await loop.sock_recv(accepted, 1) == b""

    played(story, loop)


@LOOPS
def test_who_stops_in_the_middle_of_the_handshake_leaves_no_connection(loop: Factory) -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(0)
            dialled = await Dialler(Approach(f"https://127.0.0.1:{listener.getsockname()[1]}", pin=b"p" * 32))()
            proceeding = asyncio.create_task(dialled.proceed(None))
            accepted, _ = await loop.sock_accept(listener)
            with accepted:
                assert await loop.sock_recv(accepted, 1) == b"\x16", "a TLS handshake begins"
                proceeding.cancel()
                await asyncio.wait([proceeding])
                with contextlib.suppress(ConnectionResetError):
                    while await loop.sock_recv(accepted, 4096):
                        pass

    played(story, loop)


@LOOPS
def test_another_certificate_or_no_tls_at_all_is_not_spoken_to(tmp_path: Path, loop: Factory) -> None:
    async def story() -> None:
        certificate = Certificate(own_certificate(tmp_path, hosts=["127.0.0.1"]))
        async with answering(greeting, certificate=certificate) as url:
            assert await cause_of_proceeding(url, pin=b"x" * 32) is Cause.TLS_UNTRUSTED
            assert await cause_of_proceeding(url) is Cause.TLS_UNTRUSTED
        async with answering(greeting) as url:
            sealed = url.replace("http:", "https:")
            assert await cause_of_proceeding(sealed, pin=b"x" * 32) is Cause.NETWORK_CAPTIVE

    played(story, loop)


@LOOPS
def test_a_page_to_sign_in_at_is_told_from_the_relay(loop: Factory) -> None:
    async def story() -> None:
        for status, cause in {
            200: Cause.NETWORK_CAPTIVE,
            302: Cause.NETWORK_CAPTIVE,
            404: Cause.RELAY_FAULTY,
            503: Cause.RELAY_BUSY,
            511: Cause.NETWORK_CAPTIVE,
        }.items():
            async with answering(greeting, status=status) as url:
                assert await cause_of_proceeding(url) is cause

    played(story, loop)


def test_a_connection_that_breaks_while_it_goes_on_is_said() -> None:
    async def story() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            dialled = await Dialler(Approach(f"http://127.0.0.1:{listener.getsockname()[1]}"))()
            listener.accept()[0].close()
            with pytest.raises(Unreachable) as failed:
                await dialled.proceed(None)
            assert failed.value.cause is Cause.NETWORK_CONNECTION_LOST
        gc.collect()

    played(story, asyncio.new_event_loop)


@pytest.mark.parametrize(("host", "packet_bytes"), [("198.51.100.1", 60), ("2001:db8:9::9", 80)])
def test_an_attempt_that_nobody_answers_is_one_packet(networks: Networks, host: str, packet_bytes: int) -> None:
    networks.cable("wlan0", "10.1.0.2/24", "2001:db8:1::2/64", world=("10.1.0.1/24", "2001:db8:1::1/64"))
    networks.route("wlan0", "10.1.0.1")
    networks.route("wlan0", "2001:db8:1::1")  # there what is for others is dropped

    async def story() -> None:
        with inside(networks.device, listening_in) as seen:
            literal = f"[{host}]" if ":" in host else host
            dialling = asyncio.create_task(Dialler(Approach(f"https://{literal}:7443"))("wlan0"))
            sizes: list[int] = []
            while not sizes:
                sizes = tcp_packets(await asyncio.get_running_loop().sock_recv(seen, PACKET_BYTES_MAX))
            dialling.cancel()
            await asyncio.wait([dialling])
            with contextlib.suppress(BlockingIOError):
                while True:
                    sizes += tcp_packets(seen.recv(PACKET_BYTES_MAX))
            assert sizes == [packet_bytes]

    networks.play(story)


PACKET_BYTES_MAX = 65536
ALL_PROTOCOLS = 3


def listening_in() -> socket.socket:
    """Hear every packet that passes an interface."""
    made = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ALL_PROTOCOLS))
    made.bind(("wlan0", 0))
    made.settimeout(0)
    return made


def tcp_packets(packet: bytes) -> list[int]:
    """The length of a packet, if it is one of TCP."""
    if packet[0] >> 4 == 6:
        return [40 + int.from_bytes(packet[4:6])] if packet[6] == socket.IPPROTO_TCP else []
    is_tcp = packet[0] >> 4 == 4 and packet[9] == socket.IPPROTO_TCP
    return [int.from_bytes(packet[2:4])] if is_tcp else []
