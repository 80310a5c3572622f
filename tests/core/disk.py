"""Keeps what a journal would keep, as plain dictionaries that survive a crash of their phone."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from answerback.core.facts import (
    DropChange,
    DropDraft,
    DropOutgoing,
    DropRatchet,
    DropSealSecret,
    DropTextMessage,
    Fact,
    KeepChange,
    KeepConsent,
    KeepContact,
    KeepCopy,
    KeepCursor,
    KeepDeviceKeys,
    KeepDeviceList,
    KeepDeviceName,
    KeepDraft,
    KeepFallback,
    KeepLease,
    KeepMessage,
    KeepNetwork,
    KeepNote,
    KeepOutgoing,
    KeepOwnList,
    KeepPast,
    KeepPrivate,
    KeepRatchet,
    KeepRelay,
    KeepSealKey,
    KeepSealSecret,
    KeepSeen,
    KeepStep,
    KeepStream,
    KeepText,
    KeepTextArrival,
    KeepTextStep,
    KeepTransfer,
    KeepVerified,
    RaiseStage,
)
from answerback.core.log_facts import KeepEvidence, KeepLabel, KeepLog
from answerback.core.memory import Memory
from answerback.model.fallback import NO_DEVICE
from answerback.model.ids import AccountId, BlobId, DeviceId, EnvelopeId, MessageId
from answerback.model.message import Lane, Message
from answerback.model.stamp import Stamp
from answerback.model.timeline import Stage, Step

FactT = TypeVar("FactT", bound=Fact)
Line = tuple[MessageId, DeviceId | None, Step]


@dataclass
class Disk:
    """One phone's disk."""

    facts: dict[object, Fact] = field(default_factory=dict)
    messages: dict[tuple[AccountId, MessageId], Message] = field(default_factory=dict)
    arrivals: list[MessageId] = field(default_factory=list)
    steps: list[Line] = field(default_factory=list)
    reached: dict[tuple[MessageId, DeviceId], Stage] = field(default_factory=dict)
    """The stage of each copy, also after its promise has ended."""
    ended: dict[tuple[MessageId, DeviceId], KeepCopy] = field(default_factory=dict)
    """The copies of messages whose promise has ended."""
    text_steps: list[KeepTextStep] = field(default_factory=list)
    files: set[BlobId] = field(default_factory=set)
    """Received files that are whole."""

    def commit(self, facts: Iterable[Fact]) -> None:
        """Keep all of one change."""
        for fact in facts:
            self._keep(fact)

    def _keep(self, fact: Fact) -> None:
        match fact:
            case KeepMessage(message):
                if (message.author, message.id) not in self.messages:
                    self.messages[message.author, message.id] = message
                    self.arrivals.append(message.id)
            case KeepPast(message):
                if (message.author, message.id) not in self.messages:
                    self.messages = {(message.author, message.id): message} | self.messages
            case KeepStep(message_id, device, step):
                self.steps.append((message_id, device, step))
            case RaiseStage(message_id, device, step):
                before = self.reached.get((message_id, device))
                if before is not None and (before < step.stage or before.final):
                    self.reached[message_id, device] = step.stage
                    if (copy := self.ended.get((message_id, device))) is not None:
                        self.ended[message_id, device] = replace(copy, stage=step.stage)
                    self.steps.append((message_id, device, step))
            case KeepCopy():
                self._copy(fact)
            case DropDraft(identity):
                self.facts.pop((KeepDraft, identity), None)
            case DropOutgoing(identity):
                shown = any(known == identity for _, known in self.messages)
                copies = [copy for copy in self.of(KeepCopy) if shown and copy.message == identity]
                self.ended |= {(copy.message, copy.device): replace(copy, sealed=None) for copy in copies}
                self._drop((KeepOutgoing, identity), (KeepCopy, identity))
            case KeepTextStep():
                self.text_steps.append(fact)
            case DropTextMessage(author, message_id):
                if self.messages[author, message_id].author_device == NO_DEVICE:
                    del self.messages[author, message_id]
                    self.arrivals.remove(message_id)
            case DropRatchet(device, lane, session):
                self._drop((KeepRatchet, device, lane, session))
            case DropChange(handle):
                self._drop((KeepChange, handle))
            case DropSealSecret(name):
                self._drop((KeepSealSecret, name))
            case _:
                self.facts[_key(fact)] = fact

    def _copy(self, fact: KeepCopy) -> None:
        key = KeepCopy, fact.message, fact.device
        before = self.facts.get(key)
        if fact.sealed is None and isinstance(before, KeepCopy) and fact.envelope == before.envelope:
            fact = replace(fact, sealed=before.sealed)
        self.facts[key] = fact
        self.reached[fact.message, fact.device] = fact.stage

    def _drop(self, *prefixes: tuple[object, ...]) -> None:
        for key in list(self.facts):
            if isinstance(key, tuple) and any(key[: len(prefix)] == prefix for prefix in prefixes):
                del self.facts[key]

    # ---- reading it back

    def of(self, kind: type[FactT]) -> tuple[FactT, ...]:
        """All kept facts of one kind."""
        return tuple(fact for fact in self.facts.values() if isinstance(fact, kind))

    def seen(self) -> frozenset[EnvelopeId]:
        """The envelopes taken."""
        return frozenset(fact.id for fact in self.of(KeepSeen))

    def promised(self, message: MessageId) -> bool:
        """Whether this message was ever promised here."""
        return (KeepDraft, message) in self.facts or any(known == message for known, _, _ in self.steps)

    def forget_ratchets(self, *lanes: Lane) -> None:
        """Lose the sessions of these lanes, or of all, as a disk restored from a backup does."""
        for fact in self.of(KeepRatchet):
            if not lanes or fact.lane in lanes:
                del self.facts[_key(fact)]

    def memory(self) -> Memory:
        """What an engine begins with after a crash."""
        messages, drafts = tuple(self.messages.values()), self.of(KeepDraft)
        stamps = [message.stamp for message in messages] + [draft.stamp for draft in drafts]
        return Memory(
            device_keys=next(iter(self.of(KeepDeviceKeys)), None),
            drafts=drafts,
            outgoing=self.of(KeepOutgoing),
            copies=self.of(KeepCopy),
            ended=tuple(self.ended.values()),
            ratchets=self.of(KeepRatchet),
            seal_secrets=self.of(KeepSealSecret),
            device_lists=self.of(KeepDeviceList),
            own_lists=self.of(KeepOwnList),
            seal_keys=self.of(KeepSealKey),
            contacts=self.of(KeepContact),
            verified=self.of(KeepVerified),
            changes=self.of(KeepChange),
            labels=self.of(KeepLabel),
            log=next(iter(self.of(KeepLog)), None),
            networks=self.of(KeepNetwork),
            notes=tuple(note for note in self.of(KeepNote) if note.value),
            device_names=self.of(KeepDeviceName),
            streams=self.of(KeepStream),
            seen=self.of(KeepSeen),
            cursors=self.of(KeepCursor),
            relay=next(iter(self.of(KeepRelay)), None),
            lease=next(iter(self.of(KeepLease)), None),
            transfers=self.of(KeepTransfer),
            fallbacks=self.of(KeepFallback),
            consents=self.of(KeepConsent),
            texts=self.of(KeepText),
            private=self.of(KeepPrivate),
            text_arrivals=self.of(KeepTextArrival),
            lately=tuple(message for message in messages if message.author_device != NO_DEVICE),
            recent=messages,
            last_stamp=max(stamps, default=Stamp(0, 0)),
        )


def _key(fact: Fact) -> object:
    match fact:
        case KeepDraft() | KeepOutgoing() | KeepSealSecret() | KeepSeen():
            return type(fact), fact.id
        case KeepRatchet():
            return KeepRatchet, fact.device, fact.lane, fact.session
        case KeepDeviceKeys() | KeepLease() | KeepRelay() | KeepLog():
            return type(fact)
        case KeepLabel():
            return KeepLabel, fact.handle
        case KeepEvidence():
            return fact
        case KeepDeviceList() | KeepVerified():
            return type(fact), fact.account
        case KeepOwnList():
            return KeepOwnList, fact.version
        case KeepSealKey() | KeepDeviceName():
            return type(fact), fact.device
        case KeepNote():
            return KeepNote, fact.kind, fact.about
        case KeepFallback():
            return KeepFallback, fact.account
        case KeepConsent():
            return KeepConsent, fact.account, fact.carrier, fact.given_ms
        case KeepText():
            return KeepText, fact.number
        case KeepPrivate():
            return KeepPrivate, fact.message
        case KeepTextArrival():
            return KeepTextArrival, fact.id
        case KeepNetwork():
            return KeepNetwork, fact.network
        case KeepContact() | KeepChange():
            return type(fact), fact.handle
        case KeepStream():
            return KeepStream, fact.device, fact.lane
        case KeepCursor():
            return KeepCursor, fact.lane
        case KeepTransfer():
            return KeepTransfer, fact.author, fact.message
    raise AssertionError(fact)
