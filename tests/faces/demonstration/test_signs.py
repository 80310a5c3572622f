"""Proves that each set of signs is whole, distinct, and one cell wide, so that no picture jumps."""

import pytest
from rich.cells import cell_len

from answerback.faces.demonstration.signs import ASCII, UNICODE, Signs
from answerback.model.timeline import Stage


@pytest.mark.parametrize("signs", [UNICODE, ASCII])
def test_every_stage_has_a_sign_of_one_cell(signs: Signs) -> None:
    assert signs.ticks.keys() == set(Stage)
    single = [*signs.bars, signs.dark, signs.killed, signs.done, signs.open, signs.on, signs.off, signs.writes]
    assert all(cell_len(sign) == 1 for sign in [*single, *signs.numbers, *signs.ticks.values(), signs.ellipsis])


@pytest.mark.parametrize("signs", [UNICODE, ASCII])
def test_stages_that_mean_something_else_look_different(signs: Signs) -> None:
    told = [signs.ticks[stage] for stage in (Stage.QUEUED, Stage.SENT, Stage.ACCEPTED, Stage.DELIVERED, Stage.READ)]
    assert len(set(told)) == len(told)
    assert len(set(signs.bars)) == len(signs.bars)
    assert signs.dark not in signs.bars
    assert signs.killed not in signs.bars


def test_plain_signs_are_ascii() -> None:
    assert all(sign.isascii() for sign in [*ASCII.bars, *ASCII.ticks.values(), *ASCII.numbers, ASCII.dash])
