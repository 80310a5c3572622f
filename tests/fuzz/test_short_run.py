"""A short run of every target, in this process; the long ones are in docs/proof.md."""

from pathlib import Path

import pytest

from tests.fuzz.engines import ENGINES, by_mutation
from tests.fuzz.supervision import Plan, run_child
from tests.fuzz.target import Breaker, Target
from tests.fuzz.targets import TARGETS, find
from tests.fuzz.trial import Board, Trial

INPUTS = {
    "device-frames": 8_000,
    "relay-frames": 8_000,
    "letters": 4_000,
    "http-bodies": 4_000,
    "texts": 800,
    "signed": 300,
    "sealed": 2_000,
    "backups": 3_000,
    "exchange": 3_000,
    "datagrams": 5_000,
    "engine": 300,
    "relay-http": 1_000,
    "relay-websocket": 500,
    "local-api": 300,
    "files": 100,
    "journal": 10,
    "relay-answers": 200,
    "loopback": 30,
}


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_nothing_that_is_said_at_a_door_breaks_what_is_behind_it(target: Target, tmp_path: Path) -> None:
    with target.open() as probe:
        trial = Trial(target, probe, Board(tmp_path / "board"), tmp_path / "findings", hang_s=0)
        by_mutation(trial, Breaker(target, probe), inputs=INPUTS[target.name], seed=7)
    assert trial.findings == {}
    assert trial.inputs >= INPUTS[target.name]


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_plays_in_a_process_of_its_own(engine: str, tmp_path: Path) -> None:
    plan = Plan(engine=engine, seed=5, findings=tmp_path)
    figures = run_child(find("device-frames"), inputs=1_500, plan=plan)
    assert figures.findings == {}
    assert figures.inputs >= 1_500
    assert 0 < figures.refused < 1, "some of what was broken is still a frame"
