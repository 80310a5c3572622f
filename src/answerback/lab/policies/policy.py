"""Says what a way to get back onto a network is told, and what it may do.

Theory. A policy sees what a program on the device sees: bytes that came, whether answers are owed, what became of its
own connection attempts, and what the system announces. It never sees the link. What it may do is open fresh
connections, give them up, say something on the one in use, and send one datagram. The defaults of the class below do
nothing at all: that is what TCP alone does, and so `PassiveTcp` is a rival and the beginning of all others.
"""

# ruff: noqa: ARG002 - a policy is told everything, and uses what it can

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Open:
    """Open a fresh connection: a SYN now, which the kernel repeats until it is answered or given up."""

    number: int


@dataclass(frozen=True, slots=True)
class Close:
    """Give that attempt up."""

    number: int


@dataclass(frozen=True, slots=True)
class Proceed:
    """Set that connection up, now that its SYN is answered: TLS, the upgrade, hello."""

    number: int


@dataclass(frozen=True, slots=True)
class Say:
    """Say a few bytes on the connection in use, which the relay answers."""

    number: int = 0
    """What the answer is known by."""


@dataclass(frozen=True, slots=True)
class HangUp:
    """Give the connection in use up."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Send one datagram to the relay's side channel, which answers it."""


Action = Open | Close | Proceed | Say | HangUp | Ask


class PassiveTcp:
    """TCP alone: it sends again after a timeout that doubles, up to two minutes, and the program waits."""

    name = "passive TCP"
    hears_farewells = False
    """Whether it is told when the relay ends the connection in use because the device has said hello on another one;
    whoever is not keeps it, which is kinder to them than their relays are."""

    @property
    def wake_at_s(self) -> float | None:
        """When `wake` next has work."""
        return None

    def begin(self, *, rtt_s: float, now_s: float) -> list[Action]:
        """A connection stands, with this round trip."""
        return []

    def heard(self, *, is_progress: bool, now_s: float) -> list[Action]:
        """Bytes came on the connection in use; `is_progress` if they answer what is owed an answer."""
        return []

    def measured(self, rtt_s: float, *, now_s: float) -> None:
        """The relay accepted something, so long after it left."""

    def lost(self, *, now_s: float) -> list[Action]:
        """The relay has ended the connection in use: it believes in another one."""
        return []

    def said(self, number: int, *, now_s: float) -> None:
        """What was said on the connection in use came back."""

    def owes(self, *, owed: bool, now_s: float) -> list[Action]:
        """Whether an answer from the relay is owed has changed."""
        return []

    def opened(self, number: int, *, now_s: float) -> list[Action]:
        """The SYN of an attempt was answered."""
        return [Proceed(number)]

    def welcomed(self, number: int, *, now_s: float) -> list[Action]:
        """The relay knows us on this connection: it is the one in use now, and the one before is closed."""
        return []

    def answered(self, *, now_s: float) -> list[Action]:
        """A datagram was answered."""
        return []

    def announced(self, *, now_s: float) -> list[Action]:
        """The system says that the network is back."""
        return []

    def called(self, *, now_s: float) -> list[Action]:
        """The relay called by datagram."""
        return []

    def wake(self, *, now_s: float) -> list[Action]:
        """Do what is due by the clock."""
        return []
