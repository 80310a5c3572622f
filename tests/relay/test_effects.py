"""What the machines ask for is values."""

import dataclasses

import pytest

from answerback.relay.effects import Close, Listen, Moment


def test_effects_and_moments_are_values() -> None:
    assert Listen(1, on=True) == Listen(1, on=True)
    assert len({Close(1), Close(1), Close(2)}) == 2
    moment = Moment(1.0, 2)
    with pytest.raises(dataclasses.FrozenInstanceError):
        moment.now_s = 3.0  # type: ignore[misc]
