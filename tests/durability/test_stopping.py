"""Whoever is stopped and goes on later: the others notice, nothing is lost, nothing is shown twice."""

import asyncio
from pathlib import Path

import pytest

from tests.durability.power import VICTIMS
from tests.durability.stopping import stop_and_count

STOPPED_S = {"sender": (4.0, 5.0), "reader": (4.0, 5.0), "relay": (10.0, 11.0)}
"""The relay just long enough that whoever waits for its answer gives the connection up."""


@pytest.mark.parametrize("victim", VICTIMS)
def test_a_process_that_was_stopped_goes_on_and_nothing_is_lost_or_shown_twice(victim: str, tmp_path: Path) -> None:
    outcome = asyncio.run(stop_and_count(tmp_path, victim=victim, stops=1, seed=3, between_s=STOPPED_S[victim]))
    assert outcome.locked_out == outcome.stops, "a stopped process must keep its folder to itself"
    assert outcome.saved > 0
    assert (outcome.lost, outcome.duplicated, outcome.shown_twice, outcome.unanswered) == (0, 0, 0, 0)
    if victim == "relay":
        assert outcome.noticed > 0, "a relay that says nothing must not be believed in"
