"""The relay shapes real sockets; the link plays faster than life, so that nobody waits."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from answerback.lab.links import Link, Signal, parse_link
from answerback.lab.schedule import Piece, Rates
from answerback.lab.shaper import Shaper, Stats
from answerback.model.errors import UsageError

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
GOOD = parse_link("good")


def link_of(*pieces: tuple[float, float], delay_s: float = 0.02, resets_s: tuple[float, ...] = ()) -> Link:
    rates = Rates(tuple(Piece(duration_s, rate_bps) for duration_s, rate_bps in pieces))
    return Link("test", "", rates, rates, delay_s=delay_s, resets_s=resets_s)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer with what was said, until nothing more is."""
    try:
        while content := await reader.read(65536):
            writer.write(content)
            await writer.drain()
    except ConnectionError:
        pass
    writer.close()


@asynccontextmanager
async def shaped(
    link: Link, talk: Talk = echo, *, speed: float = 1.0, on_change: Callable[[Stats], None] | None = None
) -> AsyncIterator[tuple[Shaper, int]]:
    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    upstream_port = server.sockets[0].getsockname()[1]
    shaper = Shaper(link, upstream_host="127.0.0.1", upstream_port=upstream_port, speed=speed, on_change=on_change)
    port = await shaper.start()
    try:
        yield shaper, port
    finally:
        await shaper.stop()
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def client_of(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        with suppress(ConnectionError):
            await writer.wait_closed()


def test_bytes_cross_unchanged_both_ways_and_are_counted() -> None:
    async def story() -> None:
        said = bytes(range(256)) * 1000
        async with shaped(GOOD, speed=4.0) as (shaper, port), client_of(port) as (reader, writer):
            writer.write(said)
            writer.write_eof()
            assert await reader.read(-1) == said
            stats = shaper.stats()
            assert (stats.up_bytes, stats.down_bytes, stats.outages, stats.resets) == (256_000, 256_000, 0, 0)
            assert stats.state == "good: 100.0 Mbit/s up, 100.0 Mbit/s down"

    asyncio.run(story())


def test_a_megabyte_keeps_the_rate_of_its_link_within_five_per_cent() -> None:
    async def story() -> None:
        async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"%d" % len(await reader.read(-1)))
            writer.close()

        async with shaped(link_of((1000.0, 2e6)), count, speed=4.0) as (shaper, port), client_of(port) as ends:
            reader, writer = ends
            began_s = shaper.stats().at_s
            writer.write(bytes(1_000_000))
            writer.write_eof()
            assert await reader.read(-1) == b"1000000"
            took_s = shaper.stats().at_s - began_s - 4 * 0.02  # two round trips: the handshake, and the answer
            assert took_s >= 4.0 * 0.999
            assert took_s == pytest.approx(4.0, rel=0.05)

    asyncio.run(story())


def test_an_outage_holds_new_and_old_connections_and_is_told() -> None:
    told: list[Stats] = []

    async def story() -> None:
        changed = asyncio.Event()

        def tell(stats: Stats) -> None:
            told.append(stats)
            changed.set()

        link = link_of((1.0, 2e6), (5.0, 0.0), (1000.0, 2e6))
        async with shaped(link, speed=10.0, on_change=tell) as (shaper, port), client_of(port) as (reader, writer):
            writer.write(b"before")
            assert await reader.read(100) == b"before"
            await changed.wait()
            writer.write(b"within")
            async with client_of(port) as (new_reader, new_writer):
                new_writer.write(b"new")
                assert await reader.read(100) == b"within"
                assert await new_reader.read(100) == b"new"
                assert shaper.stats().at_s >= 6.0

    asyncio.run(story())
    assert [(round(stats.at_s), stats.signal) for stats in told] == [(1, Signal.LOST), (6, Signal.PRESENT)]
    assert told[0].state.startswith("test: no signal for 0.")
    assert told[-1].outages == 1


def test_a_reset_of_the_link_reaches_the_client_at_once_and_the_upstream_finds_out_itself() -> None:
    async def story() -> None:
        seen: list[str] = []
        upstream_over = asyncio.Event()

        async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                seen.append((await reader.read(100)).decode())
                await reader.read(100)
            except ConnectionResetError:
                seen.append("reset")
            writer.close()
            upstream_over.set()

        link = link_of((1000.0, 2e6), resets_s=(2.0,))
        async with shaped(link, listen, speed=40.0) as (shaper, port), client_of(port) as (reader, writer):
            writer.write(b"hello")
            with pytest.raises(ConnectionResetError):
                await reader.read(100)
            assert shaper.stats().resets == 1
            assert seen == ["hello"]
            await upstream_over.wait()
            assert shaper.stats().at_s >= 30.0
            assert seen == ["hello", "reset"]

    asyncio.run(story())


def test_a_refusing_upstream_resets_the_client() -> None:
    async def story() -> None:
        with socket.create_server(("127.0.0.1", 0)) as unused:
            refusing_port = unused.getsockname()[1]
        shaper = Shaper(GOOD, upstream_host="127.0.0.1", upstream_port=refusing_port)
        port = await shaper.start()
        async with client_of(port) as (reader, _):
            with pytest.raises(ConnectionResetError):
                await reader.read(100)
        await shaper.stop()

    asyncio.run(story())


def test_the_death_of_either_side_reaches_the_other() -> None:
    async def story() -> None:
        heard, closed = asyncio.Event(), asyncio.Event()

        async def dies_when_told(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                if await reader.read(100) == b"die":
                    writer.transport.abort()
                    return
                heard.set()
                await reader.read(100)
            except ConnectionResetError:
                closed.set()
            writer.close()

        def dies(writer: asyncio.StreamWriter) -> None:
            side = writer.get_extra_info("socket")
            side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            writer.transport.abort()

        async with shaped(GOOD, dies_when_told) as (_, port):
            async with client_of(port) as (reader, writer):
                writer.write(b"die")
                assert await reader.read(100) == b""
            async with client_of(port) as (_reader, writer):
                writer.write(b"live")
                await heard.wait()
                dies(writer)
                await closed.wait()

    asyncio.run(story())


def test_one_half_of_a_connection_may_end_before_the_other() -> None:
    async def story() -> None:
        async def answer_at_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            said = await reader.read(-1)
            writer.write(said.upper())
            writer.close()

        async with shaped(GOOD, answer_at_the_end) as (_, port), client_of(port) as (reader, writer):
            writer.write(b"all i had to say")
            writer.write_eof()
            assert await reader.read(-1) == b"ALL I HAD TO SAY"

    asyncio.run(story())


def test_stopping_resets_what_is_open_and_frees_the_port() -> None:
    async def story() -> None:
        async with shaped(GOOD) as (shaper, port), client_of(port) as (reader, writer):
            writer.write(b"x")
            assert await reader.read(1) == b"x"
            await shaper.stop()
            with pytest.raises(ConnectionResetError):
                await reader.read(1)
            assert shaper.stats().connections == 0
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", port)

    asyncio.run(story())


def test_too_many_connections_are_reset_not_kept_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("answerback.lab.shaper.CONNECTIONS_MAX", 1)

    async def story() -> None:
        async with shaped(GOOD) as (_, port), client_of(port) as (first_reader, first_writer):
            first_writer.write(b"x")
            assert await first_reader.read(1) == b"x"
            async with client_of(port) as (reader, _writer):
                with pytest.raises(ConnectionResetError):
                    await reader.read(1)

    asyncio.run(story())


def test_an_error_of_the_listener_comes_out_when_stopping() -> None:
    async def story() -> None:
        fell = asyncio.Event()

        def fall(_stats: Stats) -> None:
            fell.set()
            raise ZeroDivisionError

        shaper = Shaper(
            link_of((1.0, 1e6), (1.0, 0.0)), upstream_host="127.0.0.1", upstream_port=1, speed=100.0, on_change=fall
        )
        await shaper.start()
        await fell.wait()
        with pytest.raises(ZeroDivisionError):
            await shaper.stop()

    asyncio.run(story())


def test_what_cannot_be_played_is_refused() -> None:
    async def story() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            shaper = Shaper(GOOD, upstream_host="127.0.0.1", upstream_port=1)
            with pytest.raises(UsageError, match=f"Port {port} of 127.0.0.1 cannot be used"):
                await shaper.start(port=port)

    asyncio.run(story())
    with pytest.raises(UsageError, match="speed of 0"):
        Shaper(GOOD, upstream_host="127.0.0.1", upstream_port=1, speed=0)


def test_the_clock_handed_in_is_the_clock_of_the_link() -> None:
    moments_s = iter((100.0, 100.0, 101.5))
    shaper = Shaper(GOOD, upstream_host="127.0.0.1", upstream_port=1, clock=lambda: next(moments_s), speed=2.0)
    assert [shaper.stats().at_s for _ in range(2)] == [0.0, 3.0]


def test_a_link_played_from_its_middle_is_as_it_is_there() -> None:
    link = link_of((100.0, 8e6), (10.0, 0.0), (10.0, 1e6))
    tunnel = Shaper(link, upstream_host="127.0.0.1", upstream_port=1, from_s=105.0).stats()
    assert (tunnel.signal, tunnel.outages) == (Signal.LOST, 1)
    assert tunnel.at_s == pytest.approx(105.0, abs=1.0)
    behind = Shaper(link, upstream_host="127.0.0.1", upstream_port=1, from_s=112.0).stats()
    assert (behind.signal, behind.up_rate_bps) == (Signal.PRESENT, 1e6)
    with pytest.raises(UsageError, match="begins at 0 s"):
        Shaper(link, upstream_host="127.0.0.1", upstream_port=1, from_s=-1.0)
