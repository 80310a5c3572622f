"""Sets up what every bench needs, a relay with its town, and says what else the figures depend on."""

import asyncio
import os
import platform
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from answerback.faces.benchmarking.correspondent import Address, Correspondent
from answerback.faces.benchmarking.figures import Figures, millis, percentile
from answerback.faces.benchmarking.hosting import RelayProcess, allow_files
from answerback.faces.benchmarking.line import unchecked_tls
from answerback.faces.benchmarking.town import Town, settle

SYNCS = 50
SYNC_BYTES = 4096
"""One page of the store, the least a commit writes."""
CONNECTING_MAX = 50
"""Devices that connect at once where it is not the crowd that is measured."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A relay, the devices it knows, and how to reach it."""

    town: Town
    relay: RelayProcess
    address: Address
    load_before: float
    """The machine's load (one minute) before anything began: what others left of it."""
    sync_s: list[float]
    """How long the disk took for each of some small durable writes, before anything began."""

    @classmethod
    @asynccontextmanager
    async def set(cls, count: int, *, tls: bool) -> AsyncIterator["Stage"]:
        """Settle so many devices in a folder that is gone afterwards, and start a relay over it."""
        allow_files()
        load = os.getloadavg()[0] if hasattr(os, "getloadavg") else -1.0
        with tempfile.TemporaryDirectory(prefix="answerback-bench-") as folder:
            sync_s = _sync(Path(folder) / "sync")
            town = settle(Path(folder), count=count)
            relay = await RelayProcess.start(Path(folder), tls=tls)
            try:
                yield cls(town, relay, Address(relay.port, unchecked_tls() if tls else None), load, sync_s)
            finally:
                await relay.stop()

    def surroundings(self, *, sealed: bool) -> Figures:
        """Say what a reader must know to compare."""
        return {
            "sealed": sealed,
            "tls": self.relay.tls,
            "synchronous": self.town.synchronous,
            "sqlite": sqlite3.sqlite_version,
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.machine()}",
            "cores": os.cpu_count() or 0,
            "load_before": round(self.load_before, 2),
            "disk_sync_ms_p50": millis(percentile(self.sync_s, 0.5)),
            "disk_sync_ms_p99": millis(percentile(self.sync_s, 0.99)),
            "shares_the_machine": "relay and load generator, one process each",
        }


def _sync(path: Path) -> list[float]:
    found: list[float] = []
    with path.open("wb", buffering=0) as file:
        for _ in range(SYNCS):
            file.write(bytes(SYNC_BYTES))
            began_s = time.perf_counter()
            os.fsync(file.fileno())
            found.append(time.perf_counter() - began_s)
    return found


async def connect_all(devices: Sequence[Correspondent], address: Address) -> int:
    """Connect devices, some at a time; return how many could not."""
    room = asyncio.Semaphore(CONNECTING_MAX)
    failed = 0

    async def connect(device: Correspondent) -> None:
        nonlocal failed
        async with room:
            try:
                await device.connect(address)
            except OSError:
                failed += 1

    await asyncio.gather(*(connect(device) for device in devices))
    return failed
