"""Proves that what is said of files is read as it was written, and that nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerback.model.errors import PeerError
from answerback.model.ids import BlobId
from answerback.wire.codec import encode
from answerback.wire.files import (
    MESSAGE_BYTES_MAX,
    AnyFileFrame,
    Came,
    Chunk,
    Get,
    Kept,
    Put,
    Sorry,
    decode_file_frame,
)
from answerback.wire.flight import CHUNK_BYTES_MAX

BLOB = BlobId(b"b" * 16)
FRAMES: list[AnyFileFrame] = [
    Put(BLOB, 1, 2, 3),
    Get(BLOB, 4, 5),
    Chunk(b"content"),
    Came(6),
    Kept(7, 8),
    Sorry("relay.busy", "later", 9),
]


@pytest.mark.parametrize("frame", FRAMES, ids=lambda frame: type(frame).__name__)
def test_each_frame_is_read_as_it_was_written(frame: AnyFileFrame) -> None:
    assert decode_file_frame(encode(frame)) == frame
    with pytest.raises(PeerError):
        decode_file_frame(encode(frame)[:-1])


def test_the_largest_chunk_fits_and_what_is_larger_is_refused_unread() -> None:
    assert len(encode(Chunk(bytes(CHUNK_BYTES_MAX)))) <= MESSAGE_BYTES_MAX
    with pytest.raises(PeerError, match="at most"):
        decode_file_frame(bytes(MESSAGE_BYTES_MAX + 1))


@given(st.binary(max_size=200))
def test_whatever_comes_is_a_frame_or_an_error_of_ours(data: bytes) -> None:
    try:
        frame = decode_file_frame(data)
    except PeerError:
        return
    assert isinstance(frame, AnyFileFrame)


def test_a_negative_offset_and_an_id_of_another_length_are_refused() -> None:
    for wrong in (["Put", b"short", 0, 1, 1], ["Put", bytes(16), -1, 1, 1], ["Came", -1], ["Give", 1]):
        with pytest.raises(PeerError):
            decode_file_frame(encode(wrong))


def test_content_is_not_shown() -> None:
    assert repr(Chunk(b"secret")) == "Chunk(6 bytes)"
