"""Makes an encrypted backup of a device's history, checks one, and takes one back.

Nothing here reads a ratchet, a pre-key, a seal key or a ticket, so none can be in a backup: what is restored is
history, in the home of a device with keys of its own. A backup gets its name when it is whole; a restore first reads
the whole file and only then writes, so a file that is damaged anywhere changes nothing. Both may be broken off and
begun again.
"""

import hashlib
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from answerback.crypto.backups import DamagedBackupError, open_backup, seal_backup
from answerback.device.wishes import WISH_SETTING
from answerback.model.errors import PeerError, StorageError, UsageError
from answerback.model.ids import AccountId, MessageId
from answerback.model.trust import Vouched
from answerback.storage.durable import PRIVATE_FILE, claim_name
from answerback.storage.history import History
from answerback.storage.identity import Identity
from answerback.storage.journal import Journal
from answerback.storage.messages import KeptMessage
from answerback.storage.staging import Staging
from answerback.wire.keepsakes import (
    FORMAT,
    PIECE_BYTES,
    Began,
    Chosen,
    Ended,
    FileBegan,
    FileEnded,
    FilePart,
    Known,
    Moved,
    Record,
    Root,
    Sure,
    Wrote,
    read_records,
    write_records,
)

PAGE_MESSAGES = 200
"""Held in memory at once, and written in one transaction."""
SETTINGS = (WISH_SETTING,)
"""What a person chose. Other settings are about this device's disk or its push service."""

Progress = Callable[[int, int], None]
"""Hears how many messages are done, of how many."""


def _quiet(_done: int, _total: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class BackedUp:
    """What a backup holds."""

    account: AccountId
    handle: str = field(repr=False)
    made_ms: int
    messages: int
    files: int
    has_root: bool
    root_seed: bytes | None = field(default=None, repr=False)
    """The account's root key, if the backup holds it."""
    added: int = 0
    """Messages that were not here before; of a restore."""


# ---- making one ----------------------------------------------------------------------------------------------------


def write_backup(
    history: History,
    path: Path,
    passphrase: str,
    *,
    now_ms: int,
    with_files: bool = True,
    with_root: bool = False,
    progress: Progress = _quiet,
) -> BackedUp:
    """Write a backup to a file that does not exist yet. Raises `UsageError`, `StorageError`."""
    identity = history.identity()
    if identity is None:
        raise UsageError("there is nothing to back up: this device was never registered")
    if with_root and identity.root_seed is None:
        raise UsageError("this device does not have the account's root key: make the backup on another one")
    if path.exists():
        raise UsageError(f"{path} exists already; give another name")
    counted = BackedUp(identity.account, identity.handle.text, now_ms, 0, 0, with_root)
    records = _Records(history, identity, counted, with_files=with_files, progress=progress)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), PRIVATE_FILE)
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(seal_backup(passphrase, write_records(records.all())))
            file.flush()
            os.fsync(file.fileno())
        claim_name(draft, path)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        draft.unlink(missing_ok=True)
    return records.counted


@dataclass
class _Records:
    """All that goes into a backup, a page of messages at a time."""

    history: History
    identity: Identity
    counted: BackedUp
    with_files: bool
    progress: Progress

    def all(self) -> Iterator[Record]:
        own, history = self.identity, self.history
        total = history.counts().messages
        yield Began(FORMAT, self.counted.made_ms, own.account, own.handle.text, total, 0)
        if self.counted.has_root and own.root_seed is not None:
            yield Root(own.root_seed)
        yield from (Known(each.handle, each.account) for each in history.contacts())
        for mark in history.verified():
            yield Sure(Vouched(mark.account, mark.how, max(mark.at_ms, 0), mark.root), mark.device)
        for each in history.changes():
            yield Moved(each.handle, each.before, each.after, max(each.at_ms, 0), each.held)
        for name in SETTINGS:
            if (value := history.setting(name)) is not None:
                yield Chosen(name, value)
        messages = files = 0
        for kept in every_message(history):
            yield _wrote(kept)
            messages += 1
            if self.with_files and (path := file_of(history, kept)) is not None:
                yield from _file(kept, path)
                files += 1
            if messages % PAGE_MESSAGES == 0:
                self.progress(messages, total)
        self.progress(messages, messages)
        self.counted = BackedUp(
            own.account, own.handle.text, self.counted.made_ms, messages, files, self.counted.has_root
        )
        yield Ended(messages, files)


def every_message(history: History) -> Iterator[KeptMessage]:
    """Give every message, the newest first, a page at a time: an agent may write meanwhile."""
    before: int | None = None
    while page := history.messages(limit=PAGE_MESSAGES, before=before):
        yield from page
        before = page[-1].arrival


def file_of(history: History, kept: KeptMessage) -> Path | None:
    """Where the opened file of a message is, if it is whole and as its author sent it."""
    attachment = kept.message.attachment
    where = history.setting(f"file.{attachment.blob.hex()}") if attachment is not None else None
    if attachment is None or where is None:
        return None
    path = Path(where)
    try:
        if path.stat().st_size != attachment.size_bytes:
            return None
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                digest.update(piece)
    except OSError:
        return None
    return path if digest.digest() == attachment.sha256 else None


def _file(kept: KeptMessage, path: Path) -> Iterator[Record]:
    attachment = kept.message.attachment
    assert attachment is not None
    yield FileBegan(kept.message.author, kept.message.id, attachment.size_bytes)
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield FilePart(piece)
    yield FileEnded()


def _wrote(kept: KeptMessage) -> Wrote:
    message = kept.message
    return Wrote(
        message.id,
        message.conversation,
        message.author,
        message.author_device,
        sorted(message.recipients),
        message.text,
        message.attachment,
        message.urgency,
        message.stamp,
        sorted(message.written_after),
        message.expires_ms,
        max(kept.arrived_wall_ms, 0),
    )


# ---- reading one ---------------------------------------------------------------------------------------------------


def read_backup(path: Path, passphrase: str) -> Iterator[Record]:
    """Give the records of a backup; it is whole only when this ends without an error.

    Raises `WrongPassphraseError`, `DamagedBackupError`, `UsageError`, `StorageError`.
    """
    try:
        with path.open("rb") as file:
            yield from read_records(open_backup(passphrase, file.read))
    except PeerError as error:
        raise DamagedBackupError(f"{path}: {error}") from error
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}") from error


def check_backup(path: Path, passphrase: str) -> BackedUp:
    """Read a whole backup and say what it holds. Raises as `read_backup`."""
    began: Began | None = None
    seed: bytes | None = None
    messages = files = 0
    digest, expected = hashlib.sha256(), dict[tuple[AccountId, MessageId], bytes]()
    current: tuple[AccountId, MessageId] | None = None
    for record in read_backup(path, passphrase):
        match record:
            case Began():
                began = record
            case Root():
                seed = record.seed
            case Wrote(id=identity, author=author, attachment=attachment):
                messages += 1
                expected.clear()
                if attachment is not None:
                    expected[author, identity] = attachment.sha256
            case FileBegan(author, identity):
                current, digest = (author, identity), hashlib.sha256()
            case FilePart(content):
                digest.update(content)
            case FileEnded():
                files += 1
                if current is None or expected.get(current) != digest.digest():
                    raise DamagedBackupError(f"{path}: a file in it is not the one that was sent")
            case _:
                pass
    assert began is not None
    return BackedUp(began.account, began.handle, began.made_ms, messages, files, seed is not None, seed)


def restore_backup(
    journal: Journal, staging: Staging, path: Path, passphrase: str, *, progress: Progress = _quiet
) -> BackedUp:
    """Take a backup back into a home: messages, contacts, marks, settings, files; what is here already stays.

    The whole file is checked first. Raises as `read_backup`; `UsageError` if it is another account's backup.
    """
    found = check_backup(path, passphrase)
    identity = journal.identity()
    if identity is not None and identity.account != found.account:
        raise UsageError("this is the backup of another account; restore it into a home of its own: --home FOLDER")
    before = journal.counts().messages
    done = 0
    parts = _parts(journal, staging, read_backup(path, passphrase))
    while part := tuple(islice(parts, PAGE_MESSAGES)):
        journal.take_back(part, own=found.account)
        done += sum(isinstance(record, Wrote) for record in part)
        progress(done, found.messages)
    added = journal.counts().messages - before
    return BackedUp(
        found.account,
        found.handle,
        found.made_ms,
        found.messages,
        found.files,
        found.has_root,
        found.root_seed,
        added,
    )


def _parts(
    journal: Journal, staging: Staging, records: Iterable[Record]
) -> Iterator[Wrote | Known | Sure | Moved | Chosen]:
    """Pass on what goes into the journal, and put files where they belong on the way."""
    rows = iter(records)
    last: Wrote | None = None
    for record in rows:
        match record:
            case Wrote():
                last = record
                yield record
            case Known() | Sure() | Moved():
                yield record
            case Chosen(name) if name in SETTINGS:
                yield record
            case FileBegan():
                if last is not None:
                    _take_file(journal, staging, last, rows)
            case _:
                pass


def _take_file(journal: Journal, staging: Staging, message: Wrote, rows: Iterator[Record]) -> None:
    attachment = message.attachment
    assert attachment is not None
    setting = f"file.{attachment.blob.hex()}"
    known = journal.setting(setting)
    if known is not None and Path(known).exists():
        for _ in _pieces(rows):
            pass
        return
    path = staging.receive(attachment.name, _pieces(rows))
    journal.keep_setting(setting, str(path))


def _pieces(rows: Iterator[Record]) -> Iterator[bytes]:
    for record in rows:
        if not isinstance(record, FilePart):
            return
        yield record.content
