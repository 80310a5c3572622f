"""Waits, makes one change, carries out all it asks for, and waits again.

Theory. The engine decides; this shell has the journal, the connection and the clock. Every change runs to its end
without giving way to another: its facts are committed in one transaction, then its frames go to the connection's
queue, then people are told ("save, then speak"). If the disk refuses, nothing of the change leaves this process: the
engine has run ahead of the truth, so it is thrown away and begun again from the journal, as after a crash.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, assert_never

from answerback.core.effects import (
    Ask,
    CarryText,
    Close,
    Download,
    Effect,
    Here,
    LinkChanged,
    Listen,
    Moment,
    News,
    Probe,
    Proceed,
    Reason,
    Recheck,
    Save,
    Tell,
    Transmit,
    Upload,
    Use,
)
from answerback.core.engine import Engine
from answerback.core.machines import Self
from answerback.core.network.modes import Wish
from answerback.core.network.platforms import Profile
from answerback.core.network.repetitions import UNKNOWN, Repetitions
from answerback.core.sensing import PushGiven, Sensed
from answerback.crypto.identity import DeviceKeys
from answerback.device.carrier import FileCarrier
from answerback.device.couriers import Couriers
from answerback.device.lines import Lines
from answerback.device.linking import NO_HISTORY_SETTING
from answerback.device.renewing import may_renew
from answerback.device.senses import Senses
from answerback.model.causes import Cause
from answerback.model.errors import AnswerbackError, StorageError, UsageError
from answerback.model.ids import BlobId, DeviceId, EnvelopeId, MessageId
from answerback.model.timeline import Wait
from answerback.storage.identity import Identity
from answerback.storage.journal import Journal
from answerback.transport.chunks import Gate
from answerback.transport.ports import Ports
from answerback.wire.frames import RelayFrame, Subscribe

log = logging.getLogger(__name__)

AGAIN_S = 1.0
"""After the disk has refused a change: long enough not to spin, short enough for a person who makes room."""
Listener = Callable[[News], None]
Change = Callable[[Engine, Moment], list[Effect]]


class AgentEnded(AnswerbackError):
    """This device's agent has ended. What it promised is on its disk, and goes on when it is started again."""


class Agent:
    """One device at work."""

    def __init__(
        self,
        journal: Journal,
        identity: Identity,
        files: FileCarrier,
        ports: Ports,
        *,
        profile: Profile | None = None,
        repetitions: Repetitions = UNKNOWN,
        wish: Wish | None = None,
        push: Subscribe | None = None,
        renews: bool = False,
    ) -> None:
        """`renews`: somebody makes it a new device when it turns out to be a copy (`own_devices`)."""
        self.journal: Final = journal
        self.identity = identity
        self._files: Final = files
        self._ports: Final = ports
        self._profile: Final = profile
        self._repetitions: Final = repetitions
        self._renews: Final = renews
        self.wish: Wish = wish or Wish()
        """How eager a person wants this device to be."""
        self.push: Subscribe | None = push
        """Where it is woken while it has no connection; none if nobody said."""
        self._listeners: list[Listener] = []
        self._mourners: list[Callable[[], None]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._lines: Final = Lines(ports.dial, self, lambda work, name: self._spawn(work, name=name))
        self._couriers: Final = Couriers(ports.carriers, self.change, lambda work, name: self._spawn(work, name=name))
        self._timer: asyncio.TimerHandle | None = None
        self._again: asyncio.TimerHandle | None = None
        self._running = False
        self.ahead_of_disk = False
        """The disk refused a change and could not be read again yet: the engine is not the truth."""
        self.senses: Senses | None = None
        """What feels the network for it; without, it knows what its connections tell."""
        self.ended: Final = asyncio.Event()
        """Set by `stop`, or by a defect."""
        self.failure: BaseException | None = None
        """A defect that stopped this agent; whoever waits for anything is told."""
        self.engine = self._restored()
        files.share(Gate(lambda: self.engine.machines.flight, ports.monotonic_s, made_room=self._made_room))

    # ---- life

    def start(self) -> None:
        """Begin to connect; needs a running event loop."""
        self._running = True
        self._couriers.start()
        if self.senses is None:
            self.change(lambda engine, now: engine.start(now=now))
        else:
            self._spawn(self._begin(self.senses), name="begin")

    async def _begin(self, senses: Senses) -> None:
        """Know the ways out before the first of them is taken."""
        await senses.begin()
        self._try(lambda engine, now: engine.start(now=now))

    async def stop(self) -> None:
        """Let go of the connection; everything promised stays in the journal."""
        self._end()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._files.close()
        await self._couriers.close()
        if self.senses is not None:
            await self.senses.stop()

    def sensed(self, event: Sensed) -> None:
        """A sense has told something; what the disk refuses of it is felt again."""
        self._try(lambda engine, now: engine.sensed(event, now=now))

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Hear all news from now on; returns how to stop hearing."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def mourn(self, mourner: Callable[[], None]) -> Callable[[], None]:
        """Hear of this agent's end; returns how to stop hearing."""
        self._mourners.append(mourner)
        return lambda: self._mourners.remove(mourner)

    def check_alive(self) -> None:
        """Raise `AgentEnded`, with the defect if there was one, once nothing more will come of this agent."""
        if self.ended.is_set():
            why = f"by a defect: {type(self.failure).__name__}" if self.failure else "as it was told to"
            raise AgentEnded(
                f"this device's agent has ended, {why}; what was promised is on the disk"
            ) from self.failure

    @property
    def now(self) -> Moment:
        """This moment, in both times."""
        return Moment(self._ports.monotonic_s(), self._ports.wall_ms())

    @property
    def files_wanted(self) -> frozenset[BlobId]:
        """The staged files that promises still need: also those at the relay, which may lose them."""
        letters = [promise.letter for promise in self.engine.machines.outbox]
        return frozenset(letter.blob for letter in letters if letter.blob is not None) | self.engine.drafted_files

    def wait_of(self, message: MessageId, device: DeviceId | None) -> Wait | None:
        """Why a message of ours, or one copy of it, stays where it is; while the disk refuses, that is why."""
        now = self.now
        if self.ahead_of_disk:
            return Wait(Cause.DEVICE_DISK_REFUSES, now.wall_ms + round(AGAIN_S * 1000), Reason.DISK_AGAIN.value)
        return self.engine.wait_of(message, device, now=now)

    # ---- changes

    def change(self, make: Change) -> None:
        """Make one change and carry out all of its effects, the disk first. Raises `StorageError`, `AgentEnded`."""
        self.check_alive()
        try:
            if self.ahead_of_disk:
                self._read_again()
            self.carry_out(make(self.engine, self.now))
        except AnswerbackError:
            raise
        except BaseException as error:  # half a change is in the engine: nothing more may come of it
            self._fail(error)
            raise

    def carry_out(self, effects: Sequence[Effect]) -> None:
        """Disk, then network, then person."""
        facts = [effect.fact for effect in effects if isinstance(effect, Save)]
        try:
            self.journal.commit(facts)
        except StorageError:
            self._begin_again()
            raise
        told: list[News] = []
        for effect in effects:
            match effect:
                case Save():
                    pass
                case Probe(line, path):
                    self._lines.probe(line, path)
                case Proceed(line, resume):
                    self._lines.proceed(line, resume)
                case Use(line):
                    self._lines.use(line)
                case Close(line):
                    self._lines.close(line)
                case Ask() | Here() | Listen():
                    self._by_datagram(effect)
                case Recheck():
                    self._files.recheck()
                case Transmit(frame, line):
                    self._lines.transmit(frame, line)
                case Upload() | Download():
                    self._spawn(self._carry(effect), name="file")
                case CarryText(carrier, order):
                    self._couriers.carry(carrier, order)
                case Tell(news):
                    told.append(news)
                case _:
                    assert_never(effect)
        for news in told:
            self._tell(news)
        self._set_timer()

    def _by_datagram(self, effect: Ask | Here | Listen) -> None:
        if self.senses is None:
            return
        match effect:
            case Ask(path):
                self.senses.ask(path)
            case Here(path):
                self.senses.here(path)
            case Listen(path, line, ticket):
                self.senses.listen(path, ticket, relay=self._lines.peer(line))

    def _tell(self, news: News) -> None:
        if isinstance(news, LinkChanged):
            log.info(
                "= relay is %s%s", "up" if news.connected else "down", f" ({news.cause.value})" if news.cause else ""
            )
        for listener in list(self._listeners):
            listener(news)

    def become(self, identity: Identity) -> None:
        """Go on as another device, which the journal is already: whatever was under way was the one before's."""
        self._lines.close_all()
        self.identity = identity
        self._read_again()
        self.change(lambda engine, now: engine.start(now=now))

    def _begin_again(self) -> None:
        """The engine is ahead of the disk: forget it, and begin again from what is true."""
        log.error("! the journal refused a change; beginning again from the disk")
        self._lines.close_all()
        self.ahead_of_disk = True
        with contextlib.suppress(StorageError):  # a disk that cannot even be read is asked before the next change
            self._read_again()
        if self._running and self._again is None:
            self._again = asyncio.get_running_loop().call_later(AGAIN_S, self._start_again)

    def _read_again(self) -> None:
        self.engine = self._restored()
        self.ahead_of_disk = False

    def _start_again(self) -> None:
        self._again = None
        self._try(lambda engine, now: engine.start(now=now))
        if self.ahead_of_disk and self._running and self._again is None:
            self._again = asyncio.get_running_loop().call_later(AGAIN_S, self._start_again)

    def _restored(self) -> Engine:
        memory = self.journal.load()
        if memory.device_keys is None:
            raise UsageError("this device has no keys yet: register or link it first")
        identity = self.identity
        own = Self(identity.account, identity.device, identity.device_name, identity.handle.text)
        keys = DeviceKeys.from_pickle(memory.device_keys.pickle, identity.pickle_key)
        engine = Engine(
            own,
            keys,
            pickle_key=identity.pickle_key,
            randomness=self._ports.randomness,
            memory=memory,
            profile=self._profile,
            wish=self.wish,
        )
        engine.machines.paths.counts(self._repetitions)
        if self._renews:
            holds_root, now_ms = bool(engine.machines.root or identity.root_seed), self._ports.wall_ms()
            count = len(engine.machines.roster.devices(identity.account))
            engine.machines.may_renew = may_renew(self.journal, holds_root=holds_root, count=count, now_ms=now_ms)
        engine.handover.is_welcome = self.journal.setting(NO_HISTORY_SETTING) is None
        engine.machines.root = engine.machines.root or identity.root_seed or b""
        for given in self._couriers.given:
            engine.beside(given, now=self.now)
        if self.push is not None:
            engine.sensed(PushGiven(self.push), now=self.now)
        return engine

    def _try(self, make: Change) -> None:
        """Make a change that nobody waits for: what the disk refuses is logged, and tried again later."""
        if not self._running:
            return
        try:
            self.change(make)
        except StorageError as error:
            log.error("! the disk refused: %s", error)  # noqa: TRY400 - its message says it all
        except AnswerbackError as error:  # nobody made a request that could be wrong: half a change is in the engine
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        if self.failure is None:
            log.critical("! a defect stopped the agent", exc_info=error)
            self.failure = error
            self._end()

    def _end(self) -> None:
        self._running = False
        for timer in (self._timer, self._again):
            if timer is not None:
                timer.cancel()
        self._lines.close_all()
        self.ended.set()
        for mourner in list(self._mourners):
            mourner()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        wake = self.engine.wake_at
        if wake is not None and self._running:
            delay_s = max(0.0, wake.at_s - self._ports.monotonic_s())
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(delay_s, self._try, lambda engine, now: engine.wake(now=now))

    # ---- what becomes of connections

    def answered(self, line: int) -> None:
        """A TCP connection stands."""
        self._try(lambda engine, now: engine.answered(line, now=now))

    def opened(self, line: int) -> None:
        """Frames may be said and heard on it."""
        self._try(lambda engine, now: engine.opened(line, now=now))

    def received(self, line: int, frame: RelayFrame) -> None:
        """The relay said something."""
        self._try(lambda engine, now: engine.received(line, frame, now=now))

    def written(self, envelopes: Sequence[EnvelopeId]) -> None:
        """The system has taken these envelopes' bytes."""
        self._try(lambda engine, now: engine.written(envelopes, now=now))

    def lost(self, line: int, cause: Cause, retry_after_s: float | None) -> None:
        """A connection, or the attempt at one, has ended by itself."""
        self._try(lambda engine, now: engine.lost(line, cause, retry_after_s=retry_after_s, now=now))

    # ---- files

    def _made_room(self) -> None:
        self._try(lambda engine, now: engine.chunks_answered(now=now))

    async def _carry(self, piece: Upload | Download) -> None:
        self._try(await self._files.carry(piece))

    def _spawn(self, work: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None and not isinstance(error, AnswerbackError):
            self._fail(error)
