"""Proves that one handle has one form, and that it is never shown whole by accident."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerback.model.errors import UsageError
from answerback.model.handle import HANDLE_CHARACTERS_MAX, parse_handle


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("+49 30 1234567", "+49301234567"),
        (" +1 (555) 010-9999 ", "+15550109999"),
        ("Ann@Example.ORG", "ann@example.org"),
        ("a.b+c@mail.example.co", "a.b+c@mail.example.co"),
    ],
)
def test_what_people_write_becomes_one_form(text: str, normal: str) -> None:
    assert str(parse_handle(text)) == normal
    assert parse_handle(normal) == parse_handle(text)


@pytest.mark.parametrize(
    "text",
    ["", "030 1234567", "+0123456789", "+1234", "+1234567890123456", "@example.org", "ann@", "a b@c.de", "a@b@c"],
)
def test_what_is_neither_a_number_nor_an_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_handle(text)


def test_an_endless_handle_is_refused_by_its_length() -> None:
    with pytest.raises(UsageError, match=str(HANDLE_CHARACTERS_MAX)):
        parse_handle("a" * HANDLE_CHARACTERS_MAX + "@example.org")


@given(st.from_regex(r"[a-z]{3,20}@[a-z]{3,20}\.org", fullmatch=True))
def test_no_log_shows_a_whole_address(text: str) -> None:
    handle = parse_handle(text)
    assert text not in repr(handle)
    assert repr(handle) == f"Handle('{text[0]}…@{text.partition('@')[2][0]}…')"


def test_no_log_shows_a_whole_number() -> None:
    assert parse_handle("+49301234567").masked == "+49…67"
