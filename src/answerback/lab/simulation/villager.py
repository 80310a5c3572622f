"""Runs one device: the real agent and the real journal on a simulated disk, clock and network."""

import asyncio
import random
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, cast

from answerback.core.effects import (
    Arrived,
    FileReady,
    HandleChanged,
    LinkChanged,
    ModeChanged,
    News,
    Progressed,
    Warned,
)
from answerback.core.facts import Fact, KeepDeviceKeys, KeepSealSecret
from answerback.core.network.evidence import Evidence
from answerback.core.network.modes import Wish
from answerback.core.network.platforms import Profile
from answerback.core.sensing import Hinted, Sensed, Wished
from answerback.crypto.files import seal_file
from answerback.crypto.identity import DeviceKeys, RootKey
from answerback.crypto.prekeys import make_fallback, make_seal_key, mark_published, prekeys_to_publish
from answerback.device.agent import Agent, Change
from answerback.device.carrier import FileCarrier
from answerback.lab.simulation.clock import WallClock
from answerback.lab.simulation.disk import Disk, PowerCut
from answerback.lab.simulation.feeling import Feeling
from answerback.lab.simulation.folder import Folder
from answerback.lab.simulation.frozen import StoppableAgent
from answerback.lab.simulation.shelf import BlobWay
from answerback.lab.simulation.ways import Ways
from answerback.lab.simulation.wires import Dialled, Road, Wire, dial
from answerback.model.causes import Cause
from answerback.model.errors import StorageError
from answerback.model.handle import Handle
from answerback.model.ids import AccountId, BlobId, DeviceId
from answerback.model.message import Attachment, Message
from answerback.model.paths import ANY_PATH
from answerback.storage.database import Database, open_database
from answerback.storage.identity import Identity
from answerback.storage.journal import SCHEMA, Journal
from answerback.storage.lock import FolderLock
from answerback.storage.relay_directory import add_prekeys, put_fallback, put_seal_key
from answerback.transport.failures import Unreachable
from answerback.transport.ports import Ports
from answerback.wire.frames import ClientFrame

if TYPE_CHECKING:
    from answerback.device.senses import Senses
    from answerback.lab.simulation.town import Town

WOKE_SHARE = 0.7
"""Wakes from sleep that a system tells of."""
PREKEYS_LEFT = (26, *(40,) * 11)
"""The one is enough for most of a small world; with the other a device soon makes more: below 25."""
RESTART_S = (0.5, 20.0)
"""Until whatever watches over an agent starts it again."""


class _OwnFolder(FolderLock):
    """A folder no other process can see needs no lock."""

    def __init__(self) -> None:
        pass

    def release(self) -> None:
        """There is nobody to let in."""


class _WatchedJournal(Journal):
    """Shows every commit to the witness, after it."""

    def __init__(self, database: Database, watch: Callable[[Sequence[Fact]], None]) -> None:
        super().__init__(database, _OwnFolder())
        self._watch = watch

    def commit(self, facts: Sequence[Fact]) -> None:
        """Keep all of these, and show that they are kept."""
        super().commit(facts)
        self._watch(facts)


class Villager:
    """One device of one person, with all its lives."""

    def __init__(self, town: "Town", name: str, *, handle: str, root: RootKey, keys: DeviceKeys, folder: Path) -> None:
        self.town = town
        self.name = name
        self.root = root
        self.agent: StoppableAgent | None = None
        self.disk = Disk()
        self.ways = Ways({ANY_PATH: Road(random.Random(town.random.random()), counts=town.chronicle.faults)})
        self.feels = False
        """Its system tells of its ways and carries its datagrams."""
        self.profile: Profile | None = None
        """What its platform allows; without, it is as eager as it can be."""
        self.wish = Wish()
        self.folder = Folder(self.disk)
        self.file_keys: list[bytes] = []
        self.way = BlobWay(self._file_road, town.office, town.chronicle.faults)
        self.clock = WallClock()
        self.copies: list[tuple[float, bytes]] = []
        """Backups of its journal, and when they were taken."""
        self.is_out = False
        """Taken off its account's list: it will not run again."""
        self.listed_ms = 0
        """When the relay first had a list that names it."""
        self.lives = 0
        self._keys = keys
        self._path = folder / "journal.db"
        self._starter: asyncio.TimerHandle | None = None
        self._asleep_s: float | None = None
        self._slept_s = 0.0
        """How long its monotonic clock has slept."""
        self._feeling: Feeling | None = None
        self._nowhere = Road(random.Random(0), is_cut=True)
        self._endings: set[asyncio.Task[None]] = set()
        pickle_key = town.random.randbytes(32)
        self.identity = Identity(
            account=root.account_id,
            device=keys.device_id,
            device_name=name.rsplit(maxsplit=1)[-1],
            handle=Handle(handle),
            relay_url="https://relay.example",
            relay_pin=None,
            root_seed=root.seed,
            pickle_key=pickle_key,
            registered_ms=1,
        )
        journal = self._open()
        journal.keep_identity(self.identity)
        journal.commit([KeepDeviceKeys(keys.pickle(pickle_key))])
        journal.close()

    def publish_before(self, database: Database) -> None:
        """Have its keys at the relay already, as a device has that has lived a while; others publish them first."""
        keys, now_ms = self._keys, self.town.wall_ms
        ((number,),) = database.rows("SELECT number FROM device WHERE id = ?", (self.device,))
        secret, seal_key = make_seal_key(keys, now_ms=now_ms)
        add_prekeys(database, number, prekeys_to_publish(keys, self.town.random.choice(PREKEYS_LEFT)))
        put_fallback(database, number, make_fallback(keys))
        put_seal_key(database, number, seal_key, secret.id)
        mark_published(keys)
        journal = self._open()
        pickle = keys.pickle(self.identity.pickle_key)
        journal.commit([KeepDeviceKeys(pickle), KeepSealSecret(secret.id, secret.secret, secret.created_ms)])
        journal.close()

    @property
    def device(self) -> DeviceId:
        """Its id."""
        return self.identity.device

    @property
    def account(self) -> AccountId:
        """Whose it is."""
        return self.identity.account

    @property
    def keys(self) -> DeviceKeys:
        """The keys it was made with."""
        return self._keys

    @property
    def road(self) -> Road:
        """The road that its system prefers."""
        return self.ways.first

    @property
    def path(self) -> str:
        """Which of its ways carries its mail."""
        return self.agent.engine.machines.path.name if self.agent is not None else ANY_PATH

    @property
    def counts(self) -> bool:
        """Whether it belongs to its account: not taken off its list, and not still waiting to be put on it."""
        if self.is_out:
            return False
        return self.lives > 0 or self.device in {device.id for device in self.town.listed(self)}

    @property
    def is_on(self) -> bool:
        """Whether it runs, and is not stopped."""
        return self.agent is not None and not self.agent.is_stopped

    # ---- life

    def start(self) -> None:
        """Run, from the disk."""
        if self.agent is not None or self.is_out:
            return
        if self._starter is not None:
            self._starter.cancel()
            self._starter = None
        try:
            journal = self._open()
            carrier = FileCarrier(journal, self.folder, url="", pin=None, open_relay=lambda: self.way)
            ports = self._ports()
            agent = StoppableAgent(journal, self.identity, carrier, ports, profile=self.profile, wish=self.wish)
            self.folder.keep_staged(agent.files_wanted)
        except (PowerCut, StorageError) as error:
            self.town.chronicle.say(self.name, f"cannot start: {type(error).__name__}")
            self.start_later()
            return
        self.agent, self.lives = agent, self.lives + 1
        if self.feels:
            self._feel(agent)
        agent.listen(lambda news: self._hears(agent, news))
        agent.mourn(lambda: self._ended(agent))
        try:
            agent.start()
        except (PowerCut, StorageError):
            return  # a full disk is asked again by the agent itself; a power cut was mourned

    def crash(self) -> None:
        """Lose everything but the disk."""
        agent, self.agent = self.agent, None
        self._wake_clock()
        self.disk.cut_power()
        for wire in self.wires():
            if wire.device == self.name:
                wire.unplug()
        if agent is not None:
            self._bury(agent)

    def freeze(self, *, sleeps: bool = False) -> bool:
        """Stop its process, or send the whole device to sleep; false if it does not run."""
        if self.agent is None or self.agent.is_stopped:
            return False
        self.agent.stop_for_now()
        self._asleep_s = self.town.loop.time() if sleeps else None
        return True

    def thaw(self) -> None:
        """Let it go on, if it was stopped."""
        slept = self._asleep_s is not None
        self._wake_clock()
        if self.agent is not None and self.agent.is_stopped:
            self.town.chronicle.say(self.name, "goes on")
            self.agent.go_on()
            if slept and self.feels and self.town.random.random() < WOKE_SHARE:
                self.town.chronicle.fault("woke_and_told", self.name)
                self.senses(Hinted(Evidence.WOKE))

    def restore(self, image: bytes) -> None:
        """Put an older copy of its journal in its place, and run from that."""
        self.crash()
        self.town.truth.went_back(self.device, self.disk, lambda: self.disk.restore(image))
        self.start_later()

    def senses(self, event: Sensed) -> None:
        """Feel something; what is felt while nobody runs is felt by nobody, but for what a person wants."""
        if isinstance(event, Wished):
            self.wish = event.wish
        if self.agent is not None:
            self.agent.wish = self.wish
            self.agent.sensed(event)

    def look(self) -> None:
        """Look which ways there are."""
        if self._feeling is not None and self.agent is not None:
            self._feeling.look()

    def share_road(self, beside: "Villager") -> None:
        """Be on the same machine as another account's device: what befalls the way of one befalls the other's."""
        self.ways, self.feels = beside.ways, beside.feels

    def start_later(self) -> None:
        """Be started again in a while."""
        if self._starter is None and not self.is_out:
            delay_s = self.town.random.uniform(*RESTART_S)
            self._starter = self.town.loop.call_later(delay_s, self._start_now)

    async def end(self) -> None:
        """Let go of everything."""
        self.crash()
        if self._starter is not None:
            self._starter.cancel()
        await asyncio.gather(*self._endings, return_exceptions=True)
        self.disk.close()

    # ---- what a person does

    def change(self, make: Change) -> bool:
        """Make a change; false if it was not kept."""
        if self.agent is None or self.agent.is_stopped:
            return False
        try:
            self.agent.change(make)
        except (StorageError, PowerCut):
            return False
        return True

    def stage(self, blob: BlobId, key: bytes, content: bytes) -> Attachment | None:
        """Seal a file aside, to be sent; none if the disk did not take it."""
        try:
            sealed_bytes = self.folder.stage(blob, seal_file(key, [content]))
        except StorageError:
            return None
        except PowerCut:
            self.town.chronicle.say(self.name, "went off while it staged a file")
            self.crash()
            self.start_later()
            return None
        self.file_keys.append(key)
        digest = sha256(content).digest()
        return Attachment(blob, key, sealed_bytes, len(content), digest, "photo.jpg", "image/jpeg")

    def read(self, messages: Sequence[Message]) -> None:
        """Read what arrived."""
        self.town.truth.read |= {(self.device, message.id) for message in messages}
        self.change(lambda engine, now: engine.read(messages, now=now))

    # ---- private

    def _open(self) -> Journal:
        database = open_database(self._path, schema=SCHEMA, connect=self.disk.connect)
        return _WatchedJournal(database, lambda facts: self.town.witness.committed(self, facts))

    def _ports(self) -> Ports:
        chance = random.Random(self.town.random.random())
        return Ports(
            self._dial,
            monotonic_s=self._monotonic_s,
            wall_ms=self._wall_ms,
            randomness=chance.randbytes,
        )

    async def _dial(self, path: str) -> Dialled:
        road = self.ways.road(path)
        if road is None:
            raise Unreachable(Cause.NETWORK_NO_PATH)
        return await dial(road, self.town.office, self.name, sent=self._sent, began=self._connecting)

    def _file_road(self) -> Road:
        return self.ways.road(self.path) or self._nowhere

    def _feel(self, agent: StoppableAgent) -> None:
        town, chance = self.town, random.Random(self.town.random.random())
        counts = town.chronicle.faults
        self._feeling = Feeling(self.name, self.ways, town.office, agent.sensed, chance=chance, counts=counts)
        # The real one would ask this very machine; this one has all that an agent asks of it.
        agent.senses = cast("Senses", self._feeling)

    def _connecting(self) -> None:
        self.town.truth.connections[self.device] += 1

    def _sent(self, frames: list[ClientFrame]) -> None:
        self.town.witness.sent(self, frames)
        self.town.hears(self, frames)

    def _wall_ms(self) -> int:
        return self.town.wall_ms + self.clock.ahead_ms(self.town.loop.time())

    def _monotonic_s(self) -> float:
        now_s = self.town.loop.time() if self._asleep_s is None else self._asleep_s
        # Rounded: a timer that falls short by a rounding error would be set again, for no time at all, for ever.
        return round(now_s - self._slept_s, 6) if self._slept_s else now_s

    def _wake_clock(self) -> None:
        if self._asleep_s is not None:
            self._slept_s += self.town.loop.time() - self._asleep_s
            self._asleep_s = None

    def _start_now(self) -> None:
        self._starter = None
        self.start()

    def _ended(self, agent: Agent) -> None:
        if self.agent is not agent:
            return
        if not isinstance(agent.failure, PowerCut):
            self.town.chronicle.object("defect", self.name, f"{type(agent.failure).__name__}: {agent.failure}")
        self.town.chronicle.say(self.name, "went off in the middle of a change")
        self.crash()
        self.start_later()

    def _bury(self, agent: Agent) -> None:
        task = self.town.loop.create_task(agent.stop())
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)

    def _hears(self, agent: Agent, news: News) -> None:
        if agent is not self.agent:
            return
        chronicle, truth = self.town.chronicle, self.town.truth
        if isinstance(news, Progressed):
            self.town.witness.told(self, news)
        match news:
            case Arrived(message):
                truth.shown[self.device, message.author, message.id] += 1
                chronicle.say(self.name, f"shows {chronicle.name(message.id)} of {chronicle.name(message.author)}")
            case Progressed(message_id, device, step) if message_id in chronicle.names:
                what = f"{chronicle.name(message_id)} to {chronicle.name(device)}: {step.stage.name.lower()}"
                chronicle.say(self.name, f"{what} ({step.cause.value})" if step.cause.value != "unknown" else what)
            case LinkChanged(connected, cause):
                chronicle.say(self.name, "is connected" if connected else f"is not connected ({cause and cause.value})")
            case FileReady(message_id, _, cause):
                what = "whole" if cause is None else f"given up ({cause.value})"
                chronicle.say(self.name, f"the file of {chronicle.name(message_id)} is {what}")
            case ModeChanged(posture):
                chronicle.say(self.name, f"is {posture.mode.value} ({posture.why.value})")
            case HandleChanged(_, state):
                truth.heard[self.device].append(news)
                chronicle.say(self.name, f"hears of a handle: {state.name.lower()}")
            case Warned(cause):
                truth.warned[self.device].append(news)
                chronicle.say(self.name, f"warns: {cause.value}")
            case _:
                pass

    def wires(self) -> list[Wire]:
        """Its connections that the relay still knows."""
        return list(self.ways.wires())
