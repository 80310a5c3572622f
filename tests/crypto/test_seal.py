"""Proves that an envelope opens for one device and one key, whole or not at all, and that its length tells little."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerback.crypto.identity import DeviceKeys
from answerback.crypto.prekeys import check_seal_key, make_seal_key
from answerback.crypto.primitives import CannotOpenError, aead_seal, hpke_seal, sha256
from answerback.crypto.seal import (
    PADDED_BYTES_MIN,
    SEAL_OVERHEAD_BYTES,
    SEAL_VERSION,
    LockedLetter,
    UnknownSealKeyError,
    lock_letter,
    open_envelope,
    padme,
    seal_envelope,
    seal_key_of,
    unlock_letter,
)
from answerback.model.envelope import SEALED_BYTES_MAX
from answerback.model.errors import TrustError, UsageError
from answerback.model.ids import AccountId, ConversationId, MessageId, envelope_id
from answerback.model.message import TEXT_BYTES_MAX, Lane, Urgency
from answerback.model.stamp import Stamp
from answerback.wire.codec import encode
from answerback.wire.letters import AnyLetter, Inner, Post, Receipt, Slip

KEYS = DeviceKeys.generate()
DEVICE = KEYS.device_id
SECRET, _SIGNED = make_seal_key(KEYS, now_ms=1)
SEAL_KEY = check_seal_key(_SIGNED, KEYS.device(0))
SECRETS = {SECRET.id: SECRET}
AUTHOR = DeviceKeys.generate()
OTHER = DeviceKeys.generate().device_id


def inner(letter: bytes = b"letter", *, lane: Lane = Lane.NORMAL) -> Inner:
    return Inner(AccountId(b"a" * 16), AUTHOR.device_id, lane, 1, b"o" * 224, letter)


def sealed_bytes(value: Inner) -> bytes:
    return seal_envelope(value, device=DEVICE, seal_key=SEAL_KEY, lane=value.lane, lifetime_s=60).sealed


def post(text: str) -> Post:
    members = [AccountId(b"a" * 16), AccountId(b"b" * 16)]
    return Post(
        MessageId(b"m" * 16), ConversationId(b"c" * 16), members, text, None, Urgency.NORMAL, Stamp(1, 0), [], 1
    )


def slip(locked: LockedLetter, *, key: bytes | None = None, letter_sha256: bytes | None = None) -> Slip:
    account, message = AccountId(b"a" * 16), MessageId(b"m" * 16)
    return Slip(
        message, key or locked.key, letter_sha256 or locked.sha256, 1, account, OTHER, account, DEVICE, 1, "phone"
    )


@given(st.binary(max_size=2000), st.sampled_from(Lane))
def test_what_is_sealed_opens_for_its_device(letter: bytes, lane: Lane) -> None:
    value = inner(letter, lane=lane)
    envelope = seal_envelope(value, device=DEVICE, seal_key=SEAL_KEY, lane=lane, lifetime_s=60)
    assert open_envelope(envelope.sealed, device=DEVICE, secrets=SECRETS) == value
    assert envelope.id == envelope_id(envelope.sealed)
    assert (envelope.device, envelope.lane, envelope.lifetime_s) == (DEVICE, lane, 60)
    assert seal_key_of(envelope.sealed) == SECRET.id


SEALED = sealed_bytes(inner())


@given(bit=st.integers(0, 8 * len(SEALED) - 1))
def test_no_bit_of_an_envelope_can_be_changed(bit: int) -> None:
    changed = bytearray(SEALED)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(CannotOpenError):
        open_envelope(bytes(changed), device=DEVICE, secrets=SECRETS)


@given(length=st.integers(0, len(SEALED) - 1))
def test_no_envelope_can_be_cut_short_or_made_longer(length: int) -> None:
    for wrong in (SEALED[:length], SEALED + bytes(length + 1)):
        with pytest.raises(CannotOpenError):
            open_envelope(wrong, device=DEVICE, secrets=SECRETS)


def test_an_envelope_put_in_another_mailbox_does_not_open_even_with_the_same_keys() -> None:
    with pytest.raises(CannotOpenError):
        open_envelope(SEALED, device=OTHER, secrets=SECRETS)


def test_a_deleted_seal_key_is_told_from_damage() -> None:
    with pytest.raises(UnknownSealKeyError):
        open_envelope(SEALED, device=DEVICE, secrets={})
    newer, _ = make_seal_key(KEYS, now_ms=2)
    with pytest.raises(UnknownSealKeyError):
        open_envelope(SEALED, device=DEVICE, secrets={newer.id: newer})
    with pytest.raises(CannotOpenError) as caught:
        open_envelope(SEALED, device=DEVICE, secrets={SECRET.id: newer})
    assert not isinstance(caught.value, UnknownSealKeyError)


def test_the_lane_inside_cannot_be_another_than_the_one_outside() -> None:
    with pytest.raises(UsageError):
        seal_envelope(inner(lane=Lane.BULK), device=DEVICE, seal_key=SEAL_KEY, lane=Lane.URGENT, lifetime_s=60)
    assert open_envelope(sealed_bytes(inner(lane=Lane.BULK)), device=DEVICE, secrets=SECRETS).lane is Lane.BULK


def test_nothing_is_sealed_for_one_device_with_the_key_of_another() -> None:
    with pytest.raises(TrustError):
        seal_envelope(inner(), device=OTHER, seal_key=SEAL_KEY, lane=Lane.NORMAL, lifetime_s=60)


def test_two_seals_of_the_same_content_have_nothing_in_common() -> None:
    first, second = sealed_bytes(inner()), sealed_bytes(inner())
    head = len(SEAL_VERSION) + 8
    assert first[:head] == second[:head]
    assert sum(a == b for a, b in zip(first[head:], second[head:], strict=True)) < len(first) // 16


@pytest.mark.parametrize(
    "inside", [b"", b"\0\0", (600).to_bytes(4, "big") + bytes(508), (1).to_bytes(4, "big") + b"\xc1"]
)
def test_a_seal_around_nonsense_does_not_open(inside: bytes) -> None:
    info = b"answerback envelope\0" + SEAL_VERSION + DEVICE + SEAL_KEY.id
    sealed = SEAL_VERSION + SEAL_KEY.id + hpke_seal(SEAL_KEY.key, inside, info=info)
    with pytest.raises(CannotOpenError):
        open_envelope(sealed, device=DEVICE, secrets=SECRETS)


@given(st.integers(0, 70_000), st.integers(0, 70_000))
def test_lengths_in_one_bucket_cannot_be_told_apart(one: int, other: int) -> None:
    for length in (one, other):
        padded = padme(length)
        assert padded >= max(length, PADDED_BYTES_MIN)
        assert padded <= max(length * 1.12, PADDED_BYTES_MIN)
        assert padme(padded) == padded
    if one <= other:
        assert padme(one) <= padme(other)


@given(st.integers(0, 5000))
def test_the_length_of_an_envelope_is_that_of_its_bucket(size: int) -> None:
    value = inner(bytes(size))
    assert len(sealed_bytes(value)) == padme(4 + len(encode(value))) + SEAL_OVERHEAD_BYTES


def test_all_lengths_of_an_envelope_fall_into_few_buckets() -> None:
    buckets = {padme(length) for length in range(SEALED_BYTES_MAX + 1)}
    assert len(buckets) == 1 + 7 * 16  # the floor, then sixteen in each doubling from 512 to 65,536


def test_short_letters_are_all_alike() -> None:
    lengths = {
        len(sealed_bytes(inner(lock_letter(letter).ciphertext)))
        for letter in (post(""), post("yes"), post("x" * 100), Receipt([MessageId(b"m" * 16)], []))
    }
    assert lengths == {PADDED_BYTES_MIN + SEAL_OVERHEAD_BYTES}


def test_the_longest_text_fits_an_envelope_and_more_is_refused() -> None:
    longest = inner(lock_letter(post("x" * TEXT_BYTES_MAX)).ciphertext)
    assert len(sealed_bytes(longest)) <= SEALED_BYTES_MAX
    with pytest.raises(UsageError):
        sealed_bytes(inner(bytes(SEALED_BYTES_MAX)))


@given(st.text(max_size=500))
def test_a_letter_opens_with_its_slip(text: str) -> None:
    letter: AnyLetter = post(text)
    locked = lock_letter(letter)
    assert unlock_letter(locked.ciphertext, slip(locked)) == letter


@given(bit=st.integers(min_value=0))
def test_a_letter_opens_whole_and_with_its_own_slip_or_not_at_all(bit: int) -> None:
    locked, other = lock_letter(post("one")), lock_letter(post("another"))
    changed = bytearray(locked.ciphertext)
    changed[bit // 8 % len(changed)] ^= 1 << bit % 8
    for ciphertext, wrong in (
        (bytes(changed), slip(locked)),
        (locked.ciphertext, slip(other)),
        (locked.ciphertext, slip(locked, letter_sha256=other.sha256)),
        (locked.ciphertext, slip(locked, key=b"short")),
    ):
        with pytest.raises(CannotOpenError):
            unlock_letter(ciphertext, wrong)


def test_a_letter_of_no_known_kind_is_refused() -> None:
    plaintext = encode(("Telegram", 1))
    ciphertext = aead_seal(b"k" * 32, bytes(12), plaintext, aad=b"answerback letter v1\0")
    locked = LockedLetter(ciphertext, b"k" * 32, sha256(plaintext))
    with pytest.raises(CannotOpenError, match="no kind"):
        unlock_letter(ciphertext, slip(locked))


def test_every_letter_has_a_key_of_its_own() -> None:
    assert len({lock_letter(post("the same")).key for _ in range(100)}) == 100


def test_no_secret_is_shown() -> None:
    locked = lock_letter(post("secret"))
    assert repr(locked) == f"LockedLetter(sha256={locked.sha256!r})"
