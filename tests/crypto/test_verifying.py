"""Proves that what people scan and read says whose keys are whose, as the published vectors have it."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerback.crypto.identity import safety_number
from answerback.crypto.verifying import (
    CODE_DIGITS,
    SCAN_CHARACTERS_MAX,
    Sides,
    Verdict,
    code_commitment,
    compare_scanned,
    scan_text,
    short_code,
)
from answerback.model.errors import UsageError
from tests.house.sources import ROOT

VECTORS: dict[str, Any] = json.loads((ROOT / "docs/vectors/verification.json").read_text(encoding="utf-8"))
KEY_TEXT = "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE"
KEYS = st.binary(min_size=32, max_size=32)


def unhex(found: dict[str, str], *names: str) -> list[bytes]:
    return [bytes.fromhex(found[name]) for name in names]


@pytest.mark.parametrize("vector", VECTORS["scan"])
def test_the_text_of_a_code_is_as_published(vector: dict[str, str]) -> None:
    mine, theirs = unhex(vector, "mine", "theirs")
    assert scan_text(mine=mine, theirs=theirs) == vector["text"]
    assert safety_number(mine, theirs) == vector["safety_number"]


@pytest.mark.parametrize("vector", VECTORS["short_code"])
def test_the_short_code_is_as_published(vector: dict[str, str]) -> None:
    sides = Sides(*unhex(vector, "asker_root", "asker_device", "taker_root", "taker_device"))
    session, asker, taker = unhex(vector, "session", "asker_number", "taker_number")
    assert code_commitment(sides, session=session, nonce=asker).hex() == vector["commitment"]
    assert short_code(sides, session=session, asker_nonce=asker, taker_nonce=taker) == vector["code"]


@given(KEYS, KEYS)
def test_what_one_shows_the_other_finds_right(ann: bytes, bea: bytes) -> None:
    assert compare_scanned(scan_text(mine=bea, theirs=ann), mine=ann, theirs=bea) is Verdict.SAME
    assert compare_scanned(f"  {scan_text(mine=bea, theirs=ann)}\n", mine=ann, theirs=bea) is Verdict.SAME


def test_each_kind_of_difference_is_told_apart() -> None:
    ann, bea, eve = b"a" * 32, b"b" * 32, b"e" * 32
    assert compare_scanned(scan_text(mine=eve, theirs=ann), mine=ann, theirs=bea) is Verdict.THEIRS_DIFFERS
    assert compare_scanned(scan_text(mine=bea, theirs=eve), mine=ann, theirs=bea) is Verdict.OURS_DIFFERS
    assert compare_scanned(scan_text(mine=eve, theirs=b"f" * 32), mine=ann, theirs=bea) is Verdict.SOMEBODY_ELSE
    assert compare_scanned(scan_text(mine=ann, theirs=bea), mine=ann, theirs=bea) is Verdict.SOMEBODY_ELSE, "own code"


def test_sixty_digits_are_compared_too_however_they_are_grouped() -> None:
    ann, bea = b"a" * 32, b"b" * 32
    number = safety_number(ann, bea)
    for text in (number, number.replace(" ", ""), number.replace(" ", "-"), number.replace(" ", "\n")):
        assert compare_scanned(text, mine=bea, theirs=ann) is Verdict.SAME
    wrong = ("1" if number[0] == "0" else "0") + number[1:]
    assert compare_scanned(wrong, mine=ann, theirs=bea) is Verdict.THEIRS_DIFFERS


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "12345",
        "1" * 61,
        "x" * (SCAN_CHARACTERS_MAX + 1),
        "answerback://verify?v=1",
        f"answerback://verify?v=2&mine={KEY_TEXT}&yours={KEY_TEXT}",
        f"answerback://link?v=1&mine={KEY_TEXT}&yours={KEY_TEXT}",
        "answerback://verify?v=1&mine=YWFh&yours=YmJi",
        f"answerback://verify?v=1&mine={KEY_TEXT[:-1]}F&yours={KEY_TEXT}",
        "http://[",
    ],
)
def test_anything_else_is_a_mistake_and_not_a_difference(text: str) -> None:
    with pytest.raises(UsageError):
        compare_scanned(text, mine=b"a" * 32, theirs=b"b" * 32)


@given(st.text(max_size=200))
def test_no_text_breaks_the_reading(text: str) -> None:
    with contextlib.suppress(UsageError):
        assert compare_scanned(text, mine=b"a" * 32, theirs=b"b" * 32) is not Verdict.SAME


@given(KEYS, KEYS, KEYS, KEYS)
def test_a_code_has_nine_digits_and_changes_with_every_part(ann: bytes, bea: bytes, one: bytes, other: bytes) -> None:
    sides = Sides(ann, b"p" * 16, bea, b"l" * 16)
    code = short_code(sides, session=b"s" * 16, asker_nonce=one, taker_nonce=other)
    assert len(code.replace(" ", "")) == CODE_DIGITS
    assert code.replace(" ", "").isdecimal()
    turned = short_code(sides, session=b"t" * 16, asker_nonce=one, taker_nonce=other)
    others = Sides(b"z" * 32, sides.asker_device, sides.taker_root, sides.taker_device)
    assert code not in (turned, short_code(others, session=b"s" * 16, asker_nonce=one, taker_nonce=other))
