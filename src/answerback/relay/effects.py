"""What the relay's machines may ask of their shell: a closed list, returned, never done."""

from dataclasses import dataclass
from enum import Enum, unique
from typing import Final

from answerback.model.causes import Cause
from answerback.model.ids import DeviceId
from answerback.model.moment import Moment as Moment  # noqa: PLC0414 - known here to all that take effects
from answerback.storage.relay_commands import Command
from answerback.wire.frames import RelayFrame

NOBODY: Final = DeviceId(b"")


@dataclass(frozen=True, slots=True)
class Send:
    """Say this to that connection."""

    connection: int
    frame: RelayFrame


@dataclass(frozen=True, slots=True)
class Ask:
    """Have the store do this in its next batch."""

    command: Command


@dataclass(frozen=True, slots=True)
class Close:
    """Close that connection once what was said to it has left; it is not reported as lost."""

    connection: int


@dataclass(frozen=True, slots=True)
class Listen:
    """Read on from that connection, or stop reading for now."""

    connection: int
    on: bool


@unique
class Event(Enum):
    """What is worth a line in the log."""

    OPENED = "opened"
    LEFT = "left"
    REFUSED = "refused"
    BROKE = "broke the protocol"
    LIST = "announced a device list"
    TICKET = "showed a ticket"


@dataclass(frozen=True, slots=True)
class Note:
    """One line for the log: never content, tokens or handles."""

    event: Event
    connection: int
    device: DeviceId = NOBODY
    cause: Cause | None = None
    detail: str = ""


Effect = Send | Ask | Close | Listen | Note
