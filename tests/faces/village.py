"""A relay and some people's devices, for tests of what people touch."""

import asyncio
import contextlib
import json
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue
from typing import Any

from click.testing import CliRunner, Result

from answerback.faces.access import agent_at
from answerback.faces.cli import cli
from answerback.model.handle import Handle
from answerback.relay.http import HttpLimits
from answerback.relay.limits import Rate
from answerback.relay.serve import Ready, RelaySettings, Tls, run_relay

START_S_MAX = 30.0
HURRIED = HttpLimits(costly_rate=Rate(per_s=100.0, burst=1000))
"""All of the village comes from one address within a minute."""


@dataclass
class Person:
    """One device, and the command line of whoever holds it."""

    home: Path
    handle: str = ""

    def run(self, *arguments: str, given: str | bytes | None = None) -> Result:
        return CliRunner().invoke(cli, ["--home", str(self.home), *arguments], input=given)

    def told(self, *arguments: str) -> Any:  # noqa: ANN401 - JSON
        """What a command says as JSON; it has to succeed."""
        result = self.run(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def lines(self, *arguments: str) -> list[Any]:
        result = self.run(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return [json.loads(line) for line in result.stdout.splitlines()]


@dataclass
class Village:
    """A running relay, and everybody who registered there."""

    folder: Path
    url: str
    _codes: "Queue[tuple[str, str]]" = field(default_factory=Queue)

    def code_of(self, person: "Person") -> str:
        """The newest code that was sent to somebody; the relay sends it after it has answered."""
        while True:
            handle, code = self._codes.get(timeout=START_S_MAX)
            if handle == person.handle:
                return code

    def newcomer(self, name: str) -> Person:
        """Somebody who has done nothing yet."""
        return Person(self.folder / name, f"{name}@example.org")

    def person(self, name: str, *options: str) -> Person:
        """Somebody who has registered."""
        person = self.newcomer(name)
        common = ("register", "--relay", self.url, person.handle, "--key", "file", *options)
        assert person.run(*common).exit_code == 2  # a code is on its way, and nobody is here to type it
        result = person.run(*common, "--code", self.code_of(person))
        assert result.exit_code == 0, result.output
        return person

    def linked(self, owner: Person) -> Person:
        """Another device of somebody who has registered."""
        other = Person(owner.home.with_name(f"{owner.home.name}-other"), owner.handle)
        with ThreadPoolExecutor() as pool, agent_at(owner.home) as remote:
            turns = remote.link()
            link = next(turns).link
            assert link is not None
            joining = pool.submit(other.run, "link", link, "--key", "file", "--name", "other")
            assert next(turns).asks == "other"
            remote.confirm_link(yes=True)
            list(turns)
            assert joining.result().exit_code == 0, joining.result().output
        return other


@contextlib.contextmanager
def village(folder: Path) -> Iterator[Village]:
    """Run a relay in a thread until the block ends."""
    ready: Future[Ready] = Future()
    ended: Future[None] = Future()
    codes: Queue[tuple[str, str]] = Queue()
    handles: list[Any] = []
    settings = RelaySettings(folder=folder / "relay", port=0, tls=Tls.NONE, is_open=True, http=HURRIED)

    def keep(handle: Handle, code: str) -> None:
        codes.put((handle.text, code))

    async def live() -> None:
        stop = asyncio.Event()
        handles.extend((asyncio.get_running_loop(), stop))
        await run_relay(settings, on_ready=ready.set_result, on_code=keep, stop=stop)

    def work() -> None:
        asyncio.run(live())
        ended.set_result(None)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield Village(folder, ready.result(START_S_MAX).url, codes)
    finally:
        loop, stop = handles
        loop.call_soon_threadsafe(stop.set)
        thread.join()
    assert ended.done()


def unreachable_relay() -> str:
    """An address of this machine where nothing listens."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"
