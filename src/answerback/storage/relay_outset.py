"""Reads from the disk what the relay's store must know before its first command, and before a mailbox's first."""

from answerback.model.ids import DeviceId
from answerback.storage.database import Database
from answerback.storage.relay_index import ROW_BYTES, Mailbox


def name(db: Database, new_name: bytes) -> bytes:
    """Read the store's name, or give it this one if it has none."""
    db.run("INSERT OR IGNORE INTO store_name (number, name) VALUES (1, ?)", (new_name,))
    row = db.row("SELECT name FROM store_name")
    assert row is not None
    return bytes(row[0])


def last_position(db: Database) -> int:
    """Read the last position that was given to any mail."""
    row = db.row("SELECT seq FROM sqlite_sequence WHERE name = 'envelope'")
    return int(row[0]) if row else 0


def orphans(db: Database) -> list[tuple[int, int]]:
    """Find what was taken before the last run ended and not yet struck out: positions and sizes."""
    rows = db.rows(
        "SELECT position, size_bytes FROM envelope JOIN mailbox ON number = mailbox WHERE position <= CASE lane"
        " WHEN 0 THEN taken_control WHEN 1 THEN taken_urgent WHEN 2 THEN taken_normal WHEN 3 THEN taken_bulk"
        " ELSE taken_background END"
    )
    return [(row[0], row[1]) for row in rows]


def totals(db: Database) -> tuple[int, int]:
    """Count the rows of all mail, and what they cost on disk in bytes."""
    row = db.row("SELECT count(*), coalesce(sum(size_bytes), 0) FROM envelope")
    assert row is not None
    count = int(row[0])
    return count, int(row[1]) + count * ROW_BYTES


def mailbox(db: Database, device: DeviceId) -> Mailbox | None:
    """Read what decisions need of one device's mailbox; none if there is no such device."""
    row = db.row(
        "SELECT number, account, entry, list_version, revoked, seen_ms, life, lapsed_ms, taken_control, taken_urgent,"
        " taken_normal, taken_bulk, taken_background FROM device JOIN mailbox USING (number) WHERE id = ?",
        (device,),
    )
    if row is None:
        return None
    found = Mailbox(row[0], device, row[1], row[2], row[3], bool(row[4]), row[5], row[6], list(row[8:]))
    found.lapsed_ms = row[7]
    for lane, position, identity, size_bytes in db.rows(
        "SELECT lane, position, id, size_bytes FROM envelope WHERE mailbox = ? ORDER BY lane, position",
        (found.number,),
    ):
        if position > found.taken[lane]:
            found.hold(position, lane, identity, size_bytes)
    return found
