"""Proves that both forms of a delivery receipt are understood, and that nothing else is taken for one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerback.wire.delivery_receipts import DeliveryReceipt, MessageState, read_receipt

APPENDIX_B = b"id:0123abc sub:001 dlvrd:001 submit date:2611211200 done date:2611211201 stat:%s err:%s text:id:9 stat:X"


@pytest.mark.parametrize(
    ("word", "state"),
    [
        (b"DELIVRD", MessageState.DELIVERED),
        (b"EXPIRED", MessageState.EXPIRED),
        (b"DELETED", MessageState.DELETED),
        (b"UNDELIV", MessageState.UNDELIVERABLE),
        (b"ACCEPTD", MessageState.ACCEPTED),
        (b"UNKNOWN", MessageState.UNKNOWN),
        (b"REJECTD", MessageState.REJECTED),
    ],
)
def test_the_text_form_is_read(word: bytes, state: MessageState) -> None:
    assert read_receipt(APPENDIX_B % (word, b"000"), {}) == DeliveryReceipt("0123abc", state)


def test_an_error_code_is_kept_if_it_says_something() -> None:
    receipt = read_receipt(APPENDIX_B % (b"UNDELIV", b"027"), {})
    assert receipt is not None
    assert receipt.error == "027"


def test_the_parameters_count_where_they_disagree_with_the_text() -> None:
    tlvs = {0x001E: b"other\0", 0x0427: b"\x05", 0x0204: b"\x12\x34", 0x0423: b"\x03\x00\x1b"}
    receipt = read_receipt(APPENDIX_B % (b"DELIVRD", b"000"), tlvs)
    assert receipt == DeliveryReceipt("other", MessageState.UNDELIVERABLE, 0x1234, "27")


def test_our_reference_is_name_enough() -> None:
    assert read_receipt(b"stat:DELIVRD", {0x0204: b"\x00\x07"}) == DeliveryReceipt("", MessageState.DELIVERED, 7)


@pytest.mark.parametrize(
    ("text", "tlvs"),
    [
        (b"", {}),
        (b"id:1 stat:WHATEVER", {}),
        (b"stat:DELIVRD", {}),
        (b"id:1", {0x0427: b"\x63"}),
        (b"stat:DELIVRD", {0x0204: b"\x01"}),
    ],
)
def test_what_does_not_say_which_or_what_is_none(text: bytes, tlvs: dict[int, bytes]) -> None:
    assert read_receipt(text, tlvs) is None


@given(st.binary(max_size=600), st.dictionaries(st.sampled_from([0x1E, 0x427, 0x204, 0x423]), st.binary(max_size=80)))
def test_nothing_a_centre_says_is_an_error(text: bytes, tlvs: dict[int, bytes]) -> None:
    receipt = read_receipt(text, tlvs)
    assert receipt is None or len(receipt.id) <= 65


def test_only_giving_up_is_failure() -> None:
    assert {state.name for state in MessageState if state.is_failure} == {
        *("EXPIRED", "DELETED", "UNDELIVERABLE", "REJECTED")
    }
