"""Shows what the runs have shown: the tables of docs/lab.md."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from answerback.lab.links import NAMES, RECORDING_DELAY_S, generate_link
from answerback.wire.flight import CHUNK_S
from benchmarks.senses_runs.cases import CARRIER_S, FILE_BESIDE, FILE_WHOLE, HOLE_S, UP_MBIT
from benchmarks.senses_runs.records import Record

BEGIN, END = "<!-- senses: begin -->", "<!-- senses: end -->"
CALLED_S, BY_TCP_S = 1.0, 3.5
"""What is asked after half a minute of nothing, with calls and without."""
ROUND_TRIPS_MAX, GAP_ROUND_TRIPS_MAX = 2.0, 3.0
ROUND_TRIPS_OF_TLS = 2.0
"""What the oracle of the lab is spared: TLS, and the WebSocket's request with its ticket."""
CALM_LEAST_S = 3.0
"""A path that a gap of its recording takes away sooner has hardly carried anything: the file is still being read."""
GOOD_RTT_S: Final = 2 * generate_link("good").delay_s
SLOWER_MAX = 1.5
TEXTS_SETTLING = 3
"""Not counted of each run: within the first six seconds a new correspondent's keys are fetched."""
LEFTOVER_MIN = 0.9
Records = Sequence[Record]
Recovery = Mapping[str, Any]


def renewed(page: str, tables: str) -> str:
    """Write the tables where the page has their place."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"the page has no place for the tables: {BEGIN} … {END}")
    return f"{before}{BEGIN}\n\n{tables}\n{END}{after}"


def short(record: Record) -> str:
    """Say in a line what a run has shown."""
    told = [f"{record.found['lost']} lost, {record.found['duplicated']} doubled, load {record.load}"]
    for each in record.found["recoveries"]:
        waits = f"up {each['up_s']} s, down {each['down_s']} s, urgent {each['urgent_gap_up_s']} s"
        told.append(f"[{_length_s(each):.1f} s: {waits}, {each['packets']} packets]")
    return " ".join(told)


def markdown(records: Mapping[str, Record]) -> str:
    """Write all tables."""
    kept = [each for each in records.values() if not each.broke]
    parts: list[tuple[str, Callable[[Records], list[str]]]] = [
        ("After half a minute of nothing", _holes),
        ("After ten seconds without a carrier", _carriers),
        ("A path dies under load", _deaths),
        ("Urgent texts beside a file", _beside),
        ("Other troubles, over the good link", _troubles),
    ]
    told = [_summary(kept)] if kept else []
    for title, write in parts:
        lines = write(kept)
        if lines:
            told.append("\n".join([f"### {title}", "", *lines]))
    return "\n\n".join(told) + "\n"


def _summary(records: Records) -> str:
    sent, lost, doubled = (sum(each.found[name] for each in records) for name in ("sent", "lost", "duplicated"))
    loads = sorted(each.load for each in records)
    late_ms = max(each.late_ms for each in records)
    return (
        f"{len(records)} runs, {sent:,} messages: {lost} lost, {doubled} doubled. The load of the machine, which has "
        f"two processors, was {loads[0]} to {loads[-1]} (half of the runs: {loads[len(loads) // 2]} or less); in "
        f"every run 99 % of the packets were late by {late_ms:.1f} ms at most."
    )


# ---- the parts -------------------------------------------------------------------------------------------------------


def _holes(records: Records) -> list[str]:
    rows: list[list[str]] = []
    waits: dict[int, list[float]] = {}
    kept = [0] * len(_HOLE_COLUMNS)
    for place, runs in _by_place(records, "hole").items():
        of = {run.policy: [_both_ways_s(each, run) for each in _made(run, HOLE_S)] for run in runs}
        row, most = [place], max((each["packets_first_minute"] for run in runs for each in _ours(run)), default=0)
        for column, (policy, turn, most_s) in enumerate(_HOLE_COLUMNS):
            found = of.get(policy, [])
            wait_s = found[turn] if turn < len(found) else None
            row.append(_marked(wait_s, most_s))
            if wait_s is not None:
                waits.setdefault(column, []).append(wait_s)
                kept[column] += wait_s <= most_s
        rows.append([*row, str(most)])
    if not rows:
        return []
    heads = "link|with calls: first|second|by TCP alone: first|second|oracle: first|second|packets in 30 s, at most"
    shares = [f"{kept[column]} of {len(waits.get(column, []))}" for column in range(len(_HOLE_COLUMNS))]
    return _table(heads, [*rows, ["**within what is asked**", *shares, ""]])


_HOLE_COLUMNS = [
    ("answerback", 0, CALLED_S),
    ("answerback", 1, CALLED_S),
    ("answerback-by-tcp", 0, BY_TCP_S),
    ("answerback-by-tcp", 1, BY_TCP_S),
    ("oracle", 0, CALLED_S),
    ("oracle", 1, CALLED_S),
]


def _ours(run: Record) -> list[Recovery]:
    return [] if run.policy == "oracle" else [each for each in run.found["recoveries"] if _length_s(each) >= HOLE_S]


def _carriers(records: Records) -> list[str]:
    rows: list[list[str]] = []
    beyond: list[float] = []
    for place, runs in _by_place(records, "carrier").items():
        ours, oracle = (
            [_first_s(each) for run in runs if run.policy == policy for each in _made(run, CARRIER_S)]
            for policy in ("answerback", "oracle")
        )
        pairs = [(a, b) for a, b in zip(ours, oracle, strict=False) if a is not None and b is not None]
        if not pairs:
            continue
        rtt_s = _rtt_s(place)
        found = [(a - b) / rtt_s for a, b in pairs]
        beyond += found
        waits = [", ".join(f"{pair[who]:.3f}" for pair in pairs) for who in range(2)]
        fair = [each - ROUND_TRIPS_OF_TLS for each in found]
        both = [", ".join(f"{each:.2f}" for each in found), ", ".join(_marked(each, ROUND_TRIPS_MAX) for each in fair)]
        rows.append([place, f"{rtt_s * 1000:.0f}", *waits, *both])
    if not rows:
        return []
    heads = (
        "link|round trip, ms|first delivery, s|the oracle's, s|beyond it, round trips|less those of TLS and WebSocket"
    )
    p95 = _rank(beyond, 0.95) or 0.0
    ends = [f"{p95:.2f}", _marked(p95 - ROUND_TRIPS_OF_TLS, ROUND_TRIPS_MAX)]
    return _table(heads, [*rows, ["**95 % of these**", "", "", "", *ends]])


def _deaths(records: Records) -> list[str]:
    rows: list[list[str]] = []
    gaps: dict[str, list[float]] = {"up": [], "down": []}
    for place, runs in _by_place(records, "dies").items():
        row = [place]
        for way in gaps:
            here = [
                each[f"urgent_gap_{way}_s"] / GOOD_RTT_S
                for run in runs
                for each in run.found["recoveries"]
                if each["stretch"]["start_s"] > CALM_LEAST_S and each[f"urgent_gap_{way}_s"] is not None
            ]
            gaps[way] += here
            row.append(", ".join(_marked(each, GAP_ROUND_TRIPS_MAX) for each in here))
        counts = [str(sum(run.found[name] for run in runs)) for name in ("sent", "lost", "duplicated")]
        rows.append([*row, *counts])
    if not rows:
        return []
    heads = "the link that dies|urgent from the device, round trips|to the device|messages|lost|doubled"
    ends = [_marked(_rank(found, 0.95), GAP_ROUND_TRIPS_MAX) for found in gaps.values()]
    return _table(heads, [*rows, ["**95 % of these**", *ends, "", "", ""]])


def _beside(records: Records) -> list[str]:
    runs = {part: [each for each in records if each.part == part] for part in ("alone", "beside", "whole")}
    if not all(runs.values()):
        return []
    delays = {
        part: sorted(ms for run in found for ms in run.found["urgent_up_ms"][TEXTS_SETTLING:])
        for part, found in runs.items()
    }
    rows = [
        [name, str(len(ms)), *(f"{_rank(ms, share):.0f}" for share in (0.5, 0.99, 1.0))]
        for name, ms in (("alone", delays["alone"]), (f"beside {FILE_BESIDE // 10**6} MB", delays["beside"]))
    ]
    chunk_ms = CHUNK_S * 1000
    p99 = {part: _rank(ms, 0.99) or 0.0 for part, ms in delays.items()}
    most_ms = SLOWER_MAX * p99["alone"] + chunk_ms
    rate_bytes = UP_MBIT * 1e6 / 8
    alone = _rate_bytes(runs["alone"])
    shares = sorted((_rate_bytes([run]) - alone) / (rate_bytes - alone) for run in runs["beside"])
    whole = runs["whole"][0].found
    whole_s, texts_bytes = whole["file_s"], alone * runs["alone"][0].found["lasted_s"]
    packets = (whole["up_bytes"] - texts_bytes) / (rate_bytes * whole_s - texts_bytes)
    content = FILE_WHOLE / (rate_bytes * whole_s - texts_bytes)
    dropped = sum(run.found["drops"].get("queue full", 0) for run in runs["beside"])
    told = [
        "",
        f"The 99th of a hundred is {p99['beside'] / p99['alone']:.2f} times what it is alone; 1.5 times that and one "
        f"chunk of {chunk_ms:.0f} ms are {most_ms:.0f} ms: "
        + ("kept." if p99["beside"] <= most_ms else "**not kept.**")
        + f" Of the rate that the texts leave, the file's packets take {shares[0]:.0%} to {shares[-1]:.0%} in the "
        f"minute in which it begins, headers and repetitions included ({dropped} packets dropped by the full queue); "
        f"over the {whole_s:.0f} s that {FILE_WHOLE // 10**6} MB take it is {packets:.0%}, and {content:.0%} in bytes "
        "of the file.",
    ]
    return [*_table("urgent texts up|texts|half within, ms|99 %|most", rows), *told]


def _rate_bytes(runs: Records) -> float:
    sent_bytes, lasted_s = (sum(float(run.found[name]) for run in runs) for name in ("up_bytes", "lasted_s"))
    return sent_bytes / lasted_s


def _troubles(records: Records) -> list[str]:
    rows = [
        [
            run.scenario,
            *(str(run.found[name]) for name in ("sent", "lost", "duplicated")),
            ", ".join(f"{_length_s(each):.1f}" for each in run.found["recoveries"]) or "none",
            ", ".join(_s(_both_ways_s(each, run)) for each in run.found["recoveries"]) or "none",
            f"{run.found['delay']['p50_ms']:.0f}" if "delay" in run.found else "",
        ]
        for run in records
        if run.part == "trouble"
    ]
    heads = "scenario|messages|lost|doubled|troubles, s|mail both ways after each, s|a message takes, half of them, ms"
    return _table(heads, rows) if rows else []


# ---- figures ---------------------------------------------------------------------------------------------------------


def _by_place(records: Records, part: str) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = {}
    for each in records:
        if each.part == part:
            found.setdefault(each.place, []).append(each)
    return dict(sorted(found.items(), key=lambda item: (item[0] in NAMES, item[0])))


def _made(run: Record, length_s: float) -> list[Recovery]:
    """Those of the scenario, also where a gap of the recording prolonged one: they end when the gap does."""
    return [each for each in run.found["recoveries"] if _length_s(each) > length_s - 0.01]


def _length_s(recovery: Recovery) -> float:
    return float(recovery["stretch"]["end_s"] - recovery["stretch"]["start_s"])


def _both_ways_s(recovery: Recovery, run: Record) -> float | None:
    """From its end until mail has come both ways, less the time in which the path was gone again."""
    ways = [recovery["up_s"], recovery["down_s"]]
    if None in ways:
        return None
    end_s, path, wait_s = recovery["stretch"]["end_s"], recovery["stretch"]["path"], max(ways)
    others = [each["stretch"] for each in run.found["recoveries"] if each["stretch"]["path"] == path]
    gone_s = sum(
        max(0.0, min(each["end_s"], end_s + wait_s) - each["start_s"]) for each in others if each["start_s"] >= end_s
    )
    return float(wait_s - gone_s)


def _first_s(recovery: Recovery) -> float | None:
    return min((each for each in (recovery["up_s"], recovery["down_s"]) if each is not None), default=None)


def _rtt_s(place: str) -> float:
    return 2 * (generate_link(place).delay_s if place in NAMES else RECORDING_DELAY_S)


def _rank(values: Iterable[float], share: float) -> float | None:
    ranked = sorted(values)
    return ranked[min(int(share * len(ranked)), len(ranked) - 1)] if ranked else None


def _s(seconds: float | None) -> str:
    return "nothing came" if seconds is None else f"{seconds:.2f}"


def _marked(value: float | None, most: float) -> str:
    if value is None:
        return "–"
    return f"**{value:.2f}**" if value > most else f"{value:.2f}"


def _table(heads: str, rows: Sequence[Sequence[str]]) -> list[str]:
    names = heads.split("|")
    lines = [names, ["---"] * len(names), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]
