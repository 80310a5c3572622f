"""Keeps the verdict on every mutant that was tried, so that a run can be taken up again."""

import json
from collections import deque
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.mutation.mutants import ROOT, Mutant
from tests.mutation.trial import Fate, Verdict

FOLDER = ROOT / "local" / "mutation"
RECENT = 4
"""Who killed a mutant of a function will often kill the next one."""


@dataclass(frozen=True, slots=True)
class Line:
    """One mutant and what became of it."""

    name: str
    file: str
    function: str
    digest: str
    before: str
    after: str
    fate: str
    by: str

    @property
    def killed(self) -> bool:
        """Whether anybody noticed it."""
        return Verdict(Fate(self.fate)).killed


class Ledger:
    """All verdicts, one file of lines for each file of the core."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._lines: dict[str, Line] = {}
        self._recent: dict[str, deque[str]] = {}
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.glob("*.jsonl"):
            for text in path.read_text().splitlines():
                line = Line(**json.loads(text))
                self._lines[line.name] = line

    def line(self, mutant: Mutant) -> Line | None:
        """The verdict on a mutant, unless its function was changed since."""
        line = self._lines.get(mutant.name)
        return line if line is not None and line.digest == mutant.digest else None

    def hint(self, mutant: Mutant) -> list[str]:
        """Who may well kill it: who did so before, and who killed the last ones of its function."""
        before = self._lines.get(mutant.name)
        names = [before.by] if before is not None and before.by else []
        return [*names, *reversed(self._recent.get(mutant.function, ()))]

    def enter(self, mutant: Mutant, verdict: Verdict) -> Line:
        """Write a verdict down."""
        line = Line(
            name=mutant.name,
            file=mutant.file,
            function=mutant.function,
            digest=mutant.digest,
            before=mutant.before,
            after=mutant.after,
            fate=verdict.fate.value,
            by=verdict.by,
        )
        self._lines[line.name] = line
        if verdict.by:
            recent = self._recent.setdefault(mutant.function, deque(maxlen=RECENT))
            if verdict.by in recent:
                recent.remove(verdict.by)
            recent.append(verdict.by)
        with (self._folder / f"{mutant.file.removesuffix('.py')}.jsonl").open("a") as file:
            file.write(json.dumps(asdict(line)) + "\n")
        return line
