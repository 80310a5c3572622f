"""Proves that a path that is back is asked in time, within the budget, and that a relay's word is kept."""

import math
from bisect import bisect_left
from heapq import heappop, heappush
from itertools import pairwise
from operator import gt
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from answerback.core.effects import Reason, Wake
from answerback.core.network.attempts import DECIDED_S
from answerback.core.network.evidence import EVIDENCE_S_MIN, Evidence
from answerback.core.network.outages import Outages
from answerback.core.network.patience import ANSWER_S, ANSWER_S_LONG, ANSWER_S_LONGEST, LONGEST_AGE_S, LONGEST_EVERY
from answerback.core.network.probe_budget import IN_BACKGROUND, IN_FRONT, Platform, ProbeBudget
from answerback.core.network.recovery import (
    ABSENT_S,
    PLEDGE_S,
    PLEDGE_SHARE,
    QUEUED_S,
    RETRIES_MAX,
    STEADY_S,
    TOLD_S_MAX,
    Recovery,
)
from answerback.core.network.repetitions import DOUBLING, LINEAR, Repetitions

GOLDEN = 0.618


def probes(recovery: Recovery, *, until_s: float, draw: float = 0.5, kernel: Repetitions | None = None) -> list[float]:
    """When probes leave if none is answered, with those that the kernel repeats; without one, all that are counted.

    The draws are spread as evenly as chance is in the long run.
    """
    sent: list[float] = []
    coming: list[tuple[float, int, float]] = []
    given_up: set[int] = set()
    while (wake := recovery.wake_at) is not None and min(wake.at_s, *(each[0] for each in coming), math.inf) <= until_s:
        if coming and coming[0][0] <= wake.at_s:
            decided_s, number, after_s = heappop(coming)
            if number in given_up:
                continue
            if not recovery.may_repeat(decided_s + DECIDED_S, now_s=decided_s):
                given_up.add(number)
            elif kernel is None or after_s in kernel.counted_s:
                sent.append(decided_s + DECIDED_S)
            continue
        draw = (draw + GOLDEN) % 1.0
        assert recovery.due(now_s=wake.at_s, draw=draw) is not None
        sent.append(wake.at_s)
        for after_s in recovery.patience.repetitions.counted_s:
            if after_s < recovery.answer_s and not recovery.by_datagram:
                heappush(coming, (wake.at_s + after_s - DECIDED_S, len(sent), after_s))
    return sorted(sent)


def stalled(recovery: Recovery | None = None, *, heard_s: float = 0.0) -> Recovery:
    """A recovery half a second into a silence."""
    recovery = recovery or Recovery(rtt_s=0.05)
    recovery.stalled(heard_s=heard_s, now_s=heard_s + 0.5)
    return recovery


def up(recovery: Recovery, *, since_s: float) -> None:
    """Have a connection that stands since a moment."""
    recovery.start(now_s=since_s)
    recovery.due(now_s=since_s, draw=0.5)
    recovery.succeeded(now_s=since_s)


@pytest.mark.parametrize("kernel", [LINEAR, DOUBLING])
@given(st.floats(0, 0.999), st.floats(0.01, 0.1))
@example(0.6797, 0.1)  # of the outages of 1 to 10 s, 56 of 1,000 were late with an earlier timetable
def test_whenever_an_outage_ends_a_probe_and_a_set_up_later_the_pledge_is_kept_at_the_95th_percentile(
    kernel: Repetitions, draw: float, rtt_s: float
) -> None:
    recovery = stalled(Recovery(rtt_s=rtt_s))
    recovery.patience.repetitions = kernel
    sent = probes(recovery, until_s=900.0, draw=draw)
    for shortest_s, longest_s in ((1.0, 10.0), (10.0, 60.0), (60.0, 120.0), (120.0, 800.0)):
        lengths_s = [shortest_s + (longest_s - shortest_s) * number / 1_000 for number in range(1_000)]
        delays_s = [sent[bisect_left(sent, length_s)] - length_s + recovery.setup_s for length_s in lengths_s]
        kept = [max(PLEDGE_S, PLEDGE_SHARE * length_s) for length_s in lengths_s]
        assert sum(map(gt, delays_s, kept)) <= 0.05 * len(lengths_s) + 5


@given(st.floats(0, 0.999), st.floats(0.01, 3.0), st.lists(st.floats(0.5, 100), max_size=40))
def test_at_most_forty_probes_in_the_first_minute_and_ten_a_minute_after_whatever_was_learned(
    draw: float, rtt_s: float, lengths_s: list[float]
) -> None:
    outages = Outages()
    for length_s in lengths_s:
        outages.learn(length_s)
    recovery = stalled(Recovery(rtt_s=rtt_s, rto_s=max(2 * rtt_s, 0.3), outages=outages))
    sent = probes(recovery, until_s=600.0, draw=draw)
    assert sum(at_s < 60 for at_s in sent) <= 40
    for minute in range(1, 10):
        assert sum(60 * minute <= at_s < 60 * (minute + 1) for at_s in sent) <= 10


@pytest.mark.parametrize("kernel", [LINEAR, DOUBLING])
@pytest.mark.parametrize(("rtt_s", "within_s"), [(0.05, 3.0), (0.1, 3.5), (0.2, 3.5), (0.3, 3.5), (0.5, 4.0)])
def test_after_half_a_minute_mail_is_back_within_what_is_asked_also_where_round_trips_are_long(
    rtt_s: float, within_s: float, kernel: Repetitions
) -> None:
    late, count = 0, 0
    for seed in range(20):
        sent = probes(stalled(Recovery(rtt_s=rtt_s, rto_s=0.3)), until_s=60.0, draw=seed / 20, kernel=kernel)
        for tenth in range(290, 311):
            delay_s = sent[bisect_left(sent, tenth / 10)] - tenth / 10 + 3.5 * rtt_s
            late, count = late + (delay_s > within_s), count + 1
    assert late <= 0.05 * count


def test_an_outage_soon_after_another_has_a_plan_of_its_own_if_mail_came_between() -> None:
    for up_s, is_own in ((2.0, True), (0.5, False)):
        recovery = stalled()
        probes(recovery, until_s=30.0)
        recovery.succeeded(now_s=30.2, took_s=0.2)
        recovery.stalled(heard_s=30.2 + up_s, now_s=30.7 + up_s)
        sent = probes(recovery, until_s=62.2 + up_s)
        longest_s = max(later_s - earlier_s for earlier_s, later_s in pairwise(sent))
        assert longest_s <= (3.5 if is_own else 7.0), "the timetable of one that goes on does not begin anew"
        assert len(sent) <= (40 if is_own else 15)


def test_the_first_outage_of_a_connection_that_hardly_stood_is_as_young_as_any() -> None:
    hurried, usual = Recovery(rtt_s=0.05), Recovery(rtt_s=0.05)
    hurried.succeeded(now_s=-50.0)
    usual.succeeded(now_s=-90.0)
    for recovery in (hurried, usual):
        recovery.stalled(heard_s=-50.0, now_s=-49.5)
    assert probes(hurried, until_s=10.0) == probes(usual, until_s=10.0)


def test_probes_are_closer_where_outages_used_to_end_and_rarer_where_they_never_did() -> None:
    learned = Outages()
    for _ in range(40):
        learned.learn(6.0)
    plain = probes(stalled(Recovery(rtt_s=0.05, by_datagram=True)), until_s=60.0)
    taught = probes(stalled(Recovery(rtt_s=0.05, by_datagram=True, outages=learned)), until_s=60.0)
    assert sum(at_s < 3.0 for at_s in taught) <= sum(at_s < 3.0 for at_s in plain)
    assert sum(5.0 < at_s < 12.0 for at_s in taught) > sum(5.0 < at_s < 12.0 for at_s in plain)


def test_a_phone_in_a_pocket_asks_seldom() -> None:
    pocket = ProbeBudget(IN_BACKGROUND[Platform.IOS])
    hand = ProbeBudget(IN_FRONT[Platform.IOS])
    in_pocket = probes(stalled(Recovery(pocket, rtt_s=0.05)), until_s=600.0)
    in_hand = probes(stalled(Recovery(hand, rtt_s=0.05)), until_s=600.0)
    assert len(in_pocket) <= 12
    assert len(in_hand) > 5 * len(in_pocket)


def test_evidence_is_acted_on_at_once_and_makes_the_outage_young_again() -> None:
    recovery = stalled()
    probes(recovery, until_s=500.0)
    recovery.hint(Evidence.NETWORK_CHANGED, now_s=500.5)
    assert recovery.wake_at == Wake(500.5, Reason.CONNECT_EVIDENCE)
    assert recovery.due(now_s=500.5, draw=0.5) is Reason.CONNECT_EVIDENCE
    assert len(probes(recovery, until_s=505.0)) >= 4, "an interface is there before its route"


def test_evidence_that_leads_to_nothing_counts_ever_less() -> None:
    recovery = stalled()
    probes(recovery, until_s=60.0)
    before = recovery.budget.spent
    for number in range(600):
        now_s = 60.0 + number * EVIDENCE_S_MIN / 2
        recovery.hint(Evidence.RELAY_CALLED, now_s=now_s)
        recovery.due(now_s=now_s, draw=0.5)
    assert recovery.budget.spent - before <= 10


def test_what_the_relay_says_beats_all_evidence_and_is_never_probed_through() -> None:
    recovery = stalled()
    recovery.told(90.0, now_s=3.0)
    for evidence in Evidence:
        recovery.hint(evidence, now_s=4.0)
    recovery.lost(now_s=4.0, draw=0.5)
    recovery.absent(now_s=5.0)
    recovery.answered(took_s=0.1, now_s=6.0)
    recovery.may_repeat(6.0, now_s=6.0)
    assert recovery.wake_at == Wake(93.0, Reason.CONNECT_TOLD)
    recovery.told(1e9, now_s=3.0)
    assert recovery.wake_at == Wake(3.0 + TOLD_S_MAX, Reason.CONNECT_TOLD)


def test_a_relay_that_refuses_is_not_a_dead_path_and_is_asked_ever_less_often() -> None:
    recovery, now_s, waits_s = stalled(), 1.0, []
    for _ in range(12):
        recovery.refused(now_s=now_s, draw=0.5)
        wake = recovery.wake_at
        assert wake is not None
        waits_s.append(wake.at_s - now_s)
        now_s = wake.at_s
    assert waits_s[0] == pytest.approx(1.0)
    assert waits_s == sorted(waits_s)
    assert waits_s[-1] >= 30.0


def test_devices_that_hear_at_once_that_nobody_listens_knock_apart_from_each_other() -> None:
    def knocks_s(seed: int) -> list[float]:
        recovery, found, chance = Recovery(rtt_s=0.05), [], Random(seed)
        up(recovery, since_s=-100.0)
        recovery.lost(now_s=0.0, draw=chance.random())
        while (wake := recovery.wake_at) is not None and wake.at_s <= 90.0:
            recovery.due(now_s=wake.at_s, draw=chance.random())
            recovery.denied(now_s=wake.at_s + 0.05, draw=chance.random())
            found.append(wake.at_s)
        return found

    crowd = [knocks_s(seed) for seed in range(100)]
    first_s = sorted(next(at_s for at_s in each if at_s >= 60.0) for each in crowd)
    assert first_s[75] - first_s[25] > 2.0, "no wave after a minute"
    assert all(sum(at_s < 60.0 for at_s in each) <= 40 for each in crowd)


def test_who_waits_in_the_line_asks_seldom_until_its_place_is_lost_or_the_network_is_another() -> None:
    recovery = stalled()
    recovery.told(1.0, now_s=1.0)
    recovery.due(now_s=2.0, draw=0.5)
    assert recovery.is_crowd
    recovery.queued(now_s=2.0, draw=0.5)
    asked = probes(recovery, until_s=60.0)
    assert 60.0 / QUEUED_S / 1.5 - 1 <= len(asked) <= 60.0 / QUEUED_S * 1.5
    recovery.refused(now_s=60.0, draw=0.5)
    assert recovery.wake_at is not None
    assert recovery.wake_at.at_s <= asked[-1] + QUEUED_S
    recovery.hint(Evidence.NETWORK_CHANGED, now_s=60.1)
    assert not recovery.is_crowd


def test_a_relay_that_refuses_is_not_asked_beyond_the_budget() -> None:
    recovery = stalled()
    sent = probes(recovery, until_s=59.0)
    recovery.refused(now_s=59.0, draw=0.0)
    assert recovery.wake_at is not None
    assert sum(at_s > recovery.wake_at.at_s - 60.0 for at_s in sent) < 40


def test_a_budget_of_retries_stops_a_storm_of_evidence_at_a_relay_that_refuses() -> None:
    recovery, asked = stalled(), 0
    for number in range(1_000):
        now_s = 1.0 + number * 0.1
        recovery.hint(Evidence.IN_FRONT, now_s=now_s)
        if recovery.due(now_s=now_s, draw=0.5) is not None:
            asked += 1
            recovery.refused(now_s=now_s, draw=0.5)
    assert asked <= RETRIES_MAX + 5


def test_a_connection_that_had_lasted_is_tried_again_at_once_and_one_that_had_not_is_not() -> None:
    recovery = Recovery()
    up(recovery, since_s=10.0)
    recovery.lost(now_s=10.0 + STEADY_S, draw=0.5)
    assert recovery.wake_at == Wake(10.0 + STEADY_S, Reason.CONNECT_EVIDENCE)
    up(recovery, since_s=20.0)
    recovery.lost(now_s=20.0 + STEADY_S / 2, draw=0.5)
    assert recovery.wake_at is not None
    assert recovery.wake_at.at_s >= 20.0 + STEADY_S / 2 + 0.9


def test_without_an_interface_nobody_asks_but_once_a_minute_we_look() -> None:
    recovery = stalled()
    recovery.absent(now_s=1.0)
    assert recovery.wake_at == Wake(1.0 + ABSENT_S, Reason.CONNECT_CADENCE)
    assert len(probes(recovery, until_s=601.0)) == 10
    recovery.hint(Evidence.NETWORK_CHANGED, now_s=601.5)
    assert len(probes(recovery, until_s=605.0)) > 3


def test_a_new_connection_lets_a_slow_old_one_speak_first_and_a_dead_one_not() -> None:
    far = stalled(Recovery(rtt_s=1.0))
    assert far.answered(took_s=2.0, now_s=2.6) == pytest.approx(5.0), "setting up takes longer than TCP was silent"
    near = stalled(Recovery(rtt_s=0.05))
    assert near.answered(took_s=0.05, now_s=2.0) == 2.0
    moved = stalled(Recovery(rtt_s=1.0))
    moved.hint(Evidence.NETWORK_CHANGED, now_s=0.6)
    assert moved.answered(took_s=2.0, now_s=2.6) == 2.6


def test_a_set_up_that_stands_still_is_asked_beside() -> None:
    recovery = stalled()
    recovery.due(now_s=0.5, draw=0.5)
    recovery.answered(took_s=0.05, now_s=0.55)
    assert recovery.wake_at is not None
    assert 0.55 < recovery.wake_at.at_s < 1.5


def test_some_answers_are_waited_for_longer_once_an_outage_is_old() -> None:
    def waits_s(until_s: float) -> list[float]:
        recovery, found = stalled(), []
        while (wake := recovery.wake_at) is not None and wake.at_s <= until_s:
            recovery.due(now_s=wake.at_s, draw=0.5)
            found.append(recovery.answer_s)
        return found

    assert set(waits_s(3.0)) == {ANSWER_S}
    assert set(waits_s(LONGEST_AGE_S)) == {ANSWER_S, ANSWER_S_LONG}
    assert set(waits_s(60.0)) == {ANSWER_S, ANSWER_S_LONG, ANSWER_S_LONGEST}
    assert 0 < waits_s(60.0).count(ANSWER_S_LONGEST) <= len(waits_s(60.0)) / LONGEST_EVERY + 1


def test_what_went_before_is_learned_and_what_was_sent_in_vain_is_counted() -> None:
    recovery = stalled()
    sent = probes(recovery, until_s=8.0)
    recovery.succeeded(now_s=8.2, took_s=0.2)
    assert recovery.wasted == len(sent) - 1
    assert recovery.wasted_bytes < 100 * recovery.wasted
    assert recovery.outages.hazard(8.0) > Outages().hazard(8.0)
    assert not recovery.is_out
    assert recovery.wake_at is None


def test_a_slow_answer_is_not_learned_as_an_outage() -> None:
    recovery = stalled()
    recovery.due(now_s=0.5, draw=0.5)
    recovery.succeeded(now_s=0.8, old=True)
    assert recovery.outages == Outages()
    assert recovery.wasted == 1


EVENTS = [
    "due",
    "hint",
    "stalled",
    "lost",
    "answered",
    "repeated",
    "succeeded",
    "refused",
    "denied",
    "queued",
    "told",
    "absent",
]


@given(st.lists(st.tuples(st.sampled_from(EVENTS), st.floats(0.001, 20), st.floats(0, 0.999)), max_size=120))
def test_in_any_order_an_outage_always_has_a_next_probe_and_told_time_is_kept(
    events: list[tuple[str, float, float]],
) -> None:
    recovery, now_s, told_until_s = Recovery(), 0.0, 0.0
    recovery.start(now_s=0.0)
    for event, later_s, draw in events:
        now_s += later_s
        match event:
            case "due" if now_s < told_until_s:
                assert recovery.due(now_s=now_s, draw=draw) is None
            case "due":
                recovery.due(now_s=now_s, draw=draw)
            case "hint":
                recovery.hint(Evidence.WOKE, now_s=now_s)
            case "stalled":
                recovery.stalled(heard_s=now_s - 0.5, now_s=now_s)
            case "lost":
                recovery.lost(now_s=now_s, draw=draw)
            case "answered":
                recovery.answered(took_s=0.1, now_s=now_s)
            case "repeated":
                recovery.may_repeat(now_s + draw, now_s=now_s)
            case "succeeded":
                recovery.succeeded(now_s=now_s, took_s=0.2)
                told_until_s = 0.0
            case "refused":
                recovery.refused(now_s=now_s, draw=draw)
            case "denied":
                recovery.denied(now_s=now_s, draw=draw)
            case "queued":
                recovery.queued(now_s=now_s, draw=draw)
            case "told":
                recovery.told(30.0, now_s=now_s)
                told_until_s = now_s + 30.0
            case _:
                recovery.absent(now_s=now_s)
        assert recovery.is_out is (recovery.wake_at is not None)
        if recovery.wake_at is not None and now_s < told_until_s:
            assert recovery.wake_at.at_s >= told_until_s
