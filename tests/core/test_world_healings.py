"""Proves that each kind of loss between two devices is healed within one exchange, counted, and on the timeline."""

from collections.abc import Callable

import pytest

from answerback.model.causes import Cause
from tests.core.healings import (
    COURSES,
    Course,
    gap,
    lost_file,
    lost_keys,
    lost_mail,
    lost_receipt,
    lost_session,
    spent_keys,
    stale_list,
)


@pytest.mark.parametrize("course", COURSES, ids=lambda course: str(course.__name__))
def test_every_loss_is_healed_within_one_exchange_and_counted(course: Callable[[], Course]) -> None:
    took = course()
    assert took.calls <= 1
    assert took.answers <= 1
    assert took.counted[took.kind.value] >= 1
    assert took.round_trips <= 5, "a call, its answer, and for each a key from the relay"


def test_a_lost_session_takes_one_call_and_one_answer() -> None:
    took = lost_session()
    assert (took.calls, took.answers, took.questions) == (1, 1, {"Claim": 2})
    assert took.shown == (Cause.HEALING_SESSION,)
    assert took.counted == {"session": 1}


def test_a_spent_pre_key_takes_one_call_though_a_dozen_beside_it_are_spent_as_well() -> None:
    took = spent_keys()
    assert (took.calls, took.answers, took.questions["Publish"]) == (1, 1, 1)
    assert took.shown == (Cause.HEALING_KEYS,)
    assert took.counted == {"keys": 2}, "the author's and the reader's"


def test_keys_that_the_relay_has_lost_are_there_again_one_round_trip_after_its_welcome() -> None:
    took = lost_keys()
    assert (took.calls, took.answers, took.questions) == (0, 0, {"Publish": 1})
    assert (took.round_trips, took.counted) == (1, {"keys": 1})


def test_a_gap_takes_one_call_one_question_and_the_same_bytes_again() -> None:
    took = gap()
    assert (took.calls, took.answers, took.questions) == (1, 1, {"Inquire": 1})
    assert took.shown == (Cause.HEALING_GAP, Cause.HEALING_LOST_MAIL)
    assert took.after_s < 3.0, "two seconds of grace, as it may be under way"


def test_lost_mail_takes_one_question_and_the_same_bytes_again() -> None:
    took = lost_mail()
    assert (took.calls, took.answers, took.questions) == (0, 1, {"Inquire": 1})
    assert took.shown == (Cause.HEALING_LOST_MAIL,)


def test_a_lost_receipt_takes_the_message_once_more_and_its_receipt() -> None:
    took = lost_receipt()
    assert (took.answers, took.questions) == (1, {})
    assert took.shown == (Cause.HEALING_RECEIPT,)


def test_an_old_device_list_takes_a_look_up_and_the_copy_for_the_device_that_was_missing() -> None:
    took = stale_list()
    assert (took.calls, took.answers) == (0, 1)
    assert took.shown == (Cause.HEALING_DEVICE_LIST,)
    assert took.counted == {"device list": 1}


def test_a_file_that_the_relay_has_lost_is_brought_again_and_the_timeline_says_so() -> None:
    took = lost_file()
    assert took.calls == 1
    assert took.shown == (Cause.HEALING_FILE,)
