"""Starts one child a target, watches it, and gathers its figures.

A child that makes no progress is ended, and one that dies is no excuse: in both cases the input that was being tried
is in the board and becomes a finding.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz.child import Order, as_text
from tests.fuzz.target import Target
from tests.fuzz.trial import FINDINGS_MAX, HANG_S_MAX, Board, Finding

LOOK_S = 0.2
STUCK = 4
"""Without progress for so many times as long, the child hangs where its own alarm cannot reach it."""
OPEN_S_MAX = 120.0
"""How long a target may take to open; instrumented, on a busy machine."""
SAY_EVERY_S = 5.0


@dataclass(slots=True)
class Figures:
    """What one child did."""

    target: str
    engine: str
    inputs: int = 0
    tries: int = 0
    seconds: float = 0.0
    slowest_ms: float = 0.0
    peak_mib: float = 0.0
    refused: float = 0.0
    """Which part of the tries was refused with an error of ours."""
    findings: dict[str, str] = field(default_factory=dict)

    @property
    def inputs_per_s(self) -> float:
        """How fast it was."""
        return self.inputs / self.seconds if self.seconds else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How children are run."""

    engine: str
    seed: int
    findings: Path
    corpus: Path | None = None
    hang_s: float = HANG_S_MAX
    findings_max: int = FINDINGS_MAX
    say: Callable[[str], None] = lambda _line: None


def run_child(target: Target, *, inputs: int, plan: Plan) -> Figures:
    """Fuzz one target in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="answerback-fuzz-") as folder:
        path = Path(folder) / "board"
        board = Board(path)
        order = Order(
            target=target.name,
            engine=plan.engine,
            inputs=inputs,
            seed=plan.seed,
            board=str(path),
            findings=str(plan.findings),
            corpus=str(plan.corpus or ""),
            hang_s=plan.hang_s,
            findings_max=plan.findings_max,
        )
        with (Path(folder) / "told").open("w+b") as told, (Path(folder) / "errors").open("w+b") as errors:
            child = subprocess.Popen(
                [sys.executable, "-m", "tests.fuzz.child", as_text(order)],
                stdout=told,
                stderr=errors,
                env={**os.environ, "PYTHONHASHSEED": "0", "TMPDIR": folder},
            )
            status, peak_kib = _watch(child.pid, board, target.name, plan)
            child.returncode = os.waitstatus_to_exitcode(status)
            told.seek(0)
            errors.seek(0)
            return _gathered(
                Figures(target.name, plan.engine, peak_mib=peak_kib / 1024),
                board,
                told=told.read(),
                errors=errors.read()[-2_000:].decode(errors="replace"),
                code=child.returncode,
                folder=plan.findings,
            )


def _watch(pid: int, board: Board, name: str, plan: Plan) -> tuple[int, int]:
    """Wait for the child's end, and end it if it makes no progress."""
    moved_s = said_s = time.monotonic()
    tries_before = 0
    while True:
        ended, status, usage = os.wait4(pid, os.WNOHANG)
        if ended:
            return status, usage.ru_maxrss
        time.sleep(LOOK_S)
        inputs, tries, slowest_us = board.read()
        now_s = time.monotonic()
        if tries != tries_before:
            tries_before, moved_s = tries, now_s
        if now_s - moved_s > (STUCK * plan.hang_s if tries else OPEN_S_MAX):
            os.kill(pid, 9)
        if now_s - said_s > SAY_EVERY_S:
            said_s = now_s
            plan.say(f"{name}: {inputs:,} inputs, slowest {slowest_us / 1000:.1f} ms")


def _gathered(figures: Figures, board: Board, *, told: bytes, errors: str, code: int, folder: Path) -> Figures:
    figures.inputs, figures.tries, slowest_us = board.read()
    figures.slowest_ms = slowest_us / 1000
    lines = told.decode(errors="replace").strip().splitlines()
    if code in (0, 1) and lines and lines[-1].startswith("{"):
        last = json.loads(lines[-1])
        figures.seconds, figures.refused, figures.findings = last["seconds"], last["refused"], last["findings"]
        return figures
    said = f"the process ended with {code}" if code >= 0 else f"the process was ended by signal {-code}"
    path = Finding(figures.target, said, errors, board.tried()).write(folder)
    figures.findings[said] = str(path)
    return figures
