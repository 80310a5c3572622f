"""Keeps the keys that are an account and a device, and proves whose key is whose.

Theory. An account *is* its root key, and its id is that key's hash; a device *is* its signing key, likewise. The root
key signs a list of devices, each list naming the hash of the one before, so a list can neither be forged, nor left
out, nor taken back unseen by whoever knows an earlier one. An account may change its root key: the old one signs the
new one into a list, and from that list on signs nothing that anybody who knows the list believes. Devices sign what
they offer: pre-keys and seal keys. A signature covers a purpose as well as the bytes, so that one made for one purpose
is worth nothing for another. Olm's library checks none of this; a key may reach it only after it was checked here.
"""

import base64
import hashlib
from collections.abc import Sequence
from enum import Enum, unique
from typing import Protocol, cast

import vodozemac

from answerback.crypto.primitives import (
    KEY_BYTES,
    CannotOpenError,
    agreement_is_possible,
    ed25519_generate,
    ed25519_public,
    ed25519_sign,
    ed25519_verify,
    sha256,
)
from answerback.model.devices import DEVICES_MAX, SUCCESSIONS_MAX, Device, DeviceList, Signed, Succession
from answerback.model.errors import PeerError, TrustError, UsageError
from answerback.model.ids import AccountId, DeviceId, account_id, device_id
from answerback.wire.codec import decode, encode

SAFETY_ROUNDS = 5200
"""SHA-512 rounds per half of a safety number: as Signal does, so that searching for a look-alike key costs 2¹² more."""
SAFETY_GROUPS = 6
"""Groups of five digits for each of the two keys: 30 digits are 99.6 bits."""


@unique
class Purpose(Enum):
    """What a signature is for; the value goes in front of what is signed."""

    DEVICE_LIST = b"answerback device list v1\0"
    PREKEY = b"answerback pre-key v1\0"
    SEAL_KEY = b"answerback seal key v1\0"
    CHALLENGE = b"answerback challenge v1\0"
    SUCCESSION = b"answerback succession v1\0"
    """A root key names the one that follows it."""
    RECOVERY = b"answerback recovery v1\0"
    """The root key asks a relay for its account's lists."""
    TREE_HEAD = b"answerback tree head v1\0"
    """A relay's word on its log of device lists."""


class OlmAccount(Protocol):
    """What we use of `vodozemac.Account`, whose own stubs lack the fallback key."""

    @property
    def ed25519_key(self) -> vodozemac.Ed25519PublicKey:
        """The signing key."""

    @property
    def curve25519_key(self) -> vodozemac.Curve25519PublicKey:
        """The identity key."""

    @property
    def one_time_keys(self) -> dict[str, vodozemac.Curve25519PublicKey]:
        """Those not yet marked as published."""

    @property
    def fallback_key(self) -> dict[str, vodozemac.Curve25519PublicKey]:
        """The newest, if it is not yet marked as published."""

    def generate_one_time_keys(self, count: int) -> None:
        """Add one-time keys."""

    def generate_fallback_key(self) -> None:
        """Replace the fallback key; the one before stays usable."""

    def mark_keys_as_published(self) -> None:
        """Stop offering all that is offered now."""

    def sign(self, message: bytes) -> vodozemac.Ed25519Signature:
        """Sign with the signing key."""

    def pickle(self, pickle_key: bytes) -> str:
        """Write everything down, encrypted."""

    def create_outbound_session(
        self, identity_key: vodozemac.Curve25519PublicKey, one_time_key: vodozemac.Curve25519PublicKey
    ) -> vodozemac.Session:
        """Begin a session with somebody who may be asleep."""

    def create_inbound_session(
        self, sender_key: vodozemac.Curve25519PublicKey, message: vodozemac.PreKeyMessage
    ) -> tuple[vodozemac.Session, bytes]:
        """Take a session up that somebody else began."""


class RootKey:
    """The key that is an account; it signs lists of devices and nothing else."""

    __slots__ = ("_account", "_seed", "public_key")

    def __init__(self, seed: bytes, *, account: AccountId | None = None) -> None:
        if len(seed) != KEY_BYTES:
            raise UsageError(f"a root key's seed has {KEY_BYTES} bytes; got {len(seed)}")
        self._seed = seed
        self.public_key = ed25519_public(seed)
        self._account = account or account_id(self.public_key)

    def __repr__(self) -> str:
        """Show whose it is, never the key."""
        return f"RootKey(account {self.account_id.hex()})"

    @classmethod
    def generate(cls) -> "RootKey":
        """Begin a new account."""
        return cls(ed25519_generate())

    @classmethod
    def from_seed(cls, seed: bytes, *, account: AccountId | None = None) -> "RootKey":
        """Restore a root key from what was kept; the account is given where it may have had another key first."""
        return cls(seed, account=account)

    @property
    def seed(self) -> bytes:
        """The secret itself, for the recovery phrase and the vault."""
        return self._seed

    @property
    def account_id(self) -> AccountId:
        """The account this key speaks for."""
        return self._account

    def sign(self, purpose: Purpose, body: bytes) -> Signed:
        """Sign bytes for one purpose."""
        return Signed(body, ed25519_sign(self._seed, purpose.value + body))


class DeviceKeys:
    """The keys that are this device: signing key, identity key, and the pre-keys others may start a session with.

    Changes with every pre-key made or used: save its pickle in the same transaction as what it was changed for.
    """

    __slots__ = ("olm",)

    def __init__(self, olm: OlmAccount) -> None:
        self.olm = olm

    def __repr__(self) -> str:
        """Show whose they are, never the keys."""
        return f"DeviceKeys(device {self.device_id.hex()})"

    @classmethod
    def generate(cls) -> "DeviceKeys":
        """Begin a new device."""
        return cls(cast("OlmAccount", vodozemac.Account()))

    @classmethod
    def from_pickle(cls, pickle: str, pickle_key: bytes) -> "DeviceKeys":
        """Restore what `pickle` wrote."""
        try:
            return cls(cast("OlmAccount", vodozemac.Account.from_pickle(pickle, pickle_key)))
        except ValueError as error:
            raise CannotOpenError("this device's stored keys do not open with this key") from error

    def pickle(self, pickle_key: bytes) -> str:
        """Write everything down, encrypted under a key of 32 bytes."""
        if len(pickle_key) != KEY_BYTES:
            raise UsageError(f"a pickle key has {KEY_BYTES} bytes; got {len(pickle_key)}")
        return self.olm.pickle(pickle_key)

    @property
    def signing_key(self) -> bytes:
        """Ed25519, public."""
        return unpadded(self.olm.ed25519_key.to_base64())

    @property
    def identity_key(self) -> bytes:
        """Curve25519, public."""
        return self.olm.curve25519_key.to_bytes()

    @property
    def device_id(self) -> DeviceId:
        """The device these keys are."""
        return device_id(self.signing_key)

    def device(self, added_ms: int) -> Device:
        """Give this device's entry for its account's device list."""
        return Device(self.device_id, self.signing_key, self.identity_key, added_ms)

    def sign(self, purpose: Purpose, body: bytes) -> Signed:
        """Sign bytes for one purpose."""
        return Signed(body, unpadded(self.olm.sign(purpose.value + body).to_base64()))


def verify(signed: Signed, *, key: bytes, purpose: Purpose) -> bytes:
    """Give the signed bytes, or raise `TrustError` if the key did not sign them for this purpose."""
    ed25519_verify(purpose.value + signed.body, signature=signed.signature, public_key=key)
    return signed.body


def unpadded(text: str) -> bytes:
    """Read the base64 that Olm's library writes, which leaves the padding out."""
    return base64.b64decode(text + "=" * (-len(text) % 4))


# ---- lists of devices ----------------------------------------------------------------------------------------------


def first_device_list(root: RootKey, device: Device, *, now_ms: int) -> Signed:
    """Sign the list a new account begins with."""
    return _sign_list(root, 1, b"", (device,), now_ms=now_ms)


def next_device_list(
    root: RootKey, current: Signed, devices: Sequence[Device], now_ms: int, *, heir: RootKey | None = None
) -> Signed:
    """Sign the list that follows the current one; with an heir, the root key that is to sign from this list on.

    Raises `UsageError` if the root key is not the account's any more, or has had too many successors.
    """
    before = read_device_list(root.account_id, current)
    if before.root_key != root.public_key:
        raise UsageError("this device does not hold the account's root key of today")
    succession = before.succession
    if heir is not None:
        if len(succession) >= SUCCESSIONS_MAX:
            raise UsageError(f"an account may change its root key {SUCCESSIONS_MAX} times, and this one has")
        step = Succession(root.account_id, root.public_key, heir.public_key)
        succession = (*succession, root.sign(Purpose.SUCCESSION, encode(step)))
        root = RootKey.from_seed(heir.seed, account=root.account_id)
    previous, listed = sha256(current.body), tuple(devices)
    return _sign_list(root, before.version + 1, previous, listed, now_ms=now_ms, succession=succession)


def read_device_list(account: AccountId, signed: Signed) -> DeviceList:
    """Read one list of an account by itself: signed by its root and sound, whatever came before it."""
    try:
        read = decode(signed.body, DeviceList)
    except PeerError as error:
        raise TrustError("not a device list") from error
    if read.account != account or account_id(_first_root_key(read)) != account:
        raise TrustError(f"a device list of account {read.account.hex()}; asked for {account.hex()}")
    verify(signed, key=read.root_key, purpose=Purpose.DEVICE_LIST)
    _check_devices(read.devices)
    return read


def check_device_lists(account: AccountId, *, known: Signed | None, newer: Sequence[Signed]) -> DeviceList | None:
    """Check an account's lists one by one, and give the newest, or none if it is not newer than the known one.

    Keep `newer[-1]` beside it: that is its signed form. What repeats the past is no news (a relay may answer twice),
    but must be the same past: a list that differs from the known one of its version is a `TrustError`.
    """
    read = read_device_list(account, known) if known is not None else None
    known_version = read.version if read is not None else 0
    before = (read, known) if read is not None and known is not None else None
    newest: DeviceList | None = None
    for signed in newer:
        read = read_device_list(account, signed)
        if newest is None and read.version < known_version:
            continue
        if newest is None and known is not None and read.version == known_version:
            if signed.body != known.body:
                raise TrustError(f"two different device lists of version {known_version}, both signed by the account")
            continue
        _check_successor(read, before)
        before = (read, signed)
        newest = read
    return newest


def _check_successor(read: DeviceList, before: tuple[DeviceList, Signed] | None) -> None:
    expected_version, expected_previous = 1, b""
    if before is not None:
        expected_version, expected_previous = before[0].version + 1, sha256(before[1].body)
        inherited = before[0].succession
        if read.succession[: len(inherited)] != inherited:
            raise TrustError(f"device list of version {read.version} is signed by a root key that was replaced")
    if read.version != expected_version:
        raise TrustError(f"device list of version {read.version} where version {expected_version} was due")
    if read.previous != expected_previous:
        raise TrustError(f"device list of version {read.version} does not follow the one we know")


def former_root_keys(read: DeviceList) -> frozenset[bytes]:
    """Give the root keys that an account had before that of a checked list."""
    return frozenset(decode(signed.body, Succession).old_key for signed in read.succession)


def _first_root_key(read: DeviceList) -> bytes:
    """Follow the succession from the root key that signed a list back to the one that its account is named after."""
    key = read.root_key
    for signed in reversed(read.succession):
        try:
            step = decode(signed.body, Succession)
        except PeerError as error:
            raise TrustError("not a succession") from error
        if step.account != read.account or step.new_key != key:
            raise TrustError("a succession of root keys with a gap")
        verify(signed, key=step.old_key, purpose=Purpose.SUCCESSION)
        key = step.old_key
    return key


def _check_devices(devices: Sequence[Device]) -> None:
    if len(devices) > DEVICES_MAX:
        raise TrustError(f"{len(devices)} devices in a list; at most {DEVICES_MAX} allowed")
    if len({device.id for device in devices}) != len(devices):
        raise TrustError("a device stands twice in a device list")
    for device in devices:
        if device.id != device_id(device.signing_key):
            raise TrustError(f"device {device.id.hex()} is not named after its signing key")
        if not agreement_is_possible(device.identity_key):
            raise TrustError(f"device {device.id.hex()} has an identity key that keeps no secret")


def _sign_list(
    root: RootKey,
    version: int,
    previous: bytes,
    devices: tuple[Device, ...],
    *,
    now_ms: int,
    succession: tuple[Signed, ...] = (),
) -> Signed:
    _check_devices(devices)
    body = DeviceList(root.account_id, root.public_key, version, previous, devices, now_ms, succession)
    return root.sign(Purpose.DEVICE_LIST, encode(body))


# ---- what people and relays compare --------------------------------------------------------------------------------


def safety_number(mine: bytes, theirs: bytes) -> str:
    """Give the sixty digits two people compare; both see the same. They stand for both accounts' root keys."""
    halves = sorted(_fingerprint(key) for key in (mine, theirs))
    return " ".join(group for half in halves for group in half)


def _fingerprint(root_public_key: bytes) -> tuple[str, ...]:
    digest = b"answerback safety number v1\0" + root_public_key
    for _ in range(SAFETY_ROUNDS):
        digest = hashlib.sha512(digest + root_public_key).digest()
    chunks = (digest[start : start + 5] for start in range(0, SAFETY_GROUPS * 5, 5))
    return tuple(f"{int.from_bytes(chunk, 'big') % 100_000:05d}" for chunk in chunks)


def answer_challenge(keys: DeviceKeys, *, nonce: bytes, relay: bytes) -> bytes:
    """Prove to one relay, for one connection, which device this is."""
    return keys.sign(Purpose.CHALLENGE, encode((nonce, relay))).signature


def check_challenge_answer(signature: bytes, *, signing_key: bytes, nonce: bytes, relay: bytes) -> None:
    """Raise `TrustError` unless the device answered this challenge of this relay."""
    verify(Signed(encode((nonce, relay)), signature), key=signing_key, purpose=Purpose.CHALLENGE)
