"""Proves that a path is measured from what it carries, and that few bytes never make it look slow."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerback.core.network.estimate import DISTANCE_WINDOW_S, RTO_S_MAX, RTO_S_MIN, RTT_S_START, Estimate


def test_round_trips_are_smoothed_as_rfc_6298_says() -> None:
    estimate = Estimate()
    assert estimate.rtt_s == RTT_S_START
    estimate.round_trip(0.1, now_s=1.0)
    assert (estimate.rtt_s, estimate.rtt_deviation_s) == (0.1, 0.05)
    estimate.round_trip(0.2, now_s=2.0)
    assert estimate.rtt_deviation_s == pytest.approx(0.75 * 0.05 + 0.25 * 0.1)
    assert estimate.rtt_s == pytest.approx(0.1125)
    assert estimate.rto_s == pytest.approx(estimate.rtt_s + 4 * estimate.rtt_deviation_s)


def test_what_our_own_bytes_add_to_the_distance_is_bufferbloat() -> None:
    estimate = Estimate()
    estimate.round_trip(0.05, now_s=1.0)
    assert estimate.bloat_s == 0.0
    for number in range(20):
        estimate.round_trip(0.85, now_s=2.0 + number, is_loaded=True)
    assert estimate.rtt_s_min == 0.05
    assert estimate.bloat_s == pytest.approx(0.8, rel=0.01)


def test_the_distance_is_forgotten_after_a_while_for_routes_change() -> None:
    estimate = Estimate()
    estimate.round_trip(0.05, now_s=1.0)
    estimate.round_trip(0.2, now_s=2.0)
    estimate.round_trip(0.3, now_s=3.0)
    assert estimate.rtt_s_min == 0.05
    estimate.round_trip(0.4, now_s=2.5 + DISTANCE_WINDOW_S)
    assert estimate.rtt_s_min == 0.3
    estimate.round_trip(0.1, now_s=3.0 + DISTANCE_WINDOW_S)
    assert estimate.rtt_s_min == 0.1


def test_jitter_needs_no_common_clock() -> None:
    steady, shaky = Estimate(), Estimate()
    for number in range(200):
        steady.stamped(1_000_000.0 + number, now_s=number + 0.05)
        shaky.stamped(-77.0 + number, now_s=number + (0.05 if number % 2 else 0.15))
    assert steady.jitter_s == pytest.approx(0.0, abs=1e-9)
    assert shaky.jitter_s == pytest.approx(0.1, rel=0.01)


def test_few_bytes_that_had_the_path_to_themselves_never_lower_its_rate() -> None:
    estimate = Estimate()
    estimate.confirmed(100_000, 1.0, is_full=True)
    estimate.confirmed(200, 0.1, is_full=False)
    assert estimate.up_bytes_per_s == 100_000
    estimate.confirmed(200_000, 1.0, is_full=False)
    assert estimate.up_bytes_per_s == 125_000
    estimate.confirmed(25_000, 1.0, is_full=True)
    assert estimate.up_bytes_per_s == 100_000


def test_the_rate_down_is_that_of_bursts_and_pauses_do_not_count() -> None:
    estimate = Estimate()
    estimate.round_trip(0.05, now_s=0.0)
    for burst in range(5):
        for piece in range(40):
            estimate.received(1_000, now_s=10.0 * burst + 0.01 * piece)
    assert estimate.down_bytes_per_s == pytest.approx(100_000, rel=0.05)
    estimate.received(100, now_s=99.0)
    assert estimate.down_bytes_per_s == pytest.approx(100_000, rel=0.05)


def test_loss_rises_with_what_has_no_answer_and_falls_with_answers() -> None:
    estimate = Estimate()
    for _ in range(100):
        estimate.unanswered()
    assert estimate.loss > 0.99
    for number in range(100):
        estimate.round_trip(0.05, now_s=float(number))
    assert estimate.loss < 0.01


def test_everything_says_how_old_it_is() -> None:
    estimate = Estimate()
    assert estimate.age_s(5.0) is None
    estimate.round_trip(0.1, now_s=5.0)
    estimate.received(10, now_s=6.0)
    assert estimate.age_s(8.5) == 2.5


@given(st.lists(st.tuples(st.floats(0.0001, 100), st.floats(0, 50), st.booleans()), min_size=1, max_size=200))
def test_any_samples_leave_a_usable_estimate_in_bounded_memory(samples: list[tuple[float, float, bool]]) -> None:
    estimate, now_s = Estimate(), 0.0
    for took_s, later_s, is_loaded in samples:
        now_s += later_s
        estimate.round_trip(took_s, now_s=now_s, is_loaded=is_loaded)
        assert RTO_S_MIN <= estimate.rto_s <= RTO_S_MAX
        assert estimate.bloat_s >= 0
        assert estimate.rtt_s_min <= max(took for took, _, _ in samples)
        assert len(estimate._least) <= 64


def test_what_was_asked_into_an_outage_was_not_lost_on_the_path() -> None:
    estimate = Estimate()
    estimate.unanswered()
    estimate.round_trip(0.1, now_s=1.0)
    before = estimate.loss
    assert before > 0
    for _ in range(9):
        estimate.unanswered()
    assert estimate.loss > before
    estimate.restored()
    assert estimate.loss == before
    estimate.restored()
    assert estimate.loss == before


def test_what_is_answered_between_two_losses_makes_them_losses() -> None:
    estimate = Estimate()
    estimate.unanswered()
    estimate.round_trip(0.1, now_s=1.0)
    estimate.restored()
    assert estimate.loss > 0
