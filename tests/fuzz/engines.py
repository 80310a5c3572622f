"""Three ways to think of inputs: by structure, by property, and by what the code was seen to do.

- *mutation* breaks valid inputs by their structure and byte by byte; the fastest.
- *hypothesis* draws bytes, broken inputs and whole typed values of the wire, and prefers what is small and odd.
- *atheris* (libFuzzer) watches which branches of our code an input reaches, and keeps those that reach new ones. It
  makes half of its inputs with our breaker: byte flips alone seldom get past a MessagePack header.
"""

import importlib
import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.fuzz.draw import Dice
from tests.fuzz.target import Breaker, Probe, Shape, Target
from tests.fuzz.trial import Trial

ENGINES = ("mutation", "hypothesis", *(["atheris"] if importlib.util.find_spec("atheris") else []))
"""Atheris has no wheels for Windows and macOS."""
EXAMPLES_MAX = 20_000
"""Hypothesis remembers what it has drawn; a new round forgets it."""


def by_mutation(trial: Trial, breaker: Breaker, *, inputs: int, seed: int) -> None:
    """Break valid inputs."""
    dice = Dice(seed)
    trial.on_new = breaker.keep
    for data in breaker.probe.seeds:
        trial.attempt(data)
    while trial.inputs < inputs and not trial.is_hopeless:
        trial.attempt(breaker.next(dice))


def by_hypothesis(trial: Trial, breaker: Breaker, *, inputs: int, seed: int) -> None:
    """Have inputs drawn by Hypothesis; what it finds is written down here, not shrunk."""
    import hypothesis
    from hypothesis import strategies as st

    broken = st.builds(
        lambda data, number: breaker.broken(data, Dice(number)),
        st.sampled_from(list(breaker.probe.seeds) or [b""]),
        st.integers(0, 2**32),
    )
    short = st.binary(max_size=breaker.target.story_bytes if breaker.target.shape is Shape.STORY else 200)
    number = seed
    while trial.inputs < inputs and not trial.is_hopeless:
        number += 1

        @hypothesis.settings(
            max_examples=min(EXAMPLES_MAX, max(1, inputs - trial.inputs)),
            deadline=None,
            database=None,
            suppress_health_check=list(hypothesis.HealthCheck),
            phases=[hypothesis.Phase.generate],
        )
        @hypothesis.seed(number)
        @hypothesis.given(st.one_of(broken, broken, short))
        def attempt(data: bytes) -> None:
            if trial.inputs < inputs:
                trial.attempt(data)

        attempt()


def instrument() -> None:
    """Have libFuzzer see the branches of our code; before any of it is imported."""
    atheris: Any = importlib.import_module("atheris")  # it is not there on every system, and has no types
    with atheris.instrument_imports(include=["answerback"]):
        import answerback.crypto.seal
        import answerback.device.linking
        import answerback.faces.local_api
        import answerback.relay.serve
        import answerback.storage.snapshot  # noqa: F401


def by_atheris(
    trial: Trial, breaker: Breaker, *, inputs: int, seed: int, corpus: Path, done: Callable[[], int]
) -> None:
    """Have inputs grown by libFuzzer; ends this process, because libFuzzer never returns."""
    atheris: Any = importlib.import_module("atheris")
    corpus.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(breaker.probe.seeds):
        (corpus / f"seed-{number}").write_bytes(data)

    def one(data: bytes) -> None:
        trial.attempt(data)
        if trial.inputs >= inputs or trial.is_hopeless:
            os._exit(done())

    def mutated(data: bytes, size_bytes_max: int, number: int) -> bytes:
        if number % 2:
            return breaker.broken(data, Dice(number))[:size_bytes_max]
        changed: bytes = atheris.Mutate(data, size_bytes_max)
        return changed

    options = [
        f"-seed={seed or 1}",
        "-timeout=0",
        "-rss_limit_mb=0",
        "-max_len=8192",
        "-verbosity=0",
        "-detect_leaks=0",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], one, custom_mutator=mutated)
    atheris.Fuzz()


def seeds_of(corpus: Path, probe: Probe, target: Target) -> Breaker:
    """Begin with the target's own valid inputs, and with what an earlier run kept."""
    kept = [path.read_bytes() for path in sorted(corpus.glob("*")) if path.is_file()] if corpus.is_dir() else []
    breaker = Breaker(target, probe)
    for data in kept:
        breaker.keep(data)
    return breaker
