"""What leaves this device: from a promise to the frame that carries it.

The sender's half of the road: draft → promise → copies → turn → session → sealed → frame. Each step asks one machine
and passes on what it answers; whatever is missing (an account, a device list, a pre-key, a file at the relay) is asked
for, and the copy waits with that as its cause.
"""

from dataclasses import dataclass, field

from answerback.core.effects import Effect, Moment, Progressed, Save, Tell, Transmit
from answerback.core.facts import DropDraft, KeepDraft, KeepMessage, KeepOutgoing, KeepRatchet, KeepStep
from answerback.core.fanout import targets
from answerback.core.handle_book import HandleBook
from answerback.core.healing import Healed
from answerback.core.lanes import Hold
from answerback.core.machines import Machines
from answerback.core.outbox import Copy, Promise
from answerback.core.questions import WantAccount, WantList, WantPreKey
from answerback.crypto.files import sealed_size
from answerback.crypto.seal import LockedLetter, lock_letter
from answerback.model.bounds import INSTANT_MS_MAX
from answerback.model.causes import Cause
from answerback.model.envelope import Envelope
from answerback.model.errors import UsageError
from answerback.model.ids import AccountId, DeviceId, MessageId, conversation_id, message_id
from answerback.model.message import Lane, Message
from answerback.model.timeline import Evidence, Stage, Step
from answerback.wire.codec import decode_letter, encode
from answerback.wire.flight import Kind
from answerback.wire.frames import BATCH_MAX, Claim, LookUp, Resolve, Submit
from answerback.wire.letters import AnyLetter, Post, Slip

FRAME_BYTES = 64 * 1024
"""A frame of envelopes is closed at this size: on a slow link an urgent one waits behind one frame at most."""
STRICT_WINDOW_FACTOR = 2
"""Control and urgent copies may fill twice the window: they are few, and waiting is what they must not do."""
ABSENT_AGAIN_S = 2.0
"""A device on a list that has published no keys yet was registered a moment ago: look again soon, then ever less."""
ABSENT_AGAIN_S_MAX = 3600.0
ABSENT_TRIES_MAX = 32
SEAL_KEY_OLD_MS = 10 * 86_400_000
"""Devices make a new seal key about weekly. One older than this is looked up again before it is used; a device that
was away as long has no newer one, and then this one is used after all."""
SEAL_KEY_ASK_S = 6 * 3600.0
SEAL_KEY_NAMED_S = 60.0
"""Letters that waited for weeks name keys of those weeks: one look-up a minute tells which is today's."""
LOCKED_MAX = 256
"""Letters kept locked between their copies' turns; one that falls out is locked anew, with another key."""
CONTROL_LIFETIME_MS = 30 * 86_400_000


@dataclass(slots=True)
class Departure:
    """The composer of everything that leaves."""

    machines: Machines
    _locked: dict[MessageId, LockedLetter] = field(default_factory=dict)
    _absent_tries: dict[DeviceId, int] = field(default_factory=dict)
    _asked_s: dict[AccountId, float] = field(default_factory=dict)
    _named_s: dict[DeviceId, float] = field(default_factory=dict)
    drafts: dict[MessageId, KeepDraft] = field(default_factory=dict)
    contacts: dict[str, AccountId] = field(default_factory=dict, repr=False)
    """Which account each handle stood for when the relay was last asked."""
    book: HandleBook = field(default_factory=HandleBook)

    # ---- promising

    def draft(self, draft: KeepDraft, *, now: Moment) -> list[Effect]:
        """Promise a message; it becomes one as soon as every handle is known, and none has moved unheard."""
        known = self.contacts | {self.machines.own.handle: self.machines.own.account}
        missing = [handle for handle in draft.handles if handle not in known]
        is_held = self.machines.trust.holds(draft.handles, draft.accounts)
        now_ms = self.machines.clock.stamp_ms(now)
        old = [
            handle for handle in draft.handles if handle in self.contacts and self.book.is_due(handle, now_ms=now_ms)
        ]
        asked = [effect for handle in (*missing, *old) for effect in self.want_account(handle)]
        if not missing and not is_held:
            accounts = frozenset((*draft.accounts, *(known[handle] for handle in draft.handles)))
            return [*self._promise(draft, accounts, now=now), *asked]
        first = draft.id not in self.drafts
        self.drafts[draft.id] = draft
        if not first:
            return asked
        cause = Cause.TRUST_CONTACT_CHANGED if is_held else Cause.QUEUE_FETCHING_KEYS
        step = Step(Stage.QUEUED, Evidence.JOURNAL, now.wall_ms, cause)
        return [Save(draft), Save(KeepStep(draft.id, None, step)), Tell(Progressed(draft.id, None, step)), *asked]

    def draft_failed(self, draft: KeepDraft, cause: Cause, *, now: Moment) -> list[Effect]:
        """One of its handles is nobody's: this message will not leave."""
        kept = self._message(draft, frozenset(draft.accounts), now=now)
        del self.drafts[draft.id]
        step = Step(Stage.FAILED, Evidence.REFUSAL, now.wall_ms, cause)
        return [
            Save(kept),
            Save(DropDraft(draft.id)),
            Save(KeepStep(draft.id, None, step)),
            Tell(Progressed(draft.id, None, step)),
        ]

    def _promise(self, draft: KeepDraft, accounts: frozenset[AccountId], *, now: Moment) -> list[Effect]:
        machines = self.machines
        kept = self._message(draft, accounts, now=now)
        message = kept.message
        was_waiting = self.drafts.pop(draft.id, None) is not None
        effects: list[Effect] = [Save(kept)]
        if was_waiting:
            effects.append(Save(DropDraft(draft.id)))
        machines.threads.add(message)
        post = Post(
            message.id,
            message.conversation,
            sorted(accounts),
            message.text,
            message.attachment,
            message.urgency,
            message.stamp,
            sorted(message.written_after),
            message.expires_ms,
            machines.own.handle,
        )
        letter = KeepOutgoing(
            id=message.id,
            lane=message.urgency.lane,
            letter=encode(post),
            recipients=tuple(sorted(accounts)),
            devices=(),
            answered=True,
            accepted_wall_ms=now.wall_ms,
            expires_ms=message.expires_ms,
            blob=message.attachment.blob if message.attachment else None,
        )
        effects += machines.outbox.accept(letter, now=now)
        if message.attachment:
            effects += machines.transfers.add(
                (message.author, message.id),
                message.attachment.blob,
                uploading=True,
                total_bytes=message.attachment.sealed_bytes,
            )
        return [*effects, *self.address(letter.id)]

    def _message(self, draft: KeepDraft, accounts: frozenset[AccountId], *, now: Moment) -> KeepMessage:
        own = self.machines.own
        conversation = conversation_id(accounts | {own.account})
        # What came while it waited for its recipients its author had not seen, and may even be an answer to it: a
        # backup promises the same message twice.
        written = draft.stamp if draft.id in self.drafts else None
        message = Message(
            id=draft.id,
            conversation=conversation,
            author=own.account,
            author_device=own.device,
            recipients=accounts,
            text=draft.text,
            attachment=draft.attachment,
            urgency=draft.urgency,
            stamp=draft.stamp,
            written_after=self.machines.threads.heads(conversation, before=written) - {draft.id},
            # From now, not from the stamp: stamps never run back, so one wrong clock long ago would set the end.
            expires_ms=min(self.machines.clock.stamp_ms(now) + draft.lifetime_s * 1000, INSTANT_MS_MAX),
        )
        return KeepMessage(message, now.wall_ms)

    def control(self, letter: AnyLetter, devices: tuple[DeviceId, ...], *, now: Moment) -> list[Effect]:
        """Promise a receipt or a repair to some devices."""
        machines = self.machines
        kept = KeepOutgoing(
            id=message_id(wall_ms=now.wall_ms, randomness=machines.randomness(10)),
            lane=Lane.CONTROL,
            letter=encode(letter),
            recipients=(),
            devices=devices,
            answered=False,
            accepted_wall_ms=now.wall_ms,
            expires_ms=machines.clock.stamp_ms(now) + CONTROL_LIFETIME_MS,
        )
        return [*machines.outbox.accept(kept, now=now), *self.address(kept.id)]

    # ---- addressing

    def address(self, message: MessageId) -> list[Effect]:
        """Give a letter a copy for each device, as far as the devices are known; ask for what is not."""
        machines = self.machines
        promise = machines.outbox.promise(message)
        if promise is None:
            return []
        own = machines.own
        if machines.trust.holds((), promise.letter.recipients):
            promise.cause = Cause.TRUST_CONTACT_CHANGED
            return []
        found = targets(promise.letter, machines.roster, own_account=own.account, own_device=own.device)
        if found.unknown or found.empty:
            promise.cause = Cause.RECIPIENT_NO_DEVICES if found.empty else Cause.QUEUE_FETCHING_KEYS
            effects: list[Effect] = []
            for account in found.unknown or promise.letter.recipients:
                effects += self.want_list(account)
            return effects
        effects = machines.outbox.lay_out(message, found.devices)
        for copy in promise.copies.values():
            self.queue(copy)
        stale = [account for account in (*promise.letter.recipients, own.account) if machines.roster.stale(account)]
        if (stale or machines.questions.announcing) and not promise.letter.devices:
            # Not before the newest list is here: the receipts of the devices known so far would end the promise.
            machines.outbox.unaddress(message)
            return [*effects, *(ask for account in stale for ask in self.want_list(account))]
        return [*effects, *machines.outbox.settle(message)]

    def readdress(self, account: AccountId, *, was_stale: bool = False, now: Moment) -> list[Effect]:
        """An account's devices became known or changed: letters to it may need copies, or copies an end.

        With `was_stale`, what had been laid out by the older list shows that on its timeline.
        """
        machines = self.machines
        effects: list[Effect] = []
        for promise in machines.outbox:
            # New devices first: a promise whose last device goes would end before the one that replaces it has a copy.
            if not promise.letter.devices and (account in promise.letter.recipients or account == machines.own.account):
                if was_stale and promise.copies:
                    effects += machines.healing.of_message(Healed.DEVICE_LIST, promise, now=now)
                effects += self.address(promise.id)
            for copy in [copy for copy in promise.copies.values() if copy.account == account and copy.open]:
                if machines.roster.device(copy.device) is None:
                    machines.lanes.withdraw(copy.key)
                    effects += machines.outbox.failed(copy, Cause.RECIPIENT_DEVICE_GONE, now=now)
        return effects

    def list_named(self, account: AccountId, version: int) -> list[Effect]:
        """A device names its account's newest list: no letter to it ends before it has been laid out by that one."""
        machines = self.machines
        was_stale = machines.roster.stale(account)
        machines.roster.heard(account, version)
        if not machines.roster.stale(account):
            return []
        if not was_stale:
            machines.healing.count(Healed.DEVICE_LIST)
        for promise in () if was_stale else machines.outbox:
            if account in promise.letter.recipients or account == machines.own.account:
                machines.outbox.unaddress(promise.id)
        return self.want_list(account)

    def queue(self, copy: Copy) -> None:
        """Let a copy wait for its turn, if it has anything to wait for."""
        is_leaving = copy.sent_s is not None  # the socket has not yet said that it took it; twice is too often
        if copy.stage in (Stage.QUEUED, Stage.SEALED) and not is_leaving and not self._file_missing(copy.message):
            self.machines.lanes.push(copy.key, lane=copy.lane, order=copy.order)

    def file_arrived(self, message: MessageId) -> None:
        """A letter's file is at the relay: its copies may leave."""
        promise = self.machines.outbox.promise(message)
        for copy in promise.copies.values() if promise else ():
            self.queue(copy)

    def again(self, copy: Copy, *, reseal: bool) -> list[Effect]:
        """Send a copy once more, as the same bytes or sealed anew."""
        effects = self.machines.outbox.requeue(copy, reseal=reseal)
        self.queue(copy)
        return effects

    def upload_again(self, promise: Promise) -> list[Effect]:
        """The relay has lost a letter's file: bring it again."""
        letter = decode_letter(promise.letter.letter)
        if not isinstance(letter, Post) or letter.attachment is None:
            return []
        size = sealed_size(letter.attachment.size_bytes)
        post = self.machines.own.account, promise.id
        return self.machines.transfers.restart(post, letter.attachment.blob, total_bytes=size)

    def _file_missing(self, message: MessageId) -> bool:
        return self.machines.transfers.active((self.machines.own.account, message))

    # ---- leaving

    def pump(self, *, now: Moment) -> list[Effect]:
        """Send what may leave now, most urgent first, as much as the link can have under way."""
        machines = self.machines
        effects: list[Effect] = []
        if not machines.path.up:
            return effects
        batches: list[list[Envelope]] = []
        flight = machines.flight
        # A frame comes when all of it has: on a slow link the first is small, so that of much something comes soon.
        batch_bytes, frame_bytes = FRAME_BYTES, flight.chunk_bytes // 2 if flight.rate_bytes_per_s else FRAME_BYTES
        # Of files nothing counts here: their chunks may be on another path, and that one may be dead.
        while flight.bytes_of(Kind.MAIL) < STRICT_WINDOW_FACTOR * flight.window_bytes:
            # Asked only for what has room: a turn given back would cost its lane its share.
            turn = machines.lanes.next(strict_only=not flight.has_room(now_s=now.now_s))
            if turn is None:
                break
            copy = machines.outbox.copy(turn[1])
            if copy is None or copy.stage not in (Stage.QUEUED, Stage.SEALED):
                continue
            envelope, made = self._sealed(copy, now=now)
            effects += made
            if envelope is None:
                continue
            machines.outbox.leaving(copy, now=now)
            if batch_bytes >= frame_bytes or len(batches[-1]) >= BATCH_MAX:
                batches.append([])
                batch_bytes, frame_bytes = 0, min(2 * frame_bytes, FRAME_BYTES)
            batches[-1].append(envelope)
            batch_bytes += len(envelope.sealed)
        if any(isinstance(effect, Save) and isinstance(effect.fact, KeepRatchet) for effect in effects):
            # A copy of this disk from before now would seal with the same key: the relay will be able to tell.
            machines.life += 1
            effects.append(Save(machines.relay_met()))
        return [*effects, *(Transmit(Submit(batch, machines.life)) for batch in batches)]

    def _sealed(self, copy: Copy, *, now: Moment) -> tuple[Envelope | None, list[Effect]]:
        machines = self.machines
        promise = machines.outbox.promise(copy.message)
        assert promise is not None
        relay_ms = machines.clock.stamp_ms(now)
        lifetime_s = max(60, (promise.letter.expires_ms - relay_ms) // 1000)
        if copy.sealed is not None and copy.envelope is not None:
            return Envelope(copy.envelope, copy.device, copy.lane, lifetime_s, copy.sealed), []
        seal_key = machines.roster.seal_key(copy.device)
        if machines.roster.device(copy.device) is None:
            return None, machines.outbox.failed(copy, Cause.RECIPIENT_DEVICE_GONE, now=now)
        if seal_key is None:
            return None, [*self._wait(copy, Cause.RECIPIENT_NO_KEYS, now=now), *self.want_list(copy.account)]
        if relay_ms - seal_key.created_ms > SEAL_KEY_OLD_MS and self._is_to_be_asked(copy.account, now):
            # Its device has made a newer one by now, and will delete this one: what is sealed to it may never open.
            return None, [*self._wait(copy, Cause.RECIPIENT_NO_KEYS, now=now), *self.want_list(copy.account)]
        if not machines.sessions.ready(copy.device, copy.lane):
            return None, [*self._wait(copy, Cause.QUEUE_FETCHING_KEYS), *self.want_prekey(copy.device, copy.lane)]
        sequence, stream = copy.sequence, None
        if not sequence:
            sequence, stream = machines.inbox.give(copy.device, copy.lane)
        locked = self._lock(promise)
        slip = self._slip(copy, promise, locked, sequence, now=now)
        try:
            envelope, facts = machines.sessions.seal(
                locked, slip, lane=copy.lane, seal_key=seal_key, lifetime_s=lifetime_s
            )
        except UsageError:  # it fits no envelope; its number stays unused and is voided when it is asked for
            return None, machines.outbox.failed(copy, Cause.MESSAGE_TOO_LARGE, now=now)
        effects: list[Effect] = [Save(fact) for fact in (*facts, *((stream,) if stream else ()))]
        return envelope, [*effects, *machines.outbox.sealed(copy, envelope, sequence=sequence, now=now)]

    def _is_to_be_asked(self, account: AccountId, now: Moment) -> bool:
        if account not in self._asked_s or now.now_s - self._asked_s[account] >= SEAL_KEY_ASK_S:
            self._asked_s[account] = now.now_s
            return True
        return WantList(account) in self.machines.questions  # asked for another copy, and not answered yet

    def _slip(self, copy: Copy, promise: Promise, locked: LockedLetter, sequence: int, *, now: Moment) -> Slip:
        own = self.machines.own
        return Slip(
            promise.id,
            locked.key,
            locked.sha256,
            sequence,
            own.account,
            own.device,
            copy.account,
            copy.device,
            self.machines.roster.version(own.account),
            own.device_name,
            self.machines.registration.seal_key,
            self.machines.transparency.head_for(copy.device, now_s=now.now_s),
        )

    def absent_until_s(self, device: DeviceId, *, now: Moment) -> float:
        """When to ask again for the keys of a device that has none: soon at first, then ever less often."""
        tries = self._absent_tries.get(device, 0)
        self._absent_tries[device] = min(tries + 1, ABSENT_TRIES_MAX)
        return now.now_s + min(ABSENT_AGAIN_S * 1.5**tries, ABSENT_AGAIN_S_MAX)

    def _lock(self, promise: Promise) -> LockedLetter:
        locked = self._locked.get(promise.id)
        if locked is None:
            locked = self._locked[promise.id] = lock_letter(decode_letter(promise.letter.letter))
            if len(self._locked) > LOCKED_MAX:
                del self._locked[next(iter(self._locked))]
        return locked

    def _wait(self, copy: Copy, cause: Cause, *, now: Moment | None = None) -> list[Effect]:
        until_s = self.absent_until_s(copy.device, now=now) if now is not None else None
        self.machines.lanes.hold(copy.device, copy.lane, Hold(cause, until_s))
        self.queue(copy)
        return []

    # ---- asking

    def want_list(self, account: AccountId) -> list[Effect]:
        """Ask for an account's newest device list."""
        machines = self.machines
        known_version = machines.roster.version(account)
        if account == machines.own.account:  # of these every one is kept
            known_version = min(known_version, machines.registration.lists_upto)
        frame = LookUp(machines.questions.number(), account, known_version, machines.transparency.known_size)
        return self._ask(WantList(account), frame)

    def seal_key_named(self, account: AccountId, device: DeviceId, identity: bytes, *, now: Moment) -> list[Effect]:
        """A device says which seal key others are given for it: if ours is another, it may no longer open with that."""
        asked_s = self._named_s.get(device)
        if asked_s is not None and now.now_s - asked_s < SEAL_KEY_NAMED_S:
            return []
        if not self.machines.roster.outdated(device, identity):
            return []
        self._named_s[device] = now.now_s
        return self.want_list(account)

    def want_prekey(self, device: DeviceId, lane: Lane) -> list[Effect]:
        """Ask for a pre-key to begin a session with."""
        return self._ask(WantPreKey(device, lane), Claim(self.machines.questions.number(), device))

    def want_account(self, handle: str) -> list[Effect]:
        """Ask whose a handle is."""
        frame = Resolve(self.machines.questions.number(), handle, self.machines.transparency.known_size)
        return self._ask(WantAccount(handle), frame)

    def _ask(self, question: WantList | WantPreKey | WantAccount, frame: LookUp | Claim | Resolve) -> list[Effect]:
        asked = self.machines.questions.ask(question, frame)
        return [Transmit(asked)] if asked is not None and self.machines.path.up else []
