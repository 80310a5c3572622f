"""Proves that a link survives being written and read, and that what is no link is told from one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerback.model.errors import UsageError
from answerback.model.invitation import Invitation, parse_invitation

HOSTS = st.sampled_from(["relay.example", "a", "192.0.2.7", "2001:db8::1", "::1", "xn--bcher-kva.example"])
PINS = st.one_of(st.just(b""), st.binary(min_size=32, max_size=32))
TOKENS = st.one_of(st.just(""), st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True))


@given(HOSTS, st.integers(1, 65_535), PINS, TOKENS)
def test_a_link_is_read_as_it_was_written(host: str, port: int, pin: bytes, token: str) -> None:
    link = Invitation(host=host, port=port, pin=pin, token=token)
    assert parse_invitation(f"  {link}\n") == link


def test_a_link_is_written_as_documented_and_its_repr_keeps_the_secret() -> None:
    link = Invitation(host="relay.example", port=7443, pin=b"\xab" * 32, token="s3cret")
    assert str(link) == f"answerback://relay.example:7443/?pin={'ab' * 32}&invitation=s3cret"
    assert link.url == "https://relay.example:7443"
    assert "s3cret" not in repr(link)


def test_words_of_later_versions_are_passed_over() -> None:
    link = parse_invitation("answerback://relay.example?later=1&invitation=abc")
    assert (link.port, link.token, link.pin) == (443, "abc", b"")


@given(st.text(max_size=80))
def test_no_text_breaks_the_reading(text: str) -> None:
    try:
        parse_invitation(text)
    except UsageError:
        return


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://relay.example/",
        "answerback://",
        "answerback://relay.example:0/",
        "answerback://relay.example:70000/",
        "answerback://user@relay.example/",
        "answerback://relay.example/path",
        "answerback://relay.example/?pin=abcd",
        "answerback://relay.example/?invitation=" + "a" * 65,
        "answerback://" + "a" * 600,
        "answerback://relay.example/?invitation=a b",
    ],
)
def test_what_is_no_link_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_invitation(text)
