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


def shared_out(
    turns: Turns, waiting: set[Lane], *, rounds: int, size_bytes: int, waited_s: float = 0.0
) -> Counter[Lane]:
    given_bytes: Counter[Lane] = Counter()
    for _ in range(rounds):
        lane = turns.next(waiting, has_room=True)
        assert lane is not None
        turns.spent(lane, size_bytes, waited_s=waited_s)
        given_bytes[lane] += size_bytes
    return given_bytes


@given(lanes, st.booleans())
def test_the_strict_go_first_and_need_no_room(waiting: set[Lane], has_room: bool) -> None:  # noqa: FBT001
    lane = Turns().next(waiting, has_room=has_room)
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
        lane = turns.next(waiting, has_room=True)
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


def test_what_has_waited_beyond_its_deadline_shares_as_if_it_were_normal() -> None:
    turns, given_bytes = Turns(), Counter[Lane]()
    for _ in range(100):
        lane = turns.next({Lane.NORMAL, Lane.BULK}, has_room=True)
        assert lane is not None
        turns.spent(lane, 1000, waited_s=DEADLINE_S[Lane.BULK] + 1 if lane is Lane.BULK else 0.0)
        given_bytes[lane] += 1000
    assert given_bytes[Lane.BULK] == pytest.approx(50_000, abs=1000)


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
