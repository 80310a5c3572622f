"""Gives this device's history to another device of the same account, page by page, or takes it.

Theory. Pages are sealed letters in the lane of least urgency, so the whole road of a message serves them: ratchets,
repair, a relay that sees nothing. The taker answers each page when it is on its disk; the giver has a few under way
and keeps only how far the *answers* are. After a restart, a new connection or a long silence it goes on from there,
and what comes twice is answered twice and kept once (go-back-N, as in HDLC). Each offer has an id that its pages and
answers name: what is late from an earlier one counts for nothing. Each page names the SHA-256 over the digest before
and itself, so the last answer stands for every byte. History makes no receipts, is never new to anybody,
and a message that also comes by mail is one message. Files come as those of new messages do, as long as a message
lasts: from the relay, which has them until then, or from their author. Ratchets and keys never travel.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from answerback.core.departure import CONTROL_LIFETIME_MS, Departure
from answerback.core.effects import Effect, HistoryMoved, Moment, Save, Tell
from answerback.core.facts import KeepContact, KeepCopy, KeepNote, KeepOutgoing, KeepPast, KeepStep
from answerback.core.machines import Machines
from answerback.model.causes import cause_of
from answerback.model.ids import DeviceId, conversation_id, message_id
from answerback.model.message import Lane, Message
from answerback.model.notes import HistoryState, NoteKind
from answerback.model.timeline import Step
from answerback.wire.codec import decode, encode
from answerback.wire.letters import OFFER_BYTES, Page, PageTaken, PastMessage
from answerback.wire.requests import BLOB_BYTES_MAX

WINDOW: Final = 8
"""Pages under way: 320 KB, enough for a round trip of a third of a second at 1 MB/s."""
SILENCE_S: Final = 30.0
"""Without an answer for so long, what is under way is sent again."""
NO_DIGEST: Final = bytes(32)
OPEN: Final = (HistoryState.OFFERED, HistoryState.MOVING)


class Progress(msgspec.Struct, frozen=True, array_like=True):
    """How far one handover is, as it is kept."""

    state: HistoryState
    number: int
    """The last page that is on the taker's disk."""
    cursor: int
    done: int
    total: int
    digest: bytes
    offer: bytes = b""
    """What the giver called this offer."""


@dataclass(slots=True)
class _Sending:
    number: int
    cursor: int
    done: int
    digest: bytes
    moved_s: float
    is_over: bool = False
    """The last page is under way."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The page that a device is to get next begins before this arrival."""

    device: DeviceId
    number: int
    cursor: int


@dataclass(slots=True)
class Handover:
    """The composer of history."""

    machines: Machines
    departure: Departure
    given: dict[DeviceId, Progress] = field(default_factory=dict)
    taken: dict[DeviceId, Progress] = field(default_factory=dict)
    is_welcome: bool = True
    """Whether this device takes a history that is offered."""
    _sending: dict[DeviceId, _Sending] = field(default_factory=dict)

    def restore(self, notes: Sequence[KeepNote]) -> None:
        """Take back from disk how far each is."""
        for note in notes:
            if note.kind in (NoteKind.HISTORY_GIVEN, NoteKind.HISTORY_TAKEN):
                held = self.given if note.kind is NoteKind.HISTORY_GIVEN else self.taken
                held[DeviceId(note.about)] = decode(note.value, Progress)

    # ---- the giver

    def offer(self, device: DeviceId, *, total: int, cursor: int, now: Moment) -> list[Effect]:
        """Offer everything that arrived before the cursor. What was under way goes on from where its taker is."""
        self._sending.pop(device, None)
        offer = self.machines.randomness(OFFER_BYTES)
        progress = Progress(HistoryState.OFFERED, 0, cursor, 0, total, NO_DIGEST, offer)
        return [*self._gave(device, progress), *self._say(device, self._offering(progress), now=now)]

    def wanted(self) -> Iterator[Wanted]:
        """The pages that have room to leave now."""
        if not self.machines.path.up:
            return
        for device, progress in self.given.items():
            if progress.state is not HistoryState.MOVING or self.machines.roster.device(device) is None:
                continue
            sending = self._sending.get(device)
            if sending is None:
                yield Wanted(device, progress.number + 1, progress.cursor)
            elif not sending.is_over and sending.number < progress.number + WINDOW:
                yield Wanted(device, sending.number + 1, sending.cursor)

    def page(self, wanted: Wanted, page: Page, *, now: Moment) -> list[Effect]:
        """Send the page that was wanted; its number, total and digest are filled in here."""
        progress = self.given.get(wanted.device)
        if progress is None or wanted not in self.wanted():
            return []
        sending = self._sending.get(wanted.device)
        if sending is None:
            sending = _Sending(progress.number, progress.cursor, progress.done, progress.digest, now.now_s)
            self._sending[wanted.device] = sending
        numbered = msgspec.structs.replace(
            page, number=wanted.number, total=progress.total, digest=NO_DIGEST, offer=progress.offer
        )
        sending.number, sending.cursor, sending.is_over = wanted.number, page.cursor, page.is_last
        sending.done += len(page.messages)
        sending.digest = _digest(sending.digest, numbered)
        return self._say(wanted.device, msgspec.structs.replace(numbered, digest=sending.digest), now=now)

    def look(self, *, now: Moment) -> list[Effect]:
        """Go back to what was answered where nothing moves any more."""
        effects: list[Effect] = []
        for device, progress in self.given.items():
            sending = self._sending.get(device)
            if progress.state is HistoryState.OFFERED and sending is None:
                self._sending[device] = _Sending(0, progress.cursor, 0, NO_DIGEST, now.now_s, is_over=True)
            elif sending is not None and now.now_s - sending.moved_s > SILENCE_S:
                del self._sending[device]
                if progress.state is HistoryState.OFFERED and self.machines.roster.device(device) is not None:
                    effects += self._say(device, self._offering(progress), now=now)
        return effects

    # ---- what is said

    def heard(self, letter: Page | PageTaken, device: DeviceId, *, now: Moment) -> list[Effect]:
        """A page has come, or the answer to one; only from another device of this account."""
        own = self.machines.own
        if self.machines.roster.account_of(device) != own.account or device == own.device:
            return []
        if isinstance(letter, PageTaken):
            return self._answered(letter, device, now=now)
        return self._taken(letter, device, now=now)

    def _answered(self, letter: PageTaken, device: DeviceId, *, now: Moment) -> list[Effect]:
        progress = self.given.get(device)
        if progress is None or progress.state not in OPEN or letter.offer != progress.offer:
            return []
        if not letter.is_wanted:
            self._sending.pop(device, None)
            return self._gave(device, replace_state(progress, HistoryState.DECLINED))
        sending = self._sending.get(device)
        if progress.state is HistoryState.OFFERED:
            self._sending.pop(device, None)
            return self._gave(
                device,
                msgspec.structs.replace(
                    progress,
                    state=HistoryState.MOVING,
                    number=letter.number,
                    cursor=letter.cursor,
                    done=letter.done,
                    digest=letter.digest,
                ),
            )
        if letter.number <= progress.number:
            return []
        if sending is not None:
            sending.moved_s = now.now_s
        is_over = sending is not None and sending.is_over and sending.number == letter.number
        if is_over and sending is not None and letter.digest != sending.digest:
            return self._gave(device, replace_state(progress, HistoryState.BROKEN))
        state = HistoryState.DONE if is_over else HistoryState.MOVING
        moved = Progress(
            state, letter.number, letter.cursor, letter.done, progress.total, letter.digest, progress.offer
        )
        if is_over:
            self._sending.pop(device, None)
        return self._gave(device, moved)

    def _taken(self, page: Page, device: DeviceId, *, now: Moment) -> list[Effect]:
        progress = self.taken.get(device)
        if page.number == 0:
            # The very same offer may come twice, also when all of it is here; a new one goes on with what is open.
            is_same = progress is not None and page.offer == progress.offer
            if progress is None or not (is_same or (progress.state in OPEN and progress.number)):
                state = HistoryState.MOVING if self.is_welcome else HistoryState.DECLINED
                progress = Progress(state, 0, page.cursor, 0, page.total, NO_DIGEST, page.offer)
            progress = msgspec.structs.replace(progress, total=page.total, offer=page.offer)
            return [*self._took(device, progress), *self._answer(device, progress, now=now)]
        if progress is None or progress.state is HistoryState.DECLINED or page.offer != progress.offer:
            return []
        if page.number != progress.number + 1 or progress.state is not HistoryState.MOVING:
            return self._answer(device, progress, now=now) if page.number <= progress.number else []
        digest = _digest(progress.digest, msgspec.structs.replace(page, digest=NO_DIGEST))
        if digest != page.digest:
            return self._took(device, replace_state(progress, HistoryState.BROKEN))
        done = progress.done + len(page.messages)
        state = HistoryState.DONE if page.is_last else HistoryState.MOVING
        moved = Progress(state, page.number, page.cursor, done, page.total, digest, page.offer)
        effects = [*self._keep(page, now=now), *self._took(device, moved)]
        return [*effects, *self._answer(device, moved, now=now)]

    def _keep(self, page: Page, *, now: Moment) -> list[Effect]:
        machines = self.machines
        effects: list[Effect] = []
        for past in page.messages:
            is_new = not machines.threads.knows(past.author, past.post.message)
            machines.threads.remember(past.author, past.post.message)
            effects.append(Save(_fact(past)))
            effects += self._fetch(past, now=now) if is_new else []
        for handle, account in page.contacts:
            if handle not in self.departure.contacts:
                self.departure.contacts[handle] = account
                effects.append(Save(KeepContact(handle, account)))
        for device, name in page.names:
            named = machines.roster.named(device, name) if device != machines.own.device else None
            effects += [Save(named)] if named is not None else []
        return effects

    # ---- private

    def _fetch(self, past: PastMessage, *, now: Moment) -> list[Effect]:
        """Have a message's file come from the relay, or from its author, while either may still have it."""
        file, machines = past.post.attachment, self.machines
        relay_ms = machines.clock.relay_ms(now) or now.wall_ms
        if file is None or file.sealed_bytes > BLOB_BYTES_MAX or past.post.expires_ms <= relay_ms:
            return []
        post = past.author, past.post.message
        return machines.transfers.add(post, file.blob, uploading=False, total_bytes=file.sealed_bytes)

    def _answer(self, device: DeviceId, progress: Progress, *, now: Moment) -> list[Effect]:
        is_wanted = progress.state is not HistoryState.DECLINED
        answer = PageTaken(progress.number, progress.cursor, progress.done, progress.digest, is_wanted, progress.offer)
        return self.departure.control(answer, (device,), now=now)

    @staticmethod
    def _offering(progress: Progress) -> Page:
        return Page(0, progress.total, progress.cursor, [], [], [], NO_DIGEST, offer=progress.offer)

    def _say(self, device: DeviceId, page: Page, *, now: Moment) -> list[Effect]:
        machines = self.machines
        kept = KeepOutgoing(
            id=message_id(wall_ms=now.wall_ms, randomness=machines.randomness(10)),
            lane=Lane.BACKGROUND,
            letter=encode(page),
            recipients=(),
            devices=(device,),
            answered=False,
            accepted_wall_ms=now.wall_ms,
            expires_ms=machines.clock.stamp_ms(now) + CONTROL_LIFETIME_MS,
        )
        return [*machines.outbox.accept(kept, now=now), *self.departure.address(kept.id)]

    def _gave(self, device: DeviceId, progress: Progress) -> list[Effect]:
        self.given[device] = progress
        return self._noted(NoteKind.HISTORY_GIVEN, device, progress)

    def _took(self, device: DeviceId, progress: Progress) -> list[Effect]:
        self.taken[device] = progress
        return self._noted(NoteKind.HISTORY_TAKEN, device, progress)

    @staticmethod
    def _noted(kind: NoteKind, device: DeviceId, progress: Progress) -> list[Effect]:
        giving = kind is NoteKind.HISTORY_GIVEN
        moved = HistoryMoved(device, giving, progress.done, progress.total, progress.state)
        return [Save(KeepNote(kind, device, encode(progress))), Tell(moved)]


def replace_state(progress: Progress, state: HistoryState) -> Progress:
    """Say that it stands otherwise, as far as it is."""
    return msgspec.structs.replace(progress, state=state)


def _digest(before: bytes, page: Page) -> bytes:
    return hashlib.sha256(before + encode(page)).digest()


def _fact(past: PastMessage) -> KeepPast:
    post = past.post
    message = Message(
        id=post.message,
        conversation=conversation_id(frozenset((*post.recipients, past.author))),
        author=past.author,
        author_device=past.author_device,
        recipients=frozenset(post.recipients),
        text=post.text,
        attachment=post.attachment,
        urgency=post.urgency,
        stamp=post.stamp,
        written_after=frozenset(post.written_after),
        expires_ms=post.expires_ms,
    )
    copies = tuple(
        KeepCopy(message.id, copy.account, copy.device, copy.lane, copy.stage, 0, 0, None, None, None)
        for copy in past.copies
    )
    steps = tuple(
        KeepStep(
            message.id, step.device, Step(step.stage, step.evidence, step.wall_ms, cause_of(step.cause), step.attempt)
        )
        for step in past.steps
    )
    return KeepPast(message, past.arrived_ms, copies, steps)
