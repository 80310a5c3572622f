"""Proves that a text survives being cut into short messages, and that no character is cut in two."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerback.model.errors import UsageError
from answerback.wire.short_messages import (
    GSM,
    PARTS_MAX,
    UCS2,
    count_parts,
    from_gsm,
    in_gsm,
    read_short_message,
    short_messages,
)

BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = "^{}\\[~]|€\f"
gsm_texts = st.text(st.sampled_from(BASIC + EXTENSION), min_size=1, max_size=900)
any_texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=600)


def read_all(text: str) -> str:
    fragments = [
        read_short_message(short.body, data_coding=short.data_coding, has_header=short.has_header)
        for short in short_messages(text, reference=0x1234)
    ]
    assert [fragment.index for fragment in fragments] == list(range(len(fragments)))
    assert {fragment.total for fragment in fragments} == {len(fragments)}
    if len(fragments) > 1:
        assert {fragment.reference for fragment in fragments} == {0x34}
    return "".join(fragment.text for fragment in fragments)


@given(gsm_texts | any_texts)
def test_what_is_cut_is_put_together_again(text: str) -> None:
    assert read_all(text) == text


@given(gsm_texts | any_texts)
def test_every_part_fits_into_a_short_message(text: str) -> None:
    for short in short_messages(text, reference=0):
        header = 6 if short.has_header else 0
        units = len(short.body) - header
        if short.data_coding == GSM:
            assert units <= (153 if header else 160)
        else:
            assert units <= (134 if header else 140)


@given(any_texts)
def test_no_part_ends_in_half_a_character(text: str) -> None:
    for short in short_messages(text, reference=0):
        body = short.body[6:] if short.has_header else short.body
        if short.data_coding == UCS2:
            body.decode("utf-16-be")  # raises for half a surrogate pair
        else:
            assert not body.endswith(b"\x1b")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("я" * 70, 1),
        ("я" * 71, 2),
        ("🙂" * 35, 1),
        ("🙂" * 36, 2),
        ("a" * 69 + "🙂", 2),
    ],
)
def test_parts_are_counted_as_networks_charge_them(text: str, parts: int) -> None:
    assert count_parts(text) == parts


def test_an_escape_is_not_left_at_the_end_of_a_part() -> None:
    first, second = short_messages("a" * 152 + "€" + "b" * 10, reference=1)
    assert (len(first.body), second.body[6:8]) == (6 + 152, b"\x1be")


def test_the_alphabet_is_the_standards() -> None:
    assert in_gsm("@£$¥") == bytes((0, 1, 2, 3))
    assert in_gsm("€[]") == bytes((0x1B, 0x65, 0x1B, 0x3C, 0x1B, 0x3E))
    assert in_gsm("à") == bytes((0x7F,))
    assert in_gsm("ç") is None, "the small one is not in it"
    assert from_gsm(b"a\x1b\x00b\x1b") == "a b"


@pytest.mark.parametrize("text", ["", "a" * (153 * PARTS_MAX + 1), "half \ud83d"])
def test_what_cannot_be_sent_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        short_messages(text, reference=0)


@given(st.binary(max_size=300), st.integers(0, 255), st.booleans())
def test_nothing_a_network_hands_over_is_an_error(body: bytes, coding: int, has_header: bool) -> None:  # noqa: FBT001 - given
    fragment = read_short_message(body, data_coding=coding, has_header=has_header)
    assert 0 <= fragment.index < fragment.total <= 255


def test_a_header_with_a_reference_of_sixteen_bits_is_read() -> None:
    fragment = read_short_message(bytes((6, 8, 4, 0x12, 0x34, 3, 2)) + b"hi", data_coding=0, has_header=True)
    assert (fragment.reference, fragment.total, fragment.index, fragment.text) == (0x1234, 3, 1, "hi")


def test_content_is_not_in_any_repr() -> None:
    (short,) = short_messages("secret", reference=0)
    assert "secret" not in repr(short)
    assert "secret" not in repr(read_short_message(short.body, data_coding=0, has_header=False))
