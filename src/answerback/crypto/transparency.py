"""Signs and reads the heads of a relay's log, and turns accounts and handles into its lines.

Theory. A line is public to all devices of a relay, so it must not be a phone book: it shows two bytes of whom it
concerns, and the SHA-256 of an entry that nobody can guess. An entry names a handle by its *label*, a slow hash
(scrypt, RFC 7914): who may see an entry still has to try handles out, at a price for each. The salt is one for all
relays, since whoever looks a handle up must come to the same label as who claimed it.
"""

import hmac
from functools import lru_cache
from typing import Final

import msgspec

from answerback.crypto.identity import Purpose, verify
from answerback.crypto.primitives import ed25519_public, ed25519_sign, scrypt, sha256
from answerback.model.devices import Signed
from answerback.model.errors import PeerError, TrustError
from answerback.model.ids import AccountId
from answerback.model.log import ENTRY_BYTES_MAX, NONCE_BYTES, TOPIC_BYTES, Entry, EpochEntry, ListEntry, TreeHead
from answerback.wire.codec import decode, encode

LABEL_SALT: Final = b"answerback handle label v1"
LABELS_MAX: Final = 4_096
"""Labels kept in memory; each costs some thirty milliseconds to make again."""
_entries: Final[msgspec.msgpack.Decoder[Entry]] = msgspec.msgpack.Decoder(Entry)


# ---- heads


def sign_head(seed: bytes, *, epoch: int, size: int, root: bytes, made_ms: int) -> Signed:
    """Sign a relay's word on its log."""
    body = encode(TreeHead(ed25519_public(seed), epoch, size, root, made_ms))
    return Signed(body, ed25519_sign(seed, Purpose.TREE_HEAD.value + body))


def log_of(seed: bytes) -> bytes:
    """Give the public half of a log's key: its name."""
    return ed25519_public(seed)


def read_head(signed: Signed, *, log: bytes | None = None) -> TreeHead:
    """Read a head, or raise `TrustError` if its log's key has not signed it, or it is another log's."""
    try:
        head = decode(signed.body, TreeHead)
    except PeerError as error:
        raise TrustError("not a tree head") from error
    if log is not None and head.log != log:
        raise TrustError("a head of another log")
    verify(signed, key=head.log, purpose=Purpose.TREE_HEAD)
    return head


# ---- entries and their lines


def nonce_for(seed: bytes, place: int) -> bytes:
    """Give the number that hides the entry at a place; only the log's key can make it."""
    message = b"answerback log entry v1\0" + place.to_bytes(8, "big")
    return hmac.digest(seed, message, "sha256")[:NONCE_BYTES]


def topic_of(entry: Entry) -> bytes:
    """Say roughly whom an entry concerns."""
    if isinstance(entry, EpochEntry):
        return bytes(TOPIC_BYTES)
    return entry.account[:TOPIC_BYTES] if isinstance(entry, ListEntry) else entry.label[:TOPIC_BYTES]


def line_of(entry: Entry, body: bytes) -> bytes:
    """Give the line that all may read of an entry."""
    return topic_of(entry) + sha256(body)


def read_entry(body: bytes, *, line: bytes | None = None) -> Entry:
    """Read an entry, or raise `TrustError` if it is none, or is not the one that its line stands for."""
    if len(body) > ENTRY_BYTES_MAX:
        raise TrustError(f"an entry has at most {ENTRY_BYTES_MAX} bytes; this one has {len(body)}")
    try:
        entry = _entries.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise TrustError("not an entry of a log") from error
    if line is not None and line_of(entry, body) != line:
        raise TrustError("an entry that its line does not stand for")
    return entry


@lru_cache(maxsize=LABELS_MAX)
def label_of(handle: str) -> bytes:
    """Give what a handle is called in the log; slow on purpose."""
    return scrypt(handle.encode(), salt=LABEL_SALT)


def is_list(entry: Entry, account: AccountId, signed: Signed, version: int) -> bool:
    """Whether an entry says that this is that account's list of that version."""
    expected = account, version, sha256(signed.body)
    return isinstance(entry, ListEntry) and (entry.account, entry.version, entry.sha256) == expected
