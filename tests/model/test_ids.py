"""Proves that ids are what their standards say, prove their keys, and cannot be mixed up."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerback.model.errors import UsageError
from answerback.model.ids import (
    ID_BYTES,
    UUID7_RANDOM_BYTES,
    AccountId,
    account_id,
    conversation_id,
    device_id,
    envelope_id,
    message_id,
    message_id_text,
    parse_message_id,
)

randomness = st.binary(min_size=UUID7_RANDOM_BYTES, max_size=UUID7_RANDOM_BYTES)


@given(st.integers(0, (1 << 48) - 1), randomness)
def test_a_message_id_is_a_uuid_of_version_seven_with_its_time_in_front(wall_ms: int, noise: bytes) -> None:
    identity = message_id(wall_ms=wall_ms, randomness=noise)
    read = uuid.UUID(bytes=identity)
    assert (read.version, read.variant) == (7, uuid.RFC_4122)
    assert int.from_bytes(identity[:6], "big") == wall_ms
    assert parse_message_id(f" {message_id_text(identity)}\n") == identity


@given(st.integers(-(10**15), 10**18), randomness)
def test_any_clock_makes_an_id(wall_ms: int, noise: bytes) -> None:
    assert len(message_id(wall_ms=wall_ms, randomness=noise)) == ID_BYTES


def test_too_little_randomness_and_a_wrong_text_are_refused() -> None:
    with pytest.raises(UsageError, match="10 random bytes"):
        message_id(wall_ms=0, randomness=b"")
    with pytest.raises(UsageError, match="not a message id"):
        parse_message_id("hello")


def test_the_same_key_names_an_account_and_a_device_differently() -> None:
    assert bytes(account_id(b"k" * 32)) != bytes(device_id(b"k" * 32))
    assert len(account_id(b"k" * 32)) == len(device_id(b"k" * 32)) == len(envelope_id(b"")) == ID_BYTES


@given(st.frozensets(st.binary(min_size=16, max_size=16).map(AccountId), min_size=1, max_size=5))
def test_a_conversation_is_named_by_who_takes_part_and_nothing_else(members: frozenset[AccountId]) -> None:
    assert conversation_id(members) == conversation_id(frozenset(sorted(members, reverse=True)))
    more = members | {AccountId(b"x" * 17)}
    assert conversation_id(members) != conversation_id(more)
