"""Turns a letter into envelopes and back: body once, padded, sender hidden.

    letter    = AES-256-GCM( Letter )                      once, under a random key, for all devices
    envelope  = version ‖ seal key id (8) ‖ HPKE X-Wing( length (4) ‖ Inner ‖ zeros )      one for each device

Theory. What the relay stores is bound, as HPKE's `info`, to its version, the device and the seal key: moved to another
mailbox it does not open. The *lane* is not bound there. The reader would have to take it from the relay in order to
open, and a relay that mixed lanes up would make good mail unreadable. It stands inside instead, where the relay cannot
change it: a reader goes by `Inner.lane`, whatever the relay says. HPKE's base mode proves no sender; the Olm message
inside does.

Lengths. Padmé (Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and Communication with PURBs", PETS
2019): a length keeps only so many leading bits as its own logarithm has, so it tells log log of the length and costs
at most 12 %, mostly far less. Below a floor all envelopes are alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from answerback.crypto.prekeys import SEAL_KEY_ID_BYTES, SealSecret
from answerback.crypto.primitives import (
    AEAD_NONCE_BYTES,
    HPKE_OVERHEAD_BYTES,
    KEY_BYTES,
    CannotOpenError,
    aead_open,
    aead_seal,
    hpke_open,
    hpke_seal,
    random_bytes,
    sha256,
)
from answerback.model.devices import SealKey
from answerback.model.envelope import SEALED_BYTES_MAX, Envelope
from answerback.model.errors import PeerError, TrustError, UsageError
from answerback.model.ids import DeviceId, envelope_id
from answerback.model.message import Lane
from answerback.wire.codec import decode_inner, decode_letter, encode
from answerback.wire.letters import AnyLetter, Inner, Slip

SEAL_VERSION = b"\x01"
PADDED_BYTES_MIN = 512
"""The floor of padding: in a running session a receipt, a nack and a text of up to 100 characters are all alike. A
session's first message is 106 bytes longer; that it is one, the relay knows: it has just given out a pre-key."""
SEAL_OVERHEAD_BYTES = len(SEAL_VERSION) + SEAL_KEY_ID_BYTES + HPKE_OVERHEAD_BYTES
_LENGTH_BYTES = 4
_ENVELOPE_INFO = b"answerback envelope\0"
_LETTER_AAD = b"answerback letter v1\0"
_LETTER_NONCE = bytes(AEAD_NONCE_BYTES)
"""Always zero: each key is made for one letter and encrypts nothing else, so no nonce meets a key twice."""


class UnknownSealKeyError(CannotOpenError):
    """An envelope is sealed to a key that this device has deleted, or never had."""


@dataclass(frozen=True, slots=True)
class LockedLetter:
    """A letter encrypted once for everybody, and what each reader's slip needs to open it."""

    ciphertext: bytes = field(repr=False)
    key: bytes = field(repr=False)
    sha256: bytes
    """Of the letter itself. AES-GCM does not commit to its key: a forger can find two keys that open one ciphertext to
    two letters. With this hash in every slip, each reader reads what the slip says or nothing."""


def lock_letter(letter: AnyLetter) -> LockedLetter:
    """Encrypt a letter under a key of its own."""
    plaintext = encode(letter)
    key = random_bytes(KEY_BYTES)
    return LockedLetter(aead_seal(key, _LETTER_NONCE, plaintext, aad=_LETTER_AAD), key, sha256(plaintext))


def unlock_letter(ciphertext: bytes, slip: Slip) -> AnyLetter:
    """Open a letter with the slip that came with it, and only if it is the letter the slip means."""
    plaintext = aead_open(slip.key, _LETTER_NONCE, ciphertext, aad=_LETTER_AAD)
    if sha256(plaintext) != slip.letter_sha256:
        raise CannotOpenError("the letter is not the one its slip names")
    try:
        return decode_letter(plaintext)
    except PeerError as error:
        raise CannotOpenError("the letter opens, but is of no kind we know") from error


def seal_envelope(inner: Inner, *, device: DeviceId, seal_key: SealKey, lane: Lane, lifetime_s: int) -> Envelope:
    """Seal what one device is to receive, with a checked seal key of that device."""
    if inner.lane != lane:
        raise UsageError(f"what is inside is for lane {inner.lane.name}; the envelope for {lane.name}")
    if seal_key.device != device:
        raise TrustError(f"a seal key of device {seal_key.device.hex()}; sealing for {device.hex()}")
    padded = _pad(encode(inner))
    if len(padded) + SEAL_OVERHEAD_BYTES > SEALED_BYTES_MAX:
        raise UsageError(f"{len(padded)} bytes do not fit an envelope of at most {SEALED_BYTES_MAX}")
    sealed = SEAL_VERSION + seal_key.id + hpke_seal(seal_key.key, padded, info=_info(device, seal_key.id))
    return Envelope(envelope_id(sealed), device, lane, lifetime_s, sealed)


def seal_key_of(sealed: bytes) -> bytes:
    """Tell which seal key an envelope needs."""
    if sealed[: len(SEAL_VERSION)] != SEAL_VERSION:
        raise CannotOpenError("an envelope of a version we do not know")
    if not SEAL_OVERHEAD_BYTES < len(sealed) <= SEALED_BYTES_MAX:
        raise CannotOpenError(f"{len(sealed)} bytes are no envelope")
    return sealed[len(SEAL_VERSION) : len(SEAL_VERSION) + SEAL_KEY_ID_BYTES]


def open_envelope(sealed: bytes, *, device: DeviceId, secrets: Mapping[bytes, SealSecret]) -> Inner:
    """Open an envelope that was sealed for this device."""
    key_id = seal_key_of(sealed)
    secret = secrets.get(key_id)
    if secret is None:
        raise UnknownSealKeyError(f"sealed to key {key_id.hex()}, which this device has not got")
    boxed = sealed[len(SEAL_VERSION) + SEAL_KEY_ID_BYTES :]
    try:
        return decode_inner(_unpad(hpke_open(secret.secret, boxed, info=_info(device, key_id))))
    except PeerError as error:
        raise CannotOpenError("the envelope opens, but what is inside is not for us to read") from error


def padme(length: int) -> int:
    """Round a length up so that all that is left of it is its bucket."""
    if length < PADDED_BYTES_MIN:
        return PADDED_BYTES_MIN
    exponent = length.bit_length() - 1
    free_bits = exponent - exponent.bit_length()
    mask = (1 << free_bits) - 1
    return (length + mask) & ~mask


def _pad(plaintext: bytes) -> bytes:
    framed = len(plaintext).to_bytes(_LENGTH_BYTES, "big") + plaintext
    return framed.ljust(padme(len(framed)), b"\0")


def _unpad(padded: bytes) -> bytes:
    length = int.from_bytes(padded[:_LENGTH_BYTES], "big")
    if len(padded) < _LENGTH_BYTES or length > len(padded) - _LENGTH_BYTES:
        raise CannotOpenError("the padding is wrong")
    return padded[_LENGTH_BYTES : _LENGTH_BYTES + length]


def _info(device: DeviceId, key_id: bytes) -> bytes:
    return _ENVELOPE_INFO + SEAL_VERSION + device + key_id  # each of fixed length, so no two can be confused
