"""Proves that no published key is ever one the device has forgotten, and that only the device's own keys are used."""

import pytest

from answerback.crypto.identity import DeviceKeys, Purpose
from answerback.crypto.prekeys import (
    PREKEYS_MAX,
    SealSecret,
    check_prekey,
    check_seal_key,
    fallback_waits,
    make_fallback,
    make_seal_key,
    mark_published,
    prekeys_to_publish,
    seal_key_id,
)
from answerback.crypto.primitives import xwing_public
from answerback.crypto.ratchet import Ratchet
from answerback.model.devices import PreKey, SealKey, Signed
from answerback.model.errors import TrustError, UsageError
from answerback.wire.codec import encode

PICKLE_KEY = bytes(32)


def restarted(keys: DeviceKeys) -> DeviceKeys:
    return DeviceKeys.from_pickle(keys.pickle(PICKLE_KEY), PICKLE_KEY)


def first_message(keys: DeviceKeys, offered: Signed) -> tuple[bytes, bytes]:
    """Somebody uses an offered key: their identity key and their first message."""
    sender, device = DeviceKeys.generate(), keys.device(0)
    return sender.identity_key, Ratchet.start(sender, device, check_prekey(offered, device)).encrypt(b"hello")[1]


def test_what_was_not_confirmed_is_offered_again_byte_for_byte_after_a_crash() -> None:
    keys = DeviceKeys.generate()
    offered = prekeys_to_publish(keys, 20)
    fallback = make_fallback(keys)
    assert len({signed.body for signed in offered}) == 20
    assert prekeys_to_publish(restarted(keys), 20) == offered
    assert prekeys_to_publish(keys, 5) == offered
    assert fallback_waits(restarted(keys))
    assert make_fallback(restarted(keys)) == fallback


def test_what_was_confirmed_is_never_offered_again_and_still_opens() -> None:
    keys = DeviceKeys.generate()
    offered, fallback = prekeys_to_publish(keys, 3), make_fallback(keys)
    mark_published(keys)
    keys = restarted(keys)
    assert not fallback_waits(keys)
    assert not {s.body for s in prekeys_to_publish(keys, 3)} & {s.body for s in offered}
    assert make_fallback(keys) != fallback
    for signed in (*offered, fallback):
        identity_key, olm = first_message(keys, signed)
        assert Ratchet.accept(keys, identity_key=identity_key, olm=olm)[1] == b"hello"


def test_a_key_that_was_used_before_its_publication_was_confirmed_is_not_offered_again() -> None:
    keys = DeviceKeys.generate()
    offered = prekeys_to_publish(keys, 3)
    identity_key, olm = first_message(keys, offered[1])
    Ratchet.accept(keys, identity_key=identity_key, olm=olm)
    assert prekeys_to_publish(keys, 3) == [offered[0], offered[2]]


def test_the_fallback_before_the_last_still_opens_and_older_ones_do_not() -> None:
    keys = DeviceKeys.generate()
    fallbacks = []
    for _ in range(3):
        fallbacks.append(make_fallback(keys))
        mark_published(keys)
    messages = [first_message(keys, fallback) for fallback in fallbacks]
    for identity_key, olm in messages[1:]:
        assert Ratchet.accept(keys, identity_key=identity_key, olm=olm)[1] == b"hello"
    with pytest.raises(Exception, match="unknown one-time key"):
        Ratchet.accept(keys, identity_key=messages[0][0], olm=messages[0][1])


def test_a_full_stock_can_be_made_at_once_and_no_more() -> None:
    keys = DeviceKeys.generate()
    assert len(prekeys_to_publish(keys, PREKEYS_MAX)) == PREKEYS_MAX
    for count in (0, PREKEYS_MAX + 1):
        with pytest.raises(UsageError):
            prekeys_to_publish(keys, count)


def test_a_prekey_is_taken_only_from_the_device_it_belongs_to() -> None:
    keys, other = DeviceKeys.generate(), DeviceKeys.generate()
    device = keys.device(0)
    (signed,) = prekeys_to_publish(keys, 1)
    assert check_prekey(signed, device) == PreKey(device.id, next(iter(_offered(keys))), fallback=False)
    assert check_prekey(make_fallback(keys), device).fallback
    foreign = PreKey(other.device_id, bytes(range(32)), fallback=False)
    weak = PreKey(device.id, bytes(32), fallback=False)
    for faulty in (
        prekeys_to_publish(other, 1)[0],
        Signed(signed.body + b"\0", signed.signature),
        keys.sign(Purpose.SEAL_KEY, signed.body),
        keys.sign(Purpose.PREKEY, b"\xc1"),
        keys.sign(Purpose.PREKEY, encode(foreign)),
        keys.sign(Purpose.PREKEY, encode(weak)),
    ):
        with pytest.raises(TrustError):
            check_prekey(faulty, device)


def test_a_seal_key_is_taken_only_from_the_device_it_belongs_to() -> None:
    keys, other = DeviceKeys.generate(), DeviceKeys.generate()
    device = keys.device(0)
    secret, signed = make_seal_key(keys, now_ms=7)
    seal_key = check_seal_key(signed, device)
    assert seal_key == SealKey(device.id, secret.id, xwing_public(secret.secret), 7)
    assert secret.id == seal_key_id(seal_key.key)
    for faulty in (
        make_seal_key(other, now_ms=7)[1],
        Signed(signed.body, bytes(64)),
        keys.sign(Purpose.PREKEY, signed.body),
        keys.sign(Purpose.SEAL_KEY, b"\xc1"),
        keys.sign(Purpose.SEAL_KEY, encode(SealKey(other.device_id, seal_key.id, seal_key.key, 7))),
        keys.sign(Purpose.SEAL_KEY, encode(SealKey(device.id, bytes(8), seal_key.key, 7))),
        keys.sign(Purpose.SEAL_KEY, encode(SealKey(device.id, seal_key_id(b"short"), b"short", 7))),
    ):
        with pytest.raises(TrustError):
            check_seal_key(faulty, device)


def test_no_secret_is_shown() -> None:
    secret, _ = make_seal_key(DeviceKeys.generate(), now_ms=7)
    assert repr(secret) == f"SealSecret(id={secret.id!r}, created_ms=7)"
    assert SealSecret(b"id", b"\x01\x02", 1).secret == b"\x01\x02"


def _offered(keys: DeviceKeys) -> list[bytes]:
    return [key.to_bytes() for key in keys.olm.one_time_keys.values()]
