"""The words of a relay's log: what it wrote down for good, and its signed word on all of it.

A *head* says how many entries the log had and the one hash (root) of all of them. The log itself shows little: of each
entry a *line*, two bytes that say roughly whom it concerns and the hash of the entry. Whoever is concerned asks for the
entry; it carries a number that nobody can guess, so that a line cannot be tried out.
"""

from typing import Annotated

import msgspec

from answerback.model.bounds import Instant, ItsAccount, Key, Natural
from answerback.model.devices import Signed
from answerback.model.ids import AccountId

ENTRY_BYTES_MAX = 512
"""The largest names a head that was forgotten, with its signature: 330 bytes."""
TOPIC_BYTES = 2
"""Of whom an entry concerns, so much is shown to all: one in 65,536 accounts, or handles, is another's neighbour."""
LINE_BYTES = TOPIC_BYTES + 32
NONCE_BYTES = 16

Nonce = Annotated[bytes, msgspec.Meta(min_length=NONCE_BYTES, max_length=NONCE_BYTES)]


class TreeHead(msgspec.Struct, frozen=True, array_like=True):
    """A relay's word on its log at one moment."""

    log: Key
    """Ed25519, public: the key that signs this, and the log's name."""
    epoch: Natural
    """How often the relay has had to say that it forgot entries it had signed for."""
    size: Natural
    root: Key
    made_ms: Instant
    """On the relay's clock."""


class ListEntry(msgspec.Struct, frozen=True, array_like=True, tag="list"):
    """An account has a new device list."""

    nonce: Nonce
    account: ItsAccount
    version: Natural
    sha256: Key
    """Of the bytes its root key signed."""


class HandleEntry(msgspec.Struct, frozen=True, array_like=True, tag="handle"):
    """A handle stands for an account from now on."""

    nonce: Nonce
    label: Key
    """What the handle becomes by a slow hash."""
    account: AccountId
    """Empty: for nobody any more."""


class EpochEntry(msgspec.Struct, frozen=True, array_like=True, tag="epoch"):
    """The relay was shown a head of its own that this log does not lead to: it has forgotten entries."""

    nonce: Nonce
    epoch: Natural
    forgotten: Signed


Entry = ListEntry | HandleEntry | EpochEntry


class Placed(msgspec.Struct, frozen=True, array_like=True):
    """One entry, where it stands, and the proof."""

    place: Natural
    entry: Annotated[bytes, msgspec.Meta(max_length=ENTRY_BYTES_MAX)]
    path: Annotated[list[Key], msgspec.Meta(max_length=64)]


class Proof(msgspec.Struct, frozen=True, array_like=True):
    """What an answer rests on: a head, how it follows from the one we know, and the entry that says so."""

    head: Signed
    consistency: Annotated[list[Key], msgspec.Meta(max_length=128)]
    """From the size that was asked with; empty where nothing leads from there."""
    placed: Placed | None
    """None where the relay knows of nothing to prove."""
