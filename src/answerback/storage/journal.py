"""Commits what the core decided before the world hears of it.

Theory. The journal is the agent's truth. One change of the engine is one transaction: a ratchet and the ciphertext it
made, or a message, its ratchet, its envelope's id and the cursor, are on the disk together or not at all. Facts are
values, and keeping one twice is the same as keeping it once, except for steps, which are a log.
"""

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Final

from answerback.core.facts import Fact, KeepSeen
from answerback.model.ids import AccountId
from answerback.model.notes import NoteKind
from answerback.storage.database import Connect, Database, open_database
from answerback.storage.history import History
from answerback.storage.identity import Identity, rewrite_identity, write_identity
from answerback.storage.keeping import statements
from answerback.storage.layout import JOURNAL_FILE
from answerback.storage.lock import FolderLock
from answerback.storage.snapshot import SEEN_MAX
from answerback.storage.taking_back import Kept, taking_back

SCHEMA = "journal"
PRUNE_EVERY = 1_000
"""Seen ids are cut back once in so many: finding the oldest one to keep walks the whole index."""


class Journal(History):
    """The one writer of a device's folder."""

    def __init__(self, database: Database, lock: FolderLock) -> None:
        super().__init__(database)
        self._lock: Final = lock
        self._seen_since_pruned = PRUNE_EVERY  # how many there are is not known yet

    @classmethod
    def open(cls, folder: Path, *, key: bytes | None, connect: Connect | None = None) -> "Journal":
        """Take the folder for this process and open its journal, making it if there is none.

        Without a key the file is not encrypted: for tests and simulators.
        """
        lock = FolderLock(folder)
        try:
            return cls(open_database(folder / JOURNAL_FILE, schema=SCHEMA, key=key, connect=connect), lock)
        except BaseException:
            lock.release()
            raise

    @staticmethod
    def read_only(folder: Path, *, key: bytes | None, connect: Connect | None = None) -> History:
        """Open a journal for reading, also while another process is writing to it."""
        return History(open_database(folder / JOURNAL_FILE, schema=SCHEMA, key=key, connect=connect, read_only=True))

    def commit(self, facts: Sequence[Fact]) -> None:
        """Keep all of these or, with a StorageError, none."""
        if not facts:
            return
        with self._database.transaction():
            all_statements = (statement for fact in facts for statement in statements(fact))
            for sql, alike in groupby(all_statements, key=itemgetter(0)):
                self._database.run_many(sql, (values for _, values in alike))
            self._prune(sum(isinstance(fact, KeepSeen) for fact in facts))

    def take_back(self, records: Sequence[Kept], *, own: AccountId) -> None:
        """Put back all of these parts of a backup, or none; what is here already stays as it is."""
        with self._database.transaction():
            for record in records:
                for sql, values in taking_back(record, own=own):
                    self._database.run(sql, values)

    def keep_identity(self, identity: Identity) -> None:
        """Keep what registration gave this device."""
        write_identity(self._database, identity)

    def forget_registration(self) -> None:
        """Forget what a registration that never ended had prepared."""
        with self._database.transaction():
            for table in ("identity", "device_keys", "device_lists", "own_lists", "lease"):
                self._database.run(f"DELETE FROM {table}")  # noqa: S608 - names of ours

    def become(self, identity: Identity, pickle: str) -> None:
        """Be another device from now on, with the messages, contacts and promises of the one before.

        What was agreed with other devices was the one before's: sessions, numbering, sealed copies, its mailbox.
        """
        with self._database.transaction():
            for table in ("ratchets", "seal_secrets", "streams", "cursors", "relay", "sealed"):
                self._database.run(f"DELETE FROM {table}")  # noqa: S608 - names of ours
            self._database.run("DELETE FROM copies WHERE message IN (SELECT id FROM outgoing)")
            self._database.run("UPDATE outgoing SET addressed = 0")
            self._database.run(
                "DELETE FROM notes WHERE kind IN (?, ?)", (NoteKind.NEXT_DEVICE.value, NoteKind.SUPERSEDED.value)
            )
            self._database.run(
                "INSERT OR REPLACE INTO notes (kind, about, value) VALUES (?, ?, ?)",
                (NoteKind.UNINTRODUCED.value, b"", b"1"),
            )
            self._database.run("UPDATE device_keys SET pickle = ?", (pickle,))
            rewrite_identity(self._database, identity)

    def keep_setting(self, name: str, value: str) -> None:
        """Keep a setting in place of the one before."""
        self._database.run(
            "INSERT INTO settings VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", (name, value)
        )

    def drop_setting(self, name: str) -> None:
        """Forget a setting."""
        self._database.run("DELETE FROM settings WHERE name = ?", (name,))

    def close(self) -> None:
        """Let go of the file and of the folder."""
        try:
            super().close()
        finally:
            self._lock.release()

    def _prune(self, taken: int) -> None:
        self._seen_since_pruned += taken
        if taken and self._seen_since_pruned > PRUNE_EVERY:
            self._seen_since_pruned = 0
            self._database.run(
                "DELETE FROM seen WHERE number <= (SELECT number FROM seen ORDER BY number DESC LIMIT 1 OFFSET ?)",
                (SEEN_MAX,),
            )
