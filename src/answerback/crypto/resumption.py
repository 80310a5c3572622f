"""Proves that whoever comes back is the device a ticket was given to, without a question and without a signature.

Theory. A ticket has a name, which is shown, and a secret, which never is again: both sides know it since the welcome
that brought it, under TLS. The proof is a MAC by the secret over all that is said, so nobody who sees one can change a
word of it; that it cannot be said again is seen to by what it is said about (`life`, which only grows, and the time).
"""

import hashlib
import hmac

import msgspec

from answerback.model.errors import TrustError
from answerback.wire.codec import encode
from answerback.wire.frames import Resume

_LABEL = b"answerback resume v1\0"


def proven(frame: Resume, *, secret: bytes) -> Resume:
    """Give the same frame with the proof that we hold its ticket's secret."""
    return msgspec.structs.replace(frame, proof=_proof(frame, secret))


def check_proof(frame: Resume, *, secret: bytes) -> None:
    """Raise `TrustError` unless whoever says this holds its ticket's secret."""
    if not hmac.compare_digest(_proof(frame, secret), frame.proof):
        raise TrustError("whoever shows this ticket does not hold its secret")


def _proof(frame: Resume, secret: bytes) -> bytes:
    said = (frame.wire, frame.device, frame.ticket, frame.clock_ms, frame.taken, frame.life)
    # Only who asks to stand by says so in the proof: whoever never heard of it computes what they always did.
    said_bytes = encode((*said, frame.standby) if frame.standby else said)
    return hmac.digest(secret, _LABEL + said_bytes, hashlib.sha256)
