"""Encrypts a backup under a passphrase, and tells a wrong passphrase from a damaged file.

Theory. What a person can type is stretched with Argon2id (RFC 9106) and a salt of this file's own; the key that comes
out is used for this file alone, so its chunks may be numbered from nought. They are sealed by the STREAM construction
(crypto/files.py): one that is changed, moved, repeated or left out does not open, and neither does a file that was cut
short. The header has a plain checksum and a word made from the key. If the checksum is wrong the header is damaged; if
it is right and the word is wrong, it is the passphrase (or somebody made both up: no file can prove who damaged it).

    magic 8 · version 1 · salt 16 · word 16 · checksum 8 · chunks

The version fixes every cost: a file cannot make its reader compute for longer than this program chose.
"""

import hashlib
import hmac
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from answerback.crypto.files import SEALED_SEGMENT_BYTES, open_segment, seal_file
from answerback.crypto.primitives import KEY_BYTES, CannotOpenError, argon2id, hkdf_sha256, random_bytes
from answerback.model.errors import AnswerbackError, UsageError

MAGIC = b"ANSWBACK"
VERSION = 1
SALT_BYTES = 16
WORD_BYTES = 16
CHECKSUM_BYTES = 8
HEADER_BYTES = len(MAGIC) + 1 + SALT_BYTES + WORD_BYTES + CHECKSUM_BYTES
PASSPHRASE_BITS_MIN = 60.0
"""A guess costs 64 MiB and a tenth of a second: half of 2⁶⁰ of them take a million machines 1,800 years. By the crude
measure below, which five words pass."""
PASSPHRASE_CHARACTERS_MAX = 1024
WORD_BITS = 12.0
"""What one word of a language is taken for: a list of four thousand, below any dictionary."""

Read = Callable[[int], bytes]
"""Gives at most so many bytes of the file, and none at its end."""
Stretch = Callable[[str, bytes], bytes]


class WrongPassphraseError(AnswerbackError):
    """The passphrase is not the one this backup was made with."""


class DamagedBackupError(AnswerbackError):
    """The file is not a whole backup: changed, cut short, or something else altogether."""


@dataclass(frozen=True, slots=True)
class Strength:
    """How hard a passphrase is to guess, by a crude measure that never says more than is true."""

    bits: float
    advice: str

    @property
    def is_enough(self) -> bool:
        """Whether a backup may be made with it."""
        return self.bits >= PASSPHRASE_BITS_MIN


def passphrase_strength(passphrase: str) -> Strength:
    """Estimate how hard a passphrase is to guess: by words or by characters, whichever is less, repeats not counted."""
    words = {word.casefold() for word in passphrase.split()}
    kinds = ((str.islower, 26), (str.isupper, 26), (str.isdigit, 10), (lambda c: not c.isalnum(), 32))
    alphabet = sum(size for is_kind, size in kinds if any(is_kind(character) for character in passphrase))
    distinct = len(set(passphrase))
    runs = sum(abs(ord(one) - ord(other)) <= 1 for one, other in pairwise(passphrase))
    counted = max(min(len(passphrase) - runs, 2 * distinct), 0)
    by_characters = counted * max(alphabet.bit_length() - 1, 0)
    by_words = len(words) * WORD_BITS if len(words) > 1 else float(by_characters)
    bits = min(float(by_characters), by_words)
    advice = "" if bits >= PASSPHRASE_BITS_MIN else "take five or more words that do not belong together"
    return Strength(bits, advice)


def seal_backup(passphrase: str, plaintext: Iterable[bytes], *, stretch: Stretch = argon2id) -> Iterator[bytes]:
    """Give header and sealed chunks of a backup, one after the other. Raises `UsageError` for a weak passphrase."""
    strength = passphrase_strength(_typed(passphrase))
    if not strength.is_enough:
        raise UsageError(f"that passphrase is too easy to guess: {strength.advice}")
    salt = random_bytes(SALT_BYTES)
    key, word = _keys(passphrase, salt, stretch)
    head = MAGIC + bytes([VERSION]) + salt + word
    yield head + _checksum(head)
    yield from seal_file(key, plaintext)


def open_backup(passphrase: str, read: Read, *, stretch: Stretch = argon2id) -> Iterator[bytes]:
    """Give the plaintext of a backup, chunk by chunk; it is whole only when this ends without an error.

    Raises `WrongPassphraseError`, `DamagedBackupError`, or `UsageError` if a newer program wrote it.
    """
    header = _exactly(read, HEADER_BYTES)
    head, checksum = header[:-CHECKSUM_BYTES], header[-CHECKSUM_BYTES:]
    if not header.startswith(MAGIC):
        raise DamagedBackupError("this is not a backup of Answerback")
    if len(header) < HEADER_BYTES or not hmac.compare_digest(checksum, _checksum(head)):
        raise DamagedBackupError("the beginning of the backup is damaged")
    if head[len(MAGIC)] != VERSION:
        raise UsageError(f"the backup is of version {head[len(MAGIC)]}; this program knows {VERSION}. Update it")
    salt, word = head[len(MAGIC) + 1 : -WORD_BYTES], head[-WORD_BYTES:]
    key, expected = _keys(passphrase, salt, stretch)
    if not hmac.compare_digest(word, expected):
        raise WrongPassphraseError("that is not the passphrase of this backup")
    yield from _chunks(key, read)


def _chunks(key: bytes, read: Read) -> Iterator[bytes]:
    index, sealed = 0, _exactly(read, SEALED_SEGMENT_BYTES)
    while True:
        following = _exactly(read, SEALED_SEGMENT_BYTES) if len(sealed) == SEALED_SEGMENT_BYTES else b""
        is_last = not following
        try:
            yield open_segment(key, index, sealed, last=is_last)
        except CannotOpenError as error:
            raise DamagedBackupError(_what_is_wrong(key, index, sealed, is_last=is_last)) from error
        if is_last:
            return
        index, sealed = index + 1, following


def _what_is_wrong(key: bytes, index: int, sealed: bytes, *, is_last: bool) -> str:
    if is_last:
        try:
            open_segment(key, index, sealed, last=False)
        except CannotOpenError:
            return f"part {index + 1} of the backup is damaged, or the rest of it is missing"
        return f"the backup is cut short: something should follow part {index + 1}"
    return f"part {index + 1} of the backup is damaged"


def _exactly(read: Read, count: int) -> bytes:
    parts: list[bytes] = []
    while count > 0 and (part := read(count)):
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def _keys(passphrase: str, salt: bytes, stretch: Stretch) -> tuple[bytes, bytes]:
    stretched = stretch(_typed(passphrase), salt)
    key = hkdf_sha256(stretched, info=b"answerback backup v1 chunks", length=KEY_BYTES)
    return key, hkdf_sha256(stretched, info=b"answerback backup v1 word", length=WORD_BYTES)


def _typed(passphrase: str) -> str:
    """The same letters typed on another system are the same passphrase (Unicode NFKC, RFC 8265 §4)."""
    if len(passphrase) > PASSPHRASE_CHARACTERS_MAX:
        raise UsageError(f"a passphrase has at most {PASSPHRASE_CHARACTERS_MAX} characters")
    return unicodedata.normalize("NFKC", passphrase).strip()


def _checksum(head: bytes) -> bytes:
    return hashlib.sha256(b"answerback backup header\0" + head).digest()[:CHECKSUM_BYTES]
