"""Everything a device's senses may tell its engine, and nothing else.

Values only: what a shell saw of the network, of the machine it runs on and of the people in front of it. The engine
takes each with `sensed`.
"""

from dataclasses import dataclass

from answerback.core.network.evidence import Evidence
from answerback.core.network.modes import Wish
from answerback.model.ids import MessageId
from answerback.model.paths import PathSeen
from answerback.wire.frames import Subscribe


@dataclass(frozen=True, slots=True)
class NetworkSeen:
    """A look has found these ways out of this device; none of them is none."""

    paths: tuple[PathSeen, ...]


@dataclass(frozen=True, slots=True)
class Hinted:
    """Something makes a connection likely to succeed now, or the one in use doubtful."""

    evidence: Evidence


@dataclass(frozen=True, slots=True)
class DatagramAnswered:
    """The relay has answered a datagram on this path."""

    path: str
    is_connected: bool
    """It still believes in a connection of ours; where it does not, ours is dead."""


@dataclass(frozen=True, slots=True)
class DatagramsBlocked:
    """Nothing comes back by datagram on this path."""

    path: str


@dataclass(frozen=True, slots=True)
class Looked:
    """Somebody has come to look at this device, or has left."""

    is_in_front: bool


@dataclass(frozen=True, slots=True)
class PowerSeen:
    """What the battery is said to hold; None is unknown."""

    battery: float | None
    """Its level, from 0 to 1."""
    is_charging: bool | None


@dataclass(frozen=True, slots=True)
class Wished:
    """A person has chosen how eager this device is to be."""

    wish: Wish


@dataclass(frozen=True, slots=True)
class PushGiven:
    """Where this device can be woken while it has no connection; an empty endpoint: nowhere any more."""

    push: Subscribe


@dataclass(frozen=True, slots=True)
class FileAsked:
    """Somebody wants to see a file that would not be fetched by itself."""

    message: MessageId


Sensed = (
    NetworkSeen | Hinted | DatagramAnswered | DatagramsBlocked | Looked | PowerSeen | Wished | FileAsked | PushGiven
)
