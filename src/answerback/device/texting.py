"""Sends and receives texts by one carrier: the shell around the machine that decides.

Theory. Everything that happens is queued and taken in turn, some at once: what the machine wants kept is committed, and
only then does anything leave and is the network told that we heard. If the disk refuses, nothing leaves; the machine is
made anew from what the disk has, which is what a crash at that moment would have done.
"""

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from enum import Enum, unique
from functools import partial
from typing import Final

from answerback.core.text_facts import DropText, EndOrder, KeepOrder, KeepPart, KeepWord, TextFact
from answerback.core.texting import AskPart, HangUp, Pace, SubmitPart, TextEffect, Texting
from answerback.model.errors import StorageError, UsageError
from answerback.model.moment import Moment
from answerback.model.texts import CarrierWord, TextArrived, TextOrder, TextPart
from answerback.storage.database import Database
from answerback.storage.text_ledger import TextLedger, order_digest
from answerback.transport.carriers.roads import (
    Absent,
    Incoming,
    OpenRoad,
    Receipted,
    Refused,
    Road,
    RoadClosed,
    RoadRefused,
    RoadUnsent,
    Submission,
    Taken,
)
from answerback.wire.short_messages import Fragment, count_parts

log = logging.getLogger(__name__)

AGAIN_S, AGAIN_S_MAX = 0.5, 60.0
"""After a connection that came to nothing: the first wait, doubled each time, shortened by chance so that a centre that
comes back is not met by everybody at once."""
REFUSED_S = 300.0
"""A network that does not let us in needs a person; asking it often locks accounts."""
STEADY_S = 10.0
"""A connection that stood for so long was a good one."""
DISK_AGAIN_S = 5.0
TEND_S = 5.0
BATCH_MAX = 200
LAST_ANSWERS_S = 3.0
"""How long a stop waits for answers under way: each that comes is one doubt less."""
Input = Callable[[Moment], list[TextEffect]]


@unique
class Cut(Enum):
    """Who makes short messages of a long text."""

    HERE = "here"
    """We do, and each is submitted by itself."""
    THERE = "there"
    """The network does; it charges by the short message all the same."""
    NOWHERE = "nowhere"
    """Nobody: there are no short messages."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """What a carrier needs of the world besides its network."""

    monotonic_s: Callable[[], float] = time.monotonic
    wall_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    randomness: Callable[[int], bytes] = os.urandom


@dataclass(frozen=True, slots=True, kw_only=True)
class CarrierTraits:
    """What is said of a carrier before anything is sent."""

    name: str
    kind: str
    """Such as "smpp"."""
    price: str = ""
    is_confirming: bool = True
    is_encrypted: bool = False
    cut: Cut = Cut.HERE
    pace: Pace = field(default_factory=Pace)


class TextCarrier:
    """One carrier at work: the `Carrier` port over a ledger and a road."""

    def __init__(
        self, traits: CarrierTraits, *, database: Database, open_road: OpenRoad, clocks: Clocks | None = None
    ) -> None:
        self.traits: Final = traits
        self.trouble = "not connected yet"
        """Why there is no connection; empty while there is one."""
        self._told_trouble = ""
        self._ledger: Final = TextLedger(database, traits.name)
        self._open_road: Final = open_road
        self._clocks: Final = clocks or Clocks()
        self._inputs: Final[asyncio.Queue[Input]] = asyncio.Queue()
        self._again: list[Input] = []
        """Taken already when the disk refused."""
        self._arrivals: list[Incoming] = []
        self._to_hear: list[Callable[[], None]] = []
        self._untold: Final = asyncio.Event()
        self._road: Road | None = None
        self._connection = 0
        self._is_closing = False
        self._unsent: list[SubmitPart] = []
        """Handed to a road that had ended; said to the machine once it knows of the end."""
        self._submitting: Final[set[asyncio.Task[None]]] = set()
        self._machine = self._restored()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def name(self) -> str:
        """What its person calls it."""
        return self.traits.name

    @property
    def price(self) -> str:
        """What one part costs, in its person's words."""
        return self.traits.price

    @property
    def is_confirming(self) -> bool:
        """Whether delivery can ever be known."""
        return self.traits.is_confirming

    @property
    def is_encrypted(self) -> bool:
        """Whether only the two ends can read it."""
        return self.traits.is_encrypted

    def parts(self, text: str) -> int:
        """As how many parts a text would be charged. Raises UsageError for one that cannot be carried."""
        return 1 if self.traits.cut is Cut.NOWHERE else count_parts(text)

    def start(self) -> None:
        """Begin to connect, send and listen, unless that has begun; needs a running loop."""
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._work()), asyncio.create_task(self._keep_connected())]
            for task in self._tasks:
                task.add_done_callback(self._say_defect)

    async def submit(self, order: TextOrder) -> None:
        """Take an order into the ledger; a number that it knows is the same order. Raises UsageError."""
        self.start()
        charged = self.parts(order.text)
        parts = charged if self.traits.cut is Cut.HERE else 1
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        digest = order_digest(order)

        def accept(now: Moment) -> list[TextEffect]:
            known = self._ledger.digest(order.number)
            if known is None:
                self._to_hear.append(partial(_settle, done))
                return self._machine.accept(order, parts=parts, charged=charged, digest=digest, now=now)
            if known == digest:
                self._ledger.tell_again(order.number)
                self._to_hear.append(partial(_settle, done))
            else:
                self._to_hear.append(
                    partial(_settle, done, UsageError(f"order {order.number} was another text before"))
                )
            return []

        self._inputs.put_nowait(accept)
        await done

    async def words(self) -> AsyncIterator[CarrierWord | TextArrived]:
        """What becomes of orders, and what arrives; asking for the next says that the last is on the caller's disk."""
        self.start()
        while True:
            self._untold.clear()
            words, arrivals = self._ledger.untold(), self._ledger.arrived()
            if not words and not arrivals:
                await self._untold.wait()
                continue
            told: list[tuple[int, int]] = []
            taken: list[int] = []
            try:
                for word, said in words:
                    yield word
                    told.append((word.number, said))
                for number, arrival in arrivals:
                    yield arrival
                    taken.append(number)
            finally:
                with self._ledger.transaction():
                    for number, said in told:
                        self._ledger.told(number, said)
                    for number in taken:
                        self._ledger.took(number)

    async def close(self) -> None:
        """Let go of the network, after a moment for answers under way."""
        self._is_closing = True
        if self._submitting:
            await asyncio.wait(self._submitting, timeout=LAST_ANSWERS_S)
        for task in reversed(self._tasks):  # first what connects: it says what is in doubt now
            task.cancel()
            await asyncio.wait([task])
        with contextlib.suppress(StorageError):  # the next start finds the same doubt
            while self._again or not self._inputs.empty():
                self._say_unsent(self._take(self._drained()))

    async def _work(self) -> None:
        """Take what happens, in turn, for as long as there is a carrier."""
        while True:
            batch = await self._next_batch()
            try:
                effects = self._take(batch)
            except StorageError as error:
                log.error("! the ledger of carrier %s cannot be written: %s", self.name, error)  # noqa: TRY400 - it says it all
                await self._begin_again()
                continue
            await self._speak(effects)

    async def _next_batch(self) -> list[Input]:
        now = self._now()
        due_s = self._machine.wake_at(now)
        wait_s = TEND_S if due_s is None else min(max(0.0, due_s - now.now_s), TEND_S)
        if self._again:
            return self._drained()
        try:
            async with asyncio.timeout(wait_s):
                first = await self._inputs.get()
        except TimeoutError:
            return [lambda now: self._machine.wake(now)]  # noqa: PLW0108 - the machine may be another by then
        return [first, *self._drained()]

    def _drained(self) -> list[Input]:
        batch, self._again = self._again, []
        while not self._inputs.empty() and len(batch) < BATCH_MAX:
            batch.append(self._inputs.get_nowait())
        return batch

    def _take(self, batch: list[Input]) -> list[TextEffect]:
        """Change the machine and commit; only then is anybody told. Raises StorageError, and nothing has changed."""
        arrivals, self._arrivals = self._arrivals, []
        self._to_hear = []
        try:
            effects = self._committed(batch, arrivals)
        except StorageError:
            self._again, self._arrivals = batch, arrivals + self._arrivals
            raise
        for hear in (*self._to_hear, *(arrival.heard for arrival in arrivals)):
            hear()
        self._untold.set()
        return effects

    def _committed(self, batch: list[Input], arrivals: list[Incoming]) -> list[TextEffect]:
        effects: list[TextEffect] = []
        now = self._now()
        with self._ledger.transaction():
            for each in batch:
                effects_of_one = each(now)
                self._ledger.keep(facts_of(effects_of_one))
                effects += effects_of_one
            for arrival in arrivals:
                self._ledger.arrive(
                    arrival.sender,
                    arrival.fragment,
                    name=arrival.name,
                    connection=self._connection,
                    now_ms=now.wall_ms,
                )
            if self._road is not None:
                self._ledger.tend(connection=self._connection, now_ms=now.wall_ms)
        return effects

    async def _speak(self, effects: list[TextEffect]) -> None:
        road = self._road
        if road is None or self._is_closing:
            self._say_unsent(effects)
            return
        for effect in effects:
            match effect:
                case SubmitPart():
                    self._begin(self._submit(road, effect))
                case AskPart():
                    self._begin(self._ask(road, effect))
                case HangUp():
                    await road.close()
                case _:
                    pass  # kept already

    def _say_unsent(self, effects: list[TextEffect]) -> None:
        """Say of what was to be submitted that nothing of it left; after the end of the road, if it is ending."""
        self._unsent += [effect for effect in effects if isinstance(effect, SubmitPart)]
        if self._road is None:
            for effect in self._unsent:
                self._inputs.put_nowait(partial(self._not_sent, effect))
            self._unsent = []

    def _not_sent(self, effect: SubmitPart, now: Moment) -> list[TextEffect]:
        return self._machine.unsent(effect.part.key, now=now)

    def _begin(self, speaking: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(speaking)
        self._submitting.add(task)
        task.add_done_callback(self._submitting.discard)

    async def _submit(self, road: Road, effect: SubmitPart) -> None:
        key = effect.part.key
        try:
            answer = await road.submit(self._submission(effect.order, effect.part, effect.parts))
        except RoadUnsent:
            self._unsent.append(effect)
            return
        except RoadClosed:
            await road.close()  # whoever reads its events learns it, and says that all of it is in doubt
            return
        match answer:
            case Taken(id_):
                self._inputs.put_nowait(lambda now: self._machine.answered(key, id=id_, now=now))
            case Refused(reason, is_temporary, too_fast):
                self._inputs.put_nowait(
                    lambda now: self._machine.refused(
                        key, reason=reason, is_temporary=is_temporary, too_fast=too_fast, now=now
                    )
                )

    async def _ask(self, road: Road, effect: AskPart) -> None:
        key = effect.part.key
        try:
            found = await road.ask(self._submission(effect.order, effect.part, effect.parts))
        except RoadClosed:
            await road.close()
            return
        is_absent = isinstance(found, Absent)
        receipt = None if isinstance(found, Absent) else found
        self._inputs.put_nowait(lambda now: self._machine.located(key, receipt=receipt, is_absent=is_absent, now=now))

    def _submission(self, order: TextOrder, part: TextPart, parts: int) -> Submission:
        token = self._ledger.token(part)
        return Submission(order.to, order.text, order.number, part.index, parts, part.reference, token)

    async def _keep_connected(self) -> None:
        failures = 0
        while True:
            began_s = self._clocks.monotonic_s()
            wait_s = 0.0
            try:
                await self._be_connected()
            except RoadRefused as error:
                self._say_trouble(error)
                wait_s = REFUSED_S
            except (RoadClosed, StorageError) as error:
                self._say_trouble(error)
            failures = 0 if self._clocks.monotonic_s() - began_s >= STEADY_S else failures + 1
            chance = int.from_bytes(self._clocks.randomness(2), "big") / 65_536
            usual_s = min(AGAIN_S_MAX, AGAIN_S * 2.0 ** min(failures, 20)) * (0.5 + chance / 2)
            await asyncio.sleep(max(wait_s, usual_s))

    async def _be_connected(self) -> None:
        road = await self._open_road()
        self._connection = max(self._connection + 1, self._clocks.wall_ms())
        self._road, self.trouble = road, ""
        log.info("= carrier %s is connected", self.name)
        self._inputs.put_nowait(lambda now: self._machine.opened(can_ask=road.can_ask, now=now))
        reason = "the connection ended before the answer"
        try:
            async for event in road.events():
                self._hear(event)
        except RoadClosed as error:
            reason = f"{reason}: {error}"
            raise
        finally:
            await road.close()
            if self._submitting:  # all of them have heard by now; what they heard comes before the end
                await asyncio.wait(self._submitting)
            self._road = None
            self._inputs.put_nowait(lambda now: self._machine.broken(reason=reason, now=now))
            self._say_unsent([])

    def _hear(self, event: Receipted | Incoming) -> None:
        match event:
            case Receipted(receipt, to, heard):

                def learn(now: Moment) -> list[TextEffect]:
                    self._to_hear.append(heard)
                    return self._machine.receipt(receipt, to=to, now=now)

                self._inputs.put_nowait(learn)
            case Incoming():
                self._arrivals.append(shown(event))
                self._inputs.put_nowait(lambda _now: [])

    def _say_defect(self, task: "asyncio.Task[None]") -> None:
        """These tasks end by being cancelled, or by an error that nobody foresaw."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self.trouble = f"a fault of this program: {type(error).__name__}: {error}"
            log.error("! carrier %s: %s", self.name, self.trouble, exc_info=error)

    def _say_trouble(self, error: Exception) -> None:
        self.trouble = str(error)
        if self.trouble != self._told_trouble:
            log.warning("! carrier %s: %s", self.name, error)
            self._told_trouble = self.trouble

    async def _begin_again(self) -> None:
        """Go on from what the disk has, as after a crash."""
        if self._road is not None:
            await self._road.close()
        while True:
            await asyncio.sleep(DISK_AGAIN_S)
            with contextlib.suppress(StorageError):
                self._machine = self._restored()
                return

    def _restored(self) -> Texting:
        orders, reference = self._ledger.load()
        machine = Texting(self.name, self.traits.pace, reference)
        with self._ledger.transaction():
            self._ledger.keep(facts_of(machine.restore(orders)))
        return machine

    def _now(self) -> Moment:
        return Moment(self._clocks.monotonic_s(), self._clocks.wall_ms())


def _settle(done: "asyncio.Future[None]", error: UsageError | None = None) -> None:
    if done.done():
        return  # whoever asked has gone
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)


def facts_of(effects: list[TextEffect]) -> list[TextFact]:
    """Choose what is to be kept."""
    return [e for e in effects if isinstance(e, KeepOrder | KeepPart | KeepWord | DropText | EndOrder)]


def shown(event: Incoming) -> Incoming:
    """Make what a stranger sent a text that any disk and any screen takes."""
    text = event.fragment.text.encode("utf-8", "replace").decode("utf-8").replace("\0", "")
    fragment = Fragment(text, event.fragment.reference, event.fragment.total, event.fragment.index)
    return Incoming(event.sender, fragment, event.heard, event.name)
