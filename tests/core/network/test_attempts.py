"""Proves what becomes of attempts: one packet each, one of them ahead, and none forgotten."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerback.core.network.attempts import (
    ATTEMPT_ROUND_TRIPS_MAX,
    ATTEMPT_S_MAX,
    DECIDED_S,
    Attempt,
    Attempts,
    Due,
)
from answerback.core.network.repetitions import UNKNOWN

ROUND_TRIPS = 2.5
"""What is left of a set-up after its first packet was answered."""


def asked(*lines: int, answer_s: float = 0.95, now_s: float = 0.0) -> Attempts:
    attempts = Attempts()
    for line in lines:
        attempts.begin(line, answer_s=answer_s, now_s=now_s)
    return attempts


def answer(attempts: Attempts, line: int, *, now_s: float, is_first: bool = False) -> Attempt:
    """Have one answered, and worth setting up at once."""
    attempt = attempts.answered(line, now_s=now_s)
    assert attempt is not None
    attempt.go_s, attempt.is_first = now_s, is_first
    return attempt


def going(attempts: Attempts, line: int, *, now_s: float) -> Attempt:
    """Have one answered and set up."""
    attempt = answer(attempts, line, now_s=now_s, is_first=True)
    assert line in attempts.wake(now_s=now_s).proceed
    return attempt


def test_one_that_is_not_answered_in_time_is_given_up_before_the_kernel_repeats_it() -> None:
    attempts = asked(1, answer_s=0.95)
    assert attempts.wake_at_s == 0.95
    assert attempts.wake(now_s=0.94) == Due()
    assert attempts.wake(now_s=0.95) == Due(overdue=(1,), unanswered=1)
    assert attempts.wake(now_s=99.0) == Due(), "nothing more comes of it"
    assert attempts == Attempts()


def test_each_repetition_of_the_kernel_is_told_once() -> None:
    attempts = asked(1, answer_s=9.5)
    told = []
    while (at_s := attempts.wake_at_s) is not None:
        told.append((at_s, attempts.wake(now_s=at_s)))
    decided = [(at_s - DECIDED_S, Due(repeated=1)) for at_s in UNKNOWN.counted_s]
    assert told == [*decided, (9.5, Due(overdue=(1,), unanswered=1))]


def test_a_look_that_comes_late_counts_every_repetition_that_was_missed() -> None:
    assert asked(1, answer_s=9.5).wake(now_s=8.0) == Due(repeated=6)
    assert asked(1, answer_s=2.9).wake(now_s=1.9) == Due(repeated=1)
    assert asked(1, answer_s=2.9).wake(now_s=50.0) == Due(overdue=(1,), unanswered=1)


def test_an_answer_counts_once_and_only_while_it_is_waited_for() -> None:
    attempts = asked(1)
    assert answer(attempts, 1, now_s=0.3).took_s == 0.3
    assert attempts.answered(1, now_s=0.4) is None
    assert attempts.answered(2, now_s=0.4) is None
    attempts = asked(1)
    attempts.wake(now_s=0.95)
    assert attempts.answered(1, now_s=0.96) is None, "it was given up"


def test_whoever_is_first_goes_on_when_it_is_worth_it_and_once() -> None:
    attempts = asked(1)
    answer(attempts, 1, now_s=0.1, is_first=True).go_s = 0.7
    assert attempts.wake_at_s == 0.7
    assert attempts.wake(now_s=0.6) == Due()
    assert attempts.wake(now_s=0.7) == Due(proceed=(1,))
    assert attempts.under_way[1].is_going
    assert attempts.wake(now_s=0.8) == Due()


def test_one_that_is_looked_at_late_has_its_time_from_then_on() -> None:
    attempts = asked(1)
    answer(attempts, 1, now_s=0.1, is_first=True)
    assert attempts.wake(now_s=50.0) == Due(proceed=(1,))
    assert attempts.wake(now_s=50.1) == Due(), "the device slept; the attempt has only begun"
    assert attempts.wake_at_s == 50.0 + ATTEMPT_S_MAX


@pytest.mark.parametrize(("took_s", "lasts_s"), [(0.1, ATTEMPT_S_MAX), (3.0, 3.0 * ATTEMPT_ROUND_TRIPS_MAX)])
def test_a_set_up_that_leads_to_nothing_is_given_up_later_on_a_slow_path(took_s: float, lasts_s: float) -> None:
    attempts = asked(1, answer_s=9.5)
    going(attempts, 1, now_s=took_s)
    assert attempts.wake_at_s == took_s + lasts_s
    assert attempts.wake(now_s=took_s + lasts_s - 0.01) == Due()
    assert attempts.wake(now_s=took_s + lasts_s) == Due(overdue=(1,), stuck=1)


def test_what_was_answered_and_never_set_up_is_neither_unanswered_nor_stuck() -> None:
    attempts = asked(1)
    answer(attempts, 1, now_s=0.1)
    assert attempts.wake(now_s=0.1 + ATTEMPT_S_MAX) == Due(overdue=(1,))


def test_in_hand_is_the_newest_that_was_answered_and_is_not_being_set_up() -> None:
    attempts = asked(1, 2, 3, 4)
    assert attempts.in_hand() is None
    for line in (1, 2, 3):
        answer(attempts, line, now_s=0.1)
    assert attempts.in_hand() == 3
    attempts.go(attempts.under_way[3])
    assert attempts.in_hand() == 2
    attempts.ended(2)
    assert attempts.in_hand() == 1


def test_one_is_behind_another_that_was_answered_and_does_not_stand_still_however_late_its_answer_was() -> None:
    attempts = asked(1, 2, answer_s=9.5)
    first = answer(attempts, 1, now_s=0.2)
    second = attempts.answered(2, now_s=0.2)
    assert second is not None

    def is_behind(now_s: float, *, took_s: float = 0.2, still_s: float = 1.0) -> bool:
        second.took_s = took_s
        return attempts.is_behind(
            second, rest_round_trips=ROUND_TRIPS, still_s=lambda took_s: still_s * took_s / 0.2, now_s=now_s
        )

    assert is_behind(0.2), "both are the same: the first goes on"
    assert is_behind(1.2)
    assert not is_behind(1.21), "it stands still"
    first.took_s = 5.0
    assert is_behind(0.3), "what is quick now is quick for both"
    assert not is_behind(0.3, took_s=0.01), "and what is not there by now has lost a packet"
    first.go_s = 0.9
    assert not is_behind(0.3), "it waits for the old connection, and this one need not"
    first.go_s = None
    assert not is_behind(0.3)


def test_an_answer_to_a_packet_that_was_repeated_is_to_the_last_that_it_can_be() -> None:
    for now_s, least_s, left_s in (
        (0.3, 0.1, 0.0),
        (1.2, 0.1, 1.0),
        (1.04, 0.1, 0.0),
        (3.2, 0.1, 3.0),
        (3.2, 2.0, 2.0),
    ):
        attempts = asked(1, answer_s=9.5)
        attempts.wake(now_s=now_s)
        attempt = attempts.answered(1, now_s=now_s, least_s=least_s)
        assert attempt is not None
        assert (attempt.left_s, attempt.took_s) == (left_s, now_s - left_s)


def test_a_repetition_that_may_not_be_ends_the_attempt_before_the_kernel_sends_it() -> None:
    attempts, asked_s = asked(1, answer_s=9.5), []

    def may_repeat(at_s: float) -> bool:
        asked_s.append(at_s)
        return at_s < 3.0

    assert attempts.wake(now_s=2.96, may_repeat=may_repeat) == Due(repeated=2, overdue=(1,), unanswered=1)
    assert asked_s == [1.0, 2.0, 3.0]
    attempts = asked(2, answer_s=9.5)
    assert attempts.wake(now_s=3.1, may_repeat=may_repeat) == Due(repeated=3), "it has left already"


def test_a_path_that_answers_is_asked_beside_packets_that_it_lost_and_set_ups_that_stand_still() -> None:
    def is_hopeful(since_s: float, now_s: float) -> bool:
        attempts.wake(now_s=now_s)
        return attempts.is_hopeful(since_s=since_s, still_s=lambda took_s: 2 * took_s, now_s=now_s)

    attempts = asked(1, answer_s=9.5)
    assert is_hopeful(0.0, 0.5)
    assert not is_hopeful(0.1, 0.5), "it left before what was answered"
    assert is_hopeful(0.1, 1.5), "it was repeated since"
    answer(attempts, 1, now_s=1.6)
    assert is_hopeful(1.7, 1.8)
    assert not is_hopeful(1.7, 3.0)


def test_one_that_waits_for_the_old_connection_waits_no_more_once_that_is_gone() -> None:
    attempts = asked(1, 2, 3)
    answer(attempts, 1, now_s=0.1, is_first=True).go_s = 5.0
    answer(attempts, 2, now_s=0.1).go_s = 5.0
    attempts.hasten(now_s=0.2)
    assert [attempts.under_way[line].go_s for line in (1, 2, 3)] == [0.2, 5.0, None]
    attempts.under_way[1].go_s = 0.1
    attempts.hasten(now_s=0.3)
    assert attempts.under_way[1].go_s == 0.1


def test_of_those_set_up_after_the_winner_the_relay_may_talk_to_the_last_so_they_are_awaited() -> None:
    attempts = asked(1, 2, 3, 4, 5)
    for line in (2, 1, 3):
        going(attempts, line, now_s=0.1 * line)
    answer(attempts, 4, now_s=0.5)
    won = attempts.ended(1)
    assert won is not None
    assert attempts.settle(won=won, now_s=9.0) == [2, 4, 5]
    assert list(attempts.under_way) == [3]


def test_when_the_old_connection_wins_only_what_may_have_said_hello_is_awaited() -> None:
    attempts = asked(1, 2, 3, 4)
    going(attempts, 1, now_s=0.2)
    going(attempts, 2, now_s=0.3)
    answer(attempts, 3, now_s=0.2)
    assert not attempts.under_way[1].has_said_hello(0.4)
    assert attempts.under_way[1].has_said_hello(0.41)
    assert attempts.settle(now_s=0.5) == [2, 3, 4]
    assert list(attempts.under_way) == [1]


def test_all_can_be_given_up_together() -> None:
    attempts = asked(1, 2)
    answer(attempts, 2, now_s=0.1)
    assert attempts.abandon() == [1, 2]
    assert attempts.wake_at_s is None


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["begin", "answered", "first", "go", "ended", "settle", "won", "hasten", "wake", "sleep"]),
        st.integers(0, 7),
    ),
    min_size=20,
    max_size=80,
)


@given(EVENTS)
def test_in_any_order_no_attempt_is_forgotten_or_comes_to_two_ends(events: list[tuple[str, int]]) -> None:
    attempts, now_s, given = Attempts(), 0.0, 0
    held: set[int] = set()
    for event, number in events:
        lines = list(attempts.under_way)
        line = lines[number % len(lines)] if lines else 0
        match event:
            case "begin":
                given += 1
                attempts.begin(given, answer_s=(0.95, 2.9, 9.5)[number % 3], now_s=now_s)
                held.add(given)
            case "answered" | "first":
                attempt = attempts.answered(line, now_s=now_s)
                if attempt is not None:
                    attempt.go_s, attempt.is_first = now_s + number / 4, event == "first"
            case "go":
                in_hand = attempts.in_hand()
                if in_hand is not None:
                    attempts.under_way[in_hand].go_s = now_s
                    attempts.go(attempts.under_way[in_hand])
            case "ended":
                held -= {line} if attempts.ended(line) else set()
            case "settle" | "won":
                won = attempts.ended(line) if event == "won" else None
                held -= {line} if won else set()
                held -= set(attempts.settle(won=won, now_s=now_s))
            case "hasten":
                attempts.hasten(now_s=now_s)
            case "wake":
                due = attempts.wake(now_s=now_s)
                assert set(due.overdue) <= held
                assert set(due.proceed) <= held
                assert due.unanswered + due.stuck <= len(due.overdue)
                assert attempts.wake_at_s is None or attempts.wake_at_s > now_s
                held -= set(due.overdue)
            case _:
                now_s += number / 3
        assert set(attempts.under_way) == held
    while (at_s := attempts.wake_at_s) is not None:
        now_s = max(now_s, at_s)
        held -= set(attempts.wake(now_s=now_s).overdue)
    assert held == set(), "each comes to its end by the clock alone"
