"""A crowd: all devices vanish at once, miss some messages, and come back in the same moment."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from answerback.faces.benchmarking.correspondent import Address, Correspondent
from answerback.faces.benchmarking.figures import Figures, percentile, rounded
from answerback.faces.benchmarking.roads import Road, roads
from answerback.faces.benchmarking.stage import Stage, connect_all
from answerback.faces.benchmarking.town import Resident
from answerback.model.envelope import Delivery, Envelope

AUTHORS = 10
AWAY_S = 1.0
"""Between vanishing and the first message, and between the last one and the return: the relay has noticed by then."""
UNACCEPTED_MAX = 100
TRIES_MAX = 40
AGAIN_S = 1.0
"""After a failed try. Real devices spread themselves out; these do not, which is harder."""
BACK_S_MAX = 90.0
SENT_S_MAX = 60.0


@dataclass(slots=True, eq=False)
class Returner:
    """One device of the crowd."""

    road: Road
    needed: int
    device: Correspondent
    got: set[int] = field(default_factory=set)
    duplicated: int = 0
    tries: int = 0
    welcomed_s: float | None = None
    resynced_s: float | None = None
    began_s: float = 0.0
    errors: list[str] = field(default_factory=list)
    complete: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, entries: list[Delivery]) -> list[Envelope]:
        """Count what came; the last missing message ends the wait."""
        for entry in entries:
            for number in self.road.unpack(entry.sealed):
                self.duplicated += number in self.got
                self.got.add(number)
        if len(self.got) >= self.needed and self.resynced_s is None:
            self.resynced_s = time.perf_counter() - self.began_s
            self.complete.set()
        return []

    async def come_back(self, address: Address, *, began_s: float) -> None:
        """Connect, again and again if need be, and return with everything."""
        self.began_s = began_s
        for _ in range(TRIES_MAX):
            self.tries += 1
            try:
                await self.device.connect(address)
            except OSError as error:
                self.errors.append(type(error).__name__)
                await asyncio.sleep(AGAIN_S)
            else:
                self.welcomed_s = time.perf_counter() - began_s
                await self.complete.wait()
                return


async def storm(*, clients: int, messages: int, sealed: bool, tls: bool) -> Figures:
    """Measure how long it takes until each has everything it missed."""
    async with Stage.set(clients + AUTHORS, tls=tls) as stage:
        authors, crowd = _people(stage.town.residents, messages, sealed=sealed)
        await connect_all([*authors, *(each.device for each in crowd)], stage.address)
        for each in crowd:
            each.device.reset()
        await asyncio.sleep(AWAY_S)
        await _write(authors, crowd, messages)
        await asyncio.sleep(AWAY_S)
        before = await stage.relay.cost()
        began_s = time.perf_counter()
        try:
            async with asyncio.timeout(BACK_S_MAX):
                await asyncio.gather(*(each.come_back(stage.address, began_s=began_s) for each in crowd))
        except TimeoutError:
            pass  # who is missing is in the figures
        after = await stage.relay.cost()
        for device in (*authors, *(each.device for each in crowd)):
            device.close()
        return _figures(crowd, messages, after.cpu_s - before.cpu_s) | stage.surroundings(sealed=sealed)


def _people(residents: list[Resident], messages: int, *, sealed: bool) -> tuple[list[Correspondent], list[Returner]]:
    authors, crowd = residents[:AUTHORS], []
    for index, resident in enumerate(residents[AUTHORS:]):
        road, _ = roads(authors[index % AUTHORS], resident, sealed=sealed)
        returner = Returner(road, messages, Correspondent(resident))
        returner.device.delivered = returner.take
        crowd.append(returner)
    return [Correspondent(author) for author in authors], crowd


async def _write(authors: Sequence[Correspondent], crowd: Sequence[Returner], messages: int) -> None:
    room = asyncio.Semaphore(UNACCEPTED_MAX)
    accepted, done = 0, asyncio.Event()

    def count(some: int) -> None:
        nonlocal accepted
        accepted += some
        for _ in range(some):
            room.release()
        if accepted >= messages * len(crowd):
            done.set()

    for author in authors:
        author.accepted = count
    async with asyncio.timeout(SENT_S_MAX):
        for number in range(messages):
            for index, each in enumerate(crowd):
                await room.acquire()
                authors[index % len(authors)].submit([each.road.pack([number])])
        await done.wait()


def _figures(crowd: Sequence[Returner], messages: int, relay_cpu_s: float) -> Figures:
    resynced = [each.resynced_s for each in crowd if each.resynced_s is not None]
    welcomed = [each.welcomed_s for each in crowd if each.welcomed_s is not None]
    return {
        "bench": "storm",
        "clients": len(crowd),
        "messages_each": messages,
        "resynced": len(resynced),
        "resynced_s_p50": rounded(percentile(resynced, 0.5)),
        "resynced_s_p99": rounded(percentile(resynced, 0.99)),
        "resynced_s_max": rounded(percentile(resynced, 1.0)),
        "welcomed_s_p50": rounded(percentile(welcomed, 0.5)),
        "welcomed_s_max": rounded(percentile(welcomed, 1.0)),
        "tries": sum(each.tries for each in crowd),
        "errors": sum(len(each.errors) for each in crowd),
        "duplicated": sum(each.duplicated for each in crowd),
        "lost": sum(messages - len(each.got) for each in crowd),
        "relay_cpu_s": round(relay_cpu_s, 2),
    }
