"""Keeps the verdict on every mutant that was tried, so that a run can be taken up again."""

import json
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.mutation.mutants import ROOT, Mutant
from tests.mutation.trial import Fate, Verdict

FOLDER = ROOT / "local" / "mutation"


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
        self._kills: Counter[tuple[str, str]] = Counter()
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.glob("*.jsonl"):
            for text in path.read_text().splitlines():
                line = Line(**json.loads(text))
                self._lines[line.name] = line
        for line in self._lines.values():
            if line.by:
                self._kills[line.file, line.by] += 1

    def line(self, mutant: Mutant) -> Line | None:
        """The verdict on a mutant, unless its function was changed since."""
        line = self._lines.get(mutant.name)
        return line if line is not None and line.digest == mutant.digest else None

    def killer_of(self, mutant: Mutant) -> str:
        """Who killed it before, if anybody did."""
        before = self._lines.get(mutant.name)
        return before.by if before is not None else ""

    def kills(self, file: str, killer: str) -> int:
        """How many mutants of a file somebody has killed: who killed many will kill more."""
        return self._kills[file, killer]

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
            self._kills[mutant.file, verdict.by] += 1
        with (self._folder / f"{mutant.file.removesuffix('.py')}.jsonl").open("a") as file:
            file.write(json.dumps(asdict(line)) + "\n")
        return line
