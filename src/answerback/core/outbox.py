"""Keeps every promised letter until there is proof that it arrived.

Theory. A *letter* is promised once; it has one *copy* for each device it goes to. A copy moves forward through the
stages of `model/timeline.py` and only on evidence: sealed (ratchet and ciphertext on disk), sent (the socket took the
bytes), accepted (the relay's word), delivered and read (the device's own receipt). Late and repeated evidence is
normal: it counts, or changes nothing. What was sent and not accepted when a connection ends is queued again with the
*same bytes*; what was accepted is kept until answered, because a relay may lose what it accepted. A post ends with
the receipts of all its devices; a receipt ends with the relay's acceptance, since the message it answers is what
makes its sender ask again.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from answerback.core.effects import Effect, Moment, Progressed, Save, Tell
from answerback.core.facts import DropOutgoing, KeepCopy, KeepOutgoing, KeepStep, RaiseStage
from answerback.core.lanes import CopyKey
from answerback.core.memory import ENDED_MAX
from answerback.core.repeats import Repeats
from answerback.model.causes import Cause
from answerback.model.envelope import Envelope
from answerback.model.ids import AccountId, DeviceId, EnvelopeId, MessageId
from answerback.model.message import Lane
from answerback.model.timeline import Evidence, Stage, Step
from answerback.wire.flight import Flight, Kind

LETTERS_MAX = 50_000
"""Bound on unfinished letters: at 2 KiB each this is 100 MiB of journal, what a phone can spare."""
RETIME_MS = 2 * 60_000
"""A guess of the relay's time that was no worse than this is left alone."""


@dataclass(slots=True)
class Copy:
    """One letter's way to one device."""

    message: MessageId
    account: AccountId
    device: DeviceId
    lane: Lane
    order: int
    stage: Stage = Stage.QUEUED
    attempts: int = 0
    sequence: int = 0
    envelope: EnvelopeId | None = None
    sealed: bytes | None = None
    cause: Cause | None = None
    boot: bytes = b""
    accepted_wall_ms: int = 0
    accepted_s: float | None = None
    """When it was accepted in this run; none after a restart."""
    sent_s: float | None = None
    retry_at_s: float | None = None
    inquiries: int = 0
    reseals: int = 0
    missed: bool = False
    """Its device says that its number never came."""

    @property
    def key(self) -> CopyKey:
        """What names this copy."""
        return self.message, self.device

    @property
    def open(self) -> bool:
        """Something is still to be done for it."""
        return not (self.stage.answered or self.stage.final)

    def fact(self, *, with_bytes: bool = False) -> KeepCopy:
        """Its state as a fact to keep."""
        return KeepCopy(
            message=self.message,
            account=self.account,
            device=self.device,
            lane=self.lane,
            stage=self.stage,
            attempts=self.attempts,
            sequence=self.sequence,
            envelope=self.envelope,
            sealed=self.sealed if with_bytes else None,
            cause=self.cause,
            boot=self.boot,
            accepted_wall_ms=self.accepted_wall_ms,
        )


@dataclass(slots=True)
class Promise:
    """One letter that was promised, and its copies."""

    letter: KeepOutgoing
    order: int
    addressed: bool
    copies: dict[DeviceId, Copy] = field(default_factory=dict)
    cause: Cause | None = None
    """Why it has no copies yet."""
    restored: bool = False
    """Promised in an earlier run."""
    promised_s: float = 0.0
    """When, in monotonic seconds of this run."""

    @property
    def id(self) -> MessageId:
        """The letter's id."""
        return self.letter.id

    @property
    def kept(self) -> bool:
        """Nothing more is to be done for any copy."""
        return self.addressed and not any(self._owed(copy) for copy in self.copies.values())

    def _owed(self, copy: Copy) -> bool:
        return copy.open and (self.letter.answered or copy.stage < Stage.ACCEPTED)


@dataclass(slots=True)
class Outbox:
    """All promises of this device that are not yet kept."""

    _promises: dict[MessageId, Promise] = field(default_factory=dict)
    _by_envelope: dict[EnvelopeId, Copy] = field(default_factory=dict)
    _by_sequence: dict[tuple[DeviceId, Lane, int], Copy] = field(default_factory=dict)
    _ended: dict[CopyKey, Stage] = field(default_factory=dict)
    """How far the newest copies came whose promise has ended."""
    _order: int = 0
    flying_bytes: int = 0
    """Sent in this connection and not yet accepted or refused."""
    flight: Flight = field(default_factory=Flight)
    """The same, and whatever else is on its way to the relay: what it teaches of the link."""
    repeats: Repeats = field(default_factory=Repeats)

    # ---- looking

    def __len__(self) -> int:
        """How many promises are open."""
        return len(self._promises)

    def __iter__(self) -> Iterator[Promise]:
        """Walk the open promises in the order they were made."""
        return iter(list(self._promises.values()))

    def promise(self, message: MessageId) -> Promise | None:
        """Find one promise."""
        return self._promises.get(message)

    def copy(self, key: CopyKey) -> Copy | None:
        """Find one copy."""
        promise = self._promises.get(key[0])
        return promise.copies.get(key[1]) if promise else None

    def copy_of(self, envelope: EnvelopeId) -> Copy | None:
        """Find the copy that travels as this envelope."""
        return self._by_envelope.get(envelope)

    def numbered(self, device: DeviceId, lane: Lane, sequence: int) -> Copy | None:
        """Find the copy with this number in a lane."""
        return self._by_sequence.get((device, lane, sequence))

    @property
    def full(self) -> bool:
        """Whether another message should be refused; receipts and repairs are never."""
        return len(self._promises) >= LETTERS_MAX

    # ---- promising

    def accept(self, letter: KeepOutgoing, *, now: Moment) -> list[Effect]:
        """Promise to deliver a letter; a second promise of the same id is free."""
        if letter.id in self._promises:
            return []
        self._hold(letter).promised_s = now.now_s
        effects: list[Effect] = [Save(letter)]
        if letter.answered:
            effects += self._step(letter.id, None, Step(Stage.QUEUED, Evidence.JOURNAL, now.wall_ms))
        return effects

    def restore(self, letter: KeepOutgoing, copies: Iterable[KeepCopy]) -> None:
        """Take back a promise from disk; what was sent and not accepted counts as not sent."""
        promise = self._hold(letter)
        promise.addressed, promise.restored = letter.addressed, True
        for kept in copies:
            stage = Stage.SEALED if kept.stage is Stage.SENT else kept.stage
            copy = Copy(kept.message, kept.account, kept.device, kept.lane, promise.order, stage)
            copy.attempts, copy.sequence, copy.cause = kept.attempts, kept.sequence, kept.cause
            copy.envelope, copy.sealed = kept.envelope, kept.sealed
            copy.boot, copy.accepted_wall_ms = kept.boot, kept.accepted_wall_ms
            promise.copies[copy.device] = copy
            self._index(copy)

    def restore_ended(self, copies: Iterable[KeepCopy]) -> None:
        """Remember how far copies came whose promise ended in an earlier run, oldest first."""
        for kept in copies:
            self._remember((kept.message, kept.device), kept.stage)

    def lay_out(self, message: MessageId, targets: Iterable[tuple[AccountId, DeviceId]]) -> list[Effect]:
        """Give a letter its copies; devices that have one already keep it."""
        promise = self._promises[message]
        effects: list[Effect] = []
        for account, device in targets:
            if device not in promise.copies:
                copy = Copy(message, account, device, promise.letter.lane, promise.order)
                promise.copies[device] = copy
                effects.append(Save(copy.fact()))
        if not promise.addressed:
            promise.addressed = True
            effects.append(Save(replace(promise.letter, addressed=True)))
        promise.cause = None
        return effects

    def unaddress(self, message: MessageId) -> None:
        """A newer device list exists: this promise does not end before it has been laid out by that list."""
        promise = self._promises.get(message)
        if promise is not None and not promise.letter.devices:
            promise.addressed = False

    # ---- evidence

    def sealed(self, copy: Copy, envelope: Envelope, *, sequence: int, now: Moment) -> list[Effect]:
        """The copy was sealed: its bytes stay the same from now on, however often it is sent."""
        self._unindex(copy)
        copy.envelope, copy.sealed, copy.sequence = envelope.id, envelope.sealed, sequence
        self._index(copy)
        copy.stage = Stage.SEALED
        step = Step(Stage.SEALED, Evidence.RATCHET, now.wall_ms, attempt=copy.attempts)
        return [Save(copy.fact(with_bytes=True)), *self._tell(copy, step)]

    def leaving(self, copy: Copy, *, now: Moment) -> None:
        """The copy is being handed to the connection."""
        copy.attempts += 1
        copy.sent_s, copy.retry_at_s = now.now_s, None
        size_bytes = len(copy.sealed or b"")
        self.flying_bytes += size_bytes
        self.flight.left(copy.key, size_bytes, kind=Kind.MAIL, now_s=now.now_s)

    def written(self, envelope: EnvelopeId, *, now: Moment) -> list[Effect]:
        """The socket took the copy's bytes."""
        copy = self._by_envelope.get(envelope)
        if copy is None or copy.sent_s is None or copy.stage >= Stage.SENT:
            return []
        copy.stage, copy.cause = Stage.SENT, None
        return [Save(copy.fact()), *self._tell(copy, self._said(copy, Stage.SENT, Evidence.SOCKET, now))]

    def accepted(self, envelope: EnvelopeId, *, away_s: int, boot: bytes, now: Moment) -> list[Effect]:
        """The relay says that it is on its disk."""
        copy = self._by_envelope.get(envelope)
        if copy is None:
            return []
        self.flight.arrived(copy.key, now_s=now.now_s)
        self._landed(copy)
        if not copy.open:
            return []
        copy.boot = boot
        copy.cause = None if away_s == 0 else Cause.RECIPIENT_DEVICE_AWAY
        effects: list[Effect] = []
        if copy.stage < Stage.ACCEPTED or copy.accepted_s is None:
            first = copy.stage < Stage.ACCEPTED
            copy.stage, copy.accepted_s = Stage.ACCEPTED, now.now_s
            copy.accepted_wall_ms = copy.accepted_wall_ms or now.wall_ms
            if first:
                step = self._said(copy, Stage.ACCEPTED, Evidence.RELAY, now, cause=copy.cause)
                effects += self._tell(copy, step)
        return [Save(copy.fact()), *effects, *self.settle(copy.message)]

    def refused(self, envelope: EnvelopeId, cause: Cause, *, retry_at_s: float | None, now: Moment) -> list[Effect]:
        """The relay will not keep it: try again when it said, or never if only somebody's action helps."""
        copy = self._by_envelope.get(envelope)
        if copy is None or copy.stage >= Stage.ACCEPTED:
            return []
        self._landed(copy)
        if retry_at_s is None:
            return self.failed(copy, cause, now=now)
        copy.stage, copy.cause, copy.retry_at_s = Stage.SEALED, cause, retry_at_s
        step = self._said(copy, Stage.SEALED, Evidence.REFUSAL, now, cause=cause)
        return [Save(copy.fact()), *self._tell(copy, step)]

    def answered(self, messages: Iterable[MessageId], device: DeviceId, stage: Stage, *, now: Moment) -> list[Effect]:
        """The recipient's device itself says that it has, or that its person has read, these messages."""
        effects: list[Effect] = []
        for message in messages:
            step = Step(stage, Evidence.RECEIPT, now.wall_ms)
            copy = self.copy((message, device))
            if copy is None:
                effects += self._answered_late((message, device), step)
            elif copy.stage < stage or copy.stage.final:  # a receipt is stronger than our having given up
                self._landed(copy)
                copy.stage, copy.cause = stage, None
                effects += [Save(copy.fact()), *self._tell(copy, step), *self.settle(message)]
        return effects

    def _answered_late(self, key: CopyKey, step: Step) -> list[Effect]:
        """A receipt for what is not open: told if its copy is known to have ended before, else left to the disk."""
        message, device = key
        if message in self._promises:
            return []  # it was never sent there
        raised = Save(RaiseStage(message, device, step))
        known = self._ended.get(key)
        if known is None:
            return [raised]  # the disk knows whether it was ever sent there
        if known.answered and known >= step.stage:
            return []
        self._remember(key, step.stage)
        return [raised, Tell(Progressed(message, device, step))]

    def failed(self, copy: Copy, cause: Cause, *, now: Moment) -> list[Effect]:
        """Nothing more can be done for this copy."""
        self._landed(copy)
        copy.stage, copy.cause = Stage.FAILED, cause
        step = self._said(copy, Stage.FAILED, Evidence.REFUSAL, now, cause=cause)
        return [Save(copy.fact()), *self._tell(copy, step), *self.settle(copy.message)]

    def requeue(self, copy: Copy, *, reseal: bool) -> list[Effect]:
        """Send a copy again: the same bytes, or the same message sealed afresh where the old bytes cannot be opened."""
        self._landed(copy)
        if reseal:
            self._unindex(copy)
            copy.envelope, copy.sealed, copy.reseals = None, None, copy.reseals + 1
            self._index(copy)
        copy.stage = Stage.SEALED if copy.sealed else Stage.QUEUED
        copy.accepted_s = None
        return [Save(copy.fact())]

    def connection_lost(self) -> list[Copy]:
        """What was under way is not: give back the copies to queue again."""
        self.flying_bytes = 0
        self.flight.end(Kind.MAIL)
        again = []
        for promise in self._promises.values():
            for copy in promise.copies.values():
                if copy.sent_s is not None and copy.stage in (Stage.SEALED, Stage.SENT):
                    copy.sent_s = None
                    copy.stage = Stage.SEALED
                    again.append(copy)
        return again

    def retime(self, *, shift_ms: int, earlier_shift_ms: int, latest_ms: int) -> list[Effect]:
        """The relay's time is known now: correct the ends that were guessed before, of this run and of earlier ones.

        Only of what never left: what left, left while the relay's time was known.
        """
        effects: list[Effect] = []
        for promise in self._promises.values():
            by_ms = max(0, earlier_shift_ms) if promise.restored else shift_ms
            effects += self._retime(promise, by_ms, latest_ms)
        return effects

    def overslept(self, jump_ms: int, *, since_s: float, latest_ms: int, now: Moment) -> list[Effect]:
        """The relay's time, carried forward since `since_s`, lags by so much: this device slept, its clocks with it.

        What was promised after it woke was given an end that is too early by the whole of it; what was promised before
        was given the right one. Which of them it is the wall clock tells, which goes on in sleep; where it was set as
        well and tells nothing, a letter rather lives too long than ends before its time.
        """
        effects: list[Effect] = []
        for promise in self._promises.values():
            if promise.restored or promise.promised_s < since_s:
                continue
            waited_ms = (now.now_s - promise.promised_s) * 1000
            slept_ms = now.wall_ms - promise.letter.accepted_wall_ms - waited_ms
            if abs(slept_ms - jump_ms) > RETIME_MS:
                effects += self._retime(promise, max(0, jump_ms), latest_ms)
        return effects

    def expire(self, *, relay_ms: int, now: Moment) -> list[Effect]:
        """End what its author gave no more time; judged by the relay's clock, never by this device's."""
        effects: list[Effect] = []
        for promise in [late for late in self._promises.values() if late.letter.expires_ms <= relay_ms]:
            for copy in [copy for copy in promise.copies.values() if copy.open]:
                self._landed(copy)
                copy.stage, copy.cause = Stage.EXPIRED, Cause.MESSAGE_EXPIRED
                step = self._said(copy, Stage.EXPIRED, Evidence.CLOCK, now, cause=Cause.MESSAGE_EXPIRED)
                effects += [Save(copy.fact()), *self._tell(copy, step)]
            if not promise.copies:
                step = Step(Stage.EXPIRED, Evidence.CLOCK, now.wall_ms, Cause.MESSAGE_EXPIRED)
                effects += self._step(promise.id, None, step)
            promise.addressed = True
            effects += self.settle(promise.id)
        return effects

    def settle(self, message: MessageId) -> list[Effect]:
        """End a promise that is kept."""
        promise = self._promises.get(message)
        if promise is None or not promise.kept:
            return []
        del self._promises[message]
        for copy in promise.copies.values():
            self._unindex(copy)
            if promise.letter.answered:
                self._remember(copy.key, copy.stage)
            elif copy.envelope is not None:
                self.repeats.took(copy.envelope, copy.device, promise.letter.letter)
        return [Save(DropOutgoing(message))]

    # ---- private

    def _hold(self, letter: KeepOutgoing) -> Promise:
        self._order += 1
        promise = Promise(letter, self._order, addressed=False)
        self._promises[letter.id] = promise
        return promise

    def _remember(self, key: CopyKey, stage: Stage) -> None:
        self._ended[key] = stage
        while len(self._ended) > ENDED_MAX:
            del self._ended[next(iter(self._ended))]

    def _landed(self, copy: Copy) -> None:
        if copy.sent_s is not None:
            copy.sent_s = None
            self.flight.forget(copy.key)
            self.flying_bytes = max(0, self.flying_bytes - len(copy.sealed or b""))

    @staticmethod
    def _retime(promise: Promise, by_ms: int, latest_ms: int) -> list[Effect]:
        if abs(by_ms) <= RETIME_MS or any(copy.attempts for copy in promise.copies.values()):
            return []
        expires_ms = min(promise.letter.expires_ms + by_ms, latest_ms)
        promise.letter = replace(promise.letter, expires_ms=expires_ms, addressed=promise.addressed)
        return [Save(promise.letter)]

    def _index(self, copy: Copy) -> None:
        if copy.envelope is not None:
            self._by_envelope[copy.envelope] = copy
        if copy.sequence:
            self._by_sequence[copy.device, copy.lane, copy.sequence] = copy

    def _unindex(self, copy: Copy) -> None:
        if copy.envelope is not None:
            self._by_envelope.pop(copy.envelope, None)
        self._by_sequence.pop((copy.device, copy.lane, copy.sequence), None)

    @staticmethod
    def _said(copy: Copy, stage: Stage, evidence: Evidence, now: Moment, *, cause: Cause | None = None) -> Step:
        return Step(stage, evidence, now.wall_ms, cause or Cause.UNKNOWN, copy.attempts)

    def _tell(self, copy: Copy, step: Step) -> list[Effect]:
        promise = self._promises.get(copy.message)
        if promise is None or not promise.letter.answered:
            return []
        return self._step(copy.message, copy.device, step)

    @staticmethod
    def _step(message: MessageId, device: DeviceId | None, step: Step) -> list[Effect]:
        return [Save(KeepStep(message, device, step)), Tell(Progressed(message, device, step))]
