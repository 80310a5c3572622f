"""Sets the scene: a relay, two people with three devices, and the links between them."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from answerback.device.client import Client
from answerback.device.home import open_journal
from answerback.device.linking import Linking, join
from answerback.device.registering import Relay, register, request_code
from answerback.faces.demonstration.plan import Playing
from answerback.faces.demonstration.relay_process import HOST, RelayProcess
from answerback.faces.demonstration.script import Person
from answerback.lab.links import generate_link
from answerback.lab.shaper import Shaper
from answerback.model.handle import Handle
from answerback.storage.vault import KeySource

CODE_S_MAX = 10.0
LINK_S_MAX = 30.0
HOME_LINK: Final = "good"
"""Bea is at home: 100 Mbit/s, 20 ms each way."""


@dataclass(frozen=True, slots=True)
class Actor:
    """One device of one person."""

    person: Person
    name: str
    folder: Path
    client: Client

    @property
    def label(self) -> str:
        """Whose device it is, in two words."""
        return f"{self.person.value}'s {self.name}"


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that stands on the stage."""

    relay: RelayProcess
    bad: Shaper
    home: Shaper
    ada: Actor
    phone: Actor
    tablet: Actor
    devices: AsyncExitStack
    """Closes all three devices; what they promised stays on their disks."""

    @property
    def actors(self) -> tuple[Actor, ...]:
        """All three devices."""
        return (self.ada, self.phone, self.tablet)

    def of(self, person: Person) -> tuple[Actor, ...]:
        """One person's devices, the one they write on first."""
        return tuple(actor for actor in self.actors if actor.person is person)


def handle_of(person: Person) -> Handle:
    """Where others reach a person."""
    return Handle(f"{person.value.lower()}@example.org")


@asynccontextmanager
async def set_scene(folder: Path, playing: Playing, *, seed: int) -> AsyncIterator[Scene]:
    """Register, link and connect everybody over good links; the bad one begins when everything stands."""
    async with AsyncExitStack() as stack:
        relay = RelayProcess(folder / "relay")
        stack.push_async_callback(relay.stop)
        await relay.start()
        home = _shaper(relay, seed=seed)
        stack.push_async_callback(home.stop)
        at_home = Relay(f"https://{HOST}:{await home.start()}", relay.pin)
        before = _shaper(relay, seed=seed)
        try:
            port = await before.start()
            away = Relay(f"https://{HOST}:{port}", relay.pin)
            await _enter(relay, away, Person.ADA, folder / "ada", name="phone")
            await _enter(relay, at_home, Person.BEA, folder / "bea-phone", name="phone")
            devices = await stack.enter_async_context(AsyncExitStack())
            phone = await _open(devices, Person.BEA, folder / "bea-phone", name="phone")
            tablet = await _link(devices, phone, at_home, folder / "bea-tablet", name="tablet")
        finally:
            await before.stop()
        bad = Shaper(
            playing.link,
            upstream_host=HOST,
            upstream_port=relay.port,
            speed=playing.speed,
            from_s=playing.from_s,
            seed=seed,
        )
        stack.push_async_callback(bad.stop)
        await bad.start(port=port)
        ada = await _open(devices, Person.ADA, folder / "ada", name="phone")
        yield Scene(relay, bad, home, ada, phone, tablet, devices)


def _shaper(relay: RelayProcess, *, seed: int) -> Shaper:
    return Shaper(generate_link(HOME_LINK, seed=seed), upstream_host=HOST, upstream_port=relay.port, seed=seed)


async def _enter(relay: RelayProcess, road: Relay, person: Person, folder: Path, *, name: str) -> None:
    """Bring a person in with a first device, as anybody would come: by invitation and code."""
    handle, invitation = handle_of(person), relay.invite()
    await request_code(road, handle, invitation=invitation)
    code = await asyncio.wait_for(relay.codes.get(), CODE_S_MAX)
    await register(
        folder,
        road,
        handle,
        code=code,
        invitation=invitation,
        device_name=f"{person.value}'s {name}",
        source=KeySource.FILE,
        now_ms=_now_ms(),
    )


async def _link(devices: AsyncExitStack, first: Actor, road: Relay, folder: Path, *, name: str) -> Actor:
    """Add a second device with a code that the first one shows."""
    shown: asyncio.Future[Linking] = asyncio.get_running_loop().create_future()
    granting = asyncio.create_task(first.client.link(show=shown.set_result, confirm=lambda _name, _device: True))
    async with asyncio.timeout(LINK_S_MAX):
        linking = await shown
        await join(
            folder,
            road,
            linking.text.code,
            device_name=f"{first.person.value}'s {name}",
            source=KeySource.FILE,
            now_ms=_now_ms(),
        )
        await granting
    return await _open(devices, first.person, folder, name=name)


async def _open(devices: AsyncExitStack, person: Person, folder: Path, *, name: str) -> Actor:
    client = await devices.enter_async_context(Client(folder, open_journal(folder)))
    return Actor(person, name, folder, client)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
