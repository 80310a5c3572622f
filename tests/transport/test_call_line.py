"""A device is called and answered by a real relay over real sockets, through networks that move, lose and forge."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import uvloop

from answerback.crypto.datagrams import DatagramEnd, Side
from answerback.model.ids import DeviceId
from answerback.relay.app import RelayNode
from answerback.relay.switchboard import Fate
from answerback.transport.call_line import (
    AGAIN_S,
    CALLED_EVERY_S,
    CALLS_AT_ONCE,
    NETWORKS_MAX,
    UNANSWERED_MAX,
    Answered,
    CallLine,
)
from answerback.wire.datagrams import DATAGRAM_BYTES, WAYS, Call
from answerback.wire.frames import Submit, Ticket
from tests.relay.client import Client, at_home
from tests.relay.residents import Resident, envelope, move_in, residents

PATIENCE_S = 15.0
HOST = "127.0.0.1"
ADA = DeviceId(b"a" * 16)
Address = tuple[str, int]


CHANGES: Final[tuple[Callable[[bytes], bytes], ...]] = (
    lambda data: data,
    lambda data: data[:-1],
    lambda data: data + b"x",
    lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    lambda data: data[:15] + bytes([data[15] ^ 64]) + data[16:],
    lambda data: data[::-1],
)
"""Repeated, cut, lengthened, forged, with another number, turned round."""


def keyed(secret: bytes) -> DatagramEnd:
    return DatagramEnd(secret, side=Side.DEVICE)


def ticket(number: int = 1) -> Ticket:
    return Ticket(number.to_bytes(16, "big"), number.to_bytes(32, "big"), 3_600)


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not is_so():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.001)


class Phone:
    """One device's line, and what it was told."""

    def __init__(self, *, monotonic_s: Callable[[], float] | None = None) -> None:
        self.answers: asyncio.Queue[Answered] = asyncio.Queue()
        self.calls: asyncio.Queue[tuple[str, int]] = asyncio.Queue()
        clock = {} if monotonic_s is None else {"monotonic_s": monotonic_s}
        self.line = CallLine(
            keyed=keyed,
            there=self.answers.put_nowait,
            called=lambda path, number: self.calls.put_nowait((path, number)),
            **clock,
        )

    async def answer(self) -> Answered:
        async with asyncio.timeout(PATIENCE_S):
            return await self.answers.get()

    async def call(self) -> tuple[str, int]:
        async with asyncio.timeout(PATIENCE_S):
            return await self.calls.get()

    async def answered(self, path: str = "") -> Answered:
        """Ask until it is answered, as a device does where datagrams get lost."""
        self.forget_answers()
        while True:
            assert self.line.ask(path)
            try:
                async with asyncio.timeout(0.2):
                    while (answer := await self.answers.get()).path != path:
                        pass
            except TimeoutError:
                continue
            return answer

    def forget_answers(self) -> None:
        while self.answers.qsize():
            self.answers.get_nowait()


class Street(asyncio.DatagramProtocol):
    """A network between device and relay: it can give the device another address, lose, keep and change datagrams."""

    def __init__(self, relay: Address) -> None:
        self.relay: Final = relay
        self.kept: list[bytes] = []
        self.is_lost = False
        self.from_relay: list[bytes] = []
        self._device: Address | None = None
        self._outside: asyncio.DatagramTransport | None = None
        self._inside: asyncio.DatagramTransport | None = None

    @classmethod
    async def build(cls, relay: Address) -> "Street":
        street = cls(relay)
        loop = asyncio.get_running_loop()
        street._inside, _ = await loop.create_datagram_endpoint(lambda: street, local_addr=(HOST, 0))
        await street.readdress()
        return street

    @property
    def door(self) -> Address:
        """What the device takes for its relay."""
        assert self._inside is not None
        host, port = self._inside.get_extra_info("sockname")
        return host, port

    async def readdress(self) -> None:
        """Give the device another address on the outside, and forget the old one."""
        if self._outside is not None:
            self._outside.close()
        street = self

        class Outside(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, _addr: object) -> None:
                street.came_back(data)

        loop = asyncio.get_running_loop()
        self._outside, _ = await loop.create_datagram_endpoint(Outside, local_addr=(HOST, 0))

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._device = addr
        self.kept.append(data)
        if not self.is_lost:
            self.send(data)

    def send(self, data: bytes) -> None:
        assert self._outside is not None
        self._outside.sendto(data, self.relay)

    def came_back(self, data: bytes) -> None:
        self.from_relay.append(data)
        if not self.is_lost:
            self.to_device(data)

    def to_device(self, data: bytes) -> None:
        assert self._inside is not None
        self._inside.sendto(data, self._device)

    def close(self) -> None:
        for transport in (self._inside, self._outside):
            if transport is not None:
                transport.close()


class Town:
    """A relay with a line, two residents connected to it, and the one's phone."""

    def __init__(self, node: RelayNode, reader: Client, writer: Client, person: Resident) -> None:
        self.node, self.reader, self.writer, self.person = node, reader, writer, person
        self.phone = Phone()
        self.relay: Address = (HOST, node.port)
        self.streets: list[Street] = []

    @property
    def ticket(self) -> Ticket:
        assert self.reader.welcome is not None
        assert self.reader.welcome.ticket is not None
        return self.reader.welcome.ticket

    async def street(self) -> Street:
        """Build a network between the phone and the relay."""
        self.streets.append(await Street.build(self.relay))
        return self.streets[-1]

    def close(self) -> None:
        self.phone.line.close_all()
        for street in self.streets:
            street.close()

    async def write(self) -> None:
        await self.writer.say(Submit([envelope(self.person, "for you")]))


@asynccontextmanager
async def relaying(
    folder: Path, people: list[Resident], *, port: int = 0, line: bool = True
) -> AsyncIterator[RelayNode]:
    node = RelayNode(folder)
    await node.start(HOST, port)
    if people:
        move_in(node.database, people)
    if line:
        assert await node.open_calls(HOST, node.port)
    try:
        yield node
    finally:
        await node.stop()


@asynccontextmanager
async def town(folder: Path) -> AsyncIterator[Town]:
    people = residents(2)
    async with AsyncExitStack() as stack:
        node = await stack.enter_async_context(relaying(folder, people))
        reader = await stack.enter_async_context(at_home(node.port, people[0]))
        writer = await stack.enter_async_context(at_home(node.port, people[1]))
        here = Town(node, reader, writer, people[0])
        stack.callback(here.close)
        yield here


Run = Callable[[Coroutine[Any, Any, None]], None]
everywhere = pytest.mark.parametrize("run", [asyncio.run, uvloop.run])


# ---- with a relay --------------------------------------------------------------------------------------------------


@everywhere
def test_the_relay_answers_and_the_round_trip_is_known(tmp_path: Path, run: Run) -> None:
    async def talk() -> None:
        async with town(tmp_path) as here:
            line = here.phone.line
            assert await line.open("", here.ticket, relay=here.relay)
            assert not line.gets_through("")
            assert line.here("")
            answer = await here.phone.answer()
            assert (answer.path, answer.is_waiting, answer.is_connected) == ("", False, True)
            assert 0 < answer.rtt_s < PATIENCE_S
            assert line.gets_through("")
            assert line.ask("")
            await here.phone.answer()

    run(talk())


@everywhere
def test_a_device_that_takes_nothing_is_called_and_one_that_takes_is_not(tmp_path: Path, run: Run) -> None:
    async def talk() -> None:
        async with town(tmp_path) as here:
            assert await here.phone.line.open("", here.ticket, relay=here.relay)
            here.phone.line.here("")
            await here.phone.answer()
            await here.write()
            assert await here.phone.call() == ("", 1)
            here.phone.line.ask("")
            answers = [await here.phone.answer() for _ in range(2)]
            assert answers[-1].is_waiting
            await here.reader.take(1)
            async with asyncio.timeout(PATIENCE_S):
                while (await here.phone.answered()).is_waiting:
                    pass
            assert here.node.exchange.calls.tally.heard == 1

    run(talk())


def test_a_device_whose_connection_is_gone_is_called_when_mail_comes(tmp_path: Path) -> None:
    async def talk() -> None:
        async with town(tmp_path) as here:
            assert await here.phone.line.open("", here.ticket, relay=here.relay)
            here.phone.line.here("")
            await here.phone.answer()
            await here.reader.websocket.close()
            while (await here.phone.answered()).is_connected:
                pass
            await here.write()
            await here.phone.call()
            answer = await here.phone.answered()
            assert (answer.is_waiting, answer.is_connected) == (True, False)

    asyncio.run(talk())


def test_a_network_that_gives_the_device_another_address_is_followed_at_its_next_word(tmp_path: Path) -> None:
    async def talk() -> None:
        async with town(tmp_path) as here:
            street = await here.street()
            assert await here.phone.line.open("", here.ticket, relay=street.door)
            await here.phone.answered()
            await street.readdress()
            await here.phone.answered()
            await here.write()
            await here.phone.call()

    asyncio.run(talk())


def test_what_is_repeated_changed_or_cut_is_not_answered_and_tells_the_device_nothing(tmp_path: Path) -> None:
    async def talk() -> None:
        async with town(tmp_path) as here:
            street = await here.street()
            assert await here.phone.line.open("", here.ticket, relay=street.door)
            for _ in range(3):
                await here.phone.answered()
            fates = here.node.exchange.calls.tally.fates
            street.is_lost = True
            odd = [change(said) for said in street.kept for change in CHANGES]
            taken, all_before = fates[Fate.TAKEN], fates.total()
            for data in odd:
                street.send(data)
            await until(lambda: fates.total() == all_before + len(odd))
            assert fates[Fate.TAKEN] == taken
            assert min(fates[fate] for fate in (Fate.REPEATED, Fate.FORGED, Fate.UNKNOWN)) > 0
            here.phone.forget_answers()
            for said in list(street.from_relay):
                for change in CHANGES:
                    street.to_device(change(said))
            street.is_lost = False
            await here.phone.answered()
            assert (here.phone.answers.qsize(), here.phone.calls.qsize()) == (0, 0)
            assert {len(data) for data in street.from_relay} == {DATAGRAM_BYTES}

    asyncio.run(talk())


def test_after_a_relay_restarted_the_next_ticket_mends_it(tmp_path: Path) -> None:
    async def talk() -> None:
        people = residents(1)
        phone = Phone()
        async with relaying(tmp_path, people) as node:
            port = node.port
            async with at_home(port, people[0]) as home:
                assert home.welcome is not None
                assert home.welcome.ticket is not None
                assert await phone.line.open("", home.welcome.ticket, relay=(HOST, port))
                await phone.answered()
        for _ in range(3):
            assert phone.line.ask(""), "nobody listens there: that is no more than a datagram lost"
        async with relaying(tmp_path, [], port=port) as node:
            phone.forget_answers()
            phone.line.ask("")
            async with at_home(port, people[0]) as home:
                assert home.welcome is not None
                assert home.welcome.ticket is not None
                await until(lambda: phone.line.ask("") and bool(node.exchange.calls.tally.fates))
                assert phone.answers.empty(), "a ticket of the run before says nothing"
                assert await phone.line.open("", home.welcome.ticket, relay=(HOST, port))
                await phone.answered()
        phone.line.close_all()

    asyncio.run(talk())


def test_two_paths_are_heard_and_called_each_at_its_own_address(tmp_path: Path) -> None:
    async def talk() -> None:
        async with town(tmp_path) as here:
            streets = {path: await here.street() for path in ("", "lo")}
            for path, street in streets.items():
                assert await here.phone.line.open(path, here.ticket, relay=street.door)
                assert (await here.phone.answered(path)).path == path
            await here.write()
            assert {(await here.phone.call())[0] for _ in range(2)} == set(streets)
            tags = {path: {data[:8] for data in street.kept} for path, street in streets.items()}
            assert tags[""].isdisjoint(tags["lo"]), "who sees both cannot tell that they are one device's"

    asyncio.run(talk())


def test_the_internet_of_longer_addresses_does_as_well(tmp_path: Path) -> None:
    async def talk() -> None:
        node = RelayNode(tmp_path)
        await node.begin()
        assert await node.open_calls("::1", 0)
        assert node._line is not None
        node.exchange.calls.welcomed(ADA, ticket().secret, now_s=asyncio.get_running_loop().time())
        phone = Phone()
        assert await phone.line.open("", ticket(), relay=("::1", node._line.port))
        await phone.answered()
        phone.line.close_all()
        await node.end()

    asyncio.run(talk())


# ---- with nobody there ---------------------------------------------------------------------------------------------


@asynccontextmanager
async def ear() -> AsyncIterator[tuple[socket.socket, Address]]:
    """A port that hears, and never answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind((HOST, 0))
        made.settimeout(0)
        yield made, made.getsockname()


def said(hearing: socket.socket) -> int:
    """Count what has come; on loopback that is at once."""
    count = 0
    while True:
        try:
            hearing.recv(100)
        except BlockingIOError:
            return count
        count += 1


def test_where_datagrams_do_not_pass_a_few_words_are_spent_and_then_one_an_hour() -> None:
    async def talk() -> None:
        now_s = 0.0
        phone = Phone(monotonic_s=lambda: now_s)
        async with ear() as (hearing, relay):
            assert await phone.line.open("", ticket(), relay=relay)
            assert [phone.line.here("") for _ in range(20)] == [True] * UNANSWERED_MAX + [False] * (20 - UNANSWERED_MAX)
            assert not phone.line.ask("")
            assert not phone.line.gets_through("")
            for number in range(2, 12):
                assert await phone.line.open("", ticket(number), relay=relay)
                assert not phone.line.here(""), "a new ticket opens no firewall"
            assert said(hearing) == UNANSWERED_MAX
            now_s = AGAIN_S
            assert [phone.line.here("") for _ in range(3)] == [True, False, False]
            assert await phone.line.open("", ticket(12), relay=relay, network=b"elsewhere")
            assert phone.line.here(""), "another network may have none"
            assert said(hearing) == 2
            for number in range(NETWORKS_MAX):
                assert await phone.line.open("", ticket(12), relay=relay, network=b"%d" % number)
            phone.line.close_all()
            assert not phone.line.here("")
            assert not phone.line.ask("")

    asyncio.run(talk())


def test_questions_in_an_outage_do_not_count_as_a_firewall() -> None:
    async def talk() -> None:
        phone = Phone()
        async with ear() as (hearing, relay):
            assert await phone.line.open("", ticket(), relay=relay)
            assert all(phone.line.ask("") for _ in range(100))
            assert said(hearing) == 100
            phone.line.close_all()

    asyncio.run(talk())


def test_numbers_go_on_when_a_ticket_is_used_again() -> None:
    async def talk() -> None:
        phone = Phone()
        numbers = []
        async with ear() as (hearing, relay):
            for path in ("", "lo", "", "", "lo"):
                assert await phone.line.open(path, ticket(), relay=relay)
                assert phone.line.ask(path)
                numbers.append(hearing.recv(100)[:16])
                phone.line.close(path)
        assert len(set(numbers)) == len(numbers)

    asyncio.run(talk())


def test_more_paths_than_ways_are_told_so_until_one_is_closed() -> None:
    async def talk() -> None:
        phone = Phone()
        async with ear() as (_, relay):
            ways = [f"path {number}" for number in range(WAYS)]
            phone.line._ways.update({path: way for way, path in enumerate(ways)})
            assert await phone.line.open("lo", ticket(), relay=relay), "closed ones make room"
            assert not await phone.line.open("no such interface", ticket(), relay=relay)
            phone.line.close_all()

    asyncio.run(talk())


def test_a_path_that_is_not_there_opens_nothing_and_raises_nothing() -> None:
    async def talk() -> None:
        phone = Phone()
        assert not await phone.line.open("no such interface", ticket(), relay=(HOST, 9))
        assert not await phone.line.open("", ticket(), relay=("fe80::1", 9))
        assert not phone.line.ask("")

    asyncio.run(talk())


def test_a_relay_that_calls_without_end_is_told_on_a_few_times() -> None:
    async def talk() -> None:
        now_s = 0.0
        phone = Phone(monotonic_s=lambda: now_s)
        relay = DatagramEnd(ticket().secret, side=Side.RELAY)
        async with ear() as (_, address):
            assert await phone.line.open("", ticket(), relay=address)
            here = phone.line._open[""]

            def call(number: int) -> None:
                phone.line.came(here, relay.seal(Call(number), way=here.way)[1])

            for number in range(1, 100):
                call(number)
            assert phone.calls.qsize() == CALLS_AT_ONCE
            now_s = CALLED_EVERY_S
            call(100)
            call(101)
            assert phone.calls.qsize() == CALLS_AT_ONCE + 1
            phone.line.close_all()
            call(102)
            assert phone.answers.empty(), "what comes after the end is nothing"

    asyncio.run(talk())


def test_a_call_by_the_ticket_before_still_counts() -> None:
    async def talk() -> None:
        phone = Phone()
        relay = DatagramEnd(ticket(1).secret, side=Side.RELAY)
        async with ear() as (_, address):
            for number in (1, 2):
                assert await phone.line.open("", ticket(number), relay=address)
            here = phone.line._open[""]
            phone.line.came(here, relay.seal(Call(7), way=here.way)[1])
            assert phone.calls.get_nowait() == ("", 7)
            phone.line.close_all()

    asyncio.run(talk())
