"""Proves that what a kernel does with a SYN is told as measured, and that what is not known is counted in full."""

import pytest

from answerback.core.network.repetitions import (
    COUNTED_S_MAX,
    DOUBLING,
    LINEAR,
    LINEAR_TIMEOUTS,
    UNKNOWN,
    Repetitions,
    repetitions,
)


def test_linux_repeats_a_second_apart_before_it_doubles() -> None:
    assert LINEAR.counted_s == LINEAR.sure_s == (1.0, 2.0, 3.0, 4.0, 5.0, 7.0), "measured with Linux 6.18"
    assert DOUBLING.counted_s == DOUBLING.sure_s == (1.0, 3.0, 7.0)
    assert LINEAR_TIMEOUTS == 4


@pytest.mark.parametrize("linear_timeouts", [-1, 0, 1, 4, 8, 127, 10**9])
def test_whatever_somebody_has_set_no_kernel_is_told_to_do_what_none_does(linear_timeouts: int) -> None:
    found = repetitions(linear_timeouts)
    assert found.counted_s[0] == 1.0
    assert found.counted_s[-1] < COUNTED_S_MAX
    assert len(found.counted_s) <= 9
    assert set(DOUBLING.counted_s) <= set(found.counted_s) or linear_timeouts == 1


def test_of_a_kernel_nobody_knows_all_is_counted_and_only_what_every_one_does_is_relied_on() -> None:
    assert Repetitions(LINEAR.counted_s, DOUBLING.sure_s) == UNKNOWN


def test_how_many_have_left() -> None:
    assert [LINEAR.within(age_s) for age_s in (0.5, 1.0, 1.1, 6.0, 99.0)] == [0, 0, 1, 5, 6]


def test_what_may_not_leave_stands_for_no_probe() -> None:
    assert LINEAR.wasted == DOUBLING.wasted < UNKNOWN.wasted
