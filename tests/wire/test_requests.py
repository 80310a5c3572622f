"""Proves that bodies are read as they are written, bounded, and silent about whose they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerback.model.devices import Signed
from answerback.model.errors import PeerError
from answerback.wire.requests import (
    JSON_BYTES_MAX,
    AccountRequest,
    CodeRequest,
    PieceKept,
    RefusalBody,
    decode_json,
    encode_json,
)


def test_old_bytes_open_for_ever() -> None:
    old = b'{"handle":"ann@example.org","code":"123456","list":["AAE=","Ag=="]}'
    assert decode_json(old, AccountRequest) == AccountRequest("ann@example.org", "123456", Signed(b"\0\1", b"\2"))
    assert decode_json(b'{"handle":"a@b.c"}', CodeRequest) == CodeRequest("a@b.c")
    assert decode_json(b'{"cause":"relay.busy","message":"m"}', RefusalBody) == RefusalBody("relay.busy", "m", -1)


@given(st.binary(max_size=99), st.binary(max_size=99), st.text(max_size=30))
def test_a_request_is_read_as_it_was_written(body: bytes, signature: bytes, text: str) -> None:
    request = AccountRequest("ann@example.org", text, Signed(body, signature), text)
    assert decode_json(encode_json(request), AccountRequest) == request


def test_what_later_versions_add_is_passed_over() -> None:
    assert decode_json(b'{"stored_bytes":1,"total_bytes":2,"later":3}', PieceKept) == PieceKept(1, 2)


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reading(data: bytes) -> None:
    try:
        decode_json(data, AccountRequest)
    except PeerError:
        return


def test_what_is_too_large_is_not_even_read() -> None:
    with pytest.raises(PeerError, match="at most"):
        decode_json(b" " * (JSON_BYTES_MAX + 1), CodeRequest)


def test_requests_never_show_a_handle_or_a_code() -> None:
    shown = repr(AccountRequest("ann@example.org", "123456", Signed(b"", b""))) + repr(CodeRequest("ann@example.org"))
    assert "ann" not in shown
    assert "123456" not in shown
