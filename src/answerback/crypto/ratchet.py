"""Keeps one Olm session: a new key for every message, and new secrets with every reply.

Theory. The Double Ratchet as `vodozemac` has it. Nothing here waits for order: keys of skipped messages are kept, 40
in each chain, and a gap over 2,000 is refused; hence one session for each lane, where order is kept. The state after
`encrypt` must be on disk before the ciphertext leaves, and the state after `decrypt` together with what it opened.
What does not open changes nothing: neither the session nor the device's one-time keys.

A first message to a one-time key opens once, for its key is then gone. One to a *fallback key* would open again, as a
second session: the caller recognises it, by `matches` and by the envelope's hash, before it accepts.
"""

from typing import Literal

import vodozemac

from answerback.crypto.identity import DeviceKeys
from answerback.crypto.primitives import KEY_BYTES, CannotOpenError
from answerback.model.devices import Device, PreKey
from answerback.model.errors import TrustError, UsageError

OLM_PREKEY: Literal[0] = 0
OLM_NORMAL: Literal[1] = 1
SKIPPED_MAX = 40  # vodozemac: message keys kept for each chain, and 2,000 messages skipped at once
GAP_MAX = 2000


class Ratchet:
    """One session with one device, for one lane."""

    __slots__ = ("_session",)

    def __init__(self, session: vodozemac.Session) -> None:
        self._session = session

    def __repr__(self) -> str:
        """Show which one it is, never its keys."""
        return f"Ratchet({self.session_id})"

    @classmethod
    def start(cls, keys: DeviceKeys, device: Device, prekey: PreKey) -> "Ratchet":
        """Begin a session with a device of a checked list, using a checked pre-key of it."""
        if prekey.device != device.id:
            raise TrustError(f"a pre-key of device {prekey.device.hex()}; asked for {device.id.hex()}")
        try:
            identity_key = vodozemac.Curve25519PublicKey.from_bytes(device.identity_key)
            one_time_key = vodozemac.Curve25519PublicKey.from_bytes(prekey.key)
            return cls(keys.olm.create_outbound_session(identity_key, one_time_key))
        except ValueError as error:
            raise TrustError(f"no session can be begun with the keys of device {device.id.hex()}") from error

    @classmethod
    def accept(cls, keys: DeviceKeys, *, identity_key: bytes, olm: bytes) -> tuple["Ratchet", bytes]:
        """Take up a session that the holder of this identity key began, and open its first message.

        Uses up the one-time key: save the device's keys with the session and with what was opened.
        """
        try:
            message = vodozemac.AnyOlmMessage.pre_key(olm).to_pre_key()
            assert message is not None
            sender_key = vodozemac.Curve25519PublicKey.from_bytes(identity_key)
            session, plaintext = keys.olm.create_inbound_session(sender_key, message)
        except ValueError as error:
            raise CannotOpenError(f"no session can be taken up from this message: {error}") from error
        return cls(session), plaintext

    @classmethod
    def from_pickle(cls, pickle: str, pickle_key: bytes) -> "Ratchet":
        """Restore what `pickle` wrote. Never from a backup: used twice, one key would protect two messages."""
        try:
            return cls(vodozemac.Session.from_pickle(pickle, pickle_key))
        except ValueError as error:
            raise CannotOpenError("the stored session does not open with this key") from error

    def pickle(self, pickle_key: bytes) -> str:
        """Write the session down, encrypted under a key of 32 bytes."""
        if len(pickle_key) != KEY_BYTES:
            raise UsageError(f"a pickle key has {KEY_BYTES} bytes; got {len(pickle_key)}")
        return self._session.pickle(pickle_key)

    @property
    def session_id(self) -> str:
        """The session's name, the same on both devices."""
        return self._session.session_id

    def encrypt(self, plaintext: bytes) -> tuple[int, bytes]:
        """Encrypt the next message; its type is 0 until the other device has answered, then 1."""
        return self._session.encrypt(plaintext).to_parts()

    def decrypt(self, olm_type: int, olm: bytes) -> bytes:
        """Open a message of this session once, in any order within the limits."""
        if olm_type not in (OLM_PREKEY, OLM_NORMAL):
            raise CannotOpenError(f"an Olm message of type {olm_type}; 0 or 1 expected")
        try:
            return self._session.decrypt(vodozemac.AnyOlmMessage.from_parts(olm_type, olm))
        except ValueError as error:
            raise CannotOpenError(f"session {self.session_id} does not open this message: {error}") from error

    def matches(self, olm: bytes) -> bool:
        """Whether a message of type 0 belongs to this session, which the other device then began only once."""
        try:
            message = vodozemac.AnyOlmMessage.pre_key(olm).to_pre_key()
        except ValueError:
            return False
        return message is not None and self._session.session_matches(message)
