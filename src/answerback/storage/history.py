"""Answers what people ask about their messages: lists, timelines, counts."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from answerback.core.facts import (
    KeepChange,
    KeepConsent,
    KeepContact,
    KeepCopy,
    KeepDeviceName,
    KeepDraft,
    KeepFallback,
    KeepNote,
    KeepOwnList,
    KeepStep,
    KeepText,
    KeepTextArrival,
    KeepTransfer,
    KeepVerified,
)
from answerback.core.log_facts import KeepEvidence, KeepLog
from answerback.core.memory import Memory
from answerback.model.causes import cause_of
from answerback.model.errors import UsageError
from answerback.model.fallback import AsideStep
from answerback.model.ids import ID_BYTES, AccountId, ConversationId, DeviceId, MessageId
from answerback.model.timeline import Evidence, Stage, Step
from answerback.storage.asides import is_private, read_arrival_of, read_consents, read_fallbacks, read_texts_of
from answerback.storage.database import Database
from answerback.storage.identity import Identity, read_identity
from answerback.storage.messages import MESSAGES, KeptMessage, kept_message
from answerback.storage.snapshot import (
    COPY_COLUMNS,
    copy_of,
    read_changes,
    read_contacts,
    read_device_names,
    read_drafts,
    read_evidence,
    read_log,
    read_notes,
    read_own_lists,
    read_snapshot,
    read_transfers,
    read_verified,
)

PAGE_MESSAGES = 50
"""About two screens of a conversation."""
PREFIX_CHARACTERS_MIN = 4
"""Fewer would hardly ever mean one message: ids begin with their time."""
ARRIVAL_MAX = (1 << 63) - 1  # SQLite's largest integer


@dataclass(frozen=True, slots=True)
class Conversation:
    """One line of an inbox."""

    id: ConversationId
    message_count: int
    last: KeptMessage
    """The one that arrived last."""

    @property
    def members(self) -> frozenset[AccountId]:
        """Everybody who takes part in it."""
        return self.last.message.recipients | {self.last.message.author}


@dataclass(frozen=True, slots=True)
class Counts:
    """How much is kept."""

    messages: int
    outgoing: int
    copies: int
    seen: int
    transfers: int


class History:
    """What may be read of a journal, also while an agent is writing to it."""

    def __init__(self, database: Database) -> None:
        self._database: Final = database

    def load(self) -> Memory:
        """Return everything an engine needs to go on."""
        return read_snapshot(self._database)

    def identity(self) -> Identity | None:
        """Say who this device is; None before registration."""
        return read_identity(self._database)

    def setting(self, name: str) -> str | None:
        """Return what was set by this name, if anything was."""
        row = self._database.row("SELECT value FROM settings WHERE name = ?", (name,))
        return row[0] if row else None

    def settings(self) -> dict[str, str]:
        """Return everything that was set."""
        return dict(self._database.rows("SELECT name, value FROM settings ORDER BY name"))

    def messages(
        self, *, conversation: ConversationId | None = None, limit: int = PAGE_MESSAGES, before: int | None = None
    ) -> list[KeptMessage]:
        """Return the messages that arrived last, newest first; the next page is `before` the last one's arrival."""
        newest = before if before is not None else ARRIVAL_MAX
        if conversation is None:
            return self._kept(f"{MESSAGES} WHERE arrival < ? ORDER BY arrival DESC LIMIT ?", newest, limit)
        where = "WHERE conversation = ? AND arrival < ?"
        return self._kept(f"{MESSAGES} {where} ORDER BY arrival DESC LIMIT ?", conversation, newest, limit)

    def message(self, identity: MessageId, *, author: AccountId | None = None) -> KeptMessage | None:
        """Find one message; the author settles which, should two have taken the same id."""
        if author is not None:
            return next(iter(self._kept(f"{MESSAGES} WHERE author = ? AND id = ?", author, identity)), None)
        return next(iter(self._kept(f"{MESSAGES} WHERE id = ?", identity)), None)

    def find_message(self, prefix: str) -> KeptMessage | None:
        """Find the one message whose id begins like this; raise UsageError where several do."""
        digits = re.sub(r"[\s-]", "", prefix).lower()
        if not re.fullmatch(rf"[0-9a-f]{{{PREFIX_CHARACTERS_MIN},{2 * ID_BYTES}}}", digits):
            raise UsageError(
                f"{prefix!r} is not the beginning of a message id: give at least {PREFIX_CHARACTERS_MIN} "
                "of its characters 0-9, a-f"
            )
        first, last = (bytes.fromhex(digits.ljust(2 * ID_BYTES, fill)) for fill in "0f")
        found = self._kept(f"{MESSAGES} WHERE id BETWEEN ? AND ? LIMIT 2", first, last)
        if len(found) > 1:
            raise UsageError(f"several messages' ids begin with {prefix!r}: give more of it")
        return found[0] if found else None

    def conversations(self) -> list[Conversation]:
        """Return every conversation, the one with the newest arrival first."""
        with self._database.reading():
            counted = self._database.rows("SELECT max(arrival), count(*) FROM messages GROUP BY conversation")
            found = []
            for arrival, count in sorted(counted, reverse=True):
                last = self._kept(f"{MESSAGES} WHERE arrival = ?", arrival)[0]
                found.append(Conversation(last.message.conversation, count, last))
            return found

    def drafts(self) -> tuple[KeepDraft, ...]:
        """Return the messages whose recipients are still being looked up, in the order they were promised."""
        return read_drafts(self._database)

    def steps(self, message: MessageId) -> list[KeepStep]:
        """Return what became of a message, in the order it was learned."""
        rows = self._database.rows(
            "SELECT device, stage, evidence, wall_ms, cause, attempt FROM steps WHERE message = ? ORDER BY number",
            (message,),
        )
        return [
            KeepStep(message, device, Step(Stage(stage), Evidence(evidence), wall_ms, cause_of(cause), attempt))
            for device, stage, evidence, wall_ms, cause, attempt in rows
        ]

    def copies(self, message: MessageId) -> list[KeepCopy]:
        """Return how far each copy of a message came, without the sealed bytes."""
        columns = COPY_COLUMNS.format(sealed="NULL")
        sql = f"SELECT {columns} FROM copies WHERE message = ? ORDER BY number"  # noqa: S608
        return [copy_of(row) for row in self._database.rows(sql, (message,))]

    def texts(self, message: MessageId) -> list[tuple[KeepText, tuple[AsideStep, ...]]]:
        """Return a message's ways by a carrier, oldest first, and what became of each."""
        return read_texts_of(self._database, message)

    def text_arrival(self, author: AccountId, message: MessageId) -> KeepTextArrival | None:
        """Say how a message came by a carrier, if it did."""
        return read_arrival_of(self._database, author, message)

    def is_private(self, message: MessageId) -> bool:
        """Say whether a message of ours never goes by a carrier."""
        return is_private(self._database, message)

    def fallbacks(self) -> tuple[KeepFallback, ...]:
        """Return what was chosen for each contact."""
        return read_fallbacks(self._database)

    def consents(self) -> tuple[KeepConsent, ...]:
        """Return every consent, oldest first, also those taken back."""
        return read_consents(self._database)

    def contacts(self) -> tuple[KeepContact, ...]:
        """Return every known handle and its account."""
        return read_contacts(self._database)

    def verified(self) -> tuple[KeepVerified, ...]:
        """Return whose keys this account's person has compared; a mark that was taken away says so."""
        return read_verified(self._database)

    def changes(self) -> tuple[KeepChange, ...]:
        """Return the handles that stand for another account than before."""
        return read_changes(self._database)

    def log(self) -> KeepLog | None:
        """Return the relay's log as far as it was proven; None before its first proof."""
        return read_log(self._database)

    def evidence(self) -> tuple[KeepEvidence, ...]:
        """Return what the relay has signed and cannot have meant honestly, or had to take back; oldest first."""
        return read_evidence(self._database)

    def device_names(self) -> tuple[KeepDeviceName, ...]:
        """Return what other devices call themselves."""
        return read_device_names(self._database)

    def extent(self) -> tuple[int, int]:
        """Say how many messages there are, and the arrival that none of them has reached yet."""
        row = self._database.row("SELECT count(*), coalesce(max(arrival), 0) + 1 FROM messages")
        assert row is not None
        return int(row[0]), int(row[1])

    def heard(self, devices: Sequence[DeviceId]) -> dict[DeviceId, int]:
        """Say when something of each of these devices was last opened here, in milliseconds of the wall clock."""
        marks = ", ".join("?" for _ in devices)
        sql = f"SELECT device, max(wall_ms) FROM seen WHERE device IN ({marks}) AND opened GROUP BY device"  # noqa: S608
        return dict(self._database.rows(sql, tuple(devices)))

    def notes(self) -> tuple[KeepNote, ...]:
        """Return the small things that machines remember."""
        return read_notes(self._database)

    def own_lists(self) -> tuple[KeepOwnList, ...]:
        """Return this account's own device lists, oldest first."""
        return read_own_lists(self._database)

    def transfers(self) -> tuple[KeepTransfer, ...]:
        """Return how far every file has travelled."""
        return read_transfers(self._database)

    def counts(self) -> Counts:
        """Count what is kept."""
        row = self._database.row(
            "SELECT (SELECT count(*) FROM messages), (SELECT count(*) FROM outgoing), (SELECT count(*) FROM copies), "
            "(SELECT count(*) FROM seen), (SELECT count(*) FROM transfers)"
        )
        assert row is not None
        return Counts(*row)

    def check(self) -> None:
        """Read the whole journal and raise StoreCorruptError if it is damaged."""
        self._database.check()

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def _kept(self, sql: str, *values: bytes | int) -> list[KeptMessage]:
        return [kept_message(row) for row in self._database.rows(sql, values)]
