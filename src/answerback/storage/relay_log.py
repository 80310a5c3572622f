"""Keeps the relay's log, which only grows, and the hashes that its proofs are made of.

Plain functions inside somebody else's transaction: a list is in the log if, and only if, it is in the directory, and a
handle is claimed, moved and removed in both. What an older version of the relay has put into the directory is written
down when it is next asked for; so nothing is handed out that the log does not say.
"""

from collections.abc import Sequence

from answerback.crypto import merkle
from answerback.crypto.primitives import sha256
from answerback.crypto.transparency import label_of, line_of, log_of, nonce_for, read_entry, read_head
from answerback.model.devices import Signed
from answerback.model.errors import TrustError
from answerback.model.ids import AccountId
from answerback.model.log import LINE_BYTES, Entry, EpochEntry, HandleEntry, ListEntry, Placed
from answerback.storage.database import Database
from answerback.storage.relay_commands import (
    Answer,
    Found,
    LogCommand,
    LogEntries,
    Logged,
    LogPage,
    LogState,
    OpenEntries,
    ReadLog,
    RecallHead,
    ResolveHandle,
)
from answerback.wire.codec import encode
from answerback.wire.log_frames import LINES_MAX


def begin(db: Database, new_seed: bytes) -> bytes:
    """Give the log's key, which is this one if there was none."""
    if new_seed:
        db.run("INSERT INTO log_key (number, seed) VALUES (1, ?) ON CONFLICT (number) DO NOTHING", (new_seed,))
    return _seed(db)


def state(db: Database) -> LogState:
    """Say how far the log is."""
    row = db.row("SELECT epoch FROM log_key")
    size = size_of(db)
    return LogState(int(row[0]) if row else 0, size, merkle.root(size, _reader(db)))


def size_of(db: Database) -> int:
    """Count the log's entries."""
    row = db.row("SELECT number FROM log_entry ORDER BY number DESC LIMIT 1")
    return int(row[0]) if row else 0


# ---- growing -------------------------------------------------------------------------------------------------------


def log_lists(db: Database, account: AccountId) -> None:
    """Write down every list of an account that the log does not have yet."""
    seed = _seed(db)
    if not seed:
        return
    unlogged = db.rows(
        "SELECT version, body FROM device_list WHERE account = ?1 AND version >"
        " (SELECT coalesce(max(version), 0) FROM log_list WHERE account = ?1) ORDER BY version",
        (account,),
    )
    for version, body in unlogged:
        place = _append(db, ListEntry(nonce_for(seed, size_of(db)), account, version, sha256(body)))
        db.run("INSERT INTO log_list (account, version, place) VALUES (?, ?, ?)", (account, version, place))


def log_handle(db: Database, handle: str, account: AccountId) -> None:
    """Write down whose a handle is from now on, unless the log says so already; an empty account for nobody."""
    seed = _seed(db)
    row = db.row("SELECT account, place FROM log_handle WHERE handle = ?", (handle,))
    if not seed or (row[0] if row else b"") == account:
        return
    # Many moves may be due at once, and a label is a slow hash: it stands in the entry before.
    label = _label_at(db, int(row[1])) if row else label_of(handle)
    place = _append(db, HandleEntry(nonce_for(seed, size_of(db)), label, account))
    db.run(
        "INSERT INTO log_handle (handle, account, place) VALUES (?, ?, ?)"
        " ON CONFLICT (handle) DO UPDATE SET account = excluded.account, place = excluded.place",
        (handle, account, place),
    )


def _label_at(db: Database, place: int) -> bytes:
    (body,) = entries(db, [place])
    entry = read_entry(body)
    assert isinstance(entry, HandleEntry)
    return entry.label


def recalled(db: Database, shown: Signed) -> int:
    """Take in a head of this log that somebody was given, and tell its size; 0 if it is none of this log.

    One that this log does not lead to was signed by a later state of this store, before an older copy was put in its
    place. Then a new epoch begins, and the log says so.
    """
    try:
        head = read_head(shown, log=log_of(_seed(db)))
    except TrustError:
        return 0
    here = state(db)
    is_ours = head.size <= here.size and merkle.root(head.size, _reader(db)) == head.root
    if head.epoch > here.epoch or (head.epoch == here.epoch and not is_ours):
        db.run("UPDATE log_key SET epoch = ?", (head.epoch + 1,))
        _append(db, EpochEntry(nonce_for(_seed(db), here.size), head.epoch + 1, shown))
    return head.size if is_ours else 0


def _append(db: Database, entry: Entry) -> int:
    place, body = size_of(db), encode(entry)
    line = line_of(entry, body)
    db.run("INSERT INTO log_entry (number, line, entry) VALUES (?, ?, ?)", (place + 1, line, body))
    whole = list(merkle.nodes_completed(place, merkle.leaf_hash(line), _reader(db)))
    db.run_many("INSERT INTO log_node (level, place, hash) VALUES (?, ?, ?)", whole[1:])
    return place


# ---- proving -------------------------------------------------------------------------------------------------------


def of_list(db: Database, account: AccountId, version: int, *, known_size: int) -> Logged | None:
    """Prove an account's list of this version, or of its newest one; none where no log is kept."""
    log_lists(db, account)
    row = db.row(
        "SELECT place FROM log_list WHERE account = ?1 AND (version = ?2 OR ?2 = 0) ORDER BY version DESC LIMIT 1",
        (account, version),
    )
    return _logged(db, int(row[0]) if row else None, known_size)


def of_handle(db: Database, handle: str, account: AccountId, *, known_size: int) -> Logged | None:
    """Prove whose a handle is today; none where no log is kept."""
    log_handle(db, handle, account)
    row = db.row("SELECT place FROM log_handle WHERE handle = ?", (handle,))
    return _logged(db, int(row[0]) if row else None, known_size)


def found(db: Database, command: ResolveHandle, account: AccountId) -> Found:
    """Answer whose a handle is, with the proof."""
    return Found(account, of_handle(db, command.handle, account, known_size=command.known_size))


def compared(db: Database, first: int, second: int) -> list[bytes]:
    """Prove that the log of one size begins that of another; nothing where it was never so large."""
    if not 0 < first <= second <= size_of(db):
        return []
    return merkle.consistency_path(first, second, _reader(db))


def page(db: Database, start: int, *, known_size: int, is_first: bool) -> LogPage:
    """Read lines from a place on."""
    rows = db.rows("SELECT line FROM log_entry WHERE number > ? ORDER BY number LIMIT ?", (start, LINES_MAX))
    here = state(db)
    frontier = merkle.frontier(start, _reader(db)) if is_first and start <= here.size else []
    return LogPage(here, compared(db, known_size, here.size), b"".join(row[0] for row in rows), frontier)


def entries(db: Database, places: Sequence[int]) -> list[bytes]:
    """Read the entries at these places; empty where there is none."""
    rows = [db.row("SELECT entry FROM log_entry WHERE number = ?", (place + 1,)) for place in places]
    return [bytes(row[0]) if row else b"" for row in rows]


def answer(db: Database, command: LogCommand) -> Answer:
    """Answer whoever reads the log."""
    match command:
        case ReadLog():
            return page(db, command.start, known_size=command.known_size, is_first=command.is_first)
        case OpenEntries():
            return LogEntries(entries(db, command.places))
        case RecallHead():
            size = recalled(db, command.head) if _seed(db) else 0
            here = state(db)
            reminded = tuple(compared(db, size, here.size))
            return Logged(here, compared(db, command.known_size, here.size), reminded=reminded)


def _logged(db: Database, place: int | None, known_size: int) -> Logged | None:
    if not _seed(db):
        return None
    here = state(db)
    placed = None
    if place is not None:
        (entry,) = entries(db, [place])
        placed = Placed(place, entry, merkle.inclusion_path(place, here.size, _reader(db)))
    return Logged(here, compared(db, known_size, here.size), placed)


def _seed(db: Database) -> bytes:
    row = db.row("SELECT seed FROM log_key")
    return bytes(row[0]) if row else b""


def _reader(db: Database) -> merkle.Read:
    def read(level: int, place: int) -> bytes:
        if level == 0:
            row = db.row("SELECT line FROM log_entry WHERE number = ?", (place + 1,))
            assert row is not None
            assert len(row[0]) == LINE_BYTES
            return merkle.leaf_hash(row[0])
        row = db.row("SELECT hash FROM log_node WHERE level = ? AND place = ?", (level, place))
        assert row is not None
        return bytes(row[0])

    return read
