"""Scenarios are a closed list of data: the same seed tells the same story, and every story comes to its end."""

import pytest

from answerback.lab.packets.addresses import RELAY_PORT
from answerback.lab.packets.scenarios import SCENARIOS, Allow, Befall, Plug, Scenario, Switch, Wish, find_scenario
from answerback.lab.packets.weather import Weather
from answerback.model.errors import UsageError

each_scenario = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)


@each_scenario
def test_one_seed_tells_one_story(scenario: Scenario) -> None:
    assert scenario.plot(Wish(seed=3)) == scenario.plot(Wish(seed=3))


@each_scenario
def test_everything_happens_within_the_run_and_ends_well(scenario: Scenario) -> None:
    for seed, pace in ((1, 1.0), (2, 1.0), (3, 0.05), (4, 0.3), (5, 3.0)):
        plot = scenario.plot(Wish(seed=seed, pace=pace))
        assert all(0 <= happening.at_s < plot.duration_s for happening in plot.happenings)
        assert all(trouble.start_s <= trouble.end_s < plot.duration_s for trouble in plot.troubles)
        last = {type(happening.deed): happening.deed for happening in plot.happenings}
        assert last.get(Switch, Switch(on=True)) == Switch(on=True)
        assert last.get(Plug, Plug(on=True)) == Plug(on=True)
        assert last.get(Allow, Allow()) == Allow()
        if plot.troubles and Befall in last:
            assert last[Befall] in {Befall(), Befall(ways=("down",))}
        assert plot.shares[-1].share == 1.0
        assert [share.from_s for share in plot.shares] == sorted(share.from_s for share in plot.shares)


@each_scenario
def test_what_befalls_is_weather(scenario: Scenario) -> None:
    for happening in scenario.plot(Wish()).happenings:
        if isinstance(happening.deed, Befall):
            Weather(**dict(happening.deed.change))  # type: ignore[arg-type]


@each_scenario
def test_every_scenario_says_in_a_line_what_it_does(scenario: Scenario) -> None:
    assert scenario.description.endswith(".")
    assert 20 < len(scenario.description) <= 90
    assert find_scenario(scenario.name) is scenario


def test_outages_last_as_long_as_was_asked_for_and_otherwise_differ() -> None:
    hole = find_scenario("black-hole")
    asked = hole.plot(Wish(outage_s=30.0, outages=5))
    drawn = hole.plot(Wish(outages=5))
    assert [trouble.end_s - trouble.start_s for trouble in asked.troubles] == pytest.approx([30.0] * 5)
    assert len({round(trouble.end_s - trouble.start_s, 3) for trouble in drawn.troubles}) == 5
    assert hole.plot(Wish(seed=2)) != hole.plot(Wish(seed=1))


def test_a_quicker_pace_shortens_the_calm_and_not_the_outages() -> None:
    slow, quick = (find_scenario("black-hole").plot(Wish(outage_s=2.0, pace=pace)) for pace in (1.0, 0.1))
    assert quick.duration_s < slow.duration_s / 3
    assert [trouble.end_s - trouble.start_s for trouble in quick.troubles] == pytest.approx([2.0] * 3)


def test_rules_are_for_the_relays_own_port() -> None:
    assert Allow(blocks_relay=True).rules(RELAY_PORT).blocked_ports == {RELAY_PORT}
    assert Allow(captive=True).rules(RELAY_PORT).captive
    assert not Allow().rules(RELAY_PORT).blocked_ports


@pytest.mark.parametrize("wish", [{"outage_s": 0.0}, {"outage_s": 4000.0}, {"outages": 0}, {"pace": 0.0}])
def test_a_wish_that_makes_no_sense_is_refused(wish: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        Wish(**wish)  # type: ignore[arg-type]


def test_an_unknown_scenario_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError, match="black-hole"):
        find_scenario("blackhole")
