"""Proves that what opens opens once, and that what does not open changes nothing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from answerback.crypto.identity import DeviceKeys
from answerback.crypto.prekeys import check_prekey, make_fallback, prekeys_to_publish
from answerback.crypto.primitives import CannotOpenError
from answerback.crypto.ratchet import GAP_MAX, OLM_NORMAL, OLM_PREKEY, SKIPPED_MAX, Ratchet
from answerback.model.devices import Device, PreKey
from answerback.model.errors import TrustError, UsageError

PICKLE_KEY = bytes(32)
ANN = DeviceKeys.generate()


def met() -> tuple[DeviceKeys, Ratchet, Ratchet]:
    """Ann has begun a session with a new device, which has taken it up and answered."""
    bea = DeviceKeys.generate()
    ann_side = begun(bea)
    bea_side, _ = Ratchet.accept(bea, identity_key=ANN.identity_key, olm=ann_side.encrypt(b"hello")[1])
    ann_side.decrypt(*bea_side.encrypt(b"hello yourself"))
    return bea, ann_side, bea_side


def begun(bea: DeviceKeys, *, fallback: bool = False) -> Ratchet:
    device = bea.device(0)
    offered = make_fallback(bea) if fallback else prekeys_to_publish(bea, 1)[0]
    return Ratchet.start(ANN, device, check_prekey(offered, device))


def test_a_session_begins_with_prekey_messages_until_the_other_side_has_answered() -> None:
    bea = DeviceKeys.generate()
    ann_side = begun(bea)
    first, second = ann_side.encrypt(b"one"), ann_side.encrypt(b"two")
    assert (first[0], second[0]) == (OLM_PREKEY, OLM_PREKEY)
    bea_side, plaintext = Ratchet.accept(bea, identity_key=ANN.identity_key, olm=first[1])
    assert plaintext == b"one"
    assert bea_side.session_id == ann_side.session_id
    assert bea_side.matches(second[1])
    assert bea_side.decrypt(*second) == b"two"
    assert ann_side.decrypt(*bea_side.encrypt(b"three")) == b"three"
    assert ann_side.encrypt(b"four")[0] == OLM_NORMAL


@settings(max_examples=25)
@given(st.permutations(range(SKIPPED_MAX)), st.sets(st.integers(0, SKIPPED_MAX - 1)))
def test_messages_open_in_any_order_within_the_limit_and_each_only_once(order: list[int], lost: set[int]) -> None:
    _, ann_side, bea_side = met()
    sent = [ann_side.encrypt(bytes([number])) for number in range(SKIPPED_MAX)]
    for number in order:
        if number not in lost:
            assert bea_side.decrypt(*sent[number]) == bytes([number])
            with pytest.raises(CannotOpenError):
                bea_side.decrypt(*sent[number])


def test_the_limits_are_those_written_down() -> None:
    _, ann_side, bea_side = met()
    sent = [ann_side.encrypt(bytes([number])) for number in range(SKIPPED_MAX + 2)]
    assert bea_side.decrypt(*sent[-1]) == bytes([SKIPPED_MAX + 1])
    with pytest.raises(CannotOpenError):
        bea_side.decrypt(*sent[0])
    assert bea_side.decrypt(*sent[1]) == b"\x01"
    far = [ann_side.encrypt(b"far") for _ in range(GAP_MAX + 2)]
    with pytest.raises(CannotOpenError):
        bea_side.decrypt(*far[-1])
    assert bea_side.decrypt(*far[GAP_MAX - 1]) == b"far"


@given(data=st.data())
def test_a_forged_message_does_not_open_and_leaves_the_session_as_it_was(data: st.DataObject) -> None:
    _, ann_side, bea_side = MET
    olm_type, olm = ann_side.encrypt(b"the true one")
    before = bea_side.pickle(PICKLE_KEY)
    forged = bytearray(olm)
    forged[data.draw(st.integers(len(olm) - 24, len(olm) - 1))] ^= data.draw(st.integers(1, 255))
    for wrong_type, wrong in ((olm_type, bytes(forged)), (OLM_PREKEY, olm), (2, olm), (-1, olm), (olm_type, b"")):
        with pytest.raises(CannotOpenError):
            bea_side.decrypt(wrong_type, wrong)
    assert bea_side.pickle(PICKLE_KEY) == before
    assert bea_side.decrypt(olm_type, olm) == b"the true one"


@given(junk=st.binary(max_size=300), olm_type=st.sampled_from([OLM_PREKEY, OLM_NORMAL]))
def test_junk_is_refused_and_leaves_everything_as_it_was(junk: bytes, olm_type: int) -> None:
    bea, _, bea_side = MET
    before = bea_side.pickle(PICKLE_KEY), bea.pickle(PICKLE_KEY)
    with pytest.raises(CannotOpenError):
        bea_side.decrypt(olm_type, junk)
    with pytest.raises(CannotOpenError):
        Ratchet.accept(bea, identity_key=ANN.identity_key, olm=junk)
    assert not bea_side.matches(junk)
    assert (bea_side.pickle(PICKLE_KEY), bea.pickle(PICKLE_KEY)) == before


def test_a_forged_first_message_does_not_use_up_the_one_time_key() -> None:
    bea = DeviceKeys.generate()
    _, olm = begun(bea).encrypt(b"hello")
    before = bea.pickle(PICKLE_KEY)
    for position in range(len(olm) - 24, len(olm)):
        forged = bytearray(olm)
        forged[position] ^= 1
        with pytest.raises(CannotOpenError):
            Ratchet.accept(bea, identity_key=ANN.identity_key, olm=bytes(forged))
    with pytest.raises(CannotOpenError):
        Ratchet.accept(bea, identity_key=DeviceKeys.generate().identity_key, olm=olm)
    with pytest.raises(CannotOpenError):
        Ratchet.accept(bea, identity_key=b"short", olm=olm)
    assert bea.pickle(PICKLE_KEY) == before
    assert Ratchet.accept(bea, identity_key=ANN.identity_key, olm=olm)[1] == b"hello"


def test_a_first_message_to_a_one_time_key_opens_once() -> None:
    bea = DeviceKeys.generate()
    _, olm = begun(bea).encrypt(b"hello")
    Ratchet.accept(bea, identity_key=ANN.identity_key, olm=olm)
    with pytest.raises(CannotOpenError):
        Ratchet.accept(bea, identity_key=ANN.identity_key, olm=olm)


def test_a_first_message_to_the_fallback_key_is_known_again_by_its_session() -> None:
    bea = DeviceKeys.generate()
    _, olm = begun(bea, fallback=True).encrypt(b"hello")
    bea_side, _ = Ratchet.accept(bea, identity_key=ANN.identity_key, olm=olm)
    assert bea_side.matches(olm)
    with pytest.raises(CannotOpenError):
        bea_side.decrypt(OLM_PREKEY, olm)
    again, plaintext = Ratchet.accept(bea, identity_key=ANN.identity_key, olm=olm)
    assert (again.session_id, plaintext) == (bea_side.session_id, b"hello")  # why the caller asks `matches` first


def test_a_session_tells_its_own_first_messages_from_others() -> None:
    _, ann_side, bea_side = met()
    _, other_olm = begun(DeviceKeys.generate()).encrypt(b"hello")
    assert not bea_side.matches(other_olm)
    assert not bea_side.matches(ann_side.encrypt(b"of type 1")[1])


def test_a_session_comes_back_from_what_was_kept() -> None:
    _, ann_side, bea_side = met()
    sent = ann_side.encrypt(b"across a restart")
    again = Ratchet.from_pickle(bea_side.pickle(PICKLE_KEY), PICKLE_KEY)
    assert again.decrypt(*sent) == b"across a restart"
    assert again.session_id == bea_side.session_id
    with pytest.raises(CannotOpenError):
        Ratchet.from_pickle(bea_side.pickle(PICKLE_KEY), b"\x01" * 32)
    with pytest.raises(UsageError):
        bea_side.pickle(b"short")


def test_no_session_begins_with_keys_that_do_not_belong_together() -> None:
    bea, carl = DeviceKeys.generate(), DeviceKeys.generate()
    device = bea.device(0)
    prekey = check_prekey(prekeys_to_publish(bea, 1)[0], device)
    weak = Device(device.id, device.signing_key, bytes(32), 0)
    for wrong_device, wrong_prekey in (
        (carl.device(0), prekey),
        (weak, prekey),
        (device, PreKey(device.id, b"short", fallback=False)),
    ):
        with pytest.raises(TrustError):
            Ratchet.start(ANN, wrong_device, wrong_prekey)


def test_no_secret_is_shown() -> None:
    _, ann_side, _ = met()
    assert repr(ann_side) == f"Ratchet({ann_side.session_id})"


MET = met()
