"""Proves that the oracle is as quick as a connection can be, and that nobody who connects is quicker."""

from random import Random

import pytest

from answerback.lab.policies.oracle import Oracle
from answerback.lab.policies.ours import Ours
from answerback.lab.policies.trial import Role, Trial
from tests.lab.policies.scenes import hole


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("length_s", [1.5, 12.0, 200.0])
def test_the_oracle_needs_only_the_round_trips_of_a_connection(role: Role, length_s: float) -> None:
    case = hole(length_s, role)
    oracle = Trial(case, Oracle([case.outage.end_s]), random=Random(1)).play()
    assert oracle.delay_s < 4.5 * 0.075
    assert oracle.probes == 1
    ours = Trial(case, Ours(random=Random(2)), random=Random(1)).play()
    assert ours.delay_s >= oracle.delay_s - 0.05


def test_an_oracle_whose_packet_is_lost_knows_that_too() -> None:
    case = hole(10.0)
    early = Trial(case, Oracle([case.outage.end_s - 0.1]), random=Random(1)).play()
    assert early.delay_s < 0.5
