"""A relay in memory that keeps the protocol, with switches for the ways in which real ones do not."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from answerback.model.causes import Cause
from answerback.model.devices import DeviceList, SealKey, Signed
from answerback.model.envelope import Delivery, Envelope
from answerback.model.ids import AccountId, BlobId, DeviceId, EnvelopeId
from answerback.model.message import Lane
from answerback.wire.codec import decode
from answerback.wire.frames import (
    Acceptance,
    Accepted,
    Announce,
    Announced,
    Asked,
    Claim,
    Claimed,
    ClientFrame,
    Deliver,
    Hello,
    Inquire,
    Listed,
    Located,
    LookUp,
    Pace,
    Ping,
    Pong,
    Publish,
    Published,
    Refusal,
    Refused,
    RelayFrame,
    Resolve,
    Resolved,
    Resume,
    Submit,
    Subscribe,
    Taken,
    TakeOver,
    Took,
    Welcome,
    Whereabouts,
)
from answerback.wire.log_frames import Disclose, Follow, Remind
from tests.core.log import Log

START_MS = 1_800_000_000_000


@dataclass(frozen=True)
class Row:
    """One envelope in a mailbox."""

    lane: Lane
    id: EnvelopeId
    sealed: bytes
    stored_ms: int


@dataclass
class Mailbox:
    """One device's mailbox."""

    rows: dict[int, Row] = field(default_factory=dict)
    head: int = 0
    handed: int = 0
    taken: set[EnvelopeId] = field(default_factory=set)
    """What was taken in this run of the relay."""
    cursors: dict[Lane, int] = field(default_factory=dict)
    life: int = 0


@dataclass
class Store:
    """What is on the relay's disk."""

    handles: dict[str, AccountId] = field(default_factory=dict)
    lists: dict[AccountId, list[Signed]] = field(default_factory=dict)
    prekeys: dict[DeviceId, list[Signed]] = field(default_factory=dict)
    fallback: dict[DeviceId, Signed] = field(default_factory=dict)
    seal_keys: dict[DeviceId, Signed] = field(default_factory=dict)
    mailboxes: dict[DeviceId, Mailbox] = field(default_factory=dict)
    head: int = 0
    """The last position given to any mail."""
    log: Log | None = None
    """None: a relay that is older than logs."""
    blobs: dict[BlobId, int] = field(default_factory=dict)
    """How many bytes of each file are here."""


@dataclass
class Relay:
    """One relay and its misfortunes."""

    store: Store = field(default_factory=Store)
    name: bytes = b"store"
    boot: bytes = b"boot-1"
    owners: dict[DeviceId, AccountId] = field(default_factory=dict)
    online: set[DeviceId] = field(default_factory=set)
    refuse: dict[DeviceId, tuple[Cause, int]] = field(default_factory=dict)
    clock_ms: int = START_MS
    holds_commits: bool = False
    waiting: list[tuple[DeviceId, list[Envelope]]] = field(default_factory=list)
    """Submitted and not yet on disk: a crash loses this, and nobody was told otherwise."""
    stored_ever: set[EnvelopeId] = field(default_factory=set)
    lost_ever: set[EnvelopeId] = field(default_factory=set)
    """Mail that was here, was not taken and then was not here: a backup may bring it back behind a reader's cursor."""
    boots: int = 1
    shown: dict[DeviceId, Store] = field(default_factory=dict)
    """Devices to which the directory and the log of another store are shown."""
    handed_ever: int = 0
    disconnect_all: Callable[[], None] = lambda: None

    def register(self, handle: str, account: AccountId, signed: Signed) -> None:
        """Make an account."""
        self.store.handles[handle], self.store.lists[account] = account, [signed]
        if self.store.log is not None:
            self.store.log.add_list(signed)
            self.store.log.add_handle(handle, account)

    # ---- what it answers

    def answer(self, device: DeviceId, frame: ClientFrame) -> Iterator[RelayFrame]:
        """Answer one frame of a device."""
        match frame:
            case Hello():
                yield self._hello(device, frame)
            case Submit():
                self.waiting.append((device, list(frame.envelopes)))
                self.box(device).life = max(self.box(device).life, frame.life)
            case Took():
                self._took(self.box(device), {taken.lane: taken.position for taken in frame.entries})
            case TakeOver():
                self._took(self.box(device), {taken.lane: taken.position for taken in frame.taken})
            case Inquire():
                yield Located([self._where(asked) for asked in frame.entries])
            case Ping():
                yield Pong(frame.echo, self.clock_ms)
            case Announce():
                yield self._announce(device, frame)
            case Resume():
                raise AssertionError("a ticket is shown in the request for a connection, never on it")
            case Pace() | Subscribe():
                raise AssertionError("nobody here says how eager it is, or has itself woken")
            case Follow() | Disclose() | Remind():
                log = self.shown.get(device, self.store).log
                if log is not None:
                    log.clock_ms = self.clock_ms
                    yield log.answer(frame)
            case _:
                yield self._keys_and_lists(device, frame)

    def _keys_and_lists(self, device: DeviceId, frame: LookUp | Resolve | Claim | Publish) -> RelayFrame:
        store = self.store
        shown = self.shown.get(device, store)
        log = shown.log
        if log is not None:
            log.clock_ms = self.clock_ms
        match frame:
            case LookUp():
                lists = shown.lists.get(frame.account, [])
                proof = log.of_list(frame.account, len(lists), frame.known_size) if log else None
                keys = [store.seal_keys[known] for known in self.devices(frame.account) if known in store.seal_keys]
                return Listed(frame.request, frame.account, lists[frame.known_version :], keys, proof)
            case Resolve():
                proof = log.of_handle(frame.handle, frame.known_size) if log else None
                return Resolved(frame.request, frame.handle, shown.handles.get(frame.handle, AccountId(b"")), proof)
            case Claim():
                left = store.prekeys.get(frame.device, [])
                prekey = left.pop(0) if left else store.fallback.get(frame.device)
                return Claimed(frame.request, frame.device, prekey, "" if prekey else "recipient.no_keys")
            case Publish():
                if frame.anew:
                    store.prekeys.pop(device, None)
                held = store.prekeys.setdefault(device, [])
                held += [key for key in frame.prekeys if key not in held]
                if frame.fallback:
                    store.fallback[device] = frame.fallback
                if frame.seal_key:
                    store.seal_keys[device] = frame.seal_key
                return Published(frame.request, len(held))

    def commit(self) -> Iterator[tuple[DeviceId, RelayFrame]]:
        """Write down what was submitted, and only then say so."""
        if self.holds_commits:
            return
        waiting, self.waiting = self.waiting, []
        for device, envelopes in waiting:
            for envelope in envelopes:
                yield device, self._submit(envelope)

    def pages(self, device: DeviceId) -> Iterator[Deliver]:
        """Hand over what was not handed over in this connection."""
        box = self.box(device)
        rows = [(position, row) for position, row in sorted(box.rows.items()) if position > box.handed]
        if rows:
            box.handed = rows[-1][0]
            rows.sort(key=lambda row: (row[1].lane, row[0]))
            self.handed_ever += len(rows)
            yield Deliver([Delivery(position, row.lane, row.id, row.sealed) for position, row in rows])

    def devices(self, account: AccountId) -> list[DeviceId]:
        """The devices on an account's newest list."""
        lists = self.store.lists.get(account)
        return [device.id for device in decode(lists[-1].body, DeviceList).devices] if lists else []

    def box(self, device: DeviceId) -> Mailbox:
        """A device's mailbox."""
        return self.store.mailboxes.setdefault(device, Mailbox())

    # ---- its misfortunes

    def crash(self) -> None:
        """Lose what was not on disk, and come back as another run."""
        self.waiting.clear()
        self.boots += 1
        self.boot = f"boot-{self.boots}".encode()
        for box in self.store.mailboxes.values():
            box.taken.clear()
        self.disconnect_all()

    def lose_last(self, seconds: float) -> None:
        """A disk that lied: what was acknowledged in the last seconds is gone too."""
        for box in self.store.mailboxes.values():
            for position in [at for at, row in box.rows.items() if row.stored_ms > self.clock_ms - seconds * 1000]:
                self.lost_ever.add(box.rows.pop(position).id)
        self.crash()

    def lose_mailboxes(self) -> None:
        """All mail is gone."""
        for box in self.store.mailboxes.values():
            self.lost_ever |= {row.id for row in box.rows.values()}
            box.rows.clear()
        self.crash()

    def backup(self) -> Store:
        """A copy of everything on disk."""
        return copy.deepcopy(self.store)

    def restore(self, older: Store, *, with_lists: bool = False) -> None:
        """Go on from an older copy."""
        newer, self.store = self.store, copy.deepcopy(older)
        self.lost_ever |= {row.id for box in newer.mailboxes.values() for row in box.rows.values()}
        if not with_lists:
            self.store.lists, self.store.handles = newer.lists, newer.handles
        self.crash()

    # ---- private

    def _hello(self, device: DeviceId, frame: Hello) -> Welcome:
        self.online.add(device)
        box = self.box(device)
        held = {(row.lane, position) for position, row in box.rows.items()}
        self._took(box, {taken.lane: taken.position for taken in frame.taken if (taken.lane, taken.position) in held})
        box.handed, life, box.life = 0, box.life, max(box.life, frame.life)
        seal_key = self.store.seal_keys.get(device)
        identity = decode(seal_key.body, SealKey).id if seal_key else b""
        version = len(self.store.lists[self.owners[device]])
        left = len(self.store.prekeys.get(device, ()))
        waiting = len(box.rows)
        taken = [Taken(*cursor) for cursor in sorted(box.cursors.items())]
        head = max([box.head, *box.cursors.values()])
        return Welcome(
            self.clock_ms, self.name, self.boot, b"t" * 32, waiting, head, version, left, identity, taken, life
        )

    def _announce(self, device: DeviceId, frame: Announce) -> Announced:
        lists = self.store.lists[self.owners[device]]
        if frame.list == lists[-1]:
            return Announced(frame.request, len(lists))
        if decode(frame.list.body, DeviceList).version != len(lists) + 1:
            return Announced(frame.request, len(lists), Cause.TRUST_SIGNATURE_WRONG.value)
        lists.append(frame.list)
        if self.store.log is not None:
            self.store.log.add_list(frame.list)
        return Announced(frame.request, len(lists))

    def _where(self, asked: Asked) -> Whereabouts:
        box = self.box(asked.device)
        held = any(row.id == asked.id for row in box.rows.values())
        return Whereabouts(asked.id, held, asked.id in box.taken, 0 if asked.device in self.online else 5)

    def _submit(self, envelope: Envelope) -> RelayFrame:
        if envelope.device in self.refuse:
            cause, retry_ms = self.refuse[envelope.device]
            return Refused([Refusal(envelope.id, cause.value, retry_ms)])
        owner = self.owners.get(envelope.device)
        if owner is None or envelope.device not in self.devices(owner):
            return Refused([Refusal(envelope.id, Cause.RECIPIENT_DEVICE_GONE.value, -1)])
        box = self.box(envelope.device)
        if envelope.id not in box.taken and not any(row.id == envelope.id for row in box.rows.values()):
            box.head = self.store.head = max(self.store.head + 1, self.clock_ms * 1000)
            box.rows[box.head] = Row(envelope.lane, envelope.id, envelope.sealed, self.clock_ms)
        self.stored_ever.add(envelope.id)
        away_s = 0 if envelope.device in self.online else 60
        return Accepted([Acceptance(envelope.id, len(self.store.lists[owner]), away_s)])

    @staticmethod
    def _took(box: Mailbox, taken: dict[Lane, int]) -> None:
        for position in [position for position, row in box.rows.items() if position <= taken.get(row.lane, 0)]:
            box.taken.add(box.rows.pop(position).id)
        for lane, position in taken.items():
            box.cursors[lane] = max(box.cursors.get(lane, 0), position)
