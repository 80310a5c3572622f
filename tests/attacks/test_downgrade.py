"""Proves that nobody can push a message out of the encryption, and that a text proves nothing of its sender."""

import pytest

from answerback.core.courier import Carried
from answerback.core.effects import Arrived, TextCame
from answerback.core.facts import KeepConsent, KeepFallback, KeepText
from answerback.model.causes import Cause
from answerback.model.errors import AnswerbackError, RefusedError
from answerback.model.fallback import NO_DEVICE, AsideStage, Choice, Obstacle, tag_of, tagged
from answerback.model.ids import EnvelopeId
from answerback.model.texts import CarrierWord, TextStage
from answerback.model.timeline import Stage
from answerback.wire.frames import Refusal, Refused
from answerback.wire.letters import Nack
from tests.attacks.test_lying_contact import forge, post, sealed_post
from tests.core.carrier import BEAS_NUMBER, CarriedPhone, known_by_number
from tests.core.world import Phone, World

EVES_NUMBER = "+15551234567"
LONG_S = 1500


def stall(world: World, ann: Phone, bea: Phone, how: str) -> None:
    """A relay that wants a message to go another way: it takes nothing, hands over nothing, or says what it likes."""
    match how:
        case "unreachable":
            world.reachable = False
            world.disconnect_all()
        case "hands over nothing":
            bea.stop()
        case "accepts nothing":
            world.relay.holds_commits = True
        case "refuses":
            bea.stop()
            for promise in ann.engine.machines.outbox:
                for copy in promise.copies.values():
                    refusal = Refusal(copy.envelope or EnvelopeId(bytes(16)), Cause.RECIPIENT_MAILBOX_FULL.value, 1000)
                    ann.carry_out(ann.engine.received(ann.line, Refused([refusal]), now=ann.now))


STALLS = ["unreachable", "hands over nothing", "accepts nothing", "refuses"]


@pytest.mark.parametrize("how", STALLS)
@pytest.mark.parametrize("choice", [None, Choice.NEVER, Choice.ASK, Choice.AFTER])
def test_a_relay_that_stalls_everything_sends_nothing_by_sms_without_a_recorded_yes(
    how: str, choice: Choice | None
) -> None:
    world, ann, bea, by = known_by_number()
    if choice is not None:
        by.choose(bea, choice, after_s=60.0)  # and nobody has agreed
    if how == "accepts nothing":
        stall(world, ann, bea, how)
    message = ann.send(BEAS_NUMBER, text="between us")
    stall(world, ann, bea, how)
    world.run(LONG_S)
    assert by.carrier.submissions == []
    assert ann.disk.of(KeepConsent) == ()
    assert {kept.stage for kept in ann.disk.of(KeepText)} <= {AsideStage.OFFERED}, "at most, its person is asked"
    with pytest.raises(RefusedError):
        by.answer(message)
    assert by.carrier.submissions == []


@pytest.mark.parametrize("how", STALLS)
def test_what_is_private_never_goes_whatever_was_agreed_to_and_whoever_stalls(how: str) -> None:
    world, ann, bea, by = known_by_number()
    by.choose(bea, Choice.AFTER, after_s=60.0)
    by.agree(bea)
    message = by.sends_privately(BEAS_NUMBER, "between us")
    stall(world, ann, bea, how)
    world.run(700)
    ann.crash()
    world.run(700)
    assert ann.engine.courier.obstacle(message) in (Obstacle.PRIVATE, Obstacle.ENDED)
    with pytest.raises(AnswerbackError):
        by.answer(message, agrees=True)
    assert by.carrier.submissions == []


def test_a_yes_for_one_contact_is_none_for_another() -> None:
    world, ann, bea, by = known_by_number()
    cid = world.person("+493055555555")
    ann.send("+493055555555", text="hello")
    world.run(3)
    by.choose(bea, Choice.AFTER, after_s=60.0)
    by.agree(bea)
    by.choose(cid, Choice.AFTER, after_s=60.0, number="+493055555555")
    cid.stop()
    message = ann.send("+493055555555", text="between us")
    world.run(700)
    assert (by.carrier.submissions, by.stages(message)) == ([], [AsideStage.OFFERED])


def test_a_contact_who_goes_away_or_complains_causes_no_sms() -> None:
    world, ann, bea, by = known_by_number()
    message = ann.send(BEAS_NUMBER, text="between us")
    bea.stop()
    world.run(60)
    copies = ann.engine.machines.outbox.promise(message)
    envelopes = [copy.envelope for copy in copies.copies.values() if copy.envelope] if copies else []
    bea.start()
    forge(bea, ann, Nack(envelopes, [], []))
    bea.stop()
    world.run(LONG_S)
    assert by.carrier.submissions == []


def test_a_contact_or_a_relay_that_names_another_number_moves_no_text_there() -> None:
    world, ann, bea, by = known_by_number()
    by.choose(bea, Choice.AFTER, after_s=60.0)
    by.agree(bea)
    world.relay.store.handles[EVES_NUMBER] = bea.own.account  # the relay says that this is Bea's as well
    sealed_post(bea, ann, post(bea, ann, 7, handle=EVES_NUMBER))
    world.run(10)
    bea.stop()
    ann.send(BEAS_NUMBER, text="between us")
    world.run(600)
    assert [order.to.text for order in by.carrier.orders.values()] == [BEAS_NUMBER], "as agreed"


def test_a_number_that_the_directory_gave_to_somebody_else_gets_no_text() -> None:
    world, ann, bea, by = known_by_number()
    by.choose(bea, Choice.AFTER, after_s=60.0)
    by.agree(bea)
    bea.stop()
    message = ann.send(BEAS_NUMBER, text="between us")
    eve = world.person("eve@example.org")
    ann.engine._departure.contacts[BEAS_NUMBER] = eve.own.account
    world.run(700)
    assert by.carrier.submissions == []
    assert ann.engine.courier.obstacle(message) is Obstacle.NUMBER_GONE


def test_a_carrier_cannot_make_an_order_nor_speak_about_anothers() -> None:
    world, ann, bea, by = known_by_number()
    by.choose(bea, Choice.ASK)
    bea.stop()
    message = ann.send(BEAS_NUMBER, text="between us")
    world.run(900)
    (offer,) = ann.disk.of(KeepText)
    for number in (offer.number, 1, -1, 1 << 62):
        for stage in TextStage:
            for carrier in ("sms", "another"):
                word = CarrierWord(number, stage, carrier, 1, "x" * 10_000)
                ann.carry_out(ann.engine.beside(Carried(word), now=ann.now))
    assert by.stages(message) == [AsideStage.OFFERED], "what nobody ordered, nobody sent"
    by.answer(message, agrees=True)
    word = CarrierWord(offer.number, TextStage.DELIVERED, "another", 1)
    ann.carry_out(ann.engine.beside(Carried(word), now=ann.now))
    assert by.stages(message)[-1] is AsideStage.ORDERED
    by.says(TextStage.FAILED, reason="x" * 10_000)
    assert len(ann.disk.text_steps[-1].step.reason) == 200


# ---- texts under somebody's number


def test_a_text_under_a_contacts_number_is_never_taken_for_their_word() -> None:
    world, ann, bea, by = known_by_number()
    message = ann.send(BEAS_NUMBER, text="pay?")
    by.brings("yes, pay to account 7", sender=BEAS_NUMBER)
    world.run(5)
    spoofed = ann.message("yes, pay to account 7")
    assert spoofed.author_device == NO_DEVICE, "marked, wherever it is shown"
    assert spoofed not in [news.message for news in ann.news if isinstance(news, Arrived)], "no program acts on it"
    assert spoofed in [news.message for news in ann.news if isinstance(news, TextCame)]
    by.brings("delivered", sender=BEAS_NUMBER, identity=b"receipt")
    assert ann.stage(message, bea) is Stage.DELIVERED, "and that by Bea's own receipt alone"


def test_a_text_neither_hides_nor_changes_an_encrypted_message() -> None:
    world, ann, bea, _ = known_by_number()
    takes = CarriedPhone(bea)
    bea.stop()
    message = ann.send(BEAS_NUMBER, text="meet at eight")
    world.run(5)
    world.reachable = False
    bea.start()
    takes.brings(tagged("meet at nine", message), identity=b"eve")  # she saw a text with this tag, and was quicker
    world.reachable = True
    world.run(60)
    assert "meet at eight" in bea.texts
    assert bea.message("meet at eight").author_device == ann.own.device
    assert tagged("meet at nine", message) in bea.texts, "shown beside it, as a text"
    takes.brings(tagged("meet at eight", message), identity=b"copy")
    assert bea.texts.count("meet at eight") == 1


def test_a_text_with_a_guessed_tag_is_a_text() -> None:
    _, ann, bea, by = known_by_number()
    by.brings("hello #abcdef", sender=BEAS_NUMBER)
    assert ann.message("hello #abcdef").author_device == NO_DEVICE
    assert bea.texts == ["hello"]


def test_the_tag_tells_nothing_of_the_message() -> None:
    world, ann, bea, _ = known_by_number()
    first, second = ann.send(BEAS_NUMBER, text="same"), ann.send(BEAS_NUMBER, text="same")
    world.run(5)
    assert tag_of(first) != tag_of(second)
    assert len(bea.texts) == 3


def test_a_choice_on_the_disk_without_a_consent_sends_nothing() -> None:
    """Whoever can write one row can write the other; but no half-written change of ours may send either."""
    world, ann, bea, by = known_by_number()
    kept = KeepFallback(bea.own.account, BEAS_NUMBER, "sms", Choice.AFTER, 60.0, is_file_noted=False)
    ann.disk.commit([kept])
    ann.crash()
    bea.stop()
    ann.send(BEAS_NUMBER, text="between us")
    world.run(700)
    assert by.carrier.submissions == []


def test_texts_of_nothing_and_of_control_characters_are_texts() -> None:
    world, ann, _, by = known_by_number()
    by.brings("", sender=BEAS_NUMBER, identity=b"empty")
    by.brings("\x1b[2J#aaaaaa", sender=BEAS_NUMBER, identity=b"escape")
    world.run(5)
    assert len([text for text in ann.texts if text != "hello"]) == 2
