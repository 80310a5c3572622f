"""Drives the relay's own machines and store without a socket, a thread or a clock: one thing happens at a time."""

import random
from pathlib import Path
from typing import TypeVar

from answerback.model.causes import Cause
from answerback.model.errors import StorageError
from answerback.model.ids import EnvelopeId
from answerback.relay.calls import Post
from answerback.relay.effects import Ask, Close, Effect, Listen, Moment, Note, Send
from answerback.relay.exchange import Exchange
from answerback.relay.limits import RelayLimits
from answerback.relay.resumption import TicketKeys
from answerback.storage.database import Database, open_database
from answerback.storage.relay_commands import Command
from answerback.storage.relay_store import RelayStore
from answerback.wire.frames import Accepted, Challenge, ClientFrame, Deliver, RelayFrame, Resume, Taken, Took
from tests.relay.residents import NOW_MS, Resident, move_in

_F = TypeVar("_F", bound=RelayFrame)


class Drive:
    """One relay whose commits happen when the test says so."""

    def __init__(self, folder: Path, people: list[Resident], *, limits: RelayLimits | None = None) -> None:
        self.folder = folder
        self.limits = limits or RelayLimits()
        self.random = random.Random(7)
        self.now_s = 1_000.0
        self.wall_ms = NOW_MS
        self.number = 0
        self.db: Database | None = None
        self.ticket_key = b""
        move_in(self.begin(), people)

    def begin(self) -> Database:
        """Start, or start again with what is on the disk."""
        if self.db is not None:
            self.db.close()
        database = self.db = open_database(self.folder / "relay.db", schema="relay")
        self.store = RelayStore(database, new_name=b"store" * 3)
        keys = TicketKeys(self.random.randbytes(32), self.ticket_key)
        self.ticket_key = keys.current
        self.exchange = Exchange(
            relay=b"relay",
            store=self.store.name,
            boot=self.random.randbytes(16),
            limits=self.limits,
            random_bytes=self.random.randbytes,
            chance=self.random.random,
            ticket_keys=keys,
        )
        self.exchange.calls.is_on = True
        self.posts: list[Post] = []
        self.asked: list[Command] = []
        self.said: dict[int, list[RelayFrame]] = {}
        self.closed: set[int] = set()
        self.deaf: set[int] = set()
        self.notes: list[Note] = []
        return database

    @property
    def moment(self) -> Moment:
        return Moment(self.now_s, self.wall_ms)

    def carry_out(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send():
                    assert effect.connection not in self.closed, "nothing is said after the farewell"
                    self.said.setdefault(effect.connection, []).append(effect.frame)
                case Ask():
                    self.asked.append(effect.command)
                case Close():
                    self.closed.add(effect.connection)
                case Listen():
                    (self.deaf.discard if effect.on else self.deaf.add)(effect.connection)
                case Note():
                    self.notes.append(effect)

    def commit(self) -> None:
        """Commit everything asked so far."""
        batch, self.asked = self.asked, []
        if not batch:
            return
        try:
            answers = self.store.apply(batch)
        except StorageError:
            self.carry_out(self.exchange.failed(batch, Cause.RELAY_STORE_FULL, moment=self.moment))
        else:
            self.carry_out(self.exchange.learned(batch, answers, moment=self.moment))

    def settle(self) -> None:
        """Commit until nothing is left to commit."""
        while self.asked:
            self.commit()

    def connect(self, resume: Resume | None = None) -> int:
        self.number += 1
        self.carry_out(self.exchange.connected(self.number, resume, moment=self.moment))
        return self.number

    def return_with(self, resume: Resume) -> int:
        """Connect with a ticket, and hear what the relay makes of it."""
        number = self.connect(resume)
        self.settle()
        return number

    def say(self, number: int, frame: ClientFrame, *, size_bytes: int = 100) -> None:
        self.carry_out(self.exchange.heard(number, frame, size_bytes, moment=self.moment))

    def greet(self, who: Resident, *taken: Taken, life: int = 0, standby: bool = False) -> int:
        """Connect and say hello; the relay has not yet looked."""
        number = self.connect()
        self.say(number, who.hello(self.heard_a(number, Challenge), *taken, life=life, standby=standby))
        return number

    def enter(self, who: Resident, *taken: Taken, standby: bool = False) -> int:
        """Connect and be let in."""
        number = self.greet(who, *taken, standby=standby)
        self.settle()
        return number

    def lose(self, number: int) -> None:
        self.carry_out(self.exchange.lost(number, moment=self.moment))

    def pass_time(self, seconds: float) -> None:
        self.now_s += seconds
        self.wall_ms += int(seconds * 1000)
        self.carry_out(self.exchange.wake(moment=self.moment))
        self.posts += self.exchange.ring(moment=self.moment)

    def heard(self, number: int, kind: type[_F]) -> list[_F]:
        return [frame for frame in self.said.get(number, []) if isinstance(frame, kind)]

    def heard_a(self, number: int, kind: type[_F]) -> _F:
        (frame,) = self.heard(number, kind)
        return frame

    def accepted(self, number: int) -> list[EnvelopeId]:
        return [entry.id for frame in self.heard(number, Accepted) for entry in frame.entries]

    def delivered(self, number: int) -> list[bytes]:
        return [entry.sealed for frame in self.heard(number, Deliver) for entry in frame.entries]

    def take_all(self, number: int) -> list[bytes]:
        """Be a device that takes what it is handed until nothing more comes, and give what that was."""
        found: list[bytes] = []
        seen = 0
        while True:
            frames = self.heard(number, Deliver)[seen:]
            if not frames:
                return found
            seen += len(frames)
            for frame in frames:
                found += [entry.sealed for entry in frame.entries]
                reached = {entry.lane: entry.position for entry in frame.entries}
                self.say(number, Took([Taken(lane, position) for lane, position in reached.items()]))
            self.settle()
