"""Puts yesterday's copy of a relay's store back, among devices that have gone on since, and counts what was lost.

    python -m tests.errands.restored --messages 500 --seed 1

A real relay process is killed, its folder replaced by an older copy (or by nothing: `--nothing`), and started again.
Since the copy: accounts were made, a device was linked, sessions were begun with keys that the copy hands out again,
mail was taken, and mail waits that the copy has never seen. Prints one JSON line. *At risk* is every message that was
promised and not yet answered by all of its readers' devices when the store was lost.
"""

import argparse
import asyncio
import contextlib
import json
import shutil
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random

from answerback.device.client import Client, Sent
from answerback.device.linking import Linking, join, parse_link_text
from answerback.device.registering import Relay
from answerback.device.signing_in import give_back_here
from answerback.model.handle import parse_handle
from answerback.model.registration import Registered
from answerback.storage.vault import KeySource
from tests.errands.scene import fresh_code, now_ms, received, registered, until
from tests.journey.processes import Process, free_port

OLD, NEW = ("ada", "bea", "cem", "dora", "emil"), ("fay", "gus")
"""Who was there before the copy was made, and who came since."""
AWAY = ("dora", "emil", "gus")
"""Whose devices are not connected while most is written: it waits at the relay."""
LAPTOP = "ada-laptop"
PATIENCE_S = 240.0
LOOK_S = 0.1


@dataclass
class Outcome:
    """What became of every message."""

    messages: int
    at_risk: int = 0
    lost: int = 0
    twice: int = 0
    by_themselves: int = 0
    """Accounts that the relay knew again without anybody's help."""
    with_a_code: int = 0
    """Accounts that a person had to give back, with a code."""
    noticed_s: float = 0.0
    """Until the last lost account had noticed."""
    repaired_s: float = 0.0
    """Until the last message was answered, from the relay's return."""


@dataclass
class Village:
    """A relay process, and devices in this process."""

    folder: Path
    relay: Process
    clients: dict[str, Client] = field(default_factory=dict)
    sent: list[tuple[Sent, str, tuple[str, ...]]] = field(default_factory=list)
    """Each message: its promise, its text, and the devices it is for."""
    _stacks: dict[str, contextlib.AsyncExitStack] = field(default_factory=dict)

    async def address(self) -> Relay:
        """Where the relay is."""
        _, url, pin = (await self.relay.hear("ready")).split()
        return Relay(url, bytes.fromhex(pin))

    async def joins(self, name: str) -> None:
        """Somebody registers."""
        address, handle = await self.address(), parse_handle(f"{name}@example.org")
        code = await fresh_code(self.relay, address, handle)
        await registered(self.folder / name, address, handle, code=code)
        await self.comes(name)

    async def comes(self, name: str) -> None:
        """A device is started."""
        stack = self._stacks[name] = contextlib.AsyncExitStack()
        self.clients[name] = await stack.enter_async_context(Client.open(self.folder / name))

    async def goes(self, name: str) -> None:
        """A device is stopped."""
        await self._stacks.pop(name).aclose()
        del self.clients[name]

    async def writes(self, author: str, reader: str, text: str) -> None:
        """One message."""
        devices = (reader, LAPTOP) if reader == "ada" and LAPTOP in self._everybody() else (reader,)
        sent = await self.clients[author].send(f"{reader}@example.org", text=text)
        self.sent.append((sent, text, devices))

    def _everybody(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()}

    def is_answered(self, sent: Sent) -> bool:
        """Whether every device of its readers has it, as far as its author knows."""
        told = sent._client.timeline(sent.id)
        return told is not None and told.stage.answered

    async def links(self) -> None:
        """Ada links a second device."""
        shown: asyncio.Future[Linking] = asyncio.get_running_loop().create_future()
        granting = asyncio.create_task(
            self.clients["ada"].link(show=shown.set_result, confirm=lambda name, device: True)
        )
        text = parse_link_text(str((await shown).text))
        home = self.folder / LAPTOP
        await join(home, text.relay, text.code, device_name="laptop", source=KeySource.FILE, now_ms=now_ms())
        await granting
        await self.comes(LAPTOP)

    async def end(self) -> None:
        """Everybody stops."""
        for name in list(self.clients):
            await self.goes(name)
        await self.relay.stop()


async def lose_and_count(folder: Path, *, messages: int, seed: int, nothing: bool = False) -> Outcome:
    """Live, lose the store, put the older one back, and count."""
    chance, outcome = Random(seed), Outcome(messages)
    store, copy = folder / "relay", folder / "yesterday"
    place = Village(folder, Process(["tests.errands.relay_child", str(store), str(free_port())]))
    await place.relay.start()
    try:
        for name in OLD:
            await place.joins(name)
        for number in range(messages // 4):
            author, reader = chance.sample(OLD[:3], 2)
            await place.writes(author, reader, f"before {number}")
        await _settled(place)
        await place.relay.stop()
        shutil.copytree(store, copy)
        await place.relay.start()
        await _since(place, chance, messages - messages // 4)
        await place.relay.kill()
        outcome.at_risk = sum(not place.is_answered(sent) for sent, _, _ in place.sent if not _is_gone(place, sent))
        if nothing:  # but for its certificate: a relay that shows another is trusted by no device, and rightly so
            for lost in store.glob("relay.db*"):
                lost.unlink()
        else:
            shutil.rmtree(store)
            shutil.copytree(copy, store)
        await place.relay.start()
        began_s = time.monotonic()
        for name in AWAY:
            await place.comes(name)
        await _give_back(place, outcome, began_s)
        await _settled(place)
        outcome.repaired_s = round(time.monotonic() - began_s, 1)
        _count(place, outcome)
        return outcome
    finally:
        await place.end()


async def _since(place: Village, chance: Random, messages: int) -> None:
    """What happened since the copy was made: new people, a new device, new sessions, mail taken and mail waiting."""
    for name in NEW:
        await place.joins(name)
    await place.links()
    for name in AWAY:
        await place.goes(name)
    here = [name for name in (*OLD, *NEW) if name not in AWAY]
    first = len(place.sent)
    for number in range(messages):
        author = chance.choice(here)
        reader = chance.choice([name for name in (*OLD, *NEW) if name != author])
        await place.writes(author, reader, f"since {number}")
        await asyncio.sleep(0)
    # Some is taken then, some waits at the relay, and some has hardly left.
    await until(lambda: sum(place.is_answered(sent) for sent, _, _ in place.sent[first:]) >= messages // 4)


async def _give_back(place: Village, outcome: Outcome, began_s: float) -> None:
    """Whoever the relay does not know gives their account back: one device of each, with a code."""
    given: set[bytes] = set()
    accounts = {client.identity.account for client in place.clients.values()}
    deadline_s = began_s + PATIENCE_S
    waiting = dict(place.clients)
    while waiting and time.monotonic() < deadline_s:
        for name, client in list(waiting.items()):
            if client.status().connected:
                del waiting[name]
            elif client.identity.account not in given and _is_lost(client, place):
                outcome.noticed_s = round(time.monotonic() - began_s, 1)
                given.add(client.identity.account)
                code = await fresh_code(place.relay, await place.address(), client.identity.handle)
                await give_back_here(client.agent, code=code)
        await asyncio.sleep(LOOK_S)
    outcome.with_a_code, outcome.by_themselves = len(given), len(accounts) - len(given)


def _is_lost(client: Client, place: Village) -> bool:
    """Whether no device of an account is known any more: one that is brings the others back by itself."""
    others = [each for each in place.clients.values() if each.identity.account == client.identity.account]
    return all(each.standing().state is Registered.UNKNOWN for each in others)


async def _settled(place: Village) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_S):
            while not _is_settled(place):  # noqa: ASYNC110 - the news of seven devices
                await asyncio.sleep(LOOK_S)


def _is_settled(place: Village) -> bool:
    return all(place.is_answered(sent) for sent, _, _ in place.sent if not _is_gone(place, sent))


def _is_gone(place: Village, sent: Sent) -> bool:
    """Whether its author's device was stopped since: it was answered before."""
    return sent._client not in place.clients.values()


def _count(place: Village, outcome: Outcome) -> None:
    shelves = {name: received(client) for name, client in place.clients.items()}
    for _, text, devices in place.sent:
        since = [device for device in devices if device != LAPTOP or text.startswith("since")]
        outcome.lost += sum(text not in shelves[device] for device in since)
    outcome.twice = sum(len(texts) - len(set(texts)) for texts in shelves.values())


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--nothing", action="store_true", help="There is no copy: all of relay.db is gone.")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = lose_and_count(Path(folder), messages=chosen.messages, seed=chosen.seed, nothing=chosen.nothing)
        print(json.dumps(asdict(asyncio.run(run))))


if __name__ == "__main__":
    main()
