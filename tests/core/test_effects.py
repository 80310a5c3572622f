"""Proves that effects, facts and news are values."""

import dataclasses
from typing import get_args

import pytest

from answerback.core.effects import Effect, News, Reason, Wake
from answerback.core.facts import Fact


def test_every_effect_fact_and_piece_of_news_is_frozen() -> None:
    for kind in (*get_args(Effect), *get_args(Fact), *get_args(News)):
        assert dataclasses.is_dataclass(kind)
        assert vars(kind)["__dataclass_params__"].frozen, kind


def test_of_two_times_the_earlier_comes_first_whatever_the_reason() -> None:
    assert min(Wake(2.0, Reason.TURN), Wake(1.0, Reason.UPKEEP), key=lambda wake: wake.at_s).at_s == 1.0
    with pytest.raises(dataclasses.FrozenInstanceError):
        Wake(1.0, Reason.TURN).at_s = 2.0  # type: ignore[misc]
