"""Ids that cannot be mixed up, made from time and randomness handed in.

A message id is a UUIDv7 (RFC 9562 §5.7): unique without asking anybody, and roughly in order of time, which keeps
database indexes warm. Account and device ids are hashes of public keys, so whoever holds the key can prove the id.
"""

import hashlib
import uuid
from typing import NewType

from answerback.model.errors import UsageError

MessageId = NewType("MessageId", bytes)
AccountId = NewType("AccountId", bytes)
DeviceId = NewType("DeviceId", bytes)
EnvelopeId = NewType("EnvelopeId", bytes)
ConversationId = NewType("ConversationId", bytes)
BlobId = NewType("BlobId", bytes)

ID_BYTES = 16
"""128 bits: no accidental collision, and no second preimage of a hash, within anybody's reach."""
UUID7_RANDOM_BYTES = 10


def message_id(*, wall_ms: int, randomness: bytes) -> MessageId:
    """Make a UUIDv7 from the wall clock and ten random bytes (RFC 9562 §5.7)."""
    if len(randomness) != UUID7_RANDOM_BYTES:
        raise UsageError(f"a message id needs {UUID7_RANDOM_BYTES} random bytes; got {len(randomness)}")
    raw = bytearray((max(wall_ms, 0) & (1 << 48) - 1).to_bytes(6, "big") + randomness)
    raw[6] = raw[6] & 0x0F | 0x70
    raw[8] = raw[8] & 0x3F | 0x80
    return MessageId(bytes(raw))


def message_id_text(identity: MessageId) -> str:
    """Write a message id the way people copy it: a UUID."""
    return str(uuid.UUID(bytes=identity))


def parse_message_id(text: str) -> MessageId:
    """Read a message id that a person pasted."""
    try:
        return MessageId(uuid.UUID(text.strip()).bytes)
    except ValueError as error:
        raise UsageError(f"{text!r} is not a message id; one looks like 0193f2c4-8d1e-7a52-…") from error


def account_id(root_public_key: bytes) -> AccountId:
    """Name an account by its root key, so that the name itself proves the key."""
    return AccountId(_digest(b"answerback account", root_public_key))


def device_id(signing_public_key: bytes) -> DeviceId:
    """Name a device by its signing key."""
    return DeviceId(_digest(b"answerback device", signing_public_key))


def envelope_id(sealed: bytes) -> EnvelopeId:
    """Name an envelope by its bytes: the same bytes sent twice are the same envelope."""
    return EnvelopeId(hashlib.sha256(sealed).digest()[:ID_BYTES])


def conversation_id(members: frozenset[AccountId]) -> ConversationId:
    """Name a conversation by who takes part in it."""
    return ConversationId(_digest(b"answerback conversation", *sorted(members)))


def _digest(purpose: bytes, *parts: bytes) -> bytes:
    return hashlib.sha256(b"\0".join((purpose, *parts))).digest()[:ID_BYTES]
