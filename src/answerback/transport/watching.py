"""Watches this device's network, and tells which paths there are whenever that changes, and when the machine woke up.

Theory. The first event of a burst is looked at immediately, since whoever waits for the network waits for this; what
follows within `SETTLE_S` is looked at once, and a burst that goes on is looked at ever more seldom. Where the system
tells of no events, it is looked at every `POLL_S`. A path whose network has no name yet is looked at again a few times:
the name comes with the gateway's first answer.
"""

import asyncio
import contextlib
import logging
import socket
import sys
from collections.abc import Callable, Sequence
from typing import Final

from answerback.model.paths import PathSeen
from answerback.transport import netlink_interfaces, plain_interfaces
from answerback.transport.interfaces import Look, paths_of, with_names_kept
from answerback.transport.sleep import SleepClock, system_clocks

log = logging.getLogger(__name__)

SETTLE_S = 0.05
"""Events of one cause come closer than this."""
SETTLE_S_MAX = 1.0
"""And a burst without end costs one look a second: a two-hundredth of a core."""
POLL_S = 2.0
"""Where nothing tells of changes: half of this on average is what a change costs there."""
TICK_S = 5.0
"""Where events tell: how often the clocks are compared, should a sleep have stirred nothing else."""
NAMELESS_AGAIN_S = 1.0
NAMELESS_LOOKS_MAX = 10
"""A gateway that has not answered by then answers nobody."""

Looker = Callable[[Sequence[str]], Look]


class NetworkWatch:
    """The watch over one device's paths to its relay."""

    def __init__(
        self,
        *,
        seen: Callable[[tuple[PathSeen, ...]], None],
        woke: Callable[[float], None],
        targets: Callable[[], Sequence[str]] = tuple,
        key: bytes = b"",
        metered: Sequence[str] | None = None,
        platform: str = sys.platform,
    ) -> None:
        """Take whom to tell, the relay's addresses as far as they are known, and what keeps networks' names private.

        Which paths are `metered` is said by patterns; without them the environment says it.
        """
        self._seen: Final = seen
        self._woke: Final = woke
        self._targets: Final = targets
        self._key: Final = key
        self._metered: Final = metered
        self._platform: Final = platform
        self._stirred: Final = asyncio.Event()
        self._events: socket.socket | None = None
        self._task: asyncio.Task[None] | None = None
        self._nameless = 0
        self._sleep: Final = SleepClock(system_clocks(platform))
        self.tick_s = TICK_S
        """Longer for a device that is to be quiet."""
        self.paths: tuple[PathSeen, ...] = ()
        """What was seen last."""
        self.looks = 0

    @property
    def has_events(self) -> bool:
        """The system tells of changes by itself."""
        return self._events is not None

    def start(self) -> None:
        """Begin to watch; the first look is told as well, even if it saw nothing."""
        if self._platform == "linux":
            with contextlib.suppress(OSError):  # some systems keep even this from programs; then they are polled
                self._events = netlink_interfaces.open_events()
                asyncio.get_running_loop().add_reader(self._events, self._hear)
        self._task = asyncio.get_running_loop().create_task(self._watch(), name="network watch")
        self._task.add_done_callback(_note)

    async def stop(self) -> None:
        """Watch no more."""
        if self._events is not None:
            asyncio.get_running_loop().remove_reader(self._events)
            self._events.close()
            self._events = None
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def stir(self) -> None:
        """Look again now: something suggests that the network changed."""
        self._stirred.set()

    def addresses(self, path: str) -> frozenset[str]:
        """Give a path's own addresses."""
        return next((seen.addresses for seen in self.paths if seen.name == path), frozenset())

    # ---- private

    def _hear(self) -> None:
        assert self._events is not None
        netlink_interfaces.drain(self._events)
        self._stirred.set()

    async def _watch(self) -> None:
        await self._look(is_first=True)
        settle_s = SETTLE_S
        while True:
            wait_s = self._wait_s()
            self._sleep.due_in(wait_s)
            was_stirred = await self._stirs_within(wait_s)
            slept_s = self._sleep.slept_s()
            if slept_s:
                log.info("= slept for %.0f s", slept_s)
                self._woke(slept_s)
            if was_stirred or slept_s or self._nameless or not self.has_events:
                self._stirred.clear()
                await self._look()
            if not was_stirred:
                continue
            while await self._settles(settle_s):
                settle_s = min(2 * settle_s, SETTLE_S_MAX)
                await self._look()
            settle_s = SETTLE_S

    def _wait_s(self) -> float:
        if self._nameless:
            return min(NAMELESS_AGAIN_S, self.tick_s)
        return self.tick_s if self.has_events else min(POLL_S, self.tick_s)

    async def _stirs_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._stirred.wait()
        except TimeoutError:
            return False
        return True

    async def _settles(self, seconds: float) -> bool:
        """Let a burst go on for a while; true if it did."""
        await asyncio.sleep(seconds)
        went_on = self._stirred.is_set()
        self._stirred.clear()
        return went_on

    async def _look(self, *, is_first: bool = False) -> None:
        self.looks += 1
        targets = list(self._targets())
        looker: Looker = netlink_interfaces.look if self.has_events else plain_interfaces.look
        try:
            found = await asyncio.to_thread(looker, targets)
        except OSError as error:
            log.debug("= netlink does not say: %s", error)
            found = await asyncio.to_thread(plain_interfaces.look, targets)
        paths = with_names_kept(self.paths, paths_of(found, key=self._key, metered=self._metered))
        if any(not path.network for path in paths):
            self._nameless = (self._nameless + 1) % (NAMELESS_LOOKS_MAX + 1)
        else:
            self._nameless = 0
        if paths != self.paths or is_first:
            self.paths = paths
            log.info("= paths: %s", ", ".join(path.name or "any" for path in paths) or "none")
            self._seen(paths)


def _note(watching: "asyncio.Task[None]") -> None:
    error = None if watching.cancelled() else watching.exception()
    if error is not None:
        log.error("! the network is no longer watched", exc_info=error)
