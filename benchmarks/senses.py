"""Measures on real sockets what the product's senses are worth: the packet lab, run after run, in real time.

    python -m benchmarks.senses --traces FOLDER --page docs/lab.md

FOLDER holds recordings in the Mahimahi format (NAME.down, perhaps NAME.up); the links of the package are played, too.
All of it takes about two hours and little of a processor; what was done is kept after each run, and a run that is kept
is not played again. `--quick` plays one recording of the folder, and the package's good link: some twenty minutes.

Needs what `answerback lab` needs: Linux, and the right to make namespaces. Set TMPDIR to a folder in memory: a device
writes before it speaks, and the waits of a busy disk are no network's.
"""

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.senses_runs import table
from benchmarks.senses_runs.cases import Case, cases
from benchmarks.senses_runs.records import play, read, write

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "senses.json"
QUICK_PLACES = 1


def main() -> None:
    """Play what is still missing, keep it, and show all of it."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--traces", type=Path, help="a folder of recordings")
    asked.add_argument("--results", type=Path, default=RESULTS, help="what is done, and what was found")
    asked.add_argument(
        "--only", nargs="*", default=[], metavar="WORD", help="only runs with all these words in their name"
    )
    asked.add_argument("--again", action="store_true", help="play also what is kept")
    asked.add_argument("--quick", action="store_true", help="one recording and the good link")
    asked.add_argument("--at-once", type=int, default=1, help="so many runs that mostly wait")
    asked.add_argument("--page", type=Path, metavar="FILE", help="a page with a place for the tables, written anew")
    asked.add_argument("--render", action="store_true", help="play nothing")
    chosen = asked.parse_args()
    with tempfile.TemporaryDirectory() as constant:
        every = [] if chosen.render else list(cases(chosen.traces, Path(constant)))
        if chosen.quick:
            every = _quick(every)
        done = read(chosen.results)
        wanted = [each for each in every if all(word in each.key.split() for word in chosen.only)]
        missing = [each for each in wanted if chosen.again or each.key not in done or done[each.key].broke]
        _play(missing, chosen.results, at_once=chosen.at_once)
    tables = table.markdown(read(chosen.results))
    print(tables)
    if chosen.page is not None:
        page = chosen.page.read_text(encoding="utf-8")
        chosen.page.write_text(table.renewed(page, tables), encoding="utf-8")


def _quick(every: Sequence[Case]) -> list[Case]:
    places = list(dict.fromkeys(each.place for each in every if each.part == "hole"))
    kept = {*places[:QUICK_PLACES], "good", "constant"}
    return [each for each in every if each.place in kept and each.seed == 1]


def _play(missing: Sequence[Case], results: Path, *, at_once: int) -> None:
    guard, began_s, count = threading.Lock(), time.monotonic(), 0

    def one(case: Case) -> None:
        nonlocal count
        record = play(case)
        with guard:
            count += 1
            write(results, read(results) | {record.key: record})
            took_s = time.monotonic() - began_s
            said = record.broke or table.short(record)
            print(f"{count} of {len(missing)}, {took_s:.0f} s: {record.key}: {said}", file=sys.stderr, flush=True)

    for case in missing:
        if case.is_busy:
            one(case)
    with ThreadPoolExecutor(at_once) as pool:
        for done in [pool.submit(one, case) for case in missing if not case.is_busy]:
            done.result()


if __name__ == "__main__":
    main()
