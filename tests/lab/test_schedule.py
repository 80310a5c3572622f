"""Bytes cross only when the link has an opportunity for them."""

import math
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerback.lab.recordings import Recording
from answerback.lab.schedule import PACKET_BYTES, Gate, Outage, Outages, Piece, Rates, Schedule, next_in_cycle

pieces = st.lists(
    st.builds(Piece, st.floats(0.01, 5.0), st.one_of(st.just(0.0), st.floats(1e3, 1e7))), min_size=1, max_size=8
).filter(lambda some: any(piece.rate_bps for piece in some))
moments = st.lists(st.integers(0, 5000), min_size=1, max_size=40).filter(any).map(sorted)
schedules: st.SearchStrategy[Schedule] = st.one_of(
    pieces.map(lambda some: Rates(tuple(some))), moments.map(lambda some: Recording(array("Q", some)))
)
wishes = st.lists(st.tuples(st.floats(0.0, 4.0), st.integers(1, 20_000)), min_size=1, max_size=30)


def cross_all(schedule: Schedule, asked: list[tuple[float, int]]) -> list[tuple[float, float, int]]:
    """Let bytes cross that come after pauses; give (came, left, size) of each."""
    gate, now_s, crossed = Gate(schedule), 0.0, []
    for pause_s, size_bytes in asked:
        now_s += pause_s
        crossed.append((now_s, gate.cross(size_bytes, now_s=now_s), size_bytes))
    return crossed


@given(schedules, wishes)
def test_no_window_ever_carries_more_than_its_opportunities(schedule: Schedule, asked: list[tuple[float, int]]) -> None:
    crossed = cross_all(schedule, asked)
    for first in range(len(crossed)):
        came_s = crossed[first][0]
        carried = 0
        for _, left_s, size_bytes in crossed[first:]:
            carried += size_bytes
            could = schedule.capacity_bytes(left_s + 1e-6) - schedule.capacity_bytes(came_s)
            assert carried <= could + 0.01 + 20  # 1e-6 s at 10 Mbit/s is a byte; 20 for sums of floats


@given(schedules, wishes)
def test_bytes_leave_in_the_order_they_came_and_never_before_they_came(
    schedule: Schedule, asked: list[tuple[float, int]]
) -> None:
    crossed = cross_all(schedule, asked)
    lefts_s = [left_s for _, left_s, _ in crossed]
    assert lefts_s == sorted(lefts_s)
    assert all(left_s >= came_s and math.isfinite(left_s) for came_s, left_s, _ in crossed)


@given(schedules, wishes)
def test_the_same_bytes_at_the_same_times_leave_at_the_same_times(
    schedule: Schedule, asked: list[tuple[float, int]]
) -> None:
    assert cross_all(schedule, asked) == cross_all(schedule, asked)


@given(schedules, st.floats(0.0, 30.0), st.integers(1, 100_000))
def test_what_can_be_reached_by_a_moment_is_its_capacity(schedule: Schedule, at_s: float, more_bytes: int) -> None:
    have = schedule.capacity_bytes(at_s)
    assert schedule.reach_s(have) <= at_s + 1e-6
    assert schedule.reach_s(have + more_bytes) >= at_s - 1e-6


def test_an_opportunity_nobody_used_is_lost() -> None:
    gate = Gate(Recording(array("Q", [100, 200, 300, 1000])))
    assert gate.cross(PACKET_BYTES, now_s=0.25) == 0.3
    assert gate.cross(PACKET_BYTES, now_s=0.9) == 1.0


def test_small_packets_share_one_opportunity_until_it_is_full() -> None:
    gate = Gate(Recording(array("Q", [100, 200, 300])))
    assert [gate.cross(600, now_s=0.0) for _ in range(3)] == [0.1, 0.1, 0.2]


def test_bytes_at_the_very_moment_of_an_opportunity_use_it() -> None:
    assert Gate(Recording(array("Q", [831, 2000]))).cross(1, now_s=0.831) == 0.831


def test_a_steady_rate_takes_as_long_as_the_bytes_are_many() -> None:
    gate = Gate(Rates((Piece(10.0, 8000.0),)))
    assert gate.cross(500, now_s=1.0) == pytest.approx(1.5)
    assert gate.cross(500, now_s=1.0) == pytest.approx(2.0)
    assert gate.cross(500, now_s=7.0) == pytest.approx(7.5)


def test_bytes_wait_through_an_outage_and_over_the_end_of_the_period() -> None:
    gate = Gate(Rates((Piece(1.0, 8000.0), Piece(4.0, 0.0))))
    crossed_s = [gate.cross(1000, now_s=0.0), gate.cross(1000, now_s=2.0), gate.cross(500, now_s=8.0)]
    assert crossed_s == pytest.approx([1.0, 6.0, 10.5], abs=1e-5)


def test_outages_are_joined_and_come_again_each_period() -> None:
    outages = Rates((Piece(1.0, 8.0), Piece(1.0, 0.0), Piece(2.0, 0.0), Piece(1.0, 8.0))).outages
    assert outages.stretches == (Outage(1.0, 4.0),)
    assert outages.at(0.5) is None
    assert outages.at(4.0) is None
    assert outages.at(12.0) == Outage(11.0, 14.0)
    assert [outages.next_edge_s(at_s) for at_s in (0.0, 1.0, 4.5)] == [1.0, 4.0, 6.0]


def test_a_link_without_outages_has_no_edge() -> None:
    assert Outages(5.0, ()).next_edge_s(3.0) is None
    assert next_in_cycle((), period_s=5.0, after_s=3.0) is None


def test_the_rate_of_a_moment_is_that_of_its_piece() -> None:
    rates = Rates((Piece(1.0, 8000.0), Piece(1.0, 0.0)))
    assert [rates.rate_bps(at_s) for at_s in (0.5, 1.5, 2.5)] == [8000.0, 0.0, 8000.0]
