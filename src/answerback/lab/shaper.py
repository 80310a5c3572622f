"""Plays a bad link between a client and an upstream: a TCP relay on loopback.

One shaper is one device's radio. All connections through it share its two gates, so they share its rate; an outage
holds all of them, a reset strikes all of them. The decisions are in `schedule` and `flight`; here are the sockets.
"""

import asyncio
import errno
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random

from answerback.lab.course import Course, Tally
from answerback.lab.crossing import Crossing, prepare, reset
from answerback.lab.flight import Flight
from answerback.lab.links import EDGE_S, Link, Signal
from answerback.lab.pace import Pace
from answerback.lab.schedule import Gate, Schedule
from answerback.model.errors import UsageError

CONNECTIONS_MAX = 256
"""Bound on connections: two sockets each, and systems often allow 1024 in all; one device uses a handful."""

BACKLOG = 64
"""Connections the system may hold before they are taken; they are taken at once."""

ACCEPT_PAUSE_S = 0.1
"""How long no connection is taken when the system is out of sockets: trying at once would only spin."""


@dataclass(frozen=True, slots=True)
class Stats:
    """What a shaper has done, and how its link is now. Times are the link's own."""

    at_s: float
    state: str
    signal: Signal
    signal_for_s: float
    up_rate_bps: float
    down_rate_bps: float
    up_bytes: int
    down_bytes: int
    connections: int
    stalls: int
    outages: int
    resets: int


@dataclass(frozen=True, slots=True)
class _Way:
    """What all connections share in one direction."""

    name: str
    schedule: Schedule
    gate: Gate
    tally: Tally


class Shaper:
    """A relay that is as slow, late and broken as its link."""

    def __init__(
        self,
        link: Link,
        *,
        upstream_host: str,
        upstream_port: int,
        clock: Callable[[], float] = time.monotonic,
        speed: float = 1.0,
        from_s: float = 0.0,
        seed: int = 0,
        on_change: Callable[[Stats], None] | None = None,
    ) -> None:
        """Lead to an upstream; `on_change` hears of each outage, its end and each reset, and must not raise."""
        if speed <= 0:
            raise UsageError(f"A speed of {speed} does not play a link; more than 0 is expected.")
        if from_s < 0:
            raise UsageError(f"A link begins at 0 s, not at {from_s}.")
        self.link = link
        self._upstream = (upstream_host, upstream_port)
        self._clock = clock
        self._speed = speed
        self._seed = seed
        self._on_change = on_change
        self._from_s = from_s
        self._pace = Pace(clock, speed=speed, from_s=from_s)
        self._up = _Way("up", link.up, Gate(link.up), Tally())
        self._down = _Way("down", link.down, Gate(link.down), Tally())
        self._signal = link.signal_at(from_s)
        self._signal_since_s = from_s
        self._outages = int(self._signal is not Signal.PRESENT)
        self._resets = 0
        self._accepted = 0
        self._listening: socket.socket | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._crossings: dict[asyncio.Task[None], Crossing] = {}

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Begin to play the link and to take connections; say on which port."""
        assert self._listening is None, "a shaper starts once"
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._listening = socket.create_server((host, port), family=family, backlog=BACKLOG)
        except OSError as error:
            raise UsageError(f"Port {port} of {host} cannot be used: {error.strerror}.") from error
        self._listening.settimeout(0)
        self._pace = Pace(self._clock, speed=self._speed, from_s=self._from_s)
        self._tasks = {asyncio.create_task(self._accept(self._listening)), asyncio.create_task(self._watch())}
        return int(self._listening.getsockname()[1])

    async def stop(self) -> None:
        """Reset all connections and stop listening; an error of `on_change` comes out here."""
        tasks = [*self._tasks, *self._crossings]
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks.clear()
        if self._listening is not None:
            self._listening.close()
        for end in ends:
            if isinstance(end, BaseException) and not isinstance(end, asyncio.CancelledError):
                raise end

    def stats(self) -> Stats:
        """Say what was carried so far and how the link is now."""
        now_s = self._pace.now_s()
        signal_for_s = max(now_s - self._signal_since_s, 0.0)
        up_rate_bps, down_rate_bps = self.link.up.rate_bps(now_s), self.link.down.rate_bps(now_s)
        state = f"{self.link.name}: {self._signal.value} for {signal_for_s:.1f} s"
        if self._signal is Signal.PRESENT:
            state = f"{self.link.name}: {_shown(up_rate_bps)} up, {_shown(down_rate_bps)} down"
        return Stats(
            at_s=now_s,
            state=state,
            signal=self._signal,
            signal_for_s=signal_for_s,
            up_rate_bps=up_rate_bps,
            down_rate_bps=down_rate_bps,
            up_bytes=self._up.tally.landed_bytes,
            down_bytes=self._down.tally.landed_bytes,
            connections=len(self._crossings),
            stalls=self._up.tally.stalls + self._down.tally.stalls,
            outages=self._outages,
            resets=self._resets,
        )

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                client, _ = await loop.sock_accept(listening)
            except OSError as error:
                # Out of sockets, or a client that was gone before we looked: the next one may have more luck.
                if error.errno in {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}:
                    await asyncio.sleep(ACCEPT_PAUSE_S)
                continue
            if len(self._crossings) >= CONNECTIONS_MAX:
                reset(client)
            else:
                self._carry(client)

    def _carry(self, client: socket.socket) -> None:
        prepare(client)
        self._accepted += 1
        crossing = Crossing(client, self._upstream, pace=self._pace)
        up = self._course(self._up, crossing.receive_up, crossing.deliver_up)
        down = self._course(self._down, crossing.receive_down, crossing.deliver_down)
        task = asyncio.create_task(crossing.run(up=up, down=down))
        self._crossings[task] = crossing
        task.add_done_callback(self._crossings.pop)

    def _course(
        self, way: _Way, receive: Callable[[int], Awaitable[bytes]], deliver: Callable[[bytes], Awaitable[None]]
    ) -> Course:
        # Each connection draws its losses from a seed of its own: what one loses does not depend on the others.
        random = Random(f"{self._seed}:{way.name}:{self._accepted}")
        return Course(
            gate=way.gate,
            flight=Flight(self.link, random=random),
            pace=self._pace,
            tally=way.tally,
            rate_bps=way.schedule.rate_bps,
            receive=receive,
            deliver=deliver,
        )

    async def _watch(self) -> None:
        """Follow the link from change to change, for as long as it has any."""
        seen_s = self._from_s
        while (change_s := self.link.next_change_s(seen_s)) is not None:
            await self._pace.reach(change_s)
            self._change(change_s)
            seen_s = change_s

    def _change(self, at_s: float) -> None:
        signal = self.link.signal_at(at_s)
        changed = signal is not self._signal
        if changed:
            self._outages += self._signal is Signal.PRESENT
            self._signal, self._signal_since_s = signal, at_s
        if self.link.next_reset_s(at_s - EDGE_S) == at_s and self._crossings:
            changed = True
            self._resets += 1
            for crossing in self._crossings.values():
                crossing.cut()
        if changed and self._on_change is not None:
            self._on_change(self.stats())


def _shown(rate_bps: float) -> str:
    return f"{rate_bps / 1e6:.1f} Mbit/s" if rate_bps >= 1e6 else f"{rate_bps / 1e3:.0f} kbit/s"
