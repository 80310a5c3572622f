"""Proves that one handle has one form, and that it is never shown whole by accident."""

import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerback.model.errors import UsageError
from answerback.model.handle import (
    HANDLE_CHARACTERS_MAX,
    HANDLE_PATTERN,
    check_region,
    parse_handle,
    read_handle,
    region_of,
    wire_handle,
)


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


@pytest.mark.parametrize(
    ("text", "region", "normal"),
    [
        ("030 1234567", "DE", "+49301234567"),
        ("030/123 45-67", "de", "+49301234567"),
        ("0049 30 1234567", "DE", "+49301234567"),
        ("+49 (0)30 1234567", "", "+49301234567"),
        ("020 7946 0958", "GB", "+442079460958"),
        ("06 6982 1234", "IT", "+390669821234"),
        ("tel:+4915112345678", "", "+4915112345678"),
        ("٠٣٠ ١٢٣٤٥٦٧", "DE", "+49301234567"),
        ("Ann@Example.org", "", "ann@example.org"),
    ],
)
def test_a_number_is_read_as_people_dial_it(text: str, region: str, normal: str) -> None:
    assert read_handle(text, region=region).text == normal


@pytest.mark.parametrize(
    ("text", "region", "said"),
    [
        ("030 1234567", "", "which country"),
        ("+49 30 12345678901234567", "", "too long"),
        ("+39 06 698", "", "too short"),
        ("+999 12345678", "", "no country has this code"),
        ("7946 0958", "GB", "area code"),
        ("1234", "DE", "no number of DE"),
        ("1-800-FLOWERS", "US", "it has 'F' in it"),
        ("+49301234567;ext=3", "", "it has ';' in it"),
        ("hello", "DE", "neither an e-mail address nor a phone number"),
    ],
)
def test_what_is_no_number_is_refused_with_the_reason(text: str, region: str, said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)):
        read_handle(text, region=region)


def test_a_number_that_no_table_knows_yet_is_taken_from_whoever_writes_it_in_full() -> None:
    assert read_handle("+1 555 010 9999").text == "+15550109999"


def test_a_region_is_two_letters_that_a_network_has() -> None:
    assert check_region(" de ") == "DE"
    assert (region_of(parse_handle("+4915112345678")), region_of(parse_handle("a@b.c"))) == ("DE", "")
    for wrong in ("", "XX", "Germany", "4"):
        with pytest.raises(UsageError):
            check_region(wrong)


@pytest.mark.parametrize("text", ["+49 30 1234567", " +49301234567", "+49-30-1234567", " a@b.c", "030 1234567"])
def test_a_relay_takes_numbers_in_their_one_form_only(text: str) -> None:
    with pytest.raises(UsageError):
        wire_handle(text)


@given(st.text(max_size=20) | st.from_regex(r"\+[1-9][0-9]{6,14}|[a-zA-Z.]{1,9}@[a-z]{1,9}", fullmatch=True))
def test_the_pattern_that_is_published_is_the_one_that_is_kept(text: str) -> None:
    try:
        wire_handle(text)
        taken = True
    except UsageError:
        taken = False
    fits = re.search(HANDLE_PATTERN, text) is not None and not text.endswith("\n")
    assert not taken or fits


def test_the_tables_of_numbers_are_loaded_by_nobody_who_types_an_address() -> None:
    program = (
        "import sys; from answerback.device.client import Client; from answerback.model.handle import *; "
        "read_handle('a@b.c'); parse_handle('+4930123456'); wire_handle('+4930123456'); "
        "sys.exit('phonenumbers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 0
