"""Proves that the whole script is said, that answers wait for what they answer, and that a photograph goes along."""

from answerback.faces.demonstration.play import FILE_WORDS
from answerback.faces.demonstration.script import write_script
from tests.faces.demonstration.performance import PLAN, Performance


def test_every_line_of_the_script_is_said(performance: Performance) -> None:
    script = write_script(messages=PLAN.messages, spacing_s=PLAN.spacing_s, seed=PLAN.seed)
    assert {line.text for line in script} <= performance.stages.keys()
    assert any(FILE_WORDS in words for words in performance.stages)


def test_an_answer_comes_after_what_it_answers(performance: Performance) -> None:
    script = write_script(messages=PLAN.messages, spacing_s=PLAN.spacing_s, seed=PLAN.seed)
    texts = {line.number: line.text for line in script}
    said = list(performance.stages)
    answers = [line for line in script if line.answers is not None]
    assert answers
    assert all(said.index(texts[line.answers or 0]) < said.index(line.text) for line in answers)


def test_what_was_answered_was_read(performance: Performance) -> None:
    assert performance.read
