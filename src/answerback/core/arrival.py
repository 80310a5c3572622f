"""What arrives at this device: from a delivery to a message on disk and an answer back.

The reader's half of the road: seen before? → outer seal off → who claims to have sent it? → opened → kept → answered.
An envelope from a device nobody here has heard of is *parked* while its account's device list is looked up; nothing
else waits for it. What cannot be opened is answered too, with a sealed call for repair.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

from answerback.core.departure import Departure
from answerback.core.effects import Arrived, Effect, Moment, Save, Tell, Transmit, Warned
from answerback.core.facts import KeepDeviceKeys, KeepMessage
from answerback.core.handover import Handover
from answerback.core.healing import Healed
from answerback.core.lanes import Hold
from answerback.core.machines import Machines
from answerback.core.outbox import Copy
from answerback.core.ownership import Ownership
from answerback.core.sessions import KeyGoneError, NonsenseError, Opened
from answerback.core.transfers import PostKey
from answerback.core.trusting import Trusting
from answerback.core.witnessing import Witnessing
from answerback.crypto.primitives import CannotOpenError
from answerback.model.causes import Cause
from answerback.model.envelope import Delivery
from answerback.model.errors import UsageError
from answerback.model.fallback import NO_DEVICE
from answerback.model.handle import parse_handle
from answerback.model.ids import AccountId, DeviceId, EnvelopeId, MessageId, conversation_id
from answerback.model.message import Lane, Message, urgency_in
from answerback.model.timeline import Stage
from answerback.wire.codec import decode_letter
from answerback.wire.frames import Taken, Took
from answerback.wire.letters import Comparison, Gap, Heirloom, Inner, Nack, Page, PageTaken, Post, Receipt, Void, Vouch
from answerback.wire.requests import BLOB_BYTES_MAX

PARKED_MAX = 1024
"""Envelopes that wait for a look-up; one that finds no place here is delivered again after the next connection."""
RESEALS_MAX = 128
"""A message sealed afresh this often, each time on a fresh session, and still not opened, never will be: say so. More
than the one-time keys (100) that a relay restored from a backup gives out a second time, so the fallback key's turn
comes; a fresh session each 20 s makes that three quarters of an hour at worst."""
NACK_NUMBERS_MAX = 1000
"""Numbers answered at once: their answer fits one letter, and nobody can make us count for ever. The rest are asked for
again."""
KEYS_ANEW_S = 3600.0
"""A pre-key without a secret makes all of them be replaced, once in so long: a contact that sends nonsense in a key's
place costs 24 publications a day and no more."""
RECEIPTS_MAX = 1_000
"""Messages read, told in one letter: 18 KB, of the 64 that an envelope holds."""


@dataclass(slots=True)
class Replies:
    """What one change owes to other devices, gathered so that each gets one letter."""

    delivered: dict[DeviceId, list[MessageId]] = field(default_factory=dict)
    unopened: dict[DeviceId, list[EnvelopeId]] = field(default_factory=dict)


@dataclass(slots=True)
class Arrival:
    """The composer of everything that arrives."""

    machines: Machines
    departure: Departure
    ownership: Ownership = field(init=False)
    handover: Handover = field(init=False)
    witnessing: Witnessing = field(init=False)
    """Hears which heads of the relay's log others were given."""
    unreadable: int = 0
    """Envelopes whose outer seal did not open, or that nobody provably sent."""
    read_early: set[PostKey] = field(default_factory=set)
    """Messages a person has read while their file is still coming."""
    keys_are_due: bool = False
    """Our pre-keys are to be published anew, now."""
    _introduced: set[AccountId] = field(default_factory=set)
    """Authors whose handle was asked about in this run: one that goes by a thousand handles costs one question."""
    _parked: dict[EnvelopeId, tuple[Delivery, Inner]] = field(default_factory=dict)
    _keys_anew_s: float | None = None
    """When the relay's store of our pre-keys was last replaced because one of them had no secret here."""
    trusting: Trusting = field(init=False)
    """Hears of what is about whose keys are whose."""

    def __post_init__(self) -> None:
        self.trusting = Trusting(self.machines, self.departure)
        self.ownership = Ownership(self.machines, self.departure)
        self.handover = Handover(self.machines, self.departure)
        self.witnessing = Witnessing(self.machines, self.departure)

    def deliver(self, deliveries: Sequence[Delivery], *, now: Moment) -> list[Effect]:
        """Take in what the mailbox handed over."""
        replies = Replies()
        effects: list[Effect] = []
        for delivery in deliveries:
            before = self.machines.inbox.take(delivery)
            if before is None:
                effects += self._unseal(delivery, replies, now=now)
            elif before.device is not None and before.message is not None:
                author = self.machines.roster.account_of(before.device)
                if author is not None:  # nobody answers a device that is off its account's list
                    self._owe(replies, before.device, (author, before.message))
            elif before.device is not None and not before.opened:
                replies.unopened.setdefault(before.device, []).append(delivery.id)
        self.machines.catchup.took(len(deliveries))
        return [*effects, *self._acknowledge(), *self._reply(replies, now=now)]

    def look_again(self, account: AccountId, *, now: Moment) -> list[Effect]:
        """An account's devices are known now: open what was parked for it."""
        replies = Replies()
        effects: list[Effect] = []
        waiting = [(delivery, inner) for delivery, inner in self._parked.values() if inner.account == account]
        for delivery, inner in waiting:
            del self._parked[delivery.id]
            effects += self._open(delivery, inner, replies, now=now, may_park=False)
        return [*effects, *self._acknowledge(), *self._reply(replies, now=now)] if waiting else []

    def disconnected(self) -> None:
        """What is not acknowledged will be delivered again."""
        self._parked.clear()
        self.machines.inbox.disconnected()

    def file_arrived(self, message: Message, *, now: Moment) -> list[Effect]:
        """A message's file is whole on this disk: only now is the message delivered."""
        post = message.author, message.id
        read = [message.id] if post in self.read_early else []
        self.read_early.discard(post)
        return self.departure.control(Receipt([message.id], read), (message.author_device,), now=now)

    def read(self, messages: Sequence[Message], *, now: Moment) -> list[Effect]:
        """The person has read these: tell their authors' devices, if devices they were."""
        by_device: dict[DeviceId, list[MessageId]] = {}
        for message in messages:
            if self.machines.transfers.active((message.author, message.id)):
                # "read" says that all of it is here; its file is not yet
                self.read_early.add((message.author, message.id))
            elif message.author != self.machines.own.account and message.author_device != NO_DEVICE:
                by_device.setdefault(message.author_device, []).append(message.id)
        effects: list[Effect] = []
        for device, ids in by_device.items():
            for first in range(0, len(ids), RECEIPTS_MAX):
                receipt = Receipt([], ids[first : first + RECEIPTS_MAX])
                effects += self.departure.control(receipt, (device,), now=now)
        return effects

    def ask_for_gaps(self, *, now: Moment) -> list[Effect]:
        """Ask the senders of numbers that never came; one that is off its account's list will bring none any more."""
        effects: list[Effect] = []
        for device, gaps in self.machines.inbox.gaps_due(now_s=now.now_s).items():
            if self.machines.roster.device(device) is not None:
                effects += self.departure.control(Nack([], gaps, []), (device,), now=now)
            else:
                effects += [Save(fact) for fact in self.machines.inbox.voided(device, gaps)]
        return effects

    # ---- opening

    def _unseal(self, delivery: Delivery, replies: Replies, *, now: Moment) -> list[Effect]:
        try:
            inner = self.machines.sessions.unseal(delivery)
        except CannotOpenError:
            return self._give_up(delivery, None, now=now)
        return self._open(delivery, inner, replies, now=now, may_park=True)

    def _open(self, delivery: Delivery, inner: Inner, replies: Replies, *, now: Moment, may_park: bool) -> list[Effect]:
        roster = self.machines.roster
        sender = roster.device(inner.device)
        if sender is None or roster.account_of(inner.device) != inner.account:
            if not may_park:
                is_former = roster.former.get(inner.device) == inner.account
                cause = Cause.TRUST_DEVICE_REVOKED if is_former else Cause.TRUST_SIGNATURE_WRONG
                return [
                    *self._give_up(delivery, None, now=now),
                    Tell(Warned(cause, inner.account if is_former else None)),
                ]
            if len(self._parked) >= PARKED_MAX:
                return []
            self._parked[delivery.id] = (delivery, inner)
            return self.departure.want_list(inner.account)
        try:
            opened = self.machines.sessions.open(inner, sender, now=now)
        except CannotOpenError as error:
            if isinstance(error, KeyGoneError):
                self._keys_are_gone(sender.id, now=now)
            stepped = error.facts if isinstance(error, NonsenseError) else ()
            replies.unopened.setdefault(inner.device, []).append(delivery.id)
            return [*(Save(fact) for fact in stepped), *self._give_up(delivery, inner.device, now=now)]
        return self._opened(delivery, opened, replies, now=now)

    def _give_up(self, delivery: Delivery, device: DeviceId | None, *, now: Moment) -> list[Effect]:
        if device is None:
            self.unreadable += 1
        return [Save(self.machines.inbox.done(delivery, device=device, opened=False, now=now))]

    def _opened(self, delivery: Delivery, opened: Opened, replies: Replies, *, now: Moment) -> list[Effect]:
        machines, slip, letter = self.machines, opened.slip, opened.letter
        device = slip.author_device
        effects: list[Effect] = [Save(fact) for fact in opened.facts]
        if any(isinstance(fact, KeepDeviceKeys) for fact in opened.facts):
            machines.registration.taken()
        stream = machines.inbox.numbered(device, delivery.lane, slip.sequence, now=now)
        named = machines.roster.named(device, slip.device_name)
        effects += [Save(fact) for fact in (stream, named) if fact is not None]
        effects += self.departure.seal_key_named(slip.author, device, slip.seal_key, now=now)
        effects += self.departure.list_named(slip.author, slip.list_version)
        effects += self.witnessing.heard(slip.head, slip.author)
        message: MessageId | None = None
        match letter:
            case Post():
                effects += self._post(letter, opened, replies, lane=delivery.lane, now=now)
                message = letter.message if machines.threads.knows(slip.author, letter.message) else None
            case Receipt():
                self._proven(letter, device)
                effects += machines.outbox.answered(letter.delivered, device, Stage.DELIVERED, now=now)
                effects += machines.outbox.answered(letter.read, device, Stage.READ, now=now)
            case Nack():
                effects += self._repair(letter, device, now=now)
            case Page() | PageTaken():
                effects += self.handover.heard(letter, device, now=now)
            case Heirloom():
                effects += self.ownership.heard(letter, device, now=now)
            case Void():
                effects += [Save(fact) for fact in machines.inbox.voided(device, letter.gaps)]
                effects += machines.transfers.void(slip.author, letter.blobs)
            case Vouch() | Comparison():
                effects += self.trusting.heard(letter, slip, now=now)
        done = machines.inbox.done(delivery, device=device, message=message, opened=True, now=now)
        return [*effects, Save(done)]

    def _post(self, post: Post, opened: Opened, replies: Replies, *, lane: Lane, now: Moment) -> list[Effect]:
        machines = self.machines
        author, own = opened.slip.author, machines.own
        members = frozenset((*post.recipients, author))
        if post.message != opened.slip.message or post.conversation != conversation_id(members):
            return [Tell(Warned(Cause.TRUST_SIGNATURE_WRONG, author))]
        if own.account not in members or lane is Lane.CONTROL:  # no relay bounds what goes in that lane
            return [Tell(Warned(Cause.TRUST_SIGNATURE_WRONG, author))]
        message = Message(
            id=post.message,
            conversation=post.conversation,
            author=author,
            author_device=opened.slip.author_device,
            recipients=frozenset(post.recipients),
            text=post.text,
            attachment=post.attachment,
            urgency=urgency_in(lane, post.urgency),
            stamp=post.stamp,
            written_after=frozenset(post.written_after),
            expires_ms=post.expires_ms,
        )
        machines.threads.clock.merge(post.stamp, wall_ms=machines.clock.stamp_ms(now))
        effects: list[Effect] = []
        if machines.threads.add(message):
            effects += [Save(KeepMessage(message, now.wall_ms)), Tell(Arrived(message))]
            effects += self._get_acquainted(post.handle, author)
            effects += machines.text_arrivals.met(message)
            if post.attachment is not None and post.attachment.sealed_bytes <= BLOB_BYTES_MAX:
                effects += machines.transfers.add(
                    (author, post.message),
                    post.attachment.blob,
                    uploading=False,
                    total_bytes=post.attachment.sealed_bytes,
                )
        self._owe(replies, opened.slip.author_device, (author, post.message))
        return effects

    def _get_acquainted(self, handle: str, author: AccountId) -> list[Effect]:
        """Ask the relay whose the handle is that an author goes by: people are shown it only if it says the same."""
        known = author in self._introduced or author in self.departure.contacts.values()
        if not handle or known or author == self.machines.own.account:
            return []
        self._introduced.add(author)
        try:
            return self.departure.want_account(parse_handle(handle).text)
        except UsageError:
            return []

    def _owe(self, replies: Replies, device: DeviceId, post: PostKey) -> None:
        # A message with a file is delivered when the file is: its receipt comes then (`file_arrived`).
        if not self.machines.transfers.active(post):
            replies.delivered.setdefault(device, []).append(post[1])

    # ---- repairing

    def _repair(self, nack: Nack, device: DeviceId, *, now: Moment) -> list[Effect]:
        outbox = self.machines.outbox
        effects: list[Effect] = []
        lanes = set()
        for envelope in nack.unopened:
            copy = outbox.copy_of(envelope)
            if copy is None and (letter := outbox.repeats.again(envelope, device)) is not None:
                # On the session on which this call came: that one works.
                self.machines.healing.count(Healed.SESSION, device)
                effects += self.departure.control(decode_letter(letter), (device,), now=now)
            if copy is None or copy.device != device or not copy.open:
                continue
            if copy.reseals >= RESEALS_MAX:
                effects += outbox.failed(copy, Cause.RECIPIENT_CANNOT_OPEN, now=now)
                continue
            lanes.add(copy.lane)
            # Nothing on that session was ever answered: what was gone is the pre-key that it was begun with.
            kind = Healed.KEYS if self.machines.sessions.is_unproven(device, copy.lane) else Healed.SESSION
            effects += self.departure.again(copy, reseal=True)
            effects += self._healed(kind, copy, now=now)
        for lane in lanes:
            until_s = self.machines.sessions.replace(device, lane, now=now)
            self.machines.lanes.hold(device, lane, Hold(Cause.RECIPIENT_CANNOT_OPEN, until_s))
        void: list[Gap] = []
        numbers = ((gap.lane, sequence) for gap in nack.gaps for sequence in range(gap.first, gap.last + 1))
        for lane, sequence in islice(numbers, NACK_NUMBERS_MAX):
            copy = outbox.numbered(device, lane, sequence)
            if copy is None or not copy.open:
                void.append(Gap(lane, sequence, sequence))
            elif copy.stage is Stage.ACCEPTED:
                # Where is it? A relay that handed it over keeps it from coming twice: the same bytes would not help.
                if not copy.missed:
                    effects += self._healed(Healed.GAP, copy, now=now)
                copy.missed = True
                self.machines.catchup.doubt([copy])
        blobs = frozenset(nack.blobs)
        lost = dict.fromkeys(nack.blobs)
        for promise in outbox if blobs else ():
            if promise.letter.blob in blobs and device in promise.copies:
                lost.pop(promise.letter.blob, None)
                again = self.departure.upload_again(promise)
                if again:
                    effects += [*again, *self._healed(Healed.FILE, promise.copies[device], now=now)]
        if void or lost:
            effects += self.departure.control(Void(void, list(lost)), (device,), now=now)
        return effects

    def _healed(self, kind: Healed, copy: Copy, *, now: Moment) -> list[Effect]:
        promise = self.machines.outbox.promise(copy.message)
        if promise is None or not promise.letter.answered:  # a receipt or a call: no person has written it
            self.machines.healing.count(kind, copy.device)
            return []
        return self.machines.healing.of_copy(kind, copy, now=now)

    def _proven(self, receipt: Receipt, device: DeviceId) -> None:
        """What was delivered was opened: the sessions it went on stand at both ends."""
        for message in receipt.delivered:
            copy = self.machines.outbox.copy((message, device))
            if copy is not None:
                self.machines.sessions.proven(device, copy.lane)

    def _keys_are_gone(self, device: DeviceId, *, now: Moment) -> None:
        """The relay gave out a pre-key whose secret is not here: those beside it are hardly better, so replace all."""
        if self._keys_anew_s is None or now.now_s - self._keys_anew_s >= KEYS_ANEW_S:
            self._keys_anew_s = now.now_s
            self.machines.registration.begin_anew(fallback=False)
            self.keys_are_due = True
            self.machines.healing.count(Healed.KEYS, device)

    # ---- answering

    def _reply(self, replies: Replies, *, now: Moment) -> list[Effect]:
        effects: list[Effect] = []
        for device, messages in replies.delivered.items():
            effects += self.departure.control(Receipt(messages, []), (device,), now=now)
        for device, envelopes in replies.unopened.items():
            # Our own control session with that device may be the broken one: the call goes through a fresh one.
            self.machines.sessions.renew(device, Lane.CONTROL, now=now)
            effects += self.departure.control(Nack(envelopes, [], []), (device,), now=now)
        return effects

    def _acknowledge(self) -> list[Effect]:
        moved = self.machines.inbox.advance()
        taken = {entry.lane: entry for entry in self.machines.inbox.passed()}
        taken |= {cursor.lane: Taken(cursor.lane, cursor.position) for cursor in moved}
        if not taken:
            return []
        return [*(Save(cursor) for cursor in moved), Transmit(Took(list(taken.values())))]
