"""Reads what this machine's battery holds, where the system shows it as files (Linux); elsewhere it is unknown."""

from contextlib import suppress
from pathlib import Path

from answerback.core.sensing import PowerSeen

SUPPLIES = Path("/sys/class/power_supply")
_UNKNOWN = PowerSeen(None, None)


def battery_seen(folder: Path = SUPPLIES) -> PowerSeen:
    """Give the level of the emptiest battery of the machine itself, and whether any is being charged."""
    levels: list[float] = []
    is_charging = False
    for supply in sorted(folder.glob("*")) if folder.is_dir() else ():
        if _said(supply / "type") != "Battery" or _said(supply / "scope") == "Device":
            continue  # a mains plug, or the battery of a mouse
        with suppress(ValueError):
            levels.append(min(max(int(_said(supply / "capacity")), 0), 100) / 100)
            is_charging = is_charging or _said(supply / "status") in {"Charging", "Full", "Not charging"}
    return PowerSeen(min(levels), is_charging) if levels else _UNKNOWN


def _said(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
