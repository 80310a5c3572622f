"""Proves that a device feels its network, its battery and its relay's datagrams, and lets go of all of it."""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

import pytest

from answerback.core.network.evidence import Evidence
from answerback.core.sensing import DatagramAnswered, DatagramsBlocked, Hinted, NetworkSeen, PowerSeen, Sensed
from answerback.crypto.datagrams import DatagramEnd, Side
from answerback.device import senses as module
from answerback.device.senses import Senses
from answerback.model.paths import ANY_PATH
from answerback.transport.approach import Approach
from answerback.transport.call_line import UNANSWERED_MAX
from answerback.wire.datagrams import Call, FromRelay, Here, There, read_head
from answerback.wire.frames import Ticket

PATIENCE_S = 20.0
TICKET = Ticket(b"n" * 24, b"s" * 32, 3600)
OLDER = Ticket(b"o" * 24, b"t" * 32, 3600)
KEY = b"k" * 16


@dataclass
class Device:
    """What the senses have told."""

    approach: Approach
    told: list[Sensed] = field(default_factory=list)
    stirred: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.senses = Senses(self.approach, self.tell, key=KEY)

    def tell(self, event: Sensed) -> None:
        self.told.append(event)
        self.stirred.set()

    def of(self, kind: type[Sensed]) -> list[Sensed]:
        return [event for event in self.told if isinstance(event, kind)]

    async def until(self, kind: type[Sensed], count: int = 1) -> Sensed:
        """Wait until so many of a kind were told."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.of(kind)) < count:
                self.stirred.clear()
                await self.stirred.wait()
        return self.of(kind)[count - 1]


class Relay(asyncio.DatagramProtocol):
    """A relay's datagrams: answers each, and calls when it is told to."""

    def __init__(self) -> None:
        self.ends = [DatagramEnd(ticket.secret, side=Side.RELAY) for ticket in (TICKET, OLDER)]
        self.heard: asyncio.Queue[object] = asyncio.Queue()
        self.answers = True
        self.is_connected = True
        self.device: tuple[object, tuple[str, int]] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)  # the loop's own is none by name

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.transport.get_extra_info("sockname")[:2]
        return host, port

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        tag, number = read_head(data)
        end = next(end for end in self.ends if tag in end.tags)
        self.end, self.way, self.device_at = end, end.tags.index(tag), addr
        self.heard.put_nowait(end.open(data, way=self.way).words)
        if self.answers:
            said = There(question=number, is_waiting=False, is_connected=self.is_connected, is_proven=True)
            self.say(said)

    def say(self, words: FromRelay) -> None:
        self.transport.sendto(self.end.seal(words, way=self.way)[1], self.device_at)

    async def hears(self) -> object:
        async with asyncio.timeout(PATIENCE_S):
            return await self.heard.get()


@asynccontextmanager
async def relay_here() -> AsyncIterator[Relay]:
    transport, relay = await asyncio.get_running_loop().create_datagram_endpoint(Relay, local_addr=("127.0.0.1", 0))
    try:
        yield relay
    finally:
        transport.close()


@asynccontextmanager
async def feeling(approach: Approach | None = None) -> AsyncIterator[Device]:
    before = asyncio.all_tasks()
    device = Device(approach or Approach("http://127.0.0.1:9"))
    await device.senses.begin()
    try:
        yield device
    finally:
        await device.senses.stop()
        assert asyncio.all_tasks() <= before, "nothing goes on"


# ---- the network


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://localhost:9", "http://[::1]:9"])
def test_a_relay_on_this_very_machine_is_reached_over_no_interface(url: str) -> None:
    async def work() -> None:
        async with feeling(Approach(url)) as device:
            seen = await device.until(NetworkSeen)
            assert isinstance(seen, NetworkSeen)
            assert device.of(NetworkSeen) == [seen]
            assert [path.name for path in seen.paths] == [ANY_PATH]

    asyncio.run(work())


def test_the_first_look_waits_for_the_relays_name_for_what_it_stands_for_decides_the_path() -> None:
    async def work() -> None:
        may_answer = asyncio.Event()

        async def lookup(_host: str) -> Sequence[str]:
            await may_answer.wait()
            return ["127.0.0.1"]

        asyncio.get_running_loop().call_later(0.05, may_answer.set)
        async with feeling(Approach("http://relay.example:9", lookup=lookup)) as device:
            first = device.told[0]
            assert isinstance(first, NetworkSeen)
            assert [path.name for path in first.paths] == [ANY_PATH]

    asyncio.run(work())


def test_a_name_that_nobody_knows_keeps_nobody_from_beginning_and_is_looked_at_again_once_it_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "NAME_S_MAX", 0.05)

    async def work() -> None:
        may_answer = asyncio.Event()

        async def lookup(_host: str) -> Sequence[str]:
            await may_answer.wait()
            return ["127.0.0.1"]

        approach = Approach("http://relay.example:9", lookup=lookup)
        async with feeling(approach) as device:
            await device.until(NetworkSeen)
            may_answer.set()
            seen = await device.until(NetworkSeen, 2)
            assert isinstance(seen, NetworkSeen)
            assert [path.name for path in seen.paths] == [ANY_PATH]

    asyncio.run(work())


def test_a_name_server_that_fails_keeps_nobody_from_beginning() -> None:
    async def work() -> None:
        async def lookup(_host: str) -> Sequence[str]:
            raise socket.gaierror(socket.EAI_AGAIN, "no name server answers")

        async with feeling(Approach("http://relay.example:9", lookup=lookup)) as device:
            assert device.of(NetworkSeen)

    asyncio.run(work())


def test_what_a_look_saw_is_known_where_connections_are_made_before_the_engine_hears_of_it() -> None:
    class Noting(Approach):
        def network_seen(self, paths: object) -> None:
            order.append("approach")
            super().network_seen(paths)  # type: ignore[arg-type]

    order: list[str] = []

    async def work() -> None:
        approach = Noting("http://127.0.0.1:9")
        senses = Senses(approach, lambda _: order.append("engine"), key=KEY)
        await senses.begin()
        await senses.stop()

    asyncio.run(work())
    assert order[:2] == ["approach", "engine"]


def test_a_sleep_is_told_as_evidence() -> None:
    async def work() -> None:
        async with feeling() as device:
            device.senses._watch._woke(60.0)
            assert device.of(Hinted) == [Hinted(Evidence.WOKE)]

    asyncio.run(work())


# ---- datagrams


def test_a_device_that_listens_says_so_and_the_relays_answer_is_told() -> None:
    async def work() -> None:
        async with relay_here() as relay, feeling(Approach(f"http://127.0.0.1:{relay.address[1]}")) as device:
            device.senses.listen(ANY_PATH, TICKET, relay=relay.address)
            assert isinstance(await relay.hears(), Here)
            assert await device.until(DatagramAnswered) == DatagramAnswered(ANY_PATH, is_connected=True)
            relay.is_connected = False
            device.senses.ask(ANY_PATH)
            assert await device.until(DatagramAnswered, 2) == DatagramAnswered(ANY_PATH, is_connected=False)
            assert device.of(DatagramsBlocked) == []

    asyncio.run(work())


def test_a_call_of_the_relay_is_evidence_by_the_ticket_before_too() -> None:
    async def work() -> None:
        async with relay_here() as relay, feeling(Approach(f"http://127.0.0.1:{relay.address[1]}")) as device:
            device.senses.listen(ANY_PATH, OLDER, relay=relay.address)
            await relay.hears()
            old = relay.end
            device.senses.listen(ANY_PATH, TICKET, relay=relay.address)
            await relay.hears()
            for end in (relay.end, old):
                relay.end = end
                relay.say(Call(1, is_connected=True))
            await device.until(Hinted, 2)
            assert device.of(Hinted) == 2 * [Hinted(Evidence.RELAY_CALLED)]

    asyncio.run(work())


def test_who_is_behind_a_proxy_cannot_listen_and_nothing_is_asked_by_datagram() -> None:
    async def work() -> None:
        async with feeling() as device:
            device.senses.listen(ANY_PATH, TICKET, relay=None)
            device.senses.ask(ANY_PATH)
            device.senses.here(ANY_PATH)
            assert device.of(DatagramsBlocked) == 2 * [DatagramsBlocked(ANY_PATH)]

    asyncio.run(work())


def test_where_no_datagram_comes_back_it_is_told_after_a_few() -> None:
    async def work() -> None:
        async with relay_here() as relay, feeling(Approach(f"http://127.0.0.1:{relay.address[1]}")) as device:
            relay.answers = False
            device.senses.listen(ANY_PATH, TICKET, relay=relay.address)
            await relay.hears()
            for _ in range(UNANSWERED_MAX - 1):
                device.senses.here(ANY_PATH)
                await relay.hears()
            assert device.of(DatagramsBlocked) == []
            device.senses.here(ANY_PATH)
            assert device.of(DatagramsBlocked) == [DatagramsBlocked(ANY_PATH)]

    asyncio.run(work())


# ---- the battery


def test_a_battery_is_told_when_it_changes_and_a_machine_without_one_tells_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unknown, low, full = PowerSeen(None, None), PowerSeen(0.1, is_charging=False), PowerSeen(1.0, is_charging=True)
    seen = [unknown, unknown, low, low, full, unknown]

    monkeypatch.setattr(module, "BATTERY_S", 0.0)
    monkeypatch.setattr(module, "battery_seen", lambda: seen.pop(0) if len(seen) > 1 else seen[0])

    async def work() -> None:
        async with feeling() as device:
            await device.until(PowerSeen, 3)
            assert device.of(PowerSeen) == [low, full, unknown]

    asyncio.run(work())
