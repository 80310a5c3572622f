"""Writes the figures as tables of Markdown, a row for each recording, and says which pledges are kept."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.network_recovery.figures import (
    CALLED_S_MAX,
    FIRST_MINUTE_MAX,
    HALF_MINUTE_S_MAX,
    MINUTE_MAX,
    ROUND_TRIPS_MAX,
)

BEGIN, END = "<!-- recovery: begin -->\n", "<!-- recovery: end -->\n"
SHOWN = ("oracle", "ours", "back-off 1 to 60 s", "fixed ping 30 s", "passive TCP")
Found = Mapping[str, Any]


def markdown(found: Mapping[str, Found]) -> str:
    """All tables."""
    parts = [
        "### Pledges",
        _pledges(found),
        "### Unannounced outages: delay after recovery, and its price",
        _prices(found),
        _each(found),
        "### After half a minute of nothing",
        _half_minutes(found),
        "### Where the kernel repeats a SYN otherwise",
        _other_kernel(found),
        "### Gaps in which the modem holds packets instead of dropping them",
        _held(found),
    ]
    return "\n\n".join(parts) + "\n"


def renewed(page: str, tables: str) -> str:
    """A page with these tables in their place."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"the page has no place for the tables: {BEGIN.strip()} … {END.strip()}")
    return f"{before}{BEGIN}\n{tables}\n{END}{after}"


def _pledges(found: Mapping[str, Found]) -> str:
    head = (
        "recording",
        "outages",
        "unannounced: p95 of delay ÷ pledge",
        "of which the oracle",
        "beyond the oracle",
        "probes, first minute",
        "a minute after",
        "announced: p95 beyond the oracle, round trips",
        "30 s: p95 s",
        "30 s, called: p95 s",
        "dominated by",
        "on average alone",
    )
    rows = []
    for name, each in found.items():
        unannounced, half = each["unannounced"], each["half_minute"]
        ours = each["points"]["ours"]
        rows.append(
            (
                name,
                f"{each['gaps'] // 2} gaps, {each['holes']} holes",
                _judged(unannounced["share_p95"], 1.0),
                f"{unannounced['oracle_share_p95']:.2f}",
                _judged(unannounced["share_beyond_oracle_p95"], 1.0),
                _judged(ours["first_minute_max"], FIRST_MINUTE_MAX),
                _judged(ours["minute_after_max"], MINUTE_MAX),
                _judged(each["announced"]["round_trips_beyond_oracle_p95"], ROUND_TRIPS_MAX),
                _judged(half["ours"]["delay_s_p95"], HALF_MINUTE_S_MAX),
                _judged(half["ours_called"]["delay_s_p95"], CALLED_S_MAX),
                ", ".join(unannounced["dominated_by"]) or "nobody",
                ", ".join(unannounced["dominated_on_average_by"]) or "nobody",
            )
        )
    return _table(head, rows)


def _prices(found: Mapping[str, Found]) -> str:
    """A row for each policy, over all recordings alike: means, and the most of what must not be too much."""
    head = (
        "policy",
        "delay mean s",
        "p50",
        "p95",
        "max",
        "p95 ÷ pledge",
        "probes",
        "most in the first minute",
        "most in a minute after",
        "packets",
        "bytes",
        "wake-ups",
        "false alarms/h",
    )
    places = list(found.values())
    policies = [each for each in places[0]["points"] if each not in SHOWN]
    rows = [
        (policy, *_priced(_pooled([place["points"][policy] for place in places]))) for policy in (*SHOWN, *policies)
    ]
    return _table(head, rows)


def _each(found: Mapping[str, Found]) -> str:
    """A row for each recording."""
    head = ("recording", *(f"{policy}: mean / p95 s, probes" for policy in SHOWN))
    rows = [(name, *(_held_by(each["points"][policy]) for policy in SHOWN)) for name, each in found.items()]
    return _table(head, rows)


def _pooled(points: Sequence[Found]) -> Found:
    return {
        name: (max if name.endswith("_max") else statistics.fmean)(point[name] for point in points)
        for name in points[0]
    }


def _priced(point: Found) -> tuple[str, ...]:
    return (
        f"{point['delay_s_mean']:.2f}",
        f"{point['delay_s_p50']:.2f}",
        f"{point['delay_s_p95']:.2f}",
        f"{point['delay_s_max']:.2f}",
        f"{point['share_p95']:.2f}",
        f"{point['probes']:.1f}",
        f"{point['first_minute_max']:.0f}",
        f"{point['minute_after_max']:.0f}",
        f"{point['packets']:.1f}",
        f"{point['bytes']:,.0f}",
        f"{point['wakeups']:.1f}",
        f"{point['false_alarms_per_h']:.0f}",
    )


def _half_minutes(found: Mapping[str, Found]) -> str:
    names = ("oracle", "ours_called", "ours", "back-off 1 to 60 s", "fixed ping 30 s", "passive TCP")
    head = ("recording", *(f"{name.replace('_', ', ')}: p50 / p95 s" for name in names), "calls")
    rows = [
        (
            name,
            *(_half_and_late(each["half_minute"][policy]) for policy in names),
            f"{each['half_minute']['calls_max']}",
        )
        for name, each in found.items()
    ]
    return _table(head, rows)


def _held(found: Mapping[str, Found]) -> str:
    names = ("oracle", "ours", "passive TCP")
    head = ("recording", *(f"{name}: mean / p95 s, probes" for name in names))
    rows = [
        (name, *(_held_by(each["held"][policy]) for policy in names)) for name, each in found.items() if each["gaps"]
    ]
    return _table(head, rows)


def _other_kernel(found: Mapping[str, Found]) -> str:
    head = (
        "recording",
        "kernel",
        "p95 of delay ÷ pledge",
        "beyond the oracle",
        "first minute, a minute after",
        "announced",
        "30 s: p95 s",
        "mean s, probes, packets",
        "SYN only",
        "dominated by",
        "on average alone",
    )
    rows = []
    for name, place in found.items():
        each = place["other_kernel"]
        ours = each["ours"]
        sent = (_judged(ours["first_minute_max"], FIRST_MINUTE_MAX), _judged(ours["minute_after_max"], MINUTE_MAX))
        rows.append(
            (
                name,
                each["kernel"],
                _judged(ours["share_p95"], 1.0),
                _judged(each["share_beyond_oracle_p95"], 1.0),
                ", ".join(sent),
                _judged(each["round_trips_beyond_oracle_p95"], ROUND_TRIPS_MAX),
                _judged(each["half_minute"]["delay_s_p95"], HALF_MINUTE_S_MAX),
                *(
                    f"{point['delay_s_mean']:.2f}, {point['probes']:.1f}, {point['packets']:.1f}"
                    for point in (ours, each["syn_only"])
                ),
                ", ".join(each["dominated_by"]) or "nobody",
                ", ".join(each["dominated_on_average_by"]) or "nobody",
            )
        )
    return _table(head, rows)


def _half_and_late(point: Found) -> str:
    return f"{point['delay_s_p50']:.2f} / {point['delay_s_p95']:.2f}"


def _held_by(point: Found) -> str:
    return f"{point['delay_s_mean']:.2f} / {point['delay_s_p95']:.2f}, {point['probes']:.1f}"


def _judged(value: float, limit: float) -> str:
    said = f"{value:.2f}" if isinstance(value, float) and not value.is_integer() else f"{value:.0f}"
    return said if value <= limit else f"**{said}**"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
