"""Proves that what was committed is there, whatever happens next, and that nobody else can read it."""

import contextlib
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from answerback.core.facts import DropOutgoing, Fact, KeepMessage, KeepSeen
from answerback.model.errors import StorageError, StoreCorruptError, StoreFullError, StoreLockedError
from answerback.model.ids import EnvelopeId
from answerback.model.timeline import Stage
from answerback.storage import journal as journal_file
from answerback.storage import snapshot as snapshot_file
from answerback.storage.database import Connection, Cursor, Value, connect_plain
from answerback.storage.journal import Journal
from answerback.storage.layout import JOURNAL_FILE
from tests.storage.plain_model import PlainModel
from tests.storage.samples import (
    ANN,
    CANARY,
    FACTS,
    IDENTITY,
    KEY,
    copy_of,
    golden_facts,
    message_of,
    outgoing_of,
    write_golden,
)

ROOT = Path(__file__).resolve().parents[2]
KILLS = 15


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal.open(tmp_path, key=KEY)
    yield opened
    opened.close()


@given(st.lists(st.lists(FACTS, max_size=8), max_size=8))
@settings(max_examples=80)
def test_after_any_facts_a_reopened_journal_says_what_dictionaries_would(changes: list[list[Fact]]) -> None:
    model = PlainModel(me=ANN)
    with tempfile.TemporaryDirectory() as name:
        journal = Journal.open(Path(name), key=KEY)
        journal.keep_identity(IDENTITY)
        for change in changes:
            journal.commit(change)
            for fact in change:
                model.keep(fact)
        journal.close()
        journal = Journal.open(Path(name), key=KEY)
        try:
            model.matches(journal)
        finally:
            journal.close()


def test_no_commit_that_was_reported_is_missing_after_a_kill(tmp_path: Path) -> None:
    chance = random.Random(26)
    next_number = 1
    for _ in range(KILLS):
        reported = _run_and_kill(tmp_path, first=next_number, after_lines=chance.randrange(1, 60))
        journal = Journal.open(tmp_path, key=KEY)
        try:
            journal.check()
            counts, snapshot = journal.counts(), journal.load()
        finally:
            journal.close()
        assert counts.messages >= reported
        numbers = [copy.sequence for copy in snapshot.copies]
        assert numbers == list(range(1, counts.messages + 1)), "a change is there whole or not at all"
        assert counts.messages == counts.outgoing == counts.seen
        assert all(copy.sealed for copy in snapshot.copies)
        next_number = counts.messages + 1


def _run_and_kill(folder: Path, *, first: int, after_lines: int) -> int:
    """Let a child commit, kill it in the middle of it, and return the last number it reported."""
    command = [sys.executable, "-m", "tests.storage.committer", str(folder), str(first)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(after_lines)]
        child.kill()
        lines += child.stdout.readlines()
    whole = [int(line) for line in lines if line.endswith(b"\n")]
    assert len(whole) >= after_lines
    return whole[-1]


class FailingConnection:
    """A disk that refuses one statement and everything after it."""

    def __init__(self, connection: Connection, *, good: int, code: int) -> None:
        self.connection, self.good, self.code = connection, good, code

    @property
    def in_transaction(self) -> bool:
        return self.connection.in_transaction

    def execute(self, sql: str, values: Sequence[Value] = (), /) -> Cursor:
        self._count()
        return self.connection.execute(sql, values)

    def executemany(self, sql: str, rows: Iterable[Sequence[Value]], /) -> Cursor:
        self._count()
        return self.connection.executemany(sql, rows)

    def close(self) -> None:
        self.connection.close()

    def _count(self) -> None:
        self.good -= 1
        if self.good < 0:
            error = sqlite3.OperationalError("the disk is gone")
            error.sqlite_errorcode = self.code
            raise error


def test_a_disk_that_fails_at_any_statement_leaves_the_change_out_as_a_whole(tmp_path: Path) -> None:
    disks: list[FailingConnection] = []

    def connect(path: Path) -> Connection:
        disks.append(FailingConnection(connect_plain(path), good=1_000, code=sqlite3.SQLITE_IOERR))
        return disks[-1]

    fails = 0
    for good in range(60):
        folder = tmp_path / str(good)
        journal = Journal.open(folder, key=None, connect=connect)
        disks[-1].good = good
        with contextlib.suppress(StorageError):
            journal.commit(golden_facts())
        has_failed = disks[-1].good < 0
        disks[-1].good = 1_000
        with pytest.raises(StorageError) if has_failed and good else contextlib.nullcontext():
            assert journal.counts().messages == (0 if has_failed else 2)
        journal.close()
        journal = Journal.open(folder, key=None)
        assert journal.counts().messages == (0 if has_failed else 2)
        journal.close()
        fails += has_failed
    assert 10 < fails < 60


def test_a_full_disk_says_so_and_keeps_what_was_there(journal: Journal) -> None:
    journal.commit([KeepMessage(message_of(1), 1)])
    pages = journal._database.row("PRAGMA page_count")
    assert pages is not None
    journal._database.row(f"PRAGMA max_page_count = {pages[0]}")
    with pytest.raises(StoreFullError, match="no space is left"):
        journal.commit([KeepMessage(message_of(number, text=CANARY * 1_000), 1) for number in range(2, 9)])
    assert journal.counts().messages == 1
    journal._database.row("PRAGMA max_page_count = 1000000")
    journal.commit([KeepMessage(message_of(2), 2)])
    assert journal.counts().messages == 2


def test_another_key_does_not_open_it(tmp_path: Path) -> None:
    write_golden(tmp_path)
    with pytest.raises(StorageError, match="the key is another one"):
        Journal.open(tmp_path, key=bytes(32))
    with pytest.raises(StorageError):
        Journal.open(tmp_path, key=None)
    Journal.open(tmp_path, key=KEY).close()


def test_a_truncated_journal_is_noticed(tmp_path: Path) -> None:
    write_golden(tmp_path)
    path = tmp_path / JOURNAL_FILE
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(StoreCorruptError):
        Journal.open(tmp_path, key=KEY)


def test_one_changed_bit_is_noticed(tmp_path: Path) -> None:
    write_golden(tmp_path)
    path = tmp_path / JOURNAL_FILE
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    journal = Journal.open(tmp_path, key=KEY)
    try:
        with pytest.raises(StoreCorruptError):
            journal.check()
    finally:
        journal.close()


def test_the_disk_shows_nothing_of_what_is_kept(journal: Journal, tmp_path: Path) -> None:
    journal.keep_identity(IDENTITY)
    journal.commit(golden_facts())
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {JOURNAL_FILE, f"{JOURNAL_FILE}-wal"}
    for secret in (CANARY, "ann@example.org", "account pickle", "CREATE TABLE", "SQLite format"):
        assert [path.name for path in files if secret.encode() in path.read_bytes()] == []


def test_the_canary_would_be_found_without_a_key(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path, key=None)
    journal.commit(golden_facts())
    assert any(CANARY.encode() in path.read_bytes() for path in tmp_path.iterdir())
    journal.close()


def test_a_second_agent_is_told_who_holds_the_journal(journal: Journal, tmp_path: Path) -> None:
    with pytest.raises(StoreLockedError, match=f"process {os.getpid()}"):
        Journal.open(tmp_path, key=KEY)


def test_a_journal_that_did_not_open_leaves_the_folder_free(tmp_path: Path) -> None:
    write_golden(tmp_path)
    with pytest.raises(StorageError):
        Journal.open(tmp_path, key=bytes(32))
    Journal.open(tmp_path, key=KEY).close()


def test_others_may_read_while_the_agent_writes(journal: Journal, tmp_path: Path) -> None:
    reader = Journal.read_only(tmp_path, key=KEY)
    try:
        assert reader.counts().messages == 0
        journal.commit([KeepMessage(message_of(1), 1)])
        assert [item.message for item in reader.messages()] == [message_of(1)]
        with pytest.raises(StorageError):
            reader._database.run("DELETE FROM messages")
    finally:
        reader.close()


def test_reading_what_is_not_there_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="there is no"):
        Journal.read_only(tmp_path, key=KEY)
    assert list(tmp_path.iterdir()) == []


def test_a_number_too_large_for_the_disk_is_refused_as_a_whole(journal: Journal) -> None:
    forged = replace(message_of(2), expires_ms=1 << 64)
    with pytest.raises(StorageError, match="too large"):
        journal.commit([KeepMessage(message_of(1), 1), KeepMessage(forged, 1)])
    assert journal.counts().messages == 0


def test_a_kept_promise_leaves_its_stage_but_no_bytes(journal: Journal) -> None:
    journal.commit([KeepMessage(message_of(1), 1), outgoing_of(1)])
    journal.commit([copy_of(1, Stage.SEALED, sealed=b"bytes"), copy_of(1, Stage.DELIVERED)])
    assert [copy.sealed for copy in journal.load().copies] == [b"bytes"]
    journal.commit([DropOutgoing(message_of(1).id)])
    assert journal.load().copies == ()
    assert journal._database.rows("SELECT * FROM sealed") == []
    assert [copy.stage for copy in journal.copies(message_of(1).id)] == [Stage.DELIVERED]


def test_a_kept_receipt_leaves_nothing(journal: Journal) -> None:
    journal.commit([outgoing_of(1), copy_of(1, Stage.ACCEPTED, sealed=b"bytes")])
    journal.commit([DropOutgoing(message_of(1).id)])
    assert journal.copies(message_of(1).id) == []


def test_only_the_newest_seen_envelopes_are_remembered(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    for file in (journal_file, snapshot_file):
        monkeypatch.setattr(file, "SEEN_MAX", 10)
    monkeypatch.setattr(journal_file, "PRUNE_EVERY", 5)
    for number in range(50):
        journal.commit([KeepSeen(EnvelopeId(bytes([number]) * 16), number)])
    assert [seen.wall_ms for seen in journal.load().seen] == list(range(40, 50))
    assert journal.counts().seen <= 10 + 5


def test_settings_are_kept_replaced_and_dropped(journal: Journal) -> None:
    assert journal.setting("receipts") is None
    journal.keep_setting("receipts", "on")
    journal.keep_setting("receipts", "off")
    journal.keep_setting("theme", "dark")
    assert journal.settings() == {"receipts": "off", "theme": "dark"}
    journal.drop_setting("theme")
    assert journal.settings() == {"receipts": "off"}
