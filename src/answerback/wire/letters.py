"""What devices say to each other inside the seal: letters, and the slip that carries their key.

sealed  = HPKE X-Wing( Inner ), padded                          seen by the relay
Inner   = who claims to send, lane, an Olm message, the encrypted letter
Slip    = inside the Olm message: the letter's key and hash, ids, sequence number, both identities
Letter  = Post, Receipt, Nack, Void, Vouch, Comparison, Heirloom, Page or PageTaken, under one key for all
"""

from enum import IntEnum, unique
from typing import Annotated

import msgspec

from answerback.model.bounds import (
    NATURAL_MAX,
    Instant,
    ItsAccount,
    ItsBlob,
    ItsConversation,
    ItsDevice,
    ItsEnvelope,
    ItsMessage,
    Key,
    Natural,
)
from answerback.model.devices import DEVICE_NAME_CHARACTERS_MAX, Signed
from answerback.model.handle import HANDLE_CHARACTERS_MAX
from answerback.model.message import RECIPIENTS_MAX, WRITTEN_AFTER_MAX, Attachment, Lane, Urgency
from answerback.model.stamp import Stamp
from answerback.model.timeline import Evidence, Stage
from answerback.model.trust import VouchedList


class Inner(msgspec.Struct, frozen=True, array_like=True):
    """What the outer seal hides. The sender stands here as a claim only: the slip proves it."""

    account: ItsAccount
    device: ItsDevice
    lane: Lane
    olm_type: int
    """0 for a pre-key message, 1 for a normal one (Olm specification)."""
    olm: bytes
    letter: bytes

    def __repr__(self) -> str:
        """Say which lane it came in, not what came."""
        return f"Inner({self.lane.name}, {len(self.letter)} bytes)"


KEY_ID_BYTES_MAX = 32
ItsSession = Annotated[bytes, msgspec.Meta(min_length=16, max_length=16)]
ROOT_SEED_BYTES = 32
PAST_MAX = 1024
"""Of each in one page; its bytes end it sooner."""
OFFER_BYTES = 16
CAUSE_CHARACTERS_MAX = 64


class Slip(msgspec.Struct, frozen=True, array_like=True):
    """The small secret one device hands to one other: how to open the letter, and what binds it to us two."""

    message: ItsMessage
    key: Key
    letter_sha256: Key
    sequence: Natural
    """Counts what this device sent to that device in this lane, from 1: a gap is a loss."""
    author: ItsAccount
    author_device: ItsDevice
    reader: ItsAccount
    reader_device: ItsDevice
    list_version: Natural
    """The version of the author's own device list, so that a reader with an older one asks for the newer."""
    device_name: Annotated[str, msgspec.Meta(max_length=DEVICE_NAME_CHARACTERS_MAX)]
    seal_key: Annotated[bytes, msgspec.Meta(max_length=KEY_ID_BYTES_MAX)] = b""
    """Id of the seal key that is handed out for the author's device now, so that a reader with another asks for it."""
    head: Signed | None = None
    """The newest head of the relay's log that the author was given, so that a relay shows all the same one."""

    def __repr__(self) -> str:
        """Show which message it belongs to, never the key."""
        return f"Slip({self.message.hex()}, {self.sequence})"


class Letter(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """What all letters share: they are values, and their content is not shown."""

    def __repr__(self) -> str:
        """Say the kind only."""
        return f"{type(self).__name__}(…)"


class Post(Letter, frozen=True, array_like=True, tag=True):
    """A person's message."""

    message: ItsMessage
    conversation: ItsConversation
    recipients: Annotated[list[ItsAccount], msgspec.Meta(max_length=RECIPIENTS_MAX)]
    text: str
    attachment: Attachment | None
    urgency: Urgency
    stamp: Stamp
    written_after: Annotated[list[ItsMessage], msgspec.Meta(max_length=WRITTEN_AFTER_MAX)]
    expires_ms: Instant
    handle: Annotated[str, msgspec.Meta(max_length=HANDLE_CHARACTERS_MAX)] = ""
    """The author's own handle, for showing; trust follows the account id, never this."""

    __repr__ = Letter.__repr__


class Receipt(Letter, frozen=True, array_like=True, tag=True):
    """Evidence for the author: these messages are on this device's disk, and these were read."""

    delivered: list[ItsMessage]
    read: list[ItsMessage]

    __repr__ = Letter.__repr__


class Gap(msgspec.Struct, frozen=True, array_like=True):
    """Sequence numbers of one lane that never came, both ends included."""

    lane: Lane
    first: Natural
    last: Natural


class Nack(Letter, frozen=True, array_like=True, tag=True):
    """A call for repair: envelopes that could not be opened, numbers that never came, files the relay has not got."""

    unopened: list[ItsEnvelope]
    gaps: list[Gap]
    blobs: list[ItsBlob]

    __repr__ = Letter.__repr__


class Void(Letter, frozen=True, array_like=True, tag=True):
    """An honest end of waiting: these numbers, and these files, will never come.

    What the numbers carried expired or was withdrawn; the files are no longer on the author's disk.
    """

    gaps: list[Gap]
    blobs: list[ItsBlob] = []

    __repr__ = Letter.__repr__


class Vouch(Letter, frozen=True, array_like=True, tag=True):
    """For our own other devices alone: whose keys this account's person has compared."""

    entries: VouchedList

    __repr__ = Letter.__repr__


class Heirloom(Letter, frozen=True, array_like=True, tag=True):
    """Between devices of one account: the seed of its root key of today; an empty one asks for it."""

    seed: Annotated[bytes, msgspec.Meta(max_length=ROOT_SEED_BYTES)]

    __repr__ = Letter.__repr__


@unique
class Turn(IntEnum):
    """Where a comparison by short code is."""

    ASK = 1
    """`value` is the hash that binds the asker to its number."""
    TAKE = 2
    """`value` is the taker's number."""
    REVEAL = 3
    """`value` is the asker's number."""
    AGREE = 4
    """This person says that both codes are the same."""
    REFUSE = 5
    """This person says that they are not, or that they do not want to compare."""


class Comparison(Letter, frozen=True, array_like=True, tag=True):
    """One turn of two people comparing a short code (crypto/verifying.py)."""

    session: ItsSession
    turn: Turn
    value: Annotated[bytes, msgspec.Meta(max_length=32)]
    at_ms: Instant
    """By the relay's clock: a turn that comes too late is nobody's any more."""

    __repr__ = Letter.__repr__


class PastCopy(msgspec.Struct, frozen=True, array_like=True):
    """How far one copy of a message had come."""

    account: ItsAccount
    device: ItsDevice
    lane: Lane
    stage: Stage


class PastStep(msgspec.Struct, frozen=True, array_like=True):
    """One line of a timeline, of a copy or of the message as a whole."""

    device: ItsDevice | None
    stage: Stage
    evidence: Evidence
    wall_ms: Natural
    cause: Annotated[str, msgspec.Meta(max_length=CAUSE_CHARACTERS_MAX)]
    attempt: Natural


class PastMessage(msgspec.Struct, frozen=True, array_like=True):
    """A message that is history: what was written, when it came, and what became of it."""

    post: Post
    author: ItsAccount
    author_device: ItsDevice
    arrived_ms: Instant
    copies: Annotated[list[PastCopy], msgspec.Meta(max_length=PAST_MAX)]
    steps: Annotated[list[PastStep], msgspec.Meta(max_length=PAST_MAX)]


OfferId = Annotated[bytes, msgspec.Meta(max_length=OFFER_BYTES)]


class Page(Letter, frozen=True, array_like=True, tag=True):
    """Between devices of one account: a piece of the history. The first, numbered 0, offers it and is empty."""

    number: Natural
    total: Natural
    """Messages in all."""
    cursor: Annotated[int, msgspec.Meta(ge=-NATURAL_MAX, le=NATURAL_MAX)]
    """Where the next page begins, as the giver counts; said back with the answer."""
    messages: Annotated[list[PastMessage], msgspec.Meta(max_length=PAST_MAX)]
    contacts: Annotated[list[tuple[str, ItsAccount]], msgspec.Meta(max_length=PAST_MAX)]
    names: Annotated[list[tuple[ItsDevice, str]], msgspec.Meta(max_length=PAST_MAX)]
    digest: Key
    """SHA-256 over the digest before and all of this page: at the end, over every byte."""
    is_last: bool = False
    offer: OfferId = b""
    """Which offer this is a page of: one of an earlier offer may come late, or twice."""

    __repr__ = Letter.__repr__


class PageTaken(Letter, frozen=True, array_like=True, tag=True):
    """The answer: up to this page it is on the disk, or the history is not wanted."""

    number: Natural
    cursor: Annotated[int, msgspec.Meta(ge=-NATURAL_MAX, le=NATURAL_MAX)]
    done: Natural
    """Messages up to there."""
    digest: Key
    is_wanted: bool = True
    offer: OfferId = b""

    __repr__ = Letter.__repr__


AnyLetter = Post | Receipt | Nack | Void | Vouch | Comparison | Heirloom | Page | PageTaken
