"""The closed list of things a machine may ask for.

A machine never acts: it returns effects. A shell carries out *all* of one change before it makes the next: every `Save`
in one transaction, then what goes to the network, then `Tell`. A crash leaves a promise kept, or never made.
"""

from dataclasses import dataclass, field

from answerback.core.comparing import Compared
from answerback.core.facts import Fact
from answerback.core.network.modes import Posture
from answerback.core.waking import Reason as Reason  # noqa: PLC0414 - known here to all that take effects
from answerback.core.waking import Wake as Wake  # noqa: PLC0414 - as above
from answerback.model.causes import Cause
from answerback.model.fallback import AsideStep
from answerback.model.handle_state import HandleState
from answerback.model.ids import AccountId, BlobId, DeviceId, MessageId
from answerback.model.message import Message
from answerback.model.moment import Moment as Moment  # noqa: PLC0414 - known here to all that take effects
from answerback.model.notes import HistoryState
from answerback.model.texts import TextOrder
from answerback.model.timeline import Step
from answerback.wire.frames import ClientFrame, Resume, Ticket

IN_USE = 0
"""Stands for the number of the connection in use, whichever it is by then; others begin with 1."""


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
class Listen:
    """Be there for the relay's datagrams on this path, by this ticket, and say so."""

    path: str
    line: int
    """Whose far end is where they come from."""
    ticket: Ticket


@dataclass(frozen=True, slots=True)
class Here:
    """Say by datagram that this device can still be called: what translates its address forgets."""

    path: str


@dataclass(frozen=True, slots=True)
class Transmit:
    """Put a frame on a connection."""

    frame: ClientFrame
    line: int = IN_USE


@dataclass(frozen=True, slots=True)
class Recheck:
    """The path was gone and is back: whatever else of ours was on it should speak soon, or be begun anew."""


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
class CarryText:
    """Hand a carrier an order that somebody agreed to and that is on the disk; the same number is the same order."""

    carrier: str
    order: TextOrder


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
class ModeChanged:
    """This device is more or less eager than before, and why."""

    posture: Posture


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
class HistoryMoved:
    """History has moved between this device and another one of ours."""

    device: DeviceId
    giving: bool
    done: int
    """Messages."""
    total: int
    state: HistoryState


@dataclass(frozen=True, slots=True)
class Warned:
    """Something a person should know that is about no single message."""

    cause: Cause
    account: AccountId | None = None
    handle: str = field(default="", repr=False)
    """Under which it was known, where that matters."""


@dataclass(frozen=True, slots=True)
class CodeMoved:
    """The comparing of a short code with somebody went on, or has ended."""

    account: AccountId
    state: Compared
    code: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class HandleChanged:
    """What became of a handle of this account, or is about to."""

    handle: str = field(repr=False)
    state: HandleState
    account: AccountId
    """The account on the other side of a move; empty where there is none."""
    at_ms: int
    """Since when; for what is still to come, from when on."""


@dataclass(frozen=True, slots=True)
class TextProgressed:
    """A message has come further beside the road, or another way was offered for it."""

    message: MessageId
    number: int
    carrier: str
    confirms: bool
    step: AsideStep


@dataclass(frozen=True, slots=True)
class TextCame:
    """A carrier has brought a text, unencrypted: nobody proved that it is from whom it says."""

    message: Message
    carrier: str


@dataclass(frozen=True, slots=True)
class TextMerged:
    """A message came by a carrier as well as end to end encrypted, and is shown once."""

    message: MessageId
    shown_as: MessageId
    """What it was shown as before, if the text came first; that is gone."""
    carrier: str


News = (
    Arrived
    | Progressed
    | LinkChanged
    | ModeChanged
    | Answered
    | FileReady
    | Warned
    | TextProgressed
    | TextCame
    | TextMerged
    | CodeMoved
    | HandleChanged
    | HistoryMoved
)


@dataclass(frozen=True, slots=True)
class Tell:
    """Say something to the people and programs in front of this device."""

    news: News


Effect = (
    Save
    | Probe
    | Proceed
    | Use
    | Close
    | Ask
    | Listen
    | Here
    | Recheck
    | Transmit
    | Upload
    | Download
    | CarryText
    | Tell
)
