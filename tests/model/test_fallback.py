"""Proves the small words of fallback: numbers, tags, prices, and what a carrier's word is in ours."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerback.model.fallback import (
    FILE_NOTE,
    TAG_CHARACTERS,
    Aside,
    AsideStage,
    Trigger,
    body_of,
    cost_of,
    evidence_of,
    likeness,
    stage_of,
    tag_of,
    tagged,
    text_number,
    untagged,
)
from answerback.model.ids import AccountId, MessageId, message_id
from answerback.model.texts import TextStage
from answerback.model.timeline import Evidence

_messages = st.binary(min_size=16, max_size=16).map(MessageId)


@given(st.text(), _messages)
def test_what_is_tagged_is_read_back(text: str, message: MessageId) -> None:
    body, tag = untagged(tagged(text, message))
    assert tag == tag_of(message)
    assert likeness(body) == likeness(text), "but for spaces at its end"
    assert len(tagged(text, message)) == len(text) + TAG_CHARACTERS + 2


@pytest.mark.parametrize("text", ["", "hi", "hi #abc", "hi #ABCDEF", "hi #abcde1 there", "#abcdefg"])
def test_what_has_no_tag_is_left_alone(text: str) -> None:
    assert untagged(text) == (text, "")


def test_an_order_has_one_number_wherever_it_is_reckoned_and_later_messages_have_higher_ones() -> None:
    messages = [
        message_id(wall_ms=wall_ms, randomness=bytes(10)) for wall_ms in range(1_700_000_000_000, 1_700_000_000_500)
    ]
    numbers = [text_number(message, carrier="sms", handle="+49", attempt=1) for message in messages]
    assert numbers == [text_number(message, carrier="sms", handle="+49", attempt=1) for message in messages]
    assert numbers == sorted(set(numbers))
    assert all(0 <= number < 1 << 63 for number in numbers)
    assert text_number(MessageId(b"\xff" * 16), carrier="", handle="", attempt=1) < 1 << 63
    tries = {text_number(messages[0], carrier="sms", handle="+49", attempt=attempt) for attempt in range(1, 9)}
    assert len(tries) == 8
    assert text_number(messages[0], carrier="post", handle="+49", attempt=1) != numbers[0]


@pytest.mark.parametrize(
    ("parts", "price", "cost"),
    [
        (2, "0.07 EUR", "0.14 EUR"),
        (1, "0.07 EUR", "0.07 EUR"),
        (3, "7 ct", "21 ct"),
        (3, "0.10", "0.30"),
        (2, "", ""),
        (2, "see contract", "2 × see contract"),
        (2, "NaN EUR", "2 × NaN EUR"),
    ],
)
def test_the_cost_is_reckoned_exactly_or_said_as_it_was_written(parts: int, price: str, cost: str) -> None:
    assert cost_of(parts, price) == cost


def test_a_carrier_that_confirms_nothing_is_believed_only_that_it_took_it() -> None:
    assert [stage_of(stage, confirms=True) for stage in TextStage] == [
        AsideStage.HANDED,
        AsideStage.SENT,
        AsideStage.DELIVERED,
        AsideStage.IN_DOUBT,
        AsideStage.FAILED,
    ]
    assert stage_of(TextStage.DELIVERED, confirms=False) is AsideStage.SENT


def test_only_a_delivery_receipt_is_evidence_of_delivery() -> None:
    assert [stage for stage in AsideStage if evidence_of(stage) is Evidence.CARRIER_RECEIPT] == [AsideStage.DELIVERED]
    assert [stage for stage in AsideStage if evidence_of(stage) is Evidence.PERSON] == [AsideStage.DECLINED]
    assert {stage for stage in AsideStage if stage.ordered} == {
        stage for stage in AsideStage if stage >= AsideStage.ORDERED
    }


def test_of_a_file_a_text_says_only_that_it_waits() -> None:
    assert body_of("look", has_file=False) == "look"
    assert body_of("look", has_file=True) == f"look ({FILE_NOTE})"
    assert body_of("", has_file=True) == FILE_NOTE


def test_a_life_does_not_show_its_number() -> None:
    aside = Aside(
        7, MessageId(b"m" * 16), AccountId(b"a" * 16), "+49301234567", "sms", confirms=True, stage=AsideStage.SENT,
        trigger=Trigger.AWAY, parts=1, price="", needs_consent=False, steps=(),
    )  # fmt: skip
    assert "+49" not in repr(aside)
