"""The errands that are killed: what each needs before, its command, and what a person does who finds it gone.

A new one: write a class with these four verbs, and put it into `ERRANDS`. What is common to all (nothing lost, nothing
twice, the device can still say and hear something) is looked at by the scene.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Final, Protocol
from urllib.parse import urlsplit

import msgspec

from answerback.core.facts import KeepSealSecret
from answerback.core.registration import SEAL_KEY_AGE_MS
from answerback.crypto.identity import read_device_list
from answerback.device.client import Client
from answerback.device.home import open_history, open_journal
from answerback.device.linking import Linking, join, parse_link_text
from answerback.model.errors import AnswerbackError
from answerback.model.invitation import Invitation
from answerback.storage.vault import KeySource
from tests.errands.killer import Ran, run_killed
from tests.errands.scene import LOOK_S, Scene, has_identity, now_ms

TRIES_MAX = 3
"""A person gives a command again, and once more; not for ever."""
MEET_S = 20.0


class Errand(Protocol):
    """One thing a person has a device do."""

    async def prepare(self, scene: Scene) -> None:
        """Make the world as it is before the command is given."""
        ...

    async def run(self, scene: Scene, *, kill_at: int) -> Ran:
        """Give the command; it is killed at this step, or lives to its end (0)."""
        ...

    async def again(self, scene: Scene, chance: Random) -> None:
        """Do what a person does who finds the command gone."""
        ...

    async def check(self, scene: Scene) -> None:
        """Look at what only this errand promises; what is not so becomes a fault of the scene."""
        ...


class Register:
    """`answerback register`, killed; then given again, with the same code or a new one."""

    def __init__(self) -> None:
        self._codes: dict[str, str] = {}

    async def prepare(self, scene: Scene) -> None:
        """Nothing is there yet but a code."""
        self._codes[scene.name] = await scene.street.code(scene.handle)

    async def run(self, scene: Scene, *, kill_at: int) -> Ran:
        """Register with the newest code."""
        address = await scene.street.address()
        parts = urlsplit(address.url)
        link = Invitation(host=parts.hostname or "", port=parts.port or 0, pin=address.pin or b"")
        words = ["register", str(link), scene.handle.text, "--key", "file", "--code", self._codes[scene.name]]
        return await run_killed(scene.home, words, kill_at=kill_at)

    async def again(self, scene: Scene, chance: Random) -> None:
        """Register again, unless the device says that it is registered."""
        if not has_identity(scene.home) and chance.random() < 0.5:
            self._codes[scene.name] = await scene.street.code(scene.handle)
        said = ""
        for _ in range(TRIES_MAX):
            if has_identity(scene.home):
                return
            said = (await self.run(scene, kill_at=0)).said
        if not has_identity(scene.home):
            scene.faults.append(f"it cannot be registered any more: {said.strip()}")

    async def check(self, scene: Scene) -> None:
        """That the friend's words arrive at the handle says it all."""


class LinkNew:
    """`answerback link CODE` on the new device, killed; then linked again, with another code."""

    async def prepare(self, scene: Scene) -> None:
        """The account has a first device, which is at work."""
        await scene.at_work(home=scene.first)
        scene.others.append(scene.home)

    async def run(self, scene: Scene, *, kill_at: int) -> Ran:
        """Link, with the device that one has at the other end; it stays until the new one has what it needs."""
        async with Client.open(scene.first) as old, _showing(old) as link:
            return await run_killed(scene.home, ["link", link, "--key", "file"], kill_at=kill_at)

    async def again(self, scene: Scene, chance: Random) -> None:
        """Link once more, unless the new device says that it is linked."""
        said = ""
        for _ in range(TRIES_MAX):
            if has_identity(scene.home):
                return
            said = (await self.run(scene, kill_at=0)).said
        if not has_identity(scene.home):
            scene.faults.append(f"it cannot be linked any more: {said.strip()}")

    async def check(self, scene: Scene) -> None:
        """Two devices are on the list, and none that nobody has."""
        _count_devices(scene, scene.first, 2)


class LinkOld:
    """`answerback link` on the device that one has, killed; then given again."""

    async def prepare(self, scene: Scene) -> None:
        """The account has a first device, which has something in hand."""
        await scene.at_work()
        scene.others.append(_new(scene))

    async def run(self, scene: Scene, *, kill_at: int) -> Ran:
        """Show a code; the new device is there before its answer is waited for."""
        linking: asyncio.Task[object] | None = None

        def meet(line: str) -> None:
            nonlocal linking
            if linking is None and '"link"' in line:
                linking = asyncio.create_task(_join(_new(scene), line))

        try:
            ran = await run_killed(scene.home, ["link", "--yes", "--json"], kill_at=kill_at, hear=meet)
            if linking is not None and not ran.killed:
                with contextlib.suppress(AnswerbackError, TimeoutError):
                    await asyncio.wait_for(linking, MEET_S)
            return ran
        finally:
            if linking is not None:
                linking.cancel()
                await asyncio.gather(linking, return_exceptions=True)

    async def again(self, scene: Scene, chance: Random) -> None:
        """Show another code, until the new device is linked."""
        said = ""
        for _ in range(TRIES_MAX):
            if has_identity(_new(scene)):
                return
            said = (await self.run(scene, kill_at=0)).said
        if not has_identity(_new(scene)):
            scene.faults.append(f"no device can be linked any more: {said.strip()}")

    async def check(self, scene: Scene) -> None:
        """Two devices are on the list, and none that nobody has."""
        _count_devices(scene, scene.home, 2)


class Renew:
    """The agent renews this device's keys by itself, because they have aged; killed in the middle, it does so later."""

    async def prepare(self, scene: Scene) -> None:
        """Its seal key is older than a week, and other things are in hand."""
        await scene.at_work()
        journal = open_journal(scene.home)
        try:
            aged = [
                KeepSealSecret(kept.id, kept.secret, max(0, kept.created_ms - SEAL_KEY_AGE_MS))
                for kept in journal.load().seal_secrets
            ]
            journal.commit(aged)
        finally:
            journal.close()

    async def run(self, scene: Scene, *, kill_at: int) -> Ran:
        """Any command that connects."""
        return await run_killed(scene.home, ["inbox", "--json"], kill_at=kill_at)

    async def again(self, scene: Scene, chance: Random) -> None:
        """Nothing: the next start takes it up."""

    async def check(self, scene: Scene) -> None:
        """The key others are given is a new one, whose secret is here."""
        await _has_good_keys(scene)


class RegisterAgain:
    """`answerback re-register`, killed; then given again, or simply taken up by whatever runs next."""

    async def prepare(self, scene: Scene) -> None:
        """A device that has things in hand."""
        await scene.at_work()

    async def run(self, scene: Scene, *, kill_at: int) -> Ran:
        """Sign out and in again."""
        return await run_killed(scene.home, ["re-register"], kill_at=kill_at)

    async def again(self, scene: Scene, chance: Random) -> None:
        """Half of the people give the command again; the others do nothing, and the next start goes on with it."""
        if chance.random() < 0.5:
            ran = await self.run(scene, kill_at=0)
            if ran.status:
                scene.faults.append(f"it ends with {ran.status}: {ran.said.strip()}")

    async def check(self, scene: Scene) -> None:
        """Nothing of it is half done: the keys others are given are here, and no renewal is under way for ever."""
        await _has_good_keys(scene)
        async with Client.open(scene.home) as device:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(MEET_S):
                    while not device.agent.engine.renewing.is_done:  # noqa: ASYNC110 - no news of it
                        await asyncio.sleep(LOOK_S)
            if not device.agent.engine.renewing.is_done:
                scene.faults.append(f"it is never done: {device.agent.engine.machines.lease}")


ERRANDS: Final[dict[str, Errand]] = {
    "register": Register(),
    "link": LinkNew(),
    "link-old": LinkOld(),
    "renew": Renew(),
    "re-register": RegisterAgain(),
}


async def _has_good_keys(scene: Scene) -> None:
    async with Client.open(scene.home) as device:
        machines = device.agent.engine.machines

        def is_due() -> bool:
            relay_ms = machines.clock.relay_ms(device.agent.now) or 0
            return machines.registration.due(machines.sessions, relay_ms=relay_ms)

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(MEET_S):
                # A device that signs in anew lets its first connection go: the keys are due until the second.
                while not machines.registration.known or machines.questions.waiting or is_due():  # noqa: ASYNC110
                    await asyncio.sleep(LOOK_S)
        if is_due():
            scene.faults.append(
                f"the keys are not renewed: {machines.registration} {machines.lease} {machines.questions} {device.status()}"
            )
        if machines.registration.seal_key not in machines.sessions.secrets:
            scene.faults.append("others are given a seal key whose secret is lost")


def _count_devices(scene: Scene, home: Path, wanted: int) -> None:
    with contextlib.closing(open_history(home)) as history:
        identity, newest = history.identity(), history.own_lists()[-1]
    assert identity is not None
    devices = len(read_device_list(identity.account, newest.list).devices)
    if devices != wanted:
        scene.faults.append(f"the account has {devices} devices; there are {wanted}")


def _new(scene: Scene) -> Path:
    return scene.home.with_name(f"{scene.name}-new")


@contextlib.asynccontextmanager
async def _showing(old: Client) -> AsyncIterator[str]:
    """The device that one has shows a link and lets in whoever comes."""
    shown: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def show(linking: Linking) -> None:
        shown.set_result(str(linking.text))

    task = asyncio.create_task(old.link(show=show, confirm=lambda name, device: True))
    try:
        yield await asyncio.wait_for(shown, MEET_S)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _join(home: Path, line: str) -> None:
    text = parse_link_text(msgspec.json.decode(line)["link"])
    with contextlib.suppress(AnswerbackError):
        await join(home, text.relay, text.code, device_name="the new one", source=KeySource.FILE, now_ms=now_ms())
