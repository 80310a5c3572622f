"""Proves that what happens to the network is told once, soon, and without a flood of looks."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Self

import pytest
import uvloop

from answerback.core.network.interfaces import Difference, changes
from answerback.model.paths import ANY_PATH, PathSeen
from answerback.transport import netlink_interfaces, watching
from answerback.transport.interfaces import Look
from answerback.transport.sleep import SleepClock
from answerback.transport.watching import NetworkWatch
from tests.transport.networks import Networks, inside

SOON_S = 10.0
Told = list[tuple[PathSeen, ...]]


class Watched:
    """A watch, and everything it told."""

    def __init__(self, *, platform: str = "linux", targets: Callable[[], list[str]] = list) -> None:
        self.told: Told = []
        self.slept_s: list[float] = []
        self.more = asyncio.Event()
        self.watch = NetworkWatch(seen=self._see, woke=self._wake, targets=targets, platform=platform, metered=())

    async def __aenter__(self) -> Self:
        self.watch.start()
        await self.until(lambda: bool(self.told))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.watch.stop()

    async def until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(SOON_S):
            while not is_so():
                self.more.clear()
                await self.more.wait()

    def names(self) -> set[str]:
        return {path.name for path in self.told[-1]}

    def _see(self, paths: tuple[PathSeen, ...]) -> None:
        self.told.append(paths)
        self.more.set()

    def _wake(self, slept_s: float) -> None:
        self.slept_s.append(slept_s)
        self.more.set()


def play(networks: Networks, story: Callable[[], Coroutine[Any, Any, None]], *, on: str = "asyncio") -> None:
    """Run a story on the device; the network is changed from a thread beside."""
    factory = uvloop.new_event_loop if on == "uvloop" else asyncio.new_event_loop

    def run() -> None:
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(asyncio.wait_for(story(), 30))

    inside(networks.device, run)


def wifi(networks: Networks) -> None:
    networks.cable("wlan0", "10.1.0.2/24", world=("10.1.0.1/24",), number=1)
    networks.route("wlan0", "10.1.0.1", metric=100)


def modem(networks: Networks) -> None:
    networks.cable("wwan0", "10.2.0.2/24", world=("10.2.0.1/24",), number=2)
    networks.route("wwan0", "10.2.0.1", metric=600)


@pytest.mark.parametrize("on", ["asyncio", "uvloop"])
def test_a_path_is_told_when_it_comes_and_when_it_goes(networks: Networks, on: str) -> None:
    async def story() -> None:
        async with Watched() as watched:
            assert watched.watch.has_events
            assert watched.told == [()], "who has no network is told so"
            await asyncio.to_thread(wifi, networks)
            await watched.until(lambda: watched.names() == {"wlan0"})
            await asyncio.to_thread(modem, networks)
            await watched.until(lambda: watched.names() == {"wlan0", "wwan0"})
            assert watched.watch.addresses("wwan0") == {"10.2.0.2"}
            assert not watched.watch.addresses("eth7")
            await asyncio.to_thread(networks.unplug, "wlan0")
            await watched.until(lambda: watched.names() == {"wwan0"})

    play(networks, story, on=on)


def test_an_address_that_changes_is_told_so(networks: Networks) -> None:
    wifi(networks)

    async def story() -> None:
        async with Watched() as watched:
            before = watched.told[-1]
            await asyncio.to_thread(networks.address, "wlan0", "add", "10.1.0.7/24")
            await watched.until(lambda: watched.told[-1] != before)
            (change,) = changes(before, watched.told[-1])
            assert change.differences == {Difference.WIDENED}
            before = watched.told[-1]
            await asyncio.to_thread(networks.address, "wlan0", "del", "10.1.0.7/24")
            await watched.until(lambda: watched.told[-1] != before)
            (change,) = changes(before, watched.told[-1])
            assert change.is_ending

    play(networks, story)


def test_a_network_gets_its_name_when_its_gateway_has_answered(
    networks: Networks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "NAMELESS_AGAIN_S", 0.01)
    wifi(networks)

    async def story() -> None:
        async with Watched() as watched:
            assert watched.told[-1][0].network == b""
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("10.1.0.1", 9)
            await watched.until(lambda: bool(watched.told[-1][0].network))
            (change,) = changes(watched.told[-2], watched.told[-1])
            assert change.differences == {Difference.NAMED}

    play(networks, story)


def test_a_burst_of_events_is_few_looks(networks: Networks) -> None:
    wifi(networks)

    async def story() -> None:
        async with Watched() as watched:

            def burst() -> None:
                for number in range(200):
                    networks.address("wlan0", "add", f"10.7.{number}.2/24")

            before = watched.watch.looks
            await asyncio.to_thread(burst)
            await watched.until(lambda: "10.7.199.2" in watched.told[-1][0].addresses)
            assert watched.watch.looks - before < 20

    play(networks, story)


def test_a_network_at_rest_is_not_looked_at(networks: Networks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "NAMELESS_AGAIN_S", 0.001)

    async def story() -> None:
        async with Watched() as watched:
            watched.watch.tick_s = 0.001
            ticks = 0
            slept_s = SleepClock.slept_s

            def count(clock: SleepClock) -> float:
                nonlocal ticks
                ticks += 1
                watched.more.set()
                return slept_s(clock)

            monkeypatch.setattr(SleepClock, "slept_s", count)
            watched.watch.stir()
            await watched.until(lambda: ticks > 10)
            assert watched.watch.looks == 2
            assert len(watched.told) == 1, "what is as before is not told"

    play(networks, story)


def test_a_gateway_that_never_answers_is_not_waited_for_for_ever(
    networks: Networks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "NAMELESS_AGAIN_S", 0.001)
    monkeypatch.setattr(watching, "NAMELESS_LOOKS_MAX", 3)
    wifi(networks)

    async def story() -> None:
        async with Watched() as watched:
            async with asyncio.timeout(SOON_S):
                while watched.watch.looks <= 3 or watched.watch._nameless:  # noqa: ASYNC110 - it tells nobody
                    await asyncio.sleep(0)
            looks = watched.watch.looks
            for _ in range(100):
                await asyncio.sleep(0)
            assert watched.watch.looks == looks

    play(networks, story)


def test_sleep_is_told_and_the_network_looked_at_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "TICK_S", 0.001)

    async def story() -> None:
        slept_s = [0.0, 1800.0, 0.0]
        monkeypatch.setattr(SleepClock, "slept_s", lambda clock: slept_s.pop() if slept_s else 0.0)
        async with Watched(targets=lambda: ["127.0.0.1"]) as watched:
            assert watched.watch.looks == 1
            await watched.until(lambda: watched.slept_s == [1800.0])
            async with asyncio.timeout(SOON_S):
                while watched.watch.looks == 1:  # noqa: ASYNC110 - it tells nobody
                    await asyncio.sleep(0)
            assert len(watched.told) == 1

    asyncio.run(story())


def test_where_nothing_tells_of_changes_they_are_found_by_looking(
    networks: Networks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "POLL_S", 0.01)

    async def story() -> None:
        async with Watched(platform="plan9", targets=lambda: ["198.51.100.1"]) as watched:
            assert not watched.watch.has_events
            assert watched.told == [()]
            await asyncio.to_thread(wifi, networks)
            await watched.until(lambda: watched.names() == {ANY_PATH})
            await asyncio.to_thread(networks.address, "wlan0", "del", "10.1.0.2/24")
            await watched.until(lambda: watched.told[-1] == ())

    play(networks, story)


def test_a_system_that_keeps_its_events_to_itself_is_polled(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise PermissionError

    monkeypatch.setattr(netlink_interfaces, "open_events", refuse)

    async def story() -> None:
        async with Watched(targets=lambda: ["127.0.0.1"]) as watched:
            assert not watched.watch.has_events
            assert watched.names() == {ANY_PATH}

    asyncio.run(story())


def test_a_look_that_netlink_refuses_is_made_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(targets: object) -> Look:
        raise PermissionError

    monkeypatch.setattr(netlink_interfaces, "look", refuse)

    async def story() -> None:
        async with Watched(targets=lambda: ["127.0.0.1"]) as watched:
            assert watched.names() == {ANY_PATH}

    asyncio.run(story())


def test_a_relay_that_turns_out_to_be_here_is_reached_over_no_interface(networks: Networks) -> None:
    wifi(networks)

    async def story() -> None:
        known: list[str] = []
        async with Watched(targets=lambda: known) as watched:
            assert watched.names() == {"wlan0"}
            known.append("10.1.0.2")
            watched.watch.stir()
            await watched.until(lambda: watched.names() == {ANY_PATH})

    play(networks, story)


def test_a_watch_that_breaks_says_so(caplog: pytest.LogCaptureFixture) -> None:
    def break_it(paths: tuple[PathSeen, ...]) -> None:
        raise ZeroDivisionError

    async def story() -> None:
        watch = NetworkWatch(seen=break_it, woke=print, targets=lambda: ["127.0.0.1"])
        watch.start()
        assert watch._task is not None
        await asyncio.wait([watch._task])
        await watch.stop()

    asyncio.run(story())
    assert "no longer watched" in caplog.text
    assert "ZeroDivisionError" in caplog.text
