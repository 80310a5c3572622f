"""Proves that chunks leave only as there is room, that each is answered at once, and that a liar ends the line."""

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp
import pytest

from answerback.model.errors import PeerError
from answerback.transport.chunks import ChunkLine, Gate, OwnGate
from answerback.wire.codec import encode
from answerback.wire.files import AnyFileFrame, Came, Chunk, Kept, decode_file_frame
from answerback.wire.flight import Flight, Kind

CONTENT = bytes(range(256)) * 400


class Half:
    """One end of a pair of sockets in memory."""

    def __init__(self) -> None:
        self.inbox: asyncio.Queue[aiohttp.WSMessage] = asyncio.Queue()
        self.other = self
        self.said: list[AnyFileFrame] = []

    async def receive(self) -> aiohttp.WSMessage:
        return await self.inbox.get()

    async def send_bytes(self, data: bytes) -> None:
        self.said.append(decode_file_frame(data))
        self.other.inbox.put_nowait(aiohttp.WSMessage(aiohttp.WSMsgType.BINARY, data, None))

    def end(self) -> None:
        self.inbox.put_nowait(aiohttp.WSMessage(aiohttp.WSMsgType.CLOSED, None, None))

    @property
    def chunk_bytes(self) -> int:
        return sum(len(frame.content) for frame in self.said if isinstance(frame, Chunk))


def pair() -> tuple[Half, Half]:
    near, far = Half(), Half()
    near.other, far.other = far, near
    return near, far


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(20):
            await work()

    asyncio.run(bounded())


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_content_comes_out_as_it_went_in_and_leaves_nothing_under_way() -> None:
    async def work() -> None:
        near, far = pair()
        flight = Flight()
        sender, receiver = ChunkLine(near, Gate(lambda: flight)), ChunkLine(far, OwnGate().gate())
        sending = asyncio.create_task(sender.send_content(CONTENT))
        came = b""
        while len(came) < len(CONTENT):
            frame = await receiver.receive()
            assert isinstance(frame, Chunk)
            came += frame.content
        assert came == CONTENT
        assert await sending
        await settle()
        assert (flight.flying_bytes, len(flight)) == (0, 0)
        await sender.close()
        await receiver.close()

    run(work)


def test_without_answers_no_more_leaves_than_the_window() -> None:
    async def work() -> None:
        near, _ = pair()
        flight = Flight()
        line = ChunkLine(near, Gate(lambda: flight))
        sending = asyncio.create_task(line.send_content(CONTENT))
        await settle()
        assert 0 < near.chunk_bytes <= flight.window_bytes + flight.chunk_bytes
        assert near.chunk_bytes == flight.flying_bytes
        sending.cancel()
        await line.close()
        assert flight.flying_bytes == 0, "what a closed line had under way is forgotten"

    run(work)


def test_mail_goes_first_and_is_told_of_room() -> None:
    async def work() -> None:
        near, far = pair()
        waits, told = [True], list[bool]()
        own = OwnGate().gate()
        gate = Gate(own.flight, mail_waits=lambda: waits[0], made_room=lambda: told.append(True))
        line = ChunkLine(near, gate)
        sending = asyncio.create_task(line.send_content(b"x" * 100))
        await settle()
        assert near.said == []
        waits[0] = False
        other = ChunkLine(far, OwnGate().gate())
        assert isinstance(await other.receive(), Chunk)
        assert await sending
        await settle()
        assert told
        await line.close()
        await other.close()

    run(work)


def test_room_that_others_fill_is_waited_for() -> None:
    async def work() -> None:
        near, _ = pair()
        flight = Flight()
        flight.left("mail", 10**6, kind=Kind.MAIL, now_s=0.0)
        line = ChunkLine(near, Gate(lambda: flight, now_s=lambda: 0.1))
        sending = asyncio.create_task(line.send_content(b"x"))
        await settle()
        assert near.said == []
        flight.arrived("mail", now_s=0.1)
        assert await sending
        await line.close()

    run(work)


def test_a_word_from_the_other_end_stops_the_sending() -> None:
    async def work() -> None:
        near, far = pair()
        line = ChunkLine(near, OwnGate().gate())
        sending = asyncio.create_task(line.send_content(CONTENT))
        await settle()
        await far.send_bytes(encode(Kept(1, 2)))
        assert not await sending
        assert await line.receive() == Kept(1, 2)
        await line.close()

    run(work)


@pytest.mark.parametrize("claim", [1, 2**40])
def test_an_answer_for_what_was_not_sent_ends_the_line(claim: int) -> None:
    async def work() -> None:
        near, far = pair()
        line = ChunkLine(near, OwnGate().gate())
        await far.send_bytes(encode(Came(claim)))
        with pytest.raises(PeerError):
            await line.receive()
        with pytest.raises(PeerError):
            await line.receive()
        await line.close()

    run(work)


def test_the_end_of_the_connection_is_told_to_whoever_waits_and_so_is_a_close() -> None:
    async def work() -> None:
        near, _ = pair()
        line = ChunkLine(near, OwnGate().gate())
        near.end()
        assert await line.receive() is None
        assert await line.receive() is None
        assert not await line.send_content(CONTENT)
        await line.close()
        near, _ = pair()
        line = ChunkLine(near, OwnGate().gate())
        waiting = asyncio.create_task(line.receive())
        await settle()
        await line.close()
        assert await waiting is None

    run(work)
