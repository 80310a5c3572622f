"""An account's devices, and the public keys each of them offers.

Each of these travels as `Signed`: the exact bytes that were signed, and the signature. Nobody ever encodes a value
again to check a signature, so no two encoders need to agree.
"""

from typing import Annotated

import msgspec

from answerback.model.bounds import ItsAccount, ItsDevice, Key, Natural
from answerback.model.ids import DeviceId

DEVICES_MAX = 16
"""More devices than anybody owns; bounds the fan-out of one message to 32 people."""
DEVICE_NAME_CHARACTERS_MAX = 64
SIGNED_BYTES_MAX = 4096
"""A list of sixteen devices has 1.7 KB. Unbounded, an account could sign lists so large that an answer with 64 of them
breaks the connection of whoever asks, each time."""
SIGNATURE_BYTES = 64
SUCCESSIONS_MAX = 12
"""How often an account may change its root key: with sixteen devices such a list has 3.6 KB."""


class Signed(msgspec.Struct, frozen=True, array_like=True):
    """Bytes and an Ed25519 signature over them, with a purpose mixed in by whoever signs."""

    body: Annotated[bytes, msgspec.Meta(max_length=SIGNED_BYTES_MAX)]
    signature: Annotated[bytes, msgspec.Meta(max_length=SIGNATURE_BYTES)]


class Device(msgspec.Struct, frozen=True, array_like=True):
    """One entry of a device list: the keys that are this device."""

    id: ItsDevice
    signing_key: bytes
    """Ed25519; the device's id is its hash."""
    identity_key: bytes
    """Curve25519, for Olm."""
    added_ms: Natural


class Succession(msgspec.Struct, frozen=True, array_like=True):
    """One root key hands an account on to the next; signed by the one that goes."""

    account: ItsAccount
    old_key: Key
    new_key: Key


class DeviceList(msgspec.Struct, frozen=True, array_like=True):
    """All devices of an account at one version; each version names the hash of the one before."""

    account: ItsAccount
    root_key: bytes
    """Ed25519, and what signed this list; the account's id is the hash of the first one it had."""
    version: Natural
    previous: bytes
    """SHA-256 of the signed bytes of the version before; empty for version 1."""
    devices: tuple[Device, ...]
    issued_ms: Natural
    succession: Annotated[tuple[Signed, ...], msgspec.Meta(max_length=SUCCESSIONS_MAX)] = ()
    """How the account came from its first root key to this one, each step a signed `Succession`."""

    def device(self, identity: DeviceId) -> Device | None:
        """Find one device, if it is still listed."""
        return next((device for device in self.devices if device.id == identity), None)


class PreKey(msgspec.Struct, frozen=True, array_like=True):
    """A key left at the relay so that somebody can start a session while this device sleeps."""

    device: ItsDevice
    key: bytes
    """Curve25519."""
    fallback: bool
    """The signed last resort: may be handed out more than once when the one-time keys are used up."""


class SealKey(msgspec.Struct, frozen=True, array_like=True):
    """The X-Wing public key that envelopes for a device are sealed to, rotated about weekly."""

    device: ItsDevice
    id: bytes
    """First eight bytes of the key's SHA-256; stands in clear on each envelope so that the right key is tried."""
    key: bytes
    created_ms: Natural
