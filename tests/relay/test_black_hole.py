"""A device that only reads, on a path that swallows everything without a word, is called as soon as the path is back.

Its connection stands all the while: neither side has sent anything that TCP would complain about, except the relay,
whose segments are lost and repeated ever more seldom. The packets are dropped by the system's own filter, in a network
of the test's own.
"""

import asyncio
import shutil
import subprocess
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from answerback.lab.packets.namespaces import enter, make_namespace
from answerback.lab.packets.troubles import NamespacesRefused
from answerback.relay.calling import SILENT_S
from answerback.wire.frames import Deliver
from tests.transport.street import PATIENCE_S, Town, town, until

CALLS = 6
"""In vain, before the path is back: then TCP has just repeated itself and does so again after longer than they took."""
CALLED_S_MAX = 1.0
"""What is promised after the path's return."""


@dataclass
class Hole:
    """A filter that drops the packets of some ports, both ways."""

    ports: list[tuple[str, int]]

    def open(self) -> None:
        rules = "; ".join(f"{kind} {end} {port} drop" for kind, port in self.ports for end in ("sport", "dport"))
        self._say(f"table inet hole {{ chain in {{ type filter hook input priority 0; {rules}; }}; }}")

    def close(self) -> None:
        self._say("delete table inet hole")

    @staticmethod
    def _say(words: str) -> None:
        subprocess.run(["nft", "-f", "-"], input=words + "\n", text=True, check=True)


@pytest.fixture
def alone() -> Callable[[Callable[[], Coroutine[Any, Any, None]]], None]:
    """Run something on a network of its own, or say that this was not tried."""
    if shutil.which("nft") is None:
        pytest.skip("NOT TRIED: black holes are made with nft, which is not here")
    try:
        namespace = make_namespace()
    except NamespacesRefused as error:
        pytest.skip(f"NOT TRIED: a black hole needs a network of its own ({error})")

    def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        broken: list[BaseException] = []

        def inside() -> None:
            try:
                enter(namespace.held)
                asyncio.run(work())
            except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
                broken.append(error)

        thread = threading.Thread(target=inside)
        thread.start()
        thread.join()
        namespace.close()
        if broken:
            raise broken[0]

    return run


def ports(here: Town) -> dict[str, int]:
    """The ports by which the device's packets are known."""
    transport = here.phone.line._open[""].transport
    assert transport is not None
    return {
        "tcp": here.reader.websocket.get_extra_info("sockname")[1],
        "udp": transport.get_extra_info("sockname")[1],
    }


async def listening(here: Town) -> None:
    """Connect the device's line, and prove where it listens."""
    assert await here.phone.line.open("", here.ticket, relay=here.relay)
    await here.phone.answered()
    await here.phone.answered()


Alone = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]


def test_a_call_comes_within_a_second_of_the_paths_return_and_long_before_tcp_is_back(
    tmp_path: Path, alone: Alone
) -> None:
    async def work() -> None:
        async with town(tmp_path) as here:
            loop = asyncio.get_running_loop()
            await listening(here)
            hole = Hole(list(ports(here).items()))
            hole.open()
            mail = asyncio.create_task(here.reader.hear_a(Deliver))
            await here.write()
            await until(lambda: here.node.exchange.calls.tally.calls >= CALLS)
            assert here.phone.calls.empty()
            assert not mail.done()
            hole.close()
            back_s = loop.time()
            assert await here.phone.call() == ("", CALLS + 1)
            called_s = loop.time() - back_s
            assert not mail.done()
            await asyncio.wait_for(mail, PATIENCE_S)
            by_tcp_s = loop.time() - back_s
            assert called_s <= CALLED_S_MAX < by_tcp_s

    alone(work)


def test_where_datagrams_pass_and_the_connection_is_dead_a_call_comes_while_it_still_is(
    tmp_path: Path, alone: Alone
) -> None:
    async def work() -> None:
        async with town(tmp_path) as here:
            loop = asyncio.get_running_loop()
            await listening(here)
            hole = Hole([("tcp", ports(here)["tcp"])])
            hole.open()
            await here.write()
            wrote_s = loop.time()
            assert await here.phone.call() == ("", 1)
            assert SILENT_S <= loop.time() - wrote_s <= SILENT_S + CALLED_S_MAX
            answer = await here.phone.answered()
            assert (answer.is_waiting, answer.is_connected) == (True, True)
            hole.close()
            await here.reader.hear_a(Deliver)

    alone(work)
