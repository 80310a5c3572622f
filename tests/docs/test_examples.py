"""Each example does what it says, as a process of its own, against a real relay."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from answerback import Client, Stage
from tests.house.sources import ROOT
from tests.journey.processes import town

PATIENCE_S = 60.0


@contextlib.asynccontextmanager
async def example(name: str, *words: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run an example; it ends with the block at the latest."""
    path = str(ROOT / "examples" / name)
    child = await asyncio.create_subprocess_exec(sys.executable, path, *words, stdout=asyncio.subprocess.PIPE)
    try:
        async with asyncio.timeout(PATIENCE_S):
            yield child
    finally:
        if child.returncode is None:
            child.terminate()
            await child.communicate()


async def echoed(folder: Path, text: str) -> str:
    async with town(folder) as place:
        await place.person("ada")
        await place.person("echo")
        async with example("echo_bot.py", str(folder / "echo")), Client.open(folder / "ada") as me:
            sent = await me.send("echo@example.org", text=text)
            answer = await anext(me.received())
            await sent.reached(Stage.READ)
            return answer.text


async def sent_to(folder: Path, handle: str) -> tuple[int, str]:
    async with town(folder) as place:
        await place.person("ada")
        await place.person("bea")
        async with (
            Client.open(folder / "bea"),
            example("send_and_wait.py", str(folder / "ada"), handle, "hello") as child,
        ):
            output, _ = await child.communicate()
            assert child.returncode is not None
            return child.returncode, output.decode()


def test_the_echo_bot_answers_somebody_it_has_never_heard_of(tmp_path: Path) -> None:
    assert asyncio.run(echoed(tmp_path, "is anybody there?")) == "is anybody there?"


def test_send_and_wait_says_on_which_device_it_has_arrived(tmp_path: Path) -> None:
    assert asyncio.run(sent_to(tmp_path, "bea@example.org")) == (0, "delivered\n  bea's phone: delivered\n")


def test_send_and_wait_says_when_nothing_more_will_be_tried(tmp_path: Path) -> None:
    assert asyncio.run(sent_to(tmp_path, "nobody@example.org")) == (4, "failed\n")
