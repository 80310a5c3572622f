"""A small world in memory: engines, a relay that obeys the protocol, and a clock that only moves when told to."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from answerback.core.effects import (
    Arrived,
    Connect,
    Disconnect,
    DropDraft,
    DropOutgoing,
    DropRatchet,
    DropSealSecret,
    Effect,
    Fact,
    KeepContact,
    KeepCopy,
    KeepCursor,
    KeepDeviceKeys,
    KeepDeviceList,
    KeepDeviceName,
    KeepDraft,
    KeepMessage,
    KeepOutgoing,
    KeepRatchet,
    KeepRelay,
    KeepSealKey,
    KeepSealSecret,
    KeepSeen,
    KeepStep,
    KeepStream,
    KeepTransfer,
    Moment,
    News,
    RaiseStage,
    Save,
    Tell,
    Transmit,
)
from answerback.core.engine import Engine
from answerback.core.machines import Self
from answerback.core.memory import Memory
from answerback.crypto.identity import DeviceKeys, RootKey, first_device_list, next_device_list
from answerback.model.causes import Cause
from answerback.model.devices import Signed
from answerback.model.envelope import Delivery, Envelope
from answerback.model.ids import AccountId, DeviceId, EnvelopeId, MessageId
from answerback.model.message import Lane, Message, Urgency
from answerback.model.stamp import Stamp
from answerback.model.timeline import Stage, Step
from answerback.wire.codec import decode, decode_client_frame, decode_relay_frame, encode
from answerback.wire.frames import (
    Acceptance,
    Accepted,
    Announce,
    Announced,
    Challenge,
    Claim,
    Claimed,
    ClientFrame,
    Deliver,
    Hello,
    Inquire,
    Listed,
    Located,
    LookUp,
    Ping,
    Pong,
    Publish,
    Published,
    Refusal,
    Refused,
    RelayFrame,
    Resolve,
    Resolved,
    Submit,
    Took,
    Welcome,
    Whereabouts,
)

PICKLE_KEY = b"k" * 32


@dataclass
class Disk:
    """What a journal would hold, as plain dictionaries."""

    facts: dict[object, Fact] = field(default_factory=dict)
    messages: dict[tuple[AccountId, MessageId], Message] = field(default_factory=dict)
    arrivals: list[MessageId] = field(default_factory=list)
    steps: list[tuple[MessageId, DeviceId | None, Step]] = field(default_factory=list)

    def commit(self, facts: list[Fact]) -> None:  # noqa: C901, PLR0912 - one case for each fact
        for fact in facts:
            match fact:
                case KeepMessage(message):
                    if (message.author, message.id) not in self.messages:
                        self.messages[message.author, message.id] = message
                        self.arrivals.append(message.id)
                case KeepStep(message, device, step) | RaiseStage(message, device, step):
                    self.steps.append((message, device, step))
                case DropDraft(identity):
                    self.facts.pop((KeepDraft, identity), None)
                case DropOutgoing(identity):
                    self.facts.pop((KeepOutgoing, identity), None)
                    for key in [key for key in self.facts if isinstance(key, tuple) and key[:2] == (KeepCopy, identity)]:
                        del self.facts[key]
                case DropRatchet(device, lane, session):
                    self.facts.pop((KeepRatchet, device, lane, session), None)
                case DropSealSecret(identity):
                    self.facts.pop((KeepSealSecret, identity), None)
                case KeepCopy():
                    before = self.facts.get((KeepCopy, fact.message, fact.device))
                    if fact.sealed is None and isinstance(before, KeepCopy) and fact.envelope == before.envelope:
                        fact = KeepCopy(**{**_fields(fact), "sealed": before.sealed})
                    self.facts[KeepCopy, fact.message, fact.device] = fact
                case _:
                    self.facts[_key(fact)] = fact

    def memory(self) -> Memory:
        def of(kind: type) -> tuple[Fact, ...]:
            return tuple(fact for fact in self.facts.values() if isinstance(fact, kind))

        messages = tuple(self.messages.values())
        return Memory(
            device_keys=next(iter(of(KeepDeviceKeys)), None),
            drafts=of(KeepDraft),
            outgoing=of(KeepOutgoing),
            copies=of(KeepCopy),
            ratchets=of(KeepRatchet),
            seal_secrets=of(KeepSealSecret),
            device_lists=of(KeepDeviceList),
            seal_keys=of(KeepSealKey),
            contacts=of(KeepContact),
            device_names=of(KeepDeviceName),
            streams=of(KeepStream),
            seen=of(KeepSeen),
            cursors=of(KeepCursor),
            relay=next(iter(of(KeepRelay)), None),
            transfers=of(KeepTransfer),
            recent=messages,
            last_stamp=max((message.stamp for message in messages), default=Stamp(0, 0)),
        )


def _fields(fact: KeepCopy) -> dict[str, object]:
    return {name: getattr(fact, name) for name in fact.__slots__}


def _key(fact: Fact) -> object:
    match fact:
        case KeepDraft() | KeepOutgoing() | KeepSealSecret() | KeepSeen():
            return type(fact), fact.id
        case KeepRatchet():
            return KeepRatchet, fact.device, fact.lane, fact.session
        case KeepDeviceKeys() | KeepRelay():
            return type(fact)
        case KeepDeviceList():
            return KeepDeviceList, fact.account
        case KeepSealKey() | KeepDeviceName():
            return type(fact), fact.device
        case KeepContact():
            return KeepContact, fact.handle
        case KeepStream():
            return KeepStream, fact.device, fact.lane
        case KeepCursor():
            return KeepCursor, fact.lane
        case KeepTransfer():
            return KeepTransfer, fact.blob, fact.uploading
    raise AssertionError(fact)


@dataclass
class Mailbox:
    """One device's mailbox at the relay of this world."""

    rows: dict[int, tuple[Lane, EnvelopeId, bytes]] = field(default_factory=dict)
    last: int = 0
    handed: int = 0


@dataclass
class Relay:
    """A relay that keeps the protocol, with switches for the ways in which real ones do not."""

    store: bytes = b"store"
    boot: bytes = b"boot-1"
    handles: dict[str, AccountId] = field(default_factory=dict)
    lists: dict[AccountId, list[Signed]] = field(default_factory=dict)
    owners: dict[DeviceId, AccountId] = field(default_factory=dict)
    prekeys: dict[DeviceId, list[Signed]] = field(default_factory=dict)
    fallback: dict[DeviceId, Signed] = field(default_factory=dict)
    seal_keys: dict[DeviceId, Signed] = field(default_factory=dict)
    mailboxes: dict[DeviceId, Mailbox] = field(default_factory=dict)
    online: set[DeviceId] = field(default_factory=set)
    refuse: dict[DeviceId, tuple[Cause, int]] = field(default_factory=dict)
    clock_ms: int = 0

    def answer(self, device: DeviceId, frame: ClientFrame) -> Iterator[RelayFrame]:  # noqa: C901, PLR0912
        match frame:
            case Hello():
                self.online.add(device)
                box = self.mailboxes.setdefault(device, Mailbox())
                self._took(box, {taken.lane: taken.position for taken in frame.taken})
                box.handed = 0
                seal_key = self.seal_keys.get(device)
                identity = decode(seal_key.body, list)[1] if seal_key else b""
                version = len(self.lists[self.owners[device]])
                left = len(self.prekeys.get(device, ()))
                yield Welcome(
                    self.clock_ms, self.store, self.boot, b"t" * 32, len(box.rows), box.last, version, left, identity
                )
            case Submit():
                for envelope in frame.envelopes:
                    yield self._submit(envelope)
            case Took():
                self._took(self.mailboxes[device], {taken.lane: taken.position for taken in frame.entries})
            case Inquire():
                found = []
                for asked in frame.entries:
                    box = self.mailboxes.get(asked.device, Mailbox())
                    held = any(row[1] == asked.id for row in box.rows.values())
                    found.append(Whereabouts(asked.id, held, False, 0 if asked.device in self.online else 5))
                yield Located(found)
            case LookUp():
                lists = self.lists.get(frame.account, [])
                devices = [device for device, owner in self.owners.items() if owner == frame.account]
                keys = [self.seal_keys[device] for device in devices if device in self.seal_keys]
                yield Listed(frame.request, frame.account, lists[frame.known_version :], keys)
            case Resolve():
                yield Resolved(frame.request, frame.handle, self.handles.get(frame.handle, AccountId(b"")))
            case Claim():
                left = self.prekeys.get(frame.device, [])
                prekey = left.pop(0) if left else self.fallback.get(frame.device)
                yield Claimed(frame.request, frame.device, prekey, "" if prekey else "recipient.no_keys")
            case Publish():
                self.prekeys.setdefault(device, []).extend(frame.prekeys)
                if frame.fallback:
                    self.fallback[device] = frame.fallback
                if frame.seal_key:
                    self.seal_keys[device] = frame.seal_key
                yield Published(frame.request, len(self.prekeys[device]))
            case Announce():
                self.lists[self.owners[device]].append(frame.list)
                yield Announced(frame.request, len(self.lists[self.owners[device]]))
            case Ping():
                yield Pong(frame.echo, self.clock_ms)

    def pages(self, device: DeviceId) -> Iterator[Deliver]:
        """Hand over what was not handed over in this connection."""
        box = self.mailboxes.setdefault(device, Mailbox())
        rows = [(position, row) for position, row in sorted(box.rows.items()) if position > box.handed]
        if rows:
            box.handed = rows[-1][0]
            rows.sort(key=lambda row: (row[1][0], row[0]))
            yield Deliver([Delivery(position, lane, identity, sealed) for position, (lane, identity, sealed) in rows])

    def _submit(self, envelope: Envelope) -> RelayFrame:
        if envelope.device in self.refuse:
            cause, retry_ms = self.refuse[envelope.device]
            return Refused([Refusal(envelope.id, cause.value, retry_ms)])
        if envelope.device not in self.owners:
            return Refused([Refusal(envelope.id, Cause.RECIPIENT_DEVICE_GONE.value, -1)])
        box = self.mailboxes.setdefault(envelope.device, Mailbox())
        if not any(row[1] == envelope.id for row in box.rows.values()):
            box.last += 1
            box.rows[box.last] = (envelope.lane, envelope.id, envelope.sealed)
        version = len(self.lists[self.owners[envelope.device]])
        return Accepted([Acceptance(envelope.id, version, 0 if envelope.device in self.online else 60)])

    @staticmethod
    def _took(box: Mailbox, taken: dict[Lane, int]) -> None:
        for position in [position for position, row in box.rows.items() if position <= taken.get(row[0], 0)]:
            del box.rows[position]


@dataclass
class Phone:
    """One device: its engine, its disk, and what it was told."""

    world: "World"
    own: Self
    root: RootKey
    engine: Engine
    disk: Disk = field(default_factory=Disk)
    news: list[News] = field(default_factory=list)
    connected: bool = False
    wanted: bool = False
    to_relay: list[bytes] = field(default_factory=list)
    to_phone: list[bytes] = field(default_factory=list)
    sent_frames: int = 0

    def carry_out(self, effects: list[Effect]) -> None:
        """Disk, then network, then person."""
        self.disk.commit([effect.fact for effect in effects if isinstance(effect, Save)])
        written: list[EnvelopeId] = []
        for effect in effects:
            match effect:
                case Connect():
                    self.wanted = True
                case Disconnect(cause):
                    self.drop(cause)
                case Transmit(frame) if self.connected:
                    self.sent_frames += 1
                    self.to_relay.append(encode(frame))
                    if isinstance(frame, Submit):
                        written += [envelope.id for envelope in frame.envelopes]
                case Tell(news):
                    self.news.append(news)
                case _:
                    pass
        if written:
            self.carry_out(self.engine.written(written, now=self.world.now))

    def send(self, *handles: str, text: str, urgency: Urgency = Urgency.NORMAL) -> MessageId:
        identity, effects = self.engine.send(
            handles=handles, text=text, attachment=None, urgency=urgency, lifetime_s=86_400, now=self.world.now
        )
        self.carry_out(effects)
        return identity

    def drop(self, cause: Cause = Cause.NETWORK_CONNECTION_LOST) -> None:
        self.connected = self.wanted = False
        self.to_relay.clear()
        self.to_phone.clear()
        self.world.relay.online.discard(self.own.device)
        self.carry_out(self.engine.lost(cause, now=self.world.now))

    def crash(self) -> None:
        """Lose everything but the disk, and start again from it."""
        self.connected = self.wanted = False
        self.to_relay.clear()
        self.to_phone.clear()
        self.world.relay.online.discard(self.own.device)
        memory = self.disk.memory()
        assert memory.device_keys is not None
        keys = DeviceKeys.from_pickle(memory.device_keys.pickle, PICKLE_KEY)
        self.engine = Engine(
            self.own, keys, pickle_key=PICKLE_KEY, randomness=self.world.random.randbytes, memory=memory
        )
        self.carry_out(self.engine.start(now=self.world.now))

    def stage(self, message: MessageId, device: DeviceId | None = None) -> Stage:
        """The furthest stage its timeline shows."""
        found = [step.stage for known, where, step in self.disk.steps if known == message and device in (None, where)]
        return max(found)

    @property
    def texts(self) -> list[str]:
        return [message.text for message in self.disk.messages.values() if message.author != self.own.account]

    @property
    def shown(self) -> list[str]:
        return [
            news.message.text
            for news in self.news
            if isinstance(news, Arrived) and news.message.author != self.own.account
        ]


class World:
    """Phones, a relay, and time."""

    def __init__(self, seed: int = 0) -> None:
        self.random = random.Random(seed)  # noqa: S311 - a simulation
        self.relay = Relay()
        self.phones: list[Phone] = []
        self.now_s = 1000.0
        self.wall_ms = 1_800_000_000_000
        self.reachable = True

    @property
    def now(self) -> Moment:
        return Moment(self.now_s, self.wall_ms + round(self.now_s * 1000))

    def person(self, handle: str, name: str = "phone") -> Phone:
        """Register a new account with its first device."""
        root, keys = RootKey.generate(), DeviceKeys.generate()
        signed = first_device_list(root, keys.device(0), now_ms=0)
        self.relay.handles[handle] = root.account_id
        self.relay.lists[root.account_id] = [signed]
        return self._phone(handle, name, root, keys)

    def second_device(self, first: Phone, name: str) -> Phone:
        """Link another device to an account."""
        keys = DeviceKeys.generate()
        current = self.relay.lists[first.own.account][-1]
        devices = decode(current.body, _devices_type()).devices
        signed = next_device_list(first.root, current, [*devices, keys.device(0)], 0)
        phone = self._phone(first.own.handle, name, first.root, keys)
        first.carry_out(first.engine.announce(signed, now=self.now))
        self.run(2)
        return phone

    def _phone(self, handle: str, name: str, root: RootKey, keys: DeviceKeys) -> Phone:
        own = Self(root.account_id, keys.device_id, name, handle)
        engine = Engine(own, keys, pickle_key=PICKLE_KEY, randomness=self.random.randbytes)
        phone = Phone(self, own, root, engine)
        phone.disk.commit([KeepDeviceKeys(keys.pickle(PICKLE_KEY))])
        self.relay.owners[own.device] = own.account
        self.phones.append(phone)
        phone.carry_out(engine.start(now=self.now))
        return phone

    def run(self, seconds: float = 10.0, *, step_s: float = 0.05) -> None:
        """Let time pass."""
        for _ in range(round(seconds / step_s)):
            self.now_s += step_s
            self.relay.clock_ms = 1_800_000_000_000 + round(self.now_s * 1000)
            for phone in self.phones:
                self.turn(phone)

    def turn(self, phone: Phone) -> None:
        """Let one phone connect, speak, listen and wake."""
        if phone.wanted and not phone.connected and self.reachable:
            phone.connected, phone.wanted = True, False
            phone.carry_out(phone.engine.opened(now=self.now))
            phone.to_phone.append(encode(Challenge(b"n" * 32, b"relay", self.relay.clock_ms)))
        if phone.connected and self.reachable:
            outgoing, phone.to_relay = phone.to_relay, []
            for data in outgoing:
                answers = self.relay.answer(phone.own.device, decode_client_frame(data))
                phone.to_phone += [encode(answer) for answer in answers]
            if phone.own.device in self.relay.online:
                phone.to_phone += [encode(page) for page in self.relay.pages(phone.own.device)]
            incoming, phone.to_phone = phone.to_phone, []
            for data in incoming:
                if phone.connected:
                    phone.carry_out(phone.engine.received(decode_relay_frame(data), now=self.now))
        wake = phone.engine.wake_at
        if wake is not None and wake.at_s <= self.now_s:
            phone.carry_out(phone.engine.wake(now=self.now))


def _devices_type() -> type:
    from answerback.model.devices import DeviceList

    return DeviceList
