"""Proves that the rivals do what they are said to do."""

from random import Random

import pytest

from answerback.lab.policies.policy import PassiveTcp
from answerback.lab.policies.rivals import BackOff, FixedPing
from answerback.lab.policies.trial import BEFORE_S, Trial
from tests.lab.policies.scenes import hole


def syns_s(policy: PassiveTcp, length_s: float) -> list[float]:
    """When its SYNs left, after the beginning of the outage."""
    outcome = Trial(hole(length_s), policy, random=Random(1), traced=True).play()
    return [at_s for at_s, what in outcome.moments if what == "probe"]


def test_passive_tcp_sends_no_probe_and_waits_about_as_long_again() -> None:
    outcomes = [
        Trial(hole(length_s), PassiveTcp(), random=Random(1)).play() for length_s in (2.0, 10.0, 30.0, 100.0, 300.0)
    ]
    assert [outcome.probes for outcome in outcomes] == [0] * 5
    assert all(0.0 < outcome.delay_s <= max(outcome.length_s, 1.0) * 1.1 for outcome in outcomes)
    assert any(outcome.delay_s > outcome.length_s / 3 for outcome in outcomes)


def test_a_fixed_ping_finds_out_one_interval_after_an_unanswered_one() -> None:
    sent_s = syns_s(FixedPing(30.0, phase=0.5), 120.0)
    assert sent_s[0] == pytest.approx(15.0 - BEFORE_S + 30.0)
    assert sent_s[1] - sent_s[0] == pytest.approx(1.0)


def test_back_off_pauses_are_drawn_between_nothing_and_a_bound_that_doubles() -> None:
    class Most(Random):
        def uniform(self, a: float, b: float) -> float:
            return b

    sent_s = syns_s(BackOff(random=Most()), 300.0)
    assert sent_s[0] < 1.5, "it notices as soon as ours"
    starts_s = [sent_s[0]]
    for pause_s in (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0):
        starts_s.append(starts_s[-1] + 10.0 + pause_s)  # an attempt has ten seconds
    expected_s = [start_s + again_s for start_s in starts_s for again_s in (0.0, 1.0, 3.0, 7.0)]
    assert sent_s == pytest.approx(expected_s[: len(sent_s)])
    assert len(sent_s) > 25


@pytest.mark.parametrize("make", [lambda: FixedPing(30.0), lambda: BackOff(random=Random(1))])
def test_who_is_told_of_the_return_connects_at_once(make: type[PassiveTcp]) -> None:
    outcome = Trial(hole(40.0, is_announced=True), make(), random=Random(1)).play()
    assert outcome.delay_s < 6 * 0.1
