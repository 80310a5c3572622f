"""Proves that sleep is told from work, with two clocks or with one."""

import time

import pytest

from answerback.transport.sleep import LATE_S_MIN, SLEPT_S_MIN, SleepClock, system_clocks


class Machine:
    """A machine that works and sleeps."""

    def __init__(self) -> None:
        self.awake_s = self.through_s = 100.0

    def work(self, seconds: float) -> None:
        self.awake_s += seconds
        self.through_s += seconds

    def sleep(self, seconds: float) -> None:
        self.through_s += seconds

    def clock(self) -> SleepClock:
        return SleepClock((lambda: self.through_s, lambda: self.awake_s))


def test_two_clocks_tell_exactly_how_long_it_slept_and_say_it_once() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.work(3600)
    assert clock.slept_s() == 0
    machine.sleep(1800)
    machine.work(5)
    assert clock.slept_s() == 1800
    assert clock.slept_s() == 0


def test_a_nap_no_connection_notices_is_none() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.sleep(SLEPT_S_MIN / 2)
    assert clock.slept_s() == 0


def test_with_one_clock_a_timer_that_comes_far_too_late_is_the_sign() -> None:
    now_s = 100.0
    clock = SleepClock(now_s=lambda: now_s)
    assert clock.slept_s() == 0, "nothing was due"
    clock.due_in(5.0)
    now_s += 5.0 + LATE_S_MIN / 2
    assert clock.slept_s() == 0, "a busy machine is late as well"
    clock.due_in(5.0)
    now_s += 5.0 + 1800
    assert clock.slept_s() == 1800
    now_s += 1800
    assert clock.slept_s() == 0, "what was not due cannot be late"


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="NOT TRIED: this system has no clock of its boot")
def test_this_machine_is_awake() -> None:
    clocks = system_clocks("linux")
    assert clocks is not None
    through, awake = clocks
    assert through() >= awake() - 1e-3
    clock = SleepClock(clocks)
    assert clock.slept_s() == 0


def test_a_system_without_such_clocks_says_so() -> None:
    assert system_clocks("win32") is None
    assert system_clocks("plan9") is None
