"""Proves that files travel in pieces that resume, one at a time, and that what is missing is asked for patiently."""

from answerback.core.effects import Download, KeepTransfer, Save, Upload
from answerback.core.transfers import (
    AGAIN_S,
    MISSING_AGAIN_S,
    MISSING_AGAIN_S_MAX,
    PIECE_BYTES_MAX,
    PIECE_BYTES_MIN,
    PIECE_BYTES_START,
    Transfers,
)
from answerback.model.ids import AccountId, BlobId
from tests.core.specimens import BLOB, message_number

TOKEN = b"token"
MESSAGE = message_number(1)
AUTHOR = AccountId(b"a" * 16)
POST = AUTHOR, MESSAGE
TOTAL = 100_000
UP = Upload(AUTHOR, MESSAGE, BLOB, 0, TOTAL, TOKEN)
DOWN = Download(AUTHOR, MESSAGE, BLOB, 0, TOTAL, TOKEN)


def uploading(total_bytes: int = TOTAL) -> Transfers:
    transfers = Transfers()
    transfers.add(POST, BLOB, uploading=True, total_bytes=total_bytes)
    return transfers


def test_one_piece_is_under_way_at_a_time() -> None:
    transfers = uploading()
    transfers.add((AUTHOR, message_number(2)), BlobId(b"c" * 16), uploading=False, total_bytes=10)
    assert transfers.next(token=b"", rate_bytes_per_s=0, now_s=0) == []
    assert transfers.next(token=TOKEN, rate_bytes_per_s=0, now_s=0) == [
        Upload(AUTHOR, MESSAGE, BLOB, 0, PIECE_BYTES_START, TOKEN)
    ]
    assert transfers.next(token=TOKEN, rate_bytes_per_s=0, now_s=0) == []
    assert len(transfers) == 2


def test_a_piece_is_about_a_second_of_the_measured_rate() -> None:
    for rate, expected in ((1.0, PIECE_BYTES_MIN), (50_000.0, 50_000), (10.0**9, PIECE_BYTES_MAX)):
        (piece,) = uploading(10**7).next(token=TOKEN, rate_bytes_per_s=rate, now_s=0)
        assert isinstance(piece, Upload)
        assert piece.length == expected


def test_a_file_is_there_when_its_last_byte_is() -> None:
    transfers = uploading()
    is_there, effects = transfers.moved(UP, done_bytes=TOTAL - 1)
    assert not is_there
    assert transfers.progress(POST) == (TOTAL - 1, TOTAL)
    is_there, effects = transfers.moved(UP, done_bytes=TOTAL)
    assert is_there
    assert effects == [
        Save(KeepTransfer(AUTHOR, MESSAGE, BLOB, uploading=True, total_bytes=TOTAL, done_bytes=TOTAL, finished=True))
    ]
    assert not transfers.active(POST)
    assert transfers.progress(POST) is None
    assert transfers.moved(UP, done_bytes=TOTAL) == (False, [])


def test_a_piece_that_failed_is_tried_again_from_where_it_was() -> None:
    transfers = uploading()
    transfers.moved(UP, done_bytes=40_000)
    transfers.next(token=TOKEN, rate_bytes_per_s=0, now_s=5.0)
    transfers.failed(UP, missing=False, now_s=5.0)
    assert transfers.next(token=TOKEN, rate_bytes_per_s=0, now_s=5.0 + AGAIN_S - 0.1) == []
    assert transfers.wake_at is not None
    assert transfers.wake_at.at_s == 5.0 + AGAIN_S
    (piece,) = transfers.next(token=TOKEN, rate_bytes_per_s=0, now_s=5.0 + AGAIN_S)
    assert isinstance(piece, Upload)
    assert piece.offset == 40_000


def test_an_upload_whose_beginning_the_relay_has_lost_begins_anew() -> None:
    transfers = uploading()
    transfers.moved(UP, done_bytes=40_000)
    transfers.failed(UP, missing=True, now_s=0.0)
    assert transfers.progress(POST) == (0, TOTAL)


def test_asking_again_for_a_lost_file_does_not_set_an_upload_back() -> None:
    transfers = uploading()
    transfers.moved(UP, done_bytes=40_000)
    assert transfers.restart(POST, BLOB, total_bytes=TOTAL) == []
    assert transfers.progress(POST) == (40_000, TOTAL)


def test_a_file_the_relay_has_not_got_is_looked_for_ever_less_often() -> None:
    transfers, now_s, waits = Transfers(), 0.0, []
    transfers.add(POST, BLOB, uploading=False, total_bytes=TOTAL)
    for _ in range(12):
        (piece,) = transfers.next(token=TOKEN, rate_bytes_per_s=0, now_s=now_s)
        assert isinstance(piece, Download)
        transfers.failed(DOWN, missing=True, now_s=now_s)
        assert transfers.wake_at is not None
        waits.append(transfers.wake_at.at_s - now_s)
        now_s = transfers.wake_at.at_s
    assert waits[:2] == [MISSING_AGAIN_S, 2 * MISSING_AGAIN_S]
    assert waits[-1] == MISSING_AGAIN_S_MAX


def test_a_lost_connection_and_a_restart_cost_one_piece_at_most() -> None:
    transfers = uploading()
    _, (fact,) = transfers.moved(UP, done_bytes=40_000)
    transfers.next(token=TOKEN, rate_bytes_per_s=0, now_s=0.0)
    transfers.failed(UP, missing=False, now_s=0.0)
    transfers.disconnected()
    assert transfers.next(token=TOKEN, rate_bytes_per_s=0, now_s=0.0)
    again = Transfers()
    assert isinstance(fact, Save)
    assert isinstance(fact.fact, KeepTransfer)
    again.restore(
        [
            fact.fact,
            KeepTransfer(
                AUTHOR,
                message_number(2),
                BlobId(b"d" * 16),
                uploading=False,
                total_bytes=5,
                done_bytes=5,
                finished=True,
            ),
        ]
    )
    assert len(again) == 1
    assert again.progress(POST) == (40_000, TOTAL)


def test_two_messages_that_name_one_blob_are_two_files() -> None:
    transfers = Transfers()
    other = AccountId(b"m" * 16), MESSAGE
    assert transfers.add(other, BLOB, uploading=False, total_bytes=TOTAL)
    assert transfers.add(POST, BLOB, uploading=False, total_bytes=TOTAL)
    assert transfers.active(POST)
    (piece,) = transfers.next(token=TOKEN, rate_bytes_per_s=0, now_s=0)
    assert isinstance(piece, Download)
    assert (piece.author, piece.message) == other
    assert transfers.moved(piece, done_bytes=TOTAL)[0]
    assert transfers.active(POST)
    assert not transfers.active(other)
