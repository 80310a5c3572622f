"""Listens for the relay's calls, on one socket for each path, and asks by datagram whether the relay is there.

Theory. A device says `Here` where it could be called, and `Ask` when its connection has fallen silent; the relay
answers both, and calls when mail waits and nothing is heard from the device. Nothing here is needed for anything: where
datagrams do not pass, or the relay has no port for them, a few unanswered words tell, and then one an hour is spent.
Errors of the network are as if a datagram were lost, and strangers' datagrams as if there were none.

The surprising rule: the numbers of a ticket go on where they were, also after its socket was closed and opened again,
for the same number must never seal two things. So one `CallLine` lasts as long as the device runs.
"""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Protocol

from answerback.model.errors import AnswerbackError
from answerback.transport.binding import bind_to
from answerback.wire.datagrams import WAYS, Ask, Call, FromDevice, FromRelay, Here, There, read_head
from answerback.wire.frames import Ticket

UNANSWERED_MAX = 4
"""Words of ours in a row, all said while the connection stood: by then it is not loss, datagrams do not get through."""
AGAIN_S = 3_600.0
"""Where they did not get through: a firewall may have been opened, at the price of 76 bytes."""
ASKED_MAX = 16
"""Questions whose round trip may still be learned."""
PROOFS_MAX = 2
"""Words more, for each of ours, by which the relay knows that we hear it at a new address."""
CALLS_AT_ONCE = 3
CALLED_EVERY_S = 5.0
"""A call is told on so often and no more, whatever a relay sends: it wakes a radio."""
NETWORKS_MAX = 32
"""Remembered: whether datagrams get through."""
TICKETS_MAX = 1_000
"""Remembered with their numbers: more a day than any device comes back."""


class Opened(Protocol):
    """One datagram that was opened."""

    @property
    def words(self) -> FromDevice | FromRelay:
        """What was said."""
        ...


class End(Protocol):
    """Our side of one ticket, `crypto.datagrams.DatagramEnd`; this floor has no keys."""

    @property
    def tags(self) -> tuple[bytes, ...]:
        """What each way's datagrams begin with when they are for us."""
        ...

    def seal(self, words: FromDevice | FromRelay, *, way: int) -> tuple[int, bytes]:
        """Seal the next datagram; give its number too."""
        ...

    def open(self, datagram: bytes, *, way: int) -> Opened:
        """Open a datagram, or raise AnswerbackError."""
        ...


Connect = Callable[
    [Callable[[], asyncio.DatagramProtocol], str, tuple[str, int], Iterable[str]], Awaitable[asyncio.DatagramTransport]
]
"""Makes a socket that hears the relay only, on a path, from one of these addresses. Raises `OSError`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The relay is there, and hears us, on this path."""

    path: str
    rtt_s: float
    is_waiting: bool
    """Mail waits for us."""
    is_connected: bool
    """The relay still believes in a connection of ours; where it does not, ours is dead."""


@dataclass(slots=True)
class _Network:
    """What is known of datagrams in one network."""

    unanswered: int = 0
    again_s: float = 0.0
    has_answered: bool = False


@dataclass(slots=True)
class _Open:
    """One path's socket."""

    path: str
    way: int
    ends: list[End]
    """The newest ticket's first: calls may still come by the one before."""
    network: _Network
    like: tuple[object, ...]
    """What it was opened for; the same again keeps the socket."""
    transport: asyncio.DatagramTransport | None = None
    asked: dict[tuple[End, int], float] = field(default_factory=dict)
    token: int = 0
    """The last one heard: to say it shows that we are where we seem to be."""
    proofs_left: int = 0


class CallLine:
    """A device's datagrams."""

    def __init__(
        self,
        *,
        keyed: Callable[[bytes], End],
        there: Callable[[Answered], None],
        called: Callable[[str, int], None],
        monotonic_s: Callable[[], float] = time.monotonic,
        connect: "Connect | None" = None,
    ) -> None:
        """`keyed` makes our end of a ticket's secret, `there` and `called` are told what comes.

        `connect` makes the sockets; a simulator gives others.
        """
        self._keyed = keyed
        self._there = there
        self._called = called
        self._monotonic_s = monotonic_s
        self._connect: Connect = connect or _endpoint
        self._open: dict[str, _Open] = {}
        self._ends: dict[bytes, End] = {}
        self._ways: dict[str, int] = {}
        """Of paths open now or before, so that two paths do not share a tag as long as they need not."""
        self._networks: dict[tuple[object, ...], _Network] = {}
        self._calls_left = float(CALLS_AT_ONCE)
        self._called_s = self._monotonic_s()

    # ---- opening and closing ---------------------------------------------------------------------------------------

    async def open(
        self,
        path: str,
        ticket: Ticket,
        *,
        relay: tuple[str, int],
        network: bytes = b"",
        addresses: Iterable[str] = (),
    ) -> bool:
        """Listen on a path, by a new ticket or to a new address; false if that is not possible now.

        `relay` is the numeric address its connection leads to. A socket that is good for this too is kept.
        """
        addresses = frozenset(addresses)
        like = (relay, network, addresses)
        end = self._end(ticket)
        known = self._open.get(path)
        if known is not None and known.like == like and known.transport is not None:
            known.ends = [end, *(each for each in known.ends if each is not end)][:2]
            return True
        self.close(path)
        way = self._way(path)
        if way is None:
            return False
        here = _Open(path, way, [end], self._network((network or (path, addresses), relay)), like)
        try:
            transport = await self._connect(lambda: _Ear(self, here), path, relay, addresses)
        except OSError:
            return False
        self.close(path)  # somebody may have opened it meanwhile
        here.transport = transport
        self._open[path] = here
        return True

    def close(self, path: str) -> None:
        """Listen no more on a path."""
        here = self._open.pop(path, None)
        if here is not None and here.transport is not None:
            here.transport.close()

    def close_all(self) -> None:
        """Listen no more."""
        for path in list(self._open):
            self.close(path)

    @property
    def paths(self) -> set[str]:
        """On which paths it listens."""
        return set(self._open)

    # ---- saying ----------------------------------------------------------------------------------------------------

    def here(self, path: str) -> bool:
        """Say where we can be called, while the connection stands; false if nothing left: nothing would come."""
        here, now_s = self._open.get(path), self._monotonic_s()
        if here is None or not self._may_speak(here.network, now_s):
            return False
        here.network.unanswered += 1
        if here.network.unanswered >= UNANSWERED_MAX:
            here.network.again_s = now_s + AGAIN_S
        return self._question(here, Here)

    def ask(self, path: str) -> bool:
        """Ask whether the relay is there; false if nothing left: nothing would come."""
        here = self._open.get(path)
        if here is None or here.network.unanswered >= UNANSWERED_MAX:
            return False
        return self._question(here, Ask)

    def gets_through(self, path: str) -> bool:
        """Whether the relay has answered by datagram in this network, and still does."""
        here = self._open.get(path)
        return here is not None and here.network.has_answered and here.network.unanswered < UNANSWERED_MAX

    def _question(self, here: _Open, kind: type[Here | Ask]) -> bool:
        here.proofs_left = PROOFS_MAX
        return self._say(here, here.ends[0], kind)

    def _say(self, here: _Open, end: End, kind: type[Here | Ask]) -> bool:
        if here.transport is None or here.transport.is_closing():
            return False
        number, datagram = end.seal(kind(here.token), way=here.way)
        here.asked[end, number] = self._monotonic_s()
        while len(here.asked) > ASKED_MAX:
            del here.asked[next(iter(here.asked))]
        here.transport.sendto(datagram)
        return True

    @staticmethod
    def _may_speak(network: _Network, now_s: float) -> bool:
        return network.unanswered < UNANSWERED_MAX or now_s >= network.again_s

    # ---- hearing ---------------------------------------------------------------------------------------------------

    def came(self, here: _Open, datagram: bytes) -> None:
        """Take one datagram of a path."""
        if self._open.get(here.path) is not here:
            return
        with suppress(AnswerbackError):  # whatever is not the relay's, or not new, is nothing
            tag, _ = read_head(datagram)
            for end in here.ends:
                if end.tags[here.way] == tag:
                    self._heard(here, end, end.open(datagram, way=here.way).words)

    def _heard(self, here: _Open, end: End, words: FromDevice | FromRelay) -> None:
        here.network.unanswered, here.network.has_answered = 0, True
        match words:
            case Call():
                if self._may_tell_call():
                    self._called(here.path, words.number)
            case There():
                here.token = words.token or here.token
                asked_s = here.asked.pop((end, words.question), None)
                if not words.is_proven and here.proofs_left > 0:
                    here.proofs_left -= 1
                    self._say(here, end, Here)
                if asked_s is not None:
                    self._there(
                        Answered(
                            path=here.path,
                            rtt_s=self._monotonic_s() - asked_s,
                            is_waiting=words.is_waiting,
                            is_connected=words.is_connected,
                        )
                    )
            case _:
                pass

    def _may_tell_call(self) -> bool:
        now_s = self._monotonic_s()
        self._calls_left = min(self._calls_left + (now_s - self._called_s) / CALLED_EVERY_S, CALLS_AT_ONCE)
        self._called_s = now_s
        if self._calls_left < 1.0:
            return False
        self._calls_left -= 1.0
        return True

    # ---- remembering -----------------------------------------------------------------------------------------------

    def _end(self, ticket: Ticket) -> End:
        end = self._ends.pop(ticket.name, None) or self._keyed(ticket.secret)
        self._ends[ticket.name] = end
        if len(self._ends) > TICKETS_MAX:
            del self._ends[next(iter(self._ends))]  # a thousand tickets were used since it was
        return end

    def _way(self, path: str) -> int | None:
        """Give a path a way of its own; one that was another's, if none is left that nobody had."""
        if path not in self._ways and len(self._ways) >= WAYS:
            closed = next((each for each in self._ways if each not in self._open), None)
            if closed is None:
                return None
            self._ways[path] = self._ways.pop(closed)
        return self._ways.setdefault(path, len(self._ways))

    def _network(self, key: tuple[object, ...]) -> _Network:
        network = self._networks.pop(key, None) or _Network()
        self._networks[key] = network
        if len(self._networks) > NETWORKS_MAX:
            del self._networks[next(iter(self._networks))]
        return network


class _Ear(asyncio.DatagramProtocol):
    """Hears one socket; what the network complains about is as if it were lost."""

    def __init__(self, line: CallLine, here: _Open) -> None:
        self._line: Final = line
        self._here: Final = here

    def datagram_received(self, data: bytes, _addr: object) -> None:
        """Pass on what came."""
        self._line.came(self._here, data)

    def connection_lost(self, _exc: Exception | None) -> None:
        """Learn that the socket is gone."""
        self._here.transport = None


async def _endpoint(
    make: Callable[[], asyncio.DatagramProtocol], path: str, relay: tuple[str, int], addresses: Iterable[str]
) -> asyncio.DatagramTransport:
    """Make a socket and listen on it. Raises `OSError`."""
    made = _connected(path, relay, addresses)
    try:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(make, sock=made)
    except BaseException:
        made.close()
        raise
    return transport


def _connected(path: str, relay: tuple[str, int], addresses: Iterable[str]) -> socket.socket:
    """Make a socket that only hears the relay: a stranger's datagram does not even wake us."""
    made = socket.socket(socket.AF_INET6 if ":" in relay[0] else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        made.settimeout(0)
        bind_to(made, path, addresses=addresses)
        made.connect(relay)
    except OSError:
        made.close()
        raise
    return made
