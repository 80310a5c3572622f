"""A backlog: thousands of messages for one device that is away, and how fast it has them once it is back."""

import asyncio
import time
from dataclasses import dataclass, field
from itertools import pairwise

from answerback.faces.benchmarking.correspondent import Correspondent
from answerback.faces.benchmarking.figures import Figures, rounded
from answerback.faces.benchmarking.roads import Road, roads
from answerback.faces.benchmarking.stage import Stage
from answerback.model.envelope import Delivery, Envelope

ACCEPT_S_MAX = 120.0
QUIET_S_MAX = 6.0
"""With nothing new for so long, the drain is over, whole or not."""
LOOK_S = 0.05


@dataclass(slots=True)
class Intake:
    """What the device got, in the order it came."""

    road: Road
    numbers: list[int] = field(default_factory=list)
    last_s: float = 0.0

    def take(self, entries: list[Delivery]) -> list[Envelope]:
        """Write down what came, and when."""
        for entry in entries:
            self.numbers += self.road.unpack(entry.sealed)
        self.last_s = time.perf_counter()
        return []


class Filling:
    """Sends all of it, with so many not yet accepted at once."""

    def __init__(self, road: Road, author: Correspondent, *, count: int, window: int, together: int) -> None:
        self._road, self._author = road, author
        self._count, self._together = count, together
        self._room = window
        self._sent = 0
        self.accepted = 0
        self.done = asyncio.Event()
        author.accepted = self._accepted

    def begin(self) -> None:
        """Send the first windowful."""
        self._fill()

    def _accepted(self, count: int) -> None:
        self.accepted += count
        self._room += count
        if self.accepted >= self._count:
            self.done.set()
        self._fill()

    def _fill(self) -> None:
        while self._room and self._sent < self._count:
            some = min(self._room, self._together, self._count - self._sent)
            self._author.submit([self._road.pack([self._sent + index]) for index in range(some)])
            self._sent += some
            self._room -= some


async def drain(*, count: int, window: int, together: int, sealed: bool, tls: bool) -> Figures:
    """Measure the filling and the draining of one mailbox."""
    async with Stage.set(2, tls=tls) as stage:
        author, reader = stage.town.residents
        road, _ = roads(author, reader, sealed=sealed)
        sender, intake = Correspondent(author), Intake(road)
        await sender.connect(stage.address)
        filling = Filling(road, sender, count=count, window=window, together=together)
        began_s = time.perf_counter()
        filling.begin()
        try:
            async with asyncio.timeout(ACCEPT_S_MAX):
                await filling.done.wait()
        finally:
            accept_s = time.perf_counter() - began_s
        before = await stage.relay.cost()
        device = Correspondent(reader, delivered=intake.take)
        began_s = time.perf_counter()
        await device.connect(stage.address)
        await _until_quiet(intake, count)
        after = await stage.relay.cost()
        device.close()
        sender.close()
        drain_s = max(intake.last_s - began_s, 1e-9)
        return {
            "bench": "drain",
            "count": count,
            "window": window,
            "together_max": together,
            "accepted": filling.accepted,
            "accept_per_s": round(filling.accepted / accept_s),
            "drain_s": rounded(drain_s),
            "drain_per_s": round(len(intake.numbers) / drain_s),
            "got": len(set(intake.numbers)),
            **_truth(intake.numbers, accepted=filling.accepted),
            "relay_us_per_message": round(1e6 * (after.cpu_s - before.cpu_s) / max(len(intake.numbers), 1)),
            "relay_rss_mb": round(after.rss_bytes / 2**20, 1),
        } | stage.surroundings(sealed=sealed)


async def _until_quiet(intake: Intake, count: int) -> None:
    quiet_since_s, seen = time.perf_counter(), 0
    while len(intake.numbers) < count and time.perf_counter() - quiet_since_s < QUIET_S_MAX:
        await asyncio.sleep(LOOK_S)
        if len(intake.numbers) != seen:
            quiet_since_s, seen = time.perf_counter(), len(intake.numbers)
    await asyncio.sleep(LOOK_S)  # what is handed over twice comes at the end, too


def _truth(numbers: list[int], *, accepted: int) -> Figures:
    got = set(numbers)
    return {
        "lost": accepted - len(got),
        "duplicated": len(numbers) - len(got),
        "out_of_order": sum(earlier > later for earlier, later in pairwise(numbers)),
    }
