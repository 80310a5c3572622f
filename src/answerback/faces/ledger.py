"""Tells what a device's journal knows about messages, devices and itself, with an agent at work or without one."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from answerback.core.facts import KeepDraft
from answerback.crypto.identity import read_device_list
from answerback.device.client import Client
from answerback.device.handover import histories
from answerback.device.reports import AGENT_STOPPED, Status, timeline
from answerback.device.wishes import kept_wish
from answerback.faces.asides import life_marked, marked, told_fallback
from answerback.faces.paths_told import told_path
from answerback.faces.registrations import registration_on_disk, told_registration
from answerback.faces.sentences import CAUSES
from answerback.faces.told import (
    CopyTold,
    DeviceTold,
    FallbackTold,
    FileTold,
    HistoryTold,
    MessageTold,
    StatusTold,
    StepTold,
    TimelineTold,
    WaitTold,
)
from answerback.model.causes import Cause
from answerback.model.devices import Device
from answerback.model.errors import UsageError
from answerback.model.ids import AccountId, DeviceId, MessageId, message_id_text, parse_message_id
from answerback.model.message import Attachment
from answerback.model.notes import NoteKind
from answerback.model.stamp import in_order
from answerback.model.timeline import CopyTimeline, Stage, Step, Timeline, Wait
from answerback.model.trust import How
from answerback.storage.history import PREFIX_CHARACTERS_MIN, History
from answerback.storage.identity import Identity
from answerback.storage.messages import KeptMessage

READ_SETTING = "inbox.read"
"""Up to which arrival the person has read."""
LOOK_BACK_MESSAGES = 1_000
"""How far back the end of an id, or what was not delivered, is looked for."""

SHOWN_CHARACTERS = 8
"""What commands show of an id: its end, which differs where the beginning is the same moment."""


class Ledger:
    """What can be told of one device."""

    def __init__(
        self, history: History, identity: Identity, *, client: Client | None = None, is_held: bool = False
    ) -> None:
        """`is_held`: another program has this device, and alone knows of waits and connection."""
        self._history: Final = history
        self._identity: Final = identity
        self._client: Final = client
        self._is_held: Final = is_held

    # ---- messages

    def messages(self, *, limit: int) -> list[MessageTold]:
        """The newest messages, in conversation order: those still waiting for an address too."""
        kept = self._history.messages(limit=limit)
        by_id = {each.message.id: each for each in kept}
        ordered = [by_id[message.id] for message in in_order(each.message for each in kept)]
        told = [self.message(each) for each in ordered]
        return [*told, *(self._draft(draft) for draft in self._history.drafts())][-limit:]

    def message(self, kept: KeptMessage) -> MessageTold:
        """Tell one message."""
        message = kept.message
        life = self._timeline(message.id) if self._is_from_here(kept) else None
        cause = _cause_of(life) if life else None
        told = MessageTold(
            id=message_id_text(message.id),
            mine=kept.mine,
            unread=not kept.mine and kept.arrival > self._read_up_to,
            author=self.name(message.author),
            to=self._names(message.recipients),
            text=message.text,
            file=self._file(message.attachment) if message.attachment else None,
            urgency=message.urgency.name.lower(),
            written_ms=message.stamp.wall_ms,
            arrived_ms=kept.arrived_wall_ms,
            expires_ms=message.expires_ms,
            stage=life.stage.name.lower() if life else None,
            cause=cause.value if cause else None,
            verified=self._is_verified(message.recipients if kept.mine else frozenset({message.author})),
            changed=self.changed(message.recipients if kept.mine else frozenset({message.author})),
        )
        return marked(told, self._history, kept)

    def unread(self, *, up_to: MessageId) -> list[KeptMessage]:
        """What others wrote and nobody has read here, up to a message."""
        last = self._history.message(up_to)
        if last is None:
            raise UsageError(f"there is no message {message_id_text(up_to)} on this device")
        newer = self._history.messages(limit=LOOK_BACK_MESSAGES, before=last.arrival + 1)
        return [kept for kept in newer if not kept.mine and kept.arrival > self._read_up_to]

    def why(self, part: str | None) -> TimelineTold:
        """What became of a message: the one whose id has this part, or else the newest of ours not delivered."""
        found = self.find(part)
        told = self._timeline(found)
        if told is None:
            raise UsageError(f"there is no message {message_id_text(found)} on this device")
        return life_marked(self._told_timeline(found, told), self._history, found)

    def fallback(self, contact: str) -> FallbackTold:
        """What becomes of messages to a contact that do not get through."""
        return told_fallback(self._history, contact, client=self._client)

    def find(self, part: str | None) -> MessageId:
        """Find one message by a part of its id."""
        if part is None:
            return self._most_open()
        digits = part.replace("-", "").strip().lower()
        if len(digits) == 2 * len(MessageId(bytes(16))):
            return parse_message_id(part)
        if len(digits) < PREFIX_CHARACTERS_MIN or digits.strip("0123456789abcdef"):
            raise UsageError(
                f"{part!r} is not part of a message id: give at least {PREFIX_CHARACTERS_MIN} characters (0-9, a-f) "
                "of its beginning or its end"
            )
        ids = [draft.id for draft in self._history.drafts()]
        ids += [kept.message.id for kept in self._history.messages(limit=LOOK_BACK_MESSAGES)]
        found = {each for each in ids if _is_named(each.hex(), digits)}
        if len(found) > 1:
            raise UsageError(f"{part!r} fits the ids of {len(found)} messages: give more of it")
        if found:
            return found.pop()
        older = self._history.find_message(digits)
        if older is None:
            raise UsageError(f"there is no message {part!r} on this device")
        return older.message.id

    def _most_open(self) -> MessageId:
        """The newest message sent from here that is not delivered; if all are, the newest."""
        drafts = self._history.drafts()
        if drafts:
            return drafts[-1].id
        newest: MessageId | None = None
        for kept in self._history.messages(limit=LOOK_BACK_MESSAGES):
            life = self._timeline(kept.message.id) if self._is_from_here(kept) else None
            if life is not None and not life.stage.answered:
                return kept.message.id
            if life is not None:
                newest = newest or kept.message.id
        if newest is None:
            raise UsageError("nothing was sent from this device yet; to see one message's life: `answerback why ID`")
        return newest

    def _is_from_here(self, kept: KeptMessage) -> bool:
        """Whether this very device wrote it: only then is its road known here."""
        return kept.mine and kept.message.author_device == self._identity.device

    # ---- this device

    def devices(self) -> list[DeviceTold]:
        """The devices of this account."""
        own = self._history.identity() or self._identity
        names = {known.device: known.name for known in self._history.device_names()}
        names[own.device] = own.device_name
        listed = self._own_devices()
        moved, heard = histories(self._history), self._history.heard([device.id for device in listed])
        return [
            DeviceTold(
                id=device.id.hex(),
                name=names.get(device.id) or f"device {device.id.hex()[:6]}",
                added_ms=device.added_ms,
                this=device.id == own.device,
                heard_ms=heard.get(device.id),
                history=HistoryTold(*moved[device.id]) if device.id in moved else None,
            )
            for device in listed
        ]

    def find_device(self, part: str) -> DeviceId:
        """Find one of the account's devices by its name, its id, or the beginning of it; else a `UsageError`."""
        wanted = " ".join(part.split()).casefold()
        found = [told for told in self.devices() if told.name.casefold() == wanted]
        if not found and len(wanted) >= PREFIX_CHARACTERS_MIN:
            found = [told for told in self.devices() if told.id.startswith(wanted)]
        if len(found) != 1:
            several = "several of your devices are" if found else "none of your devices is"
            raise UsageError(f"{several} called {part!r}; `answerback devices` lists them with their ids")
        return DeviceId(bytes.fromhex(found[0].id))

    def find_removable(self, part: str) -> DeviceId:
        """Find a device as `find_device` does; one that is removed already is found as well, to be told so."""
        try:
            return self.find_device(part)
        except UsageError:
            wanted, account = " ".join(part.split()).casefold(), self._identity.account
            named = {kept.device for kept in self._history.device_names() if kept.name.casefold() == wanted}
            notes = [note for note in self._history.notes() if note.kind is NoteKind.FORMER_DEVICE]
            former = [DeviceId(note.about) for note in notes if note.value == account]
            found = [each for each in former if each in named or each.hex() == wanted]
            if len(found) != 1:
                raise
            return found[0]

    def status(self) -> StatusTold:
        """How this device stands."""
        if self._client is not None:
            status = self._client.status()
            told = _status(status, waiting=status.waiting + len(self._history.drafts()))
            registration = told_registration(self._client)
            told = msgspec.structs.replace(told, registration=registration)
            return self._with_trust(self._with_mode(told, self._client))
        own, memory, wish = self._identity, self._history.load(), kept_wish(self._history)
        counts = self._history.counts()
        stopped = None if self._is_held else Cause.NETWORK_AGENT_STOPPED
        told = StatusTold(
            handle=own.handle.text,
            account=own.account.hex(),
            device=own.device.hex(),
            device_name=own.device_name,
            relay=own.relay_url,
            running=self._is_held,
            connected=False,
            cause=stopped.value if stopped else None,
            owner=stopped.owner.value if stopped else None,
            next_attempt_ms=None,
            next_reason=AGENT_STOPPED.next_reason if stopped else None,
            rtt_ms=None,
            rate_bytes_per_s=None,
            clock_offset_ms=memory.relay.offset_ms if memory.relay else 0,
            behind=None,
            prekeys_left=None,
            attempts=None,
            wasted_attempts=None,
            messages=counts.messages,
            waiting=sum(letter.answered for letter in memory.outgoing) + len(memory.drafts),
            files_moving=sum(not transfer.finished for transfer in memory.transfers),
            mode_chosen=wish.mode.value if wish.mode else None,
            metered_chosen=wish.is_metered,
            registration=registration_on_disk(memory),
        )
        return self._with_trust(told)

    # ---- private

    def _with_trust(self, told: StatusTold) -> StatusTold:
        sure = sum(each.how is not How.WITHDRAWN for each in self._history.verified())
        changed = [each.handle for each in self._history.changes()]
        return msgspec.structs.replace(told, verified=sure, changed=changed)

    def _with_mode(self, told: StatusTold, client: Client) -> StatusTold:
        posture, now, wish = client.agent.engine.posture, client.agent.now, kept_wish(self._history)
        return msgspec.structs.replace(
            told,
            mode=posture.mode.value,
            mode_why=posture.why.value,
            mode_since_ms=now.wall_ms - round(1000 * (now.now_s - posture.since_s)) if posture.since_s else None,
            mode_change=posture.change.value,
            mode_chosen=wish.mode.value if wish.mode else None,
            metered_chosen=wish.is_metered,
        )

    def _timeline(self, message: MessageId) -> Timeline | None:
        wait_of = self._client.wait_of if self._client else _not_known if self._is_held else None
        return timeline(self._history, message, own=self._identity.account, wait_of=wait_of)

    def _told_timeline(self, identity: MessageId, told: Timeline) -> TimelineTold:
        kept = self._history.message(identity)
        draft = next((each for each in self._history.drafts() if each.id == identity), None) if not kept else None
        message = kept.message if kept else None
        content = message or draft
        attachment = content.attachment if content else None
        written_ms = content.stamp.wall_ms if content else None
        return TimelineTold(
            id=message_id_text(identity),
            mine=kept.mine if kept else True,
            author=self.name(message.author) if message else self._identity.handle.text,
            to=list(draft.handles) if draft else self._names(message.recipients if message else ()),
            text=content.text if content else "",
            file_name=attachment.name if attachment else None,
            written_ms=written_ms,
            expires_ms=message.expires_ms if message else None,
            stage=told.stage.name.lower(),
            final=told.stage.final,
            answered=told.stage.answered,
            steps=[_step(step) for step in told.steps],
            copies=[self._copy(copy) for copy in told.copies],
            wait=_wait(told.wait),
            failure=_failure(told.stage, told.steps),
            changed=self.changed(message.recipients if message else frozenset(), draft.handles if draft else ()),
        )

    def _copy(self, copy: CopyTimeline) -> CopyTold:
        own = copy.account == self._identity.account
        return CopyTold(
            account=copy.account.hex(),
            handle=self._identity.handle.text if own else self._handles.get(copy.account),
            device=copy.device.hex(),
            device_name=copy.device_name,
            own=own,
            stage=copy.stage.name.lower(),
            attempts=copy.attempts,
            steps=[_step(step) for step in copy.steps],
            wait=_wait(copy.wait),
            failure=_failure(copy.stage, copy.steps),
        )

    def _draft(self, draft: KeepDraft) -> MessageTold:
        life = self._timeline(draft.id)
        cause = _cause_of(life) if life else None
        return MessageTold(
            id=message_id_text(draft.id),
            mine=True,
            unread=False,
            author=self._identity.handle.text,
            to=list(draft.handles),
            text=draft.text,
            file=self._file(draft.attachment) if draft.attachment else None,
            urgency=draft.urgency.name.lower(),
            written_ms=draft.stamp.wall_ms,
            arrived_ms=draft.accepted_wall_ms,
            expires_ms=draft.stamp.wall_ms + draft.lifetime_s * 1000,
            stage=Stage.QUEUED.name.lower(),
            cause=cause.value if cause else None,
        )

    def _file(self, attachment: Attachment) -> FileTold:
        path = self._history.setting(f"file.{attachment.blob.hex()}")
        there = path if path and Path(path).exists() else None
        return FileTold(attachment.name, attachment.size_bytes, attachment.media_type, there)

    def _own_devices(self) -> Sequence[Device]:
        if self._client is not None:
            return self._client.devices()
        own = self._identity.account
        lists = [kept for kept in self._history.load().device_lists if kept.account == own]
        return read_device_list(own, lists[0].list).devices if lists else ()

    def changed(self, accounts: frozenset[AccountId], handles: Sequence[str] = ()) -> list[str]:
        """Those of them whose key is not the one it was, and nobody has agreed to that."""
        return [
            each.handle
            for each in self._history.changes()
            if each.handle in handles or each.before in accounts or each.after in accounts
        ]

    def _is_verified(self, accounts: frozenset[AccountId]) -> bool:
        sure = {each.account for each in self._history.verified() if each.how is not How.WITHDRAWN}
        sure -= {each.before for each in self._history.changes()}
        return bool(accounts) and accounts <= sure | {self._identity.account}

    @property
    def _handles(self) -> dict[AccountId, str]:
        return {contact.account: contact.handle for contact in self._history.contacts()}

    def name(self, account: AccountId) -> str:
        """What people know an account by."""
        if account == self._identity.account:
            return self._identity.handle.text
        return self._handles.get(account) or f"account {account.hex()[:6]}"

    def _names(self, accounts: "frozenset[AccountId] | tuple[AccountId, ...]") -> list[str]:
        return sorted(self.name(account) for account in accounts)

    @property
    def _read_up_to(self) -> int:
        return int(self._history.setting(READ_SETTING) or 0)


def _is_named(whole: str, digits: str) -> bool:
    """Whether these digits begin or end an id, or begin the end that people are shown."""
    return whole.startswith(digits) or whole.endswith(digits) or whole[-SHOWN_CHARACTERS:].startswith(digits)


def _not_known(_message: MessageId, _device: DeviceId | None) -> Wait | None:
    return None


def _step(step: Step) -> StepTold:
    cause = None if step.cause is Cause.UNKNOWN else step.cause.value
    return StepTold(step.stage.name.lower(), step.evidence.name.lower(), step.wall_ms, cause, step.attempt)


def _wait(wait: Wait | None) -> WaitTold | None:
    if wait is None:
        return None
    words = CAUSES[wait.cause]
    return WaitTold(
        cause=wait.cause.value,
        owner=wait.cause.owner.value,
        sentence=words.sentence,
        we_do=words.we_do,
        you_can=words.you_can,
        next_attempt_ms=wait.next_attempt_ms,
        next_reason=wait.next_reason,
    )


def _failure(stage: Stage, steps: Sequence[Step]) -> WaitTold | None:
    """Say why it came to its end, if that was not the good one."""
    if not stage.final:
        return None
    usual = Cause.MESSAGE_EXPIRED if stage is Stage.EXPIRED else Cause.UNKNOWN
    cause = next((step.cause for step in reversed(steps) if step.stage is stage), usual)
    return _wait(Wait(usual if cause is Cause.UNKNOWN else cause, None, "nothing"))


def _cause_of(life: Timeline) -> Cause | None:
    """The one cause an inbox has room for: of what failed, else of what waits."""
    for copy in life.copies:
        if copy.wait is not None:
            return copy.wait.cause
    if life.wait is not None:
        return life.wait.cause
    last = next((step.cause for step in reversed(life.steps) if step.stage.final), Cause.UNKNOWN)
    return None if last is Cause.UNKNOWN else last


def _status(status: Status, *, waiting: int) -> StatusTold:
    cause = status.cause
    return StatusTold(
        handle=status.handle,
        account=status.account.hex(),
        device=status.device.hex(),
        device_name=status.device_name,
        relay=status.relay_url,
        running=status.running,
        connected=status.connected,
        cause=cause.value if cause else None,
        owner=cause.owner.value if cause else None,
        next_attempt_ms=status.next_attempt_ms,
        next_reason=status.next_reason,
        rtt_ms=status.rtt_ms,
        rate_bytes_per_s=status.rate_bytes_per_s or None,
        clock_offset_ms=status.clock_offset_ms,
        behind=status.behind,
        prekeys_left=status.prekeys_left,
        attempts=status.attempts,
        wasted_attempts=status.wasted_attempts,
        messages=status.messages,
        waiting=waiting,
        files_moving=status.files_moving,
        urgent_left=status.urgent_left,
        urgent_next_ms=status.urgent_next_ms,
        paths=[told_path(path) for path in status.paths],
    )
