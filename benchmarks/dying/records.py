"""Keeps what was measured of two paths, and shows it in tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

BEGIN, END = "<!-- two paths: begin -->\n", "<!-- two paths: end -->\n"
OURS = "standby and hedging"


@dataclass(frozen=True, slots=True)
class Deaths:
    """One rule on one pair of paths, over many deaths."""

    gap_rounds: tuple[float, float, float]
    """How long after the death the last text of the moment comes, in round trips of the good path: half of the deaths
    are better, 95 of 100, and all."""
    delay_s: float
    """The longest that a text took in all."""
    calm_s: float
    """And 99 of 100 before, beside the bulk."""
    lost: int
    again: int
    """Came a second time, and was passed over."""
    early: int
    """Deaths when the device had moved already, on a false alarm: not counted above."""


@dataclass(frozen=True, slots=True)
class Dying:
    """All rules on one pair of paths."""

    case: str
    role: str
    deaths: int
    rules: dict[str, Deaths]


@dataclass(frozen=True, slots=True)
class Living:
    """What standing by and hedging cost while no path dies."""

    case: str
    seconds: float
    role: str
    twice_share: float
    """Of the urgent bytes."""
    moves: tuple[int, int]
    """With hedging, and without."""
    p90_s: tuple[float, float]
    p99_s: tuple[float, float]
    """99 of 100 texts arrive sooner: with hedging, and without."""
    lost: tuple[int, int]
    """Not arrived in the end."""


@dataclass(frozen=True, slots=True)
class Results:
    """All of it."""

    dying: list[Dying]
    living: list[Living]


def read(path: Path) -> Results:
    """What was measured before."""
    return msgspec.json.decode(path.read_bytes(), type=Results) if path.is_file() else Results([], [])


def write(path: Path, results: Results) -> None:
    """Keep it, in a fixed order."""
    ordered = Results(sorted(results.dying, key=lambda each: (each.role, each.case)), sorted(results.living, key=_case))
    path.write_bytes(msgspec.json.format(msgspec.json.encode(ordered), indent=1) + b"\n")


def _case(living: Living) -> tuple[str, str]:
    return living.role, living.case


def renewed(page: str, results: Results) -> str:
    """The page with its tables written anew."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit("the page has no place for the tables")
    return before + BEGIN + "\n" + _dying(results.dying) + "\n" + _living(results.living) + "\n" + END + after


def _dying(dying: Sequence[Dying]) -> str:
    if not dying:
        return ""
    rules = list(dict.fromkeys(rule for each in reversed(dying) for rule in each.rules))
    lines = [
        f"| paths | who | calm p99 ms | {' | '.join(rules)} | lost | early |",
        f"|---|---|---|{'---|' * len(rules)}---|---|",
    ]
    for each in dying:
        cells = (_rounds(each.rules.get(rule)) for rule in rules)
        calm_s, lost = each.rules[OURS].calm_s, sum(found.lost for found in each.rules.values())
        early = each.rules[OURS].early
        lines.append(f"| {each.case} | {each.role} | {1000 * calm_s:.0f} | {' | '.join(cells)} | {lost} | {early} |")
    return "\n".join(lines) + "\n"


def _rounds(deaths: Deaths | None) -> str:
    return "" if deaths is None else " / ".join(f"{value:.1f}" for value in deaths.gap_rounds)


def _living(living: Sequence[Living]) -> str:
    lines = [
        "| both paths | who | said twice, of urgent bytes | p90 ms | p99 ms | moves | not arrived |",
        "|---|---|---|---|---|---|---|",
    ]
    for each in living:
        p90, p99 = (" / ".join(f"{1000 * value:.0f}" for value in pair) for pair in (each.p90_s, each.p99_s))
        moves, lost = ("{} / {}".format(*pair) for pair in (each.moves, each.lost))
        lines.append(f"| {each.case} | {each.role} | {each.twice_share:.1%} | {p90} | {p99} | {moves} | {lost} |")
    return "\n".join(lines) + "\n"
