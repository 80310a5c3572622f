"""Proves that probes wait for as long as is of use, and that a kernel's repetitions are counted and made use of."""

import pytest

from answerback.core.network.patience import (
    ANSWER_S,
    ANSWER_S_LONG,
    ANSWER_S_LONGEST,
    FAR_ROUND_TRIPS,
    LONG_AGE_S,
    LONG_EVERY,
    LONG_EVERY_SLOW,
    LONGEST_AGE_S,
    LONGEST_EVERY,
    PATIENT,
    Occasion,
    Patience,
)
from answerback.core.network.repetitions import UNKNOWN


def waits_s(
    patience: Patience,
    *,
    age_s: float = 20.0,
    rtt_s: float = 0.05,
    rto_s: float = 0.3,
    number: int = 1,
    since_evidence: int = 0,
    is_spare: bool = True,
    room: int = 100,
    time: int = 100,
) -> float:
    """How long one probe waits, with room for so many repetitions, and time for so many."""
    occasion = Occasion(
        age_s,
        age_s,
        rtt_s,
        rto_s,
        number,
        since_evidence,
        is_spare=is_spare,
        affords=lambda repeats: repeats <= room,
        has_time=lambda repeats: repeats <= time,
    )
    patience.sent(occasion)
    return patience.answer_s


def begun() -> Patience:
    """An outage in which one has waited longest already."""
    patience = Patience()
    assert waits_s(patience, age_s=LONGEST_AGE_S) == ANSWER_S_LONGEST
    return patience


def test_most_probes_are_one_packet() -> None:
    assert waits_s(begun()) == ANSWER_S < UNKNOWN.counted_s[0]


def test_one_of_some_waits_longer_once_an_outage_is_no_longer_young_if_the_budget_has_that() -> None:
    patience = begun()
    assert waits_s(patience, number=LONG_EVERY) == ANSWER_S_LONG < UNKNOWN.counted_s[1]
    assert waits_s(patience, number=LONG_EVERY, age_s=LONG_AGE_S) == ANSWER_S
    assert waits_s(patience, number=LONG_EVERY, is_spare=False) == ANSWER_S
    assert waits_s(patience, number=LONG_EVERY, room=0) == ANSWER_S
    assert waits_s(patience, number=LONG_EVERY, time=0) == ANSWER_S


def test_where_answers_took_longer_before_more_of_them_wait_and_from_the_beginning() -> None:
    patience = begun()
    assert waits_s(patience, number=LONG_EVERY_SLOW, rto_s=1.0, age_s=0.0, is_spare=False) == ANSWER_S_LONG
    assert waits_s(patience, number=LONG_EVERY_SLOW, rto_s=2.0, is_spare=False) == ANSWER_S_LONGEST


def test_the_first_beyond_an_age_waits_longest_and_another_one_only_if_there_is_room() -> None:
    assert waits_s(Patience(), age_s=LONGEST_AGE_S - 0.1) == ANSWER_S
    assert waits_s(Patience(), room=len(UNKNOWN.counted_s) - 1) == ANSWER_S
    assert waits_s(Patience(), time=len(UNKNOWN.counted_s) - 1) == ANSWER_S
    patience = begun()
    assert waits_s(patience, number=LONGEST_EVERY) == ANSWER_S
    assert waits_s(patience, number=1 + LONGEST_EVERY, is_spare=False) == ANSWER_S
    assert waits_s(patience, number=1 + LONGEST_EVERY) == ANSWER_S_LONGEST
    patience.begin()
    assert waits_s(patience, is_spare=False) == ANSWER_S_LONGEST, "each outage has one"


def test_what_was_measured_says_nothing_of_another_network() -> None:
    for number, answer_s in PATIENT.items():
        assert waits_s(Patience(), age_s=0.5, since_evidence=number, room=0) == answer_s
    assert waits_s(Patience(), age_s=0.5, since_evidence=3) == ANSWER_S


@pytest.mark.parametrize(("rtt_s", "repeats"), [(0.79, 0), (0.81, 1), (1.7, 2), (4.5, 5), (30.0, 6)])
def test_where_a_round_trip_takes_seconds_each_probe_waits_for_it(rtt_s: float, repeats: int) -> None:
    assert Patience().far_repeats(rtt_s) == repeats
    answer_s = waits_s(begun(), rtt_s=rtt_s)
    assert answer_s >= min(FAR_ROUND_TRIPS * rtt_s, ANSWER_S_LONGEST) - (1.0 - ANSWER_S)
    assert sum(after_s < answer_s for after_s in UNKNOWN.counted_s) == repeats


def test_a_repetition_stands_for_the_probe_that_would_leave_about_then() -> None:
    patience = Patience()
    assert waits_s(patience, age_s=12.0) == ANSWER_S_LONGEST
    assert patience.covered_s(12.0, 0.5) == 12.0, "a probe leaves before"
    assert patience.covered_s(12.0, 1.0) == 13.0
    assert patience.covered_s(12.0, 2.0) == 15.0
    assert patience.covered_s(12.0, 4.0) == 19.0
    assert patience.covered_s(15.5, 4.0) == 19.0
    assert patience.covered_s(19.0, 4.0) == 19.0, "that was the last one"
    assert [patience.surplus(now_s) for now_s in (12.0, 14.0, 17.0)] == [3, 2, 0]


def test_nothing_is_repeated_of_what_was_given_up_or_is_a_datagram() -> None:
    patience = Patience()
    waits_s(patience, age_s=12.0)
    patience.end()
    assert patience.covered_s(12.0, 4.0) == 12.0
    waits_s(patience, age_s=12.0, number=LONGEST_EVERY + 1)
    patience.end()
    patience.asked()
    assert (patience.answer_s, patience.covered_s(12.0, 4.0)) == (ANSWER_S, 12.0)
