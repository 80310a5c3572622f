"""Proves that a file comes out as it went in, from any point on, or is refused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from answerback.crypto.files import (
    SEALED_SEGMENT_BYTES,
    SEGMENT_BYTES,
    SEGMENTS_MAX,
    make_file_key,
    open_file,
    open_segment,
    seal_file,
    seal_segment,
    sealed_offset,
    sealed_size,
    segment_count,
)
from answerback.crypto.primitives import CannotOpenError, random_bytes
from answerback.model.errors import UsageError

KEY = make_file_key()
SIZES = [0, 1, SEGMENT_BYTES - 1, SEGMENT_BYTES, SEGMENT_BYTES + 1, 3 * SEGMENT_BYTES, 3 * SEGMENT_BYTES + 5]
FILE = random_bytes(2 * SEGMENT_BYTES + 5)
SEALED = list(seal_file(KEY, [FILE]))


def opened(chunks: list[bytes], key: bytes = KEY) -> bytes:
    return b"".join(open_file(key, chunks))


@pytest.mark.parametrize("size", SIZES)
def test_a_file_of_any_size_comes_back_and_is_as_large_as_promised(size: int) -> None:
    content = random_bytes(size)
    sealed = list(seal_file(KEY, [content]))
    assert len(sealed) == segment_count(size)
    assert sum(map(len, sealed)) == sealed_size(size)
    assert opened(sealed) == content


@settings(max_examples=30)
@given(st.lists(st.integers(0, 90_000), max_size=6), st.lists(st.integers(1, 90_000), min_size=1, max_size=6))
def test_how_a_file_was_cut_on_its_way_makes_no_difference(cuts: list[int], other_cuts: list[int]) -> None:
    pieces = cut(FILE, cuts)
    assert list(seal_file(KEY, pieces)) == SEALED
    assert opened(cut(b"".join(SEALED), other_cuts)) == FILE


@given(segment=st.integers(0, 2), bit=st.integers(min_value=0))
def test_no_bit_of_a_file_can_be_changed(segment: int, bit: int) -> None:
    changed = bytearray(SEALED[segment])
    changed[bit // 8 % len(changed)] ^= 1 << bit % 8
    with pytest.raises(CannotOpenError):
        opened([*SEALED[:segment], bytes(changed), *SEALED[segment + 1 :]])


@pytest.mark.parametrize(
    "chunks",
    [
        SEALED[:2],
        SEALED[:1],
        [],
        SEALED[1:],
        [SEALED[1], SEALED[0], SEALED[2]],
        [SEALED[0], SEALED[0], SEALED[2]],
        [SEALED[0], SEALED[2]],
        [*SEALED, SEALED[2]],
        [*SEALED, b"x"],
        [*SEALED[:2], SEALED[2][:-1]],
    ],
    ids="cut2 cut1 empty headless swapped repeated gap longer appended clipped".split(),
)
def test_a_file_that_is_cut_reordered_or_added_to_is_refused(chunks: list[bytes]) -> None:
    with pytest.raises(CannotOpenError):
        opened(chunks)


def test_a_file_cut_at_a_segment_is_noticed_even_when_its_last_segment_was_full() -> None:
    sealed = list(seal_file(KEY, [bytes(2 * SEGMENT_BYTES)]))
    with pytest.raises(CannotOpenError):
        opened(sealed[:1])


def test_a_file_does_not_open_with_the_key_of_another() -> None:
    with pytest.raises(CannotOpenError):
        opened(SEALED, key=make_file_key())


def test_one_segment_can_be_fetched_and_opened_alone() -> None:
    whole = b"".join(SEALED)
    start = sealed_offset(1)
    assert (
        open_segment(KEY, 1, whole[start : start + SEALED_SEGMENT_BYTES], last=False)
        == FILE[SEGMENT_BYTES : 2 * SEGMENT_BYTES]
    )
    with pytest.raises(CannotOpenError):
        open_segment(KEY, 1, SEALED[1], last=True)
    with pytest.raises(CannotOpenError):
        open_segment(KEY, 0, SEALED[1], last=False)


def test_the_same_segment_sealed_again_is_the_same_bytes() -> None:
    assert seal_segment(KEY, 2, FILE[2 * SEGMENT_BYTES :], last=True) == SEALED[2]


def test_segments_that_no_reader_could_place_are_not_sealed() -> None:
    for index, size, last in ((0, SEGMENT_BYTES - 1, False), (0, SEGMENT_BYTES + 1, True), (SEGMENTS_MAX, 1, True)):
        with pytest.raises(UsageError):
            seal_segment(KEY, index, bytes(size), last=last)
    with pytest.raises(UsageError):
        open_segment(KEY, -1, SEALED[0], last=False)


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    pieces, start = [], 0
    for size in sizes:
        pieces.append(data[start : start + size])
        start += size
    return [*pieces, data[start:]]
