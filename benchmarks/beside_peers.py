"""Measures Answerback and other servers on the same six pieces of work, in turns in one run, and writes it all down.

    python -m benchmarks.beside_peers --peers FOLDER --rounds 3
    python -m benchmarks.beside_peers --render            from what was measured before, nothing run anew

FOLDER holds the other servers' scripts, w1_online.py to w6_halfopen.py; they are no part of Answerback. They start
Prosody, ejabberd and Mosquitto, which must be installed; `--servers` chooses variants, and `synapse-sqlite` wants
SYNAPSE_PYTHON in the environment. Besides: Linux, `ip`, `nft`, `unshare`, and psutil, uvloop and aiohttp for Python.

Each measurement has a network of its own, loopback only. That needs root, or a kernel that lets everybody make
namespaces; without either it ends with what `unshare` says. In each round the order is turned round.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.beside import plot, table
from benchmarks.beside.measuring import ROOT, measure, measure_together
from benchmarks.beside.records import Record, Session, read, this_machine, write
from benchmarks.beside.works import FULL, PEERS, SHORT, WORKS, Run

RESULTS = ROOT / "benchmarks" / "results" / "beside_peers.json"
PAGE = ROOT / "docs" / "performance.md"
PICTURE = ROOT / "docs" / "pictures" / "beside-peers.svg"
BEGIN, END = "<!-- beside peers: begin -->\n", "<!-- beside peers: end -->\n"
AT_ONCE = 20
"""Of those that mostly wait: two messages a second each leave the machine to itself."""


def main() -> None:
    """Measure what was asked for, keep it, and show it."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--peers", type=Path, help="folder of the other servers' scripts")
    asked.add_argument("--servers", nargs="*", default=list(PEERS))
    asked.add_argument("--only", nargs="*", choices=list(WORKS), default=list(WORKS))
    asked.add_argument("--rounds", type=int, default=2)
    asked.add_argument("--short", action="store_true", help="little of everything, to try it out")
    asked.add_argument("--results", type=Path, default=RESULTS, help="where the raw results are kept")
    asked.add_argument("--page", type=Path, default=PAGE, help="the page whose tables are written anew")
    asked.add_argument("--picture", type=Path, default=PICTURE)
    asked.add_argument("--more", action="store_true", help="add these rounds to the kept results")
    asked.add_argument("--render", action="store_true", help="only write tables and picture from kept results")
    chosen = asked.parse_args()
    _renewed(chosen.page.read_text(encoding="utf-8"), "")  # no run of an hour for a page without a place for it
    if not chosen.render:
        if chosen.peers is None:
            asked.error("--peers FOLDER is needed to measure")
        scale, peers = SHORT if chosen.short else FULL, chosen.peers.resolve()
        runs = {name: WORKS[name].runs(peers, chosen.servers, scale) for name in chosen.only}
        before = read(chosen.results).records if chosen.more else ()
        _measure(runs, before, rounds=chosen.rounds, results=chosen.results)
    session = read(chosen.results)
    chosen.picture.write_text(plot.svg(session), encoding="utf-8")
    chosen.page.write_text(_renewed(chosen.page.read_text(encoding="utf-8"), table.markdown(session)), encoding="utf-8")


def _measure(runs: Mapping[str, Sequence[Run]], before: Sequence[Record], *, rounds: int, results: Path) -> None:
    records = list(before)
    first = max((record.turn for record in records), default=0) + 1
    for turn in range(first, first + rounds):
        for name, each in runs.items():
            records += _played(each if turn % 2 else each[::-1], turn, together=WORKS[name].mostly_waits)
            write(results, Session(machine=this_machine(), records=tuple(records)))


def _played(runs: Sequence[Run], turn: int, *, together: bool) -> list[Record]:
    if together:
        found = measure_together(runs, turn=turn, at_once=AT_ONCE)
        _say(found)
        return found
    found = []
    for run in runs:
        records = measure(run, turn=turn)
        _say(records)
        found += records
    return found


def _say(records: Sequence[Record]) -> None:
    for record in records:
        said = record.broke or " ".join(f"{name}={value}" for name, value in record.found.items())
        print(f"{record.turn} {record.work} {record.who} {record.case} {said}", file=sys.stderr, flush=True)


def _renewed(page: str, tables: str) -> str:
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"the page has no place for the tables: {BEGIN.strip()} … {END.strip()}")
    return f"{before}{BEGIN}\n{tables}\n{END}{after}"


if __name__ == "__main__":
    main()
