"""Proves that a backup opens with its passphrase alone, and that whatever was done to it is noticed and named."""

import io
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerback.crypto.backups import (
    HEADER_BYTES,
    MAGIC,
    PASSPHRASE_CHARACTERS_MAX,
    DamagedBackupError,
    WrongPassphraseError,
    open_backup,
    passphrase_strength,
    seal_backup,
)
from answerback.crypto.files import SEALED_SEGMENT_BYTES
from answerback.crypto.primitives import sha256
from answerback.model.errors import UsageError

GOOD = "violet anchor tuesday biscuit ladder"
SEGMENTS = b"one" * 100_000
"""Five chunks."""


def quick(passphrase: str, salt: bytes) -> bytes:
    """As Argon2id, but for its cost."""
    return sha256(passphrase.encode() + salt)


def sealed(plaintext: bytes, passphrase: str = GOOD) -> bytes:
    return b"".join(seal_backup(passphrase, [plaintext], stretch=quick))


def opened(data: bytes, passphrase: str = GOOD) -> bytes:
    return b"".join(open_backup(passphrase, io.BytesIO(data).read, stretch=quick))


def chunks(data: bytes) -> list[bytes]:
    body = data[HEADER_BYTES:]
    return [body[start : start + SEALED_SEGMENT_BYTES] for start in range(0, len(body), SEALED_SEGMENT_BYTES)]


def joined(data: bytes, parts: Iterable[bytes]) -> bytes:
    return data[:HEADER_BYTES] + b"".join(parts)


@given(st.lists(st.binary(max_size=100_000), max_size=4))
def test_what_was_sealed_is_opened(pieces: list[bytes]) -> None:
    data = b"".join(seal_backup(GOOD, pieces, stretch=quick))
    assert opened(data) == b"".join(pieces)


def test_the_real_cost_of_a_guess_is_paid_and_the_same_words_typed_elsewhere_are_the_same() -> None:
    data = b"".join(seal_backup("caf\u00e9 anchor tuesday biscuit ladder", [b"hello"]))
    assert b"".join(open_backup("cafe\u0301 anchor tuesday biscuit ladder ", io.BytesIO(data).read)) == b"hello"


def test_two_backups_of_the_same_have_nothing_in_common() -> None:
    one, other = sealed(SEGMENTS), sealed(SEGMENTS)
    assert not set(chunks(one)) & set(chunks(other))


def test_a_wrong_passphrase_is_told_from_damage() -> None:
    data = sealed(SEGMENTS)
    with pytest.raises(WrongPassphraseError):
        opened(data, GOOD + "x")
    for position in (len(MAGIC) + 3, HEADER_BYTES - 20, HEADER_BYTES - 1):
        changed = bytearray(data)
        changed[position] ^= 1
        with pytest.raises(DamagedBackupError, match="beginning"):
            opened(bytes(changed))


@given(st.integers(0, 1 << 24), st.integers(0, 7))
def test_any_changed_bit_is_noticed(position: int, bit: int) -> None:
    data = bytearray(sealed(SEGMENTS))
    data[position % len(data)] ^= 1 << bit
    with pytest.raises((DamagedBackupError, UsageError)):
        opened(bytes(data))


@given(st.integers(0, 1 << 24))
def test_wherever_it_is_cut_that_is_noticed(length: int) -> None:
    data = sealed(SEGMENTS)
    with pytest.raises(DamagedBackupError):
        opened(data[: length % len(data)])


def test_chunks_that_are_cut_off_swapped_left_out_repeated_or_added_are_noticed() -> None:
    data, other = sealed(SEGMENTS), sealed(SEGMENTS)
    parts = chunks(data)
    assert len(parts) == 5
    with pytest.raises(DamagedBackupError, match="cut short"):
        opened(joined(data, parts[:-1]))
    for changed in (
        [parts[1], parts[0], *parts[2:]],
        [*parts[:2], *parts[3:]],
        [parts[0], *parts],
        [*parts, parts[-1]],
        [*parts, b"x"],
        [parts[0], chunks(other)[1], *parts[2:]],
        [],
    ):
        with pytest.raises(DamagedBackupError):
            opened(joined(data, changed))


def test_a_backup_of_a_later_version_is_not_called_damaged() -> None:
    from answerback.crypto import backups

    data = bytearray(sealed(b""))
    data[len(MAGIC)] = 2
    data[HEADER_BYTES - 8 : HEADER_BYTES] = backups._checksum(bytes(data[: HEADER_BYTES - 8]))
    with pytest.raises(UsageError, match="version 2"):
        opened(bytes(data))
    with pytest.raises(DamagedBackupError, match="not a backup"):
        opened(b"%PDF-1.7 something else altogether")


@pytest.mark.parametrize(
    "weak",
    ["", "password", "aaaaaaaaaaaaaaaaaaaaaaaaaaaa", "12345678901234567890", "abcdefghijklmnop", "one two three"],
)
def test_a_passphrase_that_is_easy_to_guess_is_refused_with_advice(weak: str) -> None:
    assert not passphrase_strength(weak).is_enough
    with pytest.raises(UsageError, match="five or more words"):
        list(seal_backup(weak, [b""], stretch=quick))


@pytest.mark.parametrize("good", [GOOD, "kX9$wq2!Lp0zRv", "7fQmT2xLw9PzKc4B"])
def test_a_good_passphrase_is_taken(good: str) -> None:
    assert passphrase_strength(good).is_enough


@given(st.text(max_size=50))
def test_no_passphrase_breaks_the_measure_and_repeating_it_adds_no_words(text: str) -> None:
    strength = passphrase_strength(text)
    assert strength.bits >= 0
    words = " ".join([*text.split(), *text.split()])
    if len(text.split()) > 1:
        assert passphrase_strength(words).bits <= 12.0 * len({word.casefold() for word in text.split()})


def test_a_passphrase_has_an_end() -> None:
    with pytest.raises(UsageError, match="at most"):
        list(seal_backup("x y" * PASSPHRASE_CHARACTERS_MAX, [b""], stretch=quick))
