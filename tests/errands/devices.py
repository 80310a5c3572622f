"""The killed errands about an account's devices: one joins, one is removed, one takes the place of all."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Protocol

import msgspec

from answerback.crypto.identity import RootKey, read_device_list
from answerback.crypto.phrase import phrase_of
from answerback.device.client import Client
from answerback.device.home import open_history
from answerback.device.linking import join, parse_link_text
from answerback.model.causes import Cause
from answerback.model.devices import Device
from answerback.model.errors import AnswerbackError
from answerback.storage.vault import KeySource
from tests.errands.killer import Ran, run_killed
from tests.errands.scene import MEET_S, TRIES_MAX, Scene, has_identity, invitation_of, now_ms, until


class Errand(Protocol):
    """What can be run once more, to its end."""

    async def run(self, scene: Scene, *, kill_at: int) -> Ran:
        """Run it; killed at a step, or never if that is 0."""
        ...


async def tried_again(errand: Errand, scene: Scene, folder: Path, complaint: str) -> None:
    """Run an errand until the folder is a device, as often as a person would; complain if it never is one."""
    said = ""
    for _ in range(TRIES_MAX):
        if has_identity(folder):
            return
        said = (await errand.run(scene, kill_at=0)).said
    if not has_identity(folder):
        scene.faults.append(f"{complaint}: {said.strip()}")


class LinkNew:
    """`answerback link CODE` on the new device, killed; then linked again, with another code."""

    async def prepare(self, scene: Scene) -> None:
        """The account has a first device, which is at work."""
        await scene.at_work(home=scene.first)
        scene.others.append(scene.home)

    async def run(self, scene: Scene, *, kill_at: int) -> Ran:
        """Link, with the device that one has at the other end; it stays until the new one has what it needs."""
        async with Client.open(scene.first) as old, showing(old) as link:
            return await run_killed(scene.home, ["link", link, "--key", "file"], kill_at=kill_at)

    async def again(self, scene: Scene, chance: Random) -> None:
        """Link once more, unless the new device says that it is linked."""
        await tried_again(self, scene, scene.home, "it cannot be linked any more")

    async def check(self, scene: Scene) -> None:
        """Two devices are on the list, and none that nobody has."""
        count_devices(scene, scene.first, 2)


class LinkOld:
    """`answerback link` on the device that one has, killed; then given again."""

    async def prepare(self, scene: Scene) -> None:
        """The account has a first device, which has something in hand."""
        await scene.at_work()
        scene.others.append(scene.new)

    async def run(self, scene: Scene, *, kill_at: int) -> Ran:
        """Show a code; the new device is there before its answer is waited for."""
        linking: asyncio.Task[object] | None = None

        def meet(line: str) -> None:
            nonlocal linking
            if linking is None and '"link"' in line:
                linking = asyncio.create_task(_joined(scene.new, line))

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
        await tried_again(self, scene, scene.new, "no device can be linked any more")

    async def check(self, scene: Scene) -> None:
        """Two devices are on the list, and none that nobody has."""
        count_devices(scene, scene.home, 2)


class Revoke:
    """`answerback devices revoke` on one of three devices, killed; then given again unless the list says it is done."""

    async def prepare(self, scene: Scene) -> None:
        """A device has things in hand and two beside it: one is to go, and one has to be told of the new root key."""
        await scene.at_work()
        async with Client.open(scene.home) as device:
            for other in (scene.lost, scene.new):
                await linked(device, other)
        for other in (scene.lost, scene.new):
            async with Client.open(other) as device:
                await _settled_in(device)
        scene.others.append(scene.new)

    async def run(self, scene: Scene, *, kill_at: int) -> Ran:
        """Remove the lost one."""
        return await run_killed(scene.home, ["devices", "revoke", _id_of(scene.lost), "--yes"], kill_at=kill_at)

    async def again(self, scene: Scene, chance: Random) -> None:
        """Half of the people give the command again at once; the others see whether the device is listed still."""
        if chance.random() < 0.5 or len(_newest(scene.home)[1]) > 2:
            ran = await self.run(scene, kill_at=0)
            if ran.status:
                scene.faults.append(f"it cannot be removed any more, {ran.status}: {ran.said.strip()}")

    async def check(self, scene: Scene) -> None:
        """Two devices are left, which have the root key that their list is signed with; the lost one is told to go."""
        count_devices(scene, scene.home, 2)
        await _is_out(scene, scene.lost)
        async with Client.open(scene.home) as here, Client.open(scene.new) as there:
            ours = (here, there)
            await until(lambda: all(_has_root(device) for device in ours) and _agree(here, there))
            scene.faults += [
                f"{device.identity.device_name} has lost the root key" for device in ours if not _has_root(device)
            ]
            if not _agree(here, there):
                scene.faults.append("its devices do not agree on their list")


class Recover:
    """`answerback recover` on a new device when the only one is lost, killed; then given again."""

    async def prepare(self, scene: Scene) -> None:
        """What the lost device promised and never sent is lost with it; what it had not answered is to come here."""
        await scene.at_work(home=scene.lost)
        scene.expected_there = [text for text in scene.expected_there if " promised " not in text]
        scene.expected_here = [text for text in scene.expected_here if " waiting " in text]

    async def run(self, scene: Scene, *, kill_at: int) -> Ran:
        """Come back with the words."""
        with contextlib.closing(open_history(scene.lost)) as history:
            identity = history.identity()
        assert identity is not None
        assert identity.root_seed is not None
        words = [phrase_of(identity.root_seed), scene.handle.text, invitation_of(await scene.street.address())]
        return await run_killed(scene.home, ["recover", *words, "--key", "file"], kill_at=kill_at)

    async def again(self, scene: Scene, chance: Random) -> None:
        """Give the words again, unless the new device says that it is registered."""
        await tried_again(self, scene, scene.home, "the account cannot be recovered any more")

    async def check(self, scene: Scene) -> None:
        """It is the only device, and the lost one is told to go."""
        count_devices(scene, scene.home, 1)
        await _is_out(scene, scene.lost)


def count_devices(scene: Scene, home: Path, wanted: int) -> None:
    """See that so many devices are on the newest list that one of them knows."""
    devices = len(_newest(home)[1])
    if devices != wanted:
        scene.faults.append(f"the account has {devices} devices; there are {wanted}")


@contextlib.asynccontextmanager
async def showing(old: Client, *, gives_history: bool = False) -> AsyncIterator[str]:
    """The device that one has shows a link, lets in whoever comes, and gives it all that is there if it shall."""
    shown: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def link() -> None:
        device = await old.link(show=lambda begun: shown.set_result(str(begun.text)), confirm=lambda name, device: True)
        if gives_history:
            old.offer_history(device.id)

    task = asyncio.create_task(link())
    try:
        yield await asyncio.wait_for(shown, MEET_S)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def linked(old: Client, home: Path) -> None:
    """Link a device to one that is at work, with nobody killed."""
    async with showing(old) as link:
        text = parse_link_text(link)
        await join(home, text.relay, text.code, device_name=home.name, source=KeySource.FILE, now_ms=now_ms())


async def _joined(home: Path, line: str) -> None:
    text = parse_link_text(msgspec.json.decode(line)["link"])
    with contextlib.suppress(AnswerbackError):
        await join(home, text.relay, text.code, device_name="the new one", source=KeySource.FILE, now_ms=now_ms())


async def _settled_in(device: Client) -> None:
    await until(lambda: device.status().prekeys_left > 0)


async def _is_out(scene: Scene, home: Path) -> None:
    async with Client.open(home) as device:
        await until(lambda: device.agent.engine.machines.registration.ended is Cause.ACCOUNT_DEVICE_REVOKED)
        ended = device.agent.engine.machines.registration.ended
    if ended is not Cause.ACCOUNT_DEVICE_REVOKED:
        scene.faults.append(f"the lost device is not told to go, but {ended}")


def _newest(home: Path) -> tuple[int, tuple[Device, ...]]:
    with contextlib.closing(open_history(home)) as history:
        identity, newest = history.identity(), history.own_lists()[-1]
    assert identity is not None
    read = read_device_list(identity.account, newest.list)
    return read.version, tuple(read.devices)


def _id_of(home: Path) -> str:
    with contextlib.closing(open_history(home)) as history:
        identity = history.identity()
    assert identity is not None
    return identity.device.hex()


def _has_root(device: Client) -> bool:
    machines = device.agent.engine.machines
    current = machines.roster.list_of(device.identity.account)
    if current is None or not machines.root:
        return False
    return RootKey.from_seed(machines.root).public_key == read_device_list(device.identity.account, current).root_key


def _agree(*devices: Client) -> bool:
    lists = {device.agent.engine.machines.roster.list_of(device.identity.account) for device in devices}
    return len(lists) == 1
