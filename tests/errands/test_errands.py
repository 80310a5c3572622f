"""Killed at any step, a device can go on: nothing it had is lost, nothing comes twice, and the errand gets done."""

import asyncio
from pathlib import Path

import pytest

from tests.errands.errands import ERRANDS
from tests.errands.killing import kill_and_look

KILLS = {"register": 3, "re-register": 4, "revoke": 3, "renew": 2, "recover": 2, "give-history": 2}
"""A short version, of two minutes for all of them; docs/proof.md gives the figures of the long one."""


@pytest.mark.parametrize("name", ERRANDS)
def test_an_errand_that_is_killed_anywhere_leaves_a_device_that_works(name: str, tmp_path: Path) -> None:
    outcome = asyncio.run(kill_and_look(tmp_path, name, kills=KILLS.get(name, 1), seed=7))
    assert outcome.faults == []
    assert outcome.kills > 0
    assert outcome.steps > 100, "the steps of a whole process are counted"
