"""Delay keeps the order, and a lost packet costs what sending it again would."""

import dataclasses
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerback.lab.flight import RTO_S_MAX, Flight, rto_s
from answerback.lab.links import Link, parse_link

FLAT = parse_link("good")


def lossy(share: float) -> Link:
    return dataclasses.replace(FLAT, loss=share)


def test_what_leaves_arrives_after_the_delay() -> None:
    assert Flight(FLAT, random=Random(1)).land(left_s=5.0, stall_s=0.0) == pytest.approx(5.020)


@given(st.lists(st.tuples(st.floats(0, 2), st.floats(0, 3)), max_size=30))
def test_nothing_overtakes(steps: list[tuple[float, float]]) -> None:
    flight, left_s, landed_s = Flight(parse_link("crowd"), random=Random(1)), 0.0, []
    for pause_s, stall_s in steps:
        left_s += pause_s
        landed_s.append(flight.land(left_s=left_s, stall_s=stall_s))
    assert landed_s == sorted(landed_s)


def test_a_link_without_loss_loses_nothing() -> None:
    assert Flight(FLAT, random=Random(1)).lose(1_000_000) == (0, 0.0)


def test_packets_are_lost_as_often_as_the_link_says() -> None:
    flight = Flight(lossy(0.1), random=Random(1))
    lost = sum(flight.lose(1500)[0] for _ in range(20_000))
    assert lost / (20_000 + lost) == pytest.approx(0.1, rel=0.1)


def test_a_lost_packet_stalls_for_one_timeout_and_twice_that_when_lost_again() -> None:
    flight = Flight(lossy(0.5), random=Random(2))
    stalls = {flight.lose(1500) for _ in range(200)}
    timeout_s = rto_s(FLAT)
    assert timeout_s == pytest.approx(0.24)
    assert {(0, 0.0), (1, timeout_s), (2, 3 * timeout_s)} <= stalls


def test_a_stall_never_grows_past_the_longest_timeout() -> None:
    flight = Flight(lossy(0.97), random=Random(3))
    lost, stall_s = max(flight.lose(1500) for _ in range(20))
    assert lost > 12
    assert stall_s <= lost * RTO_S_MAX


def test_one_seed_loses_the_same_packets() -> None:
    one, two = (Flight(lossy(0.2), random=Random(9)) for _ in range(2))
    assert [one.lose(3000) for _ in range(50)] == [two.lose(3000) for _ in range(50)]
