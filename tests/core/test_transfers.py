"""Proves that files travel in pieces that resume, one at a time, and that what is missing is asked for patiently."""

from answerback.core.effects import Download, FileReady, Reason, Save, Tell, Upload, Wake
from answerback.core.facts import KeepTransfer
from answerback.core.transfers import (
    AGAIN_S,
    MISSING_AGAIN_S,
    MISSING_AGAIN_S_MAX,
    PIECE_BYTES_MAX,
    PIECE_BYTES_MIN,
    PIECE_BYTES_START,
    PIECE_S,
    Transfers,
)
from answerback.model.causes import Cause
from answerback.model.ids import AccountId, BlobId
from answerback.wire.turns import SMALL_BYTES_MAX
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
    transfers.add((AUTHOR, message_number(2)), BlobId(b"c" * 16), uploading=False, total_bytes=TOTAL)
    assert transfers.next(token=b"", rate_bytes_per_s=0, now_s=0) == []
    assert transfers.next(token=TOKEN, rate_bytes_per_s=0, now_s=0) == [
        Upload(AUTHOR, MESSAGE, BLOB, 0, PIECE_BYTES_START, TOKEN)
    ]
    assert transfers.next(token=TOKEN, rate_bytes_per_s=0, now_s=0) == []
    assert len(transfers) == 2


def test_a_piece_is_some_seconds_of_the_measured_rate() -> None:
    for rate, expected in ((1.0, PIECE_BYTES_MIN), (50_000.0, int(50_000 * PIECE_S)), (10.0**9, PIECE_BYTES_MAX)):
        (piece,) = uploading(10**7).next(token=TOKEN, rate_bytes_per_s=rate, now_s=0)
        assert isinstance(piece, Upload)
        assert piece.length == expected


def test_a_small_file_does_not_wait_for_all_of_a_large_one_nor_the_large_one_for_ever() -> None:
    transfers = Transfers()
    transfers.add((AUTHOR, message_number(1)), BLOB, uploading=True, total_bytes=10**8)
    for number in range(2, 140):
        transfers.add((AUTHOR, message_number(number)), BLOB, uploading=True, total_bytes=SMALL_BYTES_MAX)
    order = []
    for _ in range(120):
        (piece,) = transfers.next(token=TOKEN, rate_bytes_per_s=10**6, now_s=0)
        assert isinstance(piece, Upload)
        order.append(piece.message)
        transfers.moved(piece, done_bytes=piece.offset + piece.length)
    assert message_number(2) in order[:2]
    assert order.count(message_number(1)) > 1
    assert len(set(order)) > 10


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
    wake = transfers.wake_at()
    assert wake is not None
    assert wake.at_s == 5.0 + AGAIN_S
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
        wake = transfers.wake_at()
        assert wake is not None
        waits.append(wake.at_s - now_s)
        now_s = wake.at_s
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
    assert again.messages == [MESSAGE]
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


def test_what_was_added_is_on_disk_before_its_first_piece_leaves_and_goes_on_after_a_restart() -> None:
    transfers = Transfers()
    fact = KeepTransfer(AUTHOR, MESSAGE, BLOB, uploading=False, total_bytes=TOTAL, done_bytes=0, finished=False)
    assert transfers.add(POST, BLOB, uploading=False, total_bytes=TOTAL) == [Save(fact)]
    assert transfers.add(POST, BLOB, uploading=False, total_bytes=TOTAL) == [], "the same promise"
    again = Transfers()
    again.restore([KeepTransfer(AUTHOR, MESSAGE, BLOB, uploading=False, total_bytes=90, done_bytes=30, finished=False)])
    wakes = [again.wake_at()]
    assert again.next(token=TOKEN, rate_bytes_per_s=0, now_s=0.0) == [Download(AUTHOR, MESSAGE, BLOB, 30, 60, TOKEN)]
    wakes.append(again.wake_at())
    assert wakes == [Wake(0.0, Reason.TRANSFER), None], "one piece is under way"
    assert again.moved(DOWN, done_bytes=95) == (
        True,
        [Save(KeepTransfer(AUTHOR, MESSAGE, BLOB, uploading=False, total_bytes=90, done_bytes=90, finished=True))],
    )


def test_a_piece_that_fails_lets_the_next_file_go_first_and_one_unknown_changes_nothing() -> None:
    transfers = uploading()
    second = AUTHOR, message_number(2)
    transfers.add(second, BlobId(b"c" * 16), uploading=False, total_bytes=TOTAL)
    (piece,) = transfers.next(token=TOKEN, rate_bytes_per_s=0, now_s=0)
    transfers.failed(Upload(AUTHOR, message_number(9), BLOB, 0, 1, TOKEN), missing=False, now_s=0.0)
    assert transfers.next(token=TOKEN, rate_bytes_per_s=0, now_s=0) == [], "another one's end is not this one's"
    assert isinstance(piece, Upload)
    transfers.failed(piece, missing=False, now_s=0.0)
    (other,) = transfers.next(token=TOKEN, rate_bytes_per_s=0, now_s=0)
    assert isinstance(other, Download)
    assert other.message == second[1]
    transfers.failed(other, missing=False, now_s=1.0)
    assert transfers.wake_at() == Wake(AGAIN_S, Reason.TRANSFER), "the earlier of both"


def test_each_file_that_arrives_ends_the_waits_of_misses_before_it() -> None:
    transfers = Transfers()
    transfers.add(POST, BLOB, uploading=False, total_bytes=TOTAL)
    for _ in range(3):
        transfers.failed(DOWN, missing=True, now_s=0.0)
    transfers.moved(DOWN, done_bytes=10)
    transfers.failed(DOWN, missing=True, now_s=0.0)
    assert transfers.wake_at() == Wake(MISSING_AGAIN_S, Reason.TRANSFER)


def test_a_file_given_up_is_said_to_be_missing_and_never_said_to_be_there() -> None:
    transfers = Transfers()
    assert transfers.give_up(DOWN) == []
    transfers.add(POST, BLOB, uploading=False, total_bytes=TOTAL)
    transfers.moved(DOWN, done_bytes=40_000)
    saved, said = transfers.give_up(DOWN)
    ended = KeepTransfer(AUTHOR, MESSAGE, BLOB, uploading=False, total_bytes=TOTAL, done_bytes=40_000, finished=True)
    assert saved == Save(ended)
    assert said == Tell(FileReady(MESSAGE, BLOB, Cause.MESSAGE_FILE_MISSING))
    assert (len(transfers), transfers.active(POST)) == (0, True)
    again = Transfers()
    again.restore([ended])
    assert (len(again), again.active(POST)) == (0, True), "after a restart too"
    whole = Transfers()
    whole.add(POST, BLOB, uploading=False, total_bytes=TOTAL)
    whole._transfers[POST].done_bytes = TOTAL
    (fact, _) = whole.give_up(DOWN)
    assert isinstance(fact, Save)
    assert isinstance(fact.fact, KeepTransfer)
    assert fact.fact.done_bytes == TOTAL - 1, "its bytes came, and were not what was promised"


def test_a_file_nobody_wants_any_more_is_let_go_and_stays_so_after_a_restart() -> None:
    transfers = uploading()
    other = AUTHOR, message_number(2)
    transfers.add(other, BlobId(b"c" * 16), uploading=True, total_bytes=TOTAL)
    transfers.next(token=TOKEN, rate_bytes_per_s=0, now_s=0)
    assert transfers.abandon((AUTHOR, message_number(9))) == []
    assert transfers.next(token=TOKEN, rate_bytes_per_s=0, now_s=0) == [], "another one's end is not this one's"
    ended = KeepTransfer(AUTHOR, MESSAGE, BLOB, uploading=True, total_bytes=TOTAL, done_bytes=0, finished=True)
    assert transfers.abandon(POST) == [Save(ended)]
    assert transfers.progress(POST) is None
    (piece,) = transfers.next(token=TOKEN, rate_bytes_per_s=0, now_s=0)
    assert isinstance(piece, Upload)
    assert piece.message == other[1], "the next file goes on at once"


def test_files_of_messages_that_have_ended_are_brought_no_more_but_for_the_piece_under_way() -> None:
    transfers = Transfers()
    posts = [(AUTHOR, message_number(number)) for number in (1, 2, 3)]
    for number, post in enumerate(posts, start=1):
        transfers.add(post, BlobId(bytes([number]) * 16), uploading=True, total_bytes=TOTAL)
    coming = AUTHOR, message_number(4)
    transfers.add(coming, BLOB, uploading=False, total_bytes=TOTAL)
    transfers.next(token=TOKEN, rate_bytes_per_s=0, now_s=0)
    (saved,) = transfers.retire({posts[1][1]})
    assert isinstance(saved, Save)
    assert isinstance(saved.fact, KeepTransfer)
    assert (saved.fact.message, saved.fact.finished) == (posts[2][1], True)
    left = [post for post in (*posts, coming) if transfers.progress(post) is not None]
    assert left == [posts[0], posts[1], coming], "under way, wanted, and on its way here"


def test_nobody_but_its_author_ends_the_wait_for_a_file() -> None:
    waiting = Transfers()
    waiting.add(POST, BLOB, uploading=False, total_bytes=TOTAL)
    assert waiting.void(AccountId(b"b" * 16), [BLOB]) == []
    assert waiting.void(AUTHOR, [BlobId(b"c" * 16)]) == []
    assert len(waiting) == 1
    saved, said = waiting.void(AUTHOR, [BLOB])
    assert isinstance(saved, Save)
    assert said == Tell(FileReady(MESSAGE, BLOB, Cause.MESSAGE_FILE_MISSING))
    assert waiting.active(POST), "it is never said to be delivered"
    assert uploading().void(AUTHOR, [BLOB]) == [], "what this device brings is no matter of others"
