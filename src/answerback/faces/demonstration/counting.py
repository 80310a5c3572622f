"""Counts what became of the messages, in the journals of those who sent and of those who should have them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from answerback.device.home import open_history
from answerback.faces.demonstration.script import Person, number_of
from answerback.model.ids import DeviceId, MessageId
from answerback.model.message import Lane, Message, Urgency
from answerback.model.stamp import in_order
from answerback.storage.messages import KeptMessage

HISTORY_MAX = 100_000
"""More than a demonstration can write."""


@dataclass(frozen=True, slots=True)
class Book:
    """One device's journal, as it lies on the disk."""

    person: Person
    device: DeviceId
    rows: tuple[KeptMessage, ...]
    """In the order of arrival."""
    promised_ms: dict[MessageId, int]
    """When this device promised each message of its own."""
    received_file: Path | None
    attempts: dict[MessageId, int]
    """How often each copy of its messages was handed to the connection, added up."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How long something took: half of it at most `p50`, all of it at most `max`; in milliseconds."""

    p50: int
    p99: int
    max: int


@dataclass(frozen=True, slots=True)
class Count:
    """What the journals say."""

    sent: int
    delivered: int
    duplicated: int
    out_of_order: int
    deliver_ms: Spread
    urgent_ms: Spread
    urgent: int
    resent_copies: int

    @property
    def lost(self) -> int:
        """Promised, and missing on at least one device that should have it."""
        return self.sent - self.delivered


def read_book(person: Person, folder: Path, *, picture: MessageId | None) -> Book:
    """Read one device's journal from its disk, beside whatever agent is at work on it."""
    history = open_history(folder)
    try:
        identity = history.identity()
        assert identity is not None
        rows = tuple(reversed(history.messages(limit=HISTORY_MAX)))
        own = [row.message.id for row in rows if row.message.author_device == identity.device]
        promised_ms = {message: min(step.step.wall_ms for step in history.steps(message)) for message in own}
        attempts = {message: sum(max(0, copy.attempts - 1) for copy in history.copies(message)) for message in own}
        received = _received(rows, picture)
        path = history.setting(f"file.{received.hex()}") if received else None
        return Book(person, identity.device, rows, promised_ms, Path(path) if path else None, attempts)
    finally:
        history.close()


def count(books: Sequence[Book], *, promised: Iterable[MessageId]) -> Count:
    """Compare what was promised with what every other device has."""
    expected = set(promised)
    sent = expected | {
        row.message.id
        for book in books
        for row in book.rows
        if row.message.author_device == book.device and number_of(row.message.text)
    }
    delivered = [message for message in sent if _is_everywhere(message, books)]
    waits_ms = {message: _took_ms(message, books) for message in delivered}
    urgent = {
        row.message.id for book in books for row in book.rows if row.message.urgency is Urgency.URGENT
    } & waits_ms.keys()
    return Count(
        sent=len(sent),
        delivered=len(delivered),
        duplicated=sum(_duplicated(book.rows) for book in books),
        out_of_order=sum(_arrived_late(book, books) + _shown_wrong(book, books) for book in books),
        deliver_ms=spread(list(waits_ms.values())),
        urgent_ms=spread([waits_ms[message] for message in urgent]),
        urgent=len(urgent),
        resent_copies=sum(sum(book.attempts.values()) for book in books),
    )


def spread(values_ms: Sequence[int]) -> Spread:
    """Median, 99th percentile and longest, by nearest rank; zeros where nothing was measured."""
    if not values_ms:
        return Spread(0, 0, 0)
    ranked = sorted(values_ms)

    def rank(share: float) -> int:
        return ranked[min(len(ranked) - 1, max(0, -int(-share * len(ranked) // 1) - 1))]

    return Spread(rank(0.50), rank(0.99), ranked[-1])


def file_is_whole(books: Iterable[Book], original: Path) -> bool:
    """Whether the recipient has the same bytes on every device, by SHA-256."""
    digest = sha256(original.read_bytes()).digest()
    return all(
        book.received_file is not None
        and book.received_file.is_file()
        and sha256(book.received_file.read_bytes()).digest() == digest
        for book in books
        if book.person is Person.BEA
    )


# ---- private


def _received(rows: Iterable[KeptMessage], picture: MessageId | None) -> bytes | None:
    attachments = (row.message.attachment for row in rows if row.message.id == picture)
    return next((attachment.blob for attachment in attachments if attachment is not None), None)


def _author(message: MessageId, books: Sequence[Book]) -> Book | None:
    return next((book for book in books if message in book.promised_ms), None)


def _is_everywhere(message: MessageId, books: Sequence[Book]) -> bool:
    return _author(message, books) is not None and all(
        any(row.message.id == message for row in book.rows) for book in books
    )


def _took_ms(message: MessageId, books: Sequence[Book]) -> int:
    """From the promise to the last of the recipient's devices; they share this machine's clock."""
    author = _author(message, books)
    assert author is not None
    arrivals_ms = [
        row.arrived_wall_ms
        for book in books
        if book.person is not author.person
        for row in book.rows
        if row.message.id == message
    ]
    return max(arrivals_ms) - author.promised_ms[message]


def _duplicated(rows: Sequence[KeptMessage]) -> int:
    """Rows too many: the same message again, or the same line under another id."""
    ids = Counter((row.message.author, row.message.id) for row in rows)
    numbers = Counter(number for row in rows if (number := number_of(row.message.text)))
    again = sum(times - 1 for times in ids.values())
    return max(again, sum(times - 1 for times in numbers.values()))


def _arrived_late(book: Book, books: Sequence[Book]) -> int:
    """Messages that reached this disk after one of the same device and lane that was written later.

    Only plain texts: a message with a file follows its file, and lets others pass meanwhile.
    """
    return sum(
        _behind([row.message for row in book.rows if _is_of(row.message, author, lane)], author)
        for author in books
        if author is not book
        for lane in Lane
    )


def _shown_wrong(book: Book, books: Sequence[Book]) -> int:
    """Messages that this device shows behind one that the same device wrote later."""
    shown = in_order([row.message for row in book.rows])
    return sum(
        _behind([message for message in shown if message.author_device == author.device], author) for author in books
    )


def _is_of(message: Message, author: Book, lane: Lane) -> bool:
    return message.author_device == author.device and message.urgency.lane is lane and message.attachment is None


def _behind(messages: Iterable[Message], author: Book) -> int:
    written = {identity: index for index, identity in enumerate(author.promised_ms)}
    latest, behind = -1, 0
    for message in messages:
        place = written.get(message.id, -1)
        behind += place < latest
        latest = max(latest, place)
    return behind
