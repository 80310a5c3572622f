"""Plays many worlds, in as many processes as wanted, and adds up what came of them in the order of their seeds."""

import contextlib
import hashlib
import os
import signal
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any

from answerback.lab.simulation.faults import KINDS
from answerback.lab.simulation.life import Outcome, live
from answerback.lab.simulation.logbook import Logbook
from answerback.model.errors import UsageError

Json = dict[str, object]
FAILURES_MAX = 1_000
"""Failed worlds that are listed: whoever has more begins with the first ones."""
WORLDS_AT_ONCE = 4
"""Worlds a process is given at once: a second's work, so that a run can be ended, and handing it over costs nothing."""
BATCHES_AHEAD = 3
"""Batches each process has before it: nobody waits for work, and what waits for its turn is bounded."""
WORLDS_PER_PROCESS_MIN = 6
"""Fewer are played before another process has begun."""


@dataclass(slots=True)
class Tally:
    """What many seeds came to."""

    seeds: int = 0
    violations: int = 0
    messages: int = 0
    virtual_s: float = 0.0
    seconds: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)
    failures: list[Outcome] = field(default_factory=list)
    _digest: Any = field(default_factory=hashlib.sha256)

    def add(self, outcome: Outcome) -> None:
        """Add one world."""
        self.seeds += 1
        self.violations += len(outcome.objections)
        self.messages += outcome.messages
        self.virtual_s += outcome.virtual_s
        self.faults.update(outcome.faults)
        self._digest.update(f"{outcome.seed} {outcome.digest}\n".encode())
        if outcome.objections and len(self.failures) < FAILURES_MAX:
            self.failures.append(replace(outcome, lines=()))

    @property
    def digest(self) -> str:
        """Short name of all these lives, seed by seed."""
        return str(self._digest.hexdigest()[:16])

    def as_json(self) -> Json:
        """All of it, for programs."""
        return {
            "seeds": self.seeds,
            "violations": self.violations,
            "failures": [
                {"seed": outcome.seed, "digest": outcome.digest, "violations": list(outcome.objections)}
                for outcome in self.failures
            ],
            "faults": {kind: self.faults[kind] for kind in KINDS},
            "loads": {kind: count for kind, count in sorted(self.faults.items()) if kind not in KINDS},
            "messages": self.messages,
            "virtual_days": round(self.virtual_s / 86_400, 2),
            "digest": self.digest,
            "seconds": round(self.seconds, 2),
            "seeds_per_s": round(self.seeds / self.seconds, 2) if self.seconds else 0.0,
        }


def simulate(
    seeds: Sequence[int],
    *,
    each: Callable[[Outcome], None],
    jobs: int = 1,
    stories: bool = False,
    logbook: Logbook | None = None,
) -> Tally:
    """Play each seed's world and hear of each in the order of the seeds, whoever played it.

    A logbook keeps each world's outcome, and spares those it has. Interrupted, it returns what was played so far.
    """
    tally = Tally()
    began_s = time.perf_counter()
    known = logbook.outcomes if logbook else {}
    missing = [seed for seed in seeds if seed not in known]
    jobs = min(jobs, max(1, len(missing) // WORLDS_PER_PROCESS_MIN))
    fresh = _by_many(missing, jobs, stories=stories) if jobs > 1 else _by_one(missing, stories=stories)
    with contextlib.closing(fresh), contextlib.suppress(KeyboardInterrupt):
        for seed in seeds:
            outcome = known.get(seed)
            if outcome is None:
                outcome = next(fresh)
                assert outcome.seed == seed
                if logbook:
                    logbook.add(outcome)
            tally.add(outcome)
            tally.seconds = time.perf_counter() - began_s
            each(outcome)
    return tally


def usable_cores() -> int:
    """How many processes can work at once here."""
    with contextlib.suppress(AttributeError):  # not every system tells
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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


def _by_one(seeds: Sequence[int], *, stories: bool) -> Generator[Outcome, None, None]:
    with tempfile.TemporaryDirectory(prefix="answerback-") as folder:
        for seed in seeds:
            yield _short(live(seed, Path(folder)), stories=stories)


def _by_many(seeds: Sequence[int], jobs: int, *, stories: bool) -> Generator[Outcome, None, None]:
    batches = (seeds[start : start + WORLDS_AT_ONCE] for start in range(0, len(seeds), WORLDS_AT_ONCE))
    under_way: deque[Future[list[Outcome]]] = deque()
    # Not `fork`: a child would inherit what threads of this process hold.
    pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_begin_worker)
    try:
        for batch in batches:
            under_way.append(pool.submit(_play, list(batch), stories=stories))
            if len(under_way) >= jobs * BATCHES_AHEAD:
                yield from under_way.popleft().result()
        while under_way:
            yield from under_way.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _play(seeds: Sequence[int], *, stories: bool) -> list[Outcome]:
    return list(_by_one(seeds, stories=stories))


def _short(outcome: Outcome, *, stories: bool) -> Outcome:
    """Leave out the story where nobody will read it: it is most of an outcome."""
    return outcome if stories else replace(outcome, lines=())


def _begin_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the whole terminal gets Ctrl-C; the parent ends the run
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End as soon as the parent has, whatever ended it: nobody hears of these worlds any more."""
    parent = parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)
