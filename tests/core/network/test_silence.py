"""Proves that silence is noticed soon where something is owed, and never where nothing is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerback.core.effects import Reason, Wake
from answerback.core.network.silence import (
    PATIENCE_GAIN,
    PATIENCE_MAX,
    RHYTHM_COUNT_MIN,
    RHYTHM_S_MIN,
    SILENCE_RTOS,
    SILENCE_S_MAX,
    SILENCE_S_MIN,
    Silence,
)


def listening(*, gap_s: float, count: int) -> Silence:
    """A silence after arrivals in a rhythm, the last of them at `count * gap_s`."""
    silence = Silence()
    silence.restart(now_s=0.0)
    for number in range(1, count + 1):
        silence.heard(now_s=number * gap_s)
    return silence


def test_quiet_alone_is_no_sign() -> None:
    silence = Silence()
    silence.restart(now_s=5.0)
    assert silence.due(0.3) is None


def test_silence_while_an_answer_is_owed_is_noticed_after_twice_the_time_an_answer_may_take() -> None:
    silence = Silence()
    silence.restart(now_s=5.0)
    silence.expects(owed=True, now_s=6.0)
    assert silence.due(0.3) == Wake(6.0 + SILENCE_RTOS * 0.3, Reason.SILENCE_PROBE)
    assert silence.due(0.01) == Wake(6.0 + SILENCE_S_MIN, Reason.SILENCE_PROBE)
    assert silence.due(30.0) == Wake(6.0 + SILENCE_S_MAX, Reason.SILENCE_PROBE)
    silence.heard(now_s=6.2)
    assert silence.due(0.3) == Wake(6.2 + SILENCE_RTOS * 0.3, Reason.SILENCE_PROBE)
    silence.expects(owed=False, now_s=6.3)
    assert silence.due(0.3) is None


def test_a_device_that_only_reads_notices_that_a_steady_flow_has_stopped() -> None:
    silence = listening(gap_s=0.2, count=30)
    due = silence.due(0.2)
    assert due is not None
    assert 6.0 + RHYTHM_S_MIN <= due.at_s < 6.0 + 2.5


def test_too_few_or_too_rare_arrivals_are_no_rhythm() -> None:
    assert listening(gap_s=0.2, count=RHYTHM_COUNT_MIN - 1).due(0.2) is None
    assert listening(gap_s=30.0, count=50).due(0.2) is None


def test_frames_that_come_together_are_one_arrival() -> None:
    silence = Silence()
    silence.restart(now_s=0.0)
    for number in range(100):
        silence.heard(now_s=1.0 + number * 0.001)
    assert silence.due(0.2) is None


def test_a_silence_is_noticed_once() -> None:
    silence = Silence()
    silence.expects(owed=True, now_s=1.0)
    silence.notice()
    assert silence.due(0.2) is None
    silence.heard(now_s=9.0)
    assert silence.due(0.2) is not None


def test_a_flow_that_has_stopped_is_asked_about_once_and_the_answers_are_no_flow() -> None:
    silence = listening(gap_s=0.2, count=30)
    due = silence.due(0.2)
    assert due is not None
    silence.notice()
    now_s = due.at_s + 0.1
    silence.heard(now_s=now_s)
    assert silence.due(0.2) is None, "what it asked was answered, and nothing else has come"
    for number in range(1, RHYTHM_COUNT_MIN):
        silence.heard(now_s=now_s + number * 0.2)
    assert silence.due(0.2) is None
    silence.heard(now_s=now_s + RHYTHM_COUNT_MIN * 0.2)
    assert silence.due(0.2) is not None, "it flows again"


def test_a_false_alarm_teaches_patience_and_answers_in_time_take_it_back() -> None:
    silence = Silence()
    silence.restart(now_s=0.0)
    silence.expects(owed=True, now_s=0.0)
    silence.notice()
    silence.ended(noticed_s=0.6, rto_s=0.3, now_s=0.7)
    silence.heard(now_s=0.7)
    patient = silence.due(0.3)
    assert patient is not None
    assert patient.at_s == pytest.approx(0.7 + PATIENCE_GAIN * SILENCE_RTOS * 0.3)
    for number in range(40):
        silence.heard(now_s=1.0 + number * 0.1)
    soon = silence.due(0.3)
    assert soon is not None
    assert soon.at_s < 4.9 + 1.1 * SILENCE_RTOS * 0.3


def test_a_silence_that_lasted_was_no_false_alarm() -> None:
    silence = Silence()
    silence.expects(owed=True, now_s=0.0)
    silence.notice()
    silence.ended(noticed_s=0.6, rto_s=0.3, now_s=5.0)
    silence.heard(now_s=5.0)
    assert silence.due(0.3) == Wake(5.0 + SILENCE_RTOS * 0.3, Reason.SILENCE_PROBE)


@given(st.lists(st.sampled_from(["heard", "owed", "free", "notice", "false", "restart"]), max_size=80))
def test_in_any_order_silence_is_noticed_within_a_bound_of_the_last_sound_while_anything_is_owed(
    events: list[str],
) -> None:
    silence, now_s, owed, noticed = Silence(), 0.0, False, False
    for event in events:
        now_s += 0.3
        match event:
            case "heard":
                silence.heard(now_s=now_s)
                noticed = False
            case "owed" | "free":
                owed = event == "owed"
                silence.expects(owed=owed, now_s=now_s)
            case "notice":
                silence.notice()
                noticed = True
            case "false":
                silence.ended(noticed_s=now_s - 0.1, rto_s=0.3, now_s=now_s)
            case _:
                silence.restart(now_s=now_s)
                noticed = False
        due = silence.due(0.5)
        assert (due is None) is noticed or not owed
        if owed and not noticed:
            assert due is not None
            assert due.at_s <= now_s + SILENCE_S_MAX * PATIENCE_MAX
