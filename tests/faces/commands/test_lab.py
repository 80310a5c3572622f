"""The command lists what there is, runs it, and says what came of it in sentences or JSON."""

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from answerback.faces.cli import cli
from answerback.faces.output import Exit
from answerback.lab.packets import namespaces, running
from answerback.lab.packets.accuracy import Accuracy
from answerback.lab.packets.judging import Outcome, Recovery, Spread
from answerback.lab.packets.plan import Plan
from answerback.lab.packets.reaching import Stretch
from answerback.lab.packets.scenarios import SCENARIOS
from answerback.lab.packets.troubles import NamespacesRefused

ACCURACY = Accuracy(
    packets=1000,
    late_ms_p50=0.1,
    late_ms_p99=0.4,
    late_ms_max=1.5,
    busy_s=3.0,
    busy_bps=999_000.0,
    recording_bps=1_000_000.0,
    pause_ms_max=2.0,
)
OUTAGE = Recovery(
    stretch=Stretch(path=0, start_s=8.0, end_s=38.0, announced=False, recorded=False),
    up_s=1.25,
    down_s=None,
    urgent_s=31.5,
    attempts=3,
    packets=40,
    bytes=2400,
    packets_first_minute=40,
    packets_a_minute_after=0.0,
)
OUTCOME = Outcome(
    scenario="black-hole",
    policy="answerback",
    seed=1,
    links=["good"],
    stage="packets",
    notice="",
    lasted_s=50.0,
    sent=100,
    delivered=100,
    lost=0,
    duplicated=0,
    delay=Spread(100, 44.0, 9000.0, 9100.0),
    urgent=Spread(0, None, None, None),
    recoveries=[OUTAGE],
    file_s=12.5,
    attempts=4,
    wasted_attempts=3,
    up_packets=500,
    up_bytes=100_000,
    down_packets=400,
    down_bytes=90_000,
    drops={"black hole": 40},
    rebindings=0,
    accuracy=ACCURACY,
    rate_ratio=0.999,
    priority="real time",
    happened=[],
)


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Plan, bool]]:
    """What was asked to be run; nothing is."""
    asked: list[tuple[Plan, bool]] = []

    async def run(plan: Plan, *, packets: bool) -> Outcome:
        asked.append((plan, packets))
        return OUTCOME

    monkeypatch.setattr(running, "run", run)
    monkeypatch.setattr(namespaces, "become_own_root", lambda: None)
    return asked


def lab(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["lab", *arguments])


def test_every_scenario_and_policy_is_listed_with_what_it_does() -> None:
    told = lab("scenarios").output
    assert [each.name for each in SCENARIOS if f"{each.name} " not in told or each.description not in told] == []
    listed = json.loads(lab("scenarios", "--json").output)
    assert set(listed["scenarios"]) == {each.name for each in SCENARIOS}
    assert "oracle" in listed["policies"]


def test_options_make_the_plan(plans: list[tuple[Plan, bool]]) -> None:
    words = "run path-dies --up good --second-path tunnel --policy oracle --seed 7 --outage 30 --outages 2 --pace 0.5"
    more = "--every 2 --file 1000 --queue 9000 --gaps dropped --from 60 --patience 5 --sockets --json"
    assert lab(*words.split(), *more.split()).exit_code == Exit.REACHED
    [(plan, packets)] = plans
    assert not packets
    assert (plan.scenario.name, plan.policy.name, plan.links) == ("path-dies", "oracle", ("good", "tunnel"))
    wish = plan.wish
    assert (wish.seed, wish.outage_s, wish.outages, wish.pace) == (7, 30.0, 2, 0.5)
    assert (plan.every_s, plan.file_bytes, plan.queue_bytes_max, plan.drops_gaps) == (2.0, 1000, 9000, True)
    assert (plan.from_s, plan.patience_s) == (60.0, 5.0)


def test_an_outcome_is_told_in_lines(plans: list[tuple[Plan, bool]]) -> None:
    told = lab("run", "black-hole").output
    for part in (
        "black-hole over good, answerback, seed 1",
        "100 sent, 0 lost, 0 doubled",
        "44 ms (half), 9000 ms (99 %), 9100 ms (most)",
        "nothing arrived",
        "8.0 to 38.0 s on path 1, silent",
        "up 1.25 s, down (nothing came); the slowest urgent one took 31.50 s; meanwhile",
        "meanwhile 3 attempts, 40 packets, 2400 bytes",
        "arrived after 12.5 s",
        "4 attempts to connect, 3 in trouble",
        "40 black hole",
        "0.40 ms (99 %)",
        "0.9990 of the rate in 3 busy seconds; real time priority",
    ):
        assert part in told
    assert plans[0][1]


def test_json_is_one_line_with_everything(plans: list[tuple[Plan, bool]]) -> None:
    told: dict[str, Any] = json.loads(lab("run", "black-hole", "--json").stdout)
    assert told["accuracy"]["late_ms_p99"] == 0.4
    assert told["recoveries"][0]["stretch"]["end_s"] == 38.0
    assert told["urgent"]["p99_ms"] is None


def test_a_lost_message_ends_with_four(plans: list[tuple[Plan, bool]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Outcome, "good", property(lambda _: False))
    assert lab("run", "steady").exit_code == Exit.REFUSED


def test_whoever_may_not_make_namespaces_is_told_and_served_by_sockets(
    plans: list[tuple[Plan, bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise NamespacesRefused("no user namespace can be made: this needs root here")

    monkeypatch.setattr(namespaces, "become_own_root", refuse)
    told = lab("run", "black-hole")
    assert "this needs root here" in told.stderr
    assert [packets for _, packets in plans] == [False]


@pytest.mark.parametrize(
    "words",
    ["run nowhere", "run steady --policy prayer", "run path-dies", "run steady --up nowhere", "run steady --outages 0"],
)
def test_what_cannot_be_run_is_a_matter_of_usage(words: str) -> None:
    assert lab(*words.split()).exit_code == Exit.USAGE


def test_whoever_interrupts_is_told_that_nothing_is_left(
    plans: list[tuple[Plan, bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def interrupted(plan: Plan, *, packets: bool) -> Outcome:
        raise KeyboardInterrupt

    monkeypatch.setattr(running, "run", interrupted)
    told = lab("run", "steady")
    assert told.exit_code == 130
    assert "Nothing is left running" in told.stderr
