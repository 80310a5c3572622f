"""Every policy sets both ends up over any stage, and messages cross both ways."""

import asyncio
import socket
from pathlib import Path

import pytest

from answerback.lab.packets.children import Said
from answerback.lab.packets.plan import Plan
from answerback.lab.packets.policies import POLICIES, Policy, find_policy
from answerback.lab.packets.scenarios import find_scenario
from answerback.lab.packets.staging import LoopbackStage
from answerback.model.errors import UsageError

WITHIN_S = 30.0


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_messages_cross_both_ways(policy: Policy, tmp_path: Path) -> None:
    said: list[Said] = []
    changed = asyncio.Event()

    def hear(words: Said) -> None:
        said.append(words)
        changed.set()

    async def story() -> None:
        plan = Plan(scenario=find_scenario("steady"), policy=policy, links=("good",))
        async with LoopbackStage(plan) as stage:
            pair = await policy.set_up(stage, tmp_path, 1, hear)
            pair.near.send("up-0", urgent=True)
            pair.far.send("down-0", urgent=False)
            async with asyncio.timeout(WITHIN_S):
                while sum(words["event"] == "arrived" for words in said) < 2:
                    changed.clear()
                    await changed.wait()

    asyncio.run(story())
    events = {(words["event"], words["name"]): words["at_s"] for words in said if "name" in words}
    assert set(events) == {(event, name) for event in ("sent", "arrived") for name in ("up-0", "down-0")}
    assert all(0 < events["arrived", name] - events["sent", name] < WITHIN_S for name in ("up-0", "down-0"))


def test_every_policy_says_in_a_line_what_it_does() -> None:
    assert [policy.name for policy in POLICIES] == [
        "answerback",
        "answerback-by-tcp",
        "fixed-30s",
        "backoff-jitter",
        "passive-tcp",
        "oracle",
    ]
    assert all(policy.description.endswith(".") for policy in POLICIES)
    assert [policy.name for policy in POLICIES if policy.is_told] == ["oracle"]


class Direct(LoopbackStage):
    """A stage whose device goes straight to the relay, so that the relay's port is known."""

    leads_to = 0

    async def lead_to(self, port: int) -> tuple[str, int]:
        self.leads_to = port
        return self.far_host, port


def test_a_relay_by_tcp_alone_leaves_its_port_to_the_datagrams_of_others(tmp_path: Path) -> None:
    async def is_free(name: str) -> bool:
        policy = find_policy(name)
        async with Direct(Plan(scenario=find_scenario("steady"), policy=policy, links=("good",))) as stage:
            await policy.set_up(stage, tmp_path / name, 1, lambda _: None)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
                try:
                    other.bind((stage.far_host, stage.leads_to))
                except OSError:
                    return False
                return True

    assert asyncio.run(is_free("answerback-by-tcp"))
    assert not asyncio.run(is_free("answerback"))


def test_an_unknown_policy_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError, match="oracle"):
        find_policy("prayer")
