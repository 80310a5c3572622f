"""Proves that connections keep order, break with what is on them, and can be half open."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest

from answerback.lab.simulation.clock import VirtualLoop
from answerback.lab.simulation.wires import Road, Wire, dial
from answerback.model.causes import Cause
from answerback.transport.failures import Unreachable
from answerback.wire.codec import decode_client_frame, encode
from answerback.wire.frames import Ping, Pong, Resume


class FarEnd:
    """Writes down what it hears."""

    def __init__(self) -> None:
        self.is_there = True
        self.heard_echoes: list[int] = []
        self.losses = 0

    @property
    def listens(self) -> bool:
        return self.is_there

    def connected(self, wire: Wire, resume: Resume | None = None) -> bool:
        return self.is_there

    def heard(self, wire: Wire, data: bytes) -> None:
        frame = decode_client_frame(data)
        assert isinstance(frame, Ping)
        self.heard_echoes.append(frame.echo)

    def lost(self, wire: Wire) -> None:
        self.losses += 1


def play(work: Callable[[Road, FarEnd], Awaitable[None]]) -> None:
    async def main() -> None:
        await work(Road(random.Random(1), jitter_s=0.5), FarEnd())

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(main())


async def opened(road: Road, far: FarEnd) -> Wire:
    dialled = await dial(road, far, "ann phone", sent=lambda _: None, began=lambda: None)
    return await dialled.proceed(None)


def test_frames_arrive_late_and_in_order() -> None:
    async def work(road: Road, far: FarEnd) -> None:
        wire = await opened(road, far)
        for number in range(50):
            await wire.send([Ping(number)])
        assert far.heard_echoes == []
        await asyncio.sleep(5)
        assert far.heard_echoes == list(range(50))

    play(work)


def test_what_is_held_back_arrives_even_after_its_device_gave_the_connection_up() -> None:
    async def work(road: Road, far: FarEnd) -> None:
        wire = await opened(road, far)
        road.obstruct(up=True)
        await wire.send([Ping(1), Ping(2)])
        await wire.close()
        await asyncio.sleep(60)
        assert (far.heard_echoes, far.losses) == ([], 0)
        road.obstruct()
        await asyncio.sleep(1)
        assert (far.heard_echoes, far.losses, wire.late_frames) == ([1, 2], 1, 2)

    play(work)


def test_a_broken_connection_takes_what_is_on_it_along_and_one_end_may_not_know() -> None:
    async def work(road: Road, far: FarEnd) -> None:
        wire = await opened(road, far)
        await wire.send([Ping(1), Ping(2), Ping(3)])
        wire.down.put(encode(Pong(1, 0)))
        wire.cut(relay_gets=1, relay_knows=False)
        assert [frame async for frame in wire.frames()] == []
        await wire.close()
        await asyncio.sleep(600)
        assert (far.heard_echoes, far.losses) == ([1], 0)

    play(work)


def test_nobody_reaches_a_relay_that_is_not_there_or_beyond_a_partition() -> None:
    async def work(road: Road, far: FarEnd) -> None:
        far.is_there = False
        with pytest.raises(Unreachable) as refused:
            await opened(road, far)
        assert refused.value.cause is Cause.NETWORK_RELAY_UNREACHABLE
        road.is_cut = True
        began_s = asyncio.get_running_loop().time()
        with pytest.raises(Unreachable):
            await opened(road, far)
        assert asyncio.get_running_loop().time() - began_s > 30
        assert road.wires == []

    play(work)
