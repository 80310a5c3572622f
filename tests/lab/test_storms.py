"""A crowd that returns at once is served at the relay's capacity, and nobody starves; with an open door it is not."""

import dataclasses
import random

import pytest

from answerback.lab.crowd import OURS, POLICIES
from answerback.lab.storms import Costs, Storm, play
from answerback.relay.admission import Admission

SLOW = Costs(accept_s=0.0004, handshake_s=0.006, let_in_s=0.006, look_s=0.0001)
"""A small machine: a crowd of 1,200 is 15 s of work, half as much again as what a rival's attempt lasts."""
CROWD = Storm(clients=1_200, stop_s=5.0, costs=SLOW, backlog=500)


def test_our_crowd_is_served_at_nearly_the_relays_capacity() -> None:
    course = play(CROWD)
    assert course.starved == 0
    assert course.full_s < 1.2 * course.oracle_s
    assert course.worst_share > 0.6
    assert course.busy_s < 1.15 * course.oracle_s, "little is done for nobody"
    assert course.setups < 1.3 * CROWD.clients
    assert course.line_max < 1.5 * CROWD.clients


def test_our_crowd_is_served_even_where_the_door_is_wide_open() -> None:
    course = play(dataclasses.replace(CROWD, has_turnstile=False))
    assert course.starved == 0
    assert course.full_s < 1.5 * course.oracle_s


def test_a_crowd_that_comes_back_quickly_keeps_an_open_door_busy_for_nothing() -> None:
    course = play(dataclasses.replace(CROWD, has_turnstile=False, policy=POLICIES["every 1.5 s"]))
    assert course.full_s > 2 * course.oracle_s


@pytest.mark.parametrize("name", [name for name in POLICIES if name != OURS])
def test_nobody_starves_behind_the_turnstile_whatever_the_devices_do(name: str) -> None:
    course = play(dataclasses.replace(CROWD, policy=POLICIES[name]))
    assert course.starved == 0
    assert course.busy_s < 1.3 * course.oracle_s


@pytest.mark.parametrize("name", [OURS, "every 30 s"])
def test_devices_that_were_told_when_to_come_come_once_each(name: str) -> None:
    admission = Admission(random.Random(1).random, capacity_per_s=1 / SLOW.one_s)
    storm = dataclasses.replace(
        CROWD, policy=POLICIES[name], told_s=lambda: admission.return_ms(after_s=5.0, now_s=0.0) / 1000
    )
    course = play(storm)
    assert course.attempts <= 1.02 * CROWD.clients
    assert course.starved == 0
    assert course.full_s < 1.25 * course.oracle_s


def test_nobody_needs_a_new_connection_to_a_relay_that_only_stood_still_and_few_get_one() -> None:
    course = play(dataclasses.replace(CROWD, frozen_s=10.0))
    assert course.starved == 0
    assert course.full_s < 13.0, "the old connections answer"
    assert course.line_max <= CROWD.backlog + 100, "what the system takes in meanwhile"
    assert course.attempts < 3 * CROWD.clients
    assert course.served < 0.5 * CROWD.clients


def test_a_quiet_return_waits_for_nobody() -> None:
    course = play(dataclasses.replace(CROWD, clients=20))
    assert course.within_s(1.0) < 3.0
    assert course.attempts == course.setups == 20


def test_the_same_seed_plays_the_same_storm() -> None:
    small = dataclasses.replace(CROWD, clients=200)
    assert play(small) == play(small)
    assert play(small).welcomed_s != play(dataclasses.replace(small, seed=2)).welcomed_s
