"""Keeps what was measured of urgent texts beside bulk, so that it can be shown again without measuring."""

from dataclasses import dataclass
from pathlib import Path

import msgspec


@dataclass(frozen=True, slots=True)
class Figures:
    """What one rule came to on one link."""

    urgent_s: tuple[float, float]
    """Half of the texts arrive sooner, and 99 of 100."""
    added_s: tuple[float, float, float]
    """How much later than without any bulk: half, 90 and 99 of 100."""
    bulk_bps: float
    bulk_share: float
    """Of what a greedy transfer gets."""


@dataclass(frozen=True, slots=True)
class Measured:
    """All rules on one direction of one link."""

    link: str
    length_s: float
    mean_bps: float
    texts: int
    rules: dict[str, Figures]


def read(path: Path) -> list[Measured]:
    """What was measured before."""
    return msgspec.json.decode(path.read_bytes(), type=list[Measured]) if path.is_file() else []


def write(path: Path, measured: list[Measured]) -> None:
    """Keep it, in the order of the links' names."""
    ordered = sorted(measured, key=lambda each: each.link)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(ordered), indent=1) + b"\n")
