"""Ten thousand devices return at once: over real sockets as far as a machine goes, the rest in virtual time.

    python -m benchmarks.storm --real      one round over real sockets; added to those before, their medians count
    python -m benchmarks.storm --virtual   plays 10,000 with the costs that were measured
    python -m benchmarks.storm             writes page and picture again from the results

The real part measures what serving one device costs the relay; the virtual part plays the relay's own decisions with
these costs (`answerback.lab.storms`), on this machine and on one a quarter as fast.
"""

import argparse
import dataclasses
import json
import math
import random
import re
import statistics
from functools import partial
from pathlib import Path
from typing import Any

from answerback.faces.benchmarking.figures import percentile
from answerback.faces.benchmarking.hosting import run
from answerback.lab import storms
from answerback.lab.crowd import OURS, POLICIES
from answerback.lab.storms import Costs, Course, Storm
from answerback.relay.admission import Admission
from benchmarks.storms import handshakes, picture, returning

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "storms.json"
PICTURE = ROOT / "docs" / "pictures" / "storms.svg"
PAGE = ROOT / "docs" / "storms.md"
CROWD, STOP_S = 10_000, 60.0
SLOWER = 4
ACCEPT_S, LOOK_S = 0.00005, 0.00001
TOLD_STOP_S = 5.0
FROZEN_S = 10.0
SHORT = f"ours, away for {TOLD_STOP_S:.0f} s"
FROZEN = f"ours, relay frozen for {FROZEN_S:.0f} s"
AWAY_CLIENTS = 300
SHOWN = ("p50_s", "p99_s", "last_s", "attempts_each", "setups_each", "cpu_ms_each")
DOORS = {True: "turnstile", False: "open door"}
LABELS = {
    (OURS, True): ("turnstile, our devices", "ours"),
    (OURS, False): ("open door, our devices", "open"),
    ("back-off, full jitter", True): ("turnstile, back-off with full jitter up to 60 s", "jitter"),
    ("back-off, no jitter", False): ("open door, back-off without jitter", "plain"),
    ("every 30 s", False): ("open door, every 30 s", "fixed"),
}
Row = dict[str, Any]


def real(clients: int, stop_s: float) -> list[Row]:
    """Play the return over real sockets."""
    plays = (
        ("plain", {"tls": False}),
        ("TLS", {"tls": True}),
        ("TLS, open door", {"tls": True, "is_open": True}),
        ("TLS, told when to come", {"tls": True, "is_told": True}),
    )
    rows: list[Row] = []
    for name, kinds in plays:
        seen = run(returning.play(clients=clients, stop_s=stop_s, **kinds))
        each_s = seen.relay_cpu_s / max(len(seen.welcomed_s), 1)
        rows.append(
            {
                "what": name,
                "clients": clients,
                "in": len(seen.welcomed_s),
                "p50_s": percentile(seen.welcomed_s, 0.5),
                "p99_s": percentile(seen.welcomed_s, 0.99),
                "last_s": seen.welcomed_s[-1],
                "attempts_each": seen.attempts / clients,
                "setups_each": seen.setups / clients,
                "cpu_ms_each": 1000 * each_s,
                "told_last_s": seen.told_s[-1] if seen.told_s else None,
            }
        )
        print(rows[-1], flush=True)
    return rows


def medians(rounds: list[list[Row]]) -> list[Row]:
    """Give the median of each figure over the rounds."""
    found: list[Row] = []
    for rows in zip(*rounds, strict=True):
        row = dict(rows[0])
        for key in (key for key, value in row.items() if isinstance(value, float)):
            row[key] = statistics.median(each[key] for each in rows)
        row["in"] = min((each["in"] for each in rows if "in" in each), default=0)
        found.append(row)
    return found


def costs_of(rows: list[Row]) -> Costs:
    """Take the relay's costs from what was measured."""
    plain_s, tls_s = (
        next(row["cpu_ms_each"] / 1000 for row in rows if row["what"] == name) for name in ("plain", "TLS")
    )
    let_in_s = plain_s - ACCEPT_S
    return Costs(accept_s=ACCEPT_S, handshake_s=tls_s - plain_s, let_in_s=let_in_s, look_s=LOOK_S)


def slowed(costs: Costs, factor: float) -> Costs:
    """Give the same on a slower machine."""
    return Costs(**{field.name: factor * getattr(costs, field.name) for field in dataclasses.fields(costs)})


def virtual(costs: Costs) -> list[Row]:
    """Play 10,000 in virtual time."""
    rows: list[Row] = []
    for factor in (1, SLOWER):
        usual = Storm(clients=CROWD, stop_s=STOP_S, costs=slowed(costs, factor))
        for name, policy in POLICIES.items():
            for has_turnstile in (True, False):
                storm = dataclasses.replace(usual, policy=policy, has_turnstile=has_turnstile)
                rows.append(_row(name, factor, storm))
        short = dataclasses.replace(usual, stop_s=TOLD_STOP_S)
        rows.append(_row(SHORT, factor, short))
        admission = Admission(random.Random(1).random, capacity_per_s=1 / usual.costs.one_s)
        told_s = partial(_told_s, admission)
        rows.append(_row("ours, told when to come", factor, dataclasses.replace(short, told_s=told_s)))
        rows.append(_row(FROZEN, factor, dataclasses.replace(usual, frozen_s=FROZEN_S)))
    return rows


def _told_s(admission: Admission) -> float:
    return admission.return_ms(after_s=TOLD_STOP_S, now_s=0.0) / 1000


def _row(name: str, factor: int, storm: Storm) -> Row:
    course: Course = storms.play(storm)
    needed = 0 if storm.frozen_s else storm.clients - course.starved
    work_s = course.busy_s - storm.frozen_s - (storm.clients * storm.costs.answer_s if storm.frozen_s else 0.0)
    row: Row = {
        "devices": name,
        "door": DOORS[storm.has_turnstile],
        "slower": factor,
        "oracle_s": course.oracle_s,
        "full_s": course.full_s if math.isfinite(course.full_s) else None,
        "p50_s": _finite(course.within_s(0.5)),
        "p99_s": _finite(course.within_s(0.99)),
        "attempts_each": course.attempts / storm.clients,
        "setups_each": course.setups / storm.clients,
        "served_each": course.served / storm.clients,
        "line_max": course.line_max,
        "busy_share_wasted": 1 - needed * storm.costs.one_s / work_s,
        "wasted_s": work_s - needed * storm.costs.one_s,
        "worst_share": course.worst_share,
        "starved": course.starved,
        "curve_s": [round(each_s, 2) for each_s in course.welcomed_s[:: storm.clients // 500]],
    }
    print({key: value for key, value in row.items() if key != "curve_s"}, flush=True)
    return row


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def drawn(found: Row) -> str:
    """Draw the curves."""
    panels = []
    for factor, title in ((1, "this machine"), (SLOWER, "a machine a quarter as fast")):
        rows = [row for row in found["virtual"] if row["slower"] == factor]
        curves = [
            picture.Curve(*LABELS[row["devices"], row["door"] == "turnstile"], row["curve_s"])
            for row in rows
            if (row["devices"], row["door"] == "turnstile") in LABELS
        ]
        clients = CROWD // (CROWD // 500)
        oracle_s = rows[0]["oracle_s"]
        end_s = 60.0 if factor == 1 else 240.0
        panels.append(picture.Panel(f"{title}: {oracle_s:.0f} s of work", clients, oracle_s, end_s, curves))
    return picture.svg(panels)


def tables(found: Row) -> str:
    """Write what was found as Markdown."""
    lines = ["", "Over real sockets, relay and devices on one machine of two busy cores:", ""]
    lines += [
        "| | devices | in | half in, s | 99 % in, s | last in, s | SYNs each | set-ups each | relay CPU each, ms |"
    ]
    lines += ["|---|---|---|---|---|---|---|---|---|"]
    rows = medians(found["rounds"])
    for row in rows:
        figures = [
            f"{row[key]:.2f}" for key in ("p50_s", "p99_s", "last_s", "attempts_each", "setups_each", "cpu_ms_each")
        ]
        lines.append(f"| {row['what']} | {row['clients']:,} | {row['in']:,} | {' | '.join(figures)} |")
    lines += ["", f"Medians of {len(found['rounds'])} round(s)."]
    lines[-1] += f" To be told to come later, over TLS, costs the relay {found['away_ms']:.2f} ms for each."
    for factor, title in ((1, "This machine"), (SLOWER, "A machine a quarter as fast")):
        rows = [row for row in found["virtual"] if row["slower"] == factor]
        lines += ["", f"{title}, 10,000 devices in virtual time: {rows[0]['oracle_s']:.1f} s of work (the oracle).", ""]
        lines += ["| devices | door | last in, s | × oracle | half in, s | 99 % in, s | SYNs each | set-ups each"]
        lines[-1] += " | work for nobody | longest line | least served, of capacity | never in |"
        lines += ["|---|---|---|---|---|---|---|---|---|---|---|---|"]
        lines += [_line(row) for row in rows if row["devices"] != FROZEN]
        lines += ["", *(_frozen(row) for row in rows if row["devices"] == FROZEN)]
    made = found["handshakes"]
    shake = (
        f"A TLS handshake alone costs the relay {made['full_ms']:.2f} ms and {made['full_bytes']} bytes; one that takes"
        f" up the session of an earlier connection {made['resumed_ms']:.2f} ms and {made['resumed_bytes']} bytes"
        " (medians, in memory, without sockets)."
    )
    lines += [
        "",
        shake,
        "",
    ]
    return "\n".join(lines)


def _line(row: Row) -> str:
    def said(value: float | None, pattern: str = "{:.1f}") -> str:
        return "–" if value is None else pattern.format(value)

    ratio = row["full_s"] / row["oracle_s"] if row["full_s"] is not None else None
    cells = [
        row["devices"],
        row["door"],
        said(row["full_s"]),
        said(ratio, "{:.2f}"),
        said(row["p50_s"]),
        said(row["p99_s"]),
        said(row["attempts_each"], "{:.2f}"),
        said(row["setups_each"], "{:.2f}"),
        f"{max(row['busy_share_wasted'], 0.0):.0%}",
        f"{row['line_max']:,}",
        f"{row['worst_share']:.0%}",
        f"{row['starved']:,}",
    ]
    return "| " + " | ".join(cells) + " |"


def _frozen(row: Row) -> str:
    return (
        f"Where the relay stands still for {FROZEN_S:.0f} s instead, each device writes meanwhile and keeps its"
        f" connection: all are answered {row['full_s'] - FROZEN_S:.1f} s after it goes on. They sent"
        f" {row['attempts_each']:.2f} SYNs each and began {row['setups_each']:.2f} set-ups;"
        f" {row['served_each']:.2f} new connections each were let in for nobody, {row['wasted_s']:.1f} s of work;"
        f" at most {row['line_max']:,} waited."
    )


def main() -> None:
    """Measure, or only write again."""
    reads = argparse.ArgumentParser(description=__doc__)
    reads.add_argument("--real", action="store_true", help="play one more round over real sockets")
    reads.add_argument("--virtual", action="store_true", help="play in virtual time with the costs measured")
    reads.add_argument("--anew", action="store_true", help="forget the rounds before")
    reads.add_argument("--clients", type=int, default=1_500)
    reads.add_argument("--stop-s", type=float, default=5.0)
    wanted = reads.parse_args()
    found: Row = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() and not wanted.anew else {}
    if wanted.real:
        found.setdefault("rounds", []).append(real(wanted.clients, wanted.stop_s))
        found["away_ms"] = 1000 * run(returning.turn_away(clients=AWAY_CLIENTS))
        found["handshakes"] = dataclasses.asdict(handshakes.measure())
    if wanted.virtual:
        found["virtual"] = virtual(costs_of(medians(found["rounds"])))
    RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if "virtual" not in found:
        return
    PICTURE.write_text(drawn(found), encoding="utf-8")
    if PAGE.exists():
        page = PAGE.read_text(encoding="utf-8")
        place = re.compile(r"(<!-- storms: begin -->\n).*(\n<!-- storms: end -->)", re.DOTALL)
        PAGE.write_text(place.sub(lambda match: match[1] + tables(found) + match[2], page), encoding="utf-8")
    print(tables(found))


if __name__ == "__main__":
    main()
