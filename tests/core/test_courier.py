"""Proves when another way is thought of, in a world with a relay that may be away and a recipient who may be."""

import pytest

from answerback.core.courier import FallbackChosen, TextIn
from answerback.core.effects import Arrived, Reason, TextCame, TextMerged, TextProgressed, Warned
from answerback.core.facts import KeepConsent, KeepFallback
from answerback.model.causes import Cause
from answerback.model.errors import RefusedError, UsageError
from answerback.model.fallback import NO_DEVICE, AsideStage, Choice, Obstacle, Trigger, tag_of, tagged
from answerback.model.handle import Handle
from answerback.model.ids import conversation_id
from answerback.model.message import Urgency
from answerback.model.texts import TextArrived, TextStage
from answerback.model.timeline import Stage
from tests.core.carrier import ANNS_NUMBER, BEAS_NUMBER, SMS, CarriedPhone, Carrier, known_by_number
from tests.core.specimens import kept
from tests.core.world import Phone

STAGE = AsideStage


def agreed(by: CarriedPhone, bea: Phone, after_s: float = 600.0, *, files: bool = False) -> None:
    by.choose(bea, Choice.AFTER, after_s=after_s, files=files)
    by.agree(bea)


def test_nothing_goes_by_itself_unless_somebody_chose_that() -> None:
    world, ann, bea, by = known_by_number()
    bea.stop()
    message = ann.send(BEAS_NUMBER, text="where are you?")
    world.run(4000)
    assert (by.carrier.submissions, by.stages(message)) == ([], [])
    assert ann.engine.courier.obstacle(message) is Obstacle.NEVER
    assert ann.engine.courier.wake_at is None, "nobody who does not use it pays for it"


@pytest.mark.parametrize("trigger", [Trigger.RELAY, Trigger.AWAY])
def test_after_so_long_it_goes_once_and_the_encrypted_one_is_still_tried(trigger: Trigger) -> None:
    world, ann, bea, by = known_by_number()
    agreed(by, bea, 600.0)
    if trigger is Trigger.AWAY:
        bea.stop()
    else:
        world.disconnect_all()
        world.reachable = False
    message = ann.send(BEAS_NUMBER, text="where are you?")
    world.run(595)
    assert by.carrier.orders == {}, "not before its time"
    world.run(40)
    (order,) = by.carrier.orders.values()
    assert (order.to, order.text) == (Handle(BEAS_NUMBER), f"where are you? #{tag_of(message)}")
    world.run(1500)
    assert by.carrier.submissions == [order.number], "once"
    text = ann.engine.machines.fallback.text_of(message)
    assert text is not None
    assert (text.trigger, text.parts, text.stage) == (trigger, 1, STAGE.ORDERED)
    by.says(TextStage.DELIVERED)
    world.reachable = True
    if bea.off:
        bea.start()
    world.run(300)
    assert ann.stage(message, bea) is Stage.DELIVERED, "what a phone has as a text, the device still gets"


def test_who_wants_to_be_asked_is_asked_once_and_nothing_goes_before_the_yes() -> None:
    world, ann, bea, by = known_by_number()
    by.choose(bea, Choice.ASK)
    bea.stop()
    message = ann.send(BEAS_NUMBER, text="where are you?")
    world.run(3600)
    assert (by.stages(message), by.carrier.submissions) == ([STAGE.OFFERED], [])
    with pytest.raises(RefusedError) as refused:
        by.answer(message)
    assert refused.value.cause is Cause.FALLBACK_CONSENT_NEEDED
    assert by.carrier.submissions == []
    by.answer(message, agrees=True)
    by.says(TextStage.HANDED)
    by.says(TextStage.SENT)
    by.says(TextStage.DELIVERED)
    assert by.stages(message) == [STAGE.OFFERED, STAGE.ORDERED, STAGE.HANDED, STAGE.SENT, STAGE.DELIVERED]
    (consent,) = ann.disk.of(KeepConsent)
    assert (consent.by, consent.handle, consent.carrier, consent.wording) == ("Ann", BEAS_NUMBER, SMS, 1)
    second = ann.send(BEAS_NUMBER, text="and now?")
    by.answer(second)
    assert len(by.carrier.orders) == 2, "what was agreed to once is not asked again"
    told = [news.step.stage for news in ann.news if isinstance(news, TextProgressed) and news.message == second]
    assert told == [STAGE.ORDERED]


def test_urgent_ones_are_offered_sooner_and_background_ones_never() -> None:
    world, ann, bea, by = known_by_number()
    by.choose(bea, Choice.ASK)
    bea.stop()
    urgent, normal, late = (ann.send(BEAS_NUMBER, text=each.name, urgency=each) for each in Urgency)
    world.run(200)
    assert [by.stages(each) for each in (urgent, normal, late)] == [[STAGE.OFFERED], [], []]
    world.run(600)
    assert [by.stages(each) for each in (urgent, normal, late)] == [[STAGE.OFFERED], [STAGE.OFFERED], []]
    world.run(4000)
    assert by.stages(late) == []
    assert ann.engine.courier.obstacle(late) is Obstacle.BACKGROUND


def test_an_offer_lapses_when_the_message_is_answered() -> None:
    world, ann, bea, by = known_by_number()
    by.choose(bea, Choice.ASK)
    bea.stop()
    message = ann.send(BEAS_NUMBER, text="where are you?")
    world.run(900)
    bea.start()
    world.run(60)
    assert by.stages(message) == [STAGE.OFFERED, STAGE.LAPSED]
    with pytest.raises(UsageError, match="not tried any more"):
        by.answer(message, agrees=True)


def test_a_no_is_a_no() -> None:
    world, ann, bea, by = known_by_number()
    by.choose(bea, Choice.ASK)
    bea.stop()
    message = ann.send(BEAS_NUMBER, text="where are you?")
    world.run(900)
    by.answer(message, yes=False)
    agreed(by, bea, 60.0)
    world.run(3600)
    assert by.stages(message) == [STAGE.OFFERED, STAGE.DECLINED]
    assert by.carrier.submissions == []


def test_one_device_of_theirs_that_answers_is_enough() -> None:
    world, ann, bea, by = known_by_number()
    laptop = world.second_device(bea)
    agreed(by, bea, 60.0)
    laptop.stop()
    ann.send(BEAS_NUMBER, text="where are you?")
    world.run(3600)
    assert by.carrier.submissions == []


def test_a_wall_clock_that_is_set_forward_costs_nothing() -> None:
    world, ann, bea, by = known_by_number()
    agreed(by, bea, 3600.0)
    bea.stop()
    ann.send(BEAS_NUMBER, text="where are you?")
    ann.wall_offset_ms = 30 * 86_400_000
    world.run(1200)
    assert by.carrier.submissions == []
    ann.crash()
    world.run(1200)
    ann.crash()
    world.run(3000)
    assert by.carrier.submissions == [], "each run reckons anew: nobody knows how long it was off"
    world.run(700)
    assert len(by.carrier.submissions) == 1


def test_a_number_that_is_no_longer_theirs_gets_nothing() -> None:
    world, ann, bea, by = known_by_number()
    agreed(by, bea, 60.0)
    bea.stop()
    message = ann.send(BEAS_NUMBER, text="where are you?")
    cid = world.person("cid@example.org")
    ann.engine._departure.contacts[BEAS_NUMBER] = cid.own.account
    world.run(3600)
    assert by.carrier.submissions == []
    assert ann.engine.courier.obstacle(message) is Obstacle.NUMBER_GONE
    with pytest.raises(UsageError, match="not known to be"):
        by.choose(bea, Choice.ASK)


def test_a_file_never_goes_and_that_one_waits_only_if_somebody_chose_that() -> None:
    world, ann, bea, by = known_by_number()
    agreed(by, bea, 60.0)
    bea.stop()
    message = ann.send(BEAS_NUMBER, text="look", file=world.file())
    world.run(3600)
    assert (by.carrier.submissions, ann.engine.courier.obstacle(message)) == ([], Obstacle.FILE)
    agreed(by, bea, 60.0, files=True)
    world.run(3600)
    (order,) = by.carrier.orders.values()
    assert order.text == f"look (A file waits for you in Answerback.) #{tag_of(message)}"
    assert "a.jpg" not in order.text


def test_a_text_goes_to_one_other_person_and_not_too_long() -> None:
    world, ann, bea, by = known_by_number()
    cid = world.person("cid@example.org")
    agreed(by, bea, 60.0)
    bea.stop()
    cid.stop()
    group = ann.send(BEAS_NUMBER, "cid@example.org", text="both of you")
    long = ann.send(BEAS_NUMBER, text="x" * 700)
    private = by.sends_privately(BEAS_NUMBER, "only here")
    world.run(3600)
    assert by.carrier.submissions == []
    obstacle = ann.engine.courier.obstacle
    assert [obstacle(each) for each in (group, long, private)] == [Obstacle.GROUP, Obstacle.TOO_LONG, Obstacle.PRIVATE]
    ann.crash()
    world.run(3600)
    assert [ann.engine.courier.obstacle(each) for each in (long, private)] == [Obstacle.TOO_LONG, Obstacle.PRIVATE]
    with pytest.raises(RefusedError):
        by.answer(private, agrees=True)
    assert by.carrier.submissions == []


def test_another_price_and_another_number_need_another_yes() -> None:
    world, ann, bea, by = known_by_number()
    agreed(by, bea, 60.0)
    by.carrier.price = "7.00 EUR"
    ann.crash()
    bea.stop()
    message = ann.send(BEAS_NUMBER, text="where are you?")
    world.run(3600)
    assert (by.stages(message), by.carrier.submissions) == ([STAGE.OFFERED], [])
    by.agree(bea)
    world.run(60)
    assert len(by.carrier.submissions) == 1


def test_never_takes_the_consent_back() -> None:
    world, ann, bea, by = known_by_number()
    agreed(by, bea, 600.0)
    bea.stop()
    ann.send(BEAS_NUMBER, text="where are you?")
    world.run(100)
    by.choose(bea, Choice.NEVER)
    by.choose(bea, Choice.AFTER, after_s=60.0)
    world.run(3600)
    assert by.carrier.submissions == []
    assert [consent.withdrawn_ms > 0 for consent in ann.disk.of(KeepConsent)] == [True]


def test_only_a_phone_number_of_somebody_else_can_be_chosen() -> None:
    world, ann, bea, by = known_by_number()
    world.person("eve@example.org").send(ANNS_NUMBER, text="hi")
    world.run(5)
    eve = ann.engine._departure.contacts["eve@example.org"]
    for handle, account in (("eve@example.org", eve), (ANNS_NUMBER, ann.own.account)):
        ann.engine._departure.contacts[handle] = account
        with pytest.raises(UsageError):
            ann.engine.beside(
                FallbackChosen(KeepFallback(account, handle, SMS, Choice.ASK, 0.0, is_file_noted=False)), now=ann.now
            )
    with pytest.raises(UsageError, match="between a minute"):
        by.choose(bea, Choice.AFTER, after_s=1.0)
    post = CarriedPhone(ann, Carrier("post", "", confirms=False))
    kept = KeepFallback(eve, "eve@example.org", "post", Choice.ASK, 0.0, is_file_noted=False)
    ann.carry_out(ann.engine.beside(FallbackChosen(kept), now=ann.now))
    assert post.phone.disk.of(KeepFallback) == (kept,)


def test_a_carrier_that_confirms_nothing_is_not_believed_and_its_consent_is_its_own() -> None:
    world, ann, bea, by = known_by_number()
    agreed(by, bea, 60.0)
    post = CarriedPhone(ann, Carrier("post", "", confirms=False))
    post.choose(bea, Choice.AFTER, after_s=60.0)
    bea.stop()
    message = ann.send(BEAS_NUMBER, text="where are you?")
    world.run(600)
    assert (post.stages(message), post.carrier.submissions) == ([STAGE.OFFERED], []), "agreed to sms, not to this"
    post.answer(message, agrees=True)
    post.says(TextStage.DELIVERED)
    assert post.stages(message)[-1] is STAGE.SENT


def test_the_engine_wakes_for_it_and_says_why() -> None:
    world, ann, bea, by = known_by_number()
    agreed(by, bea, 600.0)
    bea.stop()
    ann.send(BEAS_NUMBER, text="where are you?")
    world.run(5)
    wake = ann.engine.courier.wake_at
    assert wake is not None
    assert wake.reason is Reason.FALLBACK_DUE


# ---- what carriers bring


def test_a_text_and_its_message_are_shown_once_whichever_comes_first() -> None:
    world, ann, bea, by = known_by_number()
    takes = CarriedPhone(bea)
    agreed(by, bea, 60.0)
    for first in ("text", "message"):
        bea.stop()
        message = ann.send(BEAS_NUMBER, text=f"{first} first")
        world.run(200)
        order = list(by.carrier.orders.values())[-1]
        if first == "text":
            world.reachable = False
            bea.start()
            takes.brings(order.text)
            assert bea.texts[-1] == order.text
            shown = [news for news in bea.news if isinstance(news, TextCame)][-1]
            assert (shown.message.author, shown.message.author_device) == (ann.own.account, NO_DEVICE)
            world.reachable = True
        else:
            bea.start()
        world.run(200)
        if first == "message":
            takes.brings(order.text)
        assert bea.texts.count(f"{first} first") == 1
        assert [text for text in bea.texts if text.startswith(f"{first} first")] == [f"{first} first"]
        assert [news.message for news in bea.news if isinstance(news, TextMerged)][-1] == message
        bea.crash()
        world.run(5)
        takes.brings(order.text)
        assert [text for text in bea.texts if text.startswith(f"{first} first")] == [f"{first} first"]


def test_a_text_without_a_tag_is_a_message_that_proves_nothing() -> None:
    _, ann, bea, by = known_by_number()
    by.brings("I am at the station", sender=BEAS_NUMBER)
    by.brings("I am at the station", sender=BEAS_NUMBER)
    message = ann.message("I am at the station")
    assert (message.author, message.author_device) == (bea.own.account, NO_DEVICE)
    assert message.conversation == conversation_id(frozenset((ann.own.account, bea.own.account)))
    arrived = [news.message for news in ann.news if isinstance(news, Arrived)]
    assert message not in arrived, "programs that act on what their person writes are not fooled"
    effects = ann.engine.read([message], now=ann.now)
    assert kept(effects) == [], "nobody gets a receipt for what no device sent"


def test_strangers_and_floods_are_told_and_not_kept() -> None:
    world, ann, bea, by = known_by_number()
    by.brings("buy now", sender="+15551234567")
    assert Warned(Cause.TEXT_FROM_STRANGER) in ann.news
    for number in range(200):
        by.brings(f"spam {number}", sender=BEAS_NUMBER)
    assert len([text for text in ann.texts if text.startswith("spam")]) == 120
    assert Warned(Cause.TEXT_FLOOD, bea.own.account) in ann.news
    by.brings("y" * 5000, sender=BEAS_NUMBER, identity=b"long")
    world.run(3601)
    by.brings("y" * 5000, sender=BEAS_NUMBER, identity=b"long again")
    assert ann.texts[-1] == "y" * 2000 + " […]"


def test_a_text_of_the_same_tag_and_other_words_is_shown_beside_the_message() -> None:
    world, ann, bea, _ = known_by_number()
    takes = CarriedPhone(bea)
    message = ann.send(BEAS_NUMBER, text="pay 10 to Cid")
    world.run(5)
    takes.brings(tagged("pay 1000 to Eve", message))
    assert bea.texts[-2:] == ["pay 10 to Cid", tagged("pay 1000 to Eve", message)]
    assert bea.message("pay 10 to Cid").author_device == ann.own.device
    arrival = TextArrived(Handle(ANNS_NUMBER), tagged("pay  10 to\nCid", message), SMS, b"again")
    bea.carry_out(bea.engine.beside(TextIn(arrival), now=bea.now))
    assert len(bea.texts) == 3, "spaces are what carriers change"
