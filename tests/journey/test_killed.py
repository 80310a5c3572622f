"""Whoever is killed, whenever: nothing promised is lost, nothing is shown twice, nothing changes places."""

import asyncio
from pathlib import Path

import pytest

from tests.journey.killing import VICTIMS, kill_and_count


@pytest.mark.parametrize("victim", VICTIMS)
def test_a_kill_at_any_moment_loses_nothing_and_doubles_nothing(victim: str, tmp_path: Path) -> None:
    outcome = asyncio.run(kill_and_count(tmp_path, victim=victim, kills=4, seed=3))
    assert outcome.saved > 0
    assert (outcome.lost, outcome.duplicated, outcome.out_of_order, outcome.unanswered) == (0, 0, 0, 0)
