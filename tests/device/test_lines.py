"""Proves that connections are begun, set up, used and closed as they are told, and a closed one says nothing more."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from typing import Any

import pytest

from answerback.core.effects import IN_USE
from answerback.device.lines import FRAMES_AT_ONCE, Lines
from answerback.model.causes import Cause
from answerback.model.envelope import Envelope
from answerback.model.errors import PeerError
from answerback.model.ids import DeviceId, EnvelopeId, envelope_id
from answerback.model.message import Lane
from answerback.transport.failures import Unreachable
from answerback.wire.frames import ClientFrame, Ping, Pong, RelayFrame, Resume, Submit

GONE = Unreachable(Cause.NETWORK_CONNECTION_LOST)


class Wire:
    """A connection that says what it is given, and keeps what it is told."""

    peer = ("192.0.2.1", 443)

    def __init__(self) -> None:
        self.coming: asyncio.Queue[RelayFrame | Exception | None] = asyncio.Queue()
        self.sent: list[list[ClientFrame]] = []
        self.taking = asyncio.Event()
        self.taking.set()
        self.is_broken = self.closed = False

    async def send(self, frames: list[ClientFrame]) -> None:
        await self.taking.wait()
        if self.is_broken:
            raise GONE
        self.sent.append(frames)

    async def frames(self) -> AsyncIterator[RelayFrame]:
        while (coming := await self.coming.get()) is not None:
            if isinstance(coming, Exception):
                raise coming
            yield coming

    async def close(self) -> None:
        self.closed = True


class Socket:
    """A TCP connection that becomes a wire."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.wire, self.failure, self.closed = Wire(), failure, False
        self.shown: list[Resume | None] = []

    async def proceed(self, resume: Resume | None) -> Wire:
        self.shown.append(resume)
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        return self.wire

    def close(self) -> None:
        self.closed = True


class Stand:
    """All connections of a device, and what its owner is told of them."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []
        self.paths: list[str] = []
        self.sockets: list[Socket] = []
        self.failure: Exception | None = None
        self.setup_failure: Exception | None = None
        self.tasks: list[asyncio.Task[None]] = []
        self.is_dialling = asyncio.Event()
        self.may_dial = asyncio.Event()
        self.may_dial.set()
        self.closes_on: object = None
        self.lines = Lines(self.dial, self, self.spawn)

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        self.tasks.append(asyncio.get_running_loop().create_task(work, name=name))
        return self.tasks[-1]

    async def dial(self, path: str) -> Socket:
        self.paths.append(path)
        self.is_dialling.set()
        await self.may_dial.wait()
        if self.failure is not None:
            raise self.failure
        self.sockets.append(Socket(self.setup_failure))
        return self.sockets[-1]

    async def rests(self) -> None:
        """Let everything run until nothing moves."""
        for _ in range(30):
            await asyncio.sleep(0)

    async def opens(self, line: int = 1) -> Wire:
        """Have one stand."""
        self.lines.probe(line, "wlan0")
        await self.rests()
        self.lines.proceed(line, None)
        await self.rests()
        return self.sockets[-1].wire

    # ---- as its owner

    def answered(self, line: int) -> None:
        self.told.append(("answered", line))

    def opened(self, line: int) -> None:
        self.told.append(("opened", line))

    def received(self, line: int, frame: RelayFrame) -> None:
        self.told.append(("received", line, frame))
        if frame == self.closes_on:
            self.lines.close(line)

    def written(self, envelopes: Sequence[EnvelopeId]) -> None:
        self.told.append(("written", *envelopes))

    def lost(self, line: int, cause: Cause, retry_after_s: float | None) -> None:
        self.told.append(("lost", line, cause) if retry_after_s is None else ("lost", line, cause, retry_after_s))


def test_a_connection_is_answered_waits_to_be_told_and_is_then_set_up_with_its_ticket() -> None:
    async def run() -> None:
        stand = Stand()
        stand.lines.probe(1, "wlan0")
        await stand.rests()
        assert (stand.paths, stand.told, stand.sockets[0].shown) == (["wlan0"], [("answered", 1)], [])
        ticket = Resume(1, DeviceId(b"d" * 16), b"t" * 16, 1, [], 1, b"p")
        stand.lines.proceed(1, ticket)
        await stand.rests()
        assert stand.sockets[0].shown == [ticket]
        stand.sockets[0].wire.coming.put_nowait(Pong(1, 2))
        await stand.rests()
        assert stand.told[1:] == [("opened", 1), ("received", 1, Pong(1, 2))]
        assert stand.lines.peer(1) == Wire.peer
        assert stand.lines.peer(2) is None
        stand.lines.close_all()

    asyncio.run(run())


def test_nobody_there_or_nobody_who_would_have_us_is_told_with_its_cause() -> None:
    async def run() -> None:
        stand = Stand()
        stand.failure = Unreachable(Cause.NETWORK_NO_PATH)
        stand.lines.probe(1, "")
        await stand.rests()
        stand.failure, stand.setup_failure = None, Unreachable(Cause.TLS_UNTRUSTED)
        await stand.opens(2)
        assert [said for said in stand.told if said[0] == "lost"] == [
            ("lost", 1, Cause.NETWORK_NO_PATH),
            ("lost", 2, Cause.TLS_UNTRUSTED),
        ]

    asyncio.run(run())


@pytest.mark.parametrize(
    ("end", "cause"),
    [
        (None, Cause.NETWORK_CONNECTION_LOST),
        (Unreachable(Cause.NETWORK_STALLED), Cause.NETWORK_STALLED),
        (PeerError("nonsense"), Cause.RELAY_FAULTY),
    ],
)
def test_a_connection_that_ends_by_itself_is_told_once_and_closed(end: Exception | None, cause: Cause) -> None:
    async def run() -> None:
        stand = Stand()
        wire = await stand.opens()
        wire.coming.put_nowait(end)
        await stand.rests()
        assert stand.told[-1] == ("lost", 1, cause)
        assert wire.closed
        stand.lines.close(1)
        stand.lines.transmit(Ping(1), 1)
        await stand.rests()
        assert [said[0] for said in stand.told].count("lost") == 1
        assert wire.sent == []
        assert all(task.done() for task in stand.tasks), "its writer too"

    asyncio.run(run())


def test_what_is_closed_while_it_asks_or_waits_lets_go_of_its_socket_and_says_nothing() -> None:
    async def run() -> None:
        stand = Stand()
        stand.may_dial.clear()
        stand.lines.probe(1, "")
        await stand.is_dialling.wait()
        stand.lines.close(1)
        stand.may_dial.set()
        await stand.rests()
        assert (stand.told, stand.sockets) == ([], [])
        stand.lines.probe(2, "")
        await stand.rests()
        stand.lines.close(2)
        stand.lines.proceed(2, None)
        await stand.rests()
        assert stand.told == [("answered", 2)]
        assert stand.sockets[0].closed
        assert stand.sockets[0].shown == []

    asyncio.run(run())


def test_what_is_closed_is_not_heard_any_more_even_if_it_has_said_more_already() -> None:
    async def run() -> None:
        stand = Stand()
        wire = await stand.opens()
        stand.closes_on = Pong(1, 0)
        for echo in (1, 2, 3):
            wire.coming.put_nowait(Pong(echo, 0))
        wire.coming.put_nowait(GONE)
        await stand.rests()
        assert stand.told[2:] == [("received", 1, Pong(1, 0))]
        assert wire.closed

    asyncio.run(run())


def test_frames_go_on_the_connection_in_use_or_the_one_that_is_named() -> None:
    async def run() -> None:
        stand = Stand()
        first, second = await stand.opens(1), await stand.opens(2)
        stand.lines.transmit(Ping(9), IN_USE)
        stand.lines.use(2)
        stand.lines.transmit(Ping(1), IN_USE)
        stand.lines.transmit(Ping(2), 1)
        stand.lines.transmit(Ping(3), 7)
        await stand.rests()
        assert (first.sent, second.sent) == ([[Ping(2)]], [[Ping(1)]]), "what goes to none in use reaches nobody"
        stand.lines.close_all()
        stand.lines.transmit(Ping(4), IN_USE)
        await stand.rests()
        assert first.closed
        assert second.closed
        assert len(stand.told) == 4

    asyncio.run(run())


def test_a_full_socket_keeps_frames_in_order_and_keeps_nobody_from_hearing() -> None:
    async def run() -> None:
        stand = Stand()
        wire = await stand.opens()
        wire.taking.clear()
        for echo in range(2 * FRAMES_AT_ONCE):
            stand.lines.transmit(Ping(echo), 1)
        wire.coming.put_nowait(Pong(1, 0))
        await stand.rests()
        assert stand.told[-1] == ("received", 1, Pong(1, 0))
        wire.taking.set()
        await stand.rests()
        assert [frame for frames in wire.sent for frame in frames] == [Ping(echo) for echo in range(2 * FRAMES_AT_ONCE)]
        assert max(map(len, wire.sent)) == FRAMES_AT_ONCE
        stand.lines.close_all()

    asyncio.run(run())


def test_envelopes_are_told_once_the_system_has_taken_them_and_a_broken_writer_says_nothing() -> None:
    async def run() -> None:
        stand = Stand()
        wire = await stand.opens()
        letter = Envelope(envelope_id(b"x"), DeviceId(b"d" * 16), Lane.NORMAL, 60, b"x")
        stand.lines.transmit(Submit([letter]), 1)
        await stand.rests()
        assert stand.told[-1] == ("written", letter.id)
        told = list(stand.told)
        wire.is_broken = True
        stand.lines.transmit(Submit([letter]), 1)
        await stand.rests()
        assert stand.told == told, "the reader learns the same, and says why"
        stand.lines.close_all()
        await stand.rests()

    asyncio.run(run())
