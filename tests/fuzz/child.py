"""Runs one target in a process of its own: `python -m tests.fuzz.child`, started by `supervision.py`."""

import contextlib
import faulthandler
import hashlib
import json
import resource
import signal
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.fuzz import engines
from tests.fuzz.trial import Board, Trial

MEMORY_ROOM_BYTES = 512 * 1024 * 1024
"""More than a target needs for its largest input (1 MiB), far less than what a bomb unfolds to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What one child is to do."""

    target: str
    engine: str
    inputs: int
    seed: int
    board: str
    findings: str
    corpus: str
    """Empty if nothing is kept for another run."""
    hang_s: float
    findings_max: int


def bound_memory() -> None:
    """Let this process have so much more memory than it has now; a core file would only fill the disk."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    most_bytes = pages * resource.getpagesize() + MEMORY_ROOM_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most_bytes, most_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main(text: str) -> int:
    """Do what was ordered, and tell figures as the last line."""
    order = Order(**json.loads(text))
    if order.engine == "atheris":
        engines.instrument()
    from tests.fuzz.targets import find

    target = find(order.target)
    with target.open() as probe:
        trial = Trial(
            target,
            probe,
            Board(Path(order.board)),
            Path(order.findings),
            hang_s=order.hang_s,
            findings_max=order.findings_max,
        )
        corpus = Path(order.corpus or order.board + ".corpus") / target.name
        breaker = engines.seeds_of(corpus, probe, target)
        began_s = time.monotonic()

        def done() -> int:
            trial.finish()
            seconds = time.monotonic() - began_s
            findings = {kind: str(path) for kind, path in trial.findings.items()}
            refused = trial.refused / max(trial.tries, 1)
            print(json.dumps({"seconds": seconds, "refused": refused, "findings": findings}), flush=True)
            return 1 if findings else 0

        bound_memory()
        if order.engine == "atheris":
            engines.by_atheris(trial, breaker, inputs=order.inputs, seed=order.seed, corpus=corpus, done=done)
        play = engines.by_hypothesis if order.engine == "hypothesis" else engines.by_mutation
        play(trial, breaker, inputs=order.inputs, seed=order.seed)
        trial.finish()
        if order.corpus:
            keep(corpus, breaker.corpus)
        return done()


def keep(corpus: Path, inputs: list[bytes]) -> None:
    """Write down what showed something new, for another run to begin with."""
    corpus.mkdir(parents=True, exist_ok=True)
    for data in inputs:
        with contextlib.suppress(FileExistsError), (corpus / hashlib.sha256(data).hexdigest()[:16]).open("xb") as file:
            file.write(data)


def as_text(order: Order) -> str:
    """Write an order so that it fits a command line."""
    return json.dumps(asdict(order))


if __name__ == "__main__":
    faulthandler.enable()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(main(sys.argv[1]))
