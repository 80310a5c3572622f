"""Proves that what comes as a word of the log has the sizes it must have."""

import msgspec
import pytest

from answerback.model.ids import AccountId
from answerback.model.log import ENTRY_BYTES_MAX, LINE_BYTES, HandleEntry, ListEntry, Placed, TreeHead

HASH, NONCE, ANN = b"h" * 32, b"n" * 16, AccountId(b"A" * 16)


@pytest.mark.parametrize(
    "value",
    [
        TreeHead(b"short", 0, 1, HASH, 5),
        TreeHead(HASH, -1, 1, HASH, 5),
        TreeHead(HASH, 0, 1, HASH[:31], 5),
        ListEntry(NONCE[:15], ANN, 1, HASH),
        ListEntry(NONCE, AccountId(b"A"), 1, HASH),
        HandleEntry(NONCE, HASH[:31], ANN),
        Placed(-1, b"", []),
        Placed(1, bytes(ENTRY_BYTES_MAX + 1), []),
        Placed(1, b"", [HASH] * 65),
        Placed(1, b"", [b"short"]),
    ],
)
def test_a_word_of_another_size_is_refused(value: msgspec.Struct) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.msgpack.decode(msgspec.msgpack.encode(value), type=type(value))


def test_a_line_is_two_bytes_and_a_hash() -> None:
    assert LINE_BYTES == 34
