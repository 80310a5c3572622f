"""Builds one small world from a seed: people, their devices, a relay, and a clock that nobody waits for."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from answerback.core.effects import Effect as CoreEffect
from answerback.core.effects import Moment
from answerback.core.engine import Engine
from answerback.crypto.identity import DeviceKeys, RootKey, first_device_list, next_device_list, read_device_list
from answerback.lab.simulation.chronicle import Chronicle
from answerback.lab.simulation.post_office import PostOffice
from answerback.lab.simulation.truth import Sent, Truth
from answerback.lab.simulation.villager import Villager
from answerback.lab.simulation.witness import Witness, has_message
from answerback.model.devices import Device, Signed
from answerback.model.handle import Handle
from answerback.model.ids import AccountId, DeviceId, MessageId
from answerback.model.message import Urgency
from answerback.storage.account_store import AccountStore
from answerback.storage.relay_directory import put_first_list, put_list
from answerback.wire.frames import ClientFrame, Ping, Submit

PEOPLE = ("ann", "bea", "cem")
DEVICE_NAMES = ("phone", "laptop", "tablet")
KEYS_THERE_SHARE = 0.8
"""Devices that have published their keys before: checking a hundred keys is half the cost of a small world."""
GOODBYE_S = 5.0
"""After which nobody looks at a device any more that was taken off its account's list."""
CANARY = "canary"
"""In every text; whoever may not read what people write must never hold it."""


class Town:
    """One world."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.loop = asyncio.get_running_loop()
        self.random = random.Random(seed)
        self.chronicle = Chronicle(self.loop.time)
        self.truth = Truth()
        self.witness = Witness(self)
        self.villagers: list[Villager] = []
        self.spare: list[DeviceKeys] = []
        self.talk: Counter[str] = Counter()
        """Frames each device has sent, but for pings."""
        self.timers: list[asyncio.TimerHandle] = []
        self._folder = folder
        self.office = PostOffice(folder, self.random, self.chronicle, self.truth, on_list=self._list_put)
        self._settle()

    @property
    def wall_ms(self) -> int:
        """True time."""
        return self.office.wall_ms

    # ---- people

    def _settle(self) -> None:
        """People move in: two or three, with one or two devices each."""
        people = PEOPLE[: self.random.choice((2, 2, 3))]
        counts = [self.random.choice((1, 2)) for _ in people]
        # The library that makes device keys draws them from the operating system. What a key *is* decides nothing
        # here but order; so the keys are put in order first and then dealt out by the seed.
        dealt = sorted((DeviceKeys.generate() for _ in range(sum(counts) + 1)), key=lambda keys: keys.device_id)
        self.random.shuffle(dealt)
        database = self.office.start()
        with database.transaction():
            for handle, count in zip(people, counts, strict=True):
                root = RootKey.from_seed(self.random.randbytes(32))
                self.chronicle.names[root.account_id] = handle
                own = [dealt.pop() for _ in range(count)]
                signed = first_device_list(root, own[0].device(0), now_ms=self.wall_ms)
                put_first_list(database, signed, read_device_list(root.account_id, signed))
                if own[1:]:
                    entries = [keys.device(0) for keys in own]
                    signed = next_device_list(root, signed, entries, self.wall_ms)
                    put_list(database, signed, read_device_list(root.account_id, signed))
                AccountStore(database).claim(address(handle), root.account_id, now_ms=self.wall_ms)
                for name, keys in zip(DEVICE_NAMES, own, strict=False):
                    villager = self._move_in(f"{handle} {name}", handle, root, keys)
                    if self.random.random() < KEYS_THERE_SHARE:
                        villager.publish_before(database)
        self.spare = dealt
        for villager in self.villagers:
            villager.start()

    def _move_in(self, name: str, handle: str, root: RootKey, keys: DeviceKeys) -> Villager:
        self.chronicle.names[keys.device_id] = name
        villager = Villager(self, name, handle=address(handle), root=root, keys=keys, folder=self._folder)
        villager.road.delay_s = self.random.choice((0.005, 0.03, 0.1, 0.3))
        self.villagers.append(villager)
        return villager

    def link(self, by: Villager) -> Villager | None:
        """Add a device to an account: it runs once the relay has the list that names it."""
        if not self.spare:
            return None
        count = sum(villager.account == by.account for villager in self.villagers)
        person = by.name.split()[0]
        new = self._move_in(f"{person} {DEVICE_NAMES[count]}", person, by.root, self.spare.pop())
        self.truth.changed.add(by.account)
        self.announce(by, [*self.listed(by), new.keys.device(0)])
        return new

    def announce(self, by: Villager, devices: list[Device]) -> None:
        """Sign an account's next device list, and have a device announce it."""
        signed = next_device_list(by.root, self._newest_list(by.account), devices, self.wall_ms)
        by.change(lambda engine, now: engine.announce(signed, now=now))

    def listed(self, of: Villager) -> list[Device]:
        """The devices on the newest list of an account."""
        return list(read_device_list(of.account, self._newest_list(of.account)).devices)

    def _newest_list(self, account: AccountId) -> Signed:
        sql = "SELECT body, signature FROM device_list WHERE account = ? ORDER BY version DESC LIMIT 1"
        ((body, signature),) = self.office.disk.rows(sql, (account,))
        assert isinstance(body, bytes)
        assert isinstance(signature, bytes)
        return Signed(body, signature)

    def _list_put(self, account: AccountId, listed: list[DeviceId], gone: list[DeviceId]) -> None:
        self.truth.changed.add(account)
        self.truth.revoked |= set(gone)
        for villager in self.villagers:
            if villager.device in gone:
                self.chronicle.say(villager.name, "is off its account's list")
                villager.is_out = True
                self.loop.call_later(GOODBYE_S, villager.crash)
            elif villager.device in listed and not villager.is_on:
                villager.start_later()

    def villager(self, device: DeviceId) -> Villager | None:
        """Find a device by its id."""
        return next((villager for villager in self.villagers if villager.device == device), None)

    def name(self, identity: DeviceId | AccountId | MessageId) -> str:
        """What something is called in the timeline."""
        return self.chronicle.name(identity)

    @property
    def awake(self) -> list[Villager]:
        """The devices that run."""
        return [villager for villager in self.villagers if villager.is_on]

    # ---- what people do

    def write(self, author: Villager, handles: Sequence[str], *, urgency: Urgency, lifetime_s: int) -> None:
        """Write a message; it counts if it is on the author's disk afterwards."""
        number = len(self.truth.sent) + 1
        text = f"{CANARY} {number} from {author.name}"
        accounts = frozenset(v.account for v in self.villagers if v.identity.handle.text in map(address, handles))
        made: list[MessageId] = []

        def make(engine: Engine, now: Moment) -> list[CoreEffect]:
            identity, effects = engine.send(
                handles=[address(handle) for handle in handles],
                text=text,
                attachment=None,
                urgency=urgency,
                lifetime_s=lifetime_s,
                now=now,
            )
            made.append(identity)
            self.chronicle.names[identity] = f"#{number}"
            self.truth.sent[identity] = Sent(
                id=identity,
                number=number,
                text=text,
                author=author.device,
                recipients=accounts,
                urgency=urgency,
                at_ms=self.wall_ms,
                lifetime_s=lifetime_s,
            )
            self.chronicle.say(author.name, f"writes #{number} to {', '.join(handles)}, {urgency.name.lower()}")
            return effects

        author.change(make)
        for identity in made:
            is_draft = author.disk.has("SELECT 1 FROM drafts WHERE id = ?", (identity,))
            if not is_draft and not has_message(author, author.account, identity):
                del self.truth.sent[identity]
                self.chronicle.say(author.name, f"#{number} was not promised: the disk did not take it")

    # ---- time

    def later(self, delay_s: float, what: Callable[[], None]) -> None:
        """Do something in a while, unless the world is healed before."""
        self.timers.append(self.loop.call_later(delay_s, what))

    def hears(self, who: Villager, frames: list[ClientFrame]) -> None:
        """Count what a device says, and see that nobody on the way can read it."""
        for frame in frames:
            self.talk[who.name] += not isinstance(frame, Ping)
            if isinstance(frame, Submit) and any(CANARY.encode() in envelope.sealed for envelope in frame.envelopes):
                self.chronicle.object("private", who.name, "sent a text that anybody on the way can read")

    async def end(self) -> None:
        """Throw the world away."""
        for timer in self.timers:
            timer.cancel()
        if self.office.is_up:
            self.office.crash()
        for villager in self.villagers:
            await villager.end()
        self.office.disk.close()


def address(handle: str) -> str:
    """A person's handle."""
    return Handle(f"{handle}@example.org").text
