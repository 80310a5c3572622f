"""A crowd gets in at the pace the relay keeps up with, in its order, and nobody is served too late to profit."""

import pytest

from answerback.relay.turnstile import BURST, GONE_S, LAG_S_MAX, LOOK_S, PATIENCE_S, PER_S_MIN, START_PER_S, Turnstile

TURN_S = 0.005
QUIET_S, LATE_S = 0.0, LAG_S_MAX * 2


def crowd(count: int, *, at_s: float = 0.0) -> Turnstile:
    turnstile = Turnstile()
    for key in range(count):
        turnstile.arrive(key, now_s=at_s)
    return turnstile


def let_in(turnstile: Turnstile, *, now_s: float, lag_s: float = QUIET_S) -> list[int]:
    """Turn once, and begin everybody who may."""
    begun: list[int] = []
    for _ in range(turnstile.turn(now_s=now_s, lag_s=lag_s)):
        key = turnstile.begin(now_s=now_s)
        if key is None:
            break
        turnstile.began()
        begun.append(key)
    return begun


def run(turnstile: Turnstile, *, from_s: float, until_s: float, lag_s: float = QUIET_S) -> list[int]:
    turns = round((until_s - from_s) / TURN_S)
    return [key for turn in range(turns) for key in let_in(turnstile, now_s=from_s + turn * TURN_S, lag_s=lag_s)]


def test_on_a_quiet_relay_nobody_waits() -> None:
    turnstile = crowd(int(BURST))
    assert let_in(turnstile, now_s=0.0) == list(range(int(BURST)))
    assert (turnstile.waiting, turnstile.wait_s) == (0, 0.0)


def test_a_crowd_begins_in_the_order_of_its_arrival_at_a_pace() -> None:
    turnstile = crowd(1_000)
    begun = run(turnstile, from_s=0.0, until_s=0.1)
    assert begun == list(range(len(begun)))
    assert len(begun) == pytest.approx(BURST + START_PER_S * 0.1, abs=5)


def test_the_pace_grows_while_the_loop_keeps_up_and_falls_while_it_does_not() -> None:
    turnstile = crowd(10_000)
    run(turnstile, from_s=0.0, until_s=1.0)
    faster_per_s = turnstile.per_s
    assert faster_per_s > START_PER_S * 2
    run(turnstile, from_s=1.0, until_s=2.0, lag_s=LATE_S)
    assert turnstile.per_s < faster_per_s / 2


def test_one_late_turn_is_no_sign_of_anything() -> None:
    turnstile = crowd(10_000)
    run(turnstile, from_s=0.0, until_s=LOOK_S * 1.5)
    before_per_s = turnstile.per_s
    let_in(turnstile, now_s=LOOK_S * 1.6, lag_s=LATE_S)
    run(turnstile, from_s=LOOK_S * 1.7, until_s=LOOK_S * 2.5)
    assert turnstile.per_s > before_per_s


def test_a_relay_that_is_late_for_ever_still_lets_some_in() -> None:
    turnstile = crowd(10_000)
    run(turnstile, from_s=0.0, until_s=5.0, lag_s=LATE_S)
    assert turnstile.per_s == PER_S_MIN
    assert len(run(turnstile, from_s=5.0, until_s=6.0, lag_s=LATE_S)) >= PER_S_MIN - 1


def test_it_is_as_fast_as_ever_seconds_after_it_was_slow() -> None:
    turnstile = crowd(20_000)
    run(turnstile, from_s=0.0, until_s=5.0, lag_s=LATE_S)
    run(turnstile, from_s=5.0, until_s=8.0)
    assert turnstile.per_s > START_PER_S


def test_capacity_is_learned_only_while_others_wait() -> None:
    turnstile = crowd(3)
    run(turnstile, from_s=0.0, until_s=1.0)
    assert turnstile.capacity_per_s == 0.0
    turnstile = crowd(10_000)
    begun = run(turnstile, from_s=0.0, until_s=1.0)
    assert turnstile.capacity_per_s == pytest.approx(len(begun), rel=0.5)
    assert turnstile.wait_s == pytest.approx(turnstile.waiting / turnstile.capacity_per_s)


def test_who_hung_up_costs_no_place() -> None:
    turnstile = crowd(100)
    left = turnstile.turn(now_s=0.0, lag_s=QUIET_S)
    begun = 0
    while begun < left and (key := turnstile.begin(now_s=0.0)) is not None:
        if key % 2:
            turnstile.began()
            begun += 1
    assert key == 2 * left - 1


def test_who_will_soon_give_up_goes_behind_those_who_came_later() -> None:
    turnstile = crowd(3)
    turnstile.arrive(7, now_s=PATIENCE_S - 1)
    assert let_in(turnstile, now_s=PATIENCE_S) == [7, 2, 1, 0], "of those who are late, who has most time left"


def test_who_has_waited_for_ever_is_forgotten() -> None:
    turnstile = crowd(2)
    turnstile.turn(now_s=0.0, lag_s=QUIET_S)
    turnstile.arrive(2, now_s=GONE_S - 1)
    assert turnstile.begin(now_s=GONE_S - 1) == 2
    assert turnstile.forget(now_s=GONE_S - 1) == []
    assert turnstile.forget(now_s=GONE_S) == [0, 1]
    assert turnstile.waiting == 0


def test_a_turn_that_did_not_look_at_the_loop_says_nothing_of_it() -> None:
    turnstile = crowd(10_000)
    run(turnstile, from_s=0.0, until_s=0.5, lag_s=LATE_S)
    slow_per_s = turnstile.per_s
    for turn in range(20):
        turnstile.turn(now_s=0.5 + turn * 0.01, lag_s=None if turn % 2 else LATE_S)
    assert turnstile.per_s < slow_per_s, "arrivals are no proof of a loop that is in time"
