"""Proves that control and urgent go first, that the others share by weight, and that nobody starves."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerback.model.message import Lane, Urgency
from answerback.wire.turns import (
    DEADLINE_S,
    SMALL_BYTES_MAX,
    STRICT,
    TALK_BYTES_MAX,
    WEIGHTS,
    Turns,
    lane_of_file,
)

SHARING = tuple(WEIGHTS)
lanes = st.sets(st.sampled_from(list(Lane)))
sizes = st.integers(1, 64 * 1024)


def shared_out(turns: Turns, waiting: set[Lane], *, rounds: int, size_bytes: int) -> Counter[Lane]:
    given_bytes: Counter[Lane] = Counter()
    for _ in range(rounds):
        lane = turns.next(waiting, has_room=True, now_s=0.0)
        assert lane is not None
        turns.spent(lane, size_bytes)
        given_bytes[lane] += size_bytes
    return given_bytes


@given(lanes, st.booleans())
def test_the_strict_go_first_and_need_no_room(waiting: set[Lane], has_room: bool) -> None:  # noqa: FBT001
    lane = Turns().next(waiting, has_room=has_room, now_s=0.0)
    strict = [each for each in STRICT if each in waiting]
    if strict:
        assert lane is strict[0]
    else:
        assert (lane in waiting) if waiting and has_room else lane is None


def test_the_others_share_the_bytes_by_weight() -> None:
    given_bytes = shared_out(Turns(), set(SHARING), rounds=1100, size_bytes=1000)
    for lane, weight in WEIGHTS.items():
        assert given_bytes[lane] == pytest.approx(1_100_000 * weight / sum(WEIGHTS.values()), rel=0.02)


@given(st.lists(st.tuples(st.sets(st.sampled_from(SHARING), min_size=1), sizes), min_size=1, max_size=60))
def test_nobody_who_waits_is_passed_over_for_long(rounds: list[tuple[set[Lane], int]]) -> None:
    turns, passed_over_bytes = Turns(), Counter[Lane]()
    for waiting, size_bytes in rounds:
        lane = turns.next(waiting, has_room=True, now_s=0.0)
        assert lane in waiting
        turns.spent(lane, size_bytes)
        passed_over_bytes.update(dict.fromkeys(waiting - {lane}, size_bytes))
        for each in set(SHARING) - waiting | {lane}:
            passed_over_bytes[each] = 0
        # Its share, and for each of the others one frame of the largest size, by weight.
        assert all(count <= 64 * 1024 * (sum(WEIGHTS.values()) + 2) for count in passed_over_bytes.values())


def test_a_lane_that_had_nothing_to_send_has_saved_nothing_up() -> None:
    turns = Turns()
    shared_out(turns, {Lane.NORMAL}, rounds=1000, size_bytes=1000)
    given_bytes = shared_out(turns, {Lane.NORMAL, Lane.BACKGROUND}, rounds=90, size_bytes=1000)
    assert given_bytes[Lane.NORMAL] == pytest.approx(80_000, abs=1000)


@given(
    st.lists(
        st.tuples(st.sets(st.sampled_from(SHARING), min_size=2), sizes, st.sampled_from([True])),
        min_size=9,
        max_size=60,
    ),
    st.sampled_from([0.1, 5.0, 40.0, 300.0, 3000.0]),
)
def test_no_lane_waits_longer_than_its_deadline_where_the_strict_leave_room(
    rounds: list[tuple[set[Lane], int, bool]], piece_s: float
) -> None:
    turns, since_s, now_s = Turns(), dict[Lane, float](), 0.0
    for waiting, size_bytes, has_room in rounds:
        since_s = {lane: since_s.get(lane, now_s) for lane in waiting}
        lane = turns.next(waiting, has_room=has_room, now_s=now_s)
        if lane in SHARING:
            late = {each for each in since_s if each in SHARING and now_s - since_s[each] > DEADLINE_S[each]}
            assert not late or lane in late, "who is late goes next"
        if lane is not None:
            turns.spent(lane, size_bytes)
            since_s.pop(lane)
        now_s += piece_s


def test_a_lane_that_is_late_gets_one_turn_and_pays_for_it() -> None:
    turns, now_s = Turns(), 0.0
    went = list[Lane]()
    for _ in range(40):  # a minute for each piece of 16 KB: by its share background has a turn in 11
        lane = turns.next(set(SHARING), has_room=True, now_s=now_s)
        assert lane is not None
        turns.spent(lane, 16_384)
        went.append(lane)
        now_s += 15 * 60.0
    assert went.count(Lane.BACKGROUND) >= 40 * 15 * 60 / DEADLINE_S[Lane.BACKGROUND] / 2
    turns = Turns()
    turns.next({Lane.NORMAL, Lane.BULK}, has_room=True, now_s=0.0)
    for _ in range(3):
        turns.spent(Lane.NORMAL, 1000)
    assert turns.next({Lane.NORMAL, Lane.BULK}, has_room=True, now_s=DEADLINE_S[Lane.BULK] + 1) is Lane.BULK
    turns.spent(Lane.BULK, 100_000)
    given_bytes = shared_out(turns, {Lane.NORMAL, Lane.BULK}, rounds=100, size_bytes=1000)
    assert given_bytes[Lane.NORMAL] == 100_000, "what it had early is not given twice"


def test_deadlines_grow_with_the_lanes_and_strict_bytes_cost_nobody_a_turn() -> None:
    assert list(DEADLINE_S.values()) == sorted(DEADLINE_S.values())
    turns = Turns()
    turns.spent(Lane.URGENT, 10**9)
    assert shared_out(turns, {Lane.NORMAL}, rounds=1, size_bytes=1)[Lane.NORMAL] == 1


@pytest.mark.parametrize(
    ("urgency", "media_type", "size_bytes", "lane"),
    [
        (Urgency.NORMAL, "application/zip", SMALL_BYTES_MAX, Lane.NORMAL),
        (Urgency.NORMAL, "application/zip", SMALL_BYTES_MAX + 1, Lane.BULK),
        (Urgency.NORMAL, "image/jpeg", TALK_BYTES_MAX, Lane.NORMAL),
        (Urgency.NORMAL, "audio/ogg", TALK_BYTES_MAX + 1, Lane.BULK),
        (Urgency.NORMAL, "video/mp4", TALK_BYTES_MAX, Lane.BULK),
        (Urgency.URGENT, "text/plain", 10, Lane.NORMAL),
        (Urgency.URGENT, "video/mp4", 10**9, Lane.BULK),
        (Urgency.BACKGROUND, "image/jpeg", 10, Lane.BACKGROUND),
    ],
)
def test_a_file_travels_by_what_it_is_and_never_as_urgent(
    urgency: Urgency, media_type: str, size_bytes: int, lane: Lane
) -> None:
    assert lane_of_file(urgency, media_type=media_type, size_bytes=size_bytes) is lane
