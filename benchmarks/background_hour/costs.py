"""Measures what each exchange of a device with its relay costs on the wire: a real relay, real sockets, real TLS.

A relay as `serve` runs it stands on loopback, and a device connects to it through a counter that passes bytes on. What
is counted is the stream, TLS included; headers of packets (IPv4, and TCP with timestamps) and the acknowledgements that
ride on no data are added by rule.
"""

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TypeVar

from answerback.crypto.identity import answer_challenge
from answerback.crypto.resumption import proven
from answerback.crypto.seal import PADDED_BYTES_MIN, SEAL_OVERHEAD_BYTES
from answerback.faces.benchmarking.correspondent import Correspondent
from answerback.faces.benchmarking.stage import Stage
from answerback.faces.benchmarking.town import Resident
from answerback.model.envelope import Envelope
from answerback.model.ids import envelope_id
from answerback.model.message import Lane
from answerback.transport.first_sight import seen_pin
from answerback.transport.websocket import WebSocketLine
from answerback.wire.frames import (
    WIRE_VERSION,
    Accepted,
    Challenge,
    Deliver,
    Hello,
    Pace,
    Ping,
    Pong,
    RelayFrame,
    Resume,
    Submit,
    Taken,
    Ticket,
    Took,
    Welcome,
)

HEADERS_BYTES = 52
"""IPv4 and TCP with timestamps, as today's systems send them."""
SEGMENT_BYTES = 1448
HANDSHAKE_BYTES = 60 + 60 + HEADERS_BYTES
"""SYN, SYN with ACK, ACK."""
GOODBYE_BYTES = 3 * HEADERS_BYTES
"""FIN from both sides, and the last ACK."""
ASK_BYTES = 1 + 2 * HEADERS_BYTES
"""The smallest packet that keeps a TCP connection known, and its answer: what a kernel's own keep-alive sends."""
SEALED_BYTES = PADDED_BYTES_MIN + SEAL_OVERHEAD_BYTES
"""A text of up to 100 characters, and a receipt: sealed they are alike."""
SETTLE_S = 0.3
"""Without a byte for so long an exchange has ended."""
LIFETIME_S = 86_400
_F = TypeVar("_F", bound=RelayFrame)


@dataclass(frozen=True, slots=True)
class Costs:
    """Bytes on the wire, headers and acknowledgements included, of each exchange."""

    ask: int
    """A sign of life and its answer."""
    message: int
    """A text handed over, taken, its receipt submitted and accepted."""
    connect: int
    """From the first packet to the welcome, with a ticket; and the pace said."""
    leave: int


@dataclass(slots=True)
class Counter:
    """Passes bytes on between a device and a relay, and remembers runs: who spoke, and how much."""

    port: int
    runs: list[tuple[str, int]] = field(default_factory=list)
    tasks: set["asyncio.Task[None]"] = field(default_factory=set)

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection."""
        there, here = await asyncio.open_connection("127.0.0.1", self.port)
        await asyncio.gather(self._pass("up", reader, here), self._pass("down", there, writer))

    async def _pass(self, side: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                if self.runs and self.runs[-1][0] == side:
                    self.runs[-1] = (side, self.runs[-1][1] + len(data))
                else:
                    self.runs.append((side, len(data)))
                writer.write(data)
                await writer.drain()
        writer.close()

    async def cost(self) -> int:
        """What went since the last look, on the wire, once nothing more comes."""
        before = -1
        while before != (now := sum(size_bytes for _, size_bytes in self.runs)):
            before = now
            await asyncio.sleep(SETTLE_S)
        runs, self.runs = self.runs, []
        return wire_bytes(runs)


def wire_bytes(runs: list[tuple[str, int]]) -> int:
    """Add headers, and the acknowledgements that ride on no data: one for each second segment, and for the last run."""
    total = 0
    for _, size_bytes in runs:
        segments = math.ceil(size_bytes / SEGMENT_BYTES)
        total += size_bytes + segments * HEADERS_BYTES + max(segments - 1, 0) // 2 * HEADERS_BYTES
    return total + (HEADERS_BYTES if runs else 0)


async def measure() -> Costs:
    """Play each exchange once."""
    async with Stage.set(2, tls=True) as stage:
        counter = Counter(stage.relay.port)
        server = await asyncio.start_server(counter.meet, "127.0.0.1", 0)
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        pin = await seen_pin(url)
        device, other = stage.town.residents
        async with _line(url, pin) as (line, heard):
            ticket = await _greet(line, heard, device)
        await counter.cost()
        sender = Correspondent(other)
        await sender.connect(stage.address)
        async with _line(url, pin, _resume(device, ticket)) as (line, heard):
            await _next(heard, Welcome)
            await line.send([Pace(2, 32_768)])
            connect = await counter.cost() + HANDSHAKE_BYTES
            await line.send([Ping(1)])
            await _next(heard, Pong)
            ask = await counter.cost()
            sender.submit([_envelope(device, b"text")])
            delivered = await _next(heard, Deliver)
            position = delivered.entries[-1].position
            receipt = Submit([_envelope(other, b"receipt", lane=Lane.CONTROL)], 3)
            await line.send([Took([Taken(Lane.NORMAL, position)]), receipt])
            await _next(heard, Accepted)
            message = await counter.cost()
        leave = await counter.cost() + GOODBYE_BYTES
        sender.close()
        server.close()
    return Costs(ask, message, connect, leave)


@contextlib.asynccontextmanager
async def _line(
    url: str, pin: bytes | None, resume: Resume | None = None
) -> AsyncIterator[tuple[WebSocketLine, AsyncIterator[RelayFrame]]]:
    line = await WebSocketLine.open(url, pin=pin, resume=resume)
    try:
        yield line, line.frames()
    finally:
        await line.close()


async def _next(frames: AsyncIterator[RelayFrame], kind: type[_F]) -> _F:
    async for frame in frames:
        if isinstance(frame, kind):
            return frame
    raise ConnectionResetError(f"the relay closed; a {kind.__name__} was due")


async def _greet(line: WebSocketLine, frames: AsyncIterator[RelayFrame], who: Resident) -> Ticket:
    challenge = await _next(frames, Challenge)
    signature = answer_challenge(who.keys, nonce=challenge.nonce, relay=challenge.relay)
    await line.send([Hello(WIRE_VERSION, who.device, signature, [], 1)])
    ticket = (await _next(frames, Welcome)).ticket
    assert ticket is not None
    return ticket


def _resume(who: Resident, ticket: Ticket) -> Resume:
    said = Resume(WIRE_VERSION, who.device, ticket.name, time.time_ns() // 1_000_000, [], 2, bytes(32))
    return proven(said, secret=ticket.secret)


def _envelope(to: Resident, text: bytes, *, lane: Lane = Lane.NORMAL) -> Envelope:
    sealed = text.ljust(SEALED_BYTES, b".")
    return Envelope(envelope_id(sealed), to.device, lane, LIFETIME_S, sealed)
