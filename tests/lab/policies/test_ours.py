"""Proves the pledges about delay after recovery, packet by packet, on a plain link."""

import statistics
from random import Random

import pytest

from answerback.core.network.outages import Outages
from answerback.lab.links import generate_link
from answerback.lab.policies.oracle import Oracle
from answerback.lab.policies.ours import Ours
from answerback.lab.policies.policy import PassiveTcp
from answerback.lab.policies.rivals import BackOff, FixedPing
from answerback.lab.policies.trial import BEFORE_S, Case, Outcome, Role, Trial
from tests.lab.policies.scenes import hole

LENGTHS_S = [1.0 + 0.37 * number for number in range(24)] + [10.0 * 1.17**number for number in range(26)]


def played(case: Case, policy: PassiveTcp, *, seed: int = 1) -> Outcome:
    """One outage."""
    return Trial(case, policy, random=Random(seed)).play()


def mean_delay_s(outcomes: list[Outcome]) -> float:
    """How late mail was, on average."""
    return statistics.fmean(each.delay_s for each in outcomes)


def share_kept(outcomes: list[Outcome]) -> float:
    """How many kept the pledge."""
    return statistics.fmean(each.delay_s <= max(1.0, 0.1 * each.length_s) for each in outcomes)


@pytest.mark.parametrize("role", Role)
def test_after_an_outage_nobody_announces_mail_arrives_within_a_second_or_a_tenth_of_it(role: Role) -> None:
    outcomes = [played(hole(length_s, role), Ours(random=Random(seed))) for seed, length_s in enumerate(LENGTHS_S)]
    assert share_kept(outcomes) >= 0.94, "50 are few"
    assert max(each.probes_first_minute for each in outcomes) <= 40
    for each in outcomes:
        assert each.probes <= 40 + 10 * max(each.length_s - 50.0, 0.0) / 60


@pytest.mark.parametrize("role", Role)
def test_after_one_that_is_announced_it_arrives_within_two_round_trips_of_the_oracle(role: Role) -> None:
    for length_s in (0.5, 5.0, 50.0, 500.0):
        case = hole(length_s, role, is_announced=True)
        ours = played(case, Ours(random=Random(3)))
        oracle = played(case, Oracle([case.outage.end_s]))
        assert ours.delay_s <= oracle.delay_s + 2 * ours.rtt_s


def test_a_relay_that_calls_brings_a_reader_back_within_a_second_of_half_a_minute() -> None:
    outcomes = [
        played(hole(29.0 + number / 7, Role.READS, is_called=True), Ours(random=Random(number))) for number in range(20)
    ]
    assert sorted(each.delay_s for each in outcomes)[18] <= 1.0


@pytest.mark.parametrize("by_datagram", [False, True])
def test_probes_are_small_and_the_rest_is_what_tcp_sends_anyway(*, by_datagram: bool) -> None:
    trial = Trial(hole(60.0), Ours(random=Random(3), by_datagram=by_datagram), random=Random(1), traced=True)
    outcome = trial.play()
    passive = Trial(hole(60.0), PassiveTcp(), random=Random(1), traced=True).play()
    assert sum(what == "again" for _, what in outcome.moments) <= sum(what == "again" for _, what in passive.moments)
    assert outcome.probes <= 41


def test_no_rival_is_both_quicker_and_cheaper() -> None:
    cases = [hole(length_s) for length_s in LENGTHS_S]
    ours = [played(case, Ours(random=Random(seed))) for seed, case in enumerate(cases)]
    for make in (PassiveTcp, FixedPing, lambda: FixedPing(5.0), lambda: BackOff(random=Random(4))):
        theirs = [played(case, make()) for case in cases]
        is_quicker = mean_delay_s(theirs) < mean_delay_s(ours)
        is_cheaper = statistics.fmean(each.packets for each in theirs) < statistics.fmean(each.packets for each in ours)
        assert not (is_quicker and is_cheaper)


def test_a_good_link_is_left_alone() -> None:
    outcome = played(hole(0.001), Ours(random=Random(3)))
    assert outcome.probes == outcome.false_alarms == 0


def test_a_link_that_is_slow_and_lossy_is_served_no_worse_than_by_tcp_alone() -> None:
    cases = [(hole(0.001, role, link=generate_link("crowd", seed=seed)), seed) for seed in range(15) for role in Role]
    ours = [played(case, Ours(random=Random(3)), seed=seed) for case, seed in cases]
    alone = [played(case, PassiveTcp(), seed=seed) for case, seed in cases]
    assert mean_delay_s(ours) <= 1.1 * mean_delay_s(alone)
    assert statistics.fmean(each.false_alarms for each in ours) < 1.0 * BEFORE_S


def test_what_one_outage_teaches_helps_in_the_next() -> None:
    outages = Outages()
    for number in range(6):
        played(hole(9.0 + 0.1 * number), Ours(random=Random(number), outages=outages))
    assert outages.hazard(9.5) > 1.5 * Outages().hazard(9.5)


def test_a_set_up_whose_packets_are_lost_does_not_hold_up_the_return() -> None:
    outcomes = []
    for seed in range(20):
        policy = Ours(random=Random(seed))
        outcomes.append(played(hole(20.0, link=generate_link("train", seed=seed)), policy, seed=seed))
    assert statistics.median(each.delay_s for each in outcomes) < 3.0
