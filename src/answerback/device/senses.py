"""Lets a device feel: its network interfaces, its sleep, its battery, and the relay's datagrams.

Nothing here decides. What is felt goes to the engine as it is; a sense that a system does not have tells nothing.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from answerback.core.network.evidence import Evidence
from answerback.core.sensing import DatagramAnswered, DatagramsBlocked, Hinted, NetworkSeen, PowerSeen, Sensed
from answerback.crypto.datagrams import DatagramEnd, Side
from answerback.device.battery import battery_seen
from answerback.model.paths import PathSeen
from answerback.transport.approach import Approach
from answerback.transport.call_line import Answered, CallLine
from answerback.transport.failures import Unreachable
from answerback.transport.watching import NetworkWatch
from answerback.wire.frames import Ticket

log = logging.getLogger(__name__)

NAME_S_MAX = 2.0
"""Whoever cannot look a name up by then has no network, or one that will tell of itself."""
LOOK_S_MAX = 0.5
"""A look takes some hundredths of a second; no first attempt waits longer for it."""
BATTERY_S = 120.0
"""A battery falls by a percent in minutes."""


class Senses:
    """What one device feels of the world around it."""

    def __init__(self, approach: Approach, tell: Callable[[Sensed], None], *, key: bytes) -> None:
        """`key` keeps the names of networks this device's own: two devices do not call one network the same."""
        self._approach: Final = approach
        self._tell: Final = tell
        self._watch: Final = NetworkWatch(seen=self._seen, woke=self._woke, targets=lambda: approach.known, key=key)
        self._calls: Final = CallLine(keyed=_end, there=self._there, called=self._called)
        self._looked: Final = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        approach.sources = self._watch.addresses
        approach.tell(self._watch.stir)

    async def begin(self) -> None:
        """Begin to feel; returns after the first look at the network, or when it takes too long.

        Which path leads to the relay depends on where it is, so its name is looked up before.
        """
        with suppress(Unreachable, TimeoutError):
            async with asyncio.timeout(NAME_S_MAX):
                await self._approach.prepare()
        self._watch.start()
        self._spawn(self._look_at_battery())
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_S_MAX):
                await self._looked.wait()

    async def stop(self) -> None:
        """Feel no more."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._calls.close_all()
        await self._watch.stop()
        await self._approach.close()

    # ---- what the engine asks for

    def listen(self, path: str, ticket: Ticket, *, relay: tuple[str, int] | None) -> None:
        """Be there for the relay's datagrams on a path, and say so."""
        if relay is not None:
            # Another port may lead to the relay as well, but its datagrams are at its own.
            self._spawn(self._listen(path, ticket, (relay[0], self._approach.own_port)))

    def here(self, path: str) -> None:
        """Say that this device can still be called."""
        if not self._calls.here(path):
            self._tell(DatagramsBlocked(path))

    def ask(self, path: str) -> None:
        """Ask by datagram whether the relay is there."""
        if not self._calls.ask(path):
            self._tell(DatagramsBlocked(path))

    # ---- what is felt

    def _seen(self, paths: tuple[PathSeen, ...]) -> None:
        self._approach.network_seen(paths)
        for path in self._calls.paths - {each.name for each in paths}:
            self._calls.close(path)
        self._tell(NetworkSeen(paths))
        self._looked.set()

    def _woke(self, slept_s: float) -> None:
        log.info("= this device slept for %.0f s", slept_s)
        self._tell(Hinted(Evidence.WOKE))

    def _there(self, answer: Answered) -> None:
        self._tell(DatagramAnswered(answer.path, answer.is_connected))

    def _called(self, path: str, number: int) -> None:
        log.info("= the relay calls, on %s, for the %d. time", path or "the only path", number)
        self._tell(Hinted(Evidence.RELAY_CALLED))

    # ---- private

    async def _listen(self, path: str, ticket: Ticket, relay: tuple[str, int]) -> None:
        seen = next((each for each in self._watch.paths if each.name == path), None)
        network = seen.network if seen is not None else b""
        if await self._calls.open(path, ticket, relay=relay, network=network, addresses=self._watch.addresses(path)):
            self._calls.here(path)

    async def _look_at_battery(self) -> None:
        last: PowerSeen | None = None
        while True:
            seen = await asyncio.to_thread(battery_seen)
            if seen != last and (seen.battery is not None or last is not None):
                self._tell(seen)
            last = seen
            await asyncio.sleep(BATTERY_S)

    def _spawn(self, work: "asyncio._CoroutineLike[None]") -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _end(secret: bytes) -> DatagramEnd:
    return DatagramEnd(secret, side=Side.DEVICE)
