"""Encrypts files in segments that can be sent, resumed and checked one by one.

Theory. The STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár, "Online Authenticated-Encryption and its
Nonce-Reuse Misuse-Resistance", CRYPTO 2015): each segment of 64 KiB is sealed with AES-256-GCM under one key made for
this file, with a nonce of its own, *index ‖ whether it is the last*. A segment that is changed, moved, repeated or
left out does not open; a file cut short lacks its last segment, which is noticed at its end. So what `open_file` gives
is true from the first byte, but whole only when it ends without an error: write it aside, and rename it then.

The same key and index must never seal two different segments, or both lose their secrecy. So a file is copied aside
and sealed once; an upload is resumed from the sealed copy, not from a file that somebody may have edited since.
"""

from collections.abc import Iterable, Iterator

from answerback.crypto.primitives import (
    AEAD_NONCE_BYTES,
    AEAD_TAG_BYTES,
    KEY_BYTES,
    aead_open,
    aead_seal,
    random_bytes,
)
from answerback.model.errors import UsageError

SEGMENT_BYTES = 64 * 1024
"""What a reader holds in memory at once; the tag adds a quarter per mille."""
SEALED_SEGMENT_BYTES = SEGMENT_BYTES + AEAD_TAG_BYTES
SEGMENTS_MAX = 1 << 32
"""256 TiB; keeps the number of segments under one key far below what AES-GCM allows with counted nonces."""
_AAD = b"answerback file v1\0"


def make_file_key() -> bytes:
    """Make the key for one file, never to be used for another."""
    return random_bytes(KEY_BYTES)


def segment_count(size_bytes: int) -> int:
    """Tell how many segments a file has; an empty file has one, so that it, too, has an end."""
    return max(1, -(-size_bytes // SEGMENT_BYTES))


def sealed_size(size_bytes: int) -> int:
    """Tell how large a file is once sealed."""
    return size_bytes + segment_count(size_bytes) * AEAD_TAG_BYTES


def sealed_offset(index: int) -> int:
    """Tell where a segment begins in the sealed file."""
    return index * SEALED_SEGMENT_BYTES


def seal_segment(key: bytes, index: int, plaintext: bytes, *, last: bool) -> bytes:
    """Seal one segment; all but the last are full."""
    if len(plaintext) > SEGMENT_BYTES or (not last and len(plaintext) != SEGMENT_BYTES):
        raise UsageError(f"segment {index} has {len(plaintext)} bytes; all but the last have {SEGMENT_BYTES}")
    return aead_seal(key, _nonce(index, last=last), plaintext, aad=_AAD)


def open_segment(key: bytes, index: int, sealed: bytes, *, last: bool) -> bytes:
    """Open one segment, or raise `CannotOpenError` if it is not this one of this file."""
    return aead_open(key, _nonce(index, last=last), sealed, aad=_AAD)


def seal_file(key: bytes, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Seal a file that comes in pieces of any size; gives one sealed segment after the other."""
    for index, (segment, last) in enumerate(_segments(chunks, size_bytes=SEGMENT_BYTES)):
        yield seal_segment(key, index, segment, last=last)


def open_file(key: bytes, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Open a sealed file that comes in pieces of any size; only its end without an error makes it whole."""
    for index, (segment, last) in enumerate(_segments(chunks, size_bytes=SEALED_SEGMENT_BYTES)):
        yield open_segment(key, index, segment, last=last)


def _segments(chunks: Iterable[bytes], *, size_bytes: int) -> Iterator[tuple[bytes, bool]]:
    # A full segment is held back until more follows it: only then is it known not to be the last.
    held = bytearray()
    for chunk in chunks:
        held += chunk
        while len(held) > size_bytes:
            yield bytes(held[:size_bytes]), False
            del held[:size_bytes]
    yield bytes(held), True


def _nonce(index: int, *, last: bool) -> bytes:
    if not 0 <= index < SEGMENTS_MAX:
        raise UsageError(f"segment {index} of at most {SEGMENTS_MAX}")
    return index.to_bytes(AEAD_NONCE_BYTES - 1, "big") + bytes([last])
