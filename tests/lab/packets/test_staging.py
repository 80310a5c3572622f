"""A stage stands until it is left, and falls as a whole when something of it does not stand."""

import asyncio
import os
import socket
from pathlib import Path

import pytest

from answerback.lab.packets import staging
from answerback.lab.packets.children import Child
from answerback.lab.packets.plan import Plan
from answerback.lab.packets.policies import find_policy
from answerback.lab.packets.scenarios import Wish, find_scenario
from answerback.lab.packets.stage import Place
from answerback.lab.packets.staging import LoopbackStage, NamespaceStage
from answerback.lab.packets.troubles import LabBroken, NamespacesRefused


def plan_of(scenario: str = "steady", *links: str) -> Plan:
    return Plan(
        scenario=find_scenario(scenario),
        policy=find_policy("answerback"),
        links=links or ("good",),
        wish=Wish(outages=1, outage_s=0.5, pace=0.05),
    )


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a path for each would open more


def test_a_stage_that_is_left_holds_nothing(namespaces: None) -> None:
    async def story() -> None:
        async with NamespaceStage(plan_of("two-paths", "good", "good")) as stage:
            assert stage.priority in {"real time", "ordinary"}
            assert await stage.lead_to(7443) == ("10.72.0.1", 7443)

    asyncio.run(story())
    before = descriptors()
    asyncio.run(story())
    assert descriptors() == before


def test_a_stage_whose_emulator_breaks_falls_as_a_whole(namespaces: None, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        with pytest.raises(LabBroken):
            async with NamespaceStage(plan_of()):
                raise AssertionError("it must not stand")

    async def broken(self: Child, **_: object) -> None:
        raise LabBroken("no")

    asyncio.run(story_that_stands())
    before = descriptors()
    monkeypatch.setattr(Child, "start", broken)
    asyncio.run(story())
    assert descriptors() == before


async def story_that_stands() -> None:
    async with NamespaceStage(plan_of()):
        pass


def test_where_namespaces_are_refused_nothing_is_left_either(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> None:
        raise NamespacesRefused("not here")

    monkeypatch.setattr(staging, "make_namespace", refused)

    async def story() -> None:
        with pytest.raises(NamespacesRefused):
            async with NamespaceStage(plan_of()):
                raise AssertionError("it must not stand")

    asyncio.run(story())


def test_the_stage_on_loopback_leads_to_a_port_and_plays_outages(tmp_path: Path) -> None:
    async def ask(port: int) -> float:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"?\n")
        assert await reader.readline() == b"?\n"
        writer.close()
        return loop.time() - began_s

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        writer.close()

    async def story() -> None:
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        plan = plan_of("black-hole")
        async with server, LoopbackStage(plan) as stage:
            host, port = await stage.lead_to(server.sockets[0].getsockname()[1])
            assert host == "127.0.0.1"
            assert await ask(port) < 5.0
            await stage.begin()
            [trouble] = plan.plot.troubles
            await asyncio.sleep(trouble.start_s + 0.05)
            assert await ask(port) > 0.3, "it had to wait for the end of the outage"
            assert await stage.end() is None
            child = await stage.start(Place.NEAR, "stand_in_child", "127.0.0.1", "0", hear=None)
            assert (await child.heard("ready"))["port"] > 0
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0

    asyncio.run(story())
