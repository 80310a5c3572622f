"""Makes a new store or journal out of what a damaged one still holds.

Theory. The damaged file is kept beside the new one, under a name that says so. What cannot be read is not the end of
it: senders keep a message until its recipient has confirmed it, so a relay that says of it "I do not have it" is given
it again; and a device that says hello as one put back to an older copy begins its sessions and keys anew, and is sent
again what it cannot open. So a repair has to make the new file *consistent*, and honest about how much it knows; the
rest is the protocol's work. What nobody else has is counted and said.
"""

import os
import shutil
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from answerback.model.devices import Device, DeviceList
from answerback.model.errors import PeerError, StorageError, StoreCorruptError
from answerback.storage.database import (
    Database,
    connect_plain,
    connect_sealed,
    newest_version,
    open_damaged,
    open_database,
    translated,
)
from answerback.storage.durable import sync_folder
from answerback.storage.layout import JOURNAL_FILE
from answerback.storage.lock import FolderLock
from answerback.storage.salvage import Salvage, Table
from answerback.wire.codec import decode, encode

RELAY_FILE = "relay.db"
ASIDE_MAX = 1_000
"""Nobody repairs one file so often; bounds the search for a free name."""
REMEMBERED_MAX = 10_000
"""Messages on the disk whose envelopes were forgotten: so many of the newest are marked as seen again."""


@dataclass(frozen=True, slots=True)
class Repaired:
    """What a repair found and did."""

    path: Path
    was_damaged: bool
    aside: Path | None = None
    """Where the damaged file is kept."""
    tables: tuple[Table, ...] = ()
    unfinished: tuple[bytes, ...] = ()
    """Messages of this device whose promise is gone, though not every recipient has answered."""

    @property
    def kept(self) -> int:
        """Rows that were read."""
        return sum(table.kept for table in self.tables)

    @property
    def torn(self) -> tuple[Table, ...]:
        """Tables of which something is gone."""
        return tuple(table for table in self.tables if not table.is_whole)


def repair_relay(folder: Path) -> Repaired:
    """Repair the store of a relay that is not running."""
    return _repair(folder, RELAY_FILE, schema="relay", key=None)


def repair_journal(folder: Path, *, key: bytes | None) -> Repaired:
    """Repair the journal of a device that is not at work."""
    return _repair(folder, JOURNAL_FILE, schema="journal", key=key)


def _repair(folder: Path, name: str, *, schema: str, key: bytes | None) -> Repaired:
    path = folder / name
    if not path.exists():
        raise StorageError(f"there is no {path} to repair")
    lock = FolderLock(folder)
    try:
        if _is_well(path, schema, key):
            return Repaired(path, was_damaged=False)
        return _rebuilt(path, schema, key)
    except OSError as error:
        raise StorageError(f"{error.filename or path} cannot be written: {error.strerror}") from error
    finally:
        lock.release()


def _is_well(path: Path, schema: str, key: bytes | None) -> bool:
    try:
        with closing(open_database(path, schema=schema, key=key)) as database:
            database.check()
            _check_words(database, schema)
    except StoreCorruptError:
        return False
    except StorageError as error:
        if isinstance(error.__cause__, StoreCorruptError):  # its first page, perhaps: reading will tell
            return False
        raise
    return True


def _check_words(database: Database, schema: str) -> None:
    """Look into the rows of a plain file that decide most: SQLite itself does not notice bytes that changed in them."""
    if schema == "relay" and _unreadable_devices(database):
        raise StoreCorruptError(f"{database.path} is damaged: a device's entry cannot be read")


def _rebuilt(path: Path, schema: str, key: bytes | None) -> Repaired:
    aside = _put_aside(path)
    draft = path.with_name(f".{path.name}.repair")
    for stale in (draft, *_beside(draft)):
        stale.unlink(missing_ok=True)
    try:
        tables, unfinished = _drafted(aside, draft, schema, key)
        _fold(path, key)
        for left in _beside(path):
            left.unlink(missing_ok=True)  # a log beside the new file would be taken for the new file's
        draft.replace(path)
        sync_folder(path.parent)
    except BaseException:
        for second in (draft, *_beside(draft), aside, *_beside(aside)):
            second.unlink(missing_ok=True)  # the damaged file keeps its own name
        raise
    return Repaired(path, was_damaged=True, aside=aside, tables=tuple(tables), unfinished=unfinished)


def _drafted(aside: Path, draft: Path, schema: str, key: bytes | None) -> tuple[list[Table], tuple[bytes, ...]]:
    if (version := _version(aside, key)) > newest_version(schema):
        raise StorageError(f"{aside} was written by a newer Answerback (file version {version}). Update this program.")
    with closing(open_database(draft, schema=schema, key=key)) as target:
        salvage = Salvage(lambda: open_damaged(aside, key=key), target)
        try:
            tables = salvage.run()
        finally:
            salvage.close()
        with target.transaction():
            unfinished = _mend_journal(target, aside) if schema == "journal" else _mend_relay(target, aside)
        target.run("PRAGMA foreign_keys = ON")
        target.check()
        target.row("PRAGMA wal_checkpoint(TRUNCATE)")
    return tables, unfinished


def _version(path: Path, key: bytes | None) -> int:
    try:
        with closing(open_damaged(path, key=key)) as database:
            return database.version
    except StorageError as error:
        raise StoreCorruptError(
            f"{path.parent}: the pages that say what is in this file are damaged ({error}). Put a backup in its place; "
            "a device without one is linked anew"
        ) from error


# ---- what must fit together ----------------------------------------------------------------------------------------


def _mend_journal(target: Database, aside: Path) -> tuple[bytes, ...]:
    """Make a device of what was read: one that knows that it knows too little."""
    for table, what in (("identity", "who this device is"), ("device_keys", "its keys")):
        if target.row(f"SELECT 1 FROM {table}") is None:  # noqa: S608 - names of ours
            raise StoreCorruptError(
                f"{aside.parent}: {what} cannot be read any more. Move the folder away and link this device anew; "
                "its messages are on your other devices"
            )
    target.run("DELETE FROM ratchets")  # one that is a step behind would seal two texts with one key
    target.run("UPDATE relay SET life = 0")  # "put back to an older copy": sessions and keys are made anew
    target.run(  # a copy for a device that no list names would be given up as "that device is gone"
        "DELETE FROM copies WHERE stage < 5 AND message IN (SELECT id FROM outgoing) "
        "AND account NOT IN (SELECT account FROM device_lists)"
    )
    target.run("UPDATE outgoing SET addressed = 0")  # copies, or the lists they follow, may be gone: laid out again
    target.run("DELETE FROM sealed WHERE copy NOT IN (SELECT number FROM copies)")
    target.run(
        "UPDATE copies SET stage = 1, envelope = NULL, sequence = 0, boot = x'' WHERE stage BETWEEN 2 AND 4 "
        "AND message IN (SELECT id FROM outgoing) AND number NOT IN (SELECT copy FROM sealed)"
    )
    target.run(
        "INSERT OR IGNORE INTO seen (id, wall_ms, device, message, opened) SELECT randomblob(32), arrived_ms, "
        "author_device, id, 1 FROM messages WHERE NOT mine AND id NOT IN "
        "(SELECT message FROM seen WHERE message IS NOT NULL) ORDER BY arrival DESC LIMIT ?",
        (REMEMBERED_MAX,),
    )
    rows = target.rows(
        "SELECT id FROM messages WHERE mine AND id NOT IN (SELECT id FROM outgoing) AND author_device = "
        "(SELECT device FROM identity) AND id NOT IN (SELECT message FROM steps WHERE stage >= 8 AND device IS NULL) "
        "AND (id IN (SELECT message FROM copies WHERE stage < 5) OR id NOT IN (SELECT message FROM copies)) "
        "ORDER BY arrival"
    )
    return tuple(bytes(row[0]) for row in rows)


def _mend_relay(target: Database, aside: Path) -> tuple[bytes, ...]:
    """Make a store of what was read: each listed device with its mailbox, each blob whole or gone."""
    for number in _unreadable_devices(target):
        target.run("DELETE FROM device WHERE number = ?", (number,))
    _list_again(target, _mailbox_numbers(aside))
    target.run("INSERT OR IGNORE INTO mailbox (number) SELECT number FROM device")
    target.run(
        "DELETE FROM blobs WHERE stored_bytes <> "
        "(SELECT coalesce(sum(size_bytes), 0) FROM pieces WHERE blob = blobs.number)"
    )
    target.run("DELETE FROM pieces WHERE blob NOT IN (SELECT number FROM blobs)")
    return ()


def _list_again(target: Database, numbers: dict[bytes, int]) -> None:
    """Give devices whose rows are gone new ones, from the newest list that names them; their keys they bring again."""
    for body, _ in target.rows("SELECT body, max(version) FROM device_list GROUP BY account"):
        try:
            newest = decode(bytes(body), DeviceList)
        except PeerError:
            continue  # its account's devices have all their lists and bring them
        for device in newest.devices:
            target.run(
                "INSERT OR IGNORE INTO device (number, id, account, entry, list_version) VALUES (?, ?, ?, ?, ?)",
                (numbers.get(device.id), device.id, newest.account, encode(device), newest.version),
            )


def _mailbox_numbers(aside: Path) -> dict[bytes, int]:
    """Which mailbox was whose, by the index, which lies on other pages than the rows."""
    sql = "SELECT id, number FROM device INDEXED BY sqlite_autoindex_device_1"
    with suppress(StorageError), closing(open_damaged(aside)) as damaged:
        return {bytes(identity): int(number) for identity, number in damaged.rows(sql)}
    return {}


def _unreadable_devices(database: Database) -> list[int]:
    unreadable = []
    for number, entry in database.each("SELECT number, entry FROM device"):
        try:
            decode(bytes(entry), Device)
        except PeerError:
            unreadable.append(int(number))
    return unreadable


# ---- files ---------------------------------------------------------------------------------------------------------


def _beside(path: Path) -> list[Path]:
    return [path.with_name(path.name + ending) for ending in ("-wal", "-shm")]


def _put_aside(path: Path) -> Path:
    """Give the damaged file a second name, and its log one beside that."""
    for number in range(1, ASIDE_MAX):
        aside = path.with_name(f"{path.name}.damaged-{number}")
        with suppress(FileExistsError):
            _second_name(path, aside)
            log, log_aside = _beside(path)[0], _beside(aside)[0]
            if log.exists():
                _second_name(log, log_aside)
            sync_folder(path.parent)
            return aside
    raise StorageError(f"there are {ASIDE_MAX} damaged copies of {path} already")


def _second_name(path: Path, name: Path) -> None:
    try:
        os.link(path, name)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        shutil.copyfile(path, name)


def _fold(path: Path, key: bytes | None) -> None:
    """Put what the log holds into the damaged file, so that the log may go and the file kept beside has it all."""
    with suppress(StorageError), translated(path):
        connection = (connect_sealed if key else connect_plain)(path)
        with closing(connection):
            if key is not None:
                connection.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
