"""Plays the return of a crowd over real sockets: a relay in a process of its own, stopped and started again.

Theory. The relay is killed, so nobody is told anything, or it stops in good order and tells each when to come. While it
is away every device knocks as its policy says, and hears at once that nobody listens. The door can be left wide open,
which is the same relay with a turnstile that never makes anybody wait.
"""

import asyncio
import random
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from answerback.faces.benchmarking.correspondent import Address, Correspondent
from answerback.faces.benchmarking.hosting import RelayProcess, allow_files
from answerback.faces.benchmarking.hosting import main as host
from answerback.faces.benchmarking.line import unchecked_tls
from answerback.faces.benchmarking.stage import connect_all
from answerback.faces.benchmarking.town import settle
from answerback.lab.storms import ATTEMPT_S, Policy
from answerback.relay import conversation, entrance
from answerback.relay.turnstile import Turnstile
from answerback.wire.codec import decode_relay_frame
from answerback.wire.frames import Farewell

START_S_MAX = 60.0
BACK_S_MAX = 120.0
ALL = 1_000_000


@dataclass(slots=True, eq=False)
class Place:
    """Where the relay is, which changes with each of its runs, and since when."""

    address: Address
    stopped_s: float = 0.0
    returned_s: float | None = None


@dataclass(slots=True, eq=False)
class Device:
    """One device of the crowd."""

    line: "Listener"
    chance: random.Random
    attempts: int = 0
    failures: int = 0
    welcomed_s: float | None = None

    async def return_to(self, place: Place, policy: Policy) -> None:
        """Knock until let in."""
        await asyncio.sleep(self.line.told_s if self.line.told_s is not None else policy(self.chance, 0, 0.0))
        while True:
            self.attempts += place.returned_s is not None
            try:
                async with asyncio.timeout(ATTEMPT_S):
                    await self.line.connect(place.address)
            except (OSError, TimeoutError):
                self.line.reset()
                self.failures += 1
                await asyncio.sleep(policy(self.chance, self.failures, time.perf_counter() - place.stopped_s))
            else:
                assert place.returned_s is not None
                self.welcomed_s = time.perf_counter() - place.returned_s
                return


class WideOpen(Turnstile):
    """Makes nobody wait."""

    def turn(self, *, now_s: float, lag_s: float | None) -> int:
        return ALL


class Listener(Correspondent):
    """Remembers when the relay told it to come back."""

    told_s: float | None = None

    def _heard(self, data: bytes) -> None:
        frame = decode_relay_frame(data)
        if isinstance(frame, Farewell):
            self.told_s = frame.retry_after_ms / 1000
        super()._heard(data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """What was seen."""

    clients: int
    welcomed_s: list[float]
    attempts: int
    relay_cpu_s: float
    told_s: list[float] = field(default_factory=list)


async def start(folder: Path, *, tls: bool, door: str) -> RelayProcess:
    """Start a relay over a folder: with its turnstile, with an open door, or full, so that everybody is sent away."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", __name__, str(folder), "tls" if tls else "plain", door),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(START_S_MAX):
        said = await RelayProcess(child, 0, tls=tls)._hear()
    return RelayProcess(child, int(said["port"]), tls=tls)


async def play(
    *, clients: int, stop_s: float, tls: bool, policy: Policy, is_open: bool = False, is_told: bool = False
) -> Return:
    """Connect a crowd, take its relay away for a while, and watch it return."""
    allow_files()
    security = unchecked_tls() if tls else None
    with tempfile.TemporaryDirectory(prefix="answerback-storm-") as folder:
        town = settle(Path(folder), count=clients)
        crowd = [Device(Listener(resident), random.Random(index)) for index, resident in enumerate(town.residents)]
        relay = await start(Path(folder), tls=tls, door="open" if is_open else "turnstile")
        place = Place(Address(relay.port, security))
        await connect_all([device.line for device in crowd], place.address)
        if is_told:
            await relay.stop()
        else:
            relay._child.kill()
            await relay._child.wait()
        place.stopped_s = time.perf_counter()
        going = [asyncio.create_task(device.return_to(place, policy)) for device in crowd]
        await asyncio.sleep(stop_s)
        relay = await start(Path(folder), tls=tls, door="open" if is_open else "turnstile")
        place.address, place.returned_s = Address(relay.port, security), time.perf_counter()
        before = await relay.cost()
        await asyncio.wait(going, timeout=BACK_S_MAX)
        for task in going:
            task.cancel()
        after = await relay.cost()
        for device in crowd:
            device.line.close()
        await relay.stop()
        return Return(
            clients=clients,
            welcomed_s=sorted(device.welcomed_s for device in crowd if device.welcomed_s is not None),
            attempts=sum(device.attempts for device in crowd),
            relay_cpu_s=after.cpu_s - before.cpu_s,
            told_s=sorted(device.line.told_s for device in crowd if device.line.told_s is not None),
        )


async def turn_away(*, clients: int, at_once: int = 50) -> float:
    """Have a relay tell everybody to come later, over TLS, and give its processor time for each."""
    with tempfile.TemporaryDirectory(prefix="answerback-storm-") as folder:
        town = settle(Path(folder), count=clients)
        relay = await start(Path(folder), tls=True, door="full")
        address = Address(relay.port, unchecked_tls())
        lines = [Listener(resident) for resident in town.residents]
        before = await relay.cost()
        for first in range(0, clients, at_once):
            some = lines[first : first + at_once]
            await asyncio.gather(*(line.connect(address) for line in some), return_exceptions=True)
        after = await relay.cost()
        await relay.stop()
        assert all(line.told_s is not None for line in lines), "somebody was not told"
        return (after.cpu_s - before.cpu_s) / clients


def main(arguments: list[str]) -> None:
    """Be the relay."""
    folder, tls, door = arguments
    if door == "open":
        entrance.Turnstile = WideOpen  # type: ignore[misc]
    elif door == "full":
        conversation.STRANGERS_MAX = 0  # type: ignore[misc]
    host([folder, tls])


if __name__ == "__main__":
    main(sys.argv[1:])
