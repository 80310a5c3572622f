"""Carries frames between a device and the relay as a real transport may: late, in order, or not at all.

Theory. A connection is two pipes. Within one pipe bytes keep their order and come once: that is TCP's promise, and no
fault here breaks it. Across connections nothing is promised: what lies in an old connection's pipe may arrive after
the device has long opened a new one. Either end may believe in a connection that the other has given up.
"""

import asyncio
import random
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from answerback.model.causes import Cause
from answerback.model.ids import EnvelopeId
from answerback.transport.failures import Unreachable
from answerback.wire.codec import decode_relay_frame, encode
from answerback.wire.frames import ClientFrame, Deliver, RelayFrame, Resume, Submit

CONNECT_S_MAX = 60.0
"""How long an attempt hangs where packets vanish; the agent gives up long before."""


class FarSide(Protocol):
    """The relay, as a connection sees it."""

    @property
    def listens(self) -> bool:
        """Whether anybody takes connections."""
        ...

    def connected(self, wire: "Wire", resume: Resume | None) -> bool:
        """Take a new connection, and the ticket shown with it, unless nobody is there."""
        ...

    def heard(self, wire: "Wire", data: bytes) -> None:
        """Take one frame."""
        ...

    def lost(self, wire: "Wire") -> None:
        """Learn that a connection is gone."""
        ...


@dataclass(slots=True)
class Road:
    """The way of one device to the relay: how long it takes, and what is wrong with it."""

    random: random.Random
    delay_s: float = 0.03
    jitter_s: float = 0.01
    bytes_per_s: float = 250_000.0
    spike_s: float = 0.0
    """More delay for now."""
    is_cut: bool = False
    """Nobody gets through, and attempts hang."""
    up_held: bool = False
    """Nothing of what the device says gets through, though it hears the relay: a one-way partition."""
    down_held: bool = False
    wires: list["Wire"] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    """What became of frames."""
    handed_over: set[EnvelopeId] = field(default_factory=set)
    first_sent: dict[EnvelopeId, int] = field(default_factory=dict)
    """Envelopes in the order in which they first left."""
    arrived: set[EnvelopeId] = field(default_factory=set)
    newest_arrived: int = 0

    def way_s(self, size_bytes: int) -> float:
        """How long this many bytes take."""
        return self.delay_s + self.spike_s + self.jitter_s * self.random.random() + size_bytes / self.bytes_per_s

    def count_again(self, deliveries: Iterable[EnvelopeId]) -> None:
        """Count what was handed over before."""
        for delivery in deliveries:
            self.counts["duplicated_frames"] += delivery in self.handed_over
            self.handed_over.add(delivery)

    def count_arrived(self, envelopes: Iterable[EnvelopeId]) -> None:
        """Count what the relay has heard before, and what comes behind something that left later."""
        for envelope in envelopes:
            self.counts["duplicated_frames"] += envelope in self.arrived
            self.arrived.add(envelope)
            place = self.first_sent.get(envelope, self.newest_arrived)
            self.counts["reordered_frames"] += place < self.newest_arrived
            self.newest_arrived = max(place, self.newest_arrived)

    def obstruct(self, *, up: bool = False, down: bool = False) -> None:
        """Hold back what is on its way, in one direction or both."""
        self.up_held, self.down_held = up, down
        for wire in self.wires:
            wire.up.hold(on=up)
            wire.down.hold(on=down)


class Pipe:
    """One direction of one connection."""

    __slots__ = ("_arrive", "_due", "_held", "_last_s", "_loop", "_queue", "_road", "is_broken")

    def __init__(self, road: Road, arrive: Callable[[bytes | None], None], *, held: bool) -> None:
        self._loop = asyncio.get_running_loop()
        self._road = road
        self._arrive = arrive
        self._queue: deque[bytes | None] = deque()
        self._last_s = 0.0
        self._held = held
        self._due = 0
        self.is_broken = False

    def put(self, data: bytes | None) -> None:
        """Send bytes on their way; None is the end of the connection."""
        if self.is_broken:
            self._road.counts["lost_frames"] += data is not None
            return
        self._queue.append(data)
        self._last_s = max(self._loop.time() + self._road.way_s(len(data or b"")), self._last_s)
        self._loop.call_at(self._last_s, self._step)

    def hold(self, *, on: bool) -> None:
        """Keep everything back, or let it go."""
        self._held = on
        while not self._held and self._due:
            self._due -= 1
            self._pass_one()

    def break_off(self, *, after: int = 0) -> None:
        """Lose what is on its way but for the first few frames, which arrive at once."""
        self.is_broken = True
        sent = [data for data in self._queue if data is not None]
        first = sent[:after]
        self._road.counts["lost_frames"] += len(sent) - len(first)
        self._queue.clear()
        for data in first:
            self._arrive(data)

    @property
    def under_way(self) -> int:
        """How many frames are on their way."""
        return len(self._queue)

    def _step(self) -> None:
        if self._held:
            self._due += 1
        else:
            self._pass_one()

    def _pass_one(self) -> None:
        if self._queue:
            self._arrive(self._queue.popleft())


class Wire:
    """One connection: to its device a `RelayLine`, to the relay a number."""

    def __init__(self, road: Road, far: FarSide, device: str, sent: Callable[[list[ClientFrame]], None]) -> None:
        self.device = device
        self.number = 0
        self.is_given_up = False
        """The device no longer listens."""
        self.is_ended = False
        """The relay no longer knows it."""
        self.late_frames = 0
        self._road = road
        self._far = far
        self._sent = sent
        self._heard: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.up = Pipe(road, self._at_relay, held=road.up_held)
        self.down = Pipe(road, self._at_device, held=road.down_held)
        road.wires.append(self)

    # ---- the device's side

    @property
    def peer(self) -> None:
        """There are no addresses here."""

    async def send(self, frames: list[ClientFrame]) -> None:
        """Hand frames to the operating system, which takes them whether or not they will ever arrive."""
        if self.is_given_up:
            raise Unreachable(Cause.NETWORK_CONNECTION_LOST)
        self._sent(frames)
        for frame in frames:
            if isinstance(frame, Submit):
                for envelope in frame.envelopes:
                    self._road.first_sent.setdefault(envelope.id, len(self._road.first_sent))
            self.up.put(encode(frame))

    async def frames(self) -> AsyncIterator[RelayFrame]:
        """What the relay says, until the connection ends."""
        while (data := await self._heard.get()) is not None:
            frame = decode_relay_frame(data)
            if isinstance(frame, Deliver):
                self._road.count_again(entry.id for entry in frame.entries)
            yield frame

    async def close(self) -> None:
        """Give the connection up; what was sent may still arrive, as with TCP."""
        if not self.is_given_up:
            self.is_given_up = True
            self.up.put(None)

    # ---- what befalls it

    def cut(
        self, *, relay_gets: int = 0, device_gets: int = 0, device_knows: bool = True, relay_knows: bool = True
    ) -> None:
        """Break, after so many frames in each direction have still come through; perhaps unnoticed by one end."""
        self.up.break_off(after=relay_gets)
        self.down.break_off(after=device_gets)
        if device_knows:
            self._heard.put_nowait(None)
        if relay_knows:
            self._end_at_relay()

    def count_arrived(self, envelopes: Iterable[EnvelopeId]) -> None:
        """Count what came again, or behind something that left later."""
        self._road.count_arrived(envelopes)

    def unplug(self) -> None:
        """The device is gone without a word: what it sent may arrive, and nobody says goodbye."""
        self.is_given_up = True

    # ---- private

    def _at_relay(self, data: bytes | None) -> None:
        counts = self._road.counts
        if self.is_ended:
            counts["lost_frames"] += data is not None
            return
        if data is None:
            self._end_at_relay()
            return
        self.late_frames += self.is_given_up
        counts["late_frames"] += self.is_given_up
        self._far.heard(self, data)

    def _at_device(self, data: bytes | None) -> None:
        if not self.is_given_up:
            self._heard.put_nowait(data)
        else:
            self._road.counts["lost_frames"] += data is not None

    def _end_at_relay(self) -> None:
        if not self.is_ended:
            self.is_ended = True
            self._far.lost(self)
            self.forget()

    def forget(self) -> None:
        """Nothing will come of it any more."""
        self.is_ended = True
        if self in self._road.wires:
            self._road.wires.remove(self)


@dataclass(slots=True)
class Dialled:
    """A TCP connection that stands; see `ports.Dialled`."""

    road: Road
    far: FarSide
    device: str
    sent: Callable[[list[ClientFrame]], None]
    began: Callable[[], None]
    """Told of each connection that is begun upon it."""

    async def proceed(self, resume: Resume | None) -> Wire:
        """TLS and the request for a WebSocket: two round trips, at the end of which somebody must be there."""
        self.began()
        for _ in range(2):
            await _crossed(self.road)
        wire = Wire(self.road, self.far, self.device, self.sent)
        if not self.far.connected(wire, resume):
            wire.is_given_up = True
            wire.forget()
            raise Unreachable(Cause.NETWORK_RELAY_UNREACHABLE)
        return wire

    def close(self) -> None:
        """Let go of it: nobody else knows of it yet."""


async def dial(
    road: Road, far: FarSide, device: str, *, sent: Callable[[list[ClientFrame]], None], began: Callable[[], None]
) -> Dialled:
    """Ask for the relay with one packet, or raise `Unreachable`."""
    await _crossed(road)
    if not far.listens:
        raise Unreachable(Cause.NETWORK_RELAY_UNREACHABLE)
    return Dialled(road, far, device, sent, began)


async def _crossed(road: Road) -> None:
    """Go there and back."""
    if road.is_cut or road.up_held or road.down_held:
        await asyncio.sleep(CONNECT_S_MAX)
        raise Unreachable(Cause.NETWORK_RELAY_UNREACHABLE)
    await asyncio.sleep(2 * road.way_s(0))
    if road.is_cut:
        raise Unreachable(Cause.NETWORK_RELAY_UNREACHABLE)
