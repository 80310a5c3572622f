"""Proves that there are words for everything that goes by a carrier, and that agreed words are never changed."""

import hashlib

from answerback.faces.aside_sentences import (
    ASIDE_STAGES,
    CHOICES,
    CONSENT_WORDS,
    OBSTACLES,
    TRIGGERS,
    choice_words,
    consent_words,
    offer_words,
    stage_words,
)
from answerback.model.fallback import WORDING, AsideStage, Choice, Obstacle, Trigger

AGREED = {1: "a69e00d4cddd"}
"""What each version's words begin to hash to. Other words are another version: add one, and leave these."""


def test_nothing_is_without_words() -> None:
    assert set(ASIDE_STAGES) == set(AsideStage)
    assert set(TRIGGERS) == set(Trigger)
    assert set(OBSTACLES) == set(Obstacle)
    assert set(CHOICES) == set(Choice)
    assert max(CONSENT_WORDS) == WORDING


def test_words_that_people_have_agreed_to_are_never_changed() -> None:
    hashed = {version: hashlib.sha256(words.encode()).hexdigest()[:12] for version, words in CONSENT_WORDS.items()}
    assert hashed == AGREED


def test_what_is_agreed_to_names_the_carrier_the_number_the_price_and_that_it_can_be_read() -> None:
    words = consent_words(carrier="sms", price="0.07 EUR", to="+49301234567")
    for told in (
        "sms",
        "+49301234567",
        "0.07 EUR",
        "leaves the end-to-end encryption",
        "can read it",
        "take this back",
    ):
        assert told in words
    assert "nobody has told" in consent_words(carrier="sms", price="", to="+49301234567")


def test_an_offer_says_parts_cost_and_carrier() -> None:
    assert offer_words(carrier="sms", parts=2, cost="0.14 EUR") == "Send as SMS? (2 parts, 0.14 EUR by sms)"
    assert offer_words(carrier="sms", parts=1, cost="") == "Send as SMS? (1 part, by sms)"


def test_a_carrier_that_confirms_nothing_is_said_to() -> None:
    assert stage_words(AsideStage.SENT, confirms=True) == "sent as SMS"
    assert stage_words(AsideStage.SENT, confirms=False) == "handed over, not confirmed"
    assert stage_words(AsideStage.DELIVERED, confirms=True) == "SMS delivered"


def test_a_choice_says_its_time() -> None:
    assert "10" in choice_words(Choice.AFTER, 600.0)
    assert choice_words(Choice.NEVER, None).startswith("never")
