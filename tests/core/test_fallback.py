"""Proves that everything passes the one gate, and which word of a carrier changes what."""

from dataclasses import replace
from itertools import product

import pytest

from answerback.core.effects import CarryText, Effect, Save
from answerback.core.facts import KeepConsent, KeepFallback, KeepPrivate, KeepText
from answerback.core.fallback import TEXTS_MAX, Fallback, Terms, Waiting
from answerback.model.causes import Cause
from answerback.model.errors import RefusedError, UsageError
from answerback.model.fallback import WORDING, AsideStage, Choice, Obstacle, Trigger
from answerback.model.message import Urgency
from answerback.model.texts import CarrierWord, TextStage
from tests.core.specimens import ANN, BEA, CID, NOW, at, message_number

NUMBER = "+49301234567"
WAITING = Waiting(message_number(1), BEA, "hello", has_file=False, urgency=Urgency.NORMAL, is_answered=False)


def terms(*, price: str = "0.07 EUR", confirms: bool = True, parts: int = 1) -> Terms:
    return Terms("sms", price, confirms, lambda _text: parts)


def chosen(choice: Choice = Choice.AFTER, *, carrier: str = "sms", after_s: float = 60.0) -> KeepFallback:
    return KeepFallback(BEA, NUMBER, carrier, choice, after_s, is_file_noted=False)


def ready(choice: Choice = Choice.AFTER, *, agrees: bool = True) -> Fallback:
    fallback = Fallback()
    fallback.given(terms())
    fallback.choose(chosen(choice), now=NOW)
    if agrees:
        fallback.agree(BEA, by="Ann", now=NOW)
    return fallback


def orders(effects: list[Effect]) -> list[CarryText]:
    return [effect for effect in effects if isinstance(effect, CarryText)]


def word(text: KeepText, stage: TextStage, *, parts: int = 1) -> CarrierWord:
    return CarrierWord(text.number, stage, "sms", parts)


def newest(fallback: Fallback) -> KeepText:
    text = fallback.text_of(WAITING.message)
    assert text is not None
    return text


def test_an_order_is_kept_before_it_is_handed_out() -> None:
    effects = ready().consider(WAITING, Trigger.AWAY, owner=BEA, now=NOW)
    (order,) = orders(effects)
    (kept,) = [each.fact for each in effects if isinstance(each, Save) and isinstance(each.fact, KeepText)]
    assert (kept.number, kept.stage) == (order.order.number, AsideStage.ORDERED)
    assert effects.index(Save(kept)) < effects.index(order)


def test_without_a_consent_the_gate_itself_is_shut() -> None:
    fallback = ready(agrees=False)
    with pytest.raises(RefusedError) as refused:
        fallback._order(WAITING, Trigger.AWAY, agreed_ms=0, now=NOW)
    assert refused.value.cause is Cause.FALLBACK_CONSENT_NEEDED
    assert fallback.text_of(WAITING.message) is None
    assert orders(fallback.consider(WAITING, Trigger.AWAY, owner=BEA, now=NOW)) == []
    assert newest(fallback).stage is AsideStage.OFFERED


@pytest.mark.parametrize("changed", ["price", "handle", "wording", "withdrawn"])
def test_a_consent_is_to_this_price_this_number_and_these_words(changed: str) -> None:
    fallback = Fallback()
    consent = KeepConsent(BEA, NUMBER, "sms", "0.07 EUR", WORDING, "Ann", 5, 0)
    others = {
        "price": KeepConsent(BEA, NUMBER, "sms", "0.08 EUR", WORDING, "Ann", 5, 0),
        "handle": KeepConsent(BEA, "+4930999", "sms", "0.07 EUR", WORDING, "Ann", 5, 0),
        "wording": KeepConsent(BEA, NUMBER, "sms", "0.07 EUR", WORDING + 1, "Ann", 5, 0),
        "withdrawn": KeepConsent(BEA, NUMBER, "sms", "0.07 EUR", WORDING, "Ann", 5, 6),
    }
    fallback.restore(choices=[chosen()], consents=[consent], texts=[], private=[])
    assert fallback.consent(BEA) is None, "nobody knows what a carrier that is not there costs"
    fallback.given(terms())
    assert fallback.consent(BEA) == consent
    fallback.restore(choices=[chosen()], consents=[consent, others[changed]], texts=[], private=[])
    assert fallback.consent(BEA) is None
    assert fallback.consent(CID) is None


OBSTACLES = [
    (replace(WAITING, account=None), Obstacle.GROUP),
    (replace(WAITING, account=CID), Obstacle.NEVER),
    (replace(WAITING, is_answered=True), Obstacle.ANSWERED),
    (replace(WAITING, urgency=Urgency.BACKGROUND), Obstacle.BACKGROUND),
    (replace(WAITING, has_file=True), Obstacle.FILE),
    (replace(WAITING, text=" "), Obstacle.EMPTY),
    (replace(WAITING, message=message_number(9)), Obstacle.PRIVATE),
]


@pytest.mark.parametrize(("waiting", "obstacle"), OBSTACLES, ids=lambda each: getattr(each, "value", ""))
def test_each_obstacle_is_named_and_holds_whoever_asks(waiting: Waiting, obstacle: Obstacle) -> None:
    fallback = ready()
    assert fallback.keep_private(message_number(9)) == [Save(KeepPrivate(message_number(9)))]
    assert fallback.obstacle(waiting, owner=waiting.account) is obstacle
    assert fallback.consider(waiting, Trigger.AWAY, owner=waiting.account, now=NOW) == []
    with pytest.raises(RefusedError) as refused:
        fallback.answer(waiting, yes=True, owner=waiting.account, by="Ann", agrees=True, now=NOW)
    assert (refused.value.cause, str(refused.value)) == (Cause.FALLBACK_IMPOSSIBLE, obstacle.value)


def test_a_number_of_somebody_else_a_missing_carrier_and_a_long_text_are_obstacles() -> None:
    fallback = ready()
    assert fallback.obstacle(WAITING, owner=BEA) is None
    assert fallback.obstacle(WAITING, owner=CID) is Obstacle.NUMBER_GONE
    fallback.given(terms(parts=4))
    assert fallback.obstacle(WAITING, owner=BEA) is None
    fallback.given(terms(parts=5))
    assert fallback.obstacle(WAITING, owner=BEA) is Obstacle.TOO_LONG

    def refuses(_text: str) -> int:
        raise UsageError("not in my alphabet")

    fallback.given(Terms("sms", "", confirms=True, parts=refuses))
    assert fallback.obstacle(WAITING, owner=BEA) is Obstacle.TOO_LONG
    fallback.carriers.clear()
    assert fallback.obstacle(WAITING, owner=BEA) is Obstacle.NO_CARRIER


@pytest.mark.parametrize(("before", "said"), list(product(TextStage, TextStage)))
def test_which_word_may_follow_which(before: TextStage, said: TextStage) -> None:
    fallback = ready()
    fallback.consider(WAITING, Trigger.AWAY, owner=BEA, now=NOW)
    fallback.carried(word(newest(fallback), before), now=NOW)
    first = newest(fallback).stage
    effects = fallback.carried(word(newest(fallback), said), now=NOW)
    moves = {
        TextStage.HANDED: {TextStage.SENT, TextStage.DELIVERED, TextStage.IN_DOUBT, TextStage.FAILED},
        TextStage.SENT: {TextStage.DELIVERED, TextStage.FAILED},
        TextStage.IN_DOUBT: {TextStage.SENT, TextStage.DELIVERED, TextStage.FAILED},
        TextStage.FAILED: {TextStage.DELIVERED},
        TextStage.DELIVERED: set(),
    }
    assert bool(effects) == (said in moves[before])
    assert (newest(fallback).stage is first) == (said not in moves[before])
    assert orders(effects) == [], "no word makes an order"


def test_a_carrier_that_counts_the_parts_itself_is_believed() -> None:
    fallback = ready()
    fallback.consider(WAITING, Trigger.AWAY, owner=BEA, now=NOW)
    fallback.carried(word(newest(fallback), TextStage.SENT, parts=3), now=NOW)
    assert newest(fallback).parts == 3
    fallback.carried(word(newest(fallback), TextStage.DELIVERED, parts=0), now=NOW)
    assert newest(fallback).parts == 3


def test_what_has_failed_is_sent_again_only_when_a_person_asks_and_under_another_number() -> None:
    fallback = ready()
    fallback.consider(WAITING, Trigger.AWAY, owner=BEA, now=NOW)
    first = newest(fallback)
    fallback.carried(word(first, TextStage.FAILED), now=NOW)
    assert fallback.consider(WAITING, Trigger.AWAY, owner=BEA, now=NOW) == []
    effects = fallback.answer(WAITING, yes=True, owner=BEA, by="Ann", agrees=False, now=NOW)
    assert len(orders(effects)) == 1
    assert newest(fallback).number != first.number
    fallback.carried(word(newest(fallback), TextStage.IN_DOUBT), now=NOW)
    with pytest.raises(RefusedError, match="there"):
        fallback.answer(WAITING, yes=True, owner=BEA, by="Ann", agrees=True, now=NOW)


def test_an_order_of_an_earlier_run_is_handed_out_again_under_its_number() -> None:
    before = ready()
    (order,) = orders(before.consider(WAITING, Trigger.AWAY, owner=BEA, now=NOW))
    text = newest(before)
    consent = before.consent(BEA)
    assert consent is not None
    after = Fallback()
    after.restore(choices=[chosen()], consents=[consent], texts=[text], private=[])
    assert after.is_active
    assert after.unheard == [text]
    assert after.hand_again(text, WAITING, now=NOW) == [], "its carrier is not there yet"
    after.given(terms())
    assert after.hand_again(text, WAITING, now=NOW) == [order]
    assert after.unheard == []


@pytest.mark.parametrize("why", ["answered", "ended", "withdrawn", "renumbered"])
def test_an_order_that_nobody_wants_any_more_is_not_handed_out_again_and_said_to_be_in_doubt(why: str) -> None:
    before = ready()
    before.consider(WAITING, Trigger.AWAY, owner=BEA, now=NOW)
    text, consent = newest(before), before.consent(BEA)
    assert consent is not None
    after = Fallback()
    choice = chosen(Choice.NEVER if why == "withdrawn" else Choice.AFTER)
    after.restore(choices=[choice], consents=[consent] if why != "withdrawn" else [], texts=[text], private=[])
    after.given(terms())
    if why == "renumbered":
        after.choose(KeepFallback(BEA, "+4930999", "sms", Choice.AFTER, 60.0, is_file_noted=False), now=NOW)
    answered = replace(WAITING, is_answered=True)
    waiting = {"answered": answered, "ended": None}.get(why, WAITING)
    effects = after.hand_again(text, waiting, now=NOW)
    assert orders(effects) == []
    assert newest(after).stage is AsideStage.IN_DOUBT


def test_choosing_never_or_another_carrier_takes_back_what_was_agreed_to() -> None:
    for choice in (chosen(Choice.NEVER), chosen(Choice.ASK, carrier="post")):
        fallback = ready()
        effects = fallback.choose(choice, now=at(200.0))
        withdrawn = [each.fact for each in effects if isinstance(each, Save) and isinstance(each.fact, KeepConsent)]
        assert [consent.withdrawn_ms for consent in withdrawn] == [200_000]
        fallback.choose(chosen(), now=NOW)
        assert fallback.consent(BEA) is None
    fallback = ready()
    assert fallback.choose(chosen(Choice.ASK), now=NOW) == [Save(chosen(Choice.ASK))]
    assert fallback.consent(BEA) is not None, "to ask is less than to send"


def test_nobody_agrees_to_nothing() -> None:
    fallback = Fallback()
    with pytest.raises(UsageError, match="choose"):
        fallback.agree(BEA, by="Ann", now=NOW)
    fallback.choose(chosen(Choice.ASK), now=NOW)
    with pytest.raises(UsageError, match="no carrier"):
        fallback.agree(BEA, by="Ann", now=NOW)
    fallback.given(terms())
    for by in ("", "x" * 101):
        with pytest.raises(UsageError, match="who agrees"):
            fallback.agree(BEA, by=by, now=NOW)
    with pytest.raises(UsageError, match="nothing was offered"):
        fallback.answer(WAITING, yes=False, owner=BEA, by="", agrees=False, now=NOW)
    assert fallback.due_s(ANN, Urgency.NORMAL) is None


def test_what_is_remembered_is_bounded() -> None:
    fallback = ready()
    fallback.consider(WAITING, Trigger.AWAY, owner=BEA, now=NOW)
    first = newest(fallback)
    texts = [
        KeepText(
            number, message_number(number), BEA, NUMBER, "sms", confirms=True, stage=AsideStage.SENT,
            trigger=Trigger.AWAY, attempt=1, parts=1, price="", agreed_ms=0,
        )
        for number in range(1 << 40, (1 << 40) + TEXTS_MAX)
    ]  # fmt: skip
    fallback.restore(choices=[], consents=[], texts=[first, *texts], private=[])
    assert fallback.text_of(WAITING.message) is None
    assert fallback.carried(word(first, TextStage.SENT), now=NOW) == []
    assert fallback.strange_words == 1
    assert fallback.unheard == []
