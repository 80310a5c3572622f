"""Runs the relay's own machines and its own store on a simulated disk and clock; it crashes when it is told to.

Theory. The real shell commits in batches while more commands gather; so does this one. What a crash takes is what a
real one would take: the batch that was not committed, every answer not yet said, every connection.
"""

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from typing import assert_never

from answerback.lab.simulation.chronicle import Chronicle
from answerback.lab.simulation.disk import Disk, PowerCut
from answerback.lab.simulation.truth import Truth
from answerback.lab.simulation.wires import Wire
from answerback.model.causes import Cause
from answerback.model.errors import PeerError, StorageError
from answerback.model.ids import AccountId, DeviceId
from answerback.relay.effects import Ask, Close, Effect, Listen, Moment, Note, Send
from answerback.relay.exchange import Exchange
from answerback.relay.limits import RelayLimits
from answerback.storage.account_store import AccountStore
from answerback.storage.database import Database, open_database
from answerback.storage.relay_commands import Answer, Command, ListPut, PutList
from answerback.storage.relay_store import RESERVE_BYTES, RelayStore
from answerback.wire.codec import decode_client_frame, encode
from answerback.wire.frames import Located, Refused

START_MS = 1_800_000_000_000
COMMIT_S = (0.001, 0.012)
"""What a commit takes on disks from good to poor."""
STORE_NAME = b"simulated store!"
ListPutHook = Callable[[AccountId, list[DeviceId], list[DeviceId]], None]
"""Told of an account's new list: the devices on it, and those that are gone."""


class PostOffice:
    """One relay."""

    def __init__(
        self, folder: Path, chance: random.Random, chronicle: Chronicle, truth: Truth, *, on_list: ListPutHook
    ) -> None:
        self.disk = Disk()
        self.is_up = False
        self.is_full = False
        self.refuses_commits = False
        self._on_list = on_list
        self._path = folder / "relay.db"
        self._random = chance
        self._chronicle = chronicle
        self._truth = truth
        self._loop = asyncio.get_running_loop()
        self._asked: list[Command] = []
        self._commit_timer: asyncio.TimerHandle | None = None
        self._wake_timer: asyncio.TimerHandle | None = None
        self._wires: dict[int, Wire] = {}
        self._number = 0

    @property
    def moment(self) -> Moment:
        """Now, in the relay's two times; its wall clock is the true one."""
        return Moment(self._loop.time(), self.wall_ms)

    @property
    def wall_ms(self) -> int:
        """True time."""
        return START_MS + int(self._loop.time() * 1000)

    # ---- life

    def start(self) -> Database:
        """Begin, or begin again, with what is on the disk."""
        database = open_database(self._path, schema="relay", connect=self.disk.connect)
        self.store = RelayStore(
            database,
            new_name=STORE_NAME,
            account_of_handle=lambda db, handle: AccountStore(db).account_of(handle),
            free_bytes=lambda: 0 if self.is_full else RESERVE_BYTES,
        )
        self.exchange = Exchange(
            relay=b"relay.example",
            store=self.store.name,
            boot=self._random.randbytes(16),
            limits=RelayLimits(),
            random_bytes=self._random.randbytes,
            chance=self._random.random,
        )
        self.is_up = True
        self._set_wake()
        return database

    def crash(self) -> None:
        """Lose everything but the disk; every device's system tells it so, unless the way there is broken."""
        self.is_up = False
        self.disk.cut_power()
        for timer in (self._commit_timer, self._wake_timer):
            if timer is not None:
                timer.cancel()
        self._commit_timer = self._wake_timer = None
        self._asked = []
        wires, self._wires = self._wires, {}
        for wire in wires.values():
            wire.down.put(None)
            wire.forget()

    # ---- the far side of every connection

    def connected(self, wire: Wire) -> bool:
        """Take a new connection, unless nobody is there."""
        if not self.is_up:
            return False
        self._number += 1
        wire.number = self._number
        self._wires[wire.number] = wire
        self._carry_out(self.exchange.connected(wire.number, moment=self.moment))
        return True

    def heard(self, wire: Wire, data: bytes) -> None:
        """Take one frame."""
        if wire.number not in self._wires:
            return
        if wire.is_given_up:
            self._chronicle.faults["late_on_an_old_connection"] += 1
        try:
            frame = decode_client_frame(data)
        except PeerError as error:
            self._carry_out(self.exchange.broke(wire.number, str(error), moment=self.moment))
        else:
            self._carry_out(self.exchange.heard(wire.number, frame, len(data), moment=self.moment))

    def lost(self, wire: Wire) -> None:
        """Learn that a connection is gone."""
        if self._wires.pop(wire.number, None) is not None:
            self._carry_out(self.exchange.lost(wire.number, moment=self.moment))

    # ---- carrying out

    def _carry_out(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send():
                    self._note(effect)
                    if (wire := self._wires.get(effect.connection)) is not None:
                        wire.down.put(encode(effect.frame))
                case Ask():
                    self._asked.append(effect.command)
                case Close():
                    if (wire := self._wires.pop(effect.connection, None)) is not None:
                        wire.down.put(None)
                        wire.forget()
                case Listen() | Note():
                    pass  # a socket's buffers take what the limits of these small worlds allow
                case _:
                    assert_never(effect)
        if self._asked and self._commit_timer is None:
            self._commit_timer = self._loop.call_later(self._random.uniform(*COMMIT_S), self._commit)

    def _commit(self) -> None:
        self._commit_timer = None
        batch, self._asked = self._asked, []
        try:
            answers = self._apply(batch)
        except PowerCut:
            self._chronicle.say("relay", "the power went in the middle of a commit")
            self.crash()
        except StorageError:
            self._truth.relay_was_full = True
            self._carry_out(self.exchange.failed(batch, Cause.RELAY_STORE_FULL, moment=self.moment))
        else:
            self._truth.committed(batch, answers)
            self._notice_lists(batch, answers)
            self._carry_out(self.exchange.learned(batch, answers, moment=self.moment))

    def _apply(self, batch: list[Command]) -> list[Answer]:
        if self.refuses_commits:
            raise StorageError("the simulated disk refuses this commit")
        return self.store.apply(batch)

    def _notice_lists(self, batch: list[Command], answers: list[Answer]) -> None:
        for command, answer in zip(batch, answers, strict=True):
            if isinstance(command, PutList) and isinstance(answer, ListPut):
                listed = [device.id for device in command.devices.devices]
                self._on_list(command.devices.account, listed, answer.revoked)

    def _note(self, said: Send) -> None:
        if isinstance(said.frame, Refused):
            self._truth.pushed_back.update(entry.id for entry in said.frame.entries)
        elif isinstance(said.frame, Located):
            self._truth.pushed_back.update(entry.id for entry in said.frame.entries if not entry.held)

    def _set_wake(self) -> None:
        delay_s = max(self.exchange.wake_at_s(moment=self.moment) - self._loop.time(), 0.001)
        self._wake_timer = self._loop.call_later(delay_s, self._wake)

    def _wake(self) -> None:
        self._carry_out(self.exchange.wake(moment=self.moment))
        self._set_wake()
