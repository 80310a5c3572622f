"""What two people compare to be sure of each other's root keys: a QR code's text, and a short code.

Theory. The QR code says both root keys in full, so whoever scans it needs to trust nothing else. A short code has nine
digits only, so it must not be a function of the keys alone: somebody in between could search for keys that give the
same one. So both devices bind themselves to random numbers first, as in ZRTP (RFC 6189 §4.4.1.1) and the Matrix
specification (short authentication string): the asker sends a hash of its number, the taker answers with its own
number in clear, then the asker opens the hash. Whoever is in between must choose before it knows, so it has one guess
in a thousand million, and a wrong one is seen. Test vectors: docs/vectors/verification.json.
"""

import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from enum import Enum, unique

from answerback.crypto.identity import safety_number
from answerback.crypto.primitives import sha256
from answerback.model.errors import UsageError
from answerback.wire.codec import encode

SCAN_CHARACTERS_MAX = 1024
"""Four times what we write; bounds what is parsed of a text that a person pasted."""
NONCE_BYTES = 32
SESSION_BYTES = 16
CODE_DIGITS = 9
"""29.9 bits: one guess in a thousand million, and still three short groups to read aloud."""
SAFETY_DIGITS = 60
_SCANNED = re.compile(r"answerback://verify\?v=1&mine=([A-Za-z0-9_-]{43})&yours=([A-Za-z0-9_-]{43})")


@unique
class Verdict(Enum):
    """What comparing two people's keys showed."""

    SAME = "same"
    THEIRS_DIFFERS = "theirs_differs"
    """The other's own key is not the one we were given for them."""
    OURS_DIFFERS = "ours_differs"
    """The other was given a key for us that is not ours."""
    SOMEBODY_ELSE = "somebody_else"
    """It is about two other keys altogether."""


@dataclass(frozen=True, slots=True)
class Sides:
    """Both ends of one comparison by short code, as one of them knows them."""

    asker_root: bytes
    asker_device: bytes
    taker_root: bytes
    taker_device: bytes


# ---- scanning ------------------------------------------------------------------------------------------------------


def scan_text(*, mine: bytes, theirs: bytes) -> str:
    """Write what a QR code shows to the person with `theirs`: both root keys, whose screen it is first."""
    return f"answerback://verify?v=1&mine={_text_of(mine)}&yours={_text_of(theirs)}"


def compare_scanned(text: str, *, mine: bytes, theirs: bytes) -> Verdict:
    """Compare what a camera read from the other's screen, or sixty digits they told, with what this device knows.

    Raises `UsageError` if it is neither.
    """
    if len(text) > SCAN_CHARACTERS_MAX:
        raise UsageError(f"that is {len(text)} characters long; no code of ours is longer than {SCAN_CHARACTERS_MAX}")
    digits = re.sub(r"[\s-]", "", text)
    if re.fullmatch(rf"[0-9]{{{SAFETY_DIGITS}}}", digits):
        known = safety_number(mine, theirs).replace(" ", "")
        return Verdict.SAME if hmac.compare_digest(digits, known) else Verdict.THEIRS_DIFFERS
    shown_mine, shown_yours = _read_scan(text.strip())
    is_theirs = hmac.compare_digest(shown_mine, theirs)
    is_ours = hmac.compare_digest(shown_yours, mine)
    if is_theirs and is_ours:
        return Verdict.SAME
    if is_theirs:
        return Verdict.OURS_DIFFERS
    return Verdict.THEIRS_DIFFERS if is_ours else Verdict.SOMEBODY_ELSE


def _read_scan(text: str) -> tuple[bytes, bytes]:
    found = _SCANNED.fullmatch(text)
    keys = [urlsafe_b64decode(part + "=") for part in found.groups()] if found is not None else []
    # A key has one way to be written: bits that say nothing could differ in two texts that compare as the same.
    if found is None or tuple(map(_text_of, keys)) != found.groups():
        raise UsageError("that is neither the text of a code to verify, of a version known here, nor sixty digits")
    return keys[0], keys[1]


def _text_of(key: bytes) -> str:
    return urlsafe_b64encode(key).rstrip(b"=").decode()


# ---- the short code ------------------------------------------------------------------------------------------------


def code_commitment(sides: Sides, *, session: bytes, nonce: bytes) -> bytes:
    """Bind the asker to its number before it knows the taker's."""
    bound = (sides.asker_root, sides.asker_device, session, nonce)
    return sha256(b"answerback short code commitment v1\0" + encode(bound))


def short_code(sides: Sides, *, session: bytes, asker_nonce: bytes, taker_nonce: bytes) -> str:
    """Give the nine digits both people read to each other: they agree only if both devices know the same keys."""
    said = (
        *(sides.asker_root, sides.asker_device, sides.taker_root, sides.taker_device),
        *(session, asker_nonce, taker_nonce),
    )
    digest = sha256(b"answerback short code v1\0" + encode(said))
    digits = f"{int.from_bytes(digest[:16], 'big') % 10**CODE_DIGITS:0{CODE_DIGITS}d}"
    return " ".join(digits[start : start + 3] for start in range(0, CODE_DIGITS, 3))
