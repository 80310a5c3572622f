"""Draws how a crowd comes in: one panel for each machine, a line for each kind of door and device."""

from dataclasses import dataclass

WIDTH_PX, PANEL_PX, HEIGHT_PX, LEFT_PX, TOP_PX = 860, 360, 300, 56, 74
GAP_PX = 62
SAID = "How a crowd of 10,000 devices comes in after a relay was away for a minute"
STYLE = """
  text { font: 12px system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif; fill: #24292f }
  .title { font-size: 16px; font-weight: 600 } .small { font-size: 11px; fill: #57606a } .paper { fill: #ffffff }
  .grid { stroke: #d0d7de; stroke-width: 1 } path { fill: none; stroke-width: 2 }
  .oracle { stroke: #8c959f; stroke-dasharray: 5 4 }
  .ours { stroke: #1a7f5a; stroke-width: 3 } .open { stroke: #cf3c3c }
  .jitter { stroke: #2f6fd0 } .plain { stroke: #a86b00 } .fixed { stroke: #8250df }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .small { fill: #9198a1 } .paper { fill: #0d1117 } .grid { stroke: #3d444d }
    .ours { stroke: #3fb587 } .open { stroke: #f0625d } .jitter { stroke: #79a8f5 } .plain { stroke: #d9a441 }
    .fixed { stroke: #b795f5 }
  }"""


@dataclass(frozen=True, slots=True)
class Curve:
    """When each of a crowd was in."""

    label: str
    ink: str
    welcomed_s: list[float]


@dataclass(frozen=True, slots=True)
class Panel:
    """One machine."""

    title: str
    clients: int
    oracle_s: float
    end_s: float
    curves: list[Curve]


def svg(panels: list[Panel]) -> str:
    """Draw all of it."""
    height = TOP_PX + HEIGHT_PX + 96
    size = f'viewBox="0 0 {WIDTH_PX} {height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{SAID}">',
        f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{WIDTH_PX}" height="{height}" rx="8"/>',
        '<text class="title" x="16" y="28">10,000 devices return at once: how many are in</text>',
    ]
    for index, panel in enumerate(panels):
        parts += _panel(LEFT_PX + index * (PANEL_PX + GAP_PX), panel)
    oracle = [("oracle: everybody at once, no waste", "oracle")]
    for index, (label, ink) in enumerate(oracle + [(curve.label, curve.ink) for curve in panels[0].curves]):
        x, y = LEFT_PX + index % 2 * 400, TOP_PX + HEIGHT_PX + 44 + index // 2 * 18
        parts.append(f'<path class="{ink}" d="M{x},{y} h26"/><text x="{x + 34}" y="{y + 4}">{label}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(left_px: float, panel: Panel) -> list[str]:
    bottom_px = TOP_PX + HEIGHT_PX
    parts = [f'<text x="{left_px}" y="{TOP_PX - 16}">{panel.title}</text>']
    for share in (0, 0.25, 0.5, 0.75, 1):
        y = bottom_px - share * HEIGHT_PX
        parts.append(f'<path class="grid" d="M{left_px},{y} h{PANEL_PX}"/>')
        parts.append(f'<text class="small" x="{left_px - 6}" y="{y + 4}" text-anchor="end">{share:.0%}</text>')
    for step in range(5):
        at_s = panel.end_s * step / 4
        x = left_px + PANEL_PX * step / 4
        parts.append(f'<text class="small" x="{x}" y="{bottom_px + 16}" text-anchor="middle">{at_s:g} s</text>')
    oracle = f"M{left_px},{bottom_px} L{left_px + PANEL_PX * panel.oracle_s / panel.end_s},{TOP_PX}"
    parts.append(f'<path class="oracle" d="{oracle}"/>')
    return [*parts, *(_curve(left_px, panel, curve) for curve in reversed(panel.curves))]


def _curve(left_px: float, panel: Panel, curve: Curve) -> str:
    points: list[str] = []
    for index in range(0, len(curve.welcomed_s), max(len(curve.welcomed_s) // 400, 1)):
        if curve.welcomed_s[index] > panel.end_s:
            break
        x = left_px + PANEL_PX * curve.welcomed_s[index] / panel.end_s
        points.append(f"{x:.1f},{TOP_PX + HEIGHT_PX * (1 - index / panel.clients):.1f}")
    share = sum(each_s <= panel.end_s for each_s in curve.welcomed_s) / panel.clients
    end_x = left_px + PANEL_PX * min(max(curve.welcomed_s, default=panel.end_s), panel.end_s) / panel.end_s
    end_x = end_x if share == 1 else left_px + PANEL_PX
    points.append(f"{end_x:.1f},{TOP_PX + HEIGHT_PX * (1 - share):.1f}")
    return f'<path class="{curve.ink}" d="M{left_px},{TOP_PX + HEIGHT_PX} L{" ".join(points)}"/>'
