"""Writes what was found as Markdown: one table for each piece of work, and a caption that says how it was measured."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.beside.records import Record, Session, whos

NOTHING = "–"
NAMES = {
    "answerback": "**Answerback**",
    "answerback --tls": "Answerback, TLS",
    "answerback --sealed": "Answerback, sealed by the clients",
    "answerback --receipt-each": "**Answerback**, a receipt each",
    "answerback --receipt-each --tls": "Answerback, a receipt each, TLS",
    "answerback --receipt-each --sealed": "Answerback, a receipt each, sealed by the clients",
    "prosody": "Prosody, archive",
    "prosody-nomam": "Prosody, no archive",
    "ejabberd-sqlite": "ejabberd, archive in SQLite",
    "ejabberd-nomam": "ejabberd, no archive",
    "mosquitto-nodelay": "Mosquitto, no quota",
    "mosquitto-save": "Mosquitto, no quota, saves on every change",
    "mosquitto-default": "Mosquitto as shipped",
    "synapse-sqlite": "Synapse, SQLite",
}
CASES = {
    "recv": "reader cut off",
    "send": "sender cut off",
    "passive": "told nothing",
    "reconnect": "told of the return",
}
Cell = Callable[[Sequence[Record]], str]


@dataclass(frozen=True, slots=True)
class Table:
    """One piece of work: its heading, and what its columns say of all runs of one system."""

    work: str
    heading: str
    columns: dict[str, Cell]


def median(records: Sequence[Record], *names: str, scale: float = 1.0) -> float | None:
    """Give the median of the first of these figures that is there, the last of them scaled."""
    for name in names:
        found = [value for record in records if (value := record.number(name)) is not None]
        if found:
            return statistics.median(found) * (scale if name == names[-1] else 1.0)
    return None


def _figure(*names: str, scale: float = 1.0) -> Cell:
    def cell(records: Sequence[Record]) -> str:
        for name in names:
            found = [value for record in records if (value := record.number(name)) is not None]
            if found:
                factor = scale if name == names[-1] else 1.0
                return _spread([value * factor for value in found])
        return NOTHING

    return cell


def _worst(*names: str) -> Cell:
    """Say the largest: a loss does not go away because another run had none."""

    def cell(records: Sequence[Record]) -> str:
        found = [value for record in records for name in names if (value := record.number(name)) is not None]
        return written(max(found)) if found else NOTHING

    return cell


def _lost(case: str) -> Cell:
    """Say how many acknowledged messages a kill cost, of how many, in all runs; then after the archive was asked."""

    def cell(records: Sequence[Record]) -> str:
        runs = [record for record in records if record.case == case and not record.broke]
        if not runs:
            return NOTHING
        lost = _sum(runs, "lost_acknowledged", "lost_acked")
        said = f"{lost:,} of {_sum(runs, 'acknowledged', 'acked'):,}"
        asked = [value for run in runs if (value := run.number("lost_acked_with_mam")) is not None]
        return said + (f" ({sum(asked):,.0f} once the archive was asked)" if asked and lost else "")

    return cell


def unkept(record: Record) -> float | None:
    """Count what was acknowledged and came to nothing, whether the sender was told later or not.

    Not their `lost_of_acked`: it also counts what was acknowledged only after the counting had begun. Their script
    waits six seconds for the first message; if none came, nobody knows whether any was lost.
    """
    if not record.number("got"):
        return None
    found = (record.number(name) or 0 for name in ("lost", "lost_silently", "refused_later"))
    return sum(found)


def _backlog_lost(records: Sequence[Record]) -> str:
    told = [record.number("lost") or record.number("lost_silently") or 0 for record in records if record.number("got")]
    silent = any(record.number("got") == 0 for record in records)
    return (written(max(told)) if told else "not known") + (", nothing came within 6 s" if silent else "")


def _returned(records: Sequence[Record]) -> str:
    """Say how many came back with an error after they had been acknowledged."""
    found = [record.number("refused_later") or 0 for record in records if not record.broke]
    return written(max(found)) if found else NOTHING


def _sum(records: Sequence[Record], *names: str) -> int:
    return int(sum(value for record in records for name in names if (value := record.number(name)) is not None))


def _soon(case: str) -> Cell:
    """Say how long after the network's return the last message was there."""

    def cell(records: Sequence[Record]) -> str:
        runs = [record for record in records if record.case == case]
        found = [value for run in runs if (value := run.number("all_after_recovery_s")) is not None]
        lost = _sum(runs, "lost")
        return (_spread(found) if found else NOTHING) + (f", {lost:,} lost" if lost else "")

    return cell


TABLES = (
    Table(
        "online",
        "w1 · Pairs: 50, 16 messages of each on their way",
        {
            "delivered/s": _figure("delivered_per_s"),
            "answered/s": _figure("answered_per_s", "receipts_per_s"),
            "delivered p50 ms": _figure("delivered_ms_p50", "deliver_ms_p50_p99.0"),
            "delivered p99 ms": _figure("delivered_ms_p99", "deliver_ms_p50_p99.1"),
            "answered p50 ms": _figure("answered_ms_p50", "receipt_ms_p50_p99.0"),
            "answered p99 ms": _figure("answered_ms_p99", "receipt_ms_p50_p99.1"),
            "server CPU s/s": _figure("relay_cpu_s_per_s", "server_cpu_s_per_wall_s"),
        },
    ),
    Table(
        "offline",
        "w2 · A backlog: 20,000 messages for one device that is away",
        {
            "acknowledged": _figure("accepted", "acked"),
            "acknowledged/s": _figure("accept_per_s"),
            "drained in s": _figure("drain_s"),
            "got": _figure("got"),
            "**acknowledged, then lost**": _backlog_lost,
            "acknowledged, then returned": _returned,
            "twice": _worst("duplicated", "dup"),
            "out of order": _worst("out_of_order"),
        },
    ),
    Table(
        "killed",
        "w3 · `kill -9` while 1,000 messages/s come in: acknowledged messages lost",
        {
            "reader away": _lost("offline"),
            "reader connected": _lost("online"),
            "reader half-open": _lost("half-open"),
            "twice": _worst("duplicated", "dup"),
        },
    ),
    Table(
        "idle",
        "w4 · Silence: 5,000 connections",
        {
            "KB/connection": _figure("kb_per_connection", "kb_per_conn"),
            "connections": _figure("connections", "n"),
            "connects/s": _figure("connect_per_s"),
        },
    ),
    Table(
        "crowd",
        "w5 · A crowd: 1,000 come back at once, three messages missed each",
        {
            "has all, p50 s": _figure("resynced_s_p50", "resynced_ms.p50", scale=0.001),
            "has all, p99 s": _figure("resynced_s_p99", "resynced_ms.p99", scale=0.001),
            "the last has all, s": _figure("resynced_s_max", "resynced_ms.max_ms", scale=0.001),
            "who has all": _figure("resynced", "resynced_ms.n"),
            "server CPU s": _figure("relay_cpu_s", "server_cpu_s"),
        },
    ),
    Table(
        "silence",
        "w6 · A black hole: 30 s without a network, seconds from its return until everything is there",
        {
            f"{CASES[side]}, {CASES[mode]}": _soon(f"{side} {mode}")
            for mode in ("passive", "reconnect")
            for side in ("recv", "send")
        }
        | {"**lost**": _worst("lost"), "twice": _worst("dup")},
    ),
)


def markdown(session: Session) -> str:
    """Write all tables."""
    return "\n".join(_written(table, session.of(table.work)) for table in TABLES if session.of(table.work))


def _written(table: Table, records: list[Record]) -> str:
    lines = [f"| | {' | '.join(table.columns)} |", f"|---|{'---|' * len(table.columns)}"]
    for who in whos(records):
        own = [record for record in records if record.who == who]
        cells = [cell(own) for cell in table.columns.values()]
        lines.append(f"| {NAMES.get(who, who)} | {' | '.join(cells)} |")
    return f"### {table.heading}\n\n" + "\n".join(lines) + f"\n\n{_caption(records)}\n"


def _caption(records: list[Record]) -> str:
    turns = len({record.turn for record in records})
    busy = [record.others_cores for record in records]
    syncs = [record.disk_sync_ms for record in records]
    said = (
        f"{turns} {'round' if turns == 1 else 'rounds'}. In the second before each measurement others kept "
        f"{_of(busy)} cores busy, and a durable write of a page took {_of(syncs)} ms."
    )
    broke = sorted({f"{NAMES.get(record.who, record.who)}: {record.broke}" for record in records if record.broke})
    return said + (f" Broke off: {'; '.join(broke)}." if broke else "")


def _of(values: list[float]) -> str:
    return f"{written(statistics.median(values))} (median; {written(min(values))} to {written(max(values))})"


def _spread(values: Sequence[float]) -> str:
    low, middle, high = min(values), statistics.median(values), max(values)
    return written(middle) if written(low) == written(high) else f"{written(middle)} ({written(low)}–{written(high)})"


def written(value: float) -> str:
    """Write a number as short as it stays true."""
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"
