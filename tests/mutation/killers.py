"""Holds what may kill a mutant: unit tests, short stories and simulated worlds, and knows which lines each one runs."""

import hashlib
import os
import pickle
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest
from _pytest.runner import runtestprotocol
from coverage import Coverage

from answerback.lab.simulation.life import live
from tests.core.story import Story
from tests.mutation.mutants import CORE, ROOT, Mutant

LEARNED = ROOT / "local" / "mutation" / "learned"
"""What was measured, by what was measured; costs two minutes, so it is kept."""


class Killer(Protocol):
    """Something that fails when a promise of the core is broken."""

    @property
    def name(self) -> str:
        """What it is called in a verdict."""

    def passes(self) -> bool:
        """Run it in this process."""


@dataclass(frozen=True, slots=True)
class UnitTest:
    """One test of `tests/core`."""

    name: str
    item: pytest.Item

    def passes(self) -> bool:
        """Run it with its fixtures."""
        return not any(report.failed for report in runtestprotocol(self.item, log=False, nextitem=None))


@dataclass(frozen=True, slots=True)
class ShortStory:
    """One random story of the core's own test world."""

    seed: int

    @property
    def name(self) -> str:
        """Its seed."""
        return f"story {self.seed}"

    def passes(self) -> bool:
        """Play it."""
        return Story(self.seed).play() == []


@dataclass(frozen=True, slots=True)
class SimulatedWorld:
    """One life of the simulator."""

    seed: int

    @property
    def name(self) -> str:
        """Its seed."""
        return f"world {self.seed}"

    def passes(self) -> bool:
        """Play it."""
        with tempfile.TemporaryDirectory(prefix="answerback-") as folder:
            return not live(self.seed, Path(folder)).objections


@dataclass(frozen=True, slots=True)
class Learned:
    """What one killer does while nothing is wrong."""

    passed: bool
    seconds: float
    lines: dict[str, frozenset[int]]
    """Lines it runs, by file of the core."""


def learn(killers: Sequence[Killer]) -> dict[str, Learned]:
    """Run each killer once, in another process, and see what it runs."""
    kept = LEARNED / f"{_digest(killers)}.pickle"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        pid = os.fork()
        if pid == 0:
            os._exit(_learn_here(killers, kept))
        _, status = os.waitpid(pid, 0)
        if os.waitstatus_to_exitcode(status) != 0:
            raise SystemExit("the killers could not be measured")
    learned: dict[str, Learned] = pickle.loads(kept.read_bytes())
    return learned


def chosen(killers: Iterable[Killer], learned: dict[str, Learned], mutant: Mutant) -> list[Killer]:
    """The killers that run the mutant's lines, the quickest first."""
    able = [
        killer
        for killer in killers
        if learned[killer.name].passed and not mutant.lines.isdisjoint(learned[killer.name].lines.get(mutant.file, ()))
    ]
    return sorted(able, key=lambda killer: learned[killer.name].seconds)


def _learn_here(killers: Sequence[Killer], kept: Path) -> int:
    coverage = Coverage(data_file=None, include=[f"{CORE}/*"], config_file=False)
    seconds: dict[str, float] = {}
    passed: dict[str, bool] = {}
    coverage.start()
    for killer in killers:
        coverage.switch_context(killer.name)
        began_s = time.process_time()
        passed[killer.name] = killer.passes()
        seconds[killer.name] = time.process_time() - began_s
        print(f"{seconds[killer.name]:7.2f} s  {'' if passed[killer.name] else 'FAILS '}{killer.name}", file=sys.stderr)
    coverage.stop()
    data = coverage.get_data()
    lines: dict[str, dict[str, set[int]]] = {name: {} for name in seconds}
    for path in sorted(CORE.glob("*.py")):
        for line, names in data.contexts_by_lineno(str(path)).items():
            for name in names:
                if name in lines:
                    lines[name].setdefault(path.name, set()).add(line)
    learned = {
        name: Learned(passed[name], seconds[name], {file: frozenset(ran) for file, ran in lines[name].items()})
        for name in seconds
    }
    unready = kept.with_suffix(".unready")
    unready.write_bytes(pickle.dumps(learned))
    unready.rename(kept)
    return 0


def _digest(killers: Sequence[Killer]) -> str:
    digest = hashlib.sha256("\n".join(killer.name for killer in killers).encode())
    for folder in (ROOT / "src" / "answerback", ROOT / "tests" / "core"):
        for path in sorted(folder.rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
