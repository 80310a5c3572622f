"""Turns measured numbers into what a person reads, and what a program reads."""

import json
from collections.abc import Iterator, Sequence

Figures = dict[str, int | float | str | bool | None]
"""Names with their units, and numbers; one flat object, so that a spreadsheet takes it too."""


def percentile(values: Sequence[float], share: float) -> float | None:
    """Give the value that this share of all stays below; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def millis(seconds: float | None) -> float | None:
    """Say seconds in milliseconds."""
    return None if seconds is None else round(1000 * seconds, 2)


def rounded(seconds: float | None) -> float | None:
    """Say seconds to the millisecond."""
    return None if seconds is None else round(seconds, 3)


def as_json(figures: Figures) -> str:
    """Write one line for programs."""
    return json.dumps(figures)


def as_rows(figures: Figures) -> Iterator[tuple[str, str]]:
    """Write rows for people: names as words, large numbers in threes."""
    for name, value in figures.items():
        match value:
            case bool():
                text = "yes" if value else "no"
            case int():
                text = f"{value:,}"
            case None:
                text = "none"
            case _:
                text = str(value)
        yield name.replace("_", " "), text
