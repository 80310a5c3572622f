"""Runs a relay as a process of its own, and asks it what it costs.

Theory. The child is the relay as `serve` runs it; only what one address or one device may ask for is lifted, since all
of a crowd comes from here. It answers each line on its standard input with one line: its CPU time and its memory. When
its input ends, it ends: it cannot outlive whoever measures it.
"""

import asyncio
import json
import sys
import threading
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from answerback.model.errors import StorageError
from answerback.relay.limits import Rate, RelayLimits
from answerback.relay.serve import Ready, RelaySettings, Tls, run_relay

FILES_MAX = 20_000
"""Open files each side asks for: 5,000 connections and room to spare."""
UNLIMITED: Final = Rate(burst=1e12, per_s=1e12)
START_S_MAX = 60.0
STOP_S_MAX = 30.0
_T = TypeVar("_T")


class RelayDied(StorageError):
    """The relay under measurement ended by itself; what it wrote before says why."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a relay has used so far."""

    cpu_s: float
    rss_bytes: int


class RelayProcess:
    """One relay in a child process."""

    def __init__(self, child: asyncio.subprocess.Process, port: int, *, tls: bool) -> None:
        self._child: Final = child
        self.port: Final = port
        self.tls: Final = tls

    @property
    def pid(self) -> int:
        """For whoever wants to look at it from outside, with a profiler."""
        return self._child.pid

    @classmethod
    async def start(cls, folder: Path, *, tls: bool) -> "RelayProcess":
        """Start a relay over a folder and return when it takes connections."""
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", __name__, str(folder), "tls" if tls else "plain"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        relay = cls(child, 0, tls=tls)
        async with asyncio.timeout(START_S_MAX):
            said = await relay._hear()
        return cls(child, int(said["port"]), tls=tls)

    async def cost(self) -> Cost:
        """Ask the relay what it has used."""
        assert self._child.stdin is not None
        self._child.stdin.write(b"\n")
        await self._child.stdin.drain()
        said = await self._hear()
        return Cost(float(said["cpu_s"]), int(said["rss_bytes"]))

    async def stop(self) -> None:
        """End it as an operator would, or by force if that takes too long."""
        if self._child.stdin is not None:
            self._child.stdin.close()
        try:
            async with asyncio.timeout(STOP_S_MAX):
                await self._child.wait()
        except TimeoutError:
            self._child.kill()
            await self._child.wait()

    async def _hear(self) -> dict[str, float]:
        assert self._child.stdout is not None
        line = await self._child.stdout.readline()
        if not line:
            raise RelayDied(f"the relay under measurement ended with status {await self._child.wait()}")
        said: dict[str, float] = json.loads(line)
        return said


def lifted(folder: Path, *, tls: bool) -> RelaySettings:
    """Give the settings of a relay under measurement: as usual, but for what one device may send."""
    limits = RelayLimits(envelopes=UNLIMITED, lookups=UNLIMITED)
    return RelaySettings(folder=folder, port=0, tls=Tls.OWN if tls else Tls.NONE, is_open=True, mail_road=limits)


def allow_files() -> None:
    """Ask for as many open files as a crowd needs, where the system lets us."""
    try:
        import resource  # Windows has none, and needs none
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_MAX if hard == resource.RLIM_INFINITY else min(FILES_MAX, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def run(work: Coroutine[Any, Any, _T]) -> _T:
    """Run on the loop that relays run on."""
    if sys.platform == "win32":
        return asyncio.run(work)
    import uvloop

    return uvloop.run(work)


def own_cost() -> Cost:
    """Tell what this process has used; memory is the peak where the system does not tell the present."""
    return Cost(time.process_time(), _rss_bytes())


def _rss_bytes() -> int:
    statm = Path("/proc/self/statm")
    if statm.exists():
        import resource

        return int(statm.read_text(encoding="ascii").split()[1]) * resource.getpagesize()
    try:
        import resource
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


async def _serve(folder: Path, *, tls: bool) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    ready: asyncio.Future[Ready] = loop.create_future()

    def answer() -> None:
        for _ in sys.stdin:
            cost = own_cost()
            print(json.dumps({"cpu_s": cost.cpu_s, "rss_bytes": cost.rss_bytes}), flush=True)  # noqa: T201
        loop.call_soon_threadsafe(stop.set)

    def tell(found: Ready) -> None:
        ready.set_result(found)
        print(json.dumps({"port": found.port}), flush=True)  # noqa: T201 - this is what the other side reads
        threading.Thread(target=answer, daemon=True).start()

    await run_relay(lifted(folder, tls=tls), on_ready=tell, on_code=lambda _handle, _code: None, stop=stop)


def main(arguments: list[str]) -> None:
    """Be the child."""
    folder, tls = Path(arguments[0]), arguments[1] == "tls"
    allow_files()
    run(_serve(folder, tls=tls))


if __name__ == "__main__":
    main(sys.argv[1:])
