"""Proves that the list of facts is closed, and that no fact shows a secret or a person's words."""

import inspect
from typing import get_args

from answerback.core import facts, log_facts
from answerback.core.facts import Fact, KeepSealSecret


def test_every_keep_drop_and_raise_is_a_fact_and_every_other_one_is_not() -> None:
    rooms = (facts, log_facts)
    kinds = {
        kind
        for room in rooms
        for _, kind in inspect.getmembers(room, inspect.isclass)
        if kind.__module__ == room.__name__
    }
    named = {kind for kind in kinds if kind.__name__.startswith(("Keep", "Drop", "Raise"))}
    assert named == kinds == set(get_args(Fact))


def test_a_fact_does_not_show_its_secret() -> None:
    assert "sesame" not in repr(KeepSealSecret(b"id", b"sesame", 1))
