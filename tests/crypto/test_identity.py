"""Proves that only an account's own root can say which devices are its own, and that history cannot be changed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerback.crypto.identity import (
    DeviceKeys,
    Purpose,
    RootKey,
    answer_challenge,
    check_challenge_answer,
    check_device_lists,
    first_device_list,
    next_device_list,
    read_device_list,
    safety_number,
    verify,
)
from answerback.crypto.primitives import CannotOpenError, sha256
from answerback.model.devices import DEVICES_MAX, Device, DeviceList, Signed
from answerback.model.errors import TrustError, UsageError
from answerback.model.ids import account_id, device_id
from answerback.wire.codec import decode, encode

ROOT = RootKey.from_seed(bytes(range(32)))
ACCOUNT = ROOT.account_id
KEYS = DeviceKeys.generate()
LAPTOP = KEYS.device(1)
PHONE = DeviceKeys.generate().device(2)
FIRST = first_device_list(ROOT, LAPTOP, now_ms=1)
SECOND = next_device_list(ROOT, FIRST, (LAPTOP, PHONE), 2)
THIRD = next_device_list(ROOT, SECOND, (PHONE,), 3)
PICKLE_KEY = bytes(32)


def signed_list(root: RootKey = ROOT, **changes: object) -> Signed:
    """A list that says whatever it likes, properly signed."""
    fields: dict[str, object] = {
        "account": root.account_id,
        "root_key": root.public_key,
        "version": 2,
        "previous": sha256(FIRST.body),
        "devices": (LAPTOP,),
        "issued_ms": 5,
    }
    return root.sign(Purpose.DEVICE_LIST, encode(tuple((fields | changes).values())))


def test_a_chain_of_lists_is_followed_to_its_newest() -> None:
    newest = check_device_lists(ACCOUNT, known=None, newer=[FIRST, SECOND, THIRD])
    assert newest == decode(THIRD.body, DeviceList)
    assert newest.version == 3
    assert newest.devices == (PHONE,)
    assert check_device_lists(ACCOUNT, known=FIRST, newer=[SECOND]) == decode(SECOND.body, DeviceList)


def test_what_is_known_already_is_no_news_and_no_fault() -> None:
    assert check_device_lists(ACCOUNT, known=SECOND, newer=[]) is None
    assert check_device_lists(ACCOUNT, known=None, newer=[]) is None
    assert check_device_lists(ACCOUNT, known=SECOND, newer=[FIRST, SECOND]) is None
    again = check_device_lists(ACCOUNT, known=SECOND, newer=[FIRST, SECOND, THIRD])
    assert again == decode(THIRD.body, DeviceList)


@pytest.mark.parametrize("newer", [[SECOND, FIRST], [SECOND, SECOND], [THIRD, SECOND], [SECOND, THIRD, SECOND]])
def test_the_last_one_given_is_the_newest_or_none_is_believed(newer: list[Signed]) -> None:
    with pytest.raises(TrustError, match="was due"):
        check_device_lists(ACCOUNT, known=FIRST, newer=newer)


@pytest.mark.parametrize(
    ("faulty", "saying"),
    [
        (signed_list(version=3), "version 2 was due"),
        (signed_list(version=1), "two different device lists of version 1"),
        (signed_list(previous=b""), "does not follow"),
        (signed_list(previous=sha256(SECOND.body)), "does not follow"),
        (signed_list(devices=(LAPTOP, LAPTOP)), "twice"),
        (signed_list(devices=tuple(DeviceKeys.generate().device(0) for _ in range(DEVICES_MAX + 1))), "17 devices"),
        (signed_list(devices=(Device(PHONE.id, LAPTOP.signing_key, LAPTOP.identity_key, 1),)), "not named after"),
        (signed_list(devices=(Device(LAPTOP.id, LAPTOP.signing_key, bytes(32), 1),)), "keeps no secret"),
        (signed_list(devices=(Device(LAPTOP.id, LAPTOP.signing_key, b"short", 1),)), "keeps no secret"),
        (signed_list(RootKey.generate()), "asked for"),
        (signed_list(account=RootKey.generate().account_id), "asked for"),
        (signed_list(root_key=RootKey.generate().public_key), "asked for"),
        (Signed(SECOND.body, FIRST.signature), "signature"),
        (Signed(b"\xc1", FIRST.signature), "not a device list"),
        (ROOT.sign(Purpose.CHALLENGE, SECOND.body), "signature"),
    ],
)
def test_a_list_with_one_thing_wrong_is_refused_and_says_what(faulty: Signed, saying: str) -> None:
    with pytest.raises(TrustError, match=saying):
        check_device_lists(ACCOUNT, known=FIRST, newer=[faulty])


def test_a_list_can_be_read_by_itself_when_it_was_kept_by_us() -> None:
    assert read_device_list(ACCOUNT, SECOND).devices == (LAPTOP, PHONE)
    for account, kept in ((ACCOUNT, Signed(SECOND.body, bytes(64))), (RootKey.generate().account_id, SECOND)):
        with pytest.raises(TrustError):
            read_device_list(account, kept)


def test_history_begins_at_version_one_for_whoever_knows_nothing() -> None:
    with pytest.raises(TrustError, match="version 1 was due"):
        check_device_lists(ACCOUNT, known=None, newer=[SECOND, THIRD])
    with pytest.raises(TrustError, match="version 2 was due"):
        check_device_lists(ACCOUNT, known=FIRST, newer=[THIRD])


@given(bit=st.integers(min_value=0, max_value=8 * (len(SECOND.body) + 64) - 1))
def test_no_bit_of_a_list_can_be_changed(bit: int) -> None:
    changed = bytearray(SECOND.body + SECOND.signature)
    changed[bit // 8] ^= 1 << bit % 8
    forged = Signed(bytes(changed[:-64]), bytes(changed[-64:]))
    with pytest.raises(TrustError):
        check_device_lists(ACCOUNT, known=FIRST, newer=[forged])


def test_a_root_signs_no_list_that_others_would_refuse() -> None:
    with pytest.raises(TrustError):
        next_device_list(ROOT, FIRST, (LAPTOP, LAPTOP), 2)
    with pytest.raises(TrustError):
        next_device_list(RootKey.generate(), FIRST, (LAPTOP,), 2)


def test_a_signature_for_one_purpose_is_worth_nothing_for_another() -> None:
    for signer, key in ((ROOT.sign, ROOT.public_key), (KEYS.sign, KEYS.signing_key)):
        for purpose in Purpose:
            signed = signer(purpose, b"body")
            assert verify(signed, key=key, purpose=purpose) == b"body"
            for other in set(Purpose) - {purpose}:
                with pytest.raises(TrustError):
                    verify(signed, key=key, purpose=other)


def test_no_purpose_is_the_beginning_of_another() -> None:
    values = [purpose.value for purpose in Purpose]
    assert [(a, b) for a in values for b in values if a != b and a.startswith(b)] == []


def test_accounts_and_devices_are_named_after_their_keys() -> None:
    assert account_id(ROOT.public_key) == ACCOUNT
    assert device_id(KEYS.signing_key) == KEYS.device_id == LAPTOP.id
    assert LAPTOP.identity_key == KEYS.identity_key
    assert len(KEYS.signing_key) == len(KEYS.identity_key) == 32


def test_keys_come_back_from_what_was_kept() -> None:
    again = RootKey.from_seed(RootKey.generate().seed)
    assert RootKey.from_seed(again.seed).public_key == again.public_key
    assert DeviceKeys.from_pickle(KEYS.pickle(PICKLE_KEY), PICKLE_KEY).device(1) == LAPTOP
    with pytest.raises(CannotOpenError):
        DeviceKeys.from_pickle(KEYS.pickle(PICKLE_KEY), b"\x01" * 32)
    with pytest.raises(CannotOpenError):
        DeviceKeys.from_pickle("no pickle", PICKLE_KEY)
    with pytest.raises(UsageError):
        KEYS.pickle(b"short")
    with pytest.raises(UsageError):
        RootKey.from_seed(b"short")


def test_both_people_see_the_same_safety_number_and_nobody_else_s() -> None:
    mine, theirs = ROOT.public_key, RootKey.generate().public_key
    number = safety_number(mine, theirs)
    assert number == safety_number(theirs, mine)
    assert [len(group) for group in number.split(" ")] == [5] * 12
    assert number.replace(" ", "").isdigit()
    assert number != safety_number(mine, RootKey.generate().public_key)
    assert safety_number(bytes(32), b"\x01" * 32) == safety_number(b"\x01" * 32, bytes(32))


def test_a_challenge_is_answered_for_one_relay_and_one_connection_only() -> None:
    answer = answer_challenge(KEYS, nonce=b"n" * 32, relay=b"here")
    check_challenge_answer(answer, signing_key=KEYS.signing_key, nonce=b"n" * 32, relay=b"here")
    for nonce, relay, key in (
        (b"m" * 32, b"here", KEYS.signing_key),
        (b"n" * 32, b"there", KEYS.signing_key),
        (b"n" * 31, b"nhere", KEYS.signing_key),
        (b"n" * 32, b"here", PHONE.signing_key),
    ):
        with pytest.raises(TrustError):
            check_challenge_answer(answer, signing_key=key, nonce=nonce, relay=relay)


def test_no_secret_is_shown() -> None:
    assert repr(ROOT) == f"RootKey(account {ACCOUNT.hex()})"
    assert ROOT.seed.hex() not in repr(ROOT)
    assert repr(KEYS) == f"DeviceKeys(device {KEYS.device_id.hex()})"
