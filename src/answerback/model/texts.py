"""Texts for a foreign network: what a carrier is asked to send, and what it says of it.

A carrier is not the relay: what it carries is unencrypted, costs money, and cannot be called back. So an order has a
number for ever, and what is not known is said to be not known.
"""

from dataclasses import dataclass
from enum import IntEnum, unique

from answerback.model.handle import Handle


@unique
class TextStage(IntEnum):
    """How far one order has come, as far as its carrier can prove it."""

    HANDED = 1
    """In our own ledger of this carrier; the network has not answered yet."""
    SENT = 2
    """The carrier's network has taken it."""
    DELIVERED = 3
    """The network's delivery receipt says that the phone has it."""
    IN_DOUBT = 4
    """The connection broke before the answer: it may have been sent. Not sent again without evidence."""
    FAILED = 5
    """It will not arrive by this carrier; the reason is said."""


@dataclass(frozen=True, slots=True)
class TextOrder:
    """One text to send to one handle."""

    number: int
    """Given by this device's journal and never used twice: by it a carrier knows the same order again."""
    to: Handle
    text: str

    def __repr__(self) -> str:
        """Show the number only: the rest is content."""
        return f"TextOrder({self.number})"


@dataclass(frozen=True, slots=True)
class CarrierWord:
    """What a carrier knows now of one order; a later word about the same order replaces it."""

    number: int
    stage: TextStage
    carrier: str
    parts: int
    """How many short messages it is charged as."""
    reason: str = ""
    """Why it has come no further, in the carrier's words; never the text and never the handle."""


@dataclass(frozen=True, slots=True)
class TextArrived:
    """A text that came from the foreign network, put together from its parts."""

    sender: Handle
    text: str
    carrier: str
    id: bytes
    """A hash by which the same arrival is known again."""

    def __repr__(self) -> str:
        """Show whence only: the rest is content."""
        return f"TextArrived(carrier={self.carrier!r}, id={self.id.hex()})"


@unique
class PartState(IntEnum):
    """What is known of one part of an order."""

    WAITING = 1
    """Not with the network, as far as anybody can know: it may be submitted."""
    OUT = 2
    """Being submitted: written before the first byte leaves, so that a crash leaves doubt and not a second text."""
    DOUBT = 3
    """It was OUT when the connection, or this program, ended."""
    TAKEN = 4
    DELIVERED = 5
    FAILED = 6


@dataclass(frozen=True, slots=True)
class TextPart:
    """One part of an order, as the carrier's ledger keeps it."""

    number: int
    index: int
    reference: int
    """Ours, of 16 bits: goes along, so that a receipt can name it. Not used twice among parts not yet ended."""
    state: PartState = PartState.WAITING
    id: str = ""
    """The network's name for it."""
    tries: int = 0
    """How often it was submitted."""
    reason: str = ""

    @property
    def key(self) -> tuple[int, int]:
        """Which order, which part."""
        return self.number, self.index


@dataclass(frozen=True, slots=True)
class KeptOrder:
    """An order as the carrier's ledger keeps it; its text is forgotten once nothing of it can still be submitted."""

    order: TextOrder
    digest: bytes
    """Of whom and what: outlives the text, so that the same number with another text is noticed."""
    since_ms: int
    """When it was accepted, by this device's clock."""
    parts: tuple[TextPart, ...]
    charged: int
    """As how many parts it is charged: a network that cuts texts itself is handed one."""
    stage: TextStage
    reason: str = ""
    """As said in the last word."""
