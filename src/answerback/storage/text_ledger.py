"""Keeps what carriers of texts were asked to send, and what arrived by them, until it is taken.

Theory. A file of its own beside the journal, sealed with the same key. An order's number is kept for ever: to be asked
twice for the same order after a crash must not send it twice. Its text is forgotten as soon as nothing of it can be
submitted again.

What arrives is kept before the network is told so. A network that did not hear that repeats itself, and has no name for
a text that would show it: only if the connection ended within seconds of the acknowledgement is the same text on the
next one taken to be the same.
"""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from hashlib import sha256
from pathlib import Path
from typing import Final, assert_never

from answerback.core.text_facts import DropText, EndOrder, KeepOrder, KeepPart, KeepWord, TextFact
from answerback.model.handle import Handle
from answerback.model.texts import (
    CarrierWord,
    KeptOrder,
    PartState,
    TextArrived,
    TextOrder,
    TextPart,
    TextStage,
)
from answerback.storage.database import Database, Row, open_database
from answerback.wire.short_messages import Fragment

SCHEMA = "texts"
LEDGER_FILE = "texts.db"
HEARD_MS = 10_000
"""An acknowledgement on a connection that stood for so long after it was heard."""
REPEATS_MS_MAX = 86_400_000
"""For how long a repetition is expected of what may not have been heard."""
FRAGMENTS_MS_MAX = 86_400_000
"""Parts of a text come within minutes of each other; after a day what there is of it is shown."""
FRAGMENTS_MAX = 2_000
"""Of all texts not yet complete: strangers can send parts that never end."""
PAGE = 100
"""Words told at once."""
ID_BYTES: Final = 16
_PART_COLUMNS = "number, part, reference, state, id, tries, reason"


def open_ledger(folder: Path, *, key: bytes | None) -> Database:
    """Open the ledger file of a device's folder, making it if there is none."""
    return open_database(folder / LEDGER_FILE, schema=SCHEMA, key=key)


def order_digest(order: TextOrder) -> bytes:
    """Hash whom and what an order is for."""
    return _hash(order.to.text, order.text)


class TextLedger:
    """The rows of one carrier."""

    def __init__(self, database: Database, carrier: str) -> None:
        self._database: Final = database
        self._carrier: Final = carrier
        row = database.row("SELECT id FROM ledger")
        self._id: Final[bytes] = row[0] if row else b""

    def token(self, part: TextPart) -> bytes:
        """Name a part as no other part of any ledger is named: what a network can be asked for after doubt."""
        return _hash(self._id.hex(), self._carrier, f"{part.number} {part.index}")

    def transaction(self) -> AbstractContextManager[None]:
        """Make everything inside one change."""
        return self._database.transaction()

    def load(self) -> tuple[list[KeptOrder], int]:
        """Return every order that may still change, and the reference given last."""
        parts: dict[int, list[TextPart]] = {}
        rows = self._database.rows(
            f"SELECT {_PART_COLUMNS} FROM parts WHERE carrier = ? ORDER BY number, part",  # noqa: S608 - names of ours
            (self._carrier,),
        )
        for row in rows:
            parts.setdefault(row[0], []).append(
                TextPart(row[0], row[1], row[2], PartState(row[3]), row[4], row[5], row[6])
            )
        orders = self._database.rows(
            "SELECT number, recipient, text, digest, since_ms, parts, stage, reason FROM orders"
            " WHERE carrier = ? AND ended = 0 ORDER BY number",
            (self._carrier,),
        )
        last = max(parts, default=0)
        reference = parts[last][-1].reference if parts else 0
        return [_kept(row, tuple(parts.get(row[0], ()))) for row in orders], reference

    def digest(self, number: int) -> bytes | None:
        """Return what the order of this number was for; None if the number is new."""
        row = self._database.row("SELECT digest FROM orders WHERE carrier = ? AND number = ?", (self._carrier, number))
        return row[0] if row else None

    def tell_again(self, number: int) -> None:
        """Have the order's latest word told once more."""
        self._database.run(
            "UPDATE orders SET said = said + 1 WHERE carrier = ? AND number = ?", (self._carrier, number)
        )

    def keep(self, facts: Iterable[TextFact]) -> None:
        """Keep facts; the caller has a transaction."""
        for fact in facts:
            match fact:
                case KeepOrder(kept):
                    self._keep_order(kept)
                case KeepPart(part):
                    self._keep_part(part)
                case KeepWord(word):
                    self._database.run(
                        "UPDATE orders SET stage = ?, reason = ?, said = said + 1 WHERE carrier = ? AND number = ?",
                        (word.stage, word.reason, self._carrier, word.number),
                    )
                case DropText(number):
                    self._database.run(
                        "UPDATE orders SET text = '' WHERE carrier = ? AND number = ?", (self._carrier, number)
                    )
                case EndOrder(number):
                    self._database.run(
                        "UPDATE orders SET text = '', recipient = '', ended = 1 WHERE carrier = ? AND number = ?",
                        (self._carrier, number),
                    )
                    self._database.run(
                        "DELETE FROM parts WHERE carrier = ? AND number = ? AND number <"
                        " (SELECT max(number) FROM parts WHERE carrier = ?)",  # the newest has the last reference
                        (self._carrier, number, self._carrier),
                    )
                case _:
                    assert_never(fact)

    def untold(self) -> list[tuple[CarrierWord, int]]:
        """Return some of the words that were not taken, each with what `told` wants to hear of it."""
        rows = self._database.rows(
            "SELECT number, stage, parts, reason, said FROM orders WHERE carrier = ? AND said > told"
            " ORDER BY number LIMIT ?",
            (self._carrier, PAGE),
        )
        return [(CarrierWord(row[0], TextStage(row[1]), self._carrier, row[2], row[3]), row[4]) for row in rows]

    def told(self, number: int, said: int) -> None:
        """Somebody has taken this word; one that came meanwhile is still to be told."""
        self._database.run(
            "UPDATE orders SET told = max(told, ?) WHERE carrier = ? AND number = ?", (said, self._carrier, number)
        )

    def arrive(self, sender: Handle, fragment: Fragment, *, name: str, connection: int, now_ms: int) -> None:
        """Keep what arrived, and put a text together if this was its last part; the caller has a transaction.

        `name` is the network's own for this very text, if it gives one; `connection` tells one from another.
        """
        hashed = _hash(sender.text, fragment.text, name, f"{fragment.reference} {fragment.total} {fragment.index}")
        if self._is_repetition(hashed, connection=connection, is_named=bool(name), now_ms=now_ms):
            return
        self._database.run(
            "INSERT INTO acknowledged (carrier, hash, connection, named, at_ms) VALUES (?, ?, ?, ?, ?)",
            (self._carrier, hashed, connection, bool(name), now_ms),
        )
        if fragment.total == 1:
            self._complete(sender.text, fragment.text, hashed, now_ms)
            return
        self._database.run(
            "INSERT INTO fragments VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET text = excluded.text",
            (self._carrier, sender.text, fragment.reference, fragment.total, fragment.index, fragment.text, now_ms),
        )
        self._join(sender.text, fragment.reference, fragment.total, now_ms, even_torn=False)

    def tend(self, *, connection: int, now_ms: int) -> None:
        """Forget what no repetition can come of any more, and show what will not be whole."""
        self._database.run(
            "DELETE FROM acknowledged WHERE carrier = ?"
            " AND ((connection = ? AND named = 0 AND at_ms < ?) OR at_ms < ?)",
            (self._carrier, connection, now_ms - HEARD_MS, now_ms - REPEATS_MS_MAX),
        )
        torn = self._database.rows(
            "SELECT sender, reference, total FROM fragments WHERE carrier = ? GROUP BY sender, reference, total"
            " HAVING min(since_ms) < ? LIMIT ?",
            (self._carrier, now_ms - FRAGMENTS_MS_MAX, PAGE),
        )
        for sender, reference, total in torn:
            self._join(sender, reference, total, now_ms, even_torn=True)

    def arrived(self) -> list[tuple[int, TextArrived]]:
        """Return some of what arrived and was not taken, with its number."""
        rows = self._database.rows(
            "SELECT number, sender, text, id FROM arrivals WHERE carrier = ? ORDER BY number LIMIT ?",
            (self._carrier, PAGE),
        )
        return [(row[0], TextArrived(Handle(row[1]), row[2], self._carrier, row[3])) for row in rows]

    def took(self, number: int) -> None:
        """Somebody has taken this arrival."""
        self._database.run("DELETE FROM arrivals WHERE number = ?", (number,))

    def _keep_order(self, kept: KeptOrder) -> None:
        order = kept.order
        self._database.run(
            "INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0) ON CONFLICT DO NOTHING",
            (
                *(self._carrier, order.number, order.to.text, order.text, kept.digest, kept.since_ms),
                *(kept.charged, kept.stage, kept.reason),
            ),
        )
        for part in kept.parts:
            self._keep_part(part)

    def _keep_part(self, part: TextPart) -> None:
        self._database.run(
            f"INSERT INTO parts (carrier, {_PART_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE"  # noqa: S608 - names of ours
            " SET reference = excluded.reference, state = excluded.state, id = excluded.id, tries = excluded.tries,"
            " reason = excluded.reason",
            (self._carrier, part.number, part.index, part.reference, part.state, part.id, part.tries, part.reason),
        )

    def _is_repetition(self, hashed: bytes, *, connection: int, is_named: bool, now_ms: int) -> bool:
        row = self._database.row(
            "SELECT number, connection FROM acknowledged WHERE carrier = ? AND hash = ? AND at_ms >= ?"
            " ORDER BY number LIMIT 1",
            (self._carrier, hashed, now_ms - REPEATS_MS_MAX),
        )
        if row is None or (row[1] == connection and not is_named):
            return False
        if not is_named:  # heard this time: the next one like it is another text
            self._database.run("DELETE FROM acknowledged WHERE number = ?", (row[0],))
        return True

    def _join(self, sender: str, reference: int, total: int, now_ms: int, *, even_torn: bool) -> None:
        where = "carrier = ? AND sender = ? AND reference = ? AND total = ?"
        key = (self._carrier, sender, reference, total)
        rows = self._database.rows(f"SELECT part, text FROM fragments WHERE {where} ORDER BY part", key)  # noqa: S608 - names of ours
        count = self._database.row("SELECT count(*) FROM fragments WHERE carrier = ?", (self._carrier,))
        if len(rows) < total and not even_torn and count is not None and count[0] <= FRAGMENTS_MAX:
            return
        there: dict[int, str] = dict(rows)
        text = "".join(there.get(index, f" [part {index + 1} of {total} has not come] ") for index in range(total))
        self._complete(sender, text, _hash(sender, text, str(reference)), now_ms)
        self._database.run(f"DELETE FROM fragments WHERE {where}", key)  # noqa: S608 - names of ours

    def _complete(self, sender: str, text: str, hashed: bytes, now_ms: int) -> None:
        row = self._database.row("SELECT ifnull(max(number), 0) FROM acknowledged")
        unique = _hash(hashed.hex(), str(now_ms), str(row[0] if row else 0))
        self._database.run(
            "INSERT INTO arrivals (carrier, sender, text, id) VALUES (?, ?, ?, ?)",
            (self._carrier, sender, text, unique),
        )


def _kept(row: Row, parts: tuple[TextPart, ...]) -> KeptOrder:
    order = TextOrder(row[0], Handle(row[1]), row[2])
    return KeptOrder(order, row[3], row[4], parts, row[5], TextStage(row[6]), row[7])


def _hash(*words: str) -> bytes:
    digest = sha256()
    for word in words:
        raw = word.encode("utf-8", "surrogatepass")
        digest.update(len(raw).to_bytes(4, "big") + raw)
    return digest.digest()[:ID_BYTES]
