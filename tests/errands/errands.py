"""The errands that are killed: what each needs before, its command, and what a person does who finds it gone.

A new one: write a class with these four verbs, and put it into `ERRANDS`. What is common to all (nothing lost, nothing
twice, the device can still say and hear something) is looked at by the scene.
"""

from random import Random
from typing import Final, Protocol

from answerback.core.facts import KeepSealSecret
from answerback.core.registration import SEAL_KEY_AGE_MS
from answerback.device.client import Client
from answerback.device.home import open_journal
from tests.errands.devices import LinkNew, LinkOld, Recover, Revoke, tried_again
from tests.errands.history import GiveHistory, LinkWithHistory
from tests.errands.killer import Ran, run_killed
from tests.errands.scene import Scene, has_identity, invitation_of, until


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
        link = invitation_of(await scene.street.address())
        words = ["register", link, scene.handle.text, "--key", "file", "--code", self._codes[scene.name]]
        return await run_killed(scene.home, words, kill_at=kill_at)

    async def again(self, scene: Scene, chance: Random) -> None:
        """Register again, unless the device says that it is registered."""
        if not has_identity(scene.home) and chance.random() < 0.5:
            self._codes[scene.name] = await scene.street.code(scene.handle)
        await tried_again(self, scene, scene.home, "it cannot be registered any more")

    async def check(self, scene: Scene) -> None:
        """That the friend's words arrive at the handle says it all."""


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
            await until(lambda: device.agent.engine.renewing.is_done)
            if not device.agent.engine.renewing.is_done:
                scene.faults.append(f"it is never done: {device.agent.engine.machines.lease}")


ERRANDS: Final[dict[str, Errand]] = {
    "register": Register(),
    "link": LinkNew(),
    "link-old": LinkOld(),
    "link-history": LinkWithHistory(),
    "give-history": GiveHistory(),
    "renew": Renew(),
    "re-register": RegisterAgain(),
    "revoke": Revoke(),
    "recover": Recover(),
}


async def _has_good_keys(scene: Scene) -> None:
    async with Client.open(scene.home) as device:
        machines = device.agent.engine.machines

        def is_due() -> bool:
            relay_ms = machines.clock.relay_ms(device.agent.now) or 0
            return machines.registration.due(machines.sessions, relay_ms=relay_ms)

        # A device that signs in anew lets its first connection go: the keys are due until the second.
        await until(lambda: machines.registration.known and not machines.questions.waiting and not is_due())
        if is_due():
            scene.faults.append("the keys are not renewed")
        if machines.registration.seal_key not in machines.sessions.secrets:
            scene.faults.append("others are given a seal key whose secret is lost")
