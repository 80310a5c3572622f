"""Proves that what goes by a carrier is told as it is on the disk, with an agent and without one."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, cast

import pytest

from answerback.core.facts import KeepConsent, KeepContact, KeepFallback, KeepMessage, KeepText, KeepTextStep
from answerback.device.client import Client
from answerback.faces.asides import told_asides, told_fallback
from answerback.model.errors import UsageError
from answerback.model.fallback import AsideStage, AsideStep, Choice
from answerback.model.timeline import Evidence
from answerback.storage.journal import Journal
from tests.storage.samples import BEA, IDENTITY, KEY, golden_facts, message_of


class AtWork:
    """An agent that has a carrier."""

    @property
    def fallbacks(self) -> "AtWork":
        return self

    carriers: ClassVar = {"sms": "0.09 EUR"}


NUMBER = "+4930123456"
TEXT = next(fact for fact in golden_facts() if isinstance(fact, KeepText))


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal.open(tmp_path, key=KEY)
    opened.keep_identity(IDENTITY)
    opened.commit([KeepContact(NUMBER, BEA), KeepMessage(message_of(1), 1)])
    yield opened
    opened.close()


def test_an_offer_asks_and_says_what_it_costs(journal: Journal) -> None:
    offer = replace(TEXT, stage=AsideStage.OFFERED)
    journal.commit([offer, KeepTextStep(offer.number, AsideStep(AsideStage.OFFERED, Evidence.JOURNAL, 5))])
    (told,) = told_asides(journal, TEXT.message)
    assert told.sentence == "waits for your answer: Send as SMS? (2 parts, 0.14 EUR by sms)"
    assert (told.needs_consent, told.stage, told.steps[0].at_ms) == (True, "offered", 5)
    journal.commit([KeepConsent(BEA, NUMBER, "sms", "0.07 EUR", 1, "Ann", 4, 0)])
    assert not told_asides(journal, TEXT.message)[0].needs_consent


def test_one_that_is_under_way_says_how_far(journal: Journal) -> None:
    journal.commit([replace(TEXT, confirms=False)])
    assert told_asides(journal, TEXT.message)[0].sentence == "handed over, not confirmed"
    assert told_asides(journal, message_of(2).id) == []


def test_what_was_chosen_is_told_without_an_agent_and_prices_with_one(journal: Journal) -> None:
    assert told_fallback(journal, NUMBER).choice == "never"
    journal.commit(
        [
            KeepFallback(BEA, NUMBER, "sms", Choice.AFTER, 600.0, is_file_noted=False),
            KeepConsent(BEA, NUMBER, "sms", "0.07 EUR", 1, "Ann", 4, 0),
        ]
    )
    told = told_fallback(journal, NUMBER)
    assert (told.choice, told.after_s, told.price, told.agreed_by) == ("after", 600.0, "0.07 EUR", "Ann")
    dearer = told_fallback(journal, NUMBER, client=cast("Client", AtWork()))
    assert (dearer.price, dearer.agreed_by) == ("0.09 EUR", None), "that was agreed to for another price"
    assert "0.09 EUR" in dearer.words
    with pytest.raises(UsageError, match="not known here"):
        told_fallback(journal, "+4930999999")
