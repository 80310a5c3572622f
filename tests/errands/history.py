"""The errands about an account's history that are killed: a new device takes it, an old one gives it."""

from pathlib import Path
from random import Random

from answerback.core.facts import KeepMessage
from answerback.device.client import Client
from answerback.device.home import open_journal
from answerback.model.ids import MessageId, conversation_id
from answerback.model.message import Message, Urgency
from answerback.model.notes import HistoryState
from answerback.model.stamp import Stamp
from tests.errands.devices import LinkNew, count_devices, linked, showing
from tests.errands.killer import Ran, run_killed
from tests.errands.scene import Scene, until

PAST = 150
"""Messages of history: five pages, so that a kill falls between them."""
TEXT_CHARACTERS = 1_000


class LinkWithHistory(LinkNew):
    """`answerback link CODE --history` on the new device, killed; what is missing still comes when both are there."""

    async def prepare(self, scene: Scene) -> None:
        """The account has a first device, and much on it."""
        await super().prepare(scene)
        _invent(scene.first)

    async def run(self, scene: Scene, *, kill_at: int) -> Ran:
        """Link, with the device that one has at the other end, which offers its history."""
        async with Client.open(scene.first) as old, showing(old, gives_history=True) as link:
            return await run_killed(scene.home, ["link", link, "--key", "file", "--history"], kill_at=kill_at)

    async def check(self, scene: Scene) -> None:
        """Two devices are on the list, and each of them has everything."""
        count_devices(scene, scene.first, 2)
        await _has_history(scene, scene.first, scene.home)


class GiveHistory:
    """`answerback devices history` on the device that one has, killed; then given again, or simply taken up."""

    async def prepare(self, scene: Scene) -> None:
        """The account has a device with much on it and other things in hand, and a new one."""
        await scene.at_work()
        async with Client.open(scene.home) as device:
            await linked(device, scene.new)
        _invent(scene.home)
        scene.others.append(scene.new)

    async def run(self, scene: Scene, *, kill_at: int) -> Ran:
        """Give the new device everything."""
        async with Client.open(scene.new) as new:
            words = ["devices", "history", new.identity.device.hex()]
            return await run_killed(scene.home, words, kill_at=kill_at)

    async def again(self, scene: Scene, chance: Random) -> None:
        """Half of the people give the command again; the others, once it was offered, let it go on by itself."""
        if chance.random() < 0.5 or not await _is_offered(scene.home):
            ran = await self.run(scene, kill_at=0)
            if ran.status:
                scene.faults.append(f"it ends with {ran.status}: {ran.said.strip()}")

    async def check(self, scene: Scene) -> None:
        """Each of the two has everything."""
        count_devices(scene, scene.home, 2)
        await _has_history(scene, scene.home, scene.new)


async def _is_offered(home: Path) -> bool:
    async with Client.open(home) as device:
        return bool(device.agent.engine.handover.given)


async def _has_history(scene: Scene, giver: Path, taker: Path) -> None:
    async with Client.open(giver) as old, Client.open(taker) as new:
        if new.identity.device not in old.agent.engine.handover.given:
            old.offer_history(new.identity.device)  # the kill came before that, and `answerback devices` says so

        def is_done() -> bool:
            taken = new.agent.engine.handover.taken.get(old.identity.device)
            return taken is not None and taken.state is HistoryState.DONE

        await until(is_done)
        if not is_done():
            scene.faults.append(f"the history never came: {new.agent.engine.handover.taken}")
        there, here = ([kept.message.id for kept in device.messages(limit=100_000)] for device in (old, new))
        if missing := set(there) - set(here):
            scene.faults.append(f"{len(missing)} messages of the history are missing")
            scene.missing += len(missing)
        if doubled := len(here) - len(set(here)):
            scene.faults.append(f"{doubled} messages of the history are there twice")
            scene.doubled += doubled


def _invent(home: Path) -> None:
    """Put a long past on a device's disk."""
    journal = open_journal(home)
    try:
        own = journal.identity()
        assert own is not None
        alone = frozenset((own.account,))
        text, lasts_ms = "x" * TEXT_CHARACTERS, 10**13
        facts = [
            KeepMessage(
                Message(
                    id=MessageId(number.to_bytes(16, "big")),
                    conversation=conversation_id(alone),
                    author=own.account,
                    author_device=own.device,
                    recipients=alone,
                    text=f"{number} {text}",
                    attachment=None,
                    urgency=Urgency.NORMAL,
                    stamp=Stamp(1_700_000_000_000 + number, 0),
                    written_after=frozenset(),
                    expires_ms=lasts_ms,
                ),
                number,
            )
            for number in range(PAST)
        ]
        journal.commit(facts)
    finally:
        journal.close()
