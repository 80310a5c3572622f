"""Both stages offer all that a policy may ask of a stage."""

import inspect

import pytest

from answerback.lab.packets.stage import Stage
from answerback.lab.packets.staging import LoopbackStage, NamespaceStage


@pytest.mark.parametrize("kind", [LoopbackStage, NamespaceStage])
def test_a_stage_offers_what_a_policy_asks_for(kind: type[Stage]) -> None:
    asked = [name for name in vars(Stage) if not name.startswith("_")]
    assert {"far_host", "far_port", "lead_to", "start", "begin", "end"} == set(asked)
    assert [name for name in asked if not hasattr(kind, name)] == []
    for name in ("lead_to", "start", "begin", "end"):
        asked_for = list(inspect.signature(getattr(Stage, name)).parameters.values())
        offered = list(inspect.signature(getattr(kind, name)).parameters.values())
        assert [each.kind for each in offered] == [each.kind for each in asked_for]
