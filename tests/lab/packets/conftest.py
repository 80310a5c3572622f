"""A lab's real network for tests, and sockets in it; where the system allows none, the tests say so."""

import asyncio
import os
import socket
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest

from answerback.lab.packets.namespaces import enter, make_namespace, open_tun
from answerback.lab.packets.plan import Plan
from answerback.lab.packets.policies import find_policy
from answerback.lab.packets.scenarios import Wish, find_scenario
from answerback.lab.packets.stage import Place
from answerback.lab.packets.staging import NamespaceStage
from answerback.lab.packets.troubles import NamespacesRefused

T = TypeVar("T")
PATIENCE_S = 10.0


@pytest.fixture(scope="session")
def namespaces() -> None:
    try:
        namespace = make_namespace()
        os.close(open_tun(namespace, "probe").number)
        namespace.close()
    except NamespacesRefused as error:
        pytest.skip(f"NOT TRIED: packets need a system that lets tests make networks ({error})")


@dataclass
class Net:
    """A running emulator, with sockets on both sides of it."""

    stage: NamespaceStage

    def near(self, *, source: str | None = None, kind: int = socket.SOCK_DGRAM) -> socket.socket:
        """A socket on the device."""
        return self._socket(Place.NEAR, kind, (source, 0) if source else None)

    def far(self, address: tuple[str, int], *, kind: int = socket.SOCK_DGRAM) -> socket.socket:
        """A socket in the rest of the world."""
        return self._socket(Place.FAR, kind, address)

    def inside(self, place: Place, work: Callable[[], T]) -> T:
        """Do something in a thread that is in a namespace."""
        found: list[T] = []

        def run() -> None:
            enter(self.stage._held[place])
            found.append(work())

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        return found[0]

    def _socket(self, place: Place, kind: int, address: tuple[str, int] | None) -> socket.socket:
        made = self.inside(place, lambda: socket.socket(socket.AF_INET, kind))
        made.settimeout(PATIENCE_S)
        if address is not None:
            made.bind(address)
        return made


@asynccontextmanager
async def net_of(scenario: str, *links: str, **wish: float) -> AsyncIterator[Net]:
    plan = Plan(
        scenario=find_scenario(scenario),
        policy=find_policy("answerback"),
        links=links or ("good",),
        wish=Wish(**{"pace": 0.05, "outages": 1, "outage_s": 0.5, **wish}),  # type: ignore[arg-type]
    )
    async with NamespaceStage(plan) as stage:
        yield Net(stage)


Story = Callable[[Net], Coroutine[Any, Any, None]]


@pytest.fixture
def on_net(namespaces: None) -> Callable[..., None]:
    """Run a story on a real network of the lab."""

    def run(story: Story, scenario: str = "steady", *links: str, **wish: float) -> None:
        async def play() -> None:
            async with net_of(scenario, *links, **wish) as net:
                await story(net)

        asyncio.run(play())

    return run
