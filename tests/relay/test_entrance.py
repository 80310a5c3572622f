"""Connections begin when the turnstile says so; until then they are sockets of the system and nothing else."""

import asyncio
import contextlib
import socket
import sys
import time
from collections.abc import AsyncIterator

import pytest
from prometheus_client import CollectorRegistry

from answerback.model.errors import UsageError
from answerback.relay.entrance import Entrance, _age_s, _is_there
from answerback.relay.metrics import EntranceMetrics
from answerback.relay.turnstile import BURST

HOST = "127.0.0.1"
PATIENCE_S = 20.0


class Greeting(asyncio.Protocol):
    """Says hello to whoever has begun."""

    def __init__(self, begun: list[asyncio.BaseTransport]) -> None:
        self._begun = begun

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._begun.append(transport)
        transport.write(b"hello")


class Door:
    """An entrance with what it has let in."""

    def __init__(self, connections_max: int = 1_000) -> None:
        self.registry = CollectorRegistry()
        self.begun: list[asyncio.BaseTransport] = []
        self.entrance = Entrance(
            lambda: Greeting(self.begun),
            tls=None,
            served_count=lambda: len(self.begun),
            connections_max=connections_max,
            metrics=EntranceMetrics(self.registry),
        )

    def fate(self, name: str) -> float:
        return self.registry.get_sample_value("answerback_entrances_total", {"fate": name}) or 0.0

    async def knock(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(HOST, self.entrance.port)


@contextlib.asynccontextmanager
async def open_door(connections_max: int = 1_000) -> AsyncIterator[Door]:
    door = Door(connections_max)
    await door.entrance.open(HOST, 0)
    try:
        async with asyncio.timeout(PATIENCE_S):
            yield door
    finally:
        door.entrance.close()
        for transport in door.begun:
            transport.close()


async def until_waiting(door: Door, count: int) -> None:
    while door.entrance.turnstile.waiting != count:  # noqa: ASYNC110 - the entrance tells nobody
        await asyncio.sleep(0.001)


def shut(door: Door) -> None:
    """Let nobody in until it is opened again."""
    door.entrance.turnstile.turn(now_s=asyncio.get_running_loop().time(), lag_s=0.0)
    door.entrance.turnstile._credit, door.entrance.turnstile.per_s = 0.0, 0.0


def test_everybody_of_a_crowd_gets_in() -> None:
    async def story() -> None:
        async with open_door() as door:
            crowd = await asyncio.gather(*(door.knock() for _ in range(3 * int(BURST))))
            assert [await reader.read(5) for reader, _ in crowd] == [b"hello"] * len(crowd)
            assert door.fate("begun") == len(crowd)
            for _, writer in crowd:
                writer.close()

    asyncio.run(story())


def test_who_waits_is_told_nothing_and_begins_in_its_turn() -> None:
    async def story() -> None:
        async with open_door() as door:
            shut(door)
            reader, writer = await door.knock()
            await until_waiting(door, 1)
            door.entrance.look()
            assert door.registry.get_sample_value("answerback_entrance_waiting") == 1
            assert door.begun == []
            door.entrance.turnstile.per_s = 1_000.0
            assert await reader.read(5) == b"hello"
            writer.close()

    asyncio.run(story())


def test_who_hung_up_while_waiting_costs_nothing() -> None:
    async def story() -> None:
        async with open_door() as door:
            shut(door)
            _, gone = await door.knock()
            await until_waiting(door, 1)
            gone.transport.abort()
            reader, writer = await door.knock()
            await until_waiting(door, 2)
            door.entrance.turnstile.per_s = 1_000.0
            assert await reader.read(5) == b"hello"
            assert (door.fate("gone"), door.fate("begun")) == (1, 1)
            writer.close()

    asyncio.run(story())


def test_a_connection_too_many_is_closed_unheard() -> None:
    async def story() -> None:
        async with open_door(connections_max=1) as door:
            reader, writer = await door.knock()
            assert await reader.read(5) == b"hello"
            other, its_writer = await door.knock()
            assert await other.read() == b""
            assert door.fate("turned away") == 1
            writer.close()
            its_writer.close()

    asyncio.run(story())


def test_an_address_that_is_taken_is_said() -> None:
    async def story() -> None:
        with socket.create_server((HOST, 0)) as taken, pytest.raises(UsageError, match="cannot listen on"):
            await Door().entrance.open(HOST, taken.getsockname()[1])

    asyncio.run(story())


def test_who_waits_when_it_closes_is_let_go() -> None:
    async def story() -> None:
        async with open_door() as door:
            shut(door)
            reader, writer = await door.knock()
            await until_waiting(door, 1)
            door.entrance.close()
            assert await reader.read() == b""
            writer.close()

    asyncio.run(story())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says how long a connection has waited")
def test_time_spent_in_the_systems_own_line_counts() -> None:
    async def story() -> None:
        with socket.create_server((HOST, 0)) as listening, socket.create_connection(listening.getsockname()) as knocks:
            knocks.sendall(b"hello")
            taken, _ = listening.accept()
            with taken:
                began_s = time.monotonic()
                while _age_s(taken) < 0.05:  # noqa: ASYNC110 - the system tells nobody
                    await asyncio.sleep(0.005)
                assert time.monotonic() - began_s == pytest.approx(0.05, abs=0.04)
                assert _is_there(taken)
                knocks.close()
                while _is_there(taken):  # noqa: ASYNC110 - as above
                    await asyncio.sleep(0.001)

    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE_S):
            await story()

    asyncio.run(bounded())
