"""Proves that the device and the relay know one and the same kind of moment."""

import dataclasses

import pytest

from answerback.core import effects as of_devices
from answerback.model.moment import Moment
from answerback.relay import effects as of_relays


def test_devices_and_relays_speak_of_one_kind_of_moment() -> None:
    assert of_devices.Moment is of_relays.Moment is Moment


def test_a_moment_is_a_value_that_nobody_changes() -> None:
    now = Moment(1.5, 2_000)
    assert now == Moment(now_s=1.5, wall_ms=2_000)
    with pytest.raises(dataclasses.FrozenInstanceError):
        now.now_s = 2.0  # type: ignore[misc]
