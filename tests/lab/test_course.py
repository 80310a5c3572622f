"""A direction of a connection is in order, bounded and as slow as its link; all in virtual time."""

import asyncio
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any

import pytest

from answerback.lab.course import FLIGHT_BYTES_MAX, QUEUE_BYTES_MAX, SEGMENT_BYTES_MAX, Course, Ending, Tally
from answerback.lab.flight import Flight
from answerback.lab.links import Link, parse_link
from answerback.lab.pace import Pace
from answerback.lab.schedule import Gate, Piece, Rates

Play = Callable[[Coroutine[Any, Any, None]], None]


def flat(rate_bps: float, *, delay_s: float = 0.0, outage_s: float = 0.0, loss: float = 0.0) -> Link:
    """One second of a rate (or ever so long), then an outage."""
    pieces = (Piece(1.0, rate_bps), Piece(outage_s, 0.0)) if outage_s else (Piece(1000.0, rate_bps),)
    return Link("flat", "", Rates(pieces), Rates(pieces), delay_s=delay_s, loss=loss)


class Ends:
    """A sender with something to say and a receiver that notes when it came."""

    def __init__(self, said: bytes = b"") -> None:
        self.said = said
        self.taken_bytes = 0
        self.heard: list[tuple[float, int]] = []
        self.hears = True
        self.reads = asyncio.Event()
        self.reads.set()

    async def receive(self, size_bytes: int) -> bytes:
        await asyncio.sleep(0)
        content = self.said[self.taken_bytes : self.taken_bytes + size_bytes]
        self.taken_bytes += len(content)
        return content

    async def deliver(self, content: bytes) -> None:
        await self.reads.wait()
        if not self.hears:
            raise BrokenPipeError
        self.heard.append((asyncio.get_running_loop().time(), len(content)))

    @property
    def heard_bytes(self) -> int:
        return sum(size_bytes for _, size_bytes in self.heard)


def course(link: Link, ends: Ends, *, gate: Gate | None = None, tally: Tally | None = None) -> Course:
    return Course(
        gate=gate or Gate(link.up),
        flight=Flight(link, random=Random(1)),
        pace=Pace(asyncio.get_running_loop().time, speed=1.0),
        tally=tally or Tally(),
        rate_bps=link.up.rate_bps,
        receive=ends.receive,
        deliver=ends.deliver,
    )


def test_a_megabyte_takes_what_its_rate_and_delay_say(play: Play) -> None:
    async def story() -> None:
        ends, tally = Ends(bytes(1_000_000)), Tally()
        assert await course(flat(2e6, delay_s=0.04), ends, tally=tally).run() is Ending.CLOSED
        assert ends.heard_bytes == tally.landed_bytes == 1_000_000
        assert ends.heard[-1][0] == pytest.approx(4.04, rel=0.01)
        assert ends.heard[0][0] == pytest.approx(0.046, rel=0.05)

    play(story())


def test_connections_that_share_a_gate_share_its_rate(play: Play) -> None:
    async def story() -> None:
        link = flat(2e6)
        gate = Gate(link.up)
        both = [Ends(bytes(250_000)) for _ in range(2)]
        await asyncio.gather(*(course(link, ends, gate=gate).run() for ends in both))
        assert [ends.heard[-1][0] for ends in both] == [pytest.approx(2.0, rel=0.02)] * 2

    play(story())


def test_an_outage_stalls_everything_and_the_end_of_the_stream_too(play: Play) -> None:
    async def story() -> None:
        ends = Ends(bytes(150_000))
        await course(flat(1e6, outage_s=9.0), ends).run()
        silent = [at_s for at_s, _ in ends.heard if 1.01 < at_s < 9.99]
        assert silent == []
        assert ends.heard[-1][0] == pytest.approx(10.2, rel=0.01)

    play(story())


def test_a_lost_packet_stalls_but_loses_no_byte(play: Play) -> None:
    async def story() -> None:
        ends, tally = Ends(bytes(150_000)), Tally()
        assert await course(flat(1e6, loss=0.1), ends, tally=tally).run() is Ending.CLOSED
        assert ends.heard_bytes == 150_000
        assert tally.stalls > 0
        assert ends.heard[-1][0] > 1.2 + 0.2

    play(story())


def test_a_sender_gets_no_further_ahead_of_a_dead_link_than_the_queue_holds(play: Play) -> None:
    async def story() -> None:
        ends = Ends(bytes(1_000_000))
        link = Link("dead", "", Rates((Piece(60.0, 0.0), Piece(1.0, 1e6))), parse_link("good").down, delay_s=0.0)
        running = asyncio.create_task(course(link, ends).run())
        await asyncio.sleep(30.0)
        assert QUEUE_BYTES_MAX <= ends.taken_bytes <= QUEUE_BYTES_MAX + 2 * SEGMENT_BYTES_MAX
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    play(story())


def test_a_receiver_that_does_not_read_holds_up_the_sender_and_gets_no_burst_later(play: Play) -> None:
    async def story() -> None:
        ends = Ends(bytes(2_000_000))
        ends.reads.clear()
        running = asyncio.create_task(course(flat(2e6), ends).run())
        await asyncio.sleep(30.0)
        held_bytes = FLIGHT_BYTES_MAX + QUEUE_BYTES_MAX
        assert held_bytes <= ends.taken_bytes <= held_bytes + 3 * SEGMENT_BYTES_MAX
        ends.reads.set()
        await running
        rest_s = (2_000_000 - FLIGHT_BYTES_MAX) * 8 / 2e6
        assert ends.heard[-1][0] == pytest.approx(30.0 + rest_s, rel=0.02)

    play(story())


def test_a_receiver_that_is_gone_ends_the_direction(play: Play) -> None:
    async def story() -> None:
        ends = Ends(b"hello")
        ends.hears = False
        assert await course(flat(2e6), ends).run() is Ending.UNHEARD

    play(story())


def test_the_news_of_a_lost_sender_comes_after_what_it_sent(play: Play) -> None:
    async def story() -> None:
        ends = Ends()

        said = iter([bytes(10_000)])

        async def then_silent(size_bytes: int) -> bytes:
            for content in said:
                return content
            await asyncio.Event().wait()
            raise AssertionError

        ends.receive = then_silent  # type: ignore[method-assign]
        carried = course(flat(2e6, delay_s=1.0), ends)
        running = asyncio.create_task(carried.run())
        await asyncio.sleep(0.1)
        carried.break_off()
        assert await running is Ending.RESET
        assert ends.heard_bytes == 10_000
        assert asyncio.get_running_loop().time() == pytest.approx(1.1, rel=0.01)

    play(story())
