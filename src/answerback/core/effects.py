"""The closed list of things a machine may ask for.

A machine never acts: it returns effects. A shell carries out *all* of one change before it makes the next: every `Save`
in one transaction, then what goes to the network, then `Tell`. A crash leaves a promise kept, or never made.
"""

from dataclasses import dataclass, field
from enum import Enum, unique

from answerback.core.facts import Fact
from answerback.model.causes import Cause
from answerback.model.ids import AccountId, BlobId, DeviceId, MessageId
from answerback.model.message import Message
from answerback.model.moment import Moment as Moment  # noqa: PLC0414 - known here to all that take effects
from answerback.model.timeline import Step
from answerback.wire.frames import ClientFrame, Resume

IN_USE = 0
"""Stands for the number of the connection in use, whichever it is by then; others begin with 1."""


@unique
class Reason(Enum):
    """Why a machine wants to be woken, or why something is attempted."""

    NOTHING = "nothing"
    TURN = "turn"
    """Others of this lane or a more urgent lane go first."""
    CONNECT_FIRST = "connect.first"
    CONNECT_CADENCE = "connect.cadence"
    """No evidence either way: try at the steady cadence of the first minutes, then ever less often."""
    CONNECT_EVIDENCE = "connect.evidence"
    """Something was seen that makes success likely: another path worked, the network changed, somebody asked."""
    CONNECT_TOLD = "connect.told"
    """The relay said when to come back."""
    ATTEMPT_LIMIT = "attempt.limit"
    """A connection attempt has had its time."""
    SILENCE_PROBE = "silence.probe"
    """Something is outstanding and nothing was heard: ask with a ping."""
    SILENCE_LIMIT = "silence.limit"
    """The ping was not answered for long: the connection is dead, whatever TCP believes."""
    KEEPALIVE = "keepalive"
    RETRY_TOLD = "retry.told"
    """The relay refused for now and said when to try again."""
    ANSWER_DUE = "answer.due"
    """Accepted long ago and not answered: ask the relay where it is."""
    GAP_DUE = "gap.due"
    """A number never came: ask its sender."""
    EXPIRY = "expiry"
    UPKEEP = "upkeep"
    """Keys to refill or rotate."""
    TRANSFER = "transfer"
    DISK_AGAIN = "disk.again"
    """The disk refused: try it again."""


@dataclass(frozen=True, slots=True, order=True)
class Wake:
    """When a machine has work again, and why then."""

    at_s: float
    reason: Reason


@dataclass(frozen=True, slots=True)
class Save:
    """Put a fact on disk, in the one transaction of this change."""

    fact: Fact


@dataclass(frozen=True, slots=True)
class Probe:
    """Ask whether the relay can be reached: begin a TCP connection on a socket of its own, one SYN.

    It is closed by `Close` if it is not answered in time, before the system sends the SYN again; or becomes the
    connection by `Proceed`.
    """

    line: int
    """Numbers the connection that it may become."""
    path: str
    """The interface to leave by; empty where the system chooses."""
    reason: Reason


@dataclass(frozen=True, slots=True)
class Proceed:
    """Make a connection of an answered probe: TLS, and the request for a WebSocket."""

    line: int
    resume: Resume | None = None
    """A ticket to show in the request; without one the relay asks for a signature."""


@dataclass(frozen=True, slots=True)
class Use:
    """What is said from now on is said on this connection."""

    line: int


@dataclass(frozen=True, slots=True)
class Close:
    """Give a connection, or the attempt at one, up."""

    line: int


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the relay by datagram whether it can be reached."""

    path: str


@dataclass(frozen=True, slots=True)
class Transmit:
    """Put a frame on a connection."""

    frame: ClientFrame
    line: int = IN_USE


@dataclass(frozen=True, slots=True)
class Upload:
    """Carry these bytes of a staged file to the relay."""

    author: AccountId
    message: MessageId
    blob: BlobId
    offset: int
    length: int
    token: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Download:
    """Fetch these bytes of a blob from the relay."""

    author: AccountId
    message: MessageId
    blob: BlobId
    offset: int
    length: int
    token: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message is on this device's disk and may be shown."""

    message: Message


@dataclass(frozen=True, slots=True)
class Progressed:
    """A copy, or a message as a whole, has reached a stage or waits for another cause."""

    message: MessageId
    device: DeviceId | None
    step: Step


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """The connection to the relay came or went."""

    connected: bool
    cause: Cause | None


@dataclass(frozen=True, slots=True)
class Answered:
    """A question asked through the engine has its answer."""

    question: str = field(repr=False)
    """The handle asked about, or `device list`."""
    account: AccountId | None
    cause: Cause | None


@dataclass(frozen=True, slots=True)
class FileReady:
    """A received file is whole and checked; or, with a cause, it will not come."""

    message: MessageId
    blob: BlobId
    cause: Cause | None = None


@dataclass(frozen=True, slots=True)
class Warned:
    """Something a person should know that is about no single message."""

    cause: Cause
    account: AccountId | None = None


News = Arrived | Progressed | LinkChanged | Answered | FileReady | Warned


@dataclass(frozen=True, slots=True)
class Tell:
    """Say something to the people and programs in front of this device."""

    news: News


Effect = Save | Probe | Proceed | Use | Close | Ask | Transmit | Upload | Download | Tell
