"""A relay with a line for datagrams, two residents, a device's own line, and the street between them."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

from answerback.crypto.datagrams import DatagramEnd, Side
from answerback.relay.app import RelayNode
from answerback.transport.call_line import Answered, CallLine
from answerback.wire.frames import Submit, Ticket
from tests.relay.client import Client, at_home
from tests.relay.residents import Resident, envelope, move_in, residents

PATIENCE_S = 15.0
HOST = "127.0.0.1"
Address = tuple[str, int]


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
        self.line = CallLine(
            keyed=keyed,
            there=self.answers.put_nowait,
            called=lambda path, number: self.calls.put_nowait((path, number)),
            monotonic_s=monotonic_s or time.monotonic,
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
