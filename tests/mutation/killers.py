"""Holds what may kill a mutant: unit tests, short stories and simulated worlds, and knows which lines each one runs."""

import hashlib
import os
import pickle
import signal
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
"""What was measured, by what was measured; costs minutes, so it is kept."""
KILLER_S_MAX = 10.0
"""Who needs longer while nothing is wrong is too slow to be asked about thousands of mutants."""
STORY = frozenset("story world disk post_office witness".split())
"""The files a story is made of."""


class Killer(Protocol):
    """Something that fails when a promise of the core is broken."""

    @property
    def name(self) -> str:
        """What it is called in a verdict."""

    def passes(self) -> bool:
        """Run it in this process."""


@dataclass(frozen=True, slots=True)
class UnitTest:
    """One test."""

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
    """Run each killer that was never measured on this code once, in another process, and see what it runs."""
    kept = LEARNED / f"{_digest_of(ROOT / 'src' / 'answerback')}.pickle"
    known: dict[tuple[str, str], Learned] = pickle.loads(kept.read_bytes()) if kept.exists() else {}
    signed = {killer.name: (killer.name, _digest_of(*_sources(killer))) for killer in killers}
    unknown = [killer for killer in killers if signed[killer.name] not in known]
    if unknown:
        LEARNED.mkdir(parents=True, exist_ok=True)
        fresh = LEARNED / "fresh.pickle"
        pid = os.fork()
        if pid == 0:
            os._exit(_learn_here(unknown, fresh))
        _, status = os.waitpid(pid, 0)
        if os.waitstatus_to_exitcode(status) != 0:
            raise SystemExit("the killers could not be measured")
        found: dict[str, Learned] = pickle.loads(fresh.read_bytes())
        known |= {signed[name]: learned for name, learned in found.items()}
        kept.write_bytes(pickle.dumps(known))
    return {killer.name: known[signed[killer.name]] for killer in killers}


def chosen(killers: Iterable[Killer], learned: dict[str, Learned], mutant: Mutant) -> list[Killer]:
    """The killers that run the mutant's lines, the quickest first."""
    able = [
        killer
        for killer in killers
        if learned[killer.name].passed and not mutant.lines.isdisjoint(learned[killer.name].lines.get(mutant.file, ()))
    ]
    return sorted(able, key=lambda killer: learned[killer.name].seconds)


def _learn_here(killers: Sequence[Killer], fresh: Path) -> int:
    coverage = Coverage(data_file=None, include=[f"{CORE}/*"], config_file=False)
    seconds: dict[str, float] = {}
    passed: dict[str, bool] = {}
    coverage.start()
    for killer in killers:
        coverage.switch_context(killer.name)
        began_s = time.process_time()
        passed[killer.name] = _passes_in_time(killer)
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
    fresh.write_bytes(pickle.dumps(learned))
    return 0


def _passes_in_time(killer: Killer) -> bool:
    signal.signal(signal.SIGVTALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_VIRTUAL, KILLER_S_MAX)
    try:
        return killer.passes()
    except KeyboardInterrupt:  # it goes through every loop, as it does for a person who has waited long enough
        return False
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def _sources(killer: Killer) -> list[Path]:
    """What a killer is made of, beside the product."""
    beside = [path for path in (ROOT / "tests" / "core").glob("*.py") if not path.name.startswith("test_")]
    if isinstance(killer, UnitTest):
        return [killer.item.path, *sorted(beside)]
    return sorted(path for path in beside if path.stem in STORY) if isinstance(killer, ShortStory) else []


def _digest_of(*paths: Path) -> str:
    digest = hashlib.sha256()
    for path in paths:
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
