"""Builds one small world from a seed: people, their devices, a relay, and a clock that nobody waits for."""

import asyncio
import math
import random
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from answerback.core.effects import Effect as CoreEffect
from answerback.core.effects import Moment
from answerback.core.engine import Engine
from answerback.core.network.probe_budget import Platform
from answerback.crypto.identity import DeviceKeys, RootKey, first_device_list, next_device_list, read_device_list
from answerback.device.profile import profile_of
from answerback.lab.simulation.chronicle import Chronicle
from answerback.lab.simulation.disk import PowerCut
from answerback.lab.simulation.post_office import PostOffice
from answerback.lab.simulation.truth import Sent, Truth
from answerback.lab.simulation.villager import Villager
from answerback.lab.simulation.ways import CELLULAR, WIFI, Ways
from answerback.lab.simulation.wires import Road
from answerback.lab.simulation.witness import Witness, has_message
from answerback.model.devices import Device, DeviceList, Signed
from answerback.model.errors import StorageError
from answerback.model.handle import Handle
from answerback.model.ids import AccountId, BlobId, DeviceId, MessageId
from answerback.model.message import LIFETIME_S, Urgency
from answerback.storage.account_store import AccountStore
from answerback.storage.relay_directory import put_first_list, put_list
from answerback.wire.frames import ClientFrame, Pace, Ping, Submit, TakeOver
from answerback.wire.log_frames import Follow

PEOPLE = ("ann", "bea", "cem", "dan", "eva", "flo", "gus", "hal")
CROWD_SHARE = 0.02
"""Worlds with five to eight people: four times as slow as others."""
SECOND_ACCOUNT_SHARE = 0.2
"""Worlds in which somebody has another account, on the same machines."""
FEELS_SHARE = 0.7
"""Machines whose system tells of their ways out."""
SEVERAL_SHARE = 0.6
METERED_SHARE = 0.4
PROFILE_SHARE = 0.5
DELAYS_S = (0.005, 0.03, 0.1, 0.3)
SPARE_COUNT = 2
"""Devices that may be linked later."""
DEVICE_NAMES = ("phone", "laptop", "tablet")
KEYS_THERE_SHARE = 0.8
"""Devices that have published their keys before: checking a hundred keys is half the cost of a small world."""
WRONG_AT_FIRST_SHARE = 0.1
"""Worlds that begin with a clock that is wrong."""
DAY_MS = 86_400_000
RELAY_AHEAD_MS = 3 * DAY_MS
"""More than the day that a key's making may be ahead; far less than a message's life."""
FIRST_AHEAD_MS = (40 * DAY_MS, -40 * DAY_MS, 10_000 * DAY_MS, -10_000 * DAY_MS, 3 * 3_600_000)
GIVE_BACK_S_MAX = 600.0
GOODBYE_S = 5.0
"""After which nobody looks at a device any more that was taken off its account's list."""
CANARY = "canary"
"""In every text; whoever may not read what people write must never hold it."""


class Town:
    """One world."""

    def __init__(self, seed: int, folder: Path, *, may_begin_wrong: bool = False) -> None:
        self.loop = asyncio.get_running_loop()
        self.random = random.Random(seed)
        self.chronicle = Chronicle(self.loop.time)
        self.truth = Truth()
        self.witness = Witness(self)
        self.villagers: list[Villager] = []
        self.handles: dict[AccountId, str] = {}
        self.lists: dict[AccountId, list[Signed]] = {}
        """Every list of each account that a relay ever had."""
        self._signing: dict[AccountId, int] = {}
        """The version of each account's list that was signed last."""
        self.spare: list[DeviceKeys] = []
        self.talk: Counter[str] = Counter()
        self.readings: Counter[str] = Counter()
        """How often each device has asked what is new in the log, as it does every six hours."""
        """Frames each device has sent, but for those that are about the connection alone."""
        self.timers: list[asyncio.TimerHandle] = []
        self.folder = folder
        self.office = PostOffice(
            folder,
            self.random,
            self.chronicle,
            self.truth,
            on_list=self._list_put,
            on_back=self._register_again,
        )
        self._settle(may_begin_wrong=may_begin_wrong)

    @property
    def wall_ms(self) -> int:
        """True time."""
        return self.office.true_ms

    @property
    def latest_ms(self) -> int:
        """The latest time that anybody may honestly believe it is: the relay's clock decides, and may be wrong."""
        self.office.remember_clock()
        return self.wall_ms + self.truth.relay_ahead_ms

    # ---- people

    def _settle(self, *, may_begin_wrong: bool) -> None:
        """People move in, most of them with one account and one or two devices each."""
        accounts = self._accounts()
        people = [handle for handle, _ in accounts]
        counts = [count for _, count in accounts]
        # The library that makes device keys draws them from the operating system. What a key *is* decides nothing
        # here but order; so the keys are put in order first and then dealt out by the seed.
        dealt = sorted(
            (DeviceKeys.generate() for _ in range(sum(counts) + SPARE_COUNT)), key=lambda keys: keys.device_id
        )
        self.random.shuffle(dealt)
        database = self.office.start()
        wrong = self._wrong_at_first() if may_begin_wrong else ""
        with database.transaction():
            for handle, count in zip(people, counts, strict=True):
                root = RootKey.from_seed(self.random.randbytes(32))
                self.chronicle.names[root.account_id] = handle
                self.handles[root.account_id] = address(handle)
                own = [dealt.pop() for _ in range(count)]
                signed = first_device_list(root, own[0].device(0), now_ms=self.wall_ms)
                put_first_list(database, signed, read_device_list(root.account_id, signed))
                self.keep_list(signed, read_device_list(root.account_id, signed))
                if own[1:]:
                    entries = [keys.device(0) for keys in own]
                    signed = next_device_list(root, signed, entries, self.wall_ms)
                    put_list(database, signed, read_device_list(root.account_id, signed))
                    self.keep_list(signed, read_device_list(root.account_id, signed))
                AccountStore(database).claim(address(handle), root.account_id, now_ms=self.wall_ms)
                for name, keys in zip(DEVICE_NAMES, own, strict=False):
                    villager = self._move_in(f"{handle} {name}", handle, root, keys)
                    if wrong != "relay" and self.random.random() < KEYS_THERE_SHARE:
                        villager.publish_before(database)
        self.spare = dealt
        if wrong:
            self._begin_with_wrong_clocks(wrong)
        for villager in self.villagers:
            villager.start()

    def _wrong_at_first(self) -> str:
        """Whose clock is wrong when this world begins, if anybody's is."""
        if self.random.random() >= WRONG_AT_FIRST_SHARE:
            return ""
        return self.random.choice(("relay", "device"))

    def _begin_with_wrong_clocks(self, whose: str) -> None:
        """Let the relay's clock be days ahead at first, or a device's anywhere, while it is offline and writes."""
        self.truth.clocks_were_set = True
        if whose == "relay":
            self.chronicle.fault("relay_clock_wrong_at_first_start", "relay")
            self.office.clock.set_to(RELAY_AHEAD_MS, now_s=self.loop.time())
            self.office.remember_clock()
            self.later(self.random.uniform(2.0, 20.0), lambda: self.office.clock.set_to(0, now_s=self.loop.time()))
            return
        who = self.random.choice(self.villagers)
        ahead_ms = self.random.choice(FIRST_AHEAD_MS)
        self.chronicle.fault("clock_wrong_at_first_start", who.name, f"by {ahead_ms / 1000:+.0f} s")
        who.clock.set_to(ahead_ms, now_s=self.loop.time())
        for road in who.ways.roads.values():
            road.is_cut = True
        others = [account for account in self.handles if account != who.account]
        self.later(0.5, lambda: self.write(who, [], urgency=Urgency.NORMAL, lifetime_s=LIFETIME_S, accounts=others[:1]))
        self.later(self.random.uniform(1.0, 8.0), who.ways.heal)
        self.later(self.random.uniform(10.0, 30.0), lambda: who.clock.set_to(0, now_s=self.loop.time()))

    def _accounts(self) -> list[tuple[str, int]]:
        chance = self.random
        if chance.random() < CROWD_SHARE:
            self.chronicle.faults["crowd"] += 1
            return [(person, 1) for person in PEOPLE[: chance.randint(5, 8)]]
        people = PEOPLE[: chance.choice((2, 2, 3))]
        accounts = [(person, chance.choice((1, 2))) for person in people]
        if chance.random() < SECOND_ACCOUNT_SHARE:
            self.chronicle.faults["second_account"] += 1
            accounts.append((f"{chance.choice(people)}.work", chance.choice((1, 1, 2))))
        return accounts

    def _move_in(self, name: str, handle: str, root: RootKey, keys: DeviceKeys) -> Villager:
        self.chronicle.names[keys.device_id] = name
        villager = Villager(self, name, handle=address(handle), root=root, keys=keys, folder=self.folder)
        beside = next((other for other in self.villagers if "." in handle and other.name == _beside(name)), None)
        if beside is not None:
            villager.share_road(beside)
        else:
            self._lay_roads(villager)
        if self.random.random() < PROFILE_SHARE:
            villager.profile = profile_of(self.random.choice(tuple(Platform)))
        self.villagers.append(villager)
        return villager

    def _lay_roads(self, villager: Villager) -> None:
        """Give a machine one way out, or two; some systems tell of them and of their changes."""
        chance = self.random
        villager.road.delay_s = chance.choice(DELAYS_S)
        villager.feels = chance.random() < FEELS_SHARE
        if villager.feels and chance.random() < SEVERAL_SHARE:
            self.chronicle.faults["several_paths"] += 1
            first = villager.road
            second = Road(
                random.Random(chance.random()),
                delay_s=chance.choice(DELAYS_S),
                counts=self.chronicle.faults,
                handed_over=first.handed_over,
                first_sent=first.first_sent,
                arrived=first.arrived,
            )
            metered = {CELLULAR} if chance.random() < METERED_SHARE else set()
            villager.ways = Ways({WIFI: first, CELLULAR: second}, metered)

    def link(self, by: Villager) -> Villager | None:
        """Add a device to an account: it runs once the relay has the list that names it."""
        own = sum(villager.account == by.account for villager in self.villagers)
        if not self.may_sign(by) or not self.spare or own >= len(DEVICE_NAMES):
            return None
        person = by.name.split()[0]
        new = self._move_in(f"{person} {DEVICE_NAMES[own]}", person, by.root, self.spare.pop())
        self.truth.changed.add(by.account)
        self.announce(by, [*self.listed(by), new.keys.device(0)])
        return new

    def announce(self, by: Villager, devices: list[Device]) -> None:
        """Sign an account's next device list, and have a device announce it."""
        assert self.may_sign(by)
        signed = next_device_list(by.root, self._newest_list(by.account), devices, self.wall_ms)
        self._signing[by.account] = len(self.lists[by.account]) + 1
        self._say_list(by, signed)

    @staticmethod
    def _say_list(by: Villager, signed: Signed) -> None:
        by.change(lambda engine, now: engine.announce(signed, now=now))

    def repeat_forgotten_lists(self) -> None:
        """Where the relay and all devices that are left have forgotten a list, its owner makes that change again."""
        versions = self.office.list_versions()
        for account, lists in self.lists.items():
            known_version = versions.get(account)
            owners = [villager for villager in self.awake if villager.account == account]
            if isinstance(known_version, int) and known_version < len(lists) and owners:
                self.chronicle.say(owners[0].name, "changes the list of devices again, as it was")
                self._say_list(owners[0], lists[known_version])

    def may_sign(self, who: Villager) -> bool:
        """Whether no other list of this account is on its way: two that follow the same one contradict each other."""
        return self._signing.get(who.account, 0) <= len(self.lists[who.account])

    def listed(self, of: Villager) -> list[Device]:
        """The devices on the newest list of an account."""
        return list(read_device_list(of.account, self._newest_list(of.account)).devices)

    def _newest_list(self, account: AccountId) -> Signed:
        return self.lists[account][-1]

    def keep_list(self, signed: Signed, devices: DeviceList) -> None:
        """Know a list for ever, whatever the relay forgets."""
        lists = self.lists.setdefault(devices.account, [])
        if devices.version == len(lists) + 1:
            lists.append(signed)

    def _list_put(self, signed: Signed, devices: DeviceList, gone: list[DeviceId] | None) -> None:
        account, listed = devices.account, [device.id for device in devices.devices]
        if gone is None:
            before = read_device_list(account, self._newest_list(account)).devices
            gone = [device.id for device in before if device.id not in listed]
        self.truth.changed.add(account)
        self.truth.revoked |= set(gone)
        self.keep_list(signed, devices)
        for villager in self.villagers:
            if villager.device in gone:
                self.chronicle.say(villager.name, "is off its account's list")
                villager.is_out = True
                self.loop.call_later(GOODBYE_S, villager.crash)
            elif villager.device in listed and not villager.is_on:
                villager.listed_ms = villager.listed_ms or self.wall_ms
                villager.start_later()

    def _register_again(self) -> None:
        """Let people notice, each in their own time, that the relay has lost their account, and give it back."""
        for account in self.lists:
            if self.office.disk.has("SELECT 1 FROM device_list WHERE account = ?", (account,)):
                continue
            self.truth.absent_until_s[account] = math.inf
            self.loop.call_later(self.random.choice((0.0, 0.5, 8.0, 60.0)), self._give_back, account)

    def register_missing(self) -> None:
        """Let people notice that an older copy of the relay's store has none of their account, and give it back."""
        for account in self.lists:
            if not self.office.disk.has("SELECT 1 FROM device_list WHERE account = ?", (account,)):
                self.truth.absent_until_s[account] = math.inf
                self.loop.call_later(self.random.choice((0.0, 0.5, 8.0, 60.0)), self._give_back, account)

    def _give_back(self, account: AccountId, again_s: float = 1.0) -> None:
        """What `answerback re-register` does: one device brings all lists, after the handle was proven again."""
        if not self.office.is_up:  # perhaps for months: ever less often
            self.loop.call_later(again_s, self._give_back, account, min(again_s * 2, GIVE_BACK_S_MAX))
            return
        if self.office.disk.has("SELECT 1 FROM device_list WHERE account = ?", (account,)):
            return  # it was quicker to be lost twice than to be given back once
        database = self.office.database
        try:
            with database.transaction():
                listed = [(signed, read_device_list(account, signed)) for signed in self.lists[account]]
                put_first_list(database, *listed[0])
                for signed, devices in listed[1:]:
                    put_list(database, signed, devices)
                AccountStore(database).claim(self.handles[account], account, now_ms=self.wall_ms)
        except PowerCut:
            self.office.crash()
            self.loop.call_later(1.0, self._give_back, account)
        except StorageError:
            self.loop.call_later(1.0, self._give_back, account)
        else:
            self.truth.absent_until_s[account] = self.loop.time()
            self.chronicle.say(self.name(account), "is registered again")

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

    def write(
        self,
        author: Villager,
        handles: Sequence[str],
        *,
        urgency: Urgency,
        lifetime_s: int,
        accounts: Sequence[AccountId] = (),
        file: bytes | None = None,
    ) -> None:
        """Write a message; it counts if it is on the author's disk afterwards."""
        number = len(self.truth.sent) + 1
        text = f"{CANARY} {number} from {author.name}"
        attachment = None
        if file is not None:
            attachment = author.stage(BlobId(self.random.randbytes(16)), self.random.randbytes(32), file)
            if attachment is None:
                return
        addresses = [address(handle) for handle in handles]
        known = {handle: account for account, handle in self.handles.items()} | self.truth.moved
        made: list[MessageId] = []

        def make(engine: Engine, now: Moment) -> list[CoreEffect]:
            identity, effects = engine.send(
                handles=addresses,
                accounts=accounts,
                text=text,
                attachment=attachment,
                urgency=urgency,
                lifetime_s=lifetime_s,
                now=now,
            )
            made.append(identity)
            self.chronicle.names[identity] = f"#{number}"
            ahead_ms = author.clock.ahead_ms(self.loop.time()) if engine.machines.clock.relay_ms(now) is None else 0
            self.truth.sent[identity] = Sent(
                id=identity,
                number=number,
                text=text,
                author=author.device,
                recipients=frozenset((*accounts, *(known[handle] for handle in addresses if handle in known))),
                urgency=urgency,
                at_ms=self.wall_ms,
                lifetime_s=lifetime_s,
                file=file,
                is_answer=bool(accounts),
                is_for_nobody=not known.keys() >= set(addresses),
                behind_ms=max(0, -ahead_ms),
            )
            whom = ", ".join([*handles, *map(self.name, accounts)])
            what = f"#{number} to {whom}, {urgency.name.lower()}"
            self.chronicle.say(author.name, f"writes {what}, with a file" if file else f"writes {what}")
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
            self.talk[who.name] += not isinstance(frame, Ping | Pace | TakeOver)
            self.readings[who.name] += isinstance(frame, Follow)
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


def _beside(name: str) -> str:
    """The device of somebody's first account that is on the same machine as one of the second."""
    handle, device = name.split()
    return f"{handle.partition('.')[0]} {device}"


def address(handle: str) -> str:
    """A person's handle."""
    return Handle(f"{handle}@example.org").text
