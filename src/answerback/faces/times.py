"""Reads and writes times the way people do: `10m`, `12:03:04`, `in 2 s`."""

import re
from datetime import datetime

from answerback.model.errors import UsageError

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_DURATION = re.compile(r"(\d{1,9})\s*([smhd])")


def parse_duration(text: str) -> int:
    """Read `30s`, `10m`, `2h` or `7d` as seconds."""
    match = _DURATION.fullmatch(text.strip().lower())
    if match is None:
        raise UsageError(f"{text!r} is not a length of time; write it like 30s, 10m, 2h or 7d")
    return int(match[1]) * _UNITS_S[match[2]]


def clock(wall_ms: int, *, now_ms: int) -> str:
    """Write a moment in local time: the hour alone if it is today, else with its day."""
    moment, today = datetime.fromtimestamp(wall_ms / 1000), datetime.fromtimestamp(now_ms / 1000)  # noqa: DTZ006 - local is meant
    if moment.date() == today.date():
        return f"{moment:%H:%M:%S}"
    return f"{moment:%d %b %H:%M}" if moment.year == today.year else f"{moment:%d %b %Y}"


def from_now(wall_ms: int, *, now_ms: int) -> str:
    """Say how far off a moment is."""
    away_s = (wall_ms - now_ms) / 1000
    if away_s < 1:
        return "at once"
    return f"in {span(away_s)}"


def span(seconds: float) -> str:
    """Write a length of time in the one unit that fits it."""
    if seconds < 100:  # noqa: PLR2004 - two digits read best
        return f"{seconds:.0f} s"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 2 * 86_400 else f"{seconds / 86_400:.0f} days"
