"""A rival notices a dead connection as its habit says, and nothing is lost between its connections."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from answerback.lab.packets import rival_child
from answerback.lab.packets.rival_child import Rival
from answerback.lab.packets.rivals import HABITS, Habit, as_bytes, from_bytes

QUICK = Habit(ping_every_s=0.05, answer_s=0.05, connect_s=1.0, wait_s=lambda failures, _: 0.02 * failures)


class Far:
    """A server that can fall silent, and hang up."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.connections = 0
        self.silent = False
        self.writers: list[asyncio.StreamWriter] = []
        self.changed = asyncio.Event()
        self.receiving: list[asyncio.Task[None]] = []

    def receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.receiving.append(asyncio.create_task(self._receive(reader, writer)))

    async def _receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        self.changed.set()
        try:
            async for content in reader:
                line = from_bytes(content)
                self.heard.append(line)
                self.changed.set()
                if "ping" in line and not self.silent:
                    writer.write(as_bytes({"pong": line["ping"]}))
        except OSError:
            pass
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async def until(self, reached: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
            while not reached():
                self.changed.clear()
                await self.changed.wait()


Story = Callable[[Rival, Far], Coroutine[Any, Any, None]]


@pytest.fixture(autouse=True)
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []
    monkeypatch.setattr(rival_child, "say", lambda event, **more: found.append(event))
    return found


def tell(habit: Habit, story: Story) -> None:
    async def play() -> None:
        far = Far()
        server = await asyncio.start_server(far.receive, "127.0.0.1", 0)
        rival = Rival(habit, seed=1, host="127.0.0.1", port=server.sockets[0].getsockname()[1])
        living = asyncio.create_task(rival.live())
        await far.until(lambda: far.heard)
        await story(rival, far)
        living.cancel()
        await asyncio.wait((living,))
        server.close()
        await asyncio.gather(*far.receiving)

    asyncio.run(play())


def test_what_was_not_answered_is_said_again_on_the_next_connection() -> None:
    async def story(rival: Rival, far: Far) -> None:
        rival.send("up-0")
        await far.until(lambda: any("message" in line for line in far.heard))
        far.heard.clear()
        far.writers[0].transport.abort()
        await far.until(lambda: any(line.get("message") == "up-0" for line in far.heard))
        assert far.connections == 2

    tell(QUICK, story)


def test_a_ping_that_is_not_answered_ends_the_connection() -> None:
    async def story(rival: Rival, far: Far) -> None:
        far.silent = True
        await far.until(lambda: far.connections >= 2)

    tell(QUICK, story)


def test_one_who_never_asks_never_notices() -> None:
    async def story(rival: Rival, far: Far) -> None:
        far.silent = True
        rival.send("up-0")
        await far.until(lambda: any("message" in line for line in far.heard))
        assert far.connections == 1
        assert not any("ping" in line for line in far.heard)

    tell(replace(QUICK, ping_every_s=None), story)


def test_one_who_is_told_connects_anew_at_once() -> None:
    async def story(rival: Rival, far: Far) -> None:
        rival.recovered()
        await far.until(lambda: far.connections == 2)

    tell(HABITS["oracle"], story)


def test_a_file_crosses_in_pieces() -> None:
    async def story(rival: Rival, far: Far) -> None:
        rival.send_file("file", 70_000)
        await far.until(lambda: [line["number"] for line in far.heard if "file" in line] == [1, 2, 3])

    tell(replace(QUICK, ping_every_s=None), story)
