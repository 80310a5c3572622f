"""Proves that runs add up what their seeds came to, and say which seed to look at."""

import pytest

from answerback.lab.simulation.life import Outcome
from answerback.lab.simulation.runs import Tally, parse_seeds, simulate
from answerback.model.errors import UsageError


def outcome(seed: int, *objections: str) -> Outcome:
    return Outcome(seed, objections, {"agent_killed": 2}, (), "digest", 10, 86_400.0)


def test_a_tally_adds_up_and_names_the_seeds_that_failed() -> None:
    tally = Tally(seconds=2.0)
    tally.add(outcome(1))
    tally.add(outcome(2, "kept: …", "once: …"))
    told = tally.as_json()
    assert (told["seeds"], told["violations"], told["messages"], told["virtual_days"]) == (2, 2, 20, 2.0)
    assert told["failures"] == [{"seed": 2, "digest": "digest", "violations": ["kept: …", "once: …"]}]
    assert told["faults"] == {"agent_killed": 4}
    assert told["seeds_per_s"] == 1.0


def test_each_world_is_heard_of_at_once() -> None:
    heard: list[int] = []
    tally = simulate([1, 2], each=lambda outcome: heard.append(outcome.seed))
    assert heard == [1, 2]
    assert (tally.seeds, tally.violations) == (2, 0)
    assert tally.seconds > 0


@pytest.mark.parametrize(("text", "seeds"), [("0:3", [0, 1, 2]), ("7", [7]), (":2", [0, 1])])
def test_ranges_of_seeds(text: str, seeds: list[int]) -> None:
    assert list(parse_seeds(text)) == seeds


@pytest.mark.parametrize("text", ["", ":", "3:3", "5:2", "a:b", "-4", "1:2:3"])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_seeds(text)
