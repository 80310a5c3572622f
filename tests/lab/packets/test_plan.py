"""A plan that cannot be run is refused before anything starts."""

import pytest

from answerback.lab.packets.fading import Share
from answerback.lab.packets.plan import Plan, loopback_shares
from answerback.lab.packets.policies import find_policy
from answerback.lab.packets.scenarios import SCENARIOS, Scenario, Wish, find_scenario
from answerback.model.errors import UsageError

ON_LOOPBACK = {"steady", "outage-announced", "carrier-lost", "black-hole", "flapping"}


def plan_of(scenario: str = "steady", **more: object) -> Plan:
    return Plan(scenario=find_scenario(scenario), policy=find_policy("answerback"), **{"links": ("good",), **more})  # type: ignore[arg-type]


def test_the_scenario_says_how_often_messages_are_written_unless_somebody_asks() -> None:
    assert plan_of("nat-timeout").spacing_s > plan_of().spacing_s
    assert plan_of(every_s=2.0).spacing_s == 2.0


@pytest.mark.parametrize(
    "more",
    [
        {"links": ()},
        {"links": ("good", "good", "good")},
        {"links": ("nowhere",)},
        {"every_s": 0.0},
        {"file_bytes": -1},
        {"from_s": -1.0},
        {"queue_bytes_max": 0},
    ],
    ids=str,
)
def test_what_cannot_be_run_is_refused(more: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        plan_of(**more)  # type: ignore[arg-type]


def test_a_scenario_of_two_paths_needs_the_second() -> None:
    with pytest.raises(UsageError, match="--second-path"):
        plan_of("path-dies")
    assert plan_of("path-dies", links=("good", "tunnel")).plot.troubles


def test_a_relay_of_sockets_plays_outages_as_stretches_without_a_rate() -> None:
    plan = plan_of("black-hole", wish=Wish(outage_s=3.0, outages=1), from_s=10.0)
    [trouble] = plan.plot.troubles
    assert loopback_shares(plan) == (
        Share(0.0, 1.0),
        Share(trouble.start_s + 10.0, 0.0),
        Share(trouble.end_s + 10.0, 1.0),
    )


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_relay_of_sockets_refuses_what_it_cannot_play(scenario: Scenario) -> None:
    plan = plan_of(scenario.name, links=("good", "good") if scenario.needs_second else ("good",))
    if scenario.name in ON_LOOPBACK:
        assert loopback_shares(plan)[0] == Share(0.0, 1.0)
    else:
        with pytest.raises(UsageError, match="namespaces"):
            loopback_shares(plan)
