"""Lets a simulated device feel its ways out, and carries its datagrams over roads that lose some of them.

The line of datagrams is the real one; only its sockets are not.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from typing import TYPE_CHECKING, Any, cast

from answerback.core.network.evidence import Evidence
from answerback.core.sensing import DatagramAnswered, DatagramsBlocked, Hinted, NetworkSeen, Sensed
from answerback.crypto.datagrams import DatagramEnd, Side
from answerback.lab.simulation.ways import Ways
from answerback.transport.call_line import Answered, CallLine
from answerback.wire.datagrams import DATAGRAM_BYTES
from answerback.wire.frames import Ticket

if TYPE_CHECKING:
    from answerback.lab.simulation.post_office import PostOffice

LOST_SHARE = 0.1
"""Of datagrams, on every road: nobody repeats them."""
RELAY = ("192.0.2.255", 443)


class Feeling:
    """What one device feels: `device.senses.Senses` without a system around it."""

    def __init__(
        self,
        name: str,
        ways: Ways,
        office: "PostOffice",
        tell: Callable[[Sensed], None],
        *,
        chance: random.Random,
        counts: Counter[str],
    ) -> None:
        self._name = name
        self._ways = ways
        self._office = office
        self._tell = tell
        self._chance = chance
        self._counts = counts
        self._calls = CallLine(
            keyed=lambda secret: DatagramEnd(secret, side=Side.DEVICE),
            there=self._there,
            called=self._called,
            monotonic_s=asyncio.get_running_loop().time,
            connect=self._connect,
        )
        self._tasks: set[asyncio.Task[None]] = set()

    async def begin(self) -> None:
        """Tell what there is before anything is dialled."""
        self.look()

    async def stop(self) -> None:
        """Feel no more."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._calls.close_all()

    def look(self) -> None:
        """Tell which ways there are now."""
        self._tell(NetworkSeen(self._ways.seen()))

    # ---- what the engine asks for

    def listen(self, path: str, ticket: Ticket, *, relay: tuple[str, int] | None) -> None:  # noqa: ARG002 - nobody has addresses here
        """Be there for the relay's datagrams on a path, and say so."""
        task = asyncio.get_running_loop().create_task(self._listen(path, ticket))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def here(self, path: str) -> None:
        """Say that this device can still be called."""
        if not self._calls.here(path):
            self._tell(DatagramsBlocked(path))

    def ask(self, path: str) -> None:
        """Ask by datagram whether the relay is there."""
        if not self._calls.ask(path):
            self._tell(DatagramsBlocked(path))

    async def _listen(self, path: str, ticket: Ticket) -> None:
        name, number = self._ways.address(path)
        if await self._calls.open(path, ticket, relay=RELAY, network=f"{name} {number}".encode()):
            self._calls.here(path)

    # ---- what is felt

    def _there(self, answer: Answered) -> None:
        self._tell(DatagramAnswered(answer.path, answer.is_connected))

    def _called(self, _path: str, _number: int) -> None:
        self._counts["relay_called"] += 1
        self._tell(Hinted(Evidence.RELAY_CALLED))

    # ---- the roads

    async def _connect(
        self,
        make: Callable[[], asyncio.DatagramProtocol],
        path: str,
        _relay: tuple[str, int],
        _addresses: Iterable[str],
    ) -> asyncio.DatagramTransport:
        return cast("asyncio.DatagramTransport", _Socket(self, path, make()))

    def leave(self, socket: "_Socket", data: bytes) -> None:
        """Have a datagram go to the relay, if it gets there."""
        address = (self._name, *self._ways.address(socket.path))
        self._office.ears[address] = socket.heard
        self._cross(socket.path, lambda: self._office.datagram(data, address), up=True)

    def arrive(self, socket: "_Socket", data: bytes) -> None:
        """Have a datagram of the relay come here, if it gets here."""
        self._cross(socket.path, lambda: socket.take(data), up=False)

    def _cross(self, path: str, then: Callable[[], Any], *, up: bool) -> None:
        road = self._ways.road(path)
        is_held = road is None or road.is_cut or (road.up_held if up else road.down_held)
        if road is None or is_held or self._chance.random() < LOST_SHARE:
            self._counts["datagram_lost"] += 1
            return
        asyncio.get_running_loop().call_later(road.way_s(DATAGRAM_BYTES), then)


class _Socket:
    """What is used of a transport of datagrams."""

    def __init__(self, feeling: Feeling, path: str, protocol: asyncio.DatagramProtocol) -> None:
        self.path = path
        self._feeling = feeling
        self._protocol = protocol
        self._is_closed = False

    def sendto(self, data: bytes, _addr: Hashable = None) -> None:
        """Send one."""
        self._feeling.leave(self, data)

    def is_closing(self) -> bool:
        """Whether nothing leaves here any more."""
        return self._is_closed

    def close(self) -> None:
        """Hear no more."""
        self._is_closed = True

    def heard(self, data: bytes) -> None:
        """The relay has sent one here."""
        self._feeling.arrive(self, data)

    def take(self, data: bytes) -> None:
        """One has come."""
        if not self._is_closed:
            self._protocol.datagram_received(data, RELAY)
