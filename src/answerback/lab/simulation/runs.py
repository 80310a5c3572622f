"""Plays many worlds one after the other, and adds up what came of them."""

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from answerback.lab.simulation.life import Outcome, live
from answerback.model.errors import UsageError

Json = dict[str, object]


@dataclass(slots=True)
class Tally:
    """What many seeds came to."""

    seeds: int = 0
    messages: int = 0
    virtual_s: float = 0.0
    seconds: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)
    failures: list[Outcome] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Add one world."""
        self.seeds += 1
        self.messages += outcome.messages
        self.virtual_s += outcome.virtual_s
        self.faults.update(outcome.faults)
        if outcome.objections:
            self.failures.append(outcome)

    @property
    def violations(self) -> int:
        """How many promises were found broken."""
        return sum(len(outcome.objections) for outcome in self.failures)

    def as_json(self) -> Json:
        """All of it, for programs."""
        return {
            "seeds": self.seeds,
            "violations": self.violations,
            "failures": [
                {"seed": outcome.seed, "digest": outcome.digest, "violations": list(outcome.objections)}
                for outcome in self.failures
            ],
            "faults": dict(sorted(self.faults.items())),
            "messages": self.messages,
            "virtual_days": round(self.virtual_s / 86_400, 2),
            "seconds": round(self.seconds, 2),
            "seeds_per_s": round(self.seeds / self.seconds, 2) if self.seconds else 0.0,
        }


def simulate(seeds: Iterable[int], *, each: Callable[[Outcome], None]) -> Tally:
    """Play each seed's world; `each` hears of it at once."""
    tally = Tally()
    began_s = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="answerback-") as folder:
        for seed in seeds:
            outcome = live(seed, Path(folder))
            tally.add(outcome)
            tally.seconds = time.perf_counter() - began_s
            each(outcome)
    return tally


def parse_seeds(text: str) -> range:
    """Read `A:B`, the seeds from A up to, not including, B; or one seed."""
    first, colon, end = text.partition(":")
    try:
        begin = int(first or "0") if colon else int(first)
        seeds = range(begin, int(end)) if colon else range(begin, begin + 1)
    except ValueError as error:
        raise UsageError(f"{text!r} is no range of seeds; give A:B, such as 0:100, or one number") from error
    if not seeds or begin < 0:
        raise UsageError(f"{text!r} names no seed; give A:B with 0 ≤ A < B, or one number")
    return seeds
