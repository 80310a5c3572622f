"""Proves that attempts are soon at first, patient later, and never a storm."""

from hypothesis import given
from hypothesis import strategies as st

from answerback.core.effects import Reason, Wake
from answerback.core.pacing import CADENCE_S, FLAT_S, JITTER, SPACING_S_MAX, STEADY_S, Pacing


def test_the_first_attempt_is_due_at_once_and_only_once() -> None:
    pacing = Pacing()
    pacing.start(now_s=5.0)
    assert pacing.wake_at == Wake(5.0, Reason.CONNECT_FIRST)
    assert pacing.due(now_s=4.9) is None
    assert pacing.due(now_s=5.0) is Reason.CONNECT_FIRST
    assert pacing.due(now_s=5.0) is None
    assert pacing.wake_at is None


@given(st.lists(st.floats(0, 0.999), min_size=200, max_size=200))
def test_the_cadence_is_flat_at_first_then_grows_and_never_beyond_its_limit(draws: list[float]) -> None:
    pacing, now_s = Pacing(), 0.0
    for draw in draws:
        pacing.failed(now_s=now_s, draw=draw, was_up=False)
        assert pacing.wake_at is not None
        wait_s = pacing.wake_at.at_s - now_s
        assert CADENCE_S * (1 - JITTER) - 1e-6 <= wait_s <= SPACING_S_MAX * (1 + JITTER) + 1e-6
        if now_s <= FLAT_S:
            assert wait_s <= CADENCE_S * (1 + JITTER) + 1e-6
        now_s = pacing.wake_at.at_s
        assert pacing.due(now_s=now_s) is Reason.CONNECT_CADENCE
    assert pacing.failures == len(draws)


def test_a_connection_that_had_lasted_is_tried_again_at_once() -> None:
    pacing = Pacing()
    pacing.succeeded(now_s=0.0)
    pacing.failed(now_s=STEADY_S, draw=0.5, was_up=True)
    assert pacing.wake_at == Wake(STEADY_S, Reason.CONNECT_EVIDENCE)


def test_patience_grows_with_the_square_root_of_the_time_since_the_loss() -> None:
    pacing = Pacing()
    pacing.succeeded(now_s=0.0)
    pacing.failed(now_s=STEADY_S, draw=0.5, was_up=True)
    late_s = STEADY_S + FLAT_S + 24
    pacing.failed(now_s=late_s, draw=0.5, was_up=False)
    assert pacing.wake_at == Wake(late_s + 5 * CADENCE_S, Reason.CONNECT_CADENCE)


def test_time_spent_as_the_relay_asked_counts_as_time_without_it() -> None:
    pacing = Pacing()
    pacing.told(60.0, now_s=0.0)
    pacing.failed(now_s=FLAT_S + 24, draw=0.5, was_up=False)
    assert pacing.wake_at == Wake(FLAT_S + 24 + 5 * CADENCE_S, Reason.CONNECT_CADENCE)
    pacing.told(60.0, now_s=FLAT_S + 30)
    pacing.failed(now_s=FLAT_S + 99, draw=0.5, was_up=False)
    assert pacing.wake_at == Wake(FLAT_S + 99 + 10 * CADENCE_S, Reason.CONNECT_CADENCE)


def test_after_a_long_outage_a_first_short_connection_brings_the_quick_cadence_back() -> None:
    pacing = Pacing()
    pacing.failed(now_s=0.0, draw=0.5, was_up=False)
    pacing.succeeded(now_s=1000.0)
    pacing.failed(now_s=1001.0, draw=0.5, was_up=True)
    assert pacing.wake_at == Wake(1001.0 + CADENCE_S, Reason.CONNECT_CADENCE)


def test_a_relay_that_welcomes_and_drops_us_at_once_is_not_stormed() -> None:
    pacing, now_s, attempts = Pacing(), 0.0, 0
    while now_s < 3600.0:
        attempts += 1
        pacing.succeeded(now_s=now_s)
        pacing.failed(now_s=now_s + 0.1, draw=0.5, was_up=True)
        assert pacing.wake_at is not None
        now_s = pacing.wake_at.at_s
        pacing.due(now_s=now_s)
    assert attempts < 400


def test_a_welcome_clears_the_slate() -> None:
    pacing = Pacing()
    pacing.failed(now_s=0.0, draw=0.5, was_up=False)
    pacing.succeeded(now_s=3600.0)
    assert (pacing.wake_at, pacing.failures) == (None, 0)
    pacing.failed(now_s=3600.0 + STEADY_S, draw=0.5, was_up=True)
    pacing.failed(now_s=3600.0 + STEADY_S, draw=0.5, was_up=False)
    assert pacing.wake_at == Wake(3600.0 + STEADY_S + CADENCE_S, Reason.CONNECT_CADENCE)


def test_evidence_beats_the_timetable_and_the_relays_word_beats_evidence() -> None:
    assert Pacing().wake_at is None
    pacing = Pacing()
    pacing.hint(now_s=1.0)
    pacing.failed(now_s=1.0, draw=0.5, was_up=False)
    pacing.hint(now_s=1.1)
    assert pacing.wake_at == Wake(1.1, Reason.CONNECT_EVIDENCE)
    pacing.told(30.0, now_s=2.0)
    pacing.hint(now_s=3.0)
    assert pacing.wake_at == Wake(32.0, Reason.CONNECT_TOLD)
