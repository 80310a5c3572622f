"""Proves that what a person is told to type works while the scene stands."""

import asyncio
import shlex

from click.testing import CliRunner

from answerback.faces.cli import cli
from answerback.faces.demonstration.demonstrating import demonstrate
from answerback.faces.demonstration.keeping import keep_standing
from answerback.faces.demonstration.plan import Plan
from answerback.faces.demonstration.scene import Scene
from tests.faces.demonstration.performance import Performance


def test_the_commands_name_each_device(performance: Performance) -> None:
    typed = "\n".join(performance.to_type)
    assert all(f"--home {performance.folder}/{name} " in typed for name in ("ada", "bea-phone", "bea-tablet"))


def test_a_message_typed_by_hand_arrives_at_the_tablet() -> None:
    said: list[str] = []
    standing = asyncio.Event()

    def say(line: str) -> None:
        said.append(line)
        if "Ctrl-C" in line:
            standing.set()

    async def afterwards(scene: Scene) -> None:
        keeping = asyncio.create_task(keep_standing(scene, say))
        await asyncio.wait_for(standing.wait(), 30)
        send = next(line for line in said if " send " in line).strip()
        sent = await asyncio.to_thread(_type, f"{send} --wait delivered --timeout 20")
        assert sent == "0"
        keeping.cancel()
        await keeping

    asyncio.run(
        demonstrate(Plan(messages=1, link="good"), follow=None, on_end=lambda _ending: None, afterwards=afterwards)
    )
    assert said[-1] == "Ending, and cleaning up."


def _type(line: str) -> str:
    ran = CliRunner().invoke(cli, shlex.split(line)[1:])
    return f"{ran.exit_code}{ran.output if ran.exit_code else ''}"
