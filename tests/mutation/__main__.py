"""Tries every mutant of the core against its tests and the simulator, and keeps the list of those that survive.

python -m tests.mutation                              # all; hours
python -m tests.mutation --files outbox.py lanes.py   # only these
python -m tests.mutation --resume                     # only what has no verdict yet
"""

import argparse
import gc
import json
import sys
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import Phase, settings

from tests.mutation.killers import Killer, Learned, ShortStory, SimulatedWorld, UnitTest, chosen, learn
from tests.mutation.ledger import Ledger, Line
from tests.mutation.mutants import CORE, ROOT, Mutant, mutants_of
from tests.mutation.survivors import write
from tests.mutation.trial import Verdict, attempt

TOO_LONG = ("core/test_story.py", "core/test_planted_defects.py", "test_no_story_of_forged")
"""Left out: what stories do, `ShortStory` does one at a time; the second one plants defects of its own."""
COLUMNS = ("mutants", "killed", "hung", "survived", "unseen", "percent")


class Trials:
    """A pytest plugin: takes the collected tests, and tries mutants instead of running them."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self.lines: list[Line] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        """After the house's own settings: nothing is shrunk and nothing remembered, a failure is enough."""
        quick = settings(deadline=None, database=None, max_examples=30, phases=[Phase.explicit, Phase.generate])
        settings.register_profile("mutants", quick)
        settings.load_profile("mutants")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Instead of the tests."""
        options = self._options
        tests = [UnitTest(item.nodeid, item) for item in session.items if not _takes_too_long(item)]
        stories = [ShortStory(seed) for seed in range(options.stories)]
        worlds = [SimulatedWorld(seed) for seed in range(options.worlds)]
        killers: list[Killer] = [*tests, *stories, *worlds]
        learned = learn(killers)
        for name, what in learned.items():
            if not what.passed:
                print(f"fails without any mutant, so it kills none: {name}", file=sys.stderr)
        ledger = Ledger(Path(tempfile.mkdtemp())) if options.scratch else Ledger()
        gc.collect()
        gc.freeze()
        for file in options.files:
            self._try_file(CORE / Path(file).name, killers, learned, ledger)
        return True

    def _try_file(self, path: Path, killers: list[Killer], learned: dict[str, Learned], ledger: Ledger) -> None:
        options = self._options
        began_s = time.monotonic()
        mutants = [mutant for mutant in mutants_of(path) if options.only in mutant.function]
        for count, mutant in enumerate(mutants, start=1):
            line = ledger.line(mutant)
            if line is None or not (options.resume and (line.killed or not options.again)):
                able = self._in_order(mutant, chosen(killers, learned, mutant), learned, ledger)
                verdict: Verdict = attempt(mutant, able, learned)
                line = ledger.enter(mutant, verdict)
                _say(count, len(mutants), mutant, verdict, began_s, quiet=options.json)
            self.lines.append(line)

    def _in_order(
        self, mutant: Mutant, able: list[Killer], learned: dict[str, Learned], ledger: Ledger
    ) -> list[Killer]:
        """The file's own tests, quick others, worlds and stories; who is quick and kills much comes first."""
        options = self._options
        own = f"/test_{mutant.file.removesuffix('.py')}"
        tests: list[Killer] = []
        spent_s = 0.0
        for killer in able:
            if isinstance(killer, UnitTest):
                spent_s += learned[killer.name].seconds
                if own in killer.name or spent_s <= options.seconds:
                    tests.append(killer)
        worlds = [killer for killer in able if isinstance(killer, SimulatedWorld)][: options.worlds_each]
        stories = [killer for killer in able if isinstance(killer, ShortStory)][: options.stories_each]
        before = ledger.killer_of(mutant)

        def promising(killer: Killer) -> tuple[bool, float]:
            kills = ledger.kills(mutant.file, killer.name)
            return killer.name != before, (learned[killer.name].seconds + 0.001) / (1 + kills)

        hinted = [killer for killer in able if killer.name == before]
        return sorted(dict.fromkeys([*hinted, *tests, *worlds, *stories]), key=promising)


def _takes_too_long(item: pytest.Item) -> bool:
    return any(part in item.nodeid for part in TOO_LONG)


def _say(count: int, of: int, mutant: Mutant, verdict: Verdict, began_s: float, *, quiet: bool) -> None:
    if quiet or (verdict.killed and count % 25):
        return
    print(f"{time.monotonic() - began_s:6.0f} s  {count} of {of}  {verdict.fate.value:8} {mutant.name}", flush=True)
    if not verdict.killed:
        print(f"          line {mutant.line}: {mutant.before}  =>  {mutant.after}", flush=True)


def _sum_up(lines: list[Line]) -> dict[str, dict[str, float]]:
    files: dict[str, dict[str, float]] = {}
    for line in lines:
        for name in (line.file, "all"):
            numbers = files.setdefault(name, {"mutants": 0, "killed": 0, "hung": 0, "survived": 0, "unseen": 0})
            numbers["mutants"] += 1
            numbers[line.fate] += 1
    for numbers in files.values():
        numbers["percent"] = round(100 * (numbers["killed"] + numbers["hung"]) / numbers["mutants"], 2)
    return files


def main(arguments: list[str]) -> int:
    """Try the mutants that were asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__.partition("\n")[0])
    everything = sorted(path.name for path in CORE.glob("*.py"))
    parser.add_argument("--files", nargs="+", default=everything, help="files of core/; all, if not given")
    parser.add_argument("--only", default="", help="only functions whose name contains this")
    parser.add_argument(
        "--killers", nargs="+", default=["tests/core", "tests/attacks"], help="where the unit tests are"
    )
    parser.add_argument("--resume", action="store_true", help="keep verdicts on functions that have not changed")
    parser.add_argument("--again", action="store_true", help="with --resume: try survivors again")
    parser.add_argument("--seconds", type=float, default=2.0, help="of tests of other files for each mutant")
    parser.add_argument("--stories", type=int, default=24, help="stories that may kill")
    parser.add_argument("--worlds", type=int, default=60, help="worlds that may kill")
    parser.add_argument("--stories-each", type=int, default=3, help="stories tried on each mutant")
    parser.add_argument("--worlds-each", type=int, default=6, help="worlds tried on each mutant")
    parser.add_argument("--scratch", action="store_true", help="neither use nor keep verdicts")
    parser.add_argument("--list", action="store_true", help="write the list of survivors anew")
    parser.add_argument("--json", action="store_true", help="print JSON, and nothing else")
    options = parser.parse_args(arguments)
    trials = Trials(options)
    plain = ["-qq", "-s", "--assert=plain", "--tb=native", "-p", "no:cacheprovider"]
    code = pytest.main([*plain, *(str(ROOT / killer) for killer in options.killers)], plugins=[trials])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        return int(code)
    numbers = _sum_up(trials.lines)
    if options.list:
        write([line for line in trials.lines if not line.killed], files=options.files)
    print(json.dumps(numbers, indent=2) if options.json else _table(numbers))
    return 0


def _table(numbers: dict[str, dict[str, float]]) -> str:
    head = f"{'file':20}{'mutants':>9}{'killed':>9}{'hung':>9}{'survived':>9}{'unseen':>9}{'percent':>9}"
    rows = [
        f"{name:20}" + "".join(f"{row[column]:9}" for column in COLUMNS)
        for name, row in sorted(numbers.items(), key=lambda entry: (entry[0] == "all", entry[0]))
    ]
    return "\n".join([head, *rows])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
