"""The relay's machines and its store, with an innocent pair and three hostile devices at work at once.

One input is a story: connections, frames that are replayed, broken or speak of others, commits that fail, time, and
crashes. Whatever happens, every envelope of the innocent pair that was accepted reaches its device; no device is handed
what was not for it; and all that the relay says can be read by a device.
"""

import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from unittest import mock

from answerback.crypto.identity import next_device_list
from answerback.crypto.prekeys import make_fallback, make_seal_key, prekeys_to_publish
from answerback.model.devices import Signed
from answerback.model.errors import PeerError, StoreFullError
from answerback.model.ids import DeviceId, EnvelopeId
from answerback.model.message import Lane
from answerback.relay.effects import Effect, Send
from answerback.storage.database import Database, open_database
from answerback.storage.relay_commands import Answer, Command
from answerback.wire.codec import decode_client_frame, decode_relay_frame, encode
from answerback.wire.frames import (
    FRAME_BYTES_MAX,
    Accepted,
    Announce,
    Asked,
    Challenge,
    Claim,
    ClientFrame,
    Deliver,
    Inquire,
    LookUp,
    Pace,
    Ping,
    Publish,
    Resolve,
    Submit,
    Subscribe,
    Taken,
    Took,
)
from tests.fuzz.draw import Dice, Script
from tests.fuzz.mutation import broken_bytes, broken_tree, pack, tree_of
from tests.fuzz.target import BrokenPromise, Probe, Shape, Target
from tests.relay import drive as relay_drive
from tests.relay.drive import Drive
from tests.relay.residents import NOW_MS, Resident, envelope, move_in, residents

STEPS_MAX: Final = 200
RESIDENTS: Final = residents(5)
ANN, BEA, *HOSTILE = RESIDENTS
LIFETIME_S: Final = 30 * 86_400
PAUSES_S: Final = (0.1, 1.0, 11.0, 61.0, 3_601.0)


class _Memory:
    """A connection to SQLite in memory that a restart does not empty."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> object:
        return getattr(self._connection, name)

    def close(self) -> None:
        """A process that is gone takes nothing with it that was committed."""
        if self._connection.in_transaction:
            self._connection.rollback()


class Relay(Drive):
    """One relay, whose words are all checked as they are said."""

    def __init__(self, disk: sqlite3.Connection) -> None:
        self._disk = disk
        self.accepted_ever: set[EnvelopeId] = set()
        self.submitted: set[tuple[DeviceId, bytes]] = set()
        self.of_connection: dict[int, DeviceId] = {}
        self.is_full = False
        with mock.patch.object(relay_drive, "open_database", self._open):
            super().__init__(Path(tempfile.gettempdir()), [])

    def _open(self, path: Path, *, schema: str) -> Database:
        return open_database(path, schema=schema, connect=lambda _path: _Memory(self._disk))  # type: ignore[arg-type,return-value]

    def restart(self) -> None:
        """Crash, and begin with what was committed."""
        with mock.patch.object(relay_drive, "open_database", self._open):
            self.begin()

    def begin(self) -> Database:
        """Start, with a store whose disk can be full."""
        database = super().begin()
        apply = self.store.apply

        def refuse_when_full(batch: Sequence[Command]) -> list[Answer]:
            if self.is_full:
                raise StoreFullError("no space is left")
            return apply(batch)

        self.store.apply = refuse_when_full  # type: ignore[method-assign]
        return database

    def carry_out(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                self._check(effect)
        super().carry_out(effects)

    def _check(self, effect: Send) -> None:
        data = encode(effect.frame)
        if len(data) > FRAME_BYTES_MAX or decode_relay_frame(data) != effect.frame:
            raise BrokenPromise(f"a {type(effect.frame).__name__} that no device takes")
        device = self.of_connection.get(effect.connection)
        if isinstance(effect.frame, Accepted) and device == ANN.device:
            self.accepted_ever |= {entry.id for entry in effect.frame.entries}
        if isinstance(effect.frame, Deliver):
            for entry in effect.frame.entries:
                if device is None or (device, entry.sealed) not in self.submitted:
                    raise BrokenPromise("a device was handed what nobody sent it")

    def hear(self, number: int, data: bytes) -> None:
        """Take bytes as the shell does: a frame, or a broken protocol."""
        if number in self.closed or number in self.deaf:
            return
        try:
            frame = decode_client_frame(data)
        except PeerError as error:
            self.carry_out(self.exchange.broke(number, str(error), moment=self.moment))
            return
        if isinstance(frame, Submit):
            self.submitted |= {(each.device, each.sealed) for each in frame.envelopes}
        self.carry_out(self.exchange.heard(number, frame, len(data), moment=self.moment))


class Story:
    """One story, read from bytes."""

    def __init__(self, script: Script, disk: sqlite3.Connection) -> None:
        self.script = script
        self.relay = Relay(disk)
        self.frames = 0
        self.connections: dict[DeviceId, int] = {}
        self.taken: dict[Lane, int] = {}
        self.received: set[bytes] = set()
        self.sent: list[bytes] = []
        self.heard: list[bytes] = []
        """Whatever any device said: to be said again by another."""

    def play(self) -> int:
        """Tell it to its end, then let the innocent pair finish in peace."""
        steps: list[Callable[[], None]] = [self.hostile] * 10 + [self.write] * 3 + [self.commit] * 3
        steps += [self.read, self.leave, self.stranger, self.pause, self.full, self.crash, self.slow]
        while not self.script.is_over and self.frames < STEPS_MAX:
            self.script.pick(steps)()
        self._heal()
        missing = self.relay.accepted_ever - {envelope(BEA, text.decode()).id for text in self.received}
        if missing:
            raise BrokenPromise(f"{len(missing)} of {len(self.relay.accepted_ever)} accepted envelopes never came")
        if self.relay.exchange.mailboxes.pending_bytes:
            raise BrokenPromise("mail is counted as under way that is not")
        return max(self.frames, 1)

    def _heal(self) -> None:
        self.relay.is_full = False
        self.relay.settle()
        self.relay.pass_time(3_700.0)
        for who in (ANN, BEA):
            self.lose(who)
        self.write()
        self.relay.settle()
        self.read()

    # ---- the innocent pair

    def write(self) -> None:
        """Ann writes to Bea, and sometimes what she had written before: she heard no answer."""
        number = self.enter(ANN)
        if self.sent and self.script.below(4) == 0:
            text = self.script.pick(self.sent)
        else:
            text = f"precious {len(self.sent)}".encode()
            self.sent.append(text)
        mail = envelope(BEA, text.decode(), lane=Lane.NORMAL, lifetime_s=LIFETIME_S)
        self.say(number, encode(Submit([mail])))

    def read(self) -> None:
        """Bea takes what is there."""
        number = self.enter(BEA)
        self.relay.settle()
        if number in self.relay.closed:
            return
        for frame in self.relay.heard(number, Deliver):
            for entry in frame.entries:
                self.taken[entry.lane] = max(self.taken.get(entry.lane, 0), entry.position)
        self.received |= {text for text in self.relay.take_all(number) if text.startswith(b"precious ")}

    # ---- the others

    def hostile(self) -> None:
        """A device that is let in says something it should not."""
        who = self.script.pick(HOSTILE)
        number = self.enter(who)
        data = self.broken(encode(self.frame_of(who)))
        self.say(number, data)

    def stranger(self) -> None:
        """Somebody connects and is nobody, or says somebody else's words."""
        number = self.relay.connect()
        if self.heard and self.script.below(2):
            self.say(number, self.script.pick(self.heard))
        else:
            claimed = self.script.pick(RESIDENTS)
            challenge = self.relay.heard(number, Challenge)
            if challenge:
                self.say(number, self.broken(encode(self.script.pick(HOSTILE).hello(challenge[0]))))
                self.say(number, encode(claimed.hello(Challenge(b"x" * 32, b"other", 0))))

    def frame_of(self, who: Resident) -> ClientFrame:
        """A frame that is well formed, about whomever it should not be about."""
        script = self.script
        other = script.pick(RESIDENTS)
        text = script.pick(self.sent).decode() if self.sent else "spam"
        match script.below(12):
            case 0:
                return Submit([envelope(other, f"spam {script.below(50)}", lane=script.pick(list(Lane)))])
            case 1:
                return Submit([envelope(other, text, lifetime_s=1), envelope(who, text)])
            case 2:
                return Took(
                    [Taken(lane, script.pick((0, 1, NOW_MS * 1000, NOW_MS * 2000, 2**53 - 1))) for lane in Lane]
                )
            case 3:
                return Inquire([Asked(other.device, envelope(BEA, text).id)] * script.pick((1, 3, 300)))
            case 4:
                return LookUp(script.below(9), other.account, script.below(3))
            case 5:
                return Claim(script.below(9), other.device)
            case 6:
                return self._publish(who, other)
            case 7:
                return Announce(script.below(9), self._list(who, other))
            case 8:
                return Resolve(script.below(9), "ann@example.org")
            case 9:
                return Pace(script.below(4), script.pick((-1, 0, 1, 5_000, 2**40)))
            case 10:
                endpoint = script.pick(("", "https://push.example/x", "https://127.0.0.1/x", "http://push.example/"))
                return Subscribe(endpoint, *script.pick(((b"", b""), (b"\x04" + bytes(64), bytes(16)), (b"k", b"a"))))
            case _:
                return Ping(script.below(9))

    def _publish(self, who: Resident, other: Resident) -> Publish:
        owner = self.script.pick((who, who, other))
        _, seal_key = make_seal_key(owner.keys, now_ms=NOW_MS)
        return Publish(1, prekeys_to_publish(owner.keys, 2), make_fallback(owner.keys), seal_key)

    def _list(self, who: Resident, other: Resident) -> Signed:
        match self.script.below(4):
            case 0:
                return other.signed
            case 1:  # its own list with somebody else's device on it, to have that one's mail
                return next_device_list(who.root, who.signed, [*who.devices.devices, *BEA.devices.devices], NOW_MS)
            case 2:
                return next_device_list(who.root, who.signed, [], NOW_MS)
            case _:
                return Signed(BEA.signed.body, who.signed.signature)

    def broken(self, data: bytes) -> bytes:
        """Break a frame, or leave it, or say what somebody else said."""
        kind = self.script.below(8)
        if kind == 0 and self.heard:
            return self.script.pick(self.heard)
        if kind < 3:
            return data
        dice = Dice(self.script.below(1 << 16))
        tree = tree_of(data)
        if kind < 7 and tree is not None:
            return pack(broken_tree(tree, [tree_of(each) for each in self.heard[-20:]], dice))
        return broken_bytes(data, self.heard[-20:], dice)

    # ---- the world

    def enter(self, who: Resident) -> int:
        """Be connected: as before, or again."""
        number = self.connections.get(who.device)
        if number is not None and number not in self.relay.closed:
            return number
        number = self.connections[who.device] = self.relay.connect()
        self.relay.of_connection[number] = who.device
        challenges = self.relay.heard(number, Challenge)
        if challenges:
            taken = [Taken(lane, at) for lane, at in self.taken.items()] if who is BEA else []
            self.say(number, encode(who.hello(challenges[0], *taken)))
        return number

    def say(self, number: int, data: bytes) -> None:
        """Say bytes on a connection."""
        self.frames += 1
        if len(self.heard) < 200:
            self.heard.append(data)
        self.relay.hear(number, data)

    def lose(self, who: Resident) -> None:
        """A connection is gone."""
        number = self.connections.pop(who.device, None)
        if number is not None and number not in self.relay.closed:
            self.relay.lose(number)
            self.relay.closed.add(number)

    def leave(self) -> None:
        """Somebody's connection breaks."""
        self.lose(self.script.pick(RESIDENTS))

    def commit(self) -> None:
        """What was asked so far is durable."""
        self.relay.commit()

    def pause(self) -> None:
        """Time passes."""
        self.relay.pass_time(self.script.pick(PAUSES_S))

    def full(self) -> None:
        """The relay's disk fills up, or has room again."""
        self.relay.is_full = not self.relay.is_full

    def slow(self) -> None:
        """Somebody's socket takes no more for now, or more again."""
        number = self.connections.get(self.script.pick(RESIDENTS).device)
        if number is not None and number not in self.relay.closed:
            on = bool(self.script.below(3))
            self.relay.carry_out(self.relay.exchange.writable(number, on=on, moment=self.relay.moment))

    def crash(self) -> None:
        """The relay crashes; everybody's connection is gone."""
        self.relay.restart()
        self.connections.clear()


def _disk() -> sqlite3.Connection:
    return sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)


@contextmanager
def _open_exchange() -> Iterator[Probe]:
    first = _disk()
    database = Relay(first).db
    assert database is not None
    move_in(database, RESIDENTS)

    def run(data: bytes) -> int:
        disk = _disk()
        first.backup(disk)
        try:
            return Story(Script(data), disk).play()
        finally:
            disk.close()

    yield Probe(run, [bytes(range(0, 256, step)) for step in (1, 3, 7)], ())


EXCHANGE_TARGETS = (
    Target(
        name="exchange",
        what="the relay's machines and store, five devices at once",
        open=_open_exchange,
        shape=Shape.STORY,
        weight=40,
        input_s_max=5.0,
        story_bytes=600,
    ),
)
