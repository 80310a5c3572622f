"""Writes a device's history in open formats into a folder: lines of JSON, pages to read, plain text.

The folder gets its name when everything is in it: what was broken off lies beside it under a name that says so, and the
next export clears it away. A page of messages is held in memory at a time, and one file of a message.
"""

import hashlib
import html
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum, unique
from pathlib import Path
from typing import IO, Final

import msgspec

from answerback.device.backing_up import PAGE_MESSAGES, file_of
from answerback.model.errors import StorageError, UsageError
from answerback.model.ids import AccountId, ConversationId, message_id_text
from answerback.model.trust import How
from answerback.storage.durable import PRIVATE_FILE, make_private_folder, sync_folder
from answerback.storage.history import Conversation, History
from answerback.storage.messages import KeptMessage
from answerback.storage.staging import safe_name

SCHEMA = "answerback export 1"
PART_SUFFIX = ".part"
COPY_BYTES = 256 * 1024
NAME_CHARACTERS_MAX = 60
"""Of a conversation, in a file's name; its id's first digits keep two apart."""
Progress = Callable[[int, int], None]


@unique
class Format(Enum):
    """What an export may be written as."""

    JSON = "json"
    HTML = "html"
    TEXT = "text"


class ExportedFile(msgspec.Struct, frozen=True):
    """A file beside a message."""

    name: str
    size_bytes: int
    media_type: str
    sha256: str
    path: str | None
    """Where it is in this export; null if it is not on the device, or has changed since it came."""


class ExportedMessage(msgspec.Struct, frozen=True):
    """One line of `messages.jsonl`; docs/export.md describes it."""

    id: str
    conversation: str
    author: str
    """Account id."""
    author_name: str
    recipients: list[str]
    recipient_names: list[str]
    mine: bool
    text: str
    file: ExportedFile | None
    urgency: str
    written_ms: int
    counter: int
    """Orders what was written in one millisecond."""
    written_after: list[str]
    """Messages its author had seen."""
    arrived_ms: int


class ExportedContact(msgspec.Struct, frozen=True):
    """One line of `contacts.jsonl`."""

    handle: str
    account: str
    verified: str | None
    """By what: scan, numbers, code."""
    verified_ms: int | None


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written."""

    folder: Path
    messages: int
    conversations: int
    files: int


def export(
    history: History, folder: Path, *, kind: Format, with_files: bool = True, progress: Progress | None = None
) -> Exported:
    """Write the history into a folder that does not exist yet. Raises `UsageError`, `StorageError`."""
    if folder.exists():
        raise UsageError(f"{folder} exists already; give another name")
    part = folder.with_name(folder.name + PART_SUFFIX)
    try:
        if part.exists():
            shutil.rmtree(part)
        make_private_folder(part)
        told = _Writer(history, part, kind, with_files=with_files, progress=progress or _quiet).write()
        for each in (part, *(path for path in part.iterdir() if path.is_dir())):
            sync_folder(each)
        part.rename(folder)
        sync_folder(folder.parent)
    except OSError as error:
        raise StorageError(f"{error.filename or folder} cannot be written: {error.strerror}") from error
    return Exported(folder, *told)


def _quiet(_done: int, _total: int) -> None:
    """Tell nobody."""


@dataclass
class _Writer:
    history: History
    folder: Path
    kind: Format
    with_files: bool
    progress: Progress
    _names: dict[AccountId, str] = field(default_factory=dict)
    _files: int = 0
    _done: int = 0

    def write(self) -> tuple[int, int, int]:
        """Write everything; says how many messages, conversations and files there were."""
        identity = self.history.identity()
        self._names = {contact.account: contact.handle for contact in self.history.contacts()}
        if identity is not None:
            self._names[identity.account] = identity.handle.text
        conversations = self.history.conversations()
        total = sum(each.message_count for each in conversations)
        if self.kind is Format.JSON:
            self._lines("contacts.jsonl", self._contacts())
            self._lines("messages.jsonl", self._messages(conversations, total))
        else:
            for conversation in conversations:
                self._conversation(conversation, total)
            if self.kind is Format.HTML:
                self._text("index.html", [_page("Conversations", self._index(conversations))])
        about = {"schema": SCHEMA, "format": self.kind.value, "messages": self._done, "files": self._files}
        self._text("about.json", [msgspec.json.format(msgspec.json.encode(about)).decode() + "\n"])
        self.progress(self._done, total)
        return self._done, len(conversations), self._files

    # ---- lines of JSON

    def _contacts(self) -> Iterator[ExportedContact]:
        marks = {mark.account: mark for mark in self.history.verified() if mark.how is not How.WITHDRAWN}
        for contact in self.history.contacts():
            mark = marks.get(contact.account)
            how = mark.how.name.lower() if mark else None
            yield ExportedContact(contact.handle, contact.account.hex(), how, mark.at_ms if mark else None)

    def _messages(self, conversations: list[Conversation], total: int) -> Iterator[ExportedMessage]:
        for conversation in conversations:
            for kept in self._walk(conversation.id, total):
                yield self._told(kept)

    def _told(self, kept: KeptMessage) -> ExportedMessage:
        message = kept.message
        recipients = sorted(message.recipients)
        return ExportedMessage(
            id=message_id_text(message.id),
            conversation=message.conversation.hex(),
            author=message.author.hex(),
            author_name=self._name(message.author),
            recipients=[account.hex() for account in recipients],
            recipient_names=[self._name(account) for account in recipients],
            mine=kept.mine,
            text=message.text,
            file=self._file(kept),
            urgency=message.urgency.name.lower(),
            written_ms=message.stamp.wall_ms,
            counter=message.stamp.counter,
            written_after=[message_id_text(each) for each in sorted(message.written_after)],
            arrived_ms=kept.arrived_wall_ms,
        )

    def _lines(self, name: str, told: Iterator[msgspec.Struct]) -> None:
        self._text(name, (msgspec.json.encode(each).decode() + "\n" for each in told))

    # ---- for reading

    def _conversation(self, conversation: Conversation, total: int) -> None:
        title = self._title(conversation)
        name = self._file_name(conversation)
        rows = (self._row(kept) for kept in self._walk(conversation.id, total))
        if self.kind is Format.TEXT:
            self._text(name, [f"{_line(title)}\n\n"], rows)
            return
        head, _, foot = _page(title, "\0").partition("\0")
        self._text(name, [head], rows, [foot])

    def _row(self, kept: KeptMessage) -> str:
        message, file = kept.message, self._file(kept)
        who, when = self._name(message.author), _when(message.stamp.wall_ms)
        if self.kind is Format.TEXT:
            body = "\n".join(f"    {_plain(line)}" for line in message.text.splitlines())
            named = f"\n    [file {_line(file.name)}: {file.path or 'not here'}]" if file else ""
            return f"{when}  {_line(who)}\n{body}{named}\n\n"
        link = ""
        if file is not None:
            shown = html.escape(file.name)
            where = f'<a href="{html.escape(file.path)}">{shown}</a>' if file.path else f"{shown} (not here)"
            link = f"<p>{where}</p>"
        side = " class=mine" if kept.mine else ""
        head = f"<b>{html.escape(who)}</b> <time>{when}</time>"
        return f"<article{side}><p>{head}</p><pre>{html.escape(_plain(message.text))}</pre>{link}</article>\n"

    def _index(self, conversations: list[Conversation]) -> str:
        rows = (
            f'<li><a href="{html.escape(self._file_name(each))}">{html.escape(self._title(each))}</a> '
            f"({each.message_count})</li>\n"
            for each in conversations
        )
        return f"<ul>{''.join(rows)}</ul>"

    def _title(self, conversation: Conversation) -> str:
        identity = self.history.identity()
        own = identity.account if identity is not None else None
        others = sorted(self._name(account) for account in conversation.members if account != own)
        return ", ".join(others) or "Notes to yourself"

    def _file_name(self, conversation: Conversation) -> str:
        ending = "txt" if self.kind is Format.TEXT else "html"
        return f"{safe_name(self._title(conversation))[:NAME_CHARACTERS_MAX]}-{conversation.id.hex()[:8]}.{ending}"

    # ---- what all share

    def _walk(self, conversation: ConversationId, total: int) -> Iterator[KeptMessage]:
        """Every message of a conversation, in the order of writing within what arrived together, oldest first."""
        arrivals: list[int] = []
        before: int | None = None
        while page := self.history.messages(conversation=conversation, limit=PAGE_MESSAGES, before=before):
            before = page[-1].arrival
            arrivals.append(page[0].arrival + 1)
        for newest in reversed(arrivals):
            page = self.history.messages(conversation=conversation, limit=PAGE_MESSAGES, before=newest)
            for kept in reversed(page):
                self._done += 1
                yield kept
            self.progress(self._done, total)

    def _file(self, kept: KeptMessage) -> ExportedFile | None:
        attachment = kept.message.attachment
        if attachment is None:
            return None
        source = file_of(self.history, kept) if self.with_files else None
        path = None
        if source is not None:
            digits = hashlib.sha256(kept.message.author + kept.message.id).hexdigest()[:12]
            path = f"files/{digits}-{safe_name(attachment.name)}"
            self._copy(source, self.folder / path)
            self._files += 1
        return ExportedFile(
            attachment.name, attachment.size_bytes, attachment.media_type, attachment.sha256.hex(), path
        )

    def _copy(self, source: Path, target: Path) -> None:
        make_private_folder(target.parent)
        with source.open("rb") as read, _opened(target) as written:
            shutil.copyfileobj(read, written, COPY_BYTES)
            _to_disk(written)

    def _text(self, name: str, *parts: "Iterator[str] | list[str]") -> None:
        with _opened(self.folder / name) as file:
            for part in parts:
                file.writelines(text.encode(errors="replace") for text in part)
            _to_disk(file)

    def _name(self, account: AccountId) -> str:
        return self._names.get(account) or f"account {account.hex()[:6]}"


def _opened(path: Path) -> IO[bytes]:
    with ExitStack() as stack:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), PRIVATE_FILE)
        stack.callback(os.close, descriptor)
        file = os.fdopen(descriptor, "wb")
        stack.pop_all()
    return file


def _to_disk(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _when(wall_ms: int) -> str:
    return datetime.fromtimestamp(wall_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _plain(text: str) -> str:
    """Leave out what would steer a terminal that shows the file."""
    return "".join(c if c in "\n\t" or c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _line(text: str) -> str:
    return _plain(" ".join(text.split()))


STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:46em;margin:2em auto;padding:0 1em;color:#1b1b1b}"
    "pre{white-space:pre-wrap;overflow-wrap:anywhere;font:inherit;margin:.3em 0}time{color:#666}"
    "article{border-left:.25em solid #bbb;padding:0 1em;margin:1em 0}.mine{border-color:#2a6}p{margin:.3em 0}"
)


def _page(title: str, body: str) -> str:
    safe = html.escape(title)
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        "<!doctype html>\n<html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>\n"
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f"<title>{safe}</title><style>{STYLE}</style>\n<h1>{safe}</h1>\n{body}\n</html>\n"
    )
