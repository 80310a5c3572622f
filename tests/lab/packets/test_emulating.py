"""Real packets between real namespaces meet what the scenario says, as fast as the recording says."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from answerback.lab.packets.addresses import RELAY, RELAY_PORT
from answerback.lab.packets.emulating import Report
from tests.lab.packets.conftest import Net

THERE = (RELAY, RELAY_PORT)
OnNet = Callable[..., None]


async def asked(net: Net, *, source: str | None = None) -> tuple[str, int]:
    """Send one datagram, have it answered, and say where it seemed to come from."""
    with net.far(THERE) as far, net.near(source=source) as near:
        return await asyncio.to_thread(round_trip, near, far)


def round_trip(near: socket.socket, far: socket.socket) -> tuple[str, int]:
    near.sendto(b"who am I?", THERE)
    content, seen = far.recvfrom(100)
    assert content == b"who am I?"
    far.sendto(b"you", seen)
    assert near.recv(100) == b"you"
    return str(seen[0]), int(seen[1])


async def ended(net: Net) -> Report:
    report = await net.stage.end()
    assert report is not None
    return report


async def happened(net: Net, count: int) -> None:
    async with asyncio.timeout(10):
        while len(net.stage.happened) < count:  # noqa: ASYNC110 - another process says it
            await asyncio.sleep(0.005)


def test_a_round_trip_takes_what_the_link_says_and_little_more(on_net: OnNet) -> None:
    async def story(net: Net) -> None:
        await net.stage.begin()
        with net.far(THERE) as far, net.near() as near:
            took_s = []
            for _ in range(10):
                began_s = time.monotonic()
                await asyncio.to_thread(round_trip, near, far)
                took_s.append(time.monotonic() - began_s)
        assert min(took_s) >= 0.040
        assert sorted(took_s)[5] < 0.080
        report = await ended(net)
        assert (report.up_packets, report.down_packets, report.accuracy.packets) == (10, 10, 20)
        assert 0.0 <= report.accuracy.late_ms_p50 < 20.0

    on_net(story)


def test_bulk_gets_the_rate_of_the_recording_and_the_emulator_says_how_exactly(on_net: OnNet, tmp_path: Path) -> None:
    recording = tmp_path / "six.up"
    recording.write_text("".join(f"{ms}\n" for ms in range(2, 1001, 2)), encoding="ascii")  # 6 Mbit/s

    async def story(net: Net) -> None:
        with net.far(THERE), net.near() as near:
            await net.stage.begin()
            await asyncio.to_thread(pour, near, for_s=3.2)
        report = await ended(net)
        assert report.drops["queue full"] > 100
        assert report.accuracy.busy_s >= 2.0
        assert report.accuracy.rate_ratio == pytest.approx(1.0, abs=0.03)

    on_net(story, "steady", f"{recording},{recording}")


def pour(side: socket.socket, *, for_s: float) -> None:
    """Send 12 Mbit/s."""
    began_s, sent = time.monotonic(), 0
    while (elapsed_s := time.monotonic() - began_s) < for_s:
        while sent < elapsed_s * 1000:
            side.sendto(bytes(1472), THERE)
            sent += 1
        threading.Event().wait(0.002)


def test_a_hole_swallows_and_ends(on_net: OnNet) -> None:
    async def story(net: Net) -> None:
        with net.far(THERE) as far, net.near() as near:
            await net.stage.begin()
            await happened(net, 1)
            near.sendto(b"lost", THERE)
            await happened(net, 2)
            await asyncio.to_thread(round_trip, near, far)
        report = await ended(net)
        assert report.drops == {"black hole": 1}
        [reached] = report.reaches
        assert reached.packets == 1

    on_net(story, "black-hole")


def test_an_announced_outage_is_seen_by_the_system_and_its_routes_come_back(on_net: OnNet) -> None:
    async def story(net: Net) -> None:
        await net.stage.begin()
        await happened(net, 1)
        with net.near() as near, pytest.raises(OSError, match="unreachable"):
            near.sendto(b"nowhere to go", THERE)
        await happened(net, 2)
        assert (await asked(net))[0] == "10.71.0.1"

    on_net(story, "outage-announced")


def test_after_a_rebinding_the_same_socket_is_seen_behind_another_port(on_net: OnNet) -> None:
    async def story(net: Net) -> None:
        with net.far(THERE) as far, net.near() as near:
            await net.stage.begin()
            before = await asyncio.to_thread(round_trip, near, far)
            await happened(net, 1)
            after = await asyncio.to_thread(round_trip, near, far)
        assert before[0] == after[0]
        assert before[1] != after[1]

    on_net(story, "nat-rebinding", pace=0.1)


def test_a_device_that_moves_has_another_address_inside_and_outside(on_net: OnNet) -> None:
    async def story(net: Net) -> None:
        await net.stage.begin()
        before = await asked(net, source="10.70.0.2")
        await happened(net, 1)
        after = await asked(net, source="10.70.0.3")
        assert (before[0], after[0]) == ("10.71.0.1", "10.71.0.2")

    on_net(story, "address-change", pace=0.1)


def test_each_of_two_paths_is_chosen_by_its_source_address(on_net: OnNet) -> None:
    async def story(net: Net) -> None:
        await net.stage.begin()
        assert (await asked(net, source="10.70.0.2"))[0] == "10.71.0.1"
        assert (await asked(net, source="10.70.1.2"))[0] == "10.71.1.1"
        assert (await asked(net))[0] == "10.71.0.1", "the first path is preferred"

    on_net(story, "two-paths", "good", "good")


def test_the_first_path_leaves_and_the_system_takes_the_second(on_net: OnNet) -> None:
    async def story(net: Net) -> None:
        await net.stage.begin()
        await happened(net, 1)
        assert (await asked(net))[0] == "10.71.1.1"
        await happened(net, 2)
        assert (await asked(net))[0] == "10.71.0.1"

    on_net(story, "path-leaves", "good", "good", outage_s=1.0)


def test_a_blocked_port_swallows(on_net: OnNet) -> None:
    async def story(net: Net) -> None:
        with net.far(THERE) as far, net.near() as near:
            await net.stage.begin()
            await happened(net, 1)
            near.sendto(b"blocked", THERE)
            await happened(net, 2)
            await asyncio.to_thread(round_trip, near, far)
        assert (await ended(net)).drops == {"blocked port": 1}

    on_net(story, "blocked-port")
