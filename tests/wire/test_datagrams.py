"""Datagrams are small, all alike, and mean one thing or nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerback.model.errors import PeerError
from answerback.wire.datagrams import (
    CALL_NUMBER_MAX,
    DATAGRAM_BYTES,
    HEAD_BYTES,
    NUMBER_MAX,
    SEAL_BYTES,
    TAG_BYTES,
    TOKEN_BYTES,
    WORDS_BYTES,
    Ask,
    Call,
    FromDevice,
    FromRelay,
    Here,
    There,
    read_from_device,
    read_from_relay,
    read_head,
    write_head,
    write_words,
)

IPV4_BYTES, IPV6_BYTES, UDP_BYTES = 20, 40, 8
PROBE_BYTES_MAX = 100

numbers = st.integers(0, NUMBER_MAX)
tokens = st.integers(0, 256**TOKEN_BYTES - 1)
from_devices: st.SearchStrategy[FromDevice] = st.builds(Here, tokens) | st.builds(Ask, tokens)
theres = st.builds(
    There, question=numbers, is_waiting=st.booleans(), is_connected=st.booleans(), is_proven=st.booleans(), token=tokens
)
calls = st.builds(Call, st.integers(0, CALL_NUMBER_MAX), is_connected=st.booleans())
from_relays: st.SearchStrategy[FromRelay] = theres | calls


def test_a_datagram_is_below_what_a_probe_may_have_on_both_kinds_of_internet() -> None:
    assert DATAGRAM_BYTES == HEAD_BYTES + WORDS_BYTES + SEAL_BYTES
    assert IPV4_BYTES + UDP_BYTES + DATAGRAM_BYTES == 76
    assert IPV6_BYTES + UDP_BYTES + DATAGRAM_BYTES < PROBE_BYTES_MAX


@given(from_devices | from_relays)
def test_all_words_have_one_length(words: FromDevice | FromRelay) -> None:
    assert len(write_words(words)) == WORDS_BYTES


@given(from_devices)
def test_what_a_device_says_is_read_as_it_was_meant_and_by_a_relay_alone(words: FromDevice) -> None:
    written = write_words(words)
    assert read_from_device(written) == words
    with pytest.raises(PeerError):
        read_from_relay(written)


@given(from_relays)
def test_what_a_relay_says_is_read_as_it_was_meant_and_by_a_device_alone(words: FromRelay) -> None:
    written = write_words(words)
    assert read_from_relay(written) == words
    with pytest.raises(PeerError):
        read_from_device(written)


@given(st.binary(max_size=2 * WORDS_BYTES))
def test_any_bytes_are_refused_or_are_written_again_as_they_came(data: bytes) -> None:
    for read in (read_from_device, read_from_relay):
        try:
            words = read(data)
        except PeerError:
            continue
        assert write_words(words) == data


@given(st.binary(min_size=TAG_BYTES, max_size=TAG_BYTES), numbers)
def test_a_head_is_read_as_it_was_written(tag: bytes, number: int) -> None:
    head = write_head(tag, number)
    assert read_head(head + bytes(DATAGRAM_BYTES - HEAD_BYTES)) == (tag, number)


@pytest.mark.parametrize("size_bytes", [0, 1, DATAGRAM_BYTES - 1, DATAGRAM_BYTES + 1, 1_500])
def test_another_size_is_nothing_of_ours(size_bytes: int) -> None:
    with pytest.raises(PeerError, match=f"{size_bytes} bytes"):
        read_head(bytes(size_bytes))
