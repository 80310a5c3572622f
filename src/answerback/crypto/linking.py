"""Keeps the code that a person carries from one device to another to make the two meet.

Theory. A code is 80 random bits, shown as sixteen characters. Both devices stretch it with Argon2id and split the
result in two with HKDF: the *box id*, under which they meet at the relay, and the *key*, which the relay never sees.
Neither tells anything of the other. What a relay can do is guess codes and compare their box ids: each guess costs it
64 MiB and a good tenth of a second, and there are 2⁸⁰ codes: even at a billion guesses a second that is nineteen
million years on average, for a code that lives for minutes. The salt is fixed, because the two devices share nothing
but the code. Eighty bits are why no salt, and no password-authenticated key exchange, is needed.
"""

from dataclasses import dataclass, field
from enum import Enum, unique

from answerback.crypto.primitives import (
    AEAD_NONCE_BYTES,
    KEY_BYTES,
    CannotOpenError,
    aead_open,
    aead_seal,
    argon2id,
    hkdf_sha256,
    random_bytes,
)
from answerback.model.errors import UsageError
from answerback.model.ids import ID_BYTES

CODE_BYTES = 10
CODE_CHARACTERS = 16
GROUP_CHARACTERS = 4
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: without I, L, O and U. What looks like a 1 or a 0 is read as one."""
_MISREAD = str.maketrans({"I": "1", "L": "1", "O": "0", "-": None, " ": None, "‐": None, "–": None})
_SALT = b"answerback link1"
_BOX_ID_INFO = b"answerback link box id v1\0"
_KEY_INFO = b"answerback link key v1\0"


@unique
class Direction(Enum):
    """Who speaks in a box; each has a key of its own, so that no word can be played back to its speaker."""

    FROM_NEW_DEVICE = b"answerback link from new device v1\0"
    TO_NEW_DEVICE = b"answerback link to new device v1\0"


@dataclass(frozen=True, slots=True)
class LinkCode:
    """A code and what both devices make of it. The box id may be shown to the relay; the rest may not."""

    text: str = field(repr=False)
    box_id: bytes
    key: bytes = field(repr=False)


def make_link_code() -> LinkCode:
    """Make a new code. Takes a good tenth of a second, on purpose."""
    return _stretch(random_bytes(CODE_BYTES))


def parse_link_code(text: str) -> LinkCode:
    """Read a code as people type it: any case, with or without hyphens, O for 0 and I or L for 1."""
    plain = "".join(text.upper().split()).translate(_MISREAD)
    if len(plain) != CODE_CHARACTERS or any(character not in ALPHABET for character in plain):
        raise UsageError("this is not a link code; one looks like 7K3M-9Q2X-B4TA-W8ZN")
    number = 0
    for character in plain:
        number = number * len(ALPHABET) + ALPHABET.index(character)
    return _stretch(number.to_bytes(CODE_BYTES, "big"))


def box_seal(key: bytes, plaintext: bytes, *, direction: Direction) -> bytes:
    """Seal a word to the other device."""
    nonce = random_bytes(AEAD_NONCE_BYTES)  # random is enough: a code sees a handful of words, 2³² would be too many
    return nonce + aead_seal(_directed(key, direction), nonce, plaintext, aad=direction.value)


def box_open(key: bytes, sealed: bytes, *, direction: Direction) -> bytes:
    """Open a word from the other device."""
    nonce, ciphertext = sealed[:AEAD_NONCE_BYTES], sealed[AEAD_NONCE_BYTES:]
    if len(nonce) < AEAD_NONCE_BYTES:
        raise CannotOpenError(f"{len(sealed)} bytes are no word from another device")
    return aead_open(_directed(key, direction), nonce, ciphertext, aad=direction.value)


def _directed(key: bytes, direction: Direction) -> bytes:
    return hkdf_sha256(key, info=direction.value, length=KEY_BYTES)


def _stretch(code: bytes) -> LinkCode:
    text = _text(code)
    stretched = argon2id(text, _SALT)
    return LinkCode(
        text,
        hkdf_sha256(stretched, info=_BOX_ID_INFO, length=ID_BYTES),
        hkdf_sha256(stretched, info=_KEY_INFO, length=KEY_BYTES),
    )


def _text(code: bytes) -> str:
    number = int.from_bytes(code, "big")
    characters = [ALPHABET[number >> shift & 31] for shift in range(5 * (CODE_CHARACTERS - 1), -1, -5)]
    groups = range(0, CODE_CHARACTERS, GROUP_CHARACTERS)
    return "-".join("".join(characters[start : start + GROUP_CHARACTERS]) for start in groups)
