"""Sets up where a run takes place: namespaces with an emulator between them, or loopback with a relay of sockets.

Both stages offer the same: places to start processes in, an address under which the device finds a far port, and a
beginning and an end. What the second cannot play it says, see `NOT_ON_LOOPBACK`.
"""

import os
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Final, Self

import msgspec

from answerback.lab.links import generate_link, parse_link
from answerback.lab.packets.addresses import RELAY, RELAY_PORT
from answerback.lab.packets.children import Child, Said
from answerback.lab.packets.emulating import Job, Report
from answerback.lab.packets.fading import Faded
from answerback.lab.packets.namespaces import Tun, make_namespace, open_tun
from answerback.lab.packets.plan import Plan, loopback_shares
from answerback.lab.packets.speaking import HERE
from answerback.lab.packets.stage import Place
from answerback.lab.shaper import Shaper

LOOPBACK: Final = "127.0.0.1"
NOT_ON_LOOPBACK: Final = (
    "single packets (loss is played as a stall of one connection; reordering, bursts and MTU not at all), what a "
    "system announces (an outage is silence, and what was under way waits instead of vanishing), NAT, ports, portals, "
    "addresses, a second path, and the counts of packets"
)


class NamespaceStage:
    """Namespaces for the device and the world, and an emulator between them."""

    far_host: Final = RELAY
    far_port: Final = RELAY_PORT

    def __init__(self, plan: Plan) -> None:
        self._plan: Final = plan
        self._stack: Final = AsyncExitStack()
        self.happened: Final[list[tuple[float, str]]] = []
        self.priority = ""
        self._began_s = 0.0
        self._held: dict[Place, int] = {}
        self._emulator: Final = Child("emulating", hear=self._hear)

    async def __aenter__(self) -> Self:
        """Make everything. Raises `NamespacesRefused` where that is not allowed."""
        try:
            await self._make()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def _make(self) -> None:
        near, far = make_namespace(), make_namespace()
        self._stack.callback(near.close)
        self._stack.callback(far.close)
        self._held = {Place.NEAR: near.held, Place.FAR: far.held}
        tuns = [self._tun(open_tun(near, f"path{number}")) for number in range(len(self._plan.links))]
        far_tun = self._tun(open_tun(far, "world"))
        job = Job(
            tuns=[tun.number for tun in tuns],
            indexes=[tun.index for tun in tuns],
            control=near.control.fileno(),
            far_tun=far_tun.number,
            far_index=far_tun.index,
            far_control=far.control.fileno(),
            links=list(self._plan.links),
            scenario=self._plan.scenario.name,
            seed=self._plan.wish.seed,
            outage_s=self._plan.wish.outage_s,
            outages=self._plan.wish.outages,
            pace=self._plan.wish.pace,
            queue_bytes_max=self._plan.queue_bytes_max,
            drops_gaps=self._plan.drops_gaps,
            from_s=self._plan.from_s,
        )
        self._stack.push_async_callback(self._emulator.stop)
        keeps = [*job.tuns, job.control, job.far_tun, job.far_control]
        await self._emulator.start(keeps=keeps)
        self._emulator.tell(job)
        self.priority = str((await self._emulator.heard("ready"))["priority"])

    async def __aexit__(self, *_: object) -> None:
        """End everything; the namespaces go with their processes."""
        await self._stack.aclose()

    async def lead_to(self, port: int) -> tuple[str, int]:
        """Say where the device finds a far process: where it is, since packets are carried."""
        return RELAY, port

    async def start(self, place: Place, child: str, *arguments: str, hear: Callable[[Said], None] | None) -> Child:
        """Start a process in a namespace."""
        held = self._held[place]
        started = Child(child, str(held), *arguments, hear=hear)
        self._stack.push_async_callback(started.stop)
        await started.start(keeps=[held])
        return started

    async def begin(self) -> float:
        """Let the scenario begin."""
        self._emulator.tell_line(b"begin")
        self._began_s = float((await self._emulator.heard("begun"))["at_s"])
        return self._began_s

    async def end(self) -> Report | None:
        """Let the scenario end."""
        self._emulator.tell_line(b"end")
        said = await self._emulator.heard("report")
        return msgspec.convert(said, Report)

    def _hear(self, said: Said) -> None:
        if said["event"] == "happened":
            self.happened.append((round(said["at_s"] - self._began_s, 3), said["what"]))

    def _tun(self, tun: Tun) -> Tun:
        self._stack.callback(os.close, tun.number)
        return tun


class LoopbackStage:
    """One machine, and a relay of sockets for the link."""

    far_host: Final = LOOPBACK
    far_port: Final = 0
    priority: Final = "ordinary"

    def __init__(self, plan: Plan) -> None:
        self._plan: Final = plan
        self._shares: Final = loopback_shares(plan)
        self._stack: Final = AsyncExitStack()
        self._shaper: Shaper | None = None
        self._leads_to = 0
        self._port = 0
        self.happened: Final[list[tuple[float, str]]] = []

    async def __aenter__(self) -> Self:
        """Begin with nothing."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """End everything."""
        await self._stack.aclose()
        if self._shaper is not None:
            await self._shaper.stop()

    async def lead_to(self, port: int) -> tuple[str, int]:
        """Start a relay of sockets before a port; it plays a good link until the run begins."""
        good = Shaper(generate_link("good"), upstream_host=LOOPBACK, upstream_port=port)
        self._leads_to, self._shaper = port, good
        self._port = await good.start()
        return LOOPBACK, self._port

    async def start(self, _place: Place, child: str, *arguments: str, hear: Callable[[Said], None] | None) -> Child:
        """Start a process where we are."""
        started = Child(child, HERE, *arguments, hear=hear)
        self._stack.push_async_callback(started.stop)
        await started.start()
        return started

    async def begin(self) -> float:
        """Play the link from now on; connections over the good one are reset."""
        assert self._shaper is not None
        await self._shaper.stop()
        link = parse_link(self._plan.links[0], seed=self._plan.wish.seed)
        if len(self._shares) > 1:
            link = replace(link, up=Faded(link.up, self._shares), down=Faded(link.down, self._shares))
        self._shaper = Shaper(
            link,
            upstream_host=LOOPBACK,
            upstream_port=self._leads_to,
            from_s=self._plan.from_s,
            seed=self._plan.wish.seed,
        )
        await self._shaper.start(port=self._port)
        return time.monotonic()

    async def end(self) -> Report | None:
        """Nothing is measured of single packets here."""
        return None
