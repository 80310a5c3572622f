"""Shows what was measured of urgent texts beside bulk: as lines, as tables of a page, as a picture."""

import math
from collections.abc import Sequence

from benchmarks.beside_bulk.records import Figures, Measured

BEGIN, END = "<!-- beside bulk: begin -->\n", "<!-- beside bulk: end -->\n"
SHOWN = ("low water", "half a second", "rate × delay", "rate × delay + 0.1 s", "ours")
COLOURS = {
    "low water": "#9a9a9a",
    "half a second": "#d98b2b",
    "rate × delay": "#b3589a",
    "rate × delay + 0.1 s": "#4c8f5a",
    "ours": "#2458a6",
}
WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 860, 460, 80, 60, 40
LOW_S, HIGH_S = 0.01, 30.0


def lines(measured: Measured) -> str:
    """One link in plain text."""
    head = f"{measured.link}: {measured.mean_bps / 1e6:.2f} Mbit/s, {measured.length_s:.0f} s, {measured.texts} texts"
    return "\n".join([head, *(f"  {rule:22}{_plain(figures)}" for rule, figures in measured.rules.items())])


def _plain(figures: Figures) -> str:
    half, most = figures.urgent_s
    added = " / ".join(f"{1000 * each:.0f}" for each in figures.added_s)
    return f"p50 {1000 * half:6.0f} ms  p99 {1000 * most:6.0f} ms  added {added} ms  bulk {figures.bulk_share:4.0%}"


def renewed(page: str, measured: Sequence[Measured]) -> str:
    """The page with its tables written anew."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit("the page has no place for the tables")
    return before + BEGIN + _tables(measured) + END + after


def _tables(measured: Sequence[Measured]) -> str:
    rules = list(measured[0].rules)
    steady = [each for each in measured if each.link.startswith("steady")]
    others = [each for each in measured if not each.link.startswith("steady")]
    parts = ["Steady links: urgent p50 / p99 in ms, and the bulk's share of what a greedy transfer gets.\n\n"]
    parts.append(f"| link | {' | '.join(rules)} |\n|---|{'---|' * len(rules)}\n")
    for each in steady:
        cells = (_whole(rule, each.rules[rule]) for rule in rules)
        parts.append(f"| {each.link} | {' | '.join(cells)} |\n")
    parts.append(
        "\nAll others: by how many ms bulk makes urgent texts later, p50 / p90 / p99, and the bulk's share.\n\n"
    )
    parts.append(f"| link | Mbit/s | alone p50 / p99 | {' | '.join(SHOWN)} |\n|---|---|---|{'---|' * len(SHOWN)}\n")
    for each in others:
        alone = " / ".join(f"{1000 * value:.0f}" for value in each.rules["alone"].urgent_s)
        cells = (_added(each.rules[rule]) for rule in SHOWN)
        parts.append(f"| {each.link} | {each.mean_bps / 1e6:.2f} | {alone} | {' | '.join(cells)} |\n")
    return "\n" + "".join(parts) + "\n"


def _whole(rule: str, figures: Figures) -> str:
    half, most = (f"{1000 * value:.0f}" for value in figures.urgent_s)
    return f"{half} / {most}" if rule == "alone" else f"{half} / {most}; {figures.bulk_share:.0%}"


def _added(figures: Figures) -> str:
    return " / ".join(f"{1000 * each:.0f}" for each in figures.added_s) + f"; {figures.bulk_share:.0%}"


def svg(measured: Sequence[Measured]) -> str:
    """One dot a link and rule: what the bulk gets against what 90 of 100 texts wait for it."""
    font = 'font-family="sans-serif" font-size="13"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" {font}>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="22" font-size="15">Urgent texts beside bulk, one dot a link and rule</text>',
    ]
    for value in (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0):
        y = _y(value)
        parts.append(f'<line x1="{LEFT}" x2="{_x(1.0)}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e4e4e4"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:g} s</text>')
    parts.extend(
        f'<text x="{_x(share):.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{share:.0%}</text>'
        for share in (0.0, 0.25, 0.5, 0.75, 1.0)
    )
    parts.append(
        f'<text x="{_x(0.5):.1f}" y="{HEIGHT - 14}" text-anchor="middle">'
        "bulk, as a share of what a greedy transfer gets</text>"
    )
    middle = (TOP + HEIGHT - BOTTOM) / 2
    parts.append(
        f'<text transform="translate(20 {middle}) rotate(-90)" text-anchor="middle">'
        "added to 90 of 100 urgent texts, at most</text>"
    )
    for row, rule in enumerate(SHOWN):
        y = TOP + 20 + 22 * row
        parts.append(f'<circle cx="{_x(1.0) + 36:.1f}" cy="{y}" r="5" fill="{COLOURS[rule]}" fill-opacity="0.75"/>')
        parts.append(f'<text x="{_x(1.0) + 48:.1f}" y="{y + 4}">{rule}</text>')
        parts.extend(_dot(each, rule) for each in measured)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _dot(measured: Measured, rule: str) -> str:
    figures = measured.rules[rule]
    x, y = _x(min(figures.bulk_share, 1.03)), _y(figures.added_s[1])
    told = f"{measured.link}, {rule}: {figures.bulk_share:.0%}, {1000 * figures.added_s[1]:.0f} ms"
    shape = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{COLOURS[rule]}" fill-opacity="0.75">'
    return f"{shape}<title>{told}</title></circle>"


def _x(share: float) -> float:
    return LEFT + share * (WIDTH - LEFT - 230)


def _y(seconds: float) -> float:
    part = math.log(min(max(seconds, LOW_S), HIGH_S) / LOW_S) / math.log(HIGH_S / LOW_S)
    return HEIGHT - BOTTOM - part * (HEIGHT - BOTTOM - TOP)
