"""Proves that runs add up what their seeds came to, and say which seed to look at."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from answerback.lab.simulation.faults import KINDS
from answerback.lab.simulation.life import Outcome
from answerback.lab.simulation.logbook import Logbook
from answerback.lab.simulation.runs import WORLDS_PER_PROCESS_MIN, Tally, parse_seeds, simulate, usable_cores
from answerback.model.errors import UsageError


def outcome(seed: int, *objections: str) -> Outcome:
    return Outcome(seed, objections, {"agent_killed": 2, "burst": 1}, (), "digest", 10, 86_400.0)


def test_a_tally_adds_up_and_names_the_seeds_that_failed() -> None:
    tally = Tally(seconds=2.0)
    tally.add(outcome(1))
    tally.add(outcome(2, "kept: …", "once: …"))
    told = tally.as_json()
    assert (told["seeds"], told["violations"], told["messages"], told["virtual_days"]) == (2, 2, 20, 2.0)
    assert told["failures"] == [{"seed": 2, "digest": "digest", "violations": ["kept: …", "once: …"]}]
    faults = told["faults"]
    assert isinstance(faults, dict)
    assert faults["agent_killed"] == 4
    assert faults["torn_write"] == 0
    assert set(faults) == set(KINDS)
    assert told["loads"] == {"burst": 2}
    assert told["seeds_per_s"] == 1.0


def test_each_world_is_heard_of_at_once() -> None:
    heard: list[int] = []
    tally = simulate([1, 2], each=lambda outcome: heard.append(outcome.seed))
    assert heard == [1, 2]
    assert (tally.seeds, tally.violations) == (2, 0)
    assert tally.seconds > 0


def test_many_processes_play_the_same_lives_in_the_same_order_as_one() -> None:
    seeds = range(2 * WORLDS_PER_PROCESS_MIN)
    heard: list[int] = []
    many = simulate(seeds, jobs=2, each=lambda outcome: heard.append(outcome.seed))
    one = simulate(seeds, each=lambda _: None)
    assert heard == list(seeds)
    assert many.digest == one.digest
    assert many.faults == one.faults


def test_an_interrupted_run_says_how_far_it_came_and_goes_on_from_there(tmp_path: Path) -> None:
    def interrupt(outcome: Outcome) -> None:
        if outcome.seed == 2:
            raise KeyboardInterrupt

    with Logbook(tmp_path / "run") as logbook:
        first = simulate(range(1, 4), each=interrupt, logbook=logbook)
    assert first.seeds == 2
    with Logbook(tmp_path / "run") as logbook:
        assert sorted(logbook.outcomes) == [1, 2]
        whole = simulate(range(1, 4), each=lambda _: None, logbook=logbook)
    assert whole.digest == simulate(range(1, 4), each=lambda _: None).digest


def test_nobody_goes_on_playing_when_the_run_was_killed() -> None:
    play = (
        "from answerback.lab.simulation.runs import simulate\n"
        "simulate(range(10_000), each=lambda outcome: print(outcome.seed, flush=True), jobs=2)"
    )
    with subprocess.Popen([sys.executable, "-c", play], stdout=subprocess.PIPE) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == b"0\n"
        children = psutil.Process(run.pid).children()
        run.kill()
    assert len(children) >= 2
    _, alive = psutil.wait_procs(children, timeout=20)
    assert alive == []


def test_there_is_at_least_one_core() -> None:
    assert usable_cores() >= 1


@pytest.mark.parametrize(("text", "seeds"), [("0:3", [0, 1, 2]), ("7", [7]), (":2", [0, 1])])
def test_ranges_of_seeds(text: str, seeds: list[int]) -> None:
    assert list(parse_seeds(text)) == seeds


@pytest.mark.parametrize("text", ["", ":", "3:3", "5:2", "a:b", "-4", "1:2:3"])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_seeds(text)
