"""A connection lives and dies as it would on a real link."""

import asyncio
import socket
from random import Random

import pytest

from answerback.lab.course import Course, Tally
from answerback.lab.crossing import Crossing, connect, prepare, reset
from answerback.lab.flight import Flight
from answerback.lab.links import Link
from answerback.lab.pace import Pace
from answerback.lab.schedule import Gate, Piece, Rates

SPEED = 10.0


async def crossing_over(link: Link, client: socket.socket, upstream_port: int) -> None:
    """Let one connection cross a link to its end."""
    pace = Pace(asyncio.get_running_loop().time, speed=SPEED)
    crossing = Crossing(client, ("127.0.0.1", upstream_port), pace=pace)
    ways = [(crossing.receive_up, crossing.deliver_up), (crossing.receive_down, crossing.deliver_down)]
    up, down = (
        Course(
            gate=Gate(link.up),
            flight=Flight(link, random=Random(1)),
            pace=pace,
            tally=Tally(),
            rate_bps=link.up.rate_bps,
            receive=receive,
            deliver=deliver,
        )
        for receive, deliver in ways
    )
    await crossing.run(up=up, down=down)


def test_what_an_upstream_said_before_it_closed_arrives_even_when_it_no_longer_listens() -> None:
    async def story() -> None:
        async def say_and_go(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(bytes(40_000))
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(say_and_go, "127.0.0.1", 0)
        inner, outer = socket.socketpair()
        rates = Rates((Piece(1000.0, 400e3),))
        link = Link("slow", "", rates, rates, delay_s=0.05)
        inner.settimeout(0)
        crossing = asyncio.create_task(crossing_over(link, inner, server.sockets[0].getsockname()[1]))
        reader, writer = await asyncio.open_connection(sock=outer)
        heard = bytearray()
        while content := await reader.read(4096):
            heard += content
            writer.write(b"more, please")  # Nobody reads this: the upstream's system answers with a reset.
        assert len(heard) == 40_000
        writer.close()
        await crossing
        server.close()
        await server.wait_closed()

    asyncio.run(story())


def test_a_socket_may_be_reset_twice() -> None:
    side = socket.socket()
    reset(side)
    reset(side)
    assert side.fileno() == -1


def test_a_prepared_socket_passes_on_at_once_and_holds_little() -> None:
    with socket.socket() as side:
        prepare(side)
        assert side.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
        assert side.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) <= 2 * 64 * 1024
        assert side.gettimeout() == 0.0


def test_connecting_tries_each_address_and_tells_the_last_refusal() -> None:
    async def story() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]
            (await connect("localhost", port)).close()  # ::1 may come first, and nobody listens there.
        with pytest.raises(ConnectionRefusedError):
            await connect("127.0.0.1", port)

    asyncio.run(story())
