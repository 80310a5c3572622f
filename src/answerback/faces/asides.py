"""Gives what goes by a carrier the shape in which it is told."""

import msgspec

from answerback.device.client import Client
from answerback.device.fallbacks import asides, chosen
from answerback.faces.aside_sentences import consent_words, offer_words, stage_words
from answerback.faces.told import AsideStepTold, AsideTold, FallbackTold, MessageTold, TimelineTold
from answerback.model.fallback import NO_DEVICE, WORDING, Aside, AsideStage, Choice, cost_of
from answerback.model.ids import MessageId
from answerback.storage.history import History
from answerback.storage.messages import KeptMessage


def told_asides(history: History, message: MessageId) -> list[AsideTold]:
    """Tell a message's ways by a carrier, oldest first."""
    return [_told(aside) for aside in asides(history, message)]


def life_marked(told: TimelineTold, history: History, message: MessageId) -> TimelineTold:
    """Mark a message's life with what happened to it beside the road."""
    kept = history.message(message)
    brought = history.text_arrival(kept.message.author, message) if kept else None
    return msgspec.structs.replace(
        told,
        private=history.is_private(message),
        asides=told_asides(history, message),
        carrier=brought.carrier if brought else None,
        unproven=kept is not None and kept.message.author_device == NO_DEVICE,
    )


def marked(told: MessageTold, history: History, kept: KeptMessage) -> MessageTold:
    """Mark a message of an inbox with what happened to it beside the road."""
    message = kept.message
    brought = history.text_arrival(message.author, message.id)
    newest = next(reversed(asides(history, message.id)), None) if kept.mine else None
    return msgspec.structs.replace(
        told,
        private=kept.mine and history.is_private(message.id),
        aside=newest.stage.name.lower() if newest else None,
        aside_carrier=newest.carrier if newest else None,
        aside_confirms=newest.confirms if newest else True,
        carrier=brought.carrier if brought else None,
        unproven=message.author_device == NO_DEVICE,
    )


def told_fallback(history: History, contact: str, *, client: Client | None = None) -> FallbackTold:
    """Tell what was chosen for a contact; the carriers and their prices are known only where an agent runs."""
    carriers = client.fallbacks.carriers if client is not None else None
    said = chosen(history, contact)
    choice, consent = said.choice, said.consent
    carrier = choice.carrier if choice else next(iter(carriers), None) if carriers else None
    price = (carriers or {}).get(carrier or "", consent.price if consent else "")
    to = choice.handle if choice else contact
    if consent is not None and (consent.price, consent.handle) != (price, to):
        consent = None  # it was to another price or number
    return FallbackTold(
        contact=contact,
        choice=(choice.choice if choice else Choice.NEVER).value,
        after_s=choice.after_s if choice and choice.choice is Choice.AFTER else None,
        to=to,
        carrier=carrier,
        price=price,
        file_noted=choice.is_file_noted if choice else False,
        agreed_by=consent.by if consent else None,
        agreed_ms=consent.given_ms if consent else None,
        words=consent_words(carrier=carrier or "the carrier", price=price, to=to),
        wording=WORDING,
        carriers=carriers or {},
    )


def _told(aside: Aside) -> AsideTold:
    cost = cost_of(aside.parts, aside.price)
    is_offer = aside.stage is AsideStage.OFFERED
    words = stage_words(aside.stage, confirms=aside.confirms)
    return AsideTold(
        carrier=aside.carrier,
        to=aside.handle,
        stage=aside.stage.name.lower(),
        sentence=f"{words}: {offer_words(carrier=aside.carrier, parts=aside.parts, cost=cost)}" if is_offer else words,
        confirms=aside.confirms,
        trigger=aside.trigger.value,
        parts=aside.parts,
        price=aside.price,
        cost=cost,
        needs_consent=aside.needs_consent,
        steps=[
            AsideStepTold(step.stage.name.lower(), step.evidence.name.lower(), step.wall_ms, step.reason or None)
            for step in aside.steps
        ],
    )
