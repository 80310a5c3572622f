"""Real processes for journeys: a relay and devices that are killed with SIGKILL and started again."""

import asyncio
import contextlib
import random
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from answerback.device.home import open_history
from answerback.device.registering import Relay, register, request_code
from answerback.model.handle import parse_handle
from answerback.model.message import Message
from answerback.model.stamp import in_order
from answerback.storage.history import History
from answerback.storage.vault import KeySource

DAWDLE_S_MAX = 60.0


def free_port() -> int:
    """A port nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Process:
    """One child process, its words, and its deaths."""

    words: list[str]
    kills: int = 0
    said: list[str] = field(default_factory=list)
    _process: asyncio.subprocess.Process | None = None
    _reader: asyncio.Task[None] | None = None
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self) -> None:
        """Start it and wait until it says that it is ready."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", *self.words, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        self._reader = asyncio.create_task(self._read(self._process))
        before = len(self.said)
        await self.hear("ready", after=before)

    async def tell(self, line: str) -> None:
        """Say a line to it; one that is being killed hears nothing."""
        assert self._process is not None
        assert self._process.stdin is not None
        with contextlib.suppress(ConnectionError):
            self._process.stdin.write(line.encode() + b"\n")
            await self._process.stdin.drain()

    async def hear(self, beginning: str, *, after: int = 0) -> str:
        """Wait for a line that begins like this."""
        async with asyncio.timeout(DAWDLE_S_MAX):
            while True:
                for line in self.said[after:]:
                    if line.startswith(beginning):
                        return line
                self._news.clear()
                await self._news.wait()

    async def kill(self) -> None:
        """End it as a power cut would: no handler runs."""
        assert self._process is not None
        self.kills += 1
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGKILL)
        await self._end()

    async def stop(self) -> None:
        """End it politely."""
        if self._process is None or self._process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        await self._end()

    async def _end(self) -> None:
        assert self._process is not None
        assert self._reader is not None
        await self._process.wait()
        await self._reader

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            self.said.append(line.decode().rstrip("\n"))
            self._news.set()


@dataclass
class Town:
    """A relay and the devices that know it."""

    folder: Path
    relay: Process
    devices: dict[str, Process] = field(default_factory=dict)

    async def person(self, name: str) -> Process:
        """Register somebody; their device is not running yet."""
        relay = await self._address()
        handle = parse_handle(f"{name}@example.org")
        heard = len(self.relay.said)
        await request_code(relay, handle)
        code = (await self.relay.hear(f"code {handle.text}", after=heard)).split()[-1]
        await register(
            self.folder / name,
            relay,
            handle,
            code=code,
            device_name=f"{name}'s phone",
            source=KeySource.FILE,
            now_ms=time.time_ns() // 1_000_000,
        )
        self.devices[name] = Process(["tests.journey.device_child", str(self.folder / name)])
        return self.devices[name]

    async def _address(self) -> Relay:
        _, url, pin = (await self.relay.hear("ready")).split()
        return Relay(url, bytes.fromhex(pin))

    def arrived(self, name: str) -> list[str]:
        """What came from others, in the order it came to this device's disk."""
        return [message.text for message in self._from_others(name)]

    def shown(self, name: str) -> list[str]:
        """What came from others, in the order a person sees it."""
        return [message.text for message in in_order(self._from_others(name))]

    def waiting(self, name: str) -> int:
        """How many promises a device has not kept."""
        with self._history(name) as history:
            return sum(letter.answered for letter in history.load().outgoing)

    def _from_others(self, name: str) -> list[Message]:
        with self._history(name) as history:
            own = history.identity()
            assert own is not None
            kept = reversed(history.messages(limit=1_000_000))
            return [item.message for item in kept if item.message.author != own.account]

    @contextlib.contextmanager
    def _history(self, name: str) -> Iterator[History]:
        history = open_history(self.folder / name)
        try:
            yield history
        finally:
            history.close()


@contextlib.asynccontextmanager
async def town(folder: Path) -> AsyncIterator[Town]:
    """A relay, running; everything ends with the block."""
    relay = Process(["tests.journey.relay_child", str(folder / "relay"), str(free_port())])
    place = Town(folder, relay)
    await relay.start()
    try:
        yield place
    finally:
        for device in place.devices.values():
            await device.stop()
        await relay.stop()


def moments(seed: int, count: int, *, longest_s: float) -> list[float]:
    """So many random waits, the same ones for the same seed."""
    chance = random.Random(seed)
    return [chance.uniform(0.0, longest_s) for _ in range(count)]
