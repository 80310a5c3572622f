"""How large what comes from elsewhere may be: numbers a disk can hold, ids of their one length, lists with an end.

`msgspec` checks these while it decodes, so a forged value is a `PeerError` before anybody has computed with it.
"""

from typing import Annotated

import msgspec

from answerback.model.ids import ID_BYTES, AccountId, BlobId, ConversationId, DeviceId, EnvelopeId, MessageId

NATURAL_MAX = (1 << 53) - 1
"""What JSON carries exactly, below what SQLite holds; in microseconds, the year 2255."""
INSTANT_MS_MAX = 253_370_764_800_000
"""The year 9999, where calendars end: a clock beyond it is a lie, and what is added to it could not be sent."""
_instant = msgspec.Meta(ge=0, le=INSTANT_MS_MAX)
_natural = msgspec.Meta(ge=0, le=NATURAL_MAX)
_signed = msgspec.Meta(ge=-1, le=NATURAL_MAX)
_id = msgspec.Meta(min_length=ID_BYTES, max_length=ID_BYTES)
_key = msgspec.Meta(min_length=32, max_length=32)

Natural = Annotated[int, _natural]
NaturalOrNone = Annotated[int, _signed]
"""-1 stands for "none"."""
Instant = Annotated[int, _instant]
"""Milliseconds since 1970 that somebody else's clock says."""
Key = Annotated[bytes, _key]
ItsAccount = Annotated[AccountId, _id]
ItsBlob = Annotated[BlobId, _id]
ItsConversation = Annotated[ConversationId, _id]
ItsDevice = Annotated[DeviceId, _id]
ItsEnvelope = Annotated[EnvelopeId, _id]
ItsMessage = Annotated[MessageId, _id]
