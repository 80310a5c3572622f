"""A whole run: a real relay, real devices, real packets; everything is counted, and nothing is lost."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from answerback.lab.packets.judging import Ledger, Outcome
from answerback.lab.packets.plan import Plan
from answerback.lab.packets.policies import find_policy
from answerback.lab.packets.running import PREFIX, run, tidy
from answerback.lab.packets.scenarios import Wish, find_scenario
from answerback.lab.packets.staging import NamespaceStage
from answerback.lab.packets.troubles import NamespacesRefused
from answerback.model.errors import UsageError


def outcome_of(
    scenario: str, *, policy: str = "answerback", packets: bool = True, file_bytes: int = 0, outage_s: float = 1.0
) -> Outcome:
    plan = Plan(
        scenario=find_scenario(scenario),
        policy=find_policy(policy),
        links=("good",),
        wish=Wish(outages=1, outage_s=outage_s, pace=0.1),
        every_s=0.2,
        file_bytes=file_bytes,
        patience_s=40.0,
    )
    return asyncio.run(run(plan, packets=packets))


def test_the_product_loses_and_doubles_nothing_through_a_black_hole(namespaces: None) -> None:
    outcome = outcome_of("black-hole", file_bytes=50_000)
    assert (outcome.stage, outcome.notice) == ("packets", "")
    assert outcome.sent > 10
    assert (outcome.delivered, outcome.lost, outcome.duplicated) == (outcome.sent, 0, 0)
    assert outcome.good
    assert outcome.drops["black hole"] > 0
    assert outcome.file_s is not None
    [recovery] = outcome.recoveries
    assert recovery.up_s is not None
    assert recovery.down_s is not None
    assert recovery.packets is not None
    assert recovery.packets > 0
    assert outcome.accuracy is not None
    assert outcome.accuracy.packets > 50
    assert [what for _, what in outcome.happened] == [
        "Befall(change=(('hole', True),), ways=('up', 'down'))",
        "Befall(change=(), ways=('up', 'down'))",
    ]


def test_one_who_knows_is_back_within_a_few_round_trips_and_tcp_alone_is_not(namespaces: None) -> None:
    knowing = outcome_of("black-hole", policy="oracle", outage_s=3.0)
    passive = outcome_of("black-hole", policy="passive-tcp", outage_s=3.0)
    back_s = [outcome.recoveries[0].up_s for outcome in (knowing, passive)]
    assert back_s[0] is not None
    assert back_s[1] is not None
    assert back_s[0] < back_s[1]
    assert (knowing.wasted_attempts, knowing.lost, passive.lost) == (0, 0, 0)


def test_without_namespaces_a_relay_of_sockets_plays_what_it_can_and_says_what_it_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def refuse(self: NamespaceStage) -> NamespaceStage:
        raise NamespacesRefused("no network namespace can be made: Operation not permitted")

    monkeypatch.setattr(NamespaceStage, "__aenter__", refuse)
    outcome = outcome_of("black-hole", policy="oracle")
    assert outcome.stage == "sockets"
    assert "not permitted" in outcome.notice
    assert "NAT" in outcome.notice
    assert (outcome.lost, outcome.accuracy, outcome.attempts) == (0, None, None)
    assert outcome.recoveries[0].up_s is not None
    with pytest.raises(UsageError, match="needs network namespaces"):
        outcome_of("nat-rebinding")


def test_what_does_not_come_is_counted_as_lost(namespaces: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ledger, "arrived", lambda self, name, *, at_s: None)
    plan = Plan(
        scenario=find_scenario("steady"),
        policy=find_policy("passive-tcp"),
        links=("good",),
        wish=Wish(pace=0.02),
        patience_s=0.1,
    )
    outcome = asyncio.run(run(plan, packets=True))
    assert outcome.lost == outcome.sent > 0
    assert not outcome.good


def test_the_folder_of_a_killed_run_is_removed_by_the_next_and_no_other(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    for name in (f"{PREFIX}{ended.pid}-a", f"{PREFIX}{os.getpid()}-b", f"{PREFIX}mine", "other-1-a"):
        (tmp_path / name).mkdir()
    tidy(tmp_path)
    assert sorted(left.name for left in tmp_path.iterdir()) == sorted(
        [f"{PREFIX}{os.getpid()}-b", f"{PREFIX}mine", "other-1-a"]
    )
