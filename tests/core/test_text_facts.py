"""Proves that every fact about texts is one that the ledger knows how to keep, and that all of them are values."""

import dataclasses
from typing import get_args

from answerback.core.text_facts import DropText, TextFact
from answerback.device.texting import facts_of


def test_facts_are_values() -> None:
    assert DropText(1) == DropText(1)
    assert all(dataclasses.is_dataclass(fact) for fact in get_args(TextFact))


def test_the_shell_keeps_every_kind_of_fact() -> None:
    made = [object.__new__(fact) for fact in get_args(TextFact)]
    assert facts_of(made) == made
