"""Proves that no wish for probes, however eager, gets more than the budget has."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerback.core.network.probe_budget import (
    FIRST_S,
    FLAPPING,
    FOLLOWS,
    IN_BACKGROUND,
    IN_FRONT,
    Platform,
    ProbeBudget,
)


def eager(budget: ProbeBudget, *, until_s: float, fresh_s: float = 0.0) -> list[float]:
    """When probes leave, if one is wished for at every moment."""
    sent: list[float] = []
    now_s = 0.0
    while True:
        now_s = budget.free_at_s(now_s, fresh_s=fresh_s)
        if now_s > until_s:
            return sent
        budget.spend(now_s=now_s)
        sent.append(now_s)


def most_within(sent: list[float], *, window_s: float, from_s: float = 0.0) -> int:
    """The most that left in any window."""
    late = [at_s for at_s in sent if at_s >= from_s]
    return max((sum(start_s <= at_s < start_s + window_s for at_s in late) for start_s in late), default=0)


@pytest.mark.parametrize("platform", Platform)
def test_each_platform_keeps_its_minutes(platform: Platform) -> None:
    for allowance in (IN_FRONT[platform], IN_BACKGROUND[platform]):
        sent = eager(ProbeBudget(allowance), until_s=900.0)
        assert most_within(sent, window_s=FIRST_S) == allowance.first_minute <= 40 - FOLLOWS
        assert most_within(sent, window_s=FIRST_S, from_s=FIRST_S + 0.001) <= allowance.per_minute <= 10 - FOLLOWS
        assert 3 < len(sent) <= 1.25 * allowance.per_hour, "a bucket, and what a quarter of an hour refills"


@given(st.lists(st.tuples(st.floats(0, 20), st.booleans(), st.booleans()), max_size=200))
def test_what_follows_on_an_answer_may_take_what_the_timetable_leaves_and_no_more(
    wishes: list[tuple[float, bool, bool]],
) -> None:
    allowance = IN_FRONT[Platform.DESKTOP]
    budget, now_s = ProbeBudget(allowance), 0.0
    sent: list[float] = []
    for wait_s, follows, is_ahead in wishes:
        wish_s = now_s + wait_s
        if follows:
            now_s = budget.follows_at_s(wish_s, fresh_s=0.0)
        else:
            now_s = budget.free_at_s(wish_s, fresh_s=0.0)
            assert now_s >= budget.follows_at_s(wish_s, fresh_s=0.0), "the timetable never comes before it"
        budget.spend(now_s=now_s)
        sent.append(now_s)
        now_s -= 0.05 if is_ahead else 0.0  # it is decided a little before
    assert most_within(sent, window_s=FIRST_S) <= 40
    assert most_within(sent, window_s=FIRST_S, from_s=FIRST_S) <= 10


def test_an_answer_need_not_wait_for_the_timetables_next_turn() -> None:
    budget = ProbeBudget(IN_FRONT[Platform.DESKTOP])
    budget.spend(now_s=100.0)
    assert budget.free_at_s(101.0, fresh_s=0.0) > 106.0
    assert budget.follows_at_s(101.0, fresh_s=0.0) == 101.0
    for _ in range(7):
        budget.spend(now_s=101.0)
    assert budget.follows_at_s(101.0, fresh_s=0.0, packets=2) == 101.0
    assert budget.follows_at_s(101.0, fresh_s=0.0, packets=3) >= 160.0, "not one that would have to be given up"


def test_a_second_outage_has_its_own_first_minute_and_a_third_in_the_same_minute_has_not() -> None:
    allowance = IN_FRONT[Platform.DESKTOP]
    budget = ProbeBudget(allowance)
    for began_s in (0.0, 5.0):
        assert budget.left(now_s=began_s, began_s=began_s) == allowance.first_minute
        for _ in range(allowance.first_minute):
            assert budget.free_at_s(began_s + 1.0, fresh_s=began_s, began_s=began_s) == began_s + 1.0
            budget.spend(now_s=began_s + 1.0)
        assert budget.left(now_s=began_s + 2.0, began_s=began_s) == 0
        later_s = budget.free_at_s(began_s + 2.0, fresh_s=began_s + 1.5, began_s=began_s)
        assert later_s > began_s + 60.0, "evidence or not"
    assert budget.left(now_s=10.0, began_s=10.0) == 0
    assert budget.free_at_s(10.0, fresh_s=10.0, began_s=10.0) == 1.0 + FIRST_S
    assert FLAPPING == 2


def test_a_phone_in_a_pocket_spends_less_than_one_in_a_hand() -> None:
    for platform in (Platform.ANDROID, Platform.IOS, Platform.BROWSER):
        front, back = IN_FRONT[platform], IN_BACKGROUND[platform]
        assert back.first_minute < front.first_minute
        assert back.per_hour < front.per_hour
        assert back.price_s > front.price_s


def test_a_flapping_network_is_bounded_by_the_hour() -> None:
    allowance = IN_FRONT[Platform.EMBEDDED]
    budget = ProbeBudget(allowance)
    sent: list[float] = []
    now_s = 0.0
    while now_s < 4 * 3600:
        at_s = budget.free_at_s(now_s, fresh_s=now_s)  # every outage is a fresh one
        budget.spend(now_s=at_s)
        sent.append(at_s)
        now_s = at_s + 0.5
    assert len(sent) <= 5 * allowance.per_hour
    assert most_within(sent, window_s=FIRST_S) <= allowance.first_minute


@given(st.lists(st.floats(0, 100), min_size=1, max_size=150))
def test_what_is_free_is_never_before_the_wish_and_spending_never_makes_more(waits_s: list[float]) -> None:
    budget, now_s = ProbeBudget(IN_FRONT[Platform.DESKTOP]), 0.0
    for wait_s in waits_s:
        now_s += wait_s
        free_s = budget.free_at_s(now_s, fresh_s=0.0)
        assert free_s >= now_s
        left = budget.left(now_s=free_s)
        budget.spend(now_s=free_s)
        assert budget.left(now_s=free_s) in (left, left - 1)
        now_s = free_s
    assert budget.spent == len(waits_s)
