"""Keeps the list of mutants that survive, each with the reason why that is all right.

The list is `survivors.toml`: first the reasons, each with a short name; then the survivors, each with one of these
names. A run writes the survivors; a person writes the reasons. One without a reason has an empty one, and a test fails.
"""

import json
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.mutation.ledger import Line

LIST = Path(__file__).with_name("survivors.toml")
HEAD = """\
# Mutants of the core that no test and no simulated world notices, and why that is all right.
# Written by `python -m tests.mutation --list`; only the reasons are written by hand.
"""


@dataclass(frozen=True, slots=True)
class Survivor:
    """One mutant that nobody notices."""

    mutant: str
    before: str
    after: str
    reason: str

    @property
    def file(self) -> str:
        """Where it is."""
        return self.mutant.partition(" ")[0]


@dataclass(frozen=True, slots=True)
class Survivors:
    """The whole list."""

    reasons: dict[str, str]
    survivors: tuple[Survivor, ...]


def read(path: Path = LIST) -> Survivors:
    """Read the list."""
    if not path.exists():
        return Survivors({}, ())
    found = tomllib.loads(path.read_text())
    return Survivors(found.get("reasons", {}), tuple(Survivor(**entry) for entry in found.get("survivor", ())))


def write(lines: Iterable[Line], *, files: Iterable[str], path: Path = LIST) -> None:
    """Put these survivors in the place of those that were listed for the same files; reasons are kept."""
    old = read(path)
    reason_of = {survivor.mutant: survivor.reason for survivor in old.survivors}
    tried = {Path(file).name for file in files}
    kept = [survivor for survivor in old.survivors if survivor.file not in tried]
    new = [Survivor(line.name, line.before, line.after, reason_of.get(line.name, "")) for line in lines]
    parts = [HEAD, "\n[reasons]\n"]
    parts += [f"{name} = {_quoted(reason)}\n" for name, reason in sorted(old.reasons.items())]
    for survivor in sorted([*kept, *new], key=lambda entry: entry.file):
        parts.append(
            f"\n[[survivor]]\nmutant = {_quoted(survivor.mutant)}\nbefore = {_quoted(survivor.before)}\n"
            f"after = {_quoted(survivor.after)}\nreason = {_quoted(survivor.reason)}\n"
        )
    path.write_text("".join(parts))


def faults(found: Survivors) -> list[str]:
    """What is wrong with a list."""
    used = {entry.reason for entry in found.survivors}
    wrong = [f"{entry.mutant}: has no reason" for entry in found.survivors if not entry.reason]
    wrong += [f"{name}: is used and not explained" for name in sorted(used - found.reasons.keys() - {""})]
    wrong += [f"{name}: is nobody's reason" for name in sorted(found.reasons.keys() - used)]
    wrong += [f"{name}: says nothing" for name, reason in found.reasons.items() if not reason.strip()]
    names = [entry.mutant for entry in found.survivors]
    return wrong + [f"{name}: is listed twice" for name in sorted({name for name in names if names.count(name) > 1})]


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
