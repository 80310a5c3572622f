"""Proves that an outage is played alike to all, and counted honestly."""

from random import Random

import pytest

from answerback.lab.policies.oracle import Oracle
from answerback.lab.policies.policy import Action, Ask, PassiveTcp, Say
from answerback.lab.policies.trial import BEFORE_S, Role, Trial
from answerback.lab.schedule import Outage
from tests.lab.policies.scenes import hole


@pytest.mark.parametrize("role", Role)
def test_nothing_arrives_before_the_outage_ends_and_something_after(role: Role) -> None:
    outcome = Trial(hole(7.0, role), PassiveTcp(), random=Random(1)).play()
    assert outcome.length_s == 7.0
    assert 0.0 < outcome.delay_s < 7.5


def test_the_same_seed_gives_the_same_outcome() -> None:
    outcomes = [Trial(hole(12.0), PassiveTcp(), random=Random(1), traced=True).play() for _ in range(2)]
    assert outcomes[0] == outcomes[1]


def test_every_packet_of_the_device_from_the_outage_on_is_counted_with_its_bytes() -> None:
    outcome = Trial(hole(5.0), Oracle([25.0]), random=Random(1), traced=True).play()
    assert outcome.packets == len(outcome.moments)
    assert outcome.probes == sum(what == "probe" for _, what in outcome.moments) == 1
    assert outcome.bytes >= 60 * outcome.packets - 8 * outcome.packets
    assert all(at_s >= 0 for at_s, _ in outcome.moments)


def test_while_the_path_is_gone_again_no_delay_counts() -> None:
    case = hole(5.0)
    plain = Trial(case, PassiveTcp(), random=Random(1)).play().delay_s
    with_later = type(case)(
        case.link, case.outage, case.role, case.gap, case.hole, later=(Outage(25.5, 26.0), Outage(500.0, 600.0))
    )
    assert Trial(with_later, PassiveTcp(), random=Random(1)).play().delay_s == pytest.approx(plain - 0.5)


def test_a_policy_is_told_what_a_program_can_see_and_in_order() -> None:
    class Listening(PassiveTcp):
        def __init__(self) -> None:
            self.seen: list[tuple[float, str]] = []
            self.asked = False

        @property
        def wake_at_s(self) -> float | None:
            return None if self.asked else 18.0

        def heard(self, *, is_progress: bool, now_s: float) -> list[Action]:
            self.seen.append((now_s, "heard"))
            return []

        def measured(self, rtt_s: float, *, now_s: float) -> None:
            self.seen.append((now_s, "measured"))
            assert 0.06 <= rtt_s < 30.0

        def answered(self, *, now_s: float) -> list[Action]:
            self.seen.append((now_s, "answered"))
            return []

        def announced(self, *, now_s: float) -> list[Action]:
            self.seen.append((now_s, "announced"))
            return []

        def wake(self, *, now_s: float) -> list[Action]:
            self.asked = True
            return [Say(), Ask()]

    policy = Listening()
    Trial(hole(3.0, is_announced=True), policy, random=Random(1)).play()
    assert policy.seen == sorted(policy.seen, key=lambda each: each[0])
    kinds = {what for _, what in policy.seen}
    assert kinds == {"heard", "measured", "answered", "announced"}
    assert not [at_s for at_s, what in policy.seen if what == "heard" and 20.2 < at_s < 23.0]
    assert policy.seen[0][0] >= 20.0 - BEFORE_S


def test_the_relay_calls_a_reader_that_fell_silent_and_not_one_that_talks() -> None:
    silent = Trial(hole(30.0, Role.READS, is_called=True), PassiveTcp(), random=Random(1)).play()
    assert silent.calls >= 40
    talking = Trial(hole(0.1, Role.READS, is_called=True), PassiveTcp(), random=Random(1)).play()
    assert talking.calls == 0
