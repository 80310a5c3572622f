"""Proves that lives from many seeds keep every promise, and that the same seed lives the same life."""

import logging
from pathlib import Path

import pytest

from answerback.lab.simulation.life import live


@pytest.mark.parametrize("seed", [*range(20), 26, 102, 532, 689, 1029])  # the last five broke promises once
def test_no_promise_is_broken(seed: int, tmp_path: Path) -> None:
    outcome = live(seed, tmp_path)
    assert outcome.objections == ()
    assert outcome.messages > 0
    assert outcome.faults


def test_the_same_seed_lives_the_same_life_and_another_one_another(tmp_path: Path) -> None:
    first, again, other = live(3, tmp_path), live(3, tmp_path), live(5, tmp_path)
    assert first.lines == again.lines
    assert first.digest == again.digest != other.digest


def test_a_life_leaves_the_log_as_it_was(tmp_path: Path) -> None:
    logger = logging.getLogger("answerback")
    before = list(logger.handlers), logger.level, logger.propagate
    live(1, tmp_path)
    assert (list(logger.handlers), logger.level, logger.propagate) == before
