"""Proves what the stages of a copy mean, and in which order they stand."""

from answerback.model.causes import Cause
from answerback.model.timeline import Evidence, Stage, Step


def test_stages_stand_in_the_order_of_the_road() -> None:
    road = [Stage.COMPOSED, Stage.QUEUED, Stage.SEALED, Stage.SENT, Stage.ACCEPTED, Stage.DELIVERED, Stage.READ]
    assert road == sorted(road)
    assert all(stage < Stage.FAILED for stage in road)


def test_only_the_recipients_device_answers_and_only_giving_up_is_final() -> None:
    assert [stage for stage in Stage if stage.answered] == [Stage.DELIVERED, Stage.READ]
    assert [stage for stage in Stage if stage.final] == [Stage.FAILED, Stage.EXPIRED]


def test_a_step_without_a_cause_says_unknown() -> None:
    assert Step(Stage.SENT, Evidence.SOCKET, 0).cause is Cause.UNKNOWN
