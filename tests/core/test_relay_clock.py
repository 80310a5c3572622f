"""Proves that the relay's time is known from the best reading, and that this device's clock cannot move it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerback.core.effects import Moment
from answerback.core.relay_clock import DRIFT_MS, SAMPLE_AGE_S_MAX, SKEW_MS, RelayClock
from answerback.model.bounds import INSTANT_MS_MAX
from answerback.model.message import LIFETIME_S


def test_nothing_is_known_before_the_first_reading() -> None:
    clock = RelayClock()
    assert clock.relay_ms(Moment(1.0, 5)) is None
    assert not clock.skewed


def test_a_reading_is_as_old_as_half_its_round_trip() -> None:
    clock = RelayClock()
    assert clock.read(10_000, rtt_s=4.0, now=Moment(1.0, 0))
    assert clock.relay_ms(Moment(1.0, 0)) == 12_000
    assert clock.relay_ms(Moment(3.5, -(10**12))) == 14_500
    assert clock.stamp_ms(Moment(3.5, 10**12)) == 14_500, "whatever this device's clock says"


def test_the_shortest_round_trip_is_believed_until_it_is_old() -> None:
    clock = RelayClock()
    clock.read(10_000, rtt_s=0.1, now=Moment(400.0, 0))
    assert not clock.read(10_900, rtt_s=0.5, now=Moment(401.0, 0))
    assert clock.read(11_010, rtt_s=0.05, now=Moment(401.0, 0))
    assert clock.read(12_010, rtt_s=0.05, now=Moment(402.0, 0)), "of two that are as good, the newer"
    later_ms = 12_035 + round(SAMPLE_AGE_S_MAX * 1000)
    assert not clock.read(later_ms - 2600, rtt_s=5.0, now=Moment(401.9 + SAMPLE_AGE_S_MAX, 0))
    assert clock.read(later_ms - 2500, rtt_s=5.0, now=Moment(402.0 + SAMPLE_AGE_S_MAX, 0))


@pytest.mark.parametrize("by_ms", [-1, 1])
def test_a_reading_that_no_round_trip_explains_is_believed_whatever_it_took(by_ms: int) -> None:
    """A laptop slept for hours, and its monotonic clock with it: to that clock the better reading is a minute old."""
    clock = RelayClock()
    clock.read(100_000, rtt_s=0.1, now=Moment(10.0, 0))
    now = Moment(70.0, 0)
    off_ms = (0.1 + 2.0) * 500 + DRIFT_MS
    assert not clock.read(round(160_050 - 1000 + by_ms * off_ms), rtt_s=2.0, now=now), "half a round trip explains it"
    assert clock.read_s == 10.0
    assert clock.read(round(160_050 - 1000 + by_ms * (off_ms + 1)), rtt_s=2.0, now=now)
    assert clock.relay_ms(now) == round(160_050 + by_ms * (off_ms + 1))
    assert clock.read_s == 70.0


readings = st.lists(
    st.tuples(st.floats(0, 1000), st.floats(0.001, 5.0), st.floats(0, 1), st.integers(-(10**14), 10**14))
)


@given(readings)
def test_the_error_is_never_more_than_half_the_best_round_trip(
    samples: list[tuple[float, float, float, int]],
) -> None:
    """Whatever share of each round trip was the way back, and however the wall clock jumps."""
    clock, now_s = RelayClock(), 0.0
    for passed_s, rtt_s, share, wall_ms in samples:
        now_s += passed_s
        sent_back_ms = round((now_s - rtt_s * share) * 1000)
        clock.read(sent_back_ms, rtt_s=rtt_s, now=Moment(now_s, wall_ms))
        known_ms = clock.relay_ms(Moment(now_s, -wall_ms))
        assert known_ms is not None
        assert abs(known_ms - now_s * 1000) <= clock._rtt_s * 500 + 2
        assert clock._rtt_s <= 5.0


@given(st.integers(0, 10**13), st.lists(st.tuples(st.floats(0, 1000), st.integers(-(10**13), 10**13))))
def test_before_the_first_reading_a_run_s_guess_is_carried_by_the_monotonic_clock(
    offset_ms: int, later: list[tuple[float, int]]
) -> None:
    clock = RelayClock(offset_ms=offset_ms)
    assert clock.stamp_ms(Moment(1.0, 500)) == 500 + offset_ms
    clock.begin(Moment(10.0, 1000))
    for passed_s, wall_ms in later:
        assert clock.stamp_ms(Moment(10.0 + passed_s, wall_ms)) == 1000 + offset_ms + round(passed_s * 1000)


@given(st.integers(-(10**18), 10**18), st.integers(-(10**15), 10**15))
def test_whatever_clocks_say_a_stamp_and_the_end_of_a_month_after_it_can_be_sent(offset_ms: int, wall_ms: int) -> None:
    stamp_ms = RelayClock(offset_ms=offset_ms).stamp_ms(Moment(1.0, wall_ms))
    assert 0 <= stamp_ms <= stamp_ms + LIFETIME_S * 1000 <= INSTANT_MS_MAX
    assert RelayClock(offset_ms=-1).stamp_ms(Moment(1.0, 0)) == 0


def test_a_clock_that_is_minutes_wrong_is_said_and_one_that_is_nearly_right_is_not() -> None:
    clock = RelayClock()
    clock.read(SKEW_MS, rtt_s=0.0, now=Moment(0.0, 0))
    assert not clock.skewed
    clock.read(2 * SKEW_MS, rtt_s=0.0, now=Moment(SAMPLE_AGE_S_MAX, 0))
    assert clock.skewed
