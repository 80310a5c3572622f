"""Sets one scene for an errand that is killed: a relay, a friend who lives through it all, and the device it is about.

Before: the device has received something, has promised something that has not left it, and something waits for it at
the relay. After: all of that has come to where it was to go, once; the device and the friend can still write to each
other; nothing is owed.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from answerback.device.client import Client
from answerback.device.home import open_history, open_journal
from answerback.device.registering import Relay, register, request_code
from answerback.model.errors import StorageError, UsageError
from answerback.model.handle import Handle, parse_handle
from answerback.model.invitation import Invitation
from answerback.storage.vault import KeySource
from tests.journey.processes import Process, free_port

PATIENCE_S = 90.0
"""Waits end as soon as there is nothing to wait for: what is broken takes this long to show, on a busy machine too."""
LOOK_S = 0.02
MEET_S = 60.0
"""How long two devices may take to come to what they owe each other."""
TRIES_MAX = 3
"""A person gives a command again, and once more; not for ever."""
FRIEND = "fay"


@dataclass
class Street:
    """A relay process, and a friend who is always there."""

    folder: Path
    relay: Process
    friend: Client
    _asking: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def address(self) -> Relay:
        """Where the relay is."""
        _, url, pin = (await self.relay.hear("ready")).split()
        return Relay(url, bytes.fromhex(pin))

    async def code(self, handle: Handle) -> str:
        """Ask for a code, and read it where the operator would."""
        async with self._asking:
            return await fresh_code(self.relay, await self.address(), handle)


async def fresh_code(relay: Process, address: Relay, handle: Handle) -> str:
    """Ask for a code; the relay's terminal says it."""
    heard = len(relay.said)
    await request_code(address, handle)
    return (await relay.hear(f"code {handle.text}", after=heard)).split()[-1]


async def registered(home: Path, address: Relay, handle: Handle, *, code: str) -> Path:
    """Register a device in a folder."""
    await register(
        home,
        address,
        handle,
        code=code,
        device_name=f"{home.name}'s phone",
        source=KeySource.FILE,
        now_ms=now_ms(),
    )
    return home


@contextlib.asynccontextmanager
async def street(folder: Path) -> AsyncIterator[Street]:
    """A relay, running, and the friend, connected; both end with the block."""
    relay = Process(["tests.errands.relay_child", str(folder / "relay"), str(free_port())])
    await relay.start()
    try:
        _, url, pin = (await relay.hear("ready")).split()
        address, handle = Relay(url, bytes.fromhex(pin)), parse_handle(f"{FRIEND}@example.org")
        code = await fresh_code(relay, address, handle)
        home = await registered(folder / FRIEND, address, handle, code=code)
        async with Client.open(home) as friend:
            yield Street(folder, relay, friend)
    finally:
        await relay.stop()


@dataclass
class Scene:
    """One device, and what it had in hand before it was killed."""

    street: Street
    name: str
    faults: list[str] = field(default_factory=list)
    """What is not as it must be, in words."""
    missing: int = 0
    """How many messages were lost."""
    doubled: int = 0
    """How many came twice."""
    others: list[Path] = field(default_factory=list)
    """More devices of the account: in the end each of them works as well."""
    expected_here: list[str] = field(default_factory=list)
    """Texts that must be on the account's first device in the end."""
    expected_there: list[str] = field(default_factory=list)
    """Texts that must be with the friend in the end."""

    @property
    def home(self) -> Path:
        """The device's folder."""
        return self.street.folder / self.name

    @property
    def first(self) -> Path:
        """The folder of the account's first device, which the command need not be about."""
        return self.home.with_name(f"{self.name}-first")

    @property
    def new(self) -> Path:
        """The folder of one more device of the account."""
        return self.home.with_name(f"{self.name}-new")

    @property
    def lost(self) -> Path:
        """The folder of a device that its person has lost."""
        return self.home.with_name(f"{self.name}-lost")

    @property
    def handle(self) -> Handle:
        """Whose device it is."""
        return parse_handle(f"{self.name}@example.org")

    async def at_work(self, *, home: Path | None = None) -> None:
        """Register a device, and give it something received, something promised and something that waits for it."""
        place = home or self.home
        address, code = await self.street.address(), await self.street.code(self.handle)
        await registered(place, address, self.handle, code=code)
        async with Client.open(place) as device:
            await self.writes(device, "early")
            await self.is_written("early")
            await self.settles(device)
            if not self._is_settled(device):
                self.faults.append(f"before the command was given, something was owed already: {device.status()}")
        await self.is_written("waiting")
        await self.promises(place, "promised")

    async def writes(self, device: Client, word: str) -> None:
        """The device writes to the friend."""
        text = f"{self.name} {word} out"
        await device.send(self.street.friend.identity.handle.text, text=text)
        self.expected_there.append(text)

    async def is_written(self, word: str) -> None:
        """The friend writes to the device."""
        text = f"{self.name} {word} in"
        await self.street.friend.send(self.handle.text, text=text)
        self.expected_here.append(text)

    async def promises(self, home: Path, word: str) -> None:
        """The device promises something and never connects: it is on its disk only."""
        journal = open_journal(home)
        try:
            await self.writes(Client(home, journal), word)
        finally:
            journal.close()

    async def settles(self, device: Client, *others: Client) -> None:
        """Wait, not for ever, until everything is where it must be and nothing is owed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                while not self._is_settled(device, *others):  # noqa: ASYNC110 - the friend's news and theirs
                    await asyncio.sleep(LOOK_S)

    def _is_settled(self, device: Client, *others: Client) -> bool:
        friend = self.street.friend
        here, there = set(received(device)), set(received(friend))
        outboxes = [each.agent.engine.machines.outbox for each in (device, *others)]
        owes = any(promise.letter.answered for outbox in outboxes for promise in outbox)
        owed = any(
            promise.letter.answered and device.identity.account in promise.letter.recipients
            for promise in friend.agent.engine.machines.outbox
        )
        return here >= set(self.expected_here) and there >= set(self.expected_there) and not (owes or owed)

    async def is_usable(self) -> None:
        """The device works: it says something and hears something, and all that was in hand has arrived, once."""
        main = self.first if self.first.exists() else self.home
        async with contextlib.AsyncExitStack() as stack:
            device, *others = [await stack.enter_async_context(Client.open(home)) for home in (main, *self.others)]
            for number, each in enumerate((device, *others)):
                await self.writes(each, f"late {number}")
            await self.is_written("late")
            await self.settles(device, *others)
            if not self._is_settled(device, *others):
                self._say_what_is_missing(device)
            for whose in (device, *others, self.street.friend):
                self._look_for_doubles(whose)

    def _say_what_is_missing(self, device: Client) -> None:
        here, there = received(device), received(self.street.friend)
        missing = [f"never came: {text}" for text in self.expected_here if text not in here]
        missing += [f"never left: {text}" for text in self.expected_there if text not in there]
        self.faults += missing
        self.missing += len(missing)
        self.faults.append(f"something is owed still: {device.status()}")

    def _look_for_doubles(self, whose: Client) -> None:
        texts = [text for text in received(whose) if text.startswith(f"{self.name} ")]
        doubled = [f"twice: {text}" for text in sorted(set(texts)) if texts.count(text) > 1]
        self.faults += doubled
        self.doubled += len(doubled)


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for something there is no news of, not for ever."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(MEET_S):
            while not is_so():  # noqa: ASYNC110 - no news of it
                await asyncio.sleep(LOOK_S)


def invitation_of(address: Relay) -> str:
    """Write where the relay is as the link that a person is given."""
    parts = urlsplit(address.url)
    return str(Invitation(host=parts.hostname or "", port=parts.port or 0, pin=address.pin or b""))


def has_identity(home: Path) -> bool:
    """Whether the disk of a device says that it is registered."""
    try:
        history = open_history(home)
    except (UsageError, StorageError):
        return False  # not even a key, or no journal
    with contextlib.closing(history):
        identity = history.identity()
        return identity is not None and bool(identity.registered_ms)


def received(client: Client) -> list[str]:
    """What came from other people, as texts."""
    own = client.identity.account
    return [kept.message.text for kept in client.messages(limit=100_000) if kept.message.author != own]


def now_ms() -> int:
    """The wall clock."""
    return time.time_ns() // 1_000_000
