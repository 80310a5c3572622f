"""Proves that the view follows each message stage by stage, and knows why one waits."""

from typing import Any, cast

from answerback.faces.demonstration.view import Row
from answerback.model.causes import Cause
from answerback.model.ids import DeviceId, MessageId
from answerback.model.timeline import Stage
from tests.faces.demonstration.performance import Performance

NOBODY = cast("Any", None)


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


def test_a_message_is_as_far_as_its_slowest_device() -> None:
    phone, tablet = DeviceId(b"2" * 16), DeviceId(b"3" * 16)
    row = Row(MessageId(b"m" * 16), NOBODY, (phone, tablet), Stage.QUEUED)
    row.copies[phone] = Stage.SENT
    assert (row.stage, row.of(tablet)) == (Stage.QUEUED, Stage.QUEUED), "nothing is known yet of the tablet's copy"
    row.copies[tablet] = Stage.DELIVERED
    assert (row.stage, row.open) == (Stage.SENT, True)
    row.copies[phone] = Stage.READ
    assert (row.stage, row.open) == (Stage.DELIVERED, False)
