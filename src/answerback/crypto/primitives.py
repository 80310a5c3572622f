"""Calls the cryptography library; nothing else here or above does.

Bytes in, bytes out: no key object leaves this file, so what is stored, signed and sent has one form each. Olm is the
one thing that comes from another library (`vodozemac`); it is called in `identity.py` and `ratchet.py`.
"""

import hashlib
from os import urandom

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from answerback.model.errors import AnswerbackError, TrustError

KEY_BYTES = 32
AEAD_NONCE_BYTES = 12
AEAD_TAG_BYTES = 16

MLKEM768_PUBLIC_BYTES = 1184  # FIPS 203, table 3
XWING_PUBLIC_BYTES = MLKEM768_PUBLIC_BYTES + KEY_BYTES
XWING_SECRET_BYTES = 32  # draft-connolly-cfrg-xwing-kem: the decapsulation key is a seed
XWING_ENC_BYTES = 1088 + KEY_BYTES
HPKE_OVERHEAD_BYTES = XWING_ENC_BYTES + AEAD_TAG_BYTES

ARGON2_MEMORY_KIB = 64 * 1024  # RFC 9106 §4, second recommended option: 64 MiB, three passes, four lanes
ARGON2_PASSES = 3
ARGON2_LANES = 4

SCRYPT_COST = 1 << 14  # with blocks of 8 the parameters RFC 7914 §2 calls fit for interactive use: 16 MiB
SCRYPT_BLOCK = 8

_SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


class CannotOpenError(AnswerbackError):
    """What was received cannot be opened with the keys this device has."""


def random_bytes(count: int) -> bytes:
    """Give bytes that nobody can guess, from the operating system."""
    return urandom(count)


def sha256(data: bytes) -> bytes:
    """Hash bytes."""
    return hashlib.sha256(data).digest()


def hkdf_sha256(secret: bytes, *, info: bytes, length: int) -> bytes:
    """Derive a key for one purpose from a secret that is already random (RFC 5869, no salt)."""
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=None, info=info).derive(secret)


def argon2id(passphrase: str, salt: bytes) -> bytes:
    """Stretch what a person can type into a key of 32 bytes; each guess costs 64 MiB and a good tenth of a second."""
    stretch = Argon2id(
        salt=salt, length=KEY_BYTES, iterations=ARGON2_PASSES, lanes=ARGON2_LANES, memory_cost=ARGON2_MEMORY_KIB
    )
    return stretch.derive(passphrase.encode())


def scrypt(secret: bytes, *, salt: bytes) -> bytes:
    """Hash what can be guessed so that each guess costs 16 MiB and some thirty milliseconds (RFC 7914)."""
    return Scrypt(salt=salt, length=KEY_BYTES, n=SCRYPT_COST, r=SCRYPT_BLOCK, p=1).derive(secret)


# ---- one key for both sides ----------------------------------------------------------------------------------------


def aead_seal(key: bytes, nonce: bytes, plaintext: bytes, *, aad: bytes) -> bytes:
    """Encrypt with AES-256-GCM. The same key and nonce must never meet another plaintext."""
    assert len(key) == KEY_BYTES
    assert len(nonce) == AEAD_NONCE_BYTES
    return AESGCM(key).encrypt(nonce, plaintext, aad)


def aead_open(key: bytes, nonce: bytes, ciphertext: bytes, *, aad: bytes) -> bytes:
    """Decrypt, or raise `CannotOpenError` if one bit differs from what was sealed."""
    if len(key) != KEY_BYTES:
        raise CannotOpenError(f"the key has {len(key)} bytes; {KEY_BYTES} expected")
    try:
        return AESGCM(key).decrypt(nonce, ciphertext, aad)
    except (InvalidTag, ValueError) as error:
        raise CannotOpenError("not sealed with this key, or damaged") from error


# ---- signatures ----------------------------------------------------------------------------------------------------


def ed25519_generate() -> bytes:
    """Make the seed of a signing key (RFC 8032 §5.1.5)."""
    return random_bytes(KEY_BYTES)


def ed25519_public(seed: bytes) -> bytes:
    """Give the public half of a signing key."""
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def ed25519_sign(seed: bytes, message: bytes) -> bytes:
    """Sign a message; the same message and key give the same signature."""
    return Ed25519PrivateKey.from_private_bytes(seed).sign(message)


def ed25519_verify(message: bytes, *, signature: bytes, public_key: bytes) -> None:
    """Raise `TrustError` unless the holder of the key signed exactly these bytes."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError) as error:
        raise TrustError("the signature is not by this key over these bytes") from error


# ---- HPKE with X-Wing: a classical and a post-quantum key exchange at once -----------------------------------------


def xwing_generate() -> bytes:
    """Make the secret half of an X-Wing key: a seed of 32 bytes (draft-connolly-cfrg-xwing-kem)."""
    return random_bytes(XWING_SECRET_BYTES)


def xwing_public(secret: bytes) -> bytes:
    """Give the public half: ML-KEM-768, 1184 bytes, then X25519, 32 bytes."""
    mlkem, x25519 = _xwing_halves(secret)
    return mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()


def hpke_seal(public_key: bytes, plaintext: bytes, *, info: bytes) -> bytes:
    """Encrypt to an X-Wing public key (RFC 9180, base mode, one shot); adds `HPKE_OVERHEAD_BYTES`."""
    if len(public_key) != XWING_PUBLIC_BYTES:
        raise TrustError(f"an X-Wing key has {XWING_PUBLIC_BYTES} bytes; this one has {len(public_key)}")
    try:
        mlkem = MLKEM768PublicKey.from_public_bytes(public_key[:MLKEM768_PUBLIC_BYTES])
        x25519 = X25519PublicKey.from_public_bytes(public_key[MLKEM768_PUBLIC_BYTES:])
        return _SUITE.encrypt(plaintext, MLKEM768X25519PublicKey(mlkem, x25519), info)
    except ValueError as error:
        raise TrustError("not an X-Wing key that anything can be sealed to") from error


def sealing_is_possible(public_key: bytes) -> bool:
    """Whether anything can be sealed to this X-Wing key: a forged one may have the right length and no meaning."""
    if len(public_key) != XWING_PUBLIC_BYTES or not agreement_is_possible(public_key[MLKEM768_PUBLIC_BYTES:]):
        return False
    try:
        MLKEM768PublicKey.from_public_bytes(public_key[:MLKEM768_PUBLIC_BYTES])
    except ValueError:
        return False
    return True


def hpke_open(secret: bytes, sealed: bytes, *, info: bytes) -> bytes:
    """Decrypt what was sealed to our key, or raise `CannotOpenError`."""
    try:
        return _SUITE.decrypt(sealed, MLKEM768X25519PrivateKey(*_xwing_halves(secret)), info)
    except (InvalidTag, ValueError) as error:
        raise CannotOpenError("not sealed to this key, or damaged") from error


def _xwing_halves(secret: bytes) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
    # `expandDecapsulationKey` of the draft: SHAKE-256 turns the seed into d ‖ z (FIPS 203) and an X25519 scalar.
    if len(secret) != XWING_SECRET_BYTES:
        raise ValueError(f"an X-Wing secret has {XWING_SECRET_BYTES} bytes; this one has {len(secret)}")
    expanded = hashlib.shake_256(secret).digest(96)
    return MLKEM768PrivateKey.from_seed_bytes(expanded[:64]), X25519PrivateKey.from_private_bytes(expanded[64:])


def agreement_is_possible(public_key: bytes) -> bool:
    """Whether a Curve25519 key can agree on a secret at all: one of low order gives everybody the same zeros."""
    try:
        X25519PrivateKey.from_private_bytes(b"\x01" * KEY_BYTES).exchange(X25519PublicKey.from_public_bytes(public_key))
    except ValueError:
        return False
    return True
