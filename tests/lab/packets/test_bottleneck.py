"""A bottleneck loses no packet without a reason, keeps order where it says so, and never exceeds its rate."""

from array import array
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerback.lab.links import generate_link
from answerback.lab.packets.bottleneck import Arrival, Bottleneck, Drop, carry
from answerback.lab.packets.weather import Burst, Weather, weather_of
from answerback.lab.recordings import Recording
from answerback.lab.schedule import PACKET_BYTES, Piece, Rates, Schedule

MBIT = Rates((Piece(1.0, 1_000_000.0),))
GAPPY = Rates((Piece(0.2, 400_000.0), Piece(0.3, 0.0), Piece(0.1, 2_000_000.0)))
RECORDED = Recording(array("Q", [0, 3, 3, 3, 20, 21, 150, 151, 400]))

schedules = st.sampled_from([MBIT, GAPPY, RECORDED])
shares = st.sampled_from([0.0, 0.1, 0.5])
weathers = st.builds(
    Weather,
    delay_s=st.sampled_from([0.0, 0.02, 0.3]),
    jitter_s=st.sampled_from([0.0, 0.05]),
    loss=shares,
    burst=st.one_of(st.none(), st.builds(Burst, begin=shares, end=st.sampled_from([0.2, 1.0]))),
    reorder=shares,
    reorder_by_s=st.sampled_from([0.0, 0.1]),
    queue_bytes_max=st.sampled_from([2000, 20_000, 10**9]),
    packet_bytes_max=st.sampled_from([1200, 65_535]),
    drops_gaps=st.booleans(),
)
gaps_and_sizes = st.lists(st.tuples(st.sampled_from([0.0, 0.001, 0.01, 0.4]), st.integers(40, 1500)), max_size=60)


def moments(gaps: list[tuple[float, int]]) -> list[tuple[float, int]]:
    at_s, offered = 0.0, []
    for gap_s, size_bytes in gaps:
        at_s += gap_s
        offered.append((at_s, size_bytes))
    return offered


def made(schedule: Schedule = MBIT, weather: Weather | None = None, *, seed: int = 1) -> Bottleneck[int]:
    return Bottleneck(schedule, weather or Weather(), seed=seed, way="up")


@given(schedules, weathers, gaps_and_sizes)
def test_every_packet_lands_once_or_was_dropped_for_a_reason(
    schedule: Schedule, weather: Weather, gaps: list[tuple[float, int]]
) -> None:
    bottleneck, offered = made(schedule, weather), moments(gaps)
    arrivals = carry(bottleneck, offered)
    tally = bottleneck.tally
    assert max(Counter(arrival.item for arrival in arrivals).values(), default=1) == 1
    assert all(offered[arrival.item] == (arrival.offered_s, arrival.size_bytes) for arrival in arrivals)
    assert (tally.landed, tally.offered, bottleneck.under_way) == (len(arrivals), len(offered), 0)
    assert tally.landed + tally.dropped == tally.offered
    assert tally.landed_bytes == sum(arrival.size_bytes for arrival in arrivals)
    assert bottleneck.queued_bytes == 0


@given(schedules, weathers, gaps_and_sizes)
def test_packets_leave_in_order_and_land_in_order_unless_held_up(
    schedule: Schedule, weather: Weather, gaps: list[tuple[float, int]]
) -> None:
    arrivals = carry(made(schedule, weather), moments(gaps))
    by_place = sorted(arrivals, key=lambda arrival: arrival.item)
    assert all(before.left_s <= after.left_s for before, after in pairwise(by_place))
    assert all(before.lands_s <= after.lands_s for before, after in pairwise(arrivals)), "told in the order of landing"
    if weather.reorder == 0 or weather.reorder_by_s == 0:
        assert [arrival.item for arrival in arrivals] == sorted(arrival.item for arrival in arrivals)


@given(schedules, gaps_and_sizes)
def test_the_rate_is_never_exceeded_over_any_stretch(schedule: Schedule, gaps: list[tuple[float, int]]) -> None:
    arrivals = carry(made(schedule, Weather(queue_bytes_max=10**9)), moments(gaps))
    for first, arrival in enumerate(arrivals):
        carried_bytes = 0
        for last in arrivals[first:]:
            carried_bytes += last.size_bytes
            could_bytes = schedule.capacity_bytes(last.left_s + 1e-9) - schedule.capacity_bytes(arrival.left_s)
            # What the first packet needed may have been there before it, and a recording counts whole opportunities.
            assert carried_bytes <= could_bytes + 2 * PACKET_BYTES


@given(weathers, gaps_and_sizes, st.lists(st.floats(0.0, 0.3), max_size=200))
def test_how_often_somebody_asks_changes_nothing(
    weather: Weather, gaps: list[tuple[float, int]], looks: list[float]
) -> None:
    asked, offered = made(GAPPY, weather), moments(gaps)
    expected = carry(made(GAPPY, weather), offered)
    arrivals: list[Arrival[int]] = []
    now_s, ahead = 0.0, list(enumerate(offered))
    for look_s in looks:
        while ahead and ahead[0][1][0] <= now_s + look_s:
            place, (at_s, size_bytes) = ahead.pop(0)
            asked.offer(place, size_bytes=size_bytes, at_s=at_s)
        now_s += look_s
        arrivals += asked.due(now_s)
    for place, (at_s, size_bytes) in ahead:
        asked.offer(place, size_bytes=size_bytes, at_s=at_s)
        now_s = at_s
    arrivals += asked.due(now_s + 1e6)
    assert arrivals == expected


@given(schedules, weathers, gaps_and_sizes, st.integers(0, 3))
def test_one_seed_makes_one_fate(
    schedule: Schedule, weather: Weather, gaps: list[tuple[float, int]], seed: int
) -> None:
    offered = moments(gaps)
    assert carry(made(schedule, weather, seed=seed), offered) == carry(made(schedule, weather, seed=seed), offered)


@given(schedules, weathers, gaps_and_sizes)
def test_nothing_lands_before_it_was_told_when_to_ask(
    schedule: Schedule, weather: Weather, gaps: list[tuple[float, int]]
) -> None:
    bottleneck = made(schedule, weather)
    for place, (at_s, size_bytes) in enumerate(moments(gaps)):
        bottleneck.offer(place, size_bytes=size_bytes, at_s=at_s)
    while (next_s := bottleneck.next_at_s()) is not None:
        arrivals = bottleneck.due(max(next_s, moments(gaps)[-1][0]))
        assert all(arrival.lands_s >= next_s for arrival in arrivals)
    assert bottleneck.under_way == 0


def test_a_full_queue_drops_the_newcomer_and_says_so_at_once() -> None:
    bottleneck = made(MBIT, Weather(queue_bytes_max=3000))
    told = [bottleneck.offer(place, size_bytes=1500, at_s=0.0) for place in range(3)]
    assert told == [None, None, Drop.QUEUE_FULL]
    assert bottleneck.offer(3, size_bytes=1500, at_s=0.0121) is None, "the first has left after 12 ms"


def test_a_packet_takes_its_time_on_the_link_and_its_delay_after_it() -> None:
    [arrival] = carry(made(MBIT, Weather(delay_s=0.05)), [(1.0, 1500)])
    assert arrival.left_s == pytest.approx(1.012)
    assert arrival.lands_s == pytest.approx(1.062)


def test_an_opportunity_of_a_recording_that_nobody_used_is_lost() -> None:
    [arrival] = carry(made(RECORDED), [(0.022, 1500)])
    assert arrival.left_s == pytest.approx(0.150)


def test_a_hole_swallows_what_leaves_meanwhile_and_nothing_else() -> None:
    bottleneck, fine = made(MBIT, Weather(delay_s=0.1)), Weather(delay_s=0.1)
    bottleneck.offer(0, size_bytes=1250, at_s=0.0)  # leaves at 10 ms: in the air when the hole opens
    bottleneck.offer(1, size_bytes=1250, at_s=0.0)  # leaves at 20 ms: still queued when it opens
    bottleneck.change(Weather(delay_s=0.1, hole=True), at_s=0.015)
    bottleneck.change(fine, at_s=0.025)
    bottleneck.offer(2, size_bytes=1250, at_s=0.025)
    assert [arrival.item for arrival in bottleneck.due(1.0)] == [0, 2]
    assert bottleneck.tally.drops == {Drop.HOLE: 1}


def test_a_black_hole_of_path_mtu_swallows_only_long_packets() -> None:
    bottleneck = made(MBIT, Weather(packet_bytes_max=1280))
    assert [arrival.size_bytes for arrival in carry(bottleneck, [(0.0, 1500), (0.0, 1280), (0.0, 60)])] == [1280, 60]
    assert bottleneck.tally.drops == {Drop.TOO_LONG: 1}


def test_packets_may_vanish_in_a_gap_of_the_schedule_and_leave_no_trace_behind_it() -> None:
    gap = Rates((Piece(2.0, 1_000_000.0), Piece(3.0, 0.0), Piece(5.0, 1_000_000.0)))
    offered = [(1.99, 1250), (1.99, 1250), (1.99, 1250), (3.0, 1250), (6.0, 1250)]
    held = carry(made(gap, Weather()), offered)
    assert [arrival.item for arrival in held] == [0, 1, 2, 3, 4]
    bottleneck = made(gap, Weather(drops_gaps=True))
    dropped = carry(bottleneck, offered)
    assert [arrival.item for arrival in dropped] == [0, 4]
    assert bottleneck.tally.drops == {Drop.GAP: 3}
    assert dropped[1].lands_s == pytest.approx(6.01)


def test_held_up_packets_are_overtaken() -> None:
    weather = Weather(delay_s=0.01, reorder=0.3, reorder_by_s=0.05)
    arrivals = carry(made(MBIT, weather), [(place * 0.01, 100) for place in range(50)])
    places = [arrival.item for arrival in arrivals]
    overtaken = sum(before > after for before, after in pairwise(places))
    assert sorted(places) == list(range(50))
    assert 3 <= overtaken <= 25


def test_a_link_by_its_name_can_be_played_in_virtual_time() -> None:
    link = generate_link("train", seed=1)
    bottleneck: Bottleneck[int] = Bottleneck(link.up, weather_of(link), seed=1, way="up")
    arrivals = carry(bottleneck, [(place * 0.05, 1000) for place in range(2000)])
    assert bottleneck.tally.drops[Drop.LOST] / 2000 == pytest.approx(link.loss, abs=0.01)
    assert all(arrival.lands_s - arrival.left_s >= link.delay_s for arrival in arrivals)


def test_time_does_not_go_back() -> None:
    bottleneck = made()
    bottleneck.due(2.0)
    with pytest.raises(AssertionError, match="back"):
        bottleneck.offer(0, size_bytes=100, at_s=1.0)
