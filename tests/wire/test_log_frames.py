"""Proves that no frame about the log is larger than it may be."""

import pytest

from answerback.model.devices import Signed
from answerback.model.errors import PeerError
from answerback.model.log import ENTRY_BYTES_MAX, LINE_BYTES
from answerback.wire.codec import decode_client_frame, decode_relay_frame, encode
from answerback.wire.frames import FRAME_BYTES_MAX, ClientFrame, RelayFrame
from answerback.wire.log_frames import (
    DISCLOSED_MAX,
    FRONTIER_MAX,
    LINES_MAX,
    PATH_MAX,
    Disclose,
    Disclosed,
    Follow,
    Followed,
    Reminded,
)

HASH = b"h" * 32
HEAD = Signed(bytes(120), bytes(64))


@pytest.mark.parametrize(
    "frame", [Disclose(1, [1] * (DISCLOSED_MAX + 1)), Disclose(1, [-1]), Follow(1, -1, 0), Follow(1, 0, 1 << 54)]
)
def test_a_device_that_asks_for_too_much_breaks_the_protocol(frame: ClientFrame) -> None:
    with pytest.raises(PeerError):
        decode_client_frame(encode(frame))


@pytest.mark.parametrize(
    "frame",
    [
        Followed(1, 0, bytes(LINES_MAX * LINE_BYTES + 1), HEAD, []),
        Followed(1, 0, b"", HEAD, [HASH] * (PATH_MAX + 1)),
        Followed(1, 0, b"", HEAD, [], [HASH] * (FRONTIER_MAX + 1)),
        Followed(1, 0, b"", HEAD, [b"short"]),
        Disclosed(1, [b""] * (DISCLOSED_MAX + 1)),
        Disclosed(1, [bytes(ENTRY_BYTES_MAX + 1)]),
        Reminded(1, HEAD, [HASH] * (PATH_MAX + 1), []),
    ],
)
def test_a_relay_that_says_too_much_breaks_the_protocol(frame: RelayFrame) -> None:
    with pytest.raises(PeerError):
        decode_relay_frame(encode(frame))


def test_the_largest_answer_fits_a_frame() -> None:
    full = Followed(1, 0, bytes(LINES_MAX * LINE_BYTES), HEAD, [HASH] * PATH_MAX, [HASH] * FRONTIER_MAX)
    data = encode(full)
    assert decode_relay_frame(data) == full
    assert len(data) < FRAME_BYTES_MAX // 16
