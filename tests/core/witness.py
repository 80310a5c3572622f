"""Knows the truth of the whole world, and objects to every change that says otherwise."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from answerback.core.effects import Arrived, Effect, Progressed, Save, Tell, Transmit
from answerback.core.facts import KeepCopy, KeepMessage, KeepSeen, KeepStep, RaiseStage
from answerback.lab.simulation.witness import unsaved_ratchets
from answerback.model.fallback import NO_DEVICE
from answerback.model.ids import DeviceId, EnvelopeId, MessageId
from answerback.model.timeline import Stage
from answerback.wire.frames import Submit, Taken, Took

if TYPE_CHECKING:
    from tests.core.world import Phone


def falsehoods(phone: "Phone", effects: list[Effect]) -> list[str]:
    """What one change of one phone claims, keeps or sends against the truth; asked after its commit."""
    facts = [effect.fact for effect in effects if isinstance(effect, Save)]
    told = [effect.news for effect in effects if isinstance(effect, Tell)]
    found: list[str] = []
    claims: set[tuple[MessageId, DeviceId | None, Stage]] = set()
    for fact in facts:
        if isinstance(fact, KeepStep | RaiseStage):
            claims.add((fact.message, fact.device, fact.step.stage))
            if fact.device is not None:
                found += _unproven(phone, fact.message, fact.device, fact.step.stage)
    for news in told:
        if isinstance(news, Progressed) and (news.message, news.device, news.step.stage) not in claims:
            found.append(f"told {news.step.stage.name} without keeping it")
        if isinstance(news, Arrived) and (news.message.author, news.message.id) not in phone.disk.messages:
            found.append("told of a message that is not on disk")
    kept = [fact.message for fact in facts if isinstance(fact, KeepMessage)]
    arrived = [each for each in kept if each.author != phone.own.account and each.author_device != NO_DEVICE]
    if arrived and not any(isinstance(fact, KeepSeen) for fact in facts):
        found.append("kept a message without its envelope's hash")
    return [*found, *unsaved_ratchets(facts), *_unsaved_mail(phone, effects)]


def _unproven(phone: "Phone", message: MessageId, device: DeviceId, stage: Stage) -> Iterable[str]:
    if stage is Stage.ACCEPTED:
        copy = phone.engine.machines.outbox.copy((message, device))
        if copy is not None and copy.envelope not in phone.world.relay.stored_ever:
            yield "claimed accepted what the relay never stored"
    if stage in (Stage.DELIVERED, Stage.READ):
        there = phone.world.phone_of(device)
        kept = there.disk.messages.get((phone.own.account, message)) if there else None
        if there is None or kept is None:
            yield f"claimed {stage.name} what is not on that device's disk"
        elif kept.attachment is not None and kept.attachment.blob not in there.disk.files:
            yield f"claimed {stage.name} without its file"
        elif stage is Stage.READ and message not in there.read_ids:
            yield "claimed read what nobody read"


def _unsaved_mail(phone: "Phone", effects: Iterable[Effect]) -> Iterable[str]:
    for effect in effects:
        if not isinstance(effect, Transmit):
            continue
        if isinstance(effect.frame, Submit):
            on_disk = {fact.envelope for fact in phone.disk.of(KeepCopy) if fact.sealed is not None}
            if any(envelope.id not in on_disk for envelope in effect.frame.envelopes):
                yield "sent what is not on its disk"
        elif isinstance(effect.frame, Took):
            yield from acknowledged(phone, effect.frame.entries, phone.disk.seen())


def acknowledged(phone: "Phone", entries: Iterable[Taken], seen: frozenset[EnvelopeId]) -> Iterable[str]:
    """Mail that these cursors give up though it is not on the phone's disk."""
    upto = {entry.lane: entry.position for entry in entries}
    relay = phone.world.relay
    for position, row in relay.box(phone.own.device).rows.items():
        if position <= upto.get(row.lane, 0) and row.id not in seen and row.id not in relay.lost_ever:
            yield "acknowledged mail that is not done"
