"""Measures Answerback and other servers on the same work, one after the other in one run, and prints a table.

    python benchmarks/beside_peers.py FOLDER --rounds 3

FOLDER holds the other servers' scripts: `w1_online.py` (pairs), `w2_offline.py` (a backlog), `w4_memory.py` (silence)
and `w5_storm.py` (a crowd), each taking `--server NAME` and printing one line of JSON last. They are no part of
Answerback. Servers that listen on fixed ports want a network of their own: run all of this inside one, ours with them.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Found = dict[str, Any]
RUN_S_MAX = 900.0
OURS = "from answerback.faces.bench import bench; bench()"


@dataclass(frozen=True)
class Contest:
    """One piece of work: what we run, what they run, and the figures of both under one name."""

    ours: list[str]
    theirs: str
    variants: list[list[str]]
    columns: dict[str, Callable[[Found], Any]]


def named(*names: str, scale: float = 1.0) -> Callable[[Found], Any]:
    """Read the first of these names that is there; a pair gives its number by index, as `name.0`."""

    def read(found: Found) -> Any:  # noqa: ANN401 - whatever stands there
        for name in names:
            value: Any = found
            for part in name.split("."):
                if isinstance(value, list):
                    value = value[int(part)] if int(part) < len(value) else None
                elif isinstance(value, dict):
                    value = value.get(part)
            if value is not None:
                return value * (scale if name == names[-1] else 1.0) if isinstance(value, (int, float)) else value
        return None

    return read


CONTESTS = {
    "throughput": Contest(
        ["throughput"],
        "w1_online.py",
        [[], ["--together", "16"], ["--sealed"], ["--tls"]],
        {
            "delivered/s": named("delivered_per_s"),
            "answered/s": named("answered_per_s", "receipts_per_s"),
            "delivered p50 ms": named("delivered_ms_p50", "deliver_ms_p50_p99.0"),
            "delivered p99 ms": named("delivered_ms_p99", "deliver_ms_p50_p99.1"),
            "answered p50 ms": named("answered_ms_p50", "receipt_ms_p50_p99.0"),
            "answered p99 ms": named("answered_ms_p99", "receipt_ms_p50_p99.1"),
            "server CPU s/s": named("relay_cpu_s_per_s", "server_cpu_s_per_wall_s"),
            "disk sync p50 ms": named("disk_sync_ms_p50"),
        },
    ),
    "drain": Contest(
        ["drain"],
        "w2_offline.py",
        [[], ["--sealed"]],
        {
            "accepted/s": named("accept_per_s"),
            "drain s": named("drain_s"),
            "got": named("got"),
            "lost": named("lost", "lost_of_acked"),
            "duplicated": named("duplicated", "dup"),
            "out of order": named("out_of_order"),
        },
    ),
    "storm": Contest(
        ["storm"],
        "w5_storm.py",
        [[], ["--tls"]],
        {
            "resynced p50 s": named("resynced_s_p50", "resynced_ms.p50", scale=0.001),
            "resynced p99 s": named("resynced_s_p99", "resynced_ms.p99", scale=0.001),
            "resynced max s": named("resynced_s_max", "resynced_ms.max_ms", scale=0.001),
            "all back": named("resynced", "resynced_ms.n"),
            "server CPU s": named("relay_cpu_s", "server_cpu_s"),
        },
    ),
    "idle": Contest(
        ["idle"],
        "w4_memory.py",
        [[], ["--tls"]],
        {
            "KB/connection": named("kb_per_connection", "kb_per_conn"),
            "connections": named("connections", "n"),
            "connects/s": named("connect_per_s"),
        },
    ),
}


@dataclass
class Rows:
    """All results of one contest, by who."""

    found: dict[str, list[Found]] = field(default_factory=dict)

    def add(self, who: str, result: Found) -> None:
        self.found.setdefault(who, []).append(result)


def main() -> None:
    """Run what was asked for, and print what was found."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("peers", type=Path, help="folder of the other servers' scripts")
    asked.add_argument("--servers", nargs="*", default=["ejabberd-sqlite", "ejabberd-nomam"])
    asked.add_argument("--only", nargs="*", choices=sorted(CONTESTS), default=list(CONTESTS))
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--out", type=Path, help="append every result here, one line of JSON each")
    options = asked.parse_args()
    for name in options.only:
        contest, rows = CONTESTS[name], Rows()
        for _ in range(options.rounds):
            for who, result in one_round(contest, options.peers, options.servers):
                rows.add(who, result)
                print(f"  {name}: {who}: {json.dumps(result)}", file=sys.stderr, flush=True)
                if options.out:
                    with options.out.open("a", encoding="utf-8") as file:
                        file.write(json.dumps({"contest": name, "who": who, **result}) + "\n")
        print_table(name, contest, rows)


def one_round(contest: Contest, peers: Path, servers: list[str]) -> Iterator[tuple[str, Found]]:
    """Run everybody once, ours first."""
    for variant in contest.variants:
        who = " ".join(["answerback", *variant])
        yield who, last_line([sys.executable, "-c", OURS, *contest.ours, *variant, "--json"], Path.cwd())
    for server in servers:
        with tempfile.TemporaryDirectory() as folder:  # they write a file of results where they stand
            yield (
                server,
                last_line([sys.executable, str((peers / contest.theirs).resolve()), "--server", server], Path(folder)),
            )


def last_line(command: list[str], folder: Path) -> Found:
    """Run one measurement in a process of its own and read its last line; what failed says so in the table."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=RUN_S_MAX, check=False)
    except subprocess.TimeoutExpired:
        return {"broke": f"more than {RUN_S_MAX:.0f} s"}
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        return {"broke": (done.stderr.strip().splitlines() or ["no word"])[-1]}
    found: Found = json.loads(lines[-1])
    return found


def print_table(name: str, contest: Contest, rows: Rows) -> None:
    """Print the median of each figure, and behind it the least and the most."""
    print(f"\n### {name}\n\n| | {' | '.join(contest.columns)} |\n|---|{'---|' * len(contest.columns)}")
    for who, results in rows.found.items():
        cells = [cell([read(result) for result in results]) for read in contest.columns.values()]
        broke = [result["broke"] for result in results if "broke" in result]
        print(f"| {who} | {' | '.join(cells)} |" + (f" {len(broke)} broke off: {broke[0]}" if broke else ""))
    print(flush=True)


def cell(values: list[Any]) -> str:
    """Write one cell."""
    numbers = [value for value in values if isinstance(value, (int, float))]
    if not numbers:
        return "–"
    low, middle, high = min(numbers), statistics.median(numbers), max(numbers)
    return written(middle) if low == high else f"{written(middle)} ({written(low)}–{written(high)})"


def written(value: float) -> str:
    """Write a number as short as it stays true."""
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


if __name__ == "__main__":
    main()
