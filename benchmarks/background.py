"""One hour in the background with twenty messages: wake-ups and bytes beside the least that anybody could do with.

    python -m benchmarks.background

What one exchange costs is measured on real sockets with TLS against a real relay; the hour is played in virtual time,
many times with the pure machines that decide (modes, keep-alive, knocking) and twice with whole engines and the relay's
own machines and store, behind translators of addresses that forget after 30 s, 2, 5 and 30 minutes or never, and with
push. `docs/sync.md` says what the minimum is.
"""

import argparse
import asyncio
import json
import math
import re
import statistics
from dataclasses import asdict
from pathlib import Path
from typing import Any

from answerback.core.network.keepalive import Keepalive
from answerback.core.network.modes import Mode, sync_of
from answerback.core.network.probe_budget import Platform
from answerback.device.profile import profile_of
from benchmarks.background_hour.costs import Costs, measure
from benchmarks.background_hour.hour import Hour, held, learned, pushed, whole

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "background.json"
PAGE = ROOT / "docs" / "sync.md"
LIMITS_S = {
    "30 s": 30.0,
    "45 s": 45.0,
    "2 min": 120.0,
    "4 min": 240.0,
    "5 min": 300.0,
    "30 min": 1800.0,
    "none": math.inf,
}
SEEDS = range(50)
WHOLE_SEEDS = range(2)
LEARN_S, LEARN_MORE = 1_800.0, 1.2
"""Whole devices learn a little longer: they begin with a talk."""
RATIO_MAX = 1.3


def play(costs: Costs, *, is_whole: bool) -> list[dict[str, Any]]:
    """Play every network, and push."""
    android, ios = profile_of(Platform.ANDROID), profile_of(Platform.IOS)
    rows = []
    for name, limit_s in LIMITS_S.items():
        keepalive, deaths, took_s = learned(android, limit_s)
        book = keepalive.snapshot()
        hours = []
        for seed in SEEDS:
            again = Keepalive(sync_of(Mode.BACKGROUND, android).keepalive)
            again.restore(book)
            hours.append(held(android, again, limit_s=limit_s, seed=seed, costs=costs))
        rows.append(_row(name, hours) | {"search_lost": deaths, "search_min": round(took_s / 60)})
        fresh = [
            held(
                android,
                Keepalive(sync_of(Mode.BACKGROUND, android).keepalive),
                limit_s=limit_s,
                seed=seed,
                costs=costs,
            )
            for seed in SEEDS
        ]
        rows.append(_row(f"{name}, first hour", fresh))
    for name, limit_s in LIMITS_S.items() if is_whole else ():
        learn_s = LEARN_MORE * learned(android, limit_s)[2] + LEARN_S
        found = [whole(android, limit_s=limit_s, learn_s=learn_s, seed=seed, costs=costs) for seed in WHOLE_SEEDS]
        rows.append(_row(f"{name}, whole devices", found))
    rows.append(_row("push, no connection", [pushed(ios, seed=seed, costs=costs) for seed in SEEDS]))
    return rows


def _row(name: str, hours: list[Hour]) -> dict[str, Any]:
    return {
        "network": name,
        "wake_ups": statistics.median(hour.wake_ups for hour in hours),
        "wake_ups_min": statistics.median(hour.wake_ups_min for hour in hours),
        "wake_ups_ratio": round(statistics.median(hour.wake_ups_ratio for hour in hours), 2),
        "wake_ups_ratio_max": round(max(hour.wake_ups_ratio for hour in hours), 2),
        "bytes": statistics.median(hour.bytes for hour in hours),
        "bytes_min": statistics.median(hour.bytes_min for hour in hours),
        "bytes_ratio": round(statistics.median(hour.bytes_ratio for hour in hours), 2),
        "bytes_ratio_max": round(max(hour.bytes_ratio for hour in hours), 2),
        "asks": statistics.median(hour.asks for hour in hours),
        "deaths": max(hour.deaths for hour in hours),
        "late_s_max": round(max(hour.late_s_max for hour in hours), 1),
    }


def table(result: dict[str, Any]) -> str:
    """Write the page's table."""
    heads = "network forgets after|wake-ups|least|ratio, worst|bytes|least|ratio, worst|connections lost|longest wait"
    lines = ["| " + heads.replace("|", " | ") + " |", "|---" * len(heads.split("|")) + "|"]
    lines += [
        f"| {row['network']} | {row['wake_ups']:.0f} | {row['wake_ups_min']:.0f} | {row['wake_ups_ratio']:.2f},"
        f" {row['wake_ups_ratio_max']:.2f} | {row['bytes'] / 1000:.1f} kB | {row['bytes_min'] / 1000:.1f} kB"
        f" | {row['bytes_ratio']:.2f}, {row['bytes_ratio_max']:.2f} | {row['deaths']} | {row['late_s_max']:.1f} s |"
        for row in result["rows"]
    ]
    return "\n".join(lines)


def write_page(result: dict[str, Any]) -> None:
    """Put the table where the page has its place."""
    text = PAGE.read_text(encoding="utf-8")
    place = re.compile(r"(<!-- background hour -->\n).*?(<!-- end -->)", re.DOTALL)
    PAGE.write_text(place.sub(lambda found: found[1] + table(result) + "\n" + found[2], text), encoding="utf-8")


def main() -> None:
    """Measure, play, judge and write."""
    parser = argparse.ArgumentParser(description="One hour in the background with twenty messages.")
    parser.add_argument("--json", action="store_true", help="print the result and write nothing")
    parser.add_argument("--quick", action="store_true", help="leave the whole devices out, which take a minute")
    arguments = parser.parse_args()
    costs = asyncio.run(measure())
    rows = play(costs, is_whole=not arguments.quick)
    steady = [row for row in rows if "first hour" not in row["network"]]
    worst = max(max(row["wake_ups_ratio_max"], row["bytes_ratio_max"]) for row in steady)
    result = {"costs": asdict(costs), "rows": rows, "worst_ratio": worst, "within": worst <= RATIO_MAX}
    if arguments.json:
        print(json.dumps(result))
        return
    RESULTS.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    write_page(result)
    print(table(result))
    print(f"costs: {asdict(costs)}; worst ratio once learned: {worst}")


if __name__ == "__main__":
    main()
