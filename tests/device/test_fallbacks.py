"""Proves what a program may choose and answer: nothing without naming who agreed, and all of it on record."""

from pathlib import Path

import pytest

from answerback.core.facts import KeepContact
from answerback.device.client import Client
from answerback.device.fallbacks import Consent, account_of
from answerback.model.causes import Cause
from answerback.model.errors import RefusedError, UsageError
from answerback.model.fallback import WORDING, AsideStage, Choice, Obstacle
from answerback.model.ids import AccountId
from answerback.model.timeline import Evidence
from tests.device.lines import Place, jumping
from tests.device.test_couriers import StandIn

NUMBER, MAIL = "+49301234567", "bea@example.org"
ANN = Consent("Ann, in her app")


class TwoWays(StandIn):
    """A second carrier."""

    name = "post"


async def acquainted(client: Client) -> None:
    """Ann has met Bea's account under her address and her number."""
    bea = AccountId(b"b" * 16)
    client.journal.commit([KeepContact(MAIL, bea), KeepContact(NUMBER, bea)])
    client.agent.engine._departure.contacts |= {MAIL: bea, NUMBER: bea}


def test_a_message_goes_by_sms_when_its_person_says_so_and_every_step_is_told(tmp_path: Path) -> None:
    async def run() -> None:
        place, carrier = Place(tmp_path), StandIn()
        place.carriers["ann"] = (carrier,)
        async with place.living("ann") as (ann, disk):
            await acquainted(ann)
            ann.fallbacks.choose(MAIL, Choice.ASK)
            chosen = ann.fallbacks.of(MAIL)
            assert chosen.choice is not None
            assert (chosen.choice.handle, chosen.choice.carrier, chosen.consent) == (NUMBER, "sms", None)
            sent = await ann.send(MAIL, text="on my way")
            assert ann.fallbacks.obstacle(sent.id) is None
            with pytest.raises(RefusedError) as refused:
                ann.fallbacks.answer(sent.id, yes=True, by="Ann")
            assert refused.value.cause is Cause.FALLBACK_CONSENT_NEEDED
            with pytest.raises(UsageError, match="the carrier 'sms'"):
                sent.fallback("post", consent=ANN)
            sent.fallback("sms", consent=ANN)
            await place.diary.until(lambda: carrier.orders)
            (aside,) = ann.fallbacks.asides(sent.id)
            assert (aside.stage, aside.handle, aside.needs_consent) == (AsideStage.ORDERED, NUMBER, False)
            assert [step.evidence for step in aside.steps] == [Evidence.JOURNAL]
            (consent,) = disk.consents()
            assert (consent.by, consent.price, consent.wording) == (ANN.by, "0.07 EUR", WORDING)
            assert ann.fallbacks.of(NUMBER).consent == consent
            assert ann.fallbacks.carriers == {"sms": "0.07 EUR"}
            with pytest.raises(RefusedError):
                sent.fallback("sms", consent=ANN)
            assert ann.fallbacks.obstacle(sent.id) is Obstacle.THERE
            ann.fallbacks.choose(MAIL, Choice.NEVER)
            assert ann.fallbacks.of(MAIL).consent is None
        assert carrier.is_closed

    jumping(run())


def test_what_sends_without_asking_needs_a_consent_and_changes_nothing_without(tmp_path: Path) -> None:
    async def run() -> None:
        place = Place(tmp_path)
        place.carriers["ann"] = (StandIn(), TwoWays())
        async with place.living("ann") as (ann, disk):
            await acquainted(ann)
            refused: list[tuple[str, dict[str, object]]] = [
                ("must agree first", {"choice": Choice.AFTER, "after_s": 600.0, "carrier": "sms"}),
                ("several: say which", {"choice": Choice.ASK}),
                ("other words", {"choice": Choice.ASK, "carrier": "sms", "consent": Consent("Ann", WORDING + 1)}),
                ("who agrees", {"choice": Choice.ASK, "carrier": "sms", "consent": Consent("")}),
                ("no carrier", {"choice": Choice.ASK, "carrier": "pigeon", "consent": ANN}),
                ("between a minute", {"choice": Choice.AFTER, "after_s": 1.0, "carrier": "sms", "consent": ANN}),
            ]
            for words, asked in refused:
                with pytest.raises(UsageError, match=words):
                    ann.fallbacks.choose(MAIL, **asked)  # type: ignore[arg-type]
                assert (disk.fallbacks(), disk.consents()) == ((), ())
            ann.fallbacks.choose(MAIL, Choice.AFTER, after_s=600.0, carrier="sms", consent=ANN)
            assert ann.fallbacks.of(MAIL).consent is not None
            with pytest.raises(UsageError, match="not known here"):
                account_of(disk, "+49309999999")

    jumping(run())


def test_without_a_carrier_nothing_can_be_chosen_but_never(tmp_path: Path) -> None:
    async def run() -> None:
        async with Place(tmp_path).living("ann") as (ann, _):
            await acquainted(ann)
            with pytest.raises(UsageError, match="none is set up"):
                ann.fallbacks.choose(MAIL, Choice.ASK)
            ann.fallbacks.choose(MAIL, Choice.NEVER)

    jumping(run())


def test_a_contact_with_two_numbers_must_be_told_apart(tmp_path: Path) -> None:
    async def run() -> None:
        place = Place(tmp_path)
        place.carriers["ann"] = (StandIn(),)
        async with place.living("ann") as (ann, disk):
            await acquainted(ann)
            other = "+493077777777"
            disk.commit([KeepContact(other, AccountId(b"b" * 16))])
            ann.agent.engine._departure.contacts[other] = AccountId(b"b" * 16)
            with pytest.raises(UsageError, match="several numbers"):
                ann.fallbacks.choose(MAIL, Choice.ASK)
            ann.fallbacks.choose(MAIL, Choice.ASK, number=other)
            chosen = ann.fallbacks.of(MAIL).choice
            assert chosen is not None
            assert chosen.handle == other

    jumping(run())
