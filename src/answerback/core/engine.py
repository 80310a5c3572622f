"""Joins the machines: one input in, effects out.

Theory. Every input is one verb, and one verb is one change: it routes the input to the machines that care, and returns
all their effects. The shell carries out every effect, the saves first and in one transaction, before the next verb.
After each change the engine lets go what may leave. There is no decision about content here, only the routing table.
"""

from collections.abc import Sequence

from answerback.core.adapting import Adapting
from answerback.core.arrival import Arrival
from answerback.core.carriage import Carriage
from answerback.core.confirmation import Confirmation
from answerback.core.courier import Beside, Courier
from answerback.core.departure import Departure
from answerback.core.effects import (
    Close,
    Download,
    Effect,
    Moment,
    Reason,
    Save,
    Tell,
    Transmit,
    Upload,
    Wake,
    Warned,
)
from answerback.core.facts import KeepDraft
from answerback.core.greeting import Greeting
from answerback.core.hedger import Hedger
from answerback.core.introducing import Introducing
from answerback.core.lookup import Lookup
from answerback.core.machines import Machines, Randomness, Self
from answerback.core.memory import Memory
from answerback.core.network.evidence import Evidence
from answerback.core.network.modes import Posture, Wish
from answerback.core.network.platforms import Profile
from answerback.core.outbox import LETTERS_MAX
from answerback.core.reaching import Reaching
from answerback.core.renewing import Renewing
from answerback.core.resting import Resting
from answerback.core.restoring import restore
from answerback.core.rollback import Rollback
from answerback.core.sensing import FileAsked, Hinted, Looked, PowerSeen, PushGiven, Sensed, Wished
from answerback.core.sessions import Sessions
from answerback.core.trusting import Deed
from answerback.core.waiting import wait_of_copy, wait_of_draft, wait_of_promise
from answerback.crypto.identity import DeviceKeys
from answerback.model.causes import Cause
from answerback.model.devices import Signed
from answerback.model.errors import PeerError, UsageError
from answerback.model.ids import AccountId, BlobId, DeviceId, EnvelopeId, MessageId, message_id
from answerback.model.message import LIFETIME_S, Attachment, Message, Urgency
from answerback.model.timeline import Wait
from answerback.wire.frames import (
    Accepted,
    Announced,
    Challenge,
    Deliver,
    Farewell,
    HandleNotice,
    Listed,
    Located,
    Pong,
    Published,
    Refused,
    RelayFrame,
    Resolved,
    Welcome,
)

LOOK_S = 30.0
"""How often, while connected, everything without a deadline of its own is looked at: ages, ends, missing addresses."""


class Engine:
    """One device's decisions."""

    def __init__(
        self,
        own: Self,
        keys: DeviceKeys,
        *,
        pickle_key: bytes,
        randomness: Randomness,
        memory: Memory | None = None,
        profile: Profile | None = None,
        wish: Wish | None = None,
    ) -> None:
        self.machines = Machines(own, Sessions(keys, pickle_key), randomness)
        self._departure = Departure(self.machines)
        self._arrival = Arrival(self.machines, self._departure)
        self.ownership, self.handover = self._arrival.ownership, self._arrival.handover
        self._witnessing = self._arrival.witnessing
        self._confirmation = Confirmation(self.machines, self._departure)
        self._rollback = Rollback(self.machines, self._departure)
        self._lookup = Lookup(self.machines, self._departure, self._arrival, self._rollback)
        self._reaching = Reaching(self.machines, self._departure, self._arrival, Greeting(self.machines))
        self.renewing = Renewing(self.machines, self._departure, self._reaching)
        """This device's registration."""
        self._introducing = Introducing(self.machines, self._departure)
        self._hedger = Hedger(self.machines)
        self._carriage = Carriage(self.machines, self._departure, self._arrival)
        self.courier = Courier(self.machines, self._departure)
        self._adapting = Adapting(self.machines, profile, wish or Wish())
        self._resting = Resting(self.machines, self._adapting)
        self._look_at_s = 0.0
        if memory is not None:
            restore(self.machines, self._departure, memory)
            self.handover.restore(memory.notes)
            self._introducing.restore(memory.notes)

    # ---- people and programs

    def send(
        self,
        *,
        handles: Sequence[str],
        accounts: Sequence[AccountId] = (),
        text: str,
        attachment: Attachment | None,
        urgency: Urgency,
        lifetime_s: int,
        is_private: bool = False,
        now: Moment,
    ) -> tuple[MessageId, list[Effect]]:
        """Promise a message. It is promised once these effects are carried out; no network is needed for that.

        Raises `UsageError`, and has changed nothing, while more wait than this device can keep.
        """
        machines = self.machines
        if machines.outbox.full or len(self._departure.drafts) >= LETTERS_MAX:
            raise UsageError(f"{LETTERS_MAX} letters already wait; wait until some have left")
        lowered = machines.urgent_budget.judge(urgency, now_s=now.now_s) is not urgency
        urgency = Urgency.NORMAL if lowered else urgency
        stamp = machines.threads.clock.tick(wall_ms=machines.clock.stamp_ms(now))
        identity = message_id(wall_ms=stamp.wall_ms, randomness=machines.randomness(10))
        draft = KeepDraft(
            identity, tuple(handles), tuple(accounts), text, attachment, urgency, stamp, lifetime_s, now.wall_ms
        )
        told: list[Effect] = [Tell(Warned(Cause.QUEUE_URGENT_SPENT))] if lowered else []
        private = machines.fallback.keep_private(identity) if is_private else []
        return identity, self._then([*private, *self._departure.draft(draft, now=now), *told], now)

    def read(self, messages: Sequence[Message], *, now: Moment) -> list[Effect]:
        """The person has read these: tell their authors' devices."""
        return self._then(self._arrival.read(messages, now=now), now)

    def beside(self, event: Beside, *, now: Moment) -> list[Effect]:
        """Something happened beside the road: a carrier spoke, or a person about it. Raises as `Courier.take` does."""
        return self._then(self.courier.take(event, now=now), now)

    def announce(self, signed: Signed, *, next_root: bytes = b"", now: Moment) -> list[Effect]:
        """Make a device list, signed by our root, the account's newest; a new root key is kept first."""
        return self._then([*self.ownership.prepare(next_root), *self._lookup.announce(signed)], now)

    def then(self, effects: list[Effect], *, now: Moment) -> list[Effect]:
        """Go on after a verb of a composer that is asked by itself: `handover`, `ownership`."""
        return self._then(effects, now)

    def register_again(self, *, gentle: bool, now: Moment) -> list[Effect]:
        """Sign out and in again, with fresh keys and sessions unless it is `gentle`; nothing queued or waiting goes."""
        return self._then(self.renewing.ask(gentle=gentle, now=now), now)

    def look_up(self, account: AccountId, *, now: Moment) -> list[Effect]:
        """Ask for an account's newest device list."""
        return self._then(self._departure.want_list(account), now)

    def trusted(self, deed: Deed, *, now: Moment) -> list[Effect]:
        """The person has made sure of somebody's keys, or agreed to a change of them."""
        return self._then(self._arrival.trusting.carry(deed, now=now), now)

    def contact(self, handle: str) -> AccountId | None:
        """Which account a handle stands for here."""
        return self._departure.contacts.get(handle)

    def wait_of(self, message: MessageId, device: DeviceId | None, *, now: Moment) -> Wait | None:
        """Why a message, or one copy of it, stays where it is."""
        machines = self.machines
        if message in self._departure.drafts:
            return wait_of_draft(machines, self._departure.drafts[message], now=now)
        promise = machines.outbox.promise(message)
        if promise is None:
            return None
        copy = promise.copies.get(device) if device is not None else None
        return wait_of_copy(machines, copy, now=now) if copy else wait_of_promise(machines, promise, now=now)

    @property
    def posture(self) -> Posture:
        """How eager this device is, since when and why."""
        return self._adapting.posture

    @property
    def drafted_files(self) -> frozenset[BlobId]:
        """Files of messages whose recipients are still being looked up."""
        drafts = self._departure.drafts.values()
        return frozenset(draft.attachment.blob for draft in drafts if draft.attachment is not None)

    # ---- connection

    def start(self, *, now: Moment) -> list[Effect]:
        """Begin: connect, and keep connected."""
        self.machines.clock.begin(now)
        self._adapting.start(now=now)
        self._reaching.start(now=now)
        return self.wake(now=now)

    def hint(self, *, now: Moment, evidence: Evidence = Evidence.IN_FRONT) -> list[Effect]:
        """Something makes a connection likely to succeed now, or the one in use doubtful."""
        return self.sensed(Hinted(evidence), now=now)

    def sensed(self, event: Sensed, *, now: Moment) -> list[Effect]:
        """A sense has told something of the network, of the machine, or of people."""
        effects: list[Effect] = []
        if isinstance(event, Looked | PowerSeen | Wished | FileAsked | PushGiven):
            effects = self._adapting.sensed(event, now=now)
            if isinstance(event, Looked) and event.is_in_front:
                self._resting.stir(now=now)
                effects += self._reaching.sensed(Hinted(Evidence.IN_FRONT), now=now)
        else:
            if isinstance(event, Hinted):
                self._resting.stir(now=now)
            effects = self._reaching.sensed(event, now=now)
        return self._then(effects, now)

    def answered(self, line: int, *, now: Moment) -> list[Effect]:
        """A probe was answered."""
        return self._then(self._reaching.answered(line, now=now), now)

    def opened(self, line: int, *, now: Moment) -> list[Effect]:
        """A connection stands; the relay's challenge, or its welcome, is next."""
        self._reaching.opened(line)
        return self._then([], now)

    def lost(self, line: int, cause: Cause, *, retry_after_s: float | None = None, now: Moment) -> list[Effect]:
        """A connection, or the attempt at one, has ended, perhaps with a word on when to come back."""
        return self._then(self._reaching.lost(line, cause, retry_after_s=retry_after_s, now=now), now)

    def received(self, line: int, frame: RelayFrame, *, now: Moment) -> list[Effect]:
        """The relay said something."""
        if not self._reaching.hears(line):
            return []  # it comes from a connection that was given up; what it says will be said again
        try:
            effects = self._reaching.heard(line, frame, now=now)
            if line == self.machines.path.line:
                self._hedger.heard(now=now)
        except PeerError:
            return [Close(line), *self.lost(line, Cause.RELAY_FAULTY, now=now)]
        return self._then([*effects, *self._route(line, frame, now)], now)

    def written(self, envelopes: Sequence[EnvelopeId], *, now: Moment) -> list[Effect]:
        """The socket took these envelopes' bytes."""
        effects: list[Effect] = []
        for envelope in envelopes:
            effects += self.machines.outbox.written(envelope, now=now)
        return self._then(effects, now)

    # ---- files

    def chunks_answered(self, *, now: Moment) -> list[Effect]:
        """The relay has answered for some of a file: there may be room for more, and the connection lives."""
        return self._then(self._hedger.chunks_answered(now=now), now)

    def moved(self, piece: Upload | Download, *, done_bytes: int, now: Moment) -> list[Effect]:
        """So much of a file is at its goal; `file_checked` follows in the same change for a whole one coming in."""
        return self._then(self._carriage.moved(piece, done_bytes=done_bytes), now)

    def file_checked(self, blob: BlobId, message: Message, *, now: Moment) -> list[Effect]:
        """A received file is whole, opened and on disk: its message is delivered."""
        return self._then(self._carriage.checked(blob, message, now=now), now)

    def transfer_failed(
        self, piece: Upload | Download, *, missing: bool, message: Message | None, now: Moment
    ) -> list[Effect]:
        """A piece did not arrive; `missing` if the relay has not got the blob at all."""
        return self._then(self._carriage.failed(piece, missing=missing, message=message, now=now), now)

    def file_gone(self, piece: Upload, *, now: Moment) -> list[Effect]:
        """The file to bring is no longer on this disk: its message cannot leave, and that is said."""
        return self._then(self._carriage.gone(piece, now=now), now)

    # ---- time

    @property
    def wake_at(self) -> Wake | None:
        """When `wake` next has work, and why then."""
        machines = self.machines
        wakes = [machines.paths.wake_at, self._hedger.wake_at, self._adapting.wake_at, self._resting.wake_at]
        wakes.append(self.renewing.wake_at)
        wakes.append(self._arrival.trusting.wake_at)
        wakes.append(self.courier.wake_at)
        if machines.path.up:
            wakes += [machines.transfers.wake_at(self._adapting.may_fetch), Wake(self._look_at_s, Reason.UPKEEP)]
            for at_s, reason in (
                (machines.inbox.ask_at_s, Reason.GAP_DUE),
                (machines.lanes.release_at_s, Reason.RETRY_TOLD),
            ):
                if at_s is not None:
                    wakes.append(Wake(at_s, reason))
        return min((wake for wake in wakes if wake is not None), key=lambda wake: wake.at_s, default=None)

    def wake(self, *, now: Moment) -> list[Effect]:
        """Do what is due by the clock."""
        machines = self.machines
        effects = [*self._hedger.ask(now=now), *self._reaching.wake(now=now), *self._arrival.trusting.wake(now=now)]
        if machines.path.up:
            machines.lanes.release_due(now_s=now.now_s)
            effects += self._arrival.ask_for_gaps(now=now)
            if now.now_s >= self._look_at_s:
                effects += self._look_around(now)
        return self._then(effects, now)

    # ---- the routing table

    def _route(self, line: int, frame: RelayFrame, now: Moment) -> list[Effect]:
        match frame:
            case Challenge():
                return self._reaching.challenged(line, frame)
            case Welcome():
                return self._welcomed(line, frame, now)
            case Farewell():
                return [*self.renewing.farewelled(frame, now=now), *self._reaching.farewelled(line, frame, now=now)]
            case Deliver():
                return self._arrival.deliver(frame.entries, now=now)
            case Accepted():
                is_other = self._hedger.answered(line, frame.entries, now=now)
                return self._confirmation.accepted(frame, is_other=is_other, now=now)
            case Refused():
                self._hedger.answered(line, frame.entries, now=now)
                return self._confirmation.refused(frame, now=now)
            case Located():
                return self._confirmation.located(frame, now=now)
            case Listed():
                effects = [*self._lookup.answered(frame, now=now), *self.ownership.look(now=now)]
                return [*effects, *self._introducing.go_on(now=now)]
            case Resolved() | HandleNotice():
                return self._lookup.of_handle(frame, now=now)
            case Published():
                return [*self._lookup.answered(frame, now=now), *self.renewing.published(now=now)]
            case Announced():
                is_newest = self._lookup.asks_newest(frame)
                effects = [*self._lookup.answered(frame, now=now), *self.ownership.look(now=now)]
                return [*effects, *self.renewing.announced(frame, is_newest=is_newest, now=now)]
            case Pong():
                return self._reaching.ponged(line, frame, now=now)
            case _:
                return self._lookup.answered(frame, now=now)

    def _welcomed(self, line: int, frame: Welcome, now: Moment) -> list[Effect]:
        machines = self.machines
        effects = self._reaching.welcomed(line, frame, now=now)
        if line != machines.path.line:
            return effects  # it stands by
        effects += self._adapting.welcomed(frame, now=now)
        machines.lanes.release_all()
        machines.token = frame.token
        machines.catchup.welcomed(frame.waiting)
        machines.registration.welcomed(prekeys_left=frame.prekeys_left, seal_key=frame.seal_key)
        effects += self._learn_time(frame, now)
        effects += self.renewing.welcomed(line, frame, now=now)
        if line != machines.path.line:
            return effects  # it signs in anew
        if machines.clock.skewed:
            effects.append(Tell(Warned(Cause.CLOCK_SKEWED)))
        effects += self._rollback.of_ours(frame, said_life=self._reaching.greeting.said_life(line))
        if machines.registration.ended is not None:
            return effects
        effects += self._rollback.of_mailbox(frame, said=self._reaching.greeting.said_taken(line))
        machines.store, machines.boot = frame.store, frame.boot
        effects.append(Save(machines.relay_met()))
        effects += [Transmit(question) for question in machines.questions.again()]
        effects += self._rollback.of_lists(frame.list_version)
        self._confirmation.doubt_earlier_runs(now=now)
        effects += self.ownership.look(now=now)
        return [*effects, *self._look_around(now)]

    def _learn_time(self, frame: Welcome, now: Moment) -> list[Effect]:
        machines = self.machines
        first = machines.clock.relay_ms(now) is None
        guess_ms, offset_ms = machines.clock.stamp_ms(now), machines.clock.offset_ms
        read_s = machines.clock.read_s
        machines.clock.read(frame.clock_ms, rtt_s=machines.path.estimate.rtt_s, now=now)
        relay_ms = machines.clock.stamp_ms(now)
        if not first:
            latest_ms = relay_ms + LIFETIME_S * 1000
            return machines.outbox.overslept(relay_ms - guess_ms, since_s=read_s, latest_ms=latest_ms, now=now)
        return machines.outbox.retime(
            shift_ms=relay_ms - guess_ms,
            earlier_shift_ms=machines.clock.offset_ms - offset_ms,
            latest_ms=relay_ms + LIFETIME_S * 1000,
        )

    # ---- private

    def _look_around(self, now: Moment) -> list[Effect]:
        """What nobody else reminds us of: keys that age, promises that run out, letters without an address."""
        machines = self.machines
        self._look_at_s = now.now_s + LOOK_S
        effects: list[Effect] = []
        relay_ms = machines.clock.relay_ms(now)
        if relay_ms is not None:
            effects += machines.outbox.expire(relay_ms=relay_ms, now=now)
            effects += machines.transfers.retire({promise.id for promise in machines.outbox})
            effects += self._lookup.upkeep(relay_ms=relay_ms)
        for promise in machines.outbox:
            if not promise.addressed:
                effects += self._departure.address(promise.id)
        for draft in list(self._departure.drafts.values()):
            effects += self._departure.draft(draft, now=now)
        self._confirmation.doubt_overdue(now=now)
        effects += self.renewing.go_on()
        effects += self._introducing.go_on(now=now)
        effects += self.handover.look(now=now)
        effects += self._witnessing.look(now=now)
        return [*effects, *(Save(learned) for learned in machines.paths.learned())]

    def _then(self, effects: list[Effect], now: Moment) -> list[Effect]:
        """After every change: let go what may leave, ask what is in doubt, and note what is owed to us."""
        machines = self.machines
        if self._reaching.has_moved():
            machines.lanes.release_all()
            effects = [*effects, *(Transmit(question) for question in machines.questions.again())]
            effects += self._look_around(now)
        effects = [*effects, *self.courier.look(now=now)]
        effects = [*effects, *self.renewing.look(now=now), *self._adapting.look(now=now)]
        effects = [*effects, *self._reaching.after(self._resting.look(now=now), now=now)]
        if not machines.path.up:
            return effects
        if self._arrival.keys_are_due:  # at once, before anybody fetches such a one again
            effects = [*effects, *self._lookup.upkeep(relay_ms=machines.clock.stamp_ms(now))]
        was_urgent = machines.hedging.is_busy
        effects = [*effects, *self._hedger.watch(self._departure.pump(now=now), now=now)]
        if machines.hedging.is_busy and not was_urgent:
            effects += self._reaching.urgent_left(now=now)
        effects += [Transmit(question) for question in machines.questions.more()]
        effects += self._confirmation.inquire()
        effects += machines.transfers.next(
            token=machines.token,
            rate_bytes_per_s=machines.flight.rate_bytes_per_s,
            now_s=now.now_s,
            may_fetch=self._adapting.may_fetch,
        )
        flying_bytes, is_asking = machines.outbox.flying_bytes, machines.questions.owed(now_s=now.now_s)
        owed = flying_bytes > 0 or is_asking or machines.catchup.waiting
        machines.path.expects(outstanding=owed, flying_bytes=flying_bytes, now_s=now.now_s)
        effects += self._hedger.again(now=now)
        if any(isinstance(effect, Transmit) for effect in effects):
            machines.path.spoke(now_s=now.now_s)
        return effects
