"""A crowd that returns at once is served at the relay's capacity, and nobody starves; with an open door it is not."""

import dataclasses
import random

import pytest

from answerback.lab.storms import POLICIES, Costs, Storm, cadence, play
from answerback.relay.admission import Admission

SLOW = Costs(accept_s=0.0004, handshake_s=0.006, let_in_s=0.006, look_s=0.0001)
"""A small machine: a crowd of 2,000 is 25 s of work, two and a half times what a device's attempt lasts."""
CROWD = Storm(clients=2_000, stop_s=60.0, costs=SLOW, policy=cadence, has_turnstile=True)


def test_a_crowd_is_served_at_nearly_the_relays_capacity() -> None:
    course = play(CROWD)
    assert course.starved == 0
    assert course.full_s < 1.5 * course.oracle_s
    assert course.worst_share > 0.4
    assert course.busy_s < 1.25 * course.oracle_s, "little is done for nobody"


def test_the_same_crowd_at_an_open_door_keeps_the_relay_busy_for_nothing() -> None:
    course = play(dataclasses.replace(CROWD, has_turnstile=False))
    assert course.worst_share == 0.0
    assert course.full_s > 3 * course.oracle_s


@pytest.mark.parametrize("name", POLICIES)
def test_nobody_starves_whatever_the_devices_do(name: str) -> None:
    course = play(dataclasses.replace(CROWD, policy=POLICIES[name]))
    assert course.starved == 0
    assert course.busy_s < 1.3 * course.oracle_s


def test_devices_that_were_told_when_to_come_come_once_each() -> None:
    admission = Admission(random.Random(1).random, capacity_per_s=1 / SLOW.one_s)
    told_s = [admission.return_ms(after_s=5.0, now_s=0.0) / 1000 - 5.0 for _ in range(CROWD.clients)]
    course = play(dataclasses.replace(CROWD, stop_s=5.0, first_s=lambda _chance, number: told_s[number]))
    assert course.attempts == CROWD.clients
    assert course.starved == 0
    assert course.full_s < 1.25 * course.oracle_s


def test_a_quiet_return_waits_for_nobody() -> None:
    course = play(dataclasses.replace(CROWD, clients=20))
    assert course.within_s(1.0) < 3.0
    assert course.attempts == 20


def test_the_same_seed_plays_the_same_storm() -> None:
    small = dataclasses.replace(CROWD, clients=300)
    assert play(small) == play(small)
    assert play(small).welcomed_s != play(dataclasses.replace(small, seed=2)).welcomed_s
