"""Draws delay after recovery against its price: one panel for each recording, one line for each family of policies."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt

COLUMNS = 4
INKS = {
    "ours": "#1a7f5a",
    "back-off": "#c2571a",
    "fixed ping": "#3d6fb4",
    "passive TCP": "#8a8f98",
    "oracle": "#111111",
}
MARKS = {"ours": "o", "back-off": "s", "fixed ping": "^", "passive TCP": "D", "oracle": "*"}
APART = {"ours not learning", "ours SYN only", "ours, called"}
"""Variants that are in the tables and would hide the line here."""
DELAY_S_MIN, DELAY_S_MAX = 0.1, 100.0
Found = Mapping[str, Any]


def draw(found: Mapping[str, Found], path: Path) -> None:
    """Draw all panels on one page."""
    rows = -(-len(found) // COLUMNS)
    figure, axes = plt.subplots(
        rows, COLUMNS, figsize=(3.6 * COLUMNS, 3.0 * rows + 0.9), sharex=True, sharey=True, squeeze=False
    )
    for axis, (name, each) in zip(axes.flat, found.items(), strict=False):
        _panel(axis, each["points"])
        axis.set_title(name, fontsize=10)
    for axis in list(axes.flat)[len(found) :]:
        axis.set_visible(False)
    for axis in axes[:, 0]:
        axis.set_ylabel("mean delay after recovery, s")
    for column in range(COLUMNS):
        lowest = [axes[row, column] for row in range(rows) if axes[row, column].get_visible()]
        if lowest:
            lowest[-1].set_xlabel("packets sent per outage")
            lowest[-1].tick_params(labelbottom=True)
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=len(labels), frameon=False, fontsize=10)
    figure.suptitle("Unannounced outages: delay after recovery against packets sent (lower and further left is better)")
    figure.tight_layout(rect=(0, 0.05, 1, 1))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)


def _panel(axis: Any, points: Mapping[str, Found]) -> None:  # noqa: ANN401 - matplotlib's own types are no help here
    families: dict[str, list[tuple[float, float]]] = {family: [] for family in INKS}
    for name, point in points.items():
        family = next(each for each in INKS if name.startswith(each))
        if name not in APART:
            delay_s = min(max(point["delay_s_mean"], DELAY_S_MIN), DELAY_S_MAX)
            families[family].append((point["packets"], delay_s))
    for family, line in families.items():
        line.sort()
        axis.plot(
            *zip(*line, strict=True),
            marker=MARKS[family],
            color=INKS[family],
            label=family,
            markersize=9 if family == "oracle" else 5,
            linewidth=1.4,
        )
    ours = points["ours"]
    at = (ours["packets"], max(ours["delay_s_mean"], DELAY_S_MIN))
    axis.plot(*at, "o", color=INKS["ours"], markersize=11, mfc="none")
    if "ours, called" in points:
        called = points["ours, called"]
        at = (called["packets"], max(called["delay_s_mean"], DELAY_S_MIN))
        axis.plot(*at, "P", color=INKS["ours"], markersize=8, linestyle="none", label="ours, with a relay that calls")
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.grid(visible=True, which="major", alpha=0.3)
