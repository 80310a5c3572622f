"""Carries one direction of one connection over a link: in order, bounded, and never ahead of the link.

Three steps run side by side. *Take* reads what the sender wrote into a bounded queue and stamps when it came. *Cross*
spends the link's opportunities on it, one segment at a time, so that connections take turns. *Land* hands it over when
it has flown. When a step is full the one before it waits, back to the sender's own socket: TCP's backpressure.
The end of a stream and a reset cross like bytes do, for on a real link they are packets too.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum

from answerback.lab.flight import Flight
from answerback.lab.pace import Pace
from answerback.lab.schedule import BITS_PER_BYTE, PACKET_BYTES, Gate

QUEUE_BYTES_MAX = 64 * 1024
"""What one connection may have waiting for the link, each way: a phone's modem holds about as much. More would be
bufferbloat (at 200 kbit/s this is already 2.6 s) and would hide from the sender that the link is slow."""

FLIGHT_BYTES_MAX = 256 * 1024
"""What one connection may have in the air: 100 Mbit/s for 20 ms. A receiver that does not read fills
this, then the queue, then its sender's patience."""

SEGMENT_BYTES_MAX = 16 * 1024
"""What crosses at once on a fast link: per-packet work would make this program the bottleneck."""

SEGMENT_S = 0.005
"""A segment takes about this long to cross, where that is more than one packet: timers are good to a millisecond."""

CONTROL_BYTES = 60
"""A packet without content: IPv4 and TCP headers with the options of a SYN."""


class Ending(Enum):
    """How one direction comes to its end."""

    CLOSED = "the sender had no more to say"
    RESET = "the sender is gone"
    UNHEARD = "the receiver is gone"


@dataclass(frozen=True, slots=True)
class Parcel:
    """Bytes with the moment they came or will land; an ending carries none."""

    at_s: float
    content: bytes
    ending: Ending | None = None


@dataclass(slots=True)
class Tally:
    """What one direction of a link has carried so far."""

    landed_bytes: int = 0
    stalls: int = 0


class Buffer:
    """Parcels in order, up to so many bytes."""

    def __init__(self, size_bytes_max: int) -> None:
        self._size_bytes_max = size_bytes_max
        self._size_bytes = 0
        self._parcels: deque[Parcel] = deque()
        self._changed = asyncio.Event()

    async def room(self) -> bool:
        """Wait for room, and say whether that took any waiting."""
        waited = False
        while self._size_bytes >= self._size_bytes_max:
            waited = True
            await self._change()
        return waited

    def put(self, parcel: Parcel) -> None:
        """Add a parcel; whoever asked for room first stays within the bound by at most one segment."""
        self._parcels.append(parcel)
        self._size_bytes += len(parcel.content)
        self._changed.set()

    async def first(self) -> Parcel:
        """Wait for the oldest parcel; it stays, and counts, until it is removed."""
        while not self._parcels:
            await self._change()
        return self._parcels[0]

    def remove(self) -> None:
        """Let go of the oldest parcel."""
        self._size_bytes -= len(self._parcels.popleft().content)
        self._changed.set()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()


class Course:
    """One direction of one connection."""

    def __init__(
        self,
        *,
        gate: Gate,
        flight: Flight,
        pace: Pace,
        tally: Tally,
        rate_bps: Callable[[float], float],
        receive: Callable[[int], Awaitable[bytes]],
        deliver: Callable[[bytes], Awaitable[None]],
    ) -> None:
        """Join the sender's `receive` with the receiver's `deliver`; both speak of lost peers as OSError."""
        self._gate = gate
        self._flight = flight
        self._pace = pace
        self._tally = tally
        self._rate_bps = rate_bps
        self._receive = receive
        self._deliver = deliver
        self._queue = Buffer(QUEUE_BYTES_MAX)
        self._air = Buffer(FLIGHT_BYTES_MAX)

    async def run(self) -> Ending:
        """Carry bytes until the direction ends, and say how it did."""
        async with asyncio.TaskGroup() as steps:
            before = (steps.create_task(self._take()), steps.create_task(self._cross()))
            ending = await self._land()
            for step in before:
                step.cancel()
        return ending

    async def carry_control(self) -> None:
        """Carry one packet without content, such as those that open a connection."""
        left_s, stall_s = self._leave(CONTROL_BYTES, since_s=self._pace.now_s())
        await self._pace.reach(self._flight.land(left_s=left_s, stall_s=stall_s))

    def break_off(self) -> None:
        """Let the news that the sender is gone follow what it has already sent."""
        self._queue.put(Parcel(self._pace.now_s(), b"", Ending.RESET))

    async def _take(self) -> None:
        ending = None
        while ending is None:
            await self._queue.room()
            try:
                content = await self._receive(self._segment_bytes())
                ending = None if content else Ending.CLOSED
            except OSError:
                content, ending = b"", Ending.RESET
            self._queue.put(Parcel(self._pace.now_s(), content, ending))

    async def _cross(self) -> None:
        held_until_s = 0.0
        while True:
            parcel = await self._queue.first()
            # Bytes spend opportunities from when they came, not from when this program woke up for them: lateness of
            # a timer must not cost rate. Only a receiver that held us up makes earlier opportunities void.
            left_s, stall_s = self._leave(
                max(len(parcel.content), CONTROL_BYTES), since_s=max(parcel.at_s, held_until_s)
            )
            await self._pace.reach(left_s)
            self._queue.remove()
            if await self._air.room():
                held_until_s = self._pace.now_s()
            lands_s = self._flight.land(left_s=left_s, stall_s=stall_s)
            self._air.put(Parcel(lands_s, parcel.content, parcel.ending))

    def _leave(self, size_bytes: int, *, since_s: float) -> tuple[float, float]:
        """Say when so many bytes have left, and how long what is lost of them stalls the rest."""
        lost, stall_s = self._flight.lose(size_bytes)
        self._tally.stalls += lost
        # What is sent again takes the link's time again; it is charged at once, so that the gate stays in order.
        again_bytes = lost * min(size_bytes, PACKET_BYTES)
        return self._gate.cross(size_bytes + again_bytes, now_s=since_s), stall_s

    async def _land(self) -> Ending:
        while True:
            parcel = await self._air.first()
            await self._pace.reach(parcel.at_s)
            if parcel.ending is Ending.RESET:
                return Ending.RESET
            try:
                await self._deliver(parcel.content)
            except OSError:
                return Ending.UNHEARD
            self._tally.landed_bytes += len(parcel.content)
            self._air.remove()
            if parcel.ending is not None:
                return parcel.ending

    def _segment_bytes(self) -> int:
        carried = self._rate_bps(self._pace.now_s()) * self._pace.speed * SEGMENT_S / BITS_PER_BYTE
        return int(min(max(carried, PACKET_BYTES), SEGMENT_BYTES_MAX))
