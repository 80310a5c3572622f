"""The devices of a storm: ours, each with the path of the core, and others with a policy of when to try again.

Theory. What a device sees of a relay in trouble is little: its system answers a SYN, or refuses it, or is silent; and a
connection that was answered stands in a line. Ours decide by `core/network/path.py`, the very machine of the agent; a
rival gives one attempt ten seconds and waits as its policy says.
"""

import math
import random
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from answerback.core.effects import Close, Effect, Probe, Proceed, Transmit
from answerback.core.network.path import Path
from answerback.model.causes import Cause
from answerback.transport.websocket import CONNECT_S_MAX
from answerback.wire.frames import Ping

ATTEMPT_S = 10.0
"""How long a rival gives an attempt, as most do, about."""

Policy = Callable[[random.Random, int, float], float]
"""Given chance, attempts that failed and seconds since the connection was lost: seconds until the next attempt."""


def steady(chance: random.Random, _failures: int, down_s: float) -> float:
    """Try at a steady pace for 90 s, then ever less often, one attempt at a time."""
    spacing_s = 1.5 if down_s <= 90 else min(1.5 * math.sqrt(1 + down_s - 90), 60.0)
    return spacing_s * chance.uniform(0.75, 1.25)


def full_jitter(chance: random.Random, failures: int, _down_s: float) -> float:
    """Wait any time up to a bound that doubles, from 1 s to 60 s, as most messengers do."""
    return chance.uniform(0.0, min(2.0**failures, 60.0))


def doubling(_chance: random.Random, failures: int, _down_s: float) -> float:
    """Double the wait from 1 s to 60 s, without chance."""
    return min(2.0**failures, 60.0)


def fixed(_chance: random.Random, _failures: int, _down_s: float) -> float:
    """Try every 30 s."""
    return 30.0


OURS = "ours"
POLICIES: dict[str, Policy | None] = {
    OURS: None,
    "every 1.5 s": steady,
    "back-off, full jitter": full_jitter,
    "back-off, no jitter": doubling,
    "every 30 s": fixed,
}
"""What is played; none stands for the path of the core."""


@dataclass(slots=True, eq=False)
class Line:
    """One connection, from its SYN on, as both sides and the system see it."""

    device: "Device"
    number: int
    is_there: bool = True
    """The device has not hung up."""
    is_answered: bool = False
    is_in: bool = False
    """The relay has welcomed on it."""
    hello_s: float | None = None
    """When its first word after TCP is at the relay."""
    shaken: Callable[[], None] | None = None
    """What the relay does when that word comes, if it waits for it."""


class Street(Protocol):
    """What is between a device and its relay."""

    now_s: float
    chance: random.Random

    def note(self, at_s: float, event: Callable[[], None]) -> None:
        """Let something happen then."""

    def ask(self, line: Line) -> None:
        """Send the SYN of a new connection; it is sent again while nobody answers and the device does not hang up."""

    def hello(self, line: Line) -> None:
        """Say the first word of TLS."""


class Device(ABC):
    """One of the crowd."""

    def __init__(self, street: Street, round_trip_s: float) -> None:
        self.street, self.round_trip_s = street, round_trip_s
        self.is_in = False
        """It has a connection that works."""

    @abstractmethod
    def falls(self, *, told_s: float | None) -> None:
        """The relay ended its connection; if it stopped in good order, it said when to come back."""

    @abstractmethod
    def answered(self, line: Line) -> None:
        """A SYN came back."""

    @abstractmethod
    def ended(self, line: Line, *, told_s: float | None = None) -> None:
        """Nobody listens there, or the relay closed; it may have said when to come back."""

    @abstractmethod
    def welcomed(self, line: Line) -> None:
        """The relay knows the device."""


class Ours(Device):
    """Does what the path of the core says."""

    def __init__(self, street: Street, round_trip_s: float) -> None:
        super().__init__(street, round_trip_s)
        self.path = Path(cause=None)
        self._lines: dict[int, Line] = {}
        self._wakes_s = math.inf
        self._echo = 1
        now_s, path = street.now_s, self.path
        path.measured(round_trip_s, now_s=now_s, is_loaded=False)
        path.welcomed(path.numbers.next(), now_s=now_s - 3600.0)
        path.ask(now_s=now_s - 3600.0)
        path.ponged(1, now_s=now_s - 3600.0 + round_trip_s)

    def falls(self, *, told_s: float | None) -> None:
        """Look for a new one; what the relay said of coming back is kept to."""
        now_s = self.street.now_s
        self.is_in = False
        if told_s is not None:
            self.path.told(told_s, now_s=now_s)
        self.path.lost(Cause.NETWORK_CONNECTION_LOST, now_s=now_s, draw=self._draw())
        self._wake()

    def owes(self) -> None:
        """Write something, to which the relay owes an answer."""
        self.path.expects(outstanding=True, flying_bytes=200, now_s=self.street.now_s)
        self._wake()

    def heard(self) -> None:
        """The old connection answers."""
        now_s, path = self.street.now_s, self.path
        path.expects(outstanding=False, flying_bytes=0, now_s=now_s)
        self._do(path.heard(is_progress=True, now_s=now_s, draw=self._draw()))
        path.ponged(self._echo, now_s=now_s)
        self.is_in = True
        self._wake()

    def answered(self, line: Line) -> None:
        """The path is there."""
        self._do(self.path.answered(line.number, now_s=self.street.now_s, draw=self._draw()))
        self._wake()

    def ended(self, line: Line, *, told_s: float | None = None) -> None:
        """See what the path makes of it."""
        now_s = self.street.now_s
        if self._lines.pop(line.number, None) is None:
            return
        line.is_there = False
        if told_s is not None:
            self.path.told(told_s, now_s=now_s)
        cause = Cause.NETWORK_CONNECTION_LOST if line.is_answered else Cause.NETWORK_RELAY_UNREACHABLE
        self._do(self.path.failed(line.number, cause, now_s=now_s, draw=self._draw()))
        self._wake()

    def welcomed(self, line: Line) -> None:
        """Use this one."""
        self.is_in = True
        self._do(self.path.welcomed(line.number, now_s=self.street.now_s))
        self.path.expects(outstanding=False, flying_bytes=0, now_s=self.street.now_s)

    def _do(self, effects: list[Effect]) -> None:
        street = self.street
        for effect in effects:
            match effect:
                case Probe(line=number):
                    line = self._lines[number] = Line(self, number)
                    street.ask(line)
                case Proceed(line=number):
                    line = self._lines[number]
                    street.hello(line)
                    street.note(street.now_s + CONNECT_S_MAX, lambda line=line: self._too_long(line))  # type: ignore[misc]
                case Close(line=number):
                    hung_up = self._lines.pop(number, None)
                    if hung_up is not None:
                        hung_up.is_there = False
                case Transmit(frame=Ping(echo=echo)):
                    self._echo = echo
                case _:
                    pass

    def _too_long(self, line: Line) -> None:
        if line.is_there and not line.is_in:
            self.ended(line)

    def _wake(self) -> None:
        """Be woken when the path wants to be; a clock that was set for later than that is set anew."""
        wake = self.path.wake_at
        if wake is None or wake.at_s >= self._wakes_s or (self.is_in and not self.path.attempts.under_way):
            return
        at_s = self._wakes_s = max(wake.at_s, self.street.now_s)
        self.street.note(at_s, lambda: self._woken(at_s))

    def _woken(self, at_s: float) -> None:
        if at_s != self._wakes_s:
            return
        self._wakes_s = math.inf
        wake = self.path.wake_at
        if wake is not None and wake.at_s <= self.street.now_s:
            self._do(self.path.wake(now_s=self.street.now_s, draw=self._draw()))
        self._wake()

    def _draw(self) -> float:
        return self.street.chance.random()


class Rival(Device):
    """Knocks, waits for ten seconds, and knocks again when its policy says so."""

    def __init__(self, street: Street, round_trip_s: float, policy: Policy) -> None:
        super().__init__(street, round_trip_s)
        self._policy = policy
        self._failures = 0
        self._fell_s = 0.0
        self._line: Line | None = None

    def falls(self, *, told_s: float | None) -> None:
        """Wait as the policy says, or as the relay said."""
        self.is_in, self._fell_s = False, self.street.now_s
        self._wait(told_s)

    def answered(self, line: Line) -> None:
        """Go on with it."""
        self.street.hello(line)

    def ended(self, line: Line, *, told_s: float | None = None) -> None:
        """Wait, and try again."""
        if line is not self._line or self.is_in:
            return
        line.is_there, self._line = False, None
        self._wait(told_s)
        self._failures += 1

    def welcomed(self, line: Line) -> None:
        """Be glad."""
        self.is_in, self._line = True, line

    def _wait(self, told_s: float | None) -> None:
        street = self.street
        pause_s = self._policy(street.chance, self._failures, street.now_s - self._fell_s)
        street.note(street.now_s + (pause_s if told_s is None else told_s), self._knock)

    def _knock(self) -> None:
        line = self._line = Line(self, 0)
        self.street.ask(line)
        self.street.note(self.street.now_s + ATTEMPT_S, lambda: self.ended(line))
