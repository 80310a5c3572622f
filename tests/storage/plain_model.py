"""The simplest thing that keeps facts: dictionaries. The journal must agree with it."""

from collections.abc import Hashable
from dataclasses import dataclass, field, fields, replace
from typing import Any

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
from answerback.model.ids import AccountId, DeviceId, MessageId
from answerback.model.message import Message
from answerback.model.stamp import DRIFT_MS_MAX, Stamp
from answerback.model.timeline import Stage
from answerback.storage.history import History

KEYS: dict[type[Any], tuple[str, ...]] = {
    KeepDraft: ("id",),
    KeepOutgoing: ("id",),
    KeepRatchet: ("device", "lane", "session"),
    KeepDeviceKeys: (),
    KeepSealSecret: ("id",),
    KeepDeviceList: ("account",),
    KeepOwnList: ("version",),
    KeepSealKey: ("device",),
    KeepContact: ("handle",),
    KeepVerified: ("account",),
    KeepChange: ("handle",),
    KeepNetwork: ("network",),
    KeepNote: ("kind", "about"),
    KeepDeviceName: ("device",),
    KeepLabel: ("handle",),
    KeepLog: (),
    KeepStream: ("device", "lane"),
    KeepCursor: ("lane",),
    KeepRelay: (),
    KeepLease: (),
    KeepTransfer: ("author", "message"),
    KeepFallback: ("account",),
    KeepConsent: ("account", "carrier", "given_ms"),
    KeepText: ("number",),
    KeepPrivate: ("message",),
    KeepTextArrival: ("id",),
}
"""What makes two facts be about one thing: the later one counts."""
ORDERED = (KeepDraft, KeepOutgoing, KeepRatchet, KeepConsent, KeepText, KeepTextArrival)
"""What is read back in the order in which it was kept."""
DROPS: dict[type[Any], type[Any]] = {
    DropChange: KeepChange,
    DropDraft: KeepDraft,
    DropOutgoing: KeepOutgoing,
    DropRatchet: KeepRatchet,
    DropSealSecret: KeepSealSecret,
}


@dataclass
class PlainModel:
    """What was kept, by kind and by what it is about."""

    me: AccountId
    kept: dict[type[Any], dict[Hashable, Any]] = field(default_factory=dict)
    messages: dict[tuple[AccountId, MessageId], KeepMessage] = field(default_factory=dict)
    copies: dict[tuple[MessageId, DeviceId], KeepCopy] = field(default_factory=dict)
    steps: list[KeepStep] = field(default_factory=list)
    text_steps: list[KeepTextStep] = field(default_factory=list)
    seen: dict[bytes, KeepSeen] = field(default_factory=dict)
    evidence: list[KeepEvidence] = field(default_factory=list)

    def keep(self, fact: Fact) -> None:
        match fact:
            case KeepMessage():
                self.messages.setdefault((fact.message.author, fact.message.id), fact)
            case KeepPast(message, arrived_ms, copies, steps):
                if (message.author, message.id) not in self.messages:
                    known = {(message.author, message.id): KeepMessage(message, arrived_ms)}
                    self.messages = known | self.messages
                    self.steps += steps
                    for copy in copies:
                        self.copies.setdefault((copy.message, copy.device), copy)
            case KeepSeen():
                self.seen.setdefault(fact.id, fact)
            case KeepStep():
                self.steps.append(fact)
            case KeepEvidence():
                self.evidence.append(fact)
            case KeepCopy():
                old = self.copies.get((fact.message, fact.device))
                sealed = old.sealed if old and fact.sealed is None else fact.sealed
                self.copies[fact.message, fact.device] = replace(fact, sealed=sealed)
            case RaiseStage():
                self._raise(fact)
            case KeepTextStep():
                self.text_steps.append(fact)
            case DropTextMessage():
                about = fact.author, fact.message
                if about in self.messages and self.messages[about].message.author_device == NO_DEVICE:
                    del self.messages[about]
            case KeepNote(value=b""):
                self.kept.get(KeepNote, {}).pop((fact.kind, fact.about), None)
            case DropChange() | DropDraft() | DropOutgoing() | DropRatchet() | DropSealSecret():
                self._drop(fact)
            case _:
                about = tuple(getattr(fact, name) for name in KEYS[type(fact)])
                self.kept.setdefault(type(fact), {})[about] = fact

    def _raise(self, fact: RaiseStage) -> None:
        copy, stage = self.copies.get((fact.message, fact.device)), fact.step.stage
        if copy is not None and (copy.stage < stage or (copy.stage >= Stage.FAILED and stage.answered)):
            self.copies[fact.message, fact.device] = replace(copy, stage=stage, cause=None)
            self.steps.append(KeepStep(fact.message, fact.device, fact.step))

    def _drop(self, fact: DropChange | DropDraft | DropOutgoing | DropRatchet | DropSealSecret) -> None:
        kind = DROPS[type(fact)]
        self.kept.get(kind, {}).pop(tuple(getattr(fact, name) for name in KEYS[kind]), None)
        if isinstance(fact, DropOutgoing):
            shown = any(identity == fact.id for _, identity in self.messages)
            for about, copy in list(self.copies.items()):
                if copy.message == fact.id and shown:
                    self.copies[about] = replace(copy, sealed=None)
                elif copy.message == fact.id:
                    del self.copies[about]

    def matches(self, history: History) -> None:
        """Fail where the journal says anything else."""
        snapshot = history.load()
        for kind, found in _by_kind(snapshot).items():
            expected = list(self.kept.get(kind, {}).values())
            if kind in ORDERED:
                assert found == expected
            else:
                assert sorted(found, key=_whole) == sorted(expected, key=_whole)
        open_ids = {fact.id for fact in snapshot.outgoing}
        assert list(snapshot.copies) == [copy for copy in self.copies.values() if copy.message in open_ids]
        over = [replace(copy, sealed=None) for copy in self.copies.values() if copy.message not in open_ids]
        assert list(snapshot.ended) == over
        assert list(snapshot.seen) == list(self.seen.values())
        assert list(history.evidence()) == self.evidence
        assert snapshot.last_stamp == self._last_stamp()
        self._asides_match(snapshot, history)
        self._messages_match(history)

    def _asides_match(self, snapshot: Memory, history: History) -> None:
        promised = {fact.id for kind in (KeepDraft, KeepOutgoing) for fact in self.kept.get(kind, {}).values()}
        private = {fact.message for fact in self.kept.get(KeepPrivate, {}).values()}
        assert {fact.message for fact in snapshot.private} == private & promised
        others = [fact.message for fact in self.messages.values() if fact.message.author != self.me]
        assert list(snapshot.lately) == [message for message in others if message.author_device != NO_DEVICE]
        for message in {text.message for text in snapshot.texts}:
            for text, steps in history.texts(message):
                assert list(steps) == [kept.step for kept in self.text_steps if kept.number == text.number]

    def _messages_match(self, history: History) -> None:
        kept = [(item.message, item.arrived_wall_ms) for item in reversed(history.messages(limit=1_000))]
        assert kept == [(fact.message, fact.arrived_wall_ms) for fact in self.messages.values()]
        for identity in {about[0] for about in self.copies} | {step.message for step in self.steps}:
            assert history.steps(identity) == [step for step in self.steps if step.message == identity]
            unsealed = [replace(copy, sealed=None) for copy in self.copies.values() if copy.message == identity]
            assert history.copies(identity) == unsealed

    def _last_stamp(self) -> Stamp:
        drafts: list[KeepDraft] = list(self.kept.get(KeepDraft, {}).values())
        stamps = [fact.message.stamp for fact in self.messages.values() if self._believed(fact)]
        return max((*stamps, *(draft.stamp for draft in drafts)), default=Stamp(0, 0))

    def _believed(self, fact: KeepMessage) -> bool:
        message: Message = fact.message
        return message.author == self.me or message.stamp.wall_ms <= fact.arrived_wall_ms + DRIFT_MS_MAX


def _by_kind(snapshot: Memory) -> dict[type[Any], list[Any]]:
    return {
        KeepDraft: list(snapshot.drafts),
        KeepOutgoing: list(snapshot.outgoing),
        KeepRatchet: list(snapshot.ratchets),
        KeepDeviceKeys: [snapshot.device_keys] if snapshot.device_keys else [],
        KeepSealSecret: list(snapshot.seal_secrets),
        KeepDeviceList: list(snapshot.device_lists),
        KeepSealKey: list(snapshot.seal_keys),
        KeepContact: list(snapshot.contacts),
        KeepVerified: list(snapshot.verified),
        KeepChange: list(snapshot.changes),
        KeepNetwork: list(snapshot.networks),
        KeepNote: list(snapshot.notes),
        KeepDeviceName: list(snapshot.device_names),
        KeepLabel: list(snapshot.labels),
        KeepLog: [snapshot.log] if snapshot.log else [],
        KeepStream: list(snapshot.streams),
        KeepCursor: list(snapshot.cursors),
        KeepRelay: [snapshot.relay] if snapshot.relay else [],
        KeepLease: [snapshot.lease] if snapshot.lease else [],
        KeepTransfer: list(snapshot.transfers),
        KeepFallback: list(snapshot.fallbacks),
        KeepConsent: list(snapshot.consents),
        KeepText: list(snapshot.texts),
        KeepTextArrival: list(snapshot.text_arrivals),
    }


def _whole(fact: Fact) -> str:
    return repr([getattr(fact, each.name) for each in fields(fact)])  # `repr` of the fact itself hides secrets
