"""Proves that two devices with one code meet, however it was typed, and that nobody without it learns anything."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerback.crypto.linking import (
    ALPHABET,
    CODE_BYTES,
    Direction,
    _directed,
    _text,
    box_open,
    box_seal,
    make_link_code,
    parse_link_code,
)
from answerback.crypto.primitives import CannotOpenError
from answerback.model.errors import UsageError

CODE = make_link_code()


def test_a_code_is_four_groups_of_four_characters_that_cannot_be_confused() -> None:
    assert re.fullmatch(rf"[{ALPHABET}]{{4}}(-[{ALPHABET}]{{4}}){{3}}", CODE.text)
    assert not set("ILOU") & set(ALPHABET)
    assert len(set(ALPHABET)) ** 16 == 2 ** (8 * CODE_BYTES) == 2**80
    assert make_link_code().text != CODE.text


def test_both_devices_make_the_same_of_a_code_however_it_is_typed() -> None:
    plain = CODE.text.replace("-", "")
    for typed in (CODE.text, f"  {plain.lower()}\n", CODE.text.replace("-", " – "), " ".join(plain)):
        assert parse_link_code(typed) == CODE
    assert parse_link_code("0O1I-lLoi-0000-0000") == parse_link_code("0011-1101-0000-0000")


@pytest.mark.parametrize("typed", ["", "7K3M-9Q2X-B4TA", "7K3M-9Q2X-B4TA-W8ZU", "7K3M-9Q2X-B4TA-W8ZN-0", "ß" * 16])
def test_what_is_no_code_is_refused_before_it_is_stretched(typed: str) -> None:
    with pytest.raises(UsageError):
        parse_link_code(typed)


@given(st.binary(min_size=CODE_BYTES, max_size=CODE_BYTES))
def test_every_code_has_one_text_and_every_text_one_code(code: bytes) -> None:
    text = _text(code).replace("-", "")
    assert int("".join(f"{ALPHABET.index(character):05b}" for character in text), 2) == int.from_bytes(code, "big")


def test_where_they_meet_tells_nothing_of_the_key() -> None:
    other = make_link_code()
    assert len(CODE.box_id) == 16
    assert len(CODE.key) == 32
    assert CODE.box_id not in CODE.key
    assert (CODE.box_id, CODE.key) != (other.box_id, other.key)


@given(plaintext=st.binary(max_size=300), bit=st.integers(min_value=0))
def test_a_word_opens_in_its_own_direction_and_whole(plaintext: bytes, bit: int) -> None:
    sealed = box_seal(CODE.key, plaintext, direction=Direction.FROM_NEW_DEVICE)
    assert box_open(CODE.key, sealed, direction=Direction.FROM_NEW_DEVICE) == plaintext
    changed = bytearray(sealed)
    changed[bit // 8 % len(changed)] ^= 1 << bit % 8
    for key, wrong, direction in (
        (CODE.key, bytes(changed), Direction.FROM_NEW_DEVICE),
        (CODE.key, sealed, Direction.TO_NEW_DEVICE),
        (bytes(32), sealed, Direction.FROM_NEW_DEVICE),
        (CODE.key, sealed[:11], Direction.FROM_NEW_DEVICE),
        (CODE.key, sealed[:12], Direction.FROM_NEW_DEVICE),
    ):
        with pytest.raises(CannotOpenError):
            box_open(key, wrong, direction=direction)


def test_each_direction_has_a_key_of_its_own() -> None:
    assert len({CODE.key, *(_directed(CODE.key, direction) for direction in Direction)}) == 3


def test_no_secret_is_shown() -> None:
    assert repr(CODE) == f"LinkCode(box_id={CODE.box_id!r})"
