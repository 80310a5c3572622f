"""Plays the return of a crowd over real sockets: a relay in a process of its own, stopped and started again.

Theory. The relay is killed, so nobody is told anything, or it stops in good order and tells each when to come. Each
device does what the path of the core says, the very machine of the agent: single SYNs ask, the system refuses them
while there is no relay, and one that is answered goes on to TLS. The door can be left wide open, which is the same
relay with a turnstile that never makes anybody wait.
"""

import asyncio
import random
import socket
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path as Folder
from typing import Final

from answerback.core.effects import Close, Effect, Probe, Proceed
from answerback.core.network.path import Path
from answerback.faces.benchmarking.correspondent import Address, Correspondent
from answerback.faces.benchmarking.hosting import RelayProcess, allow_files
from answerback.faces.benchmarking.hosting import main as host
from answerback.faces.benchmarking.line import HOST, Line, unchecked_tls
from answerback.faces.benchmarking.stage import connect_all
from answerback.faces.benchmarking.town import Resident, settle
from answerback.model.causes import Cause
from answerback.relay import conversation, entrance
from answerback.relay.turnstile import Turnstile
from answerback.transport.websocket import CONNECT_S_MAX
from answerback.wire.codec import decode_relay_frame
from answerback.wire.frames import Farewell, Welcome

START_S_MAX = 60.0
BACK_S_MAX = 120.0
ALL = 1_000_000
STOOD_S = 60.0
"""How long each connection had stood, for all a device knows: long enough to be tried again at once."""


@dataclass(slots=True, eq=False)
class Place:
    """Where the relay is, which changes with each of its runs, and since when."""

    address: Address
    returned_s: float | None = None


@dataclass(slots=True, eq=False)
class Going:
    """One connection of a device, from its SYN on."""

    socket: socket.socket
    task: asyncio.Task[None] | None = None
    listener: "Listener | None" = None

    def give_up(self) -> None:
        """Hang up."""
        if self.task is not None:
            self.task.cancel()
        if self.listener is not None:
            self.listener.reset()
        self.socket.close()


class Device:
    """One device of the crowd, which comes back as the path of the core says."""

    def __init__(self, resident: Resident, place: Place, *, seed: int) -> None:
        self.line = Listener(resident)
        """The connection in use."""
        self.attempts, self.setups = 0, 0
        self.told_s: float | None = None
        self.welcomed_s: float | None = None
        self.back: Final[asyncio.Future[None]] = asyncio.get_running_loop().create_future()
        self._resident, self._place, self._chance = resident, place, random.Random(seed)
        self._path = Path(cause=None)
        self._going: dict[int, Going] = {}
        self._timer: asyncio.TimerHandle | None = None

    def fall(self) -> None:
        """Its relay is gone, and may have said when to come back."""
        now_s = self._now_s
        path = self._path
        path.welcomed(path.numbers.next(), now_s=now_s - STOOD_S)
        self.told_s = self.line.told_s
        if self.told_s is not None:
            path.told(self.told_s, now_s=now_s)
        path.lost(Cause.NETWORK_CONNECTION_LOST, now_s=now_s, draw=self._chance.random())
        self._then([])

    def stop(self) -> None:
        """Give up."""
        if self._timer is not None:
            self._timer.cancel()
        for going in self._going.values():
            going.give_up()
        self.line.close()

    @property
    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()

    def _then(self, effects: list[Effect]) -> None:
        """Carry out what the path asks for, and be woken when it wants to be."""
        for effect in effects:
            match effect:
                case Probe(line=number):
                    self.attempts += self._place.returned_s is not None
                    going = self._going[number] = Going(socket.socket())
                    going.socket.setblocking(False)  # noqa: FBT003 - the name of the system
                    going.task = asyncio.create_task(self._ask(number, going))
                case Proceed(line=number):
                    self.setups += self._place.returned_s is not None
                    going = self._going[number]
                    going.task = asyncio.create_task(self._go_on(number, going))
                case Close(line=number):
                    given_up = self._going.pop(number, None)
                    if given_up is not None:
                        given_up.give_up()
                case _:
                    pass
        if self._timer is not None:
            self._timer.cancel()
        wake = self._path.wake_at
        if wake is not None and self.welcomed_s is None:
            self._timer = asyncio.get_running_loop().call_at(wake.at_s, self._wake)

    def _wake(self) -> None:
        self._then(self._path.wake(now_s=self._now_s, draw=self._chance.random()))

    async def _ask(self, number: int, going: Going) -> None:
        try:
            await asyncio.get_running_loop().sock_connect(going.socket, (HOST, self._place.address.port))
        except OSError:
            self._failed(number)
        else:
            going.task = None  # what follows may hang up
            self._then(self._path.answered(number, now_s=self._now_s, draw=self._chance.random()))

    async def _go_on(self, number: int, going: Going) -> None:
        listener = going.listener = Listener(self._resident)
        try:
            async with asyncio.timeout(CONNECT_S_MAX):
                await listener.connect_over(going.socket, self._place.address)
        except (OSError, TimeoutError):
            self._failed(number, told_s=listener.told_s)
            return
        assert self._place.returned_s is not None
        del self._going[number]
        self.line, self.welcomed_s = listener, time.perf_counter() - self._place.returned_s
        self._then(self._path.welcomed(number, now_s=self._now_s))
        if not self.back.done():
            self.back.set_result(None)

    def _failed(self, number: int, *, told_s: float | None = None) -> None:
        self._going.pop(number).socket.close()
        if told_s is not None:
            self._path.told(told_s, now_s=self._now_s)
        draw, cause = self._chance.random(), Cause.NETWORK_RELAY_UNREACHABLE
        self._then(self._path.failed(number, cause, now_s=self._now_s, draw=draw))


class WideOpen(Turnstile):
    """Makes nobody wait."""

    def turn(self, *, now_s: float, lag_s: float | None) -> int:
        return ALL


class Listener(Correspondent):
    """Remembers when the relay told it to come back."""

    told_s: float | None = None

    async def connect_over(self, connected: socket.socket, address: Address) -> None:
        """Speak TLS and WebSocket on a connection that stands, prove who this is, and return once let in."""
        loop = asyncio.get_running_loop()
        welcomed: asyncio.Future[Welcome] = loop.create_future()
        line = self._line = Line(self._heard)
        self._welcomed = welcomed
        line.ended.add_done_callback(lambda _: _closed(welcomed))
        name = HOST if address.tls is not None else None
        await loop.create_connection(lambda: line, sock=connected, ssl=address.tls, server_hostname=name)
        await welcomed

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
    setups: int
    relay_cpu_s: float
    told_s: list[float] = field(default_factory=list)


def _closed(welcomed: "asyncio.Future[Welcome]") -> None:
    if not welcomed.done():
        welcomed.set_exception(ConnectionResetError("the relay closed before it let us in"))


async def start(folder: Folder, *, tls: bool, door: str) -> RelayProcess:
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


async def play(*, clients: int, stop_s: float, tls: bool, is_open: bool = False, is_told: bool = False) -> Return:
    """Connect a crowd, take its relay away for a while, and watch it return."""
    allow_files()
    security = unchecked_tls() if tls else None
    with tempfile.TemporaryDirectory(prefix="answerback-storm-") as folder:
        town = settle(Folder(folder), count=clients)
        relay = await start(Folder(folder), tls=tls, door="open" if is_open else "turnstile")
        place = Place(Address(relay.port, security))
        crowd = [Device(resident, place, seed=seed) for seed, resident in enumerate(town.residents)]
        await connect_all([device.line for device in crowd], place.address)
        if is_told:
            await relay.stop()
        else:
            relay._child.kill()
            await relay._child.wait()
        for device in crowd:
            device.fall()
        await asyncio.sleep(stop_s)
        relay = await start(Folder(folder), tls=tls, door="open" if is_open else "turnstile")
        place.address, place.returned_s = Address(relay.port, security), time.perf_counter()
        before = await relay.cost()
        await asyncio.wait([device.back for device in crowd], timeout=BACK_S_MAX)
        after = await relay.cost()
        for device in crowd:
            device.stop()
        await relay.stop()
        return Return(
            clients=clients,
            welcomed_s=sorted(device.welcomed_s for device in crowd if device.welcomed_s is not None),
            attempts=sum(device.attempts for device in crowd),
            setups=sum(device.setups for device in crowd),
            relay_cpu_s=after.cpu_s - before.cpu_s,
            told_s=sorted(device.told_s for device in crowd if device.told_s is not None),
        )


async def turn_away(*, clients: int, at_once: int = 50) -> float:
    """Have a relay tell everybody to come later, over TLS, and give its processor time for each."""
    with tempfile.TemporaryDirectory(prefix="answerback-storm-") as folder:
        town = settle(Folder(folder), count=clients)
        relay = await start(Folder(folder), tls=True, door="full")
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
