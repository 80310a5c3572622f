"""Proves that evidence is acted upon once, and that one that leads to nothing counts ever less."""

from itertools import pairwise

from answerback.core.network.evidence import (
    ANEW,
    CERTAIN,
    EVIDENCE_S_MAX,
    EVIDENCE_S_MIN,
    FRESH,
    Evidence,
    Hints,
)


def test_what_comes_close_together_is_one() -> None:
    hints = Hints()
    assert hints.act(Evidence.WOKE, now_s=5.0)
    assert not hints.act(Evidence.WOKE, now_s=5.0 + EVIDENCE_S_MIN)
    assert hints.act(Evidence.HEARD, now_s=5.1), "that is another kind"
    assert hints.acted_s == 5.1


def test_each_that_led_to_nothing_makes_the_next_wait_longer_up_to_a_bound_until_something_works() -> None:
    hints, now_s, acted_s = Hints(), 0.0, []
    while now_s < 60.0:
        if hints.act(Evidence.NETWORK_CHANGED, now_s=now_s):
            acted_s.append(now_s)
        now_s += 0.01
    gaps_s = [later_s - earlier_s for earlier_s, later_s in pairwise(acted_s)]
    assert [round(gap_s, 1) for gap_s in gaps_s[:4]] == [0.4, 0.8, 1.6, 3.2]
    assert 2 * EVIDENCE_S_MIN - 0.01 <= gaps_s[0] < gaps_s[-1] <= EVIDENCE_S_MAX + 0.02
    hints.clear()
    assert hints.act(Evidence.NETWORK_CHANGED, now_s=60.0)


def test_what_begins_anew_is_certain_and_a_word_on_a_doubted_connection_is_neither() -> None:
    assert ANEW < FRESH < CERTAIN
    assert Evidence.RELAY_CALLED in CERTAIN
    assert Evidence.HEARD not in CERTAIN
    assert Evidence.OTHER_PATH_WORKED not in CERTAIN
