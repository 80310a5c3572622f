"""A damaged page is found and named, the file is repaired, and the conversation goes on with all that anybody has."""

import asyncio
from pathlib import Path

import pytest

from tests.durability.damaging import LOG, damage_and_count

TRIED = [
    ("relay", "envelope"),
    ("relay", "device"),
    ("reader", "ratchets"),
    ("reader", "lot1"),
    ("sender", "copies"),
    ("sender", "device_lists"),
]
"""Some of those that `python -m tests.durability damage` tries."""


@pytest.mark.parametrize(("victim", "where"), TRIED)
def test_a_damaged_file_is_named_and_repaired_and_what_others_hold_comes_again(
    victim: str, where: str, tmp_path: Path
) -> None:
    outcome = asyncio.run(damage_and_count(tmp_path, victim=victim, where=where))
    assert outcome.named
    assert outcome.promised > 0
    assert (outcome.lost, outcome.duplicated) == (0, 0)


@pytest.mark.parametrize("victim", ["relay", "reader"])
def test_a_log_that_ends_early_is_noticed_by_the_other_side_and_what_it_held_comes_again(
    victim: str, tmp_path: Path
) -> None:
    outcome = asyncio.run(damage_and_count(tmp_path, victim=victim, where=LOG))
    assert outcome.promised > 0
    assert (outcome.lost, outcome.duplicated) == (0, 0)


def test_a_promise_that_nobody_else_knows_of_is_not_lost_in_silence(tmp_path: Path) -> None:
    outcome = asyncio.run(damage_and_count(tmp_path, victim="sender", where="outgoing", patience_s=5.0))
    assert outcome.named
    assert 0 < outcome.lost <= outcome.unfinished
    assert outcome.torn["outgoing"]
