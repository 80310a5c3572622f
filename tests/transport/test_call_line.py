"""A device is called and answered by a real relay over real sockets, through networks that move, lose and forge."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import uvloop

from answerback.crypto.datagrams import DatagramEnd, Side
from answerback.model.ids import DeviceId
from answerback.relay.app import RelayNode
from answerback.relay.switchboard import Fate
from answerback.transport.call_line import AGAIN_S, CALLED_EVERY_S, CALLS_AT_ONCE, NETWORKS_MAX, UNANSWERED_MAX
from answerback.wire.datagrams import DATAGRAM_BYTES, WAYS, Call
from tests.relay.client import at_home
from tests.relay.residents import residents
from tests.transport.street import HOST, PATIENCE_S, Address, Phone, relaying, ticket, town, until

ADA = DeviceId(b"a" * 16)
CHANGES: Final[tuple[Callable[[bytes], bytes], ...]] = (
    lambda data: data,
    lambda data: data[:-1],
    lambda data: data + b"x",
    lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    lambda data: data[:15] + bytes([data[15] ^ 64]) + data[16:],
    lambda data: data[::-1],
)
"""Repeated, cut, lengthened, forged, with another number, turned round."""


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
