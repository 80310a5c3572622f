"""Proves that effects are values, and that each kind is in its closed list."""

import dataclasses
import inspect
from typing import get_args

import pytest

from answerback.core import effects
from answerback.core.effects import Effect, Fact, News, Reason, Wake


def test_every_effect_fact_and_piece_of_news_is_frozen() -> None:
    for kind in (*get_args(Effect), *get_args(Fact), *get_args(News)):
        assert dataclasses.is_dataclass(kind)
        assert vars(kind)["__dataclass_params__"].frozen, kind


def test_every_keep_drop_and_raise_is_a_fact_and_every_other_one_is_not() -> None:
    kinds = {kind for _, kind in inspect.getmembers(effects, inspect.isclass) if kind.__module__ == effects.__name__}
    facts = {kind for kind in kinds if kind.__name__.startswith(("Keep", "Drop", "Raise"))}
    assert facts == set(get_args(Fact))


def test_of_two_times_the_earlier_comes_first_whatever_the_reason() -> None:
    assert min(Wake(2.0, Reason.TURN), Wake(1.0, Reason.UPKEEP), key=lambda wake: wake.at_s).at_s == 1.0
    with pytest.raises(dataclasses.FrozenInstanceError):
        Wake(1.0, Reason.TURN).at_s = 2.0  # type: ignore[misc]
