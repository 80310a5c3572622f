"""Proves that the count finds what is missing, what is twice and what is late, on whichever device it is."""

from dataclasses import replace
from pathlib import Path

import pytest

from answerback.faces.demonstration.counting import Book, Spread, count, file_is_whole, spread
from answerback.faces.demonstration.script import Person
from answerback.model.ids import AccountId, ConversationId, DeviceId, MessageId
from answerback.model.message import Message, Urgency
from answerback.model.stamp import Stamp
from answerback.storage.messages import KeptMessage
from tests.faces.demonstration.performance import Performance

ADA, BEA = AccountId(b"a" * 32), AccountId(b"b" * 32)
SENT = 5


def message(number: int, *, urgency: Urgency = Urgency.NORMAL) -> Message:
    """One of Ada's, written a second after the one before."""
    return Message(
        id=MessageId(number.to_bytes(16)),
        conversation=ConversationId(b"c" * 32),
        author=ADA,
        author_device=DeviceId(b"1" * 16),
        recipients=frozenset({BEA}),
        text=f"{number} words",
        attachment=None,
        urgency=urgency,
        stamp=Stamp(number * 1000, 0),
        written_after=frozenset(),
        expires_ms=10**12,
    )


def book(person: Person, device: bytes, messages: list[Message], *, after_ms: int = 0) -> Book:
    """A journal in which these arrived in this order, each so long after it was written."""
    rows = tuple(
        KeptMessage(arrival, one.stamp.wall_ms + after_ms, person is Person.ADA, one)
        for arrival, one in enumerate(messages, start=1)
    )
    own = {one.id: one.stamp.wall_ms for one in messages} if person is Person.ADA else {}
    return Book(person, DeviceId(device * 16), rows, own, None, dict.fromkeys(own, 0))


@pytest.fixture
def books() -> list[Book]:
    """All is well: five messages, everywhere, in order."""
    all_five = [message(number) for number in range(1, SENT + 1)]
    return [
        book(Person.ADA, b"1", all_five),
        book(Person.BEA, b"2", all_five, after_ms=100),
        book(Person.BEA, b"3", all_five, after_ms=300),
    ]


def test_what_is_everywhere_once_and_in_order_is_counted_so(books: list[Book]) -> None:
    counted = count(books, promised=books[0].promised_ms)
    assert (counted.sent, counted.delivered, counted.lost) == (SENT, SENT, 0)
    assert (counted.duplicated, counted.out_of_order, counted.resent_copies) == (0, 0, 0)
    assert counted.deliver_ms == Spread(300, 300, 300), "until the last device has it"


@pytest.mark.parametrize("where", [1, 2])
def test_missing_on_one_device_is_lost(books: list[Book], where: int) -> None:
    books[where] = replace(books[where], rows=books[where].rows[:-1])
    counted = count(books, promised=books[0].promised_ms)
    assert (counted.sent, counted.delivered, counted.lost) == (SENT, SENT - 1, 1)


def test_promised_and_in_no_journal_is_lost(books: list[Book]) -> None:
    counted = count(books, promised=[*books[0].promised_ms, MessageId(b"x" * 16)])
    assert (counted.sent, counted.lost) == (SENT + 1, 1)


def test_the_same_message_again_and_the_same_line_under_another_id_are_duplicates(books: list[Book]) -> None:
    again = [row.message for row in books[1].rows] + [message(3)]
    books[1] = book(Person.BEA, b"2", again, after_ms=100)
    assert count(books, promised=books[0].promised_ms).duplicated == 1
    other_id = Message(*(getattr(message(4), name) for name in Message.__slots__))
    object.__setattr__(other_id, "id", MessageId(b"y" * 16))
    books[2] = book(Person.BEA, b"3", [*(row.message for row in books[2].rows), other_id], after_ms=300)
    assert count(books, promised=books[0].promised_ms).duplicated == 2


def test_arriving_behind_a_later_one_is_out_of_order(books: list[Book]) -> None:
    order = [message(number) for number in (1, 3, 2, 4, 5)]
    books[1] = book(Person.BEA, b"2", order, after_ms=100)
    assert count(books, promised=books[0].promised_ms).out_of_order == 1


def test_urgent_ones_may_arrive_first_and_are_still_shown_in_their_place() -> None:
    written = [message(1), message(2), message(3, urgency=Urgency.URGENT)]
    books = [
        book(Person.ADA, b"1", written),
        book(Person.BEA, b"2", [written[2], written[0], written[1]], after_ms=50),
        book(Person.BEA, b"3", written, after_ms=60),
    ]
    counted = count(books, promised=books[0].promised_ms)
    assert (counted.out_of_order, counted.urgent, counted.urgent_ms.max) == (0, 1, 60)


def test_shown_behind_a_later_one_is_out_of_order() -> None:
    early = message(1)
    wrong = message(2)
    object.__setattr__(wrong, "stamp", Stamp(500, 0))
    books = [
        replace(book(Person.ADA, b"1", [early, wrong]), promised_ms={early.id: 1000, wrong.id: 2000}),
        book(Person.BEA, b"2", [early, wrong]),
        book(Person.BEA, b"3", [early, wrong]),
    ]
    assert count(books, promised=books[0].promised_ms).out_of_order == 3, "once on each device"


def test_a_spread_is_by_nearest_rank() -> None:
    assert spread([]) == Spread(0, 0, 0)
    assert spread([7]) == Spread(7, 7, 7)
    assert spread(list(range(1, 101))) == Spread(50, 99, 100)
    assert spread([1, 2, 3, 4]) == Spread(2, 4, 4)


def test_a_file_is_whole_only_if_both_devices_have_its_bytes(books: list[Book], tmp_path: Path) -> None:
    original, copy, cut = (tmp_path / name for name in ("original", "copy", "cut"))
    original.write_bytes(b"picture")
    copy.write_bytes(b"picture")
    cut.write_bytes(b"pictur")
    phone, tablet = replace(books[1], received_file=copy), replace(books[2], received_file=copy)
    assert file_is_whole([phone, tablet], original)
    assert not file_is_whole([phone, replace(tablet, received_file=cut)], original)
    assert not file_is_whole([phone, replace(tablet, received_file=None)], original)
    assert not file_is_whole([phone, replace(tablet, received_file=tmp_path / "gone")], original)


def test_what_was_counted_was_read_from_real_journals(performance: Performance) -> None:
    ending = performance.ending
    assert ending is not None
    assert ending.file_ok
    assert ending.file_bytes > 60_000
    assert 0 < ending.count.deliver_ms.p50 <= ending.count.deliver_ms.p99 <= ending.count.deliver_ms.max < 60_000
