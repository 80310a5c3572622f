"""Measures which branches of the core the simulator alone takes, and names the others.

    python -m tests.mutation.coverage --seeds 0:300

No test runs here: what counts is only what people, faults and healing bring about by themselves.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coverage import Coverage

CORE = Path(__file__).resolve().parents[2] / "src" / "answerback" / "core"
BRANCHES_PERCENT_MIN = 95.0
"""What the simulator has to reach by itself."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What the simulator reached of one file."""

    file: str
    branches: int
    taken: int
    lines: int
    run: int
    missing_branches: tuple[tuple[int, int], ...]
    missing_lines: tuple[int, ...]


def measure(seeds: range) -> list[Reach]:
    """Play the seeds' worlds and say what they reached of each file."""
    coverage = Coverage(branch=True, data_file=None, include=[f"{CORE}/*"], config_file=False)
    coverage.start()
    try:
        from answerback.lab.simulation.life import live

        with tempfile.TemporaryDirectory(prefix="answerback-") as folder:
            for seed in seeds:
                live(seed, Path(folder))
    finally:
        coverage.stop()
    return [_reach(coverage, path) for path in sorted(CORE.glob("*.py"))]


def _reach(coverage: Coverage, path: Path) -> Reach:
    analysis = coverage._analyze(str(path))  # the public report holds the same, as text
    numbers = analysis.numbers
    missing = tuple((start, end) for start, ends in analysis.missing_branch_arcs().items() for end in ends)
    return Reach(
        file=path.name,
        branches=numbers.n_branches,
        taken=numbers.n_executed_branches,
        lines=numbers.n_statements,
        run=numbers.n_executed,
        missing_branches=tuple(sorted(missing)),
        missing_lines=tuple(sorted(analysis.missing)),
    )


def as_json(reaches: list[Reach]) -> dict[str, Any]:
    """All of it, for programs."""
    branches, taken = sum(reach.branches for reach in reaches), sum(reach.taken for reach in reaches)
    return {
        "branches": branches,
        "taken": taken,
        "percent": percent(taken, branches),
        "files": {
            reach.file: {
                "branches": reach.branches,
                "taken": reach.taken,
                "percent": percent(reach.taken, reach.branches),
                "missing": [_named(reach.file, arc) for arc in reach.missing_branches],
            }
            for reach in reaches
        },
    }


def percent(part: int, whole: int) -> float:
    """How much of the whole a part is."""
    return round(100 * part / whole, 2) if whole else 100.0


def _named(file: str, arc: tuple[int, int]) -> str:
    start, end = arc
    text = (CORE / file).read_text().splitlines()
    target = "the end" if end < 0 else f"{end} `{text[end - 1].strip()}`"
    return f"{start} `{text[start - 1].strip()}` never goes on to {target}"


def _print(reaches: list[Reach]) -> None:
    for reach in reaches:
        print(_line(reach.file, reach.taken, reach.branches))
        for arc in reach.missing_branches:
            print(f"    {_named(reach.file, arc)}")
    branches, taken = sum(reach.branches for reach in reaches), sum(reach.taken for reach in reaches)
    print(_line("all", taken, branches))


def _line(name: str, taken: int, branches: int) -> str:
    return f"{name:20} {taken:4} of {branches:4} branches {percent(taken, branches):7.2f} %"


def main(arguments: list[str]) -> int:
    """Measure, print, and fail below the least."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation.coverage", description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", default="0:300", help="A:B, the worlds to play")
    parser.add_argument("--json", action="store_true", help="print JSON")
    chosen = parser.parse_args(arguments)
    first, _, end = chosen.seeds.partition(":")
    reaches = measure(range(int(first), int(end)))
    if chosen.json:
        print(json.dumps(as_json(reaches), indent=2))
    else:
        _print(reaches)
    branches, taken = sum(reach.branches for reach in reaches), sum(reach.taken for reach in reaches)
    return 0 if percent(taken, branches) >= BRANCHES_PERCENT_MIN else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
