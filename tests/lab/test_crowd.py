"""Devices of a storm do what the agent's path does, or what their policy says, and hang up when they give up."""

import heapq
import itertools
import random
from collections.abc import Callable

import pytest

from answerback.lab.crowd import ATTEMPT_S, POLICIES, Device, Line, Ours, Rival, doubling, fixed
from answerback.transport.websocket import CONNECT_S_MAX

RTT_S = 0.1


class Void:
    """A street at whose end a system answers SYNs, or refuses them, and no relay does anything."""

    def __init__(self, *, is_refused: bool = False) -> None:
        self.now_s = 0.0
        self.chance = random.Random(1)
        self.is_refused = is_refused
        self.lines: list[Line] = []
        self.asked_s: list[float] = []
        self.said: list[Line] = []
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()

    def note(self, at_s: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (at_s, next(self._order), event))

    def ask(self, line: Line) -> None:
        self.lines.append(line)
        self.asked_s.append(self.now_s)
        self.note(self.now_s + RTT_S, lambda: self._reply(line))

    def hello(self, line: Line) -> None:
        self.said.append(line)

    def play(self, until_s: float) -> None:
        while self._events and self._events[0][0] <= until_s:
            self.now_s, _, happens = heapq.heappop(self._events)
            happens()

    def _reply(self, line: Line) -> None:
        if self.is_refused:
            line.device.ended(line)
        elif line.is_there:
            line.is_answered = True
            line.device.answered(line)


def fallen(street: Void, device: Device, *, told_s: float | None = None) -> list[Line]:
    """All its connections in the minute after its relay was lost."""
    device.falls(told_s=told_s)
    street.play(60.0)
    return street.lines


def test_ours_asks_at_once_and_stands_in_a_busy_relays_line_with_few_set_ups() -> None:
    street = Void()
    device = Ours(street, RTT_S)
    device.falls(told_s=None)
    street.play(CONNECT_S_MAX - 1.0)
    assert street.asked_s[0] == 0.0
    assert len(street.said) <= 3
    waiting = [line for line in street.said if line.is_there]
    assert waiting, "it always has a place in the line"
    device.welcomed(waiting[-1])
    assert device.is_in
    assert [line for line in street.said if line.is_there] == [waiting[-1]]


def test_ours_asks_a_machine_without_a_relay_within_its_budget() -> None:
    street = Void(is_refused=True)
    lines = fallen(street, Ours(street, RTT_S))
    assert 20 <= len(lines) <= 40
    assert street.said == []


@pytest.mark.parametrize("policy", POLICIES.values())
def test_whoever_is_told_when_to_come_comes_then(policy: Callable[[random.Random, int, float], float] | None) -> None:
    street = Void()
    fallen(street, Ours(street, RTT_S) if policy is None else Rival(street, RTT_S, policy), told_s=12.5)
    assert street.asked_s[0] == 12.5


def test_ours_needs_no_new_connection_once_the_old_one_answers() -> None:
    street = Void()
    device = Ours(street, RTT_S)
    device.owes()
    street.play(0.7)
    assert street.lines
    device.heard()
    street.play(60.0)
    assert device.is_in
    assert [line for line in street.lines if line.is_there and line not in street.said] == []


def test_a_set_up_is_given_up_when_the_agents_shell_would() -> None:
    street = Void()
    device = Ours(street, RTT_S)
    device.falls(told_s=None)
    street.play(RTT_S)
    first = street.said[0]
    street.play(CONNECT_S_MAX - 0.1)
    assert first.is_there
    street.play(CONNECT_S_MAX + RTT_S)
    assert not first.is_there


def test_a_rival_gives_each_attempt_ten_seconds_and_waits_as_its_policy_says() -> None:
    street = Void()
    fallen(street, Rival(street, RTT_S, doubling))
    assert street.asked_s == [1.0, 1.0 + ATTEMPT_S + 1.0, 12.0 + ATTEMPT_S + 2.0, 24.0 + ATTEMPT_S + 4.0, 56.0]
    street = Void(is_refused=True)
    fallen(street, Rival(street, RTT_S, fixed))
    assert street.asked_s == [30.0]
