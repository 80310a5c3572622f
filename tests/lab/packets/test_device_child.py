"""A device of the lab registers like anybody's, says what it sent and what came, and carries files."""

import asyncio
from pathlib import Path

from answerback.lab.packets.children import Said
from answerback.lab.packets.plan import Plan
from answerback.lab.packets.policies import find_policy
from answerback.lab.packets.scenarios import find_scenario
from answerback.lab.packets.staging import LoopbackStage

WITHIN_S = 30.0


def test_a_device_sends_a_file_and_tells_how_it_stands(tmp_path: Path) -> None:
    arrived: list[str] = []
    came = asyncio.Event()

    def hear(said: Said) -> None:
        if said["event"] == "arrived":
            arrived.append(said["name"])
            came.set()

    async def story() -> Said:
        policy = find_policy("answerback")
        plan = Plan(scenario=find_scenario("steady"), policy=policy, links=("good",))
        picture = tmp_path / "picture"
        await asyncio.to_thread(picture.write_bytes, bytes(10_000))
        async with LoopbackStage(plan) as stage:
            pair = await policy.set_up(stage, tmp_path, 1, hear)
            pair.near.send_file("file", picture)
            async with asyncio.timeout(WITHIN_S):
                await came.wait()
            pair.near.child.tell({"do": "status"})
            return await pair.near.child.heard("status")

    status = asyncio.run(story())
    assert arrived == ["file"]
    assert (status["connected"], status["attempts"]) == (True, 1)
