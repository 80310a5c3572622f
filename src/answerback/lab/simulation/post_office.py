"""Runs the relay's own machines and its own store on a simulated disk and clock; it crashes when it is told to.

Theory. The real shell commits in batches while more commands gather; so does this one. What a crash takes is what a
real one would take: the batch that was not committed, every answer not yet said, every connection.
"""

import asyncio
import random
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import TypeVar, assert_never

from answerback.lab.simulation.chronicle import Chronicle
from answerback.lab.simulation.clock import WallClock
from answerback.lab.simulation.disk import Disk, PowerCut
from answerback.lab.simulation.shelf import Objects, Shelf
from answerback.lab.simulation.tongue import Tongue
from answerback.lab.simulation.truth import Truth
from answerback.lab.simulation.views import READING, View, recall_stubbornly
from answerback.lab.simulation.wires import Wire
from answerback.model.causes import Cause
from answerback.model.devices import DeviceList, Signed
from answerback.model.errors import PeerError, StorageError, StoreFullError
from answerback.model.ids import DeviceId
from answerback.relay.effects import Ask, Close, Effect, Listen, Moment, Note, Send
from answerback.relay.exchange import Exchange
from answerback.relay.handles import Handles
from answerback.relay.limits import RelayLimits
from answerback.relay.proving import Proving
from answerback.relay.resumption import TICKET_KEY_BYTES, TicketKeys
from answerback.storage.account_store import AccountStore
from answerback.storage.database import Database, open_database
from answerback.storage.handle_store import HandleStore
from answerback.storage.relay_commands import Answer, Command, ListPut, PutList, RecallHead
from answerback.storage.relay_store import LEAP_MAX, RESERVE_BYTES, RelayStore
from answerback.wire.codec import decode_client_frame
from answerback.wire.frames import Located, Refused, RelayFrame, Resume, Submit

START_MS = 1_800_000_000_000
AGAIN_S = 2.0
"""Until whatever watches over a relay starts it once more."""
COMMIT_S = (0.001, 0.012)
"""What a commit takes on disks from good to poor."""
STORE_NAME_BYTES = 16
CODES_SECRET = bytes(32)
Value = TypeVar("Value")
LOG_SEED = bytes(32)
"""One for all worlds: a relay that loses its disk as well then has the same log's name, with fewer entries."""
RING_S_MIN = 0.05
"""As in the real shell."""
ListPutHook = Callable[[Signed, DeviceList, list[DeviceId] | None], None]
"""Told of an account's new list, and which devices are gone with it; the second is not known after a power cut."""


class PostOffice:
    """One relay."""

    def __init__(
        self,
        folder: Path,
        chance: random.Random,
        chronicle: Chronicle,
        truth: Truth,
        *,
        on_list: ListPutHook,
        on_back: Callable[[], None],
    ) -> None:
        self.disk = Disk()
        self.objects = Objects()
        """The bytes of files: they outlive every run."""
        self.clock = WallClock()
        self.is_up = False
        self.is_full = False
        self.refuses_commits = False
        self.tongue = Tongue(chronicle.fault, self._note)
        self.views: dict[str, View] = {}
        """What the directory is for some devices, by their names."""
        self.is_stubborn = False
        """It never admits that it does not lead to a head it has signed."""
        self._on_list = on_list
        self._on_back = on_back
        self._path = folder / "relay.db"
        self._random = chance
        self._chronicle = chronicle
        self._truth = truth
        self._loop = asyncio.get_running_loop()
        self._asked: list[Command] = []
        self._commit_timer: asyncio.TimerHandle | None = None
        self._wake_timer: asyncio.TimerHandle | None = None
        self._ring_timer: asyncio.TimerHandle | None = None
        self.ears: dict[Hashable, Callable[[bytes], None]] = {}
        """Where datagrams go to: whoever spoke from an address last."""
        self._wires: dict[int, Wire] = {}
        self._number = 0
        self._stores = 0
        self._ticket_key = b""
        self._returning: asyncio.TimerHandle | None = None
        self._unknown: list[PutList] = []
        """Lists that were under way to the disk when the power went: only the disk knows whether they came there."""

    @property
    def moment(self) -> Moment:
        """Now, in the relay's two times."""
        return Moment(self._loop.time(), self.wall_ms)

    @property
    def true_ms(self) -> int:
        """True time."""
        return START_MS + int(self._loop.time() * 1000)

    @property
    def wall_ms(self) -> int:
        """What the relay's clock shows."""
        return self.true_ms + self.clock.ahead_ms(self._loop.time())

    def remember_clock(self) -> None:
        """Let the truth know how far ahead the relay's clock has been."""
        truth, ahead_ms = self._truth, self.clock.ahead_ms(self._loop.time())
        truth.relay_behind_ms = max(truth.relay_behind_ms, -ahead_ms)
        truth.relay_ahead_ms = max(truth.relay_ahead_ms, ahead_ms + truth.relay_behind_ms)

    # ---- life

    def start(self) -> Database:
        """Begin, or begin again, with what is on the disk."""
        database = open_database(self._path, schema="relay", connect=self.disk.connect)
        self.database = database
        self.store = RelayStore(
            database,
            leap=self._random.randrange(LEAP_MAX),
            log_seed=LOG_SEED,
            new_name=f"simulated store{self._stores:8}".encode()[-STORE_NAME_BYTES:],
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
            ticket_keys=self._new_ticket_keys(),
            log_seed=self.store.log_seed,
        )
        self.exchange.calls.is_on = True
        self.exchange.noticing.put(HandleStore(database).notices())
        accounts = AccountStore(database)
        self.handles = Handles(
            accounts,
            HandleStore(database),
            Proving(accounts, secret=CODES_SECRET),
            is_here=lambda device: self.exchange.conversations.live(device) is not None,
        )
        self.shelf = Shelf(self, database, self.objects, self._random)
        self.is_up = True
        self._set_wake()
        return database

    def crash(self) -> None:
        """Lose everything but the disk; every device's system tells it so, unless the way there is broken."""
        self.is_up = False
        self.disk.cut_power()
        for timer in (self._commit_timer, self._wake_timer, self._ring_timer):
            if timer is not None:
                timer.cancel()
        self._commit_timer = self._wake_timer = self._ring_timer = None
        self._asked = []
        wires, self._wires = self._wires, {}
        for wire in wires.values():
            wire.down.put(None)
            wire.forget()

    def return_later(self, delay_s: float) -> None:
        """Begin again in a while, whatever happens until then."""
        if self._returning is None:
            self._returning = self._loop.call_later(delay_s, self.come_back)

    def come_back(self) -> None:
        """Begin again, now, if it is down; a disk that cannot be read is tried again."""
        if self._returning is not None:
            self._returning.cancel()
            self._returning = None
        if self.is_up:
            return
        try:
            self.start()
        except (PowerCut, StorageError) as error:
            self._chronicle.say("relay", f"cannot start: {type(error).__name__}")
            self.disk.cut_power()
            self.return_later(AGAIN_S)
            return
        self._chronicle.say("relay", "is back")
        self._find_lists()
        self._on_back()

    def _find_lists(self) -> None:
        unknown, self._unknown = self._unknown, []
        for command in unknown:
            there = "SELECT 1 FROM device_list WHERE account = ? AND version = ?"
            if self.disk.has(there, (command.devices.account, command.devices.version)):
                self._on_list(command.signed, command.devices, None)

    def lose_everything(self) -> None:
        """Lose the disk as well; whoever registers again does so at an empty store."""
        if self.is_up:
            self.crash()
        self._stores += 1
        self.disk.close()
        self.disk = Disk()
        open_database(self._path, schema="relay", connect=self.disk.connect).close()
        self.objects.content.clear()

    def list_versions(self) -> dict[object, object]:
        """The newest list of each account, as the disk has it."""
        return dict(self.disk.rows("SELECT account, max(version) FROM device_list GROUP BY account"))  # type: ignore[arg-type]

    def _new_ticket_keys(self) -> TicketKeys:
        keys = TicketKeys(self._random.randbytes(TICKET_KEY_BYTES), self._ticket_key)
        self._ticket_key = keys.current  # on a disk that survives the power, as in the real shell
        return keys

    # ---- the far side of every connection

    @property
    def listens(self) -> bool:
        """Whether anybody takes connections."""
        return self.is_up

    def connected(self, wire: Wire, resume: Resume | None = None) -> bool:
        """Take a new connection, unless nobody is there."""
        if not self.is_up:
            return False
        self._number += 1
        wire.number = self._number
        self._wires[wire.number] = wire
        self._carry_out(self.exchange.connected(wire.number, resume, moment=self.moment))
        return True

    def heard(self, wire: Wire, data: bytes) -> None:
        """Take one frame."""
        if wire.number not in self._wires:
            return
        try:
            frame = decode_client_frame(data)
        except PeerError as error:
            self._carry_out(self.exchange.broke(wire.number, str(error), moment=self.moment))
        else:
            if isinstance(frame, Submit):
                wire.count_arrived(envelope.id for envelope in frame.envelopes)
            self._carry_out(self.exchange.heard(wire.number, frame, len(data), moment=self.moment))

    def lost(self, wire: Wire) -> None:
        """Learn that a connection is gone."""
        if self._wires.pop(wire.number, None) is not None:
            self._carry_out(self.exchange.lost(wire.number, moment=self.moment))

    # ---- handles

    def change_handles(self, change: Callable[[Handles], Value], *, dies: bool = False) -> Value:
        """Change whose a handle is in one transaction, and tell the accounts; `dies`: killed before it tells them."""
        with self.database.transaction():
            value = change(self.handles)
        news = self.handles.take_news()
        if dies:
            self.crash()
            self.return_later(AGAIN_S)
        else:
            self._carry_out(self.exchange.tell(news))
        return value

    # ---- datagrams

    def datagram(self, data: bytes, address: Hashable) -> None:
        """Take one datagram, and answer it."""
        if self.is_up:
            answer = self.exchange.calls.datagram(data, address, now_s=self._loop.time())
            if answer is not None:
                self.ears[address](answer)
            self._ring_later()

    def _ring_later(self) -> None:
        if self._ring_timer is None:
            delay_s = max(self.exchange.calls.wake_at_s(now_s=self._loop.time()) - self._loop.time(), RING_S_MIN)
            self._ring_timer = self._loop.call_later(delay_s, self._ring)

    def _ring(self) -> None:
        """Call who should have answered; a real relay looks all the time, this one while there is anything to see."""
        self._ring_timer = None
        for address, data in self.exchange.ring(moment=self.moment):
            self.ears[address](data)
        if self.exchange.calls.is_calling or any(self.exchange.mailboxes.owing(now_s=self._loop.time())):
            self._ring_later()

    # ---- carrying out

    def _carry_out(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send():
                    if (wire := self._wires.get(effect.connection)) is not None:
                        self.tongue.say(wire, effect.frame)
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
        if effects:
            self._ring_later()
        if self._asked and self._commit_timer is None:
            self._commit_timer = self._loop.call_later(self._random.uniform(*COMMIT_S), self._commit)

    def _commit(self) -> None:
        self._commit_timer = None
        batch, self._asked = self._asked, []
        try:
            answers = self._apply(batch)
        except PowerCut:
            self._chronicle.say("relay", "the power went in the middle of a commit")
            self._unknown += [command for command in batch if isinstance(command, PutList)]
            self.crash()
        except StorageError as error:
            self._truth.relay_was_full = True
            cause = Cause.RELAY_STORE_FULL if isinstance(error, StoreFullError) else Cause.RELAY_FAULTY
            self._carry_out(self.exchange.failed(batch, cause, moment=self.moment))
        else:
            self._truth.committed(batch, answers)
            self._notice_lists(batch, answers)
            self._carry_out(self.exchange.learned(batch, answers, moment=self.moment))

    def _apply(self, batch: list[Command]) -> list[Answer]:
        if self.refuses_commits:
            raise StorageError("the simulated disk refuses this commit")
        if not self.views and not self.is_stubborn:
            return self.store.apply(batch)
        lies = [self._lie(command) for command in batch]
        true = iter(self.store.apply([command for command, lie in zip(batch, lies, strict=True) if lie is None]))
        return [next(true) if lie is None else lie for lie in lies]

    def _lie(self, command: Command) -> Answer | None:
        """What is shown to whoever is shown something else; None where the truth is said."""
        if not isinstance(command, READING):
            return None
        wire = self._wires.get(command.connection)
        view = self.views.get(wire.device) if wire is not None else None
        answer = view.answer(self.database, command) if view is not None else None
        if answer is None and self.is_stubborn and isinstance(command, RecallHead):
            return recall_stubbornly(self.database, command)
        return answer

    def _notice_lists(self, batch: list[Command], answers: list[Answer]) -> None:
        for command, answer in zip(batch, answers, strict=True):
            if isinstance(command, PutList) and isinstance(answer, ListPut):
                self._on_list(command.signed, command.devices, answer.revoked)

    def _note(self, said: RelayFrame) -> None:
        if isinstance(said, Refused):
            self._truth.pushed_back.update(entry.id for entry in said.entries)
        elif isinstance(said, Located):
            self._truth.pushed_back.update(entry.id for entry in said.entries if not entry.held)

    def _set_wake(self) -> None:
        delay_s = max(self.exchange.wake_at_s(moment=self.moment) - self._loop.time(), 0.001)
        self._wake_timer = self._loop.call_later(delay_s, self._wake)

    def _wake(self) -> None:
        self._carry_out(self.exchange.wake(moment=self.moment))
        self._set_wake()
