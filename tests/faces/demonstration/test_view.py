"""Proves that the view follows each message stage by stage, and knows why one waits."""

from answerback.model.causes import Cause
from answerback.model.timeline import Stage
from tests.faces.demonstration.performance import Performance


def test_every_message_moves_forward_to_its_answer(performance: Performance) -> None:
    assert performance.stages
    for words, stages in performance.stages.items():
        assert stages[-1] in (Stage.DELIVERED, Stage.READ), words


def test_the_stages_between_are_seen(performance: Performance) -> None:
    seen = {stage for stages in performance.stages.values() for stage in stages}
    assert {Stage.QUEUED, Stage.SENT, Stage.DELIVERED} <= seen


def test_a_wait_has_a_cause_that_is_known(performance: Performance) -> None:
    assert performance.reasons
    assert Cause.UNKNOWN.value not in performance.reasons
