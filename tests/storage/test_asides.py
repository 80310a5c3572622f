"""Proves that what goes beside the road is kept and read back, and that no text can remove an encrypted message."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from answerback.core.facts import (
    DropOutgoing,
    DropTextMessage,
    KeepConsent,
    KeepMessage,
    KeepOutgoing,
    KeepPrivate,
    KeepText,
    KeepTextArrival,
    KeepTextStep,
)
from answerback.model.fallback import NO_DEVICE, AsideStage, AsideStep
from answerback.model.timeline import Evidence
from answerback.storage.journal import Journal
from tests.storage.samples import BEA, IDENTITY, KEY, golden_facts, message_of, outgoing_of


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal.open(tmp_path, key=KEY)
    opened.keep_identity(IDENTITY)
    yield opened
    opened.close()


def test_an_encrypted_message_is_not_dropped_by_a_text(journal: Journal) -> None:
    real, brought = message_of(1, author=BEA), replace(message_of(2, author=BEA), author_device=NO_DEVICE)
    journal.commit([KeepMessage(real, 1), KeepMessage(brought, 2)])
    journal.commit([DropTextMessage(BEA, real.id), DropTextMessage(BEA, brought.id)])
    assert [kept.message for kept in journal.messages()] == [real]


def test_what_a_carrier_brought_is_not_taken_for_what_a_device_sent(journal: Journal) -> None:
    real, brought = message_of(1, author=BEA), replace(message_of(2, author=BEA), author_device=NO_DEVICE)
    journal.commit([KeepMessage(real, 1), KeepMessage(brought, 2), KeepMessage(message_of(3), 3)])
    assert journal.load().lately == (real,)


def test_a_private_message_stays_so_for_as_long_as_it_is_promised_and_is_said_to_be_for_ever(journal: Journal) -> None:
    message = message_of(1)
    journal.commit([KeepPrivate(message.id), KeepPrivate(message.id)])
    assert journal.load().private == ()
    journal.commit([outgoing_of(1)])
    assert journal.load().private == (KeepPrivate(message.id),)
    journal.commit([DropOutgoing(message.id)])
    assert journal.load().private == ()
    assert journal.is_private(message.id)
    assert not journal.is_private(message_of(2).id)


def test_every_consent_stays_on_record_also_when_it_was_taken_back(journal: Journal) -> None:
    first = KeepConsent(BEA, "+4930", "sms", "0.07 EUR", 1, "Ann", 10, 0)
    journal.commit([first])
    journal.commit([replace(first, withdrawn_ms=20), replace(first, given_ms=30)])
    assert [(kept.given_ms, kept.withdrawn_ms) for kept in journal.consents()] == [(10, 20), (30, 0)]


def test_a_text_has_its_last_stage_and_its_whole_life(journal: Journal) -> None:
    text = next(fact for fact in golden_facts() if isinstance(fact, KeepText))
    steps = [AsideStep(stage, Evidence.CARRIER, 1) for stage in (AsideStage.ORDERED, AsideStage.SENT)]
    for step in steps:
        journal.commit([replace(text, stage=step.stage), KeepTextStep(text.number, step)])
    assert journal.texts(text.message) == [(replace(text, stage=AsideStage.SENT), tuple(steps))]
    assert journal.load().texts == (replace(text, stage=AsideStage.SENT),)


def test_how_a_message_came_is_known_by_its_author_and_id(journal: Journal) -> None:
    arrival = next(fact for fact in golden_facts() if isinstance(fact, KeepTextArrival))
    journal.commit([arrival])
    assert journal.text_arrival(BEA, arrival.message) == arrival
    assert journal.text_arrival(IDENTITY.account, arrival.message) is None


def test_a_promise_is_no_aside(journal: Journal) -> None:
    journal.commit([fact for fact in golden_facts() if isinstance(fact, KeepOutgoing)])
    assert (journal.fallbacks(), journal.consents(), journal.load().texts) == ((), (), ())
