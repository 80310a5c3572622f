"""Decides about one-time codes: when one may be sent, and whether the one given is right.

Theory. A code proves that its owner reads what is sent to a handle. It is six digits, so everything around it is
bounded: it lives ten minutes, survives five wrong tries, and a handle gets five codes an hour, which leaves somebody
who guesses 25 tries an hour in a million. Kept is only a keyed hash, whose key is not in the database: a plain hash of
six digits is undone in a moment. Time and randomness are handed in.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, unique

from answerback.model.errors import UsageError

CODE_DIGITS = 6
CODE_RANDOM_BYTES = 8
"""64 bits for 20: the remainder favours no code by more than one part in 10^13."""
CODE_LIFETIME_MS = 10 * 60_000
"""Long enough for a slow mail server and a person to look; short for somebody who guesses."""
WRONG_TRIES_MAX = 5
CODES_PER_HANDLE_MAX = 5
CODES_WINDOW_MS = 3_600_000
CLOCK_SLACK_MS = 60_000
"""How far the relay's clock may be set back before its codes count as expired: more is a repair, not a drift."""
SECRET_BYTES = 32


@unique
class Verdict(Enum):
    """What a given code is."""

    RIGHT = "right"
    WRONG = "wrong"
    EXPIRED = "expired"
    """Too old or tried too often: only a new code helps."""


@dataclass(frozen=True, slots=True)
class KeptCode:
    """What the relay keeps of a code it sent."""

    mac: bytes
    issued_ms: int
    wrong_tries: int


def new_code(randomness: bytes) -> str:
    """Make a code from randomness handed in."""
    if len(randomness) != CODE_RANDOM_BYTES:
        raise UsageError(f"a code needs {CODE_RANDOM_BYTES} random bytes; got {len(randomness)}")
    return f"{int.from_bytes(randomness, 'big') % 10**CODE_DIGITS:0{CODE_DIGITS}}"


def code_mac(secret: bytes, *, handle: str, code: str) -> bytes:
    """Hash a code with the relay's secret, bound to its handle."""
    squeezed = "".join(code.split())  # people copy "123 456"
    return hmac.digest(secret, b"\0".join((b"answerback code", handle.encode(), squeezed.encode())), hashlib.sha256)


def judge(kept: KeptCode | None, *, mac: bytes, now_ms: int) -> Verdict:
    """Say what a given code is, in a time that does not depend on how much of it is right."""
    same = hmac.compare_digest(kept.mac if kept else bytes(len(mac)), mac)
    if kept is None:
        return Verdict.WRONG  # not "none was sent": that would tell who is about to join
    if kept.wrong_tries >= WRONG_TRIES_MAX:
        return Verdict.EXPIRED
    if not same:
        return Verdict.WRONG
    age_ms = now_ms - kept.issued_ms
    return Verdict.RIGHT if -CLOCK_SLACK_MS <= age_ms < CODE_LIFETIME_MS else Verdict.EXPIRED


def wait_ms(sent_ms: Sequence[int], *, now_ms: int) -> int:
    """Return how long a handle must wait for its next code: 0 if it may have one now."""
    recent = sorted(moment for moment in sent_ms if -CLOCK_SLACK_MS <= now_ms - moment < CODES_WINDOW_MS)
    if len(recent) < CODES_PER_HANDLE_MAX:
        return 0
    return recent[-CODES_PER_HANDLE_MAX] + CODES_WINDOW_MS - now_ms
