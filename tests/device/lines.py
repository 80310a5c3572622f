"""Real devices on lines to a relay in memory, on a clock that jumps over every wait; a diary keeps the order of all."""

import asyncio
import contextlib
import selectors
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from answerback.core.effects import News
from answerback.core.facts import Fact, KeepDeviceKeys, KeepDeviceList
from answerback.core.memory import Memory
from answerback.crypto.identity import DeviceKeys, RootKey, first_device_list
from answerback.device.client import Client
from answerback.model.causes import Cause
from answerback.model.errors import StorageError
from answerback.model.handle import Handle
from answerback.model.ids import DeviceId
from answerback.storage.identity import Identity
from answerback.storage.journal import Journal
from answerback.transport.failures import Unreachable
from answerback.transport.ports import Carrier, Ports
from answerback.wire.codec import decode_client_frame, encode
from answerback.wire.frames import Challenge, ClientFrame, RelayFrame, Resume
from tests.core.post_office import Relay

_T = TypeVar("_T")
Entry = tuple[str, str, object]
"""Whose, what kind of thing (`disk`, `frame`, `news`), and the thing itself."""


class JumpingLoop(asyncio.SelectorEventLoop):
    """A loop whose clock jumps to the next timer as soon as nobody has anything to do."""

    def __init__(self) -> None:
        self.now_s = 1_000.0
        super().__init__(_Jumping(self))

    def time(self) -> float:
        """The time that has passed here."""
        return self.now_s


class _Jumping(selectors.DefaultSelector):
    def __init__(self, loop: JumpingLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait for what has no time; jump over what has."""
        ready: list[tuple[selectors.SelectorKey, int]] = super().select(timeout and 0)
        if not ready and timeout:
            self._loop.now_s += timeout
        return ready


def jumping(work: Coroutine[Any, Any, _T]) -> _T:
    """Run to the end on a clock that jumps."""
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(work)


class Disk(Journal):
    """A real journal that can be told to refuse, and that writes what it keeps into the diary."""

    owner = ""
    diary: "Diary"
    refusals = 0
    unreadable = 0
    refuses: Callable[[Sequence[Fact]], bool] = staticmethod(lambda facts: True)

    def commit(self, facts: Sequence[Fact]) -> None:
        """Keep all of these, or refuse."""
        if self.refusals and self.refuses(facts):
            self.refusals -= 1
            raise StorageError("this disk was told to refuse")
        super().commit(facts)
        for fact in facts:
            self.diary.write(self.owner, "disk", fact)

    def load(self) -> Memory:
        """Return everything kept, or refuse."""
        if self.unreadable:
            self.unreadable -= 1
            raise StorageError("this disk was told not to be read")
        return super().load()


@dataclass
class Diary:
    """What happened to whom, in order."""

    entries: list[Entry] = field(default_factory=list)
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    def write(self, owner: str, kind: str, thing: object) -> None:
        self.entries.append((owner, kind, thing))
        self._more.set()

    def of(self, owner: str, kind: str) -> list[Any]:
        return [thing for whose, what, thing in self.entries if (whose, what) == (owner, kind)]

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait until something holds, looking again whenever anything happens."""
        async with asyncio.timeout(3600):  # of a clock that jumps
            while not holds():
                self._more.clear()
                await self._more.wait()


@dataclass
class Line:
    """One connection of one device; see `ports.RelayLine`."""

    place: "Place"
    owner: str
    device: DeviceId
    sent: list[ClientFrame] = field(default_factory=list)
    offered: list[ClientFrame] = field(default_factory=list)
    """Also what the operating system has not taken yet."""
    taking: asyncio.Event = field(default_factory=asyncio.Event)
    mute: bool = False
    closed: bool = False
    coming: "asyncio.Queue[RelayFrame | Exception | None]" = field(default_factory=asyncio.Queue)
    peer: tuple[str, int] | None = None

    async def send(self, frames: list[ClientFrame]) -> None:
        """Take frames as soon as `taking` is set."""
        self.offered += frames
        self.place.diary.write(self.owner, "offer", frames)
        await self.taking.wait()
        if self.closed:
            raise Unreachable(Cause.NETWORK_CONNECTION_LOST)
        for frame in frames:
            self.sent.append(frame)
            self.place.diary.write(self.owner, "frame", frame)
            for answer in self.place.relay.answer(self.device, decode_client_frame(encode(frame))):
                self.hear(answer)
        self.place.speak()

    def hear(self, frame: RelayFrame) -> None:
        """Let the relay say something."""
        if not self.mute:
            self.coming.put_nowait(frame)

    def end(self, error: Exception | None = None) -> None:
        """Break, or end cleanly."""
        self.coming.put_nowait(error)

    async def frames(self) -> AsyncIterator[RelayFrame]:
        """The challenge, and then whatever comes."""
        yield Challenge(b"n" * 32, b"relay", self.place.relay.clock_ms)
        while (coming := await self.coming.get()) is not None:
            if isinstance(coming, Exception):
                raise coming
            yield coming

    async def close(self) -> None:
        """Take two turns of the loop over it, as a real one does."""
        try:
            await asyncio.sleep(0)
        finally:
            self.closed = True
            self.place.diary.write(self.owner, "closed", self)
            if self.place.line(self.owner) is self:  # else another one is there already
                self.place.relay.online.discard(self.device)


@dataclass
class _Dialled:
    """A TCP connection that stands; see `ports.Dialled`."""

    open_line: Callable[[], Line]

    async def proceed(self, resume: Resume | None) -> Line:
        """Make a line of it."""
        await asyncio.sleep(0)
        return self.open_line()

    def close(self) -> None:
        """Nobody else knows of it yet."""


@dataclass
class Place:
    """A relay in memory, and everybody's lines to it."""

    folder: Path
    relay: Relay = field(default_factory=Relay)
    diary: Diary = field(default_factory=Diary)
    lines: dict[str, list[Line]] = field(default_factory=dict)
    carriers: dict[str, tuple[Carrier, ...]] = field(default_factory=dict)
    """What carries somebody's texts."""
    failing: dict[str, deque[Exception]] = field(default_factory=dict)
    """How somebody's next attempts to connect fail."""

    def speak(self) -> None:
        """Commit what was submitted, answer, and hand over what waits."""
        for device, answer in self.relay.commit():
            for line in self._open(device):
                line.hear(answer)
        for lines in self.lines.values():
            for line in lines[-1:]:
                if not line.closed and line.device in self.relay.online:
                    for page in self.relay.pages(line.device):
                        line.hear(page)

    def line(self, owner: str) -> Line:
        """Somebody's newest line."""
        return self.lines[owner][-1]

    def disk(self, owner: str, identity_of: RootKey | None = None) -> Disk:
        """Register somebody and open their journal."""
        root, keys, pickle_key = identity_of or RootKey.generate(), DeviceKeys.generate(), bytes(32)
        first_list, handle = first_device_list(root, keys.device(1), now_ms=1), f"{owner}@example.org"
        disk = Disk.open(self.folder / owner, key=None)
        assert isinstance(disk, Disk)
        disk.owner, disk.diary = owner, self.diary
        disk.keep_identity(
            Identity(
                account=root.account_id,
                device=keys.device_id,
                device_name="phone",
                handle=Handle(handle),
                relay_url="https://localhost:1",
                relay_pin=None,
                root_seed=root.seed,
                pickle_key=pickle_key,
                registered_ms=1,
            )
        )
        disk.commit([KeepDeviceKeys(keys.pickle(pickle_key)), KeepDeviceList(root.account_id, 1, first_list)])
        self.relay.store.handles[handle] = root.account_id
        self.relay.store.lists[root.account_id] = [first_list]
        self.relay.owners[keys.device_id] = root.account_id
        return disk

    def client(self, owner: str, disk: Disk) -> Client:
        """Somebody's device on this disk, not yet started."""
        loop = asyncio.get_running_loop()
        identity = disk.identity()
        assert identity is not None
        device = identity.device

        def open_line() -> Line:
            line = Line(self, owner, device)
            line.taking.set()
            self.lines.setdefault(owner, []).append(line)
            self.diary.write(owner, "open", line)
            return line

        async def dial(path: str) -> _Dialled:
            await asyncio.sleep(0)
            if self.failing.get(owner):
                raise self.failing[owner].popleft()
            return _Dialled(open_line)

        client = Client(
            self.folder / owner,
            disk,
            ports=Ports(
                dial,
                monotonic_s=loop.time,
                wall_ms=lambda: self.relay.clock_ms + int(loop.time()),
                carriers=self.carriers.get(owner, ()),
            ),
        )

        def hear(news: News) -> None:
            self.diary.write(owner, "news", news)

        client.agent.listen(hear)
        return client

    @contextlib.asynccontextmanager
    async def living(self, owner: str) -> AsyncIterator[tuple[Client, Disk]]:
        """Somebody's device, at work until the block ends."""
        disk = self.disk(owner)
        async with self.client(owner, disk) as client:
            yield client, disk

    def _open(self, device: DeviceId) -> Iterator[Line]:
        for lines in self.lines.values():
            yield from (line for line in lines if line.device == device and not line.closed)
