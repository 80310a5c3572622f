"""Draws what was found as one picture: a row for each system, a column for each piece of work, bars of medians.

Theory. A log scale, since the fastest is a thousand times the slowest and both must be seen; each bar carries its
number, so nobody has to read it off. Paper and inks follow the reader's choice of light or dark; nothing is loaded.
"""

import html
import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.beside.records import Record, Session
from benchmarks.beside.table import median, unkept, written

LABEL_PX, COLUMN_PX, BAR_PX_MAX, ROW_PX, HEAD_PX, FOOT_PX = 218, 152, 88, 34, 92, 40
MARGIN_PX = 16
DECADES_MIN = 3.0
"""What a bar's full length spans, at least: little differences must look little."""
SAID = "Answerback beside other servers: a row of bars for each"
STYLE = """
  text { font: 13px system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif; fill: #24292f }
  .head { font-weight: 600 } .small { font-size: 11px; fill: #57606a } .title { font-size: 17px; font-weight: 600 }
  .ours { fill: #1a7f5a } .theirs { fill: #9aa4b2 } .loss { fill: #cf3c3c }
  text.ours { fill: #1a7f5a; font-weight: 600 } text.loss { fill: #cf3c3c; font-weight: 600 }
  text.none { fill: #8c959f } .line { stroke: #d0d7de } .paper { fill: #ffffff }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .small { fill: #9198a1 } .ours { fill: #3fb587 } .theirs { fill: #5d6875 }
    .loss { fill: #f0625d } text.ours { fill: #3fb587 } text.loss { fill: #f0625d } text.none { fill: #7d8590 }
    .line { stroke: #3d444d } .paper { fill: #0d1117 }
  }"""
ROWS = (
    ("Answerback", ("answerback --receipt-each", "answerback")),
    ("… sealed by the clients", ("answerback --receipt-each --sealed", "answerback --sealed")),
    ("… TLS", ("answerback --receipt-each --tls", "answerback --tls")),
    ("ejabberd, archive in SQLite", ("ejabberd-sqlite",)),
    ("ejabberd, no archive", ("ejabberd-nomam",)),
    ("Prosody, archive", ("prosody",)),
    ("Prosody, no archive", ("prosody-nomam",)),
    ("Mosquitto, no quota", ("mosquitto-nodelay",)),
    ("Mosquitto, saves each change", ("mosquitto-save",)),
    ("Mosquitto as shipped", ("mosquitto-default",)),
    ("Synapse, SQLite", ("synapse-sqlite",)),
)
"""Labels, and the systems they stand for: the first that the work knows."""


@dataclass(frozen=True, slots=True)
class Column:
    """One piece of work: what is drawn, and whether it is a loss."""

    work: str
    head: tuple[str, str, str]
    """What, in which unit, and which way is good."""
    value: Callable[[Sequence[Record]], float | None]
    is_loss: bool = False
    suffix: str = ""


def _lost_share(records: Sequence[Record]) -> float | None:
    """Of the worst of the three cases: acknowledged messages that are nowhere, in percent."""
    shares = [100 * gone / acknowledged for record in records for gone, acknowledged in [_gone(record)] if acknowledged]
    return max(shares, default=None)


def _gone(record: Record) -> tuple[float, float]:
    for name in ("lost_acknowledged", "lost_acked_with_mam", "lost_acked"):  # with an archive: once it was asked
        if (gone := record.number(name)) is not None:
            return gone, record.number("acknowledged") or record.number("acked") or 0.0
    return 0.0, 0.0


def _dropped(records: Sequence[Record]) -> float | None:
    """Say the most that was acknowledged and then never came, with a later word about it or without."""
    return max((lost for record in records if (lost := unkept(record)) is not None), default=None)


def _delivered(*names: str, scale: float = 1.0) -> Callable[[Sequence[Record]], float | None]:
    return lambda records: median(records, *names, scale=scale)


def _told_nothing(records: Sequence[Record]) -> float | None:
    return median([record for record in records if record.case.endswith("passive")], "all_after_recovery_s")


COLUMNS = (
    Column("online", ("online pairs", "messages/s", "more is better"), _delivered("delivered_per_s")),
    Column(
        "online",
        ("delivery, p99", "ms at 200/s", "less is better"),
        _delivered("delivered_ms_p99", "deliver_ms_p50_p99.1"),
    ),
    Column(
        "killed", ("kill -9: lost", "% of acknowledged", "at worst, for good"), _lost_share, is_loss=True, suffix=" %"
    ),
    Column("offline", ("backlog: lost", "of 20,000", "once acknowledged"), _dropped, is_loss=True),
    Column("idle", ("idle connection", "KB", "less is better"), _delivered("kb_per_connection", "kb_per_conn")),
    Column(
        "crowd",
        ("1,000 at once", "s until all have all", "less is better"),
        _delivered("resynced_s_max", "resynced_ms.max_ms", scale=0.001),
    ),
    Column("silence", ("30 s black hole", "s from its end to delivery", "less is better"), _told_nothing),
)


def svg(session: Session) -> str:
    """Draw all of it."""
    rows = [(label, names) for label, names in ROWS if any(record.who in names for record in session.records)]
    width = LABEL_PX + len(COLUMNS) * COLUMN_PX + 2 * MARGIN_PX
    height = HEAD_PX + len(rows) * ROW_PX + FOOT_PX
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="{SAID}">',
        f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{width}" height="{height}" rx="8"/>',
        _text(MARGIN_PX, 30, "The same work, in one run, on one machine", "title"),
    ]
    parts += [_label(index, label) for index, (label, _) in enumerate(rows)]
    for index, column in enumerate(COLUMNS):
        parts += _column(MARGIN_PX + LABEL_PX + index * COLUMN_PX, column, session, rows)
    foot = (
        "Medians, losses at their worst; bars on a log scale. –: another row stands for it, or it is not known. "
        f"Meanwhile others kept {_busy(session)} cores of the machine busy."
    )
    parts += [_text(MARGIN_PX, height - 16, foot, "small"), "</svg>"]
    return "\n".join(parts) + "\n"


def _busy(session: Session) -> str:
    """Say how many of the machine's cores others used (median)."""
    busy = statistics.median(record.others_cores for record in session.records)
    return f"{written(busy)} of {session.machine['cores']}"


def _label(index: int, label: str) -> str:
    y = HEAD_PX + index * ROW_PX
    kind = "ours" if label == "Answerback" else ""
    return _line(y, index) + _text(MARGIN_PX, y + 22, label, kind)


def _line(y: int, index: int) -> str:
    x = LABEL_PX + len(COLUMNS) * COLUMN_PX + MARGIN_PX
    return f'<path class="line" d="M{MARGIN_PX} {y}H{x}" stroke-width="{1 if index else 1.5}"/>'


def _column(x: int, column: Column, session: Session, rows: Sequence[tuple[str, tuple[str, ...]]]) -> list[str]:
    what, unit, way = column.head
    parts = [_text(x, 52, what, "head"), _text(x, 67, unit, "small"), _text(x, 82, way, "small")]
    values = [_value(column, session, names) for _, names in rows]
    known = [value for value in values if value]
    for index, value in enumerate(values):
        y = HEAD_PX + index * ROW_PX
        parts += _bar(x, y, column, value, known, is_ours=rows[index][1][0].startswith("answerback"))
    return parts


def _value(column: Column, session: Session, names: tuple[str, ...]) -> float | None:
    for name in names:
        records = [record for record in session.of(column.work) if record.who == name and not record.broke]
        if records:
            return column.value(records)
    return None


def _bar(x: int, y: int, column: Column, value: float | None, known: Sequence[float], *, is_ours: bool) -> list[str]:
    if value is None:
        return [_text(x, y + 22, "–", "none")]
    kind = "loss" if column.is_loss and value else "ours" if is_ours else "theirs"
    length = _length(value, known)
    said = written(value) + (column.suffix if value else "")
    ink = "loss" if kind == "loss" else "ours" if is_ours else ""
    return [
        f'<rect class="{kind}" x="{x}" y="{y + 11}" width="{length:.1f}" height="13" rx="2"/>' if value else "",
        _text(x + length + (5 if value else 0), y + 22, said, ink),
    ]


def _length(value: float, known: Sequence[float]) -> float:
    """Give the length of a bar: all the room for the largest, a tenth of it at least for the least."""
    if not value:
        return 0.0
    decades = max(DECADES_MIN, math.log10(max(known) / min(known)) / 0.9)
    return BAR_PX_MAX * (1 + math.log10(value / max(known)) / decades)


def _text(x: float, y: float, said: str, kind: str) -> str:
    return f'<text x="{x:.1f}" y="{y}" class="{kind}">{html.escape(said)}</text>'
