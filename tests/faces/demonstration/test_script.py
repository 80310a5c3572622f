"""Proves that a script is as long as asked for, numbered, the same for one seed, and answers what came before."""

import pytest

from answerback.faces.demonstration.script import Person, number_of, write_script
from answerback.model.message import Urgency


@pytest.mark.parametrize("messages", [1, 7, 300, 1000])
def test_lines_are_numbered_and_timed(messages: int) -> None:
    script = write_script(messages=messages, spacing_s=0.1, seed=1)
    assert [line.number for line in script] == list(range(1, messages + 1))
    assert [number_of(line.text) for line in script] == [line.number for line in script]
    assert script[-1].at_s == pytest.approx((messages - 1) * 0.1)


def test_one_seed_writes_one_script() -> None:
    first = write_script(messages=100, spacing_s=0.1, seed=1)
    assert write_script(messages=100, spacing_s=0.1, seed=1) == first
    assert write_script(messages=100, spacing_s=0.1, seed=2) != first


def test_both_speak_and_some_of_it_is_urgent() -> None:
    script = write_script(messages=300, spacing_s=0.1, seed=1)
    assert sum(line.by is Person.BEA for line in script) > 60
    assert sum(line.urgency is Urgency.URGENT for line in script) == 15
    by_number = {line.number: line for line in script}
    for line in script:
        assert line.answers is None or (by_number[line.answers].by is Person.ADA and line.answers < line.number)


def test_words_without_a_number_have_none() -> None:
    assert (number_of("From my window"), number_of(""), number_of("007 yes")) == (0, 0, 7)
    assert Person.ADA.other is Person.BEA
    assert Person.BEA.other is Person.ADA
