"""Makes and checks the keys that others use to reach a device while it sleeps.

Theory. Three kinds, all signed by the device. A *one-time pre-key* starts one session. The *fallback key* starts
sessions when those have run out. The *seal key* is what every envelope is sealed to.

Publishing is where messengers lose mail: a key that the relay hands out and the device has forgotten makes messages
nobody can open. So the order is: make, **save the device's keys (and the seal secret), only then publish**, and
`mark_published` when the relay says it has them, and save again. Whatever crashes in between, the next call offers the
very same signed bytes again, and no new ones. Two things remain for others to do:

- One `Published` answers for everything offered before it. So make pre-keys and fallback for one `Publish` together,
  add the fallback whenever `fallback_waits`, and make nothing more until the `Publish` is answered.
- A relay that gave a key away before its answer got lost is offered that key again; it must remember what it gave
  away and take it as known, or two people would start with one key and the second would not be opened.
"""

from dataclasses import dataclass, field

import vodozemac

from answerback.crypto.identity import DeviceKeys, Purpose, verify
from answerback.crypto.primitives import (
    agreement_is_possible,
    sealing_is_possible,
    sha256,
    xwing_generate,
    xwing_public,
)
from answerback.model.devices import Device, PreKey, SealKey, Signed
from answerback.model.errors import PeerError, TrustError, UsageError
from answerback.model.ids import DeviceId
from answerback.wire.codec import decode, encode

PREKEYS_MAX = 100
"""One-time keys at the relay: as many new correspondents while asleep. Each adds 330 bytes to the device's pickle."""
SEAL_KEY_ID_BYTES = 8
"""Chosen among the few of one device: the id only has to find the right one, AEAD proves it."""


@dataclass(frozen=True, slots=True)
class SealSecret:
    """The secret half of one seal key; deleting it makes what was sealed to it unreadable for ever."""

    id: bytes
    secret: bytes = field(repr=False)
    created_ms: int


def prekeys_to_publish(keys: DeviceKeys, count: int) -> list[Signed]:
    """Offer one-time pre-keys: the unpublished ones if there are any, else this many new ones. Save, then publish."""
    if not 0 < count <= PREKEYS_MAX:
        raise UsageError(f"{count} pre-keys asked for; between 1 and {PREKEYS_MAX} allowed")
    if not keys.olm.one_time_keys:
        keys.olm.generate_one_time_keys(count)
    return [_sign_prekey(keys, key, fallback=False) for key in _by_age(keys.olm.one_time_keys)]


def make_fallback(keys: DeviceKeys) -> Signed:
    """Offer a fallback key: the unpublished one if there is one, else a new one. Save, then publish.

    The device can open with the newest two. So make a new one only when the last is older than the mailbox's longest
    age: then nothing that was started with the one before it can still be on its way.
    """
    if not keys.olm.fallback_key:
        keys.olm.generate_fallback_key()
    (key,) = keys.olm.fallback_key.values()
    return _sign_prekey(keys, key, fallback=True)


def fallback_waits(keys: DeviceKeys) -> bool:
    """Whether a fallback key was made that no relay has confirmed; the next `Publish` has to carry it."""
    return bool(keys.olm.fallback_key)


def mark_published(keys: DeviceKeys) -> None:
    """Learn that the relay has on disk all that was offered: from now on new keys are offered. Save afterwards."""
    keys.olm.mark_keys_as_published()


def check_prekey(signed: Signed, device: Device) -> PreKey:
    """Read a pre-key, or raise `TrustError` if this device did not offer it or no session could be kept secret."""
    try:
        prekey = decode(verify(signed, key=device.signing_key, purpose=Purpose.PREKEY), PreKey)
    except PeerError as error:
        raise TrustError("what the device signed is not a pre-key") from error
    if prekey.device != device.id:
        raise TrustError(f"a pre-key of device {prekey.device.hex()}; asked for {device.id.hex()}")
    if not agreement_is_possible(prekey.key):
        raise TrustError("a pre-key that keeps no secret")
    return prekey


def make_seal_key(keys: DeviceKeys, *, now_ms: int) -> tuple[SealSecret, Signed]:
    """Make a new seal key: save the secret before the signed public half is published."""
    secret = xwing_generate()
    public = xwing_public(secret)
    body = SealKey(keys.device_id, seal_key_id(public), public, now_ms)
    return SealSecret(body.id, secret, now_ms), keys.sign(Purpose.SEAL_KEY, encode(body))


def check_seal_key(signed: Signed, device: Device) -> SealKey:
    """Read a seal key, or raise `TrustError` if this device did not offer it."""
    try:
        seal_key = decode(verify(signed, key=device.signing_key, purpose=Purpose.SEAL_KEY), SealKey)
    except PeerError as error:
        raise TrustError("what the device signed is not a seal key") from error
    if seal_key.device != device.id:
        raise TrustError(f"a seal key of device {seal_key.device.hex()}; asked for {device.id.hex()}")
    if seal_key.id != seal_key_id(seal_key.key):
        raise TrustError("a seal key that is not named after its bytes")
    if not sealing_is_possible(seal_key.key):
        raise TrustError("a seal key that nothing can be sealed to")
    return seal_key


def claimed_device(signed: Signed) -> DeviceId | None:
    """Say whose seal key this claims to be; nobody has signed for that yet. None if it claims nothing."""
    try:
        return decode(signed.body, SealKey).device
    except PeerError:
        return None


def seal_key_id(public_key: bytes) -> bytes:
    """Name a seal key by its hash."""
    return sha256(public_key)[:SEAL_KEY_ID_BYTES]


def _sign_prekey(keys: DeviceKeys, key: vodozemac.Curve25519PublicKey, *, fallback: bool) -> Signed:
    return keys.sign(Purpose.PREKEY, encode(PreKey(keys.device_id, key.to_bytes(), fallback)))


def _by_age(offered: dict[str, vodozemac.Curve25519PublicKey]) -> list[vodozemac.Curve25519PublicKey]:
    # The library's ids are counters in base64, but its dictionary has no order: sorted, a repeat is byte for byte.
    return [key for _, key in sorted(offered.items())]
