"""Proves that the fuzzer can fail: every planted defect is found, and the input that shows it is kept."""

from pathlib import Path

import pytest

from tests.fuzz.engines import by_mutation
from tests.fuzz.supervision import Plan, run_child
from tests.fuzz.target import Breaker
from tests.fuzz.targets import find
from tests.fuzz.trial import Board, Trial, read_finding


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("planted-loop", "TookTooLong"),
        ("planted-stick", "signal 9"),
        ("planted-hoard", "MemoryError"),
        ("planted-crash", "signal 11"),
    ],
)
def test_what_hangs_hoards_or_crashes_is_found_from_outside(name: str, said: str, tmp_path: Path) -> None:
    plan = Plan(engine="mutation", seed=3, findings=tmp_path, hang_s=0.5, findings_max=1)
    figures = run_child(find(name), inputs=20_000, plan=plan)
    (finding,) = [read_finding(Path(path)) for path in figures.findings.values()]
    assert said in finding.error
    assert b"Ping" in finding.data, "the offending input is kept"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("planted-raise", "KeyError"),
        ("planted-drop", "never came"),
        ("planted-elsewhere", "hears nothing"),
        ("planted-stumble", "KeyError"),
        ("planted-local", "KeyError"),
    ],
)
def test_what_raises_or_loses_mail_is_found(name: str, said: str, tmp_path: Path) -> None:
    target = find(name)
    with target.open() as probe:
        trial = Trial(target, probe, Board(tmp_path / "board"), tmp_path, hang_s=0, findings_max=1)
        by_mutation(trial, Breaker(target, probe), inputs=20_000, seed=3)
    (finding,) = map(read_finding, trial.findings.values())
    assert said in finding.error
    assert finding.data, "the offending input is kept"
