"""Datagrams are answered from the port they were sent to, at a cost that whoever sends them does not choose."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, closing
from typing import Any

import pytest
import uvloop

from answerback.relay import call_line
from answerback.relay.call_line import CallLine
from answerback.relay.limits import Rate
from answerback.relay.switchboard import Address
from answerback.wire.datagrams import DATAGRAM_BYTES

PATIENCE_S = 10.0
WORD = b"w" * DATAGRAM_BYTES


def echo(data: bytes, _address: Address) -> bytes:
    return data


@asynccontextmanager
async def listening(take: call_line.Take, host: str = "127.0.0.1") -> AsyncIterator[CallLine]:
    line = CallLine(take)
    await line.open(host, 0)
    try:
        yield line
    finally:
        line.close()


def speaker(host: str, port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    made.settimeout(0)
    made.connect((host, port))
    return made


async def heard(speaking: socket.socket) -> bytes:
    """Give the next datagram; in a thread, for not every loop can wait for one."""
    speaking.settimeout(PATIENCE_S)
    return await asyncio.to_thread(speaking.recv, 2_000)


async def again(speaking: socket.socket, data: bytes) -> bytes:
    """Say it once more, as a device does, and give the answer if it comes soon."""
    speaking.send(data)
    speaking.settimeout(0.05)
    try:
        return await asyncio.to_thread(speaking.recv, 2_000)
    except TimeoutError:
        return b""


def without_readers(work: Coroutine[Any, Any, None]) -> None:
    """Run on a loop like Windows' own, which cannot tell when a socket has something."""

    def refuse(*_: object) -> None:
        raise NotImplementedError

    async def run() -> None:
        asyncio.get_running_loop().add_reader = refuse  # type: ignore[assignment]
        await work

    if sys.platform == "win32":
        asyncio.run(work)
    else:
        asyncio.run(run())


Run = Callable[[Coroutine[Any, Any, None]], None]
everywhere = pytest.mark.parametrize("run", [asyncio.run, uvloop.run, without_readers])


@everywhere
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_what_is_answered_goes_where_it_came_from(run: Run, host: str) -> None:
    async def talk() -> None:
        async with listening(echo, host) as line:
            with closing(speaker(host, line.port)) as one, closing(speaker(host, line.port)) as other:
                one.send(WORD)
                other.send(WORD)
                assert await heard(one) == WORD
                assert await heard(other) == WORD

    run(talk())


@everywhere
def test_calls_go_to_an_address_that_spoke(run: Run) -> None:
    async def talk() -> None:
        came: asyncio.Queue[Address] = asyncio.Queue()

        def take(_data: bytes, address: Address) -> None:
            came.put_nowait(address)

        async with listening(take) as line:
            with closing(speaker("127.0.0.1", line.port)) as device:
                device.send(WORD)
                async with asyncio.timeout(PATIENCE_S):
                    address = await came.get()
                line.send([(address, b"called")])
                assert await heard(device) == b"called"

    run(talk())


@everywhere
def test_of_what_is_too_long_no_more_is_read_than_shows_that(run: Run) -> None:
    async def talk() -> None:
        came: asyncio.Queue[int] = asyncio.Queue()

        def take(data: bytes, _address: Address) -> None:
            came.put_nowait(len(data))

        async with listening(take) as line:
            with closing(speaker("127.0.0.1", line.port)) as device:
                device.send(b"x" * 1_400)
                device.send(b"")
                async with asyncio.timeout(PATIENCE_S):
                    sizes = [await came.get() for _ in range(1 if sys.platform == "win32" else 2)]
        assert max(sizes) <= DATAGRAM_BYTES + 1

    run(talk())


@everywhere
def test_a_flood_is_read_at_the_bound_and_the_line_still_works_after_it(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    bound = Rate(burst=100, per_s=2_000)
    monkeypatch.setattr(call_line, "DATAGRAMS", bound)

    async def talk() -> None:
        taken = 0

        def take(data: bytes, _address: Address) -> bytes | None:
            nonlocal taken
            taken += 1
            return data if data != WORD else None

        async with listening(take) as line:
            loop = asyncio.get_running_loop()
            with closing(speaker("127.0.0.1", line.port)) as flood:
                began_s = loop.time()
                while loop.time() < began_s + 0.5 or not line.pauses:
                    for _ in range(50):
                        flood.send(WORD)
                    await asyncio.sleep(0)
                took_s = loop.time() - began_s
                allowed = bound.burst + bound.per_s * (took_s + call_line.PAUSE_S) + call_line.BATCH
                assert taken <= allowed
            with closing(speaker("127.0.0.1", line.port)) as device:
                async with asyncio.timeout(PATIENCE_S):
                    while not (answer := await again(device, b"?" * DATAGRAM_BYTES)):
                        pass
                assert answer == b"?" * DATAGRAM_BYTES

    run(talk())


@everywhere
def test_a_port_that_nobody_listens_on_any_more_stops_nothing(run: Run) -> None:
    async def talk() -> None:
        came: asyncio.Queue[Address] = asyncio.Queue()

        def take(data: bytes, address: Address) -> bytes:
            came.put_nowait(address)
            return data

        async with listening(take) as line:
            with closing(speaker("127.0.0.1", line.port)) as gone:
                gone.send(WORD)
                await heard(gone)
            address = came.get_nowait()
            line.send([(address, WORD)] * 5)
            with closing(speaker("127.0.0.1", line.port)) as device:
                device.send(WORD)
                assert await heard(device) == WORD

    run(talk())


def test_a_port_in_use_is_an_error_and_leaves_nothing_open() -> None:
    async def talk() -> None:
        with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as other:
            other.bind(("127.0.0.1", 0))
            line = CallLine(echo)
            with pytest.raises(OSError, match="in use"):
                await line.open("127.0.0.1", other.getsockname()[1])
            line.close()
            line.send([((0, (("127.0.0.1", 9), b"")), WORD)])

    asyncio.run(talk())


def test_a_host_with_two_kinds_of_address_is_listened_on_at_both() -> None:
    async def talk() -> None:
        with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        line = CallLine(echo)
        await line.open("", port)
        with closing(line):
            for host in ("127.0.0.1", "::1"):
                with closing(speaker(host, port)) as device:
                    device.send(WORD)
                    assert await heard(device) == WORD

    asyncio.run(talk())
