"""What a person sends: content, urgency, and the lane they imply."""

from dataclasses import dataclass
from enum import IntEnum, unique
from typing import Annotated

import msgspec

from answerback.model.bounds import ItsBlob, Key, Natural
from answerback.model.ids import AccountId, ConversationId, DeviceId, MessageId
from answerback.model.stamp import Stamp

TEXT_BYTES_MAX = 48 * 1024
"""A text this long still fits one envelope; anything longer is sent as a file."""
RECIPIENTS_MAX = 32
"""Groups are sealed pairwise (95 envelopes, 14 ms measured for 32 people); larger ones need another design."""
WRITTEN_AFTER_MAX = 16
"""How many messages one may name as seen before it was written: a conversation seldom has more open ends."""
NAME_CHARACTERS_MAX = 255
"""What file systems allow; media types (RFC 6838 §4.2) stay below it."""
LIFETIME_S = 30 * 86_400
"""How long a message is tried for when its author says nothing else: the mailbox's longest age."""


@unique
class Lane(IntEnum):
    """Where something queues. The smaller number goes first; each lane has its own ratchet session."""

    CONTROL = 0
    """Receipts and repairs: tiny, and others wait for them."""
    URGENT = 1
    NORMAL = 2
    BULK = 3
    BACKGROUND = 4


@unique
class Urgency(IntEnum):
    """What a person or an app asks for."""

    URGENT = 1
    NORMAL = 2
    BACKGROUND = 4

    @property
    def lane(self) -> Lane:
        """The lane this urgency travels in."""
        return Lane(int(self))


def urgency_in(lane: Lane, said: Urgency) -> Urgency:
    """The urgency of something that came in this lane: no more than the lane says, since that is what relays bound."""
    return max(said, Urgency.BACKGROUND if lane >= Lane.BULK else Urgency(int(lane)))


class Attachment(msgspec.Struct, frozen=True, array_like=True):
    """A file that travels as an encrypted blob; whoever holds this can fetch and open it."""

    blob: ItsBlob
    key: Key
    sealed_bytes: Natural
    size_bytes: Natural
    sha256: Key
    name: Annotated[str, msgspec.Meta(max_length=NAME_CHARACTERS_MAX)]
    media_type: Annotated[str, msgspec.Meta(max_length=NAME_CHARACTERS_MAX)]

    def __repr__(self) -> str:
        """Say the size only: the name is content and the key is a secret."""
        return f"Attachment({self.size_bytes} bytes)"


@dataclass(frozen=True, slots=True)
class Message:
    """What one person wrote to others, as every device of theirs keeps it."""

    id: MessageId
    conversation: ConversationId
    author: AccountId
    author_device: DeviceId
    recipients: frozenset[AccountId]
    text: str
    attachment: Attachment | None
    urgency: Urgency
    stamp: Stamp
    written_after: frozenset[MessageId]
    expires_ms: int

    def __repr__(self) -> str:
        """Show the id only: what people write does not belong in logs."""
        return f"Message({self.id.hex()})"
