"""A small world in memory: engines, a relay, and a clock that only moves when told to."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from answerback.core.effects import (
    IN_USE,
    Arrived,
    Close,
    Download,
    Effect,
    Moment,
    News,
    Probe,
    Proceed,
    Progressed,
    Save,
    Tell,
    Transmit,
    Upload,
    Use,
)
from answerback.core.engine import Engine
from answerback.core.facts import KeepDeviceKeys, KeepDraft
from answerback.core.machines import Self
from answerback.crypto.files import sealed_size
from answerback.crypto.identity import DeviceKeys, RootKey, first_device_list, next_device_list
from answerback.model.causes import Cause
from answerback.model.devices import Device, DeviceList
from answerback.model.ids import BlobId, DeviceId, EnvelopeId, MessageId
from answerback.model.message import Attachment, Message, Urgency
from answerback.model.timeline import Stage
from answerback.wire.codec import decode, decode_client_frame, decode_relay_frame, encode
from answerback.wire.frames import Challenge, Hello, Ping, Submit, Took
from tests.core.carrying import move
from tests.core.disk import Disk
from tests.core.log import Log
from tests.core.post_office import START_MS, Relay
from tests.core.witness import acknowledged, falsehoods

PICKLE_KEY = b"k" * 32
STEP_S = 0.05
"""Frames need one step in each direction."""
SETUP_S = 4 * STEP_S
"""Two round trips from an answered probe to a connection: a ping on the old one is answered sooner."""


class Strike(Enum):
    """Where in carrying out one change a crash strikes."""

    BEFORE_COMMIT = "before commit"
    BEFORE_NETWORK = "before network"
    AMID_NETWORK = "amid network"
    BEFORE_TELL = "before tell"


@dataclass
class Phone:
    """One device: its engine, its disk, and what it was told."""

    world: "World"
    own: Self
    root: RootKey
    engine: Engine
    disk: Disk = field(default_factory=Disk)
    news: list[News] = field(default_factory=list)
    line: int = 0
    """The connection that stands; 0 for none."""
    asking: list[int] = field(default_factory=list)
    """Probes that nobody has answered yet."""
    wanted: int = 0
    """The connection that is being set up; 0 for none."""
    stands_s: float = 0.0
    """When it will stand."""
    used: int = 0
    """The connection that is spoken on."""
    off: bool = False
    to_relay: list[bytes] = field(default_factory=list)
    to_phone: list[bytes] = field(default_factory=list)
    moving: list[Upload | Download] = field(default_factory=list)
    sent_frames: int = 0
    """All but pings."""
    wall_offset_ms: int = 0
    born_s: float = 0.0
    lives: int = 1
    fuse: tuple[int, Strike] | None = None
    """After how many changes a crash strikes, and where in that one."""
    read_ids: set[MessageId] = field(default_factory=set)
    carry: Callable[[Sequence[Effect]], None] = lambda effects: None
    began: Callable[[], None] = lambda: None

    @property
    def now(self) -> Moment:
        """This phone's own two times: seconds since it began to run, and whatever its wall clock says."""
        return Moment(self.world.now_s - self.born_s, self.world.clock_ms + self.wall_offset_ms)

    # ---- carrying out

    def carry_out(self, effects: list[Effect]) -> None:
        """Disk, then network, then person; or a crash in between."""
        strike = self._burn()
        if strike is Strike.BEFORE_COMMIT:
            return self.crash()
        self.disk.commit([effect.fact for effect in effects if isinstance(effect, Save)])
        self.world.objections += falsehoods(self, effects)
        if strike is Strike.BEFORE_NETWORK:
            return self.crash()
        outgoing = [effect for effect in effects if not isinstance(effect, Save | Tell)]
        if strike is Strike.AMID_NETWORK:
            outgoing = outgoing[: self.world.random.randint(0, len(outgoing))]
        written = self._network(outgoing)
        self.carry(outgoing)
        if strike is not None:
            return self.crash()
        self.news += [effect.news for effect in effects if isinstance(effect, Tell)]
        if written:
            self.carry_out(self.engine.written(written, now=self.now))
        return None

    def _network(self, effects: Sequence[Effect]) -> list[EnvelopeId]:
        written: list[EnvelopeId] = []
        for effect in effects:
            match effect:
                case Probe(line):
                    self.asking.append(line)
                case Proceed(line):
                    self.wanted, self.stands_s = line, self.world.now_s + SETUP_S
                case Close(line):
                    self._hang_up(line)
                case Use(line):
                    assert line == self.line, "it is the one that stands"
                    self.used = line
                case Transmit(frame, line) if self.line and (self.used if line == IN_USE else line) == self.line:
                    self.sent_frames += not isinstance(frame, Ping)
                    self.to_relay.append(encode(frame))
                    if isinstance(frame, Submit):
                        written += [envelope.id for envelope in frame.envelopes]
                case Upload() | Download():
                    self.moving.append(effect)
                case _:
                    pass
        return written

    def _burn(self) -> Strike | None:
        if self.fuse is None:
            return None
        left, strike = self.fuse
        self.fuse = (left - 1, strike) if left else None
        return None if left else strike

    # ---- what a person does

    def send(
        self,
        *handles: str,
        text: str,
        urgency: Urgency = Urgency.NORMAL,
        lifetime_s: int = 86_400,
        file: Attachment | None = None,
    ) -> MessageId:
        """Promise a message."""
        identity, effects = self.engine.send(
            handles=handles, text=text, attachment=file, urgency=urgency, lifetime_s=lifetime_s, now=self.now
        )
        self.carry_out(effects)
        return identity

    def read(self, *messages: Message) -> None:
        """Read what arrived."""
        self.read_ids |= {message.id for message in messages}
        self.carry_out(self.engine.read(messages, now=self.now))

    # ---- what happens to it

    def drop(self, cause: Cause = Cause.NETWORK_CONNECTION_LOST) -> None:
        """Lose the connection and all that is on it."""
        lines = [line for line in (self.line, self.wanted, *self.asking) if line]
        self._unplug()
        for line in lines:
            self.carry_out(self.engine.lost(line, cause, now=self.now))

    def cut(self, *, relay_gets: int = 0, phone_gets: int = 0) -> None:
        """Lose the connection after so many frames in each direction have still come through."""
        if self.connected:
            del self.to_relay[relay_gets:]
            self.world.relay_hears(self)
            del self.to_phone[phone_gets:]
            self.world.phone_hears(self)
        self.drop()

    def crash(self) -> None:
        """Lose everything but the disk, and start again from it."""
        self.stop()
        self.start()

    def stop(self) -> None:
        """Stop running; the disk remains."""
        self._unplug()
        self.off = True

    def start(self) -> None:
        """Run again, from the disk."""
        memory = self.disk.memory()
        assert memory.device_keys is not None
        keys = DeviceKeys.from_pickle(memory.device_keys.pickle, PICKLE_KEY)
        self.engine = Engine(
            self.own, keys, pickle_key=PICKLE_KEY, randomness=self.world.random.randbytes, memory=memory
        )
        self.off, self.born_s, self.lives = False, self.world.now_s, self.lives + 1
        self.began()
        self.carry_out(self.engine.start(now=self.now))

    def connect(self) -> None:
        """Have a new connection stand at once, whatever the timetable says; nothing was said on it yet."""
        self.drop()
        for line in list(self.engine.machines.path.attempts.under_way):  # answered, and kept in hand
            self.carry_out(self.engine.lost(line, Cause.NETWORK_CONNECTION_LOST, now=self.now))
        self.carry_out(self.engine.start(now=self.now))
        (self.line,) = self.asking
        self.asking.clear()
        self.carry_out(self.engine.answered(self.line, now=self.now))
        assert self.wanted == self.line, "nothing is ahead of it"
        self.wanted = 0
        self.carry_out(self.engine.opened(self.line, now=self.now))

    @property
    def connected(self) -> bool:
        """Whether a connection stands."""
        return bool(self.line)

    def _hang_up(self, line: int) -> None:
        if line == self.line:
            self._unplug()
        self.wanted = 0 if self.wanted == line else self.wanted
        self.asking = [asked for asked in self.asking if asked != line]

    def _unplug(self) -> None:
        self.line = self.wanted = self.used = 0
        self.asking.clear()
        self.to_relay.clear()
        self.to_phone.clear()
        self.moving.clear()
        self.world.relay.online.discard(self.own.device)

    # ---- what it shows

    def stage(self, message: MessageId, device: "Phone | None" = None) -> Stage:
        """The furthest stage its timeline shows."""
        where = device.own.device if device else None
        return max(step.stage for known, there, step in self.disk.steps if known == message and where in (None, there))

    @property
    def texts(self) -> list[str]:
        """What others wrote, in order of arrival, as it is on disk."""
        by_id = {message.id: message for message in self.disk.messages.values()}
        arrived = [by_id[identity] for identity in self.disk.arrivals]
        return [message.text for message in arrived if message.author != self.own.account]

    @property
    def shown(self) -> list[str]:
        """What others wrote and this phone told of."""
        told = [news.message for news in self.news if isinstance(news, Arrived)]
        return [message.text for message in told if message.author != self.own.account]

    def told(self, message: MessageId) -> list[Stage]:
        """The stages told of one message."""
        return [news.step.stage for news in self.news if isinstance(news, Progressed) and news.message == message]

    def message(self, text: str) -> Message:
        """The one message with this text."""
        return next(message for message in self.disk.messages.values() if message.text == text)


class World:
    """Phones, a relay, and time."""

    def __init__(self, seed: int = 0, *, log: Log | None = None) -> None:
        self.random = random.Random(seed)
        self.relay = Relay(disconnect_all=self.disconnect_all)
        self.relay.store.log = log
        self.phones: list[Phone] = []
        self.now_s = 1000.0
        self.reachable = True
        self.objections: list[str] = []
        """Everything a phone claimed that was not so."""
        self.strict = True
        """Whether an objection ends the test at once."""

    @property
    def clock_ms(self) -> int:
        """True time."""
        return START_MS + round(self.now_s * 1000)

    def phone_of(self, device: DeviceId) -> Phone | None:
        """Find a phone by its device's id."""
        return next((phone for phone in self.phones if phone.own.device == device), None)

    # ---- people

    def person(self, handle: str, name: str = "phone", *, wall_offset_ms: int = 0) -> Phone:
        """Register a new account with its first device."""
        root, keys = RootKey.generate(), DeviceKeys.generate()
        self.relay.register(handle, root.account_id, first_device_list(root, keys.device(0), now_ms=0))
        return self.phone(Self(root.account_id, keys.device_id, name, handle), root, keys, wall_offset_ms)

    def second_device(self, first: Phone, name: str = "laptop", *, run_s: float = 2.0) -> Phone:
        """Link another device to an account."""
        keys = DeviceKeys.generate()
        phone = self.phone(Self(first.own.account, keys.device_id, name, first.own.handle), first.root, keys)
        self.change_devices(first, [*self.devices(first), keys.device(0)])
        self.run(run_s)
        return phone

    def revoke(self, by: Phone, gone: Phone) -> None:
        """Take a device off its account's list."""
        self.change_devices(by, [device for device in self.devices(by) if device.id != gone.own.device])

    def devices(self, phone: Phone) -> list[Device]:
        """The devices on the newest list of a phone's account."""
        return list(decode(self.relay.store.lists[phone.own.account][-1].body, DeviceList).devices)

    def change_devices(self, by: Phone, devices: list[Device]) -> None:
        """Sign and announce the account's next device list."""
        signed = next_device_list(by.root, self.relay.store.lists[by.own.account][-1], devices, 0)
        by.carry_out(by.engine.announce(signed, now=by.now))

    def file(self, size_bytes: int = 100_000) -> Attachment:
        """A file to send, as the shell would have staged it."""
        blob = BlobId(self.random.randbytes(16))
        return Attachment(blob, b"k" * 32, sealed_size(size_bytes), size_bytes, b"h" * 32, "a.jpg", "image/jpeg")

    def phone(self, own: Self, root: RootKey, keys: DeviceKeys, wall_offset_ms: int = 0) -> Phone:
        """Have a device with these keys; it is on a list only if somebody puts it there."""
        engine = Engine(own, keys, pickle_key=PICKLE_KEY, randomness=self.random.randbytes)
        phone = Phone(self, own, root, engine, wall_offset_ms=wall_offset_ms, born_s=self.now_s)
        phone.disk.commit([KeepDeviceKeys(keys.pickle(PICKLE_KEY))])
        self.relay.owners[own.device] = own.account
        self.phones.append(phone)
        phone.carry_out(engine.start(now=phone.now))
        return phone

    def disconnect_all(self) -> None:
        """The relay is gone: everybody's connection breaks."""
        for phone in self.phones:
            if phone.connected:
                phone.drop()

    # ---- time

    def run(self, seconds: float = 10.0) -> None:
        """Let time pass, in steps while something moves and in jumps while nothing does."""
        end_s = self.now_s + seconds
        while self.now_s < end_s - 1e-9 and not self.objections:
            self.now_s = min(end_s, self._next_s())
            self.relay.clock_ms = self.clock_ms
            self._step()
        assert not self.strict or self.objections == []

    def run_until(self, done: Callable[[], bool], *, at_most_s: float = 3600.0) -> float:
        """Let time pass until something holds; how long that took."""
        began_s = self.now_s
        while not done():
            assert self.now_s - began_s < at_most_s, f"not within {at_most_s} s"
            self.run(min(max(STEP_S, (self.now_s - began_s) / 20), 60.0))
        return self.now_s - began_s

    def settled(self) -> bool:
        """Whether no phone owes anybody anything."""
        return all(
            not phone.disk.of(KeepDraft)
            and not len(phone.engine.machines.outbox)
            and not len(phone.engine.machines.transfers)
            and phone.engine.machines.inbox.ask_at_s is None
            for phone in self.phones
            if not phone.off
        )

    def _next_s(self) -> float:
        next_s = self.now_s + STEP_S
        if self.relay.waiting and not self.relay.holds_commits:
            return next_s
        wakes = [float("inf")]
        for phone in self.phones:
            if phone.off:
                continue
            is_coming = (phone.wanted or phone.asking) and self.reachable
            if phone.to_phone or phone.to_relay or phone.moving or is_coming:
                return next_s
            wake = phone.engine.wake_at
            if wake is not None:
                wakes.append(wake.at_s + phone.born_s)
        return max(next_s, min(wakes))

    def _step(self) -> None:
        for phone in self.phones:
            asking, phone.asking = (phone.asking, []) if self.reachable else ([], phone.asking)
            for line in asking:
                phone.carry_out(phone.engine.answered(line, now=phone.now))
            if phone.wanted and self.reachable and self.now_s >= phone.stands_s - 1e-9:
                phone.line, phone.wanted = phone.wanted, 0
                phone.to_phone.clear()
                phone.to_relay.clear()
                phone.carry_out(phone.engine.opened(phone.line, now=phone.now))
                phone.to_phone.append(encode(Challenge(b"n" * 32, b"relay", self.relay.clock_ms)))
        if self.reachable:
            for phone in self.phones:
                self.phone_hears(phone)
            for phone in self.phones:
                self.relay_hears(phone)
            self._relay_speaks()
        for phone in self.phones:
            wake = phone.engine.wake_at
            if not phone.off and wake is not None and wake.at_s + phone.born_s <= self.now_s + 1e-9:
                phone.carry_out(phone.engine.wake(now=phone.now))

    def relay_hears(self, phone: Phone) -> None:
        """The relay takes what is on its way from this phone."""
        outgoing, phone.to_relay = phone.to_relay, []
        for data in outgoing:
            frame = decode_client_frame(data)
            if isinstance(frame, Took | Hello):
                rows = {(row.lane, at) for at, row in self.relay.box(phone.own.device).rows.items()}
                said = frame.entries if isinstance(frame, Took) else frame.taken
                entries = [each for each in said if isinstance(frame, Took) or (each.lane, each.position) in rows]
                self.objections += acknowledged(phone, entries, phone.disk.seen())
            answers = self.relay.answer(phone.own.device, frame)
            phone.to_phone += [encode(answer) for answer in answers]

    def _relay_speaks(self) -> None:
        for device, answer in self.relay.commit():
            there = self.phone_of(device)
            if there is not None and there.connected:
                there.to_phone.append(encode(answer))
        for phone in self.phones:
            if phone.connected and phone.own.device in self.relay.online:
                phone.to_phone += [encode(page) for page in self.relay.pages(phone.own.device)]

    def phone_hears(self, phone: Phone) -> None:
        """The phone takes what is on its way to it, frames and pieces of files."""
        incoming, phone.to_phone = phone.to_phone, []
        life = phone.lives
        for data in incoming:
            if phone.connected and phone.lives == life:
                phone.carry_out(phone.engine.received(phone.line, decode_relay_frame(data), now=phone.now))
        moving, phone.moving = phone.moving, []
        for piece in moving:
            if phone.connected and phone.lives == life:
                move(phone, piece)
