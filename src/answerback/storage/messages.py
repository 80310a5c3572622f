"""Reads messages back from their rows."""

from dataclasses import dataclass
from typing import Final

import msgspec

from answerback.model.ids import AccountId, MessageId
from answerback.model.message import Attachment, Message, Urgency
from answerback.model.stamp import Stamp
from answerback.storage.database import Row

_account_ids: Final = msgspec.msgpack.Decoder(frozenset[AccountId])
_message_ids: Final = msgspec.msgpack.Decoder(frozenset[MessageId])
_attachments: Final = msgspec.msgpack.Decoder(Attachment)

MESSAGES = (
    "SELECT arrival, arrived_ms, mine, id, conversation, author, author_device, recipients, text, attachment, urgency, "
    "stamp_ms, stamp_counter, written_after, expires_ms FROM messages"
)


@dataclass(frozen=True, slots=True)
class KeptMessage:
    """A message, and how it came to this disk."""

    arrival: int
    """Counts in the order of arrival; never used twice."""
    arrived_wall_ms: int
    mine: bool
    """Written by this account, on whichever device."""
    message: Message


def kept_message(row: Row) -> KeptMessage:
    """Read one row of `MESSAGES`."""
    arrival, arrived_ms, mine, identity, conversation, author, author_device, recipients, text, attachment, *rest = row
    urgency, stamp_ms, stamp_counter, written_after, expires_ms = rest
    message = Message(
        id=identity,
        conversation=conversation,
        author=author,
        author_device=author_device,
        recipients=_account_ids.decode(recipients),
        text=text,
        attachment=None if attachment is None else _attachments.decode(attachment),
        urgency=Urgency(urgency),
        stamp=Stamp(stamp_ms, stamp_counter),
        written_after=_message_ids.decode(written_after),
        expires_ms=expires_ms,
    )
    return KeptMessage(arrival, arrived_ms, bool(mine), message)
