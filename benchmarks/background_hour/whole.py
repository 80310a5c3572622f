"""Plays the hour with whole devices: two real engines and the relay's own machines and store, on a clock that jumps.

Only sockets and disks of devices are played: a frame takes half a round trip, a connection two, and a translator of
addresses before the one device swallows everything once it has been quiet for too long. What the engines say is theirs.
"""

import heapq
import itertools
import random
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from answerback.core.effects import IN_USE, Close, Effect, Probe, Proceed, Tell, Transmit, Use
from answerback.core.engine import Engine
from answerback.core.machines import Self
from answerback.core.network.platforms import Profile
from answerback.core.sensing import Looked
from answerback.crypto.identity import DeviceKeys, RootKey, check_device_lists, first_device_list
from answerback.model.causes import Cause
from answerback.model.ids import AccountId
from answerback.model.message import Urgency
from answerback.model.moment import Moment
from answerback.relay.effects import Ask, Send
from answerback.relay.effects import Close as CloseThere
from answerback.relay.effects import Effect as RelayEffect
from answerback.relay.exchange import Exchange
from answerback.relay.limits import RelayLimits
from answerback.storage.database import open_database
from answerback.storage.relay_commands import Command
from answerback.storage.relay_store import RelayStore, put_first_list
from answerback.wire.codec import encode
from answerback.wire.frames import ClientFrame, RelayFrame, Resume, Submit
from benchmarks.background_hour.costs import GOODBYE_BYTES, HANDSHAKE_BYTES, wire_bytes

START_MS = 1_800_000_000_000
ROUND_TRIP_S = 0.1
COMMIT_S = 0.005
TLS_BYTES = 22
"""A record's header, the kind inside it and its tag (RFC 8446 §5.2)."""
SMALL, MIDDLE = 126, 65_536
MASK_BYTES = 4
SETUP_BYTES = 3_000
"""TLS 1.3 and the upgrade, beside frames and packets of their own: as `costs` measures them."""
TOGETHER_S = 1.0
"""Packets this close belong to one exchange: their acknowledgements ride along."""


class Clock:
    """What is to happen, in order of time."""

    def __init__(self) -> None:
        self.now_s = 1_000.0
        self._dues: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()

    def at(self, at_s: float, what: Callable[[], None]) -> None:
        """Have something happen then."""
        heapq.heappush(self._dues, (max(at_s, self.now_s), next(self._order), what))

    def after(self, wait_s: float, what: Callable[[], None]) -> None:
        """Have something happen after a while."""
        self.at(self.now_s + wait_s, what)

    def run(self, until_s: float) -> None:
        """Let it happen."""
        while self._dues and self._dues[0][0] <= until_s:
            self.now_s, _, what = heapq.heappop(self._dues)
            what()
        self.now_s = until_s

    @property
    def moment(self) -> Moment:
        """Now, in both times."""
        return Moment(self.now_s, START_MS + round(self.now_s * 1000))


class Office:
    """The relay: its machines and its store."""

    def __init__(self, clock: Clock, folder: Path, dice: random.Random) -> None:
        self.clock, self.numbers = clock, itertools.count(1)
        self.database = open_database(folder / "relay.db", schema="relay")
        self.handles: dict[str, AccountId] = {}
        store = self.store = RelayStore(
            self.database, new_name=b"n" * 16, account_of_handle=lambda _, handle: self.handles.get(handle)
        )
        self.exchange = Exchange(
            relay=store.name,
            store=store.name,
            boot=b"b" * 16,
            limits=RelayLimits(),
            random_bytes=dice.randbytes,
            chance=dice.random,
        )
        self.devices: dict[int, Device] = {}
        self._asked: list[Command] = []
        self._tick()

    def carry_out(self, effects: list[RelayEffect]) -> None:
        """Say what is to be said, and have done what is asked, in one commit."""
        for effect in effects:
            match effect:
                case Send(number, frame):
                    self.devices[number].comes(number, frame)
                case CloseThere(number):
                    self.clock.after(ROUND_TRIP_S / 2, lambda number=number: self.devices[number].ends(number))  # type: ignore[misc]
                case Ask(command):
                    if not self._asked:
                        self.clock.after(COMMIT_S, self._commit)
                    self._asked.append(command)
                case _:
                    pass

    def _commit(self) -> None:
        batch, self._asked = self._asked, []
        answers = self.store.apply(batch)
        self.carry_out(self.exchange.learned(batch, answers, moment=self.clock.moment))

    def _tick(self) -> None:
        moment = self.clock.moment
        if moment.now_s >= self.exchange.wake_at_s(moment=moment):
            self.carry_out(self.exchange.wake(moment=moment))
        self.clock.after(5.0, self._tick)


@dataclass
class Device:
    """A real engine, and what its packets cost."""

    clock: Clock
    office: Office
    engine: Engine
    limit_s: float
    """After so long a quiet its packets go nowhere."""
    lines: dict[int, int] = field(default_factory=dict)
    """The relay's number of each connection that stands."""
    quiet_since_s: dict[int, float] = field(default_factory=dict)
    used: int = 0
    packets: list[tuple[float, str, int]] = field(default_factory=list)
    lost: int = 0
    """Connections that the translator had forgotten."""
    arrived_s: list[float] = field(default_factory=list)
    _woken_for_s: float = -1.0

    def carry_out(self, effects: list[Effect]) -> None:
        """Do what the engine asks for."""
        written = []
        for effect in effects:
            match effect:
                case Probe(line):
                    self.packets.append((self.clock.now_s, "extra", HANDSHAKE_BYTES))
                    self.clock.after(ROUND_TRIP_S, lambda line=line: self.told(self.engine.answered, line))  # type: ignore[misc]
                case Proceed(line, resume):
                    self.packets.append((self.clock.now_s, "extra", SETUP_BYTES))
                    self.clock.after(2 * ROUND_TRIP_S, lambda line=line, resume=resume: self._stands(line, resume))  # type: ignore[misc]
                case Close(line):
                    self._hang_up(line)
                case Use(line):
                    self.used = line
                case Transmit(frame, line):
                    self._goes(self.used if line == IN_USE else line, frame)
                    if isinstance(frame, Submit):
                        written += [envelope.id for envelope in frame.envelopes]
                case Tell(news) if type(news).__name__ == "Arrived":
                    self.arrived_s.append(self.clock.now_s)
                case _:
                    pass
        if written:
            self.carry_out(self.engine.written(written, now=self.clock.moment))
        self._set_alarm()

    def told(self, what: Callable[..., list[Effect]], *arguments: object) -> None:
        """Tell the engine something."""
        self.carry_out(what(*arguments, now=self.clock.moment))

    def comes(self, number: int, frame: RelayFrame) -> None:
        """The relay says something on a connection."""
        line = next((line for line, there in self.lines.items() if there == number), 0)
        if line and self._passes(line, "down", len(encode(frame)), mask_bytes=0):
            self.clock.after(ROUND_TRIP_S / 2, lambda: self.told(self.engine.received, line, frame))

    def ends(self, number: int) -> None:
        """The relay closes a connection."""
        line = next((line for line, there in self.lines.items() if there == number), 0)
        if line and self.clock.now_s - self.quiet_since_s[line] < self.limit_s:  # else its end is swallowed as well
            del self.lines[line]
            self.told(self.engine.lost, line, Cause.NETWORK_CONNECTION_LOST)

    def _stands(self, line: int, resume: Resume | None) -> None:
        number = self.lines[line] = next(self.office.numbers)
        self.quiet_since_s[line] = self.clock.now_s
        self.office.devices[number] = self
        self.told(self.engine.opened, line)
        self.office.carry_out(self.office.exchange.connected(number, resume, moment=self.clock.moment))

    def _goes(self, line: int, frame: ClientFrame) -> None:
        number, size_bytes = self.lines.get(line, 0), len(encode(frame))
        if number and self._passes(line, "up", size_bytes, mask_bytes=MASK_BYTES):
            exchange = self.office.exchange
            self.clock.after(
                ROUND_TRIP_S / 2,
                lambda: self.office.carry_out(exchange.heard(number, frame, size_bytes, moment=self.clock.moment)),
            )

    def _passes(self, line: int, side: str, size_bytes: int, *, mask_bytes: int) -> bool:
        header_bytes = 2 if size_bytes < SMALL else 4 if size_bytes < MIDDLE else 10
        now_s = self.clock.now_s
        if now_s - self.quiet_since_s[line] >= self.limit_s:
            if side == "up":
                self.packets.append((now_s, side, size_bytes + header_bytes + mask_bytes + TLS_BYTES))
            return False
        self.quiet_since_s[line] = now_s
        self.packets.append((now_s, side, size_bytes + header_bytes + mask_bytes + TLS_BYTES))
        return True

    def _hang_up(self, line: int) -> None:
        number = self.lines.pop(line, 0)
        if number:
            self.lost += self.clock.now_s - self.quiet_since_s[line] >= min(self.limit_s, 1e9)
            self.packets.append((self.clock.now_s, "extra", GOODBYE_BYTES))
            self.office.carry_out(self.office.exchange.lost(number, moment=self.clock.moment))

    def _set_alarm(self) -> None:
        wake = self.engine.wake_at
        if wake is None or (self.clock.now_s < self._woken_for_s <= wake.at_s):
            return
        self._woken_for_s = wake.at_s
        self.clock.at(wake.at_s, self._alarm)

    def _alarm(self) -> None:
        self._woken_for_s = -1.0
        wake = self.engine.wake_at
        if wake is not None and wake.at_s <= self.clock.now_s:
            self.told(self.engine.wake)
        else:
            self._set_alarm()


@dataclass(frozen=True, slots=True)
class Played:
    """What came of an hour."""

    at_s: list[float]
    bytes: int
    lost: int
    late_s_max: float
    arrived: int


def play(profile: Profile, *, limit_s: float, learn_s: float, comes_s: list[float], seed: int) -> Played:
    """Let a device learn its network at rest, then play the hour's messages."""
    dice = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="answerback-bench-") as folder:
        clock = Clock()
        office = Office(clock, Path(folder), dice)
        phone = _device(clock, office, "bea@example.org", dice, limit_s=limit_s, profile=profile)
        writer = _device(clock, office, "ann@example.org", dice, limit_s=float("inf"), profile=None)
        for device in (phone, writer):
            device.told(device.engine.start)
        clock.run(clock.now_s + 20.0)
        _write(writer, "hello")
        clock.run(clock.now_s + 20.0)
        phone.told(phone.engine.sensed, Looked(is_in_front=False))
        clock.run(clock.now_s + learn_s)
        _write(writer, "the hour begins")
        clock.run(clock.now_s + 30.0)
        began_s, lost = clock.now_s, phone.lost
        phone.packets.clear()
        phone.arrived_s.clear()
        for at_s in comes_s:
            clock.at(began_s + at_s, lambda: _write(writer, "on my way"))
        clock.run(began_s + 3_600.0)
        office.database.close()
        waits_s = [there_s - began_s - at_s for at_s, there_s in zip(comes_s, phone.arrived_s, strict=False)]
        spoken_s = [each_s - began_s for each_s, _, _ in phone.packets]
        return Played(spoken_s, cost(phone.packets), phone.lost - lost, max(waits_s, default=0.0), len(phone.arrived_s))


def cost(packets: list[tuple[float, str, int]]) -> int:
    """Bytes on the wire: what is said within a second is one exchange."""
    total, runs, last_s = 0, list[tuple[str, int]](), -TOGETHER_S
    for at_s, side, size_bytes in packets:
        if side == "extra":
            total += size_bytes
            continue
        if at_s - last_s > TOGETHER_S:
            total += wire_bytes(runs)
            runs = []
        last_s = at_s
        if runs and runs[-1][0] == side:
            runs[-1] = (side, runs[-1][1] + size_bytes)
        else:
            runs.append((side, size_bytes))
    return total + wire_bytes(runs)


def _write(device: Device, text: str) -> None:
    _, effects = device.engine.send(
        handles=("bea@example.org",),
        text=text,
        attachment=None,
        urgency=Urgency.NORMAL,
        lifetime_s=86_400,
        now=device.clock.moment,
    )
    device.carry_out(effects)


def _device(
    clock: Clock, office: Office, handle: str, dice: random.Random, *, limit_s: float, profile: Profile | None
) -> Device:
    root, keys = RootKey.generate(), DeviceKeys.generate()
    now_ms = clock.moment.wall_ms
    signed = first_device_list(root, keys.device(now_ms), now_ms=now_ms)
    devices = check_device_lists(root.account_id, known=None, newer=[signed])
    assert devices is not None
    with office.database.transaction():
        put_first_list(office.database, signed, devices)
    office.handles[handle] = root.account_id
    own = Self(root.account_id, keys.device_id, handle, handle)
    engine = Engine(own, keys, pickle_key=bytes(32), randomness=dice.randbytes, profile=profile)
    return Device(clock, office, engine, limit_s)
