"""Pairs that write to each other as fast as answers come back, and then at a steady pace to see how long each takes.

Theory. Each author keeps a window of messages that nobody has answered for yet; each answer lets as many leave again as
it answers for. A message counts when its author holds the reader's receipt, which has come back as an envelope of its
own through the same relay. As agents do, a reader writes one receipt for all messages of one `Deliver`, unless it is
asked to write one for each.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Final

from answerback.faces.benchmarking.correspondent import Address, Correspondent
from answerback.faces.benchmarking.figures import Figures, millis, percentile
from answerback.faces.benchmarking.hosting import RelayProcess, own_cost
from answerback.faces.benchmarking.roads import POST_LANE, RECEIPT_LANE, Road, roads, sealed_bytes
from answerback.faces.benchmarking.stage import Stage
from answerback.faces.benchmarking.town import Resident
from answerback.model.envelope import Delivery, Envelope

WARM_S = 1.0
"""How long the loop runs before it is measured: caches fill, windows open."""
CALM_S_MAX = 10.0
"""How long to wait for what is still under way when the measuring ends; what has not come then is called lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How much work, and for how long."""

    pairs: int = 50
    window: int = 16
    """Messages of one pair on their way at once."""
    together: int = 1
    """Messages in one `Submit`, at most: an app that sends one by one makes frames of one."""
    seconds: float = 10.0
    rate_per_s: float = 200.0
    """Of the steady part, over all pairs."""
    receipt_each: bool = False
    """Whether readers write a receipt for each message, as other systems' clients do, and not one for a `Deliver`."""


@dataclass(slots=True)
class Tally:
    """What has happened so far, over all pairs."""

    sent: int = 0
    accepted: int = 0
    delivered: int = 0
    answered: int = 0
    duplicated: int = 0
    receipts: int = 0

    def copy(self) -> "Tally":
        """Keep this moment's counts."""
        return Tally(self.sent, self.accepted, self.delivered, self.answered, self.duplicated, self.receipts)


@dataclass(slots=True)
class Delays:
    """How long each message of the steady part took, in seconds."""

    accepted: list[float] = field(default_factory=list)
    delivered: list[float] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)


class Pair:
    """An author and a reader."""

    def __init__(self, author: Resident, reader: Resident, *, sealed: bool, tally: Tally, pace: Pace) -> None:
        self._tally: Final = tally
        self._together = pace.together
        self._receipt_each = pace.receipt_each
        there, back = roads(author, reader, sealed=sealed)
        self._there: Road = there
        self._back: Road = back
        self.author = Correspondent(author, delivered=self._answered, accepted=self._accepted)
        self.reader = Correspondent(reader, delivered=self._delivered)
        self._number = 0
        self._seen: set[int] = set()
        self._open: dict[int, float] = {}
        self._unaccepted_s: list[float] = []
        self.calm: Final = asyncio.Event()
        """Set while nothing is open."""
        self.is_loop = False
        self.delays: Delays | None = None

    @property
    def open_count(self) -> int:
        """Messages whose receipt is not here yet."""
        return len(self._open)

    async def connect(self, address: Address) -> None:
        """Connect both."""
        await self.reader.connect(address)
        await self.author.connect(address)

    def send(self, count: int) -> None:
        """Send so many messages, in frames as large as may be."""
        for start in range(0, count, self._together):
            some = range(self._number + start, self._number + min(start + self._together, count))
            envelopes = [self._there.pack([number]) for number in some]
            now_s = time.perf_counter()
            for number in some:
                self._open[number] = now_s
            if self.delays is not None:
                self._unaccepted_s += [now_s] * len(some)
            self.author.submit(envelopes)
        self.calm.clear()
        self._number += count
        self._tally.sent += count

    def _accepted(self, count: int) -> None:
        self._tally.accepted += count
        if self.delays is not None:
            now_s = time.perf_counter()
            self.delays.accepted += [now_s - sent_s for sent_s in self._unaccepted_s[:count]]
            del self._unaccepted_s[:count]

    def _delivered(self, entries: list[Delivery]) -> list[Envelope]:
        now_s = time.perf_counter()
        numbers = [number for entry in entries for number in self._there.unpack(entry.sealed)]
        fresh = [number for number in numbers if number not in self._seen]
        self._seen.update(fresh)
        self._tally.delivered += len(fresh)
        self._tally.duplicated += len(numbers) - len(fresh)
        if self.delays is not None:
            self.delays.delivered += [now_s - self._open[number] for number in fresh if number in self._open]
        receipts = [[number] for number in numbers] if self._receipt_each else [numbers]
        self._tally.receipts += len(receipts)
        return [self._back.pack(receipt) for receipt in receipts]

    def _answered(self, entries: list[Delivery]) -> list[Envelope]:
        now_s = time.perf_counter()
        count = 0
        for entry in entries:
            for number in self._back.unpack(entry.sealed):
                sent_s = self._open.pop(number, None)
                if sent_s is None:
                    continue
                count += 1
                if self.delays is not None:
                    self.delays.answered.append(now_s - sent_s)
        self._tally.answered += count
        if self.is_loop and count:
            self.send(count)
        elif not self._open:
            self.calm.set()
        return []


@dataclass(frozen=True, slots=True)
class Loop:
    """What the closed loop came to."""

    counted: Tally
    wall_s: float
    relay_cpu_s: float
    own_cpu_s: float
    rss_bytes: int


async def throughput(pace: Pace, *, sealed: bool, tls: bool) -> Figures:
    """Measure both parts over a relay of their own."""
    async with AsyncExitStack() as stack:
        stage = await stack.enter_async_context(Stage.set(2 * pace.pairs, tls=tls))
        tally = Tally()
        pairs = [Pair(*two, sealed=sealed, tally=tally, pace=pace) for two in _in_twos(stage.town.residents)]
        for pair in pairs:
            await pair.connect(stage.address)
            stack.callback(pair.reader.close)
            stack.callback(pair.author.close)
        loop = await _closed_loop(pairs, pace, tally, stage.relay)
        delays = await _steadily(pairs, pace)
        return _figures(pace, tally, loop, delays, pairs) | stage.surroundings(sealed=sealed)


def _in_twos(residents: list[Resident]) -> Iterator[tuple[Resident, Resident]]:
    return zip(residents[::2], residents[1::2], strict=True)


async def _closed_loop(pairs: list[Pair], pace: Pace, tally: Tally, relay: RelayProcess) -> Loop:
    for pair in pairs:
        pair.is_loop = True
        pair.send(pace.window)
    await asyncio.sleep(WARM_S)
    before, began, own, began_s = await relay.cost(), tally.copy(), own_cost(), time.perf_counter()
    await asyncio.sleep(pace.seconds)
    counted, wall_s, own_after = tally.copy(), time.perf_counter() - began_s, own_cost()
    after = await relay.cost()
    for pair in pairs:
        pair.is_loop = False
    await _calm(pairs)
    return Loop(
        _between(began, counted), wall_s, after.cpu_s - before.cpu_s, own_after.cpu_s - own.cpu_s, after.rss_bytes
    )


async def _steadily(pairs: list[Pair], pace: Pace) -> Delays:
    delays = Delays()
    for pair in pairs:
        pair.delays = delays
    began_s = time.perf_counter()
    for index in range(int(pace.rate_per_s * pace.seconds)):
        wait_s = began_s + index / pace.rate_per_s - time.perf_counter()
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        pairs[index % len(pairs)].send(1)
    await _calm(pairs)
    return delays


async def _calm(pairs: list[Pair]) -> None:
    with contextlib.suppress(TimeoutError):  # what is still open then is in the figures
        async with asyncio.timeout(CALM_S_MAX):
            for pair in pairs:
                await pair.calm.wait()


def _between(before: Tally, after: Tally) -> Tally:
    return Tally(
        after.sent - before.sent,
        after.accepted - before.accepted,
        after.delivered - before.delivered,
        after.answered - before.answered,
        after.duplicated - before.duplicated,
        after.receipts - before.receipts,
    )


def _figures(pace: Pace, tally: Tally, loop: Loop, delays: Delays, pairs: list[Pair]) -> Figures:
    counted = loop.counted
    return {
        "bench": "throughput",
        "pairs": pace.pairs,
        "window": pace.window,
        "together_max": pace.together,
        "receipt_each": pace.receipt_each,
        "seconds": round(loop.wall_s, 2),
        "delivered_per_s": round(counted.delivered / loop.wall_s),
        "answered_per_s": round(counted.answered / loop.wall_s),
        "accepted_per_s": round(counted.accepted / loop.wall_s),
        "messages_per_receipt": round(counted.delivered / max(counted.receipts, 1), 1),
        "lost": sum(pair.open_count for pair in pairs),
        "duplicated": tally.duplicated,
        "refused": sum(sum(pair.author.refused.values()) + sum(pair.reader.refused.values()) for pair in pairs),
        "relay_cpu_s_per_s": round(loop.relay_cpu_s / loop.wall_s, 2),
        "relay_us_per_message": round(1e6 * loop.relay_cpu_s / max(counted.answered, 1)),
        "clients_cpu_s_per_s": round(loop.own_cpu_s / loop.wall_s, 2),
        "clients_us_per_message": round(1e6 * loop.own_cpu_s / max(counted.answered, 1)),
        "relay_rss_mb": round(loop.rss_bytes / 2**20, 1),
        "steady_per_s": pace.rate_per_s,
        "accepted_ms_p50": millis(percentile(delays.accepted, 0.5)),
        "accepted_ms_p99": millis(percentile(delays.accepted, 0.99)),
        "delivered_ms_p50": millis(percentile(delays.delivered, 0.5)),
        "delivered_ms_p99": millis(percentile(delays.delivered, 0.99)),
        "answered_ms_p50": millis(percentile(delays.answered, 0.5)),
        "answered_ms_p99": millis(percentile(delays.answered, 0.99)),
        "post_bytes": sealed_bytes(POST_LANE, 1),
        "receipt_bytes": sealed_bytes(RECEIPT_LANE, 1),
    }
