"""Sets up one connection flight by flight, as a device and its relay do, and carries their mail.

SYN and answer; TLS 1.3's two flights; the WebSocket upgrade, whose answer brings the relay's challenge; hello and
welcome. From then on mail flows. A SYN is repeated by the kernel until it is answered or the attempt is given up: after
pauses of a second as many as the kernel makes, and then of twice the one before.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, unique
from typing import Protocol

from answerback.lab.policies.agenda import Agenda
from answerback.lab.policies.path import Way
from answerback.lab.policies.stream import Stream

SYN_BYTES = 60
SYN_AGAIN_S = 1.0
SYN_AGAIN_S_MAX = 64.0
DOUBLING = 0
LINEAR = 4
"""Of the pauses after the first so many are no longer than that: on Linux since 6.5, and on others."""


@unique
class Flight(Enum):
    """What is said before mail may flow."""

    CLIENT_HELLO = "the device begins TLS"
    CERTIFICATE = "the relay shows who it is"
    UPGRADE = "the device ends TLS and asks for a WebSocket"
    CHALLENGE = "the relay agrees and challenges"
    HELLO = "the device says who it is"
    WELCOME = "the relay welcomes it"


FLIGHT_BYTES = {
    Flight.CLIENT_HELLO: 330,
    Flight.CERTIFICATE: 1300,
    Flight.UPGRADE: 420,
    Flight.CHALLENGE: 330,
    Flight.HELLO: 260,
    Flight.WELCOME: 330,
}
"""Of TLS 1.3 with X25519 and a small certificate of our own, and of our own frames; without headers."""


@unique
class Setup(Enum):
    """How much is said before mail may flow, once a SYN is answered."""

    FULL = "full"
    """TLS, upgrade, challenge and hello, each with a round trip: what a device does that is new to a relay."""
    TICKET = "ticket"
    """The upgrade carries a ticket of the connection before, and its answer is the welcome: a round trip less."""
    EARLY = "early"
    """Besides, mail leaves right behind the upgrade, unanswered as it is: another one less for what is sent."""


class Wire(Protocol):
    """Whoever carries packets and counts them."""

    def send(self, way: Way, size_bytes: int, *, is_probe: bool, again: bool) -> float | None:
        """Put a packet on the path; when it arrives, if it does."""


@dataclass(slots=True)
class Ends:
    """Who is told what happens at either end."""

    opened: Callable[[], None]
    welcomed: Callable[[], None]
    relay_knows: Callable[[], None]
    at_device: Callable[[object], None]
    at_relay: Callable[[object], None]


class Session:
    """One connection of the device, from its SYN on."""

    def __init__(
        self,
        number: int,
        agenda: Agenda,
        wire: Wire,
        ends: Ends,
        *,
        setup: Setup = Setup.FULL,
        linear_timeouts: int = DOUBLING,
    ) -> None:
        self.number = number
        self.is_closed = False
        self.order = 0
        self.is_welcomed = False
        self._agenda = agenda
        self._wire = wire
        self._ends = ends
        self._setup = setup
        self._linear_timeouts = linear_timeouts
        self._is_open = False
        self._syn_s = 0.0
        self.up = Stream(agenda, self._sender(Way.UP), self._sender(Way.DOWN), self._relay_hears)
        self.down = Stream(agenda, self._sender(Way.DOWN), self._sender(Way.UP), self._device_hears)

    def open(self) -> None:
        """Send the SYN."""
        self._syn(0)

    def proceed(self, *, order: int = 0) -> None:
        """Set it up, flight by flight, counting it among its device's."""
        self.order = order
        self._say(self.up, Flight.CLIENT_HELLO)

    def assume_up(self, *, rtt_s: float) -> None:
        """Begin as a connection that has stood for a while."""
        self._is_open, self.is_welcomed = True, True
        self.up.measured(rtt_s)
        self.down.measured(rtt_s)

    def close(self) -> None:
        """Forget it; what is still under way is for nobody."""
        self.is_closed = self.up.is_closed = self.down.is_closed = True

    def _sender(self, way: Way) -> Callable[[int, bool], float | None]:
        return lambda size_bytes, again: self._wire.send(way, size_bytes, is_probe=False, again=again)

    def _syn(self, repeats: int) -> None:
        if self.is_closed or self._is_open:
            return
        self._syn_s = self._agenda.now_s
        at_s = self._wire.send(Way.UP, SYN_BYTES, is_probe=True, again=repeats > 0)
        if at_s is not None:
            self._agenda.note(at_s, self._syn_heard)
        again_s = min(SYN_AGAIN_S * 2.0 ** max(repeats - self._linear_timeouts, 0), SYN_AGAIN_S_MAX)
        self._agenda.note(self._agenda.now_s + again_s, lambda: self._syn(repeats + 1))

    def _syn_heard(self) -> None:
        if self._is_open or self.is_closed:
            return
        at_s = self._wire.send(Way.DOWN, SYN_BYTES, is_probe=False, again=False)
        if at_s is not None:
            self._agenda.note(at_s, self._opened)

    def _opened(self) -> None:
        if self._is_open or self.is_closed:
            return
        self._is_open = True
        for stream in (self.up, self.down):
            stream.measured(self._agenda.now_s - self._syn_s)
        self._ends.opened()

    def _say(self, stream: Stream, flight: Flight) -> None:
        stream.write(flight, FLIGHT_BYTES[flight])

    def _relay_hears(self, item: object) -> None:
        if item is Flight.CLIENT_HELLO:
            self._say(self.down, Flight.CERTIFICATE)
        elif item is Flight.UPGRADE and self._setup is Setup.FULL:
            self._say(self.down, Flight.CHALLENGE)
        elif item in (Flight.UPGRADE, Flight.HELLO):
            self._say(self.down, Flight.WELCOME)
            self._ends.relay_knows()
        else:
            self._ends.at_relay(item)

    def _device_hears(self, item: object) -> None:
        if item is Flight.CERTIFICATE:
            self._say(self.up, Flight.UPGRADE)
            if self._setup is Setup.EARLY:
                self._welcome()
        elif item is Flight.CHALLENGE:
            self._say(self.up, Flight.HELLO)
        elif item is Flight.WELCOME:
            self._welcome()
        else:
            self._ends.at_device(item)

    def _welcome(self) -> None:
        if not self.is_welcomed:
            self.is_welcomed = True
            self._ends.welcomed()
