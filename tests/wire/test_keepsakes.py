"""Proves that a row of records is read back, and that no row that is not one gets through or costs much."""

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerback.model.errors import PeerError
from answerback.model.ids import AccountId, ConversationId, DeviceId, MessageId
from answerback.model.message import Urgency
from answerback.model.stamp import Stamp
from answerback.model.trust import How, Vouched
from answerback.wire.keepsakes import (
    FORMAT,
    RECORD_BYTES_MAX,
    Began,
    Chosen,
    Ended,
    FileBegan,
    FileEnded,
    FilePart,
    Known,
    Moved,
    Record,
    Root,
    Sure,
    Wrote,
    read_records,
    write_records,
)

ANN, BEA = AccountId(b"A" * 16), AccountId(b"B" * 16)
PHONE, MESSAGE = DeviceId(b"P" * 16), MessageId(b"M" * 16)
BEGAN = Began(FORMAT, 5, ANN, "ann@example.org", 1, 1)
WROTE = Wrote(
    MESSAGE, ConversationId(b"C" * 16), ANN, PHONE, [BEA], "the canary", None, Urgency.NORMAL, Stamp(5, 0), [], 9, 6
)  # fmt: skip
ROW: list[Record] = [
    BEGAN,
    Root(b"s" * 32),
    Known("bea@example.org", BEA),
    Sure(Vouched(BEA, How.CODE, 7, b"r" * 32), PHONE),
    Moved("bea@example.org", BEA, ANN, 8, held=True),
    Chosen("wish", "{}"),
    WROTE,
    FileBegan(ANN, MESSAGE, 5),
    FilePart(b"hel"),
    FilePart(b"lo"),
    FileEnded(),
    Ended(1, 1),
]


def read(row: list[Record], *, piece: int = 1 << 20) -> list[Record]:
    data = b"".join(write_records(row))
    return list(read_records(data[start : start + piece] for start in range(0, len(data), piece)))


@given(st.integers(1, 300))
def test_a_row_is_read_back_in_pieces_of_any_size(piece: int) -> None:
    assert read(ROW, piece=piece) == ROW


@pytest.mark.parametrize(
    "row",
    [
        [],
        ROW[1:],
        ROW[:-1],
        [*ROW, BEGAN],
        [*ROW, ROW[-1]],
        [BEGAN, BEGAN, Ended(0, 0)],
        [BEGAN, Ended(1, 0)],
        [BEGAN, WROTE, Ended(1, 1)],
        [BEGAN, FilePart(b"x"), Ended(0, 0)],
        [BEGAN, FileEnded(), Ended(0, 0)],
        [BEGAN, WROTE, FileBegan(ANN, MESSAGE, 5), WROTE, FileEnded(), Ended(2, 1)],
        [BEGAN, WROTE, FileBegan(ANN, MESSAGE, 5), FilePart(b"hell"), FileEnded(), Ended(1, 1)],
        [BEGAN, WROTE, FileBegan(ANN, MESSAGE, 5), FilePart(b"hello!"), FileEnded(), Ended(1, 1)],
        [BEGAN, WROTE, FileBegan(ANN, MESSAGE, 0), FilePart(b""), FileEnded(), Ended(1, 1)],
        [msgspec.structs.replace(BEGAN, format=FORMAT + 1), Ended(0, 0)],
    ],
)
def test_a_row_that_cannot_be_is_refused(row: list[Record]) -> None:
    with pytest.raises(PeerError):
        read(row)


def test_a_record_that_claims_to_be_huge_is_refused_before_it_is_held() -> None:
    taken = 0

    def endless() -> object:
        nonlocal taken
        yield (RECORD_BYTES_MAX + 1).to_bytes(4, "big")
        while True:
            taken += 1
            yield b"x" * 65_536

    with pytest.raises(PeerError, match="at most"):
        list(read_records(endless()))  # type: ignore[arg-type]
    assert taken == 0


@given(st.binary(max_size=400))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    with contextlib.suppress(PeerError):
        assert next(iter(read_records([data]))) is not None


@given(st.data())
def test_no_change_of_a_row_breaks_the_reader(data: st.DataObject) -> None:
    whole = bytearray(b"".join(write_records(ROW)))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(PeerError):
        found = list(read_records([bytes(whole)]))
        assert isinstance(found[0], Began)
        assert isinstance(found[-1], Ended)


def test_no_record_shows_what_is_in_it() -> None:
    for record in ROW:
        assert repr(record) == f"{type(record).__name__}(…)"
