"""Proves that not everything can be urgent, that nothing is refused for it, and that what is left is said truly."""

from hypothesis import given
from hypothesis import strategies as st

from answerback.core.network.urgent_budget import URGENT_EVERY_S, URGENT_MAX, UrgentBudget
from answerback.model.message import Urgency


@given(st.lists(st.floats(0, 600), max_size=200))
def test_never_more_is_urgent_than_the_saved_and_one_each_minute(pauses_s: list[float]) -> None:
    budget, now_s, urgent = UrgentBudget(), 0.0, 0
    for pause_s in pauses_s:
        now_s += pause_s
        left = budget.left(now_s=now_s)
        is_urgent = budget.judge(Urgency.URGENT, now_s=now_s) is Urgency.URGENT
        assert is_urgent == (left > 0), "what was shown is what is so"
        urgent += is_urgent
        assert urgent <= URGENT_MAX + now_s / URGENT_EVERY_S + 1e-6
    assert urgent + budget.lowered == len(pauses_s)


def test_what_exceeds_it_goes_as_normal_and_later_ones_are_urgent_again() -> None:
    budget = UrgentBudget()
    asked = [budget.judge(Urgency.URGENT, now_s=5.0) for _ in range(URGENT_MAX + 2)]
    assert asked == [Urgency.URGENT] * URGENT_MAX + [Urgency.NORMAL] * 2
    next_s = budget.next_at_s(now_s=5.0)
    assert next_s == 5.0 + URGENT_EVERY_S
    assert budget.judge(Urgency.URGENT, now_s=next_s - 0.1) is Urgency.NORMAL
    assert budget.judge(Urgency.URGENT, now_s=next_s) is Urgency.URGENT
    assert budget.lowered == 3


@given(st.sampled_from([Urgency.NORMAL, Urgency.BACKGROUND]))
def test_what_is_not_urgent_costs_nothing(asked: Urgency) -> None:
    budget = UrgentBudget()
    assert budget.judge(asked, now_s=1.0) is asked
    assert budget.left(now_s=1.0) == URGENT_MAX
    assert budget.next_at_s(now_s=1.0) is None


def test_it_fills_up_to_its_bound_and_a_clock_that_runs_back_gives_nothing() -> None:
    budget = UrgentBudget()
    for _ in range(URGENT_MAX):
        budget.judge(Urgency.URGENT, now_s=100.0)
    assert budget.left(now_s=50.0) == 0
    assert budget.left(now_s=1e9) == URGENT_MAX
