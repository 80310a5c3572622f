"""Proves that a relay's store that opens again knows what it held, and keeps its name."""

from pathlib import Path

from answerback.storage import relay_outset
from answerback.storage.database import open_database
from answerback.storage.relay_index import ROW_BYTES


def test_a_store_keeps_the_name_it_was_given_first(tmp_path: Path) -> None:
    db = open_database(tmp_path / "relay.db", schema="relay")
    assert relay_outset.name(db, b"first") == b"first"
    assert relay_outset.name(db, b"second") == b"first"
    db.close()


def test_what_was_taken_and_not_struck_out_is_found_and_counted_apart(tmp_path: Path) -> None:
    db = open_database(tmp_path / "relay.db", schema="relay")
    assert (relay_outset.last_position(db), relay_outset.orphans(db), relay_outset.totals(db)) == (0, [], (0, 0))
    db.run("INSERT INTO mailbox (number, taken_normal, taken_bulk) VALUES (1, 20, 5)")
    for position, lane, size_bytes in ((10, 2, 100), (20, 2, 200), (30, 2, 400), (31, 3, 800)):
        db.run(
            "INSERT INTO envelope VALUES (?, 1, ?, ?, ?, 9, x'00')",
            (position, lane, position.to_bytes(16, "big"), size_bytes),
        )
    assert relay_outset.last_position(db) == 31
    assert sorted(relay_outset.orphans(db)) == [(10, 100), (20, 200)]
    assert relay_outset.totals(db) == (4, 1_500 + 4 * ROW_BYTES)
    db.close()
