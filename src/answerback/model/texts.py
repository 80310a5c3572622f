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
