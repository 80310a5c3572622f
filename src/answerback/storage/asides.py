"""Keeps what goes beside the road to the relay, and reads it back: choices, consents, texts, arrivals."""

from collections.abc import Sequence
from typing import assert_never

from answerback.core.facts import (
    AsideFact,
    DropTextMessage,
    KeepConsent,
    KeepFallback,
    KeepPrivate,
    KeepText,
    KeepTextArrival,
    KeepTextStep,
)
from answerback.model.fallback import NO_DEVICE, AsideStage, AsideStep, Choice, Trigger
from answerback.model.ids import AccountId, MessageId
from answerback.model.message import Message
from answerback.model.timeline import Evidence
from answerback.storage.database import Database, Row, Value
from answerback.storage.messages import MESSAGES, kept_message

TEXTS_MAX = 10_000
"""Rows read back for an engine; what is older nobody waits for any more. All stay on the disk."""

_FALLBACK = """
    INSERT INTO fallbacks VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (account) DO UPDATE SET handle = excluded.handle, carrier = excluded.carrier, choice = excluded.choice,
        after_s = excluded.after_s, file_noted = excluded.file_noted"""
_CONSENT = """
    INSERT INTO consents (account, handle, carrier, price, wording, given_by, given_ms, withdrawn_ms)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (account, carrier, given_ms) DO UPDATE SET handle = excluded.handle, price = excluded.price,
        wording = excluded.wording, given_by = excluded.given_by, withdrawn_ms = excluded.withdrawn_ms"""
_TEXT = """
    INSERT INTO texts (number, message, account, handle, carrier, confirms, stage, reason, attempt, parts, price,
        agreed_ms)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (number) DO UPDATE SET message = excluded.message, account = excluded.account,
        handle = excluded.handle, carrier = excluded.carrier, confirms = excluded.confirms, stage = excluded.stage,
        reason = excluded.reason, attempt = excluded.attempt, parts = excluded.parts, price = excluded.price,
        agreed_ms = excluded.agreed_ms"""
_TEXT_COLUMNS = "number, message, account, handle, carrier, confirms, stage, reason, attempt, parts, price, agreed_ms"
_TEXT_STEP = "INSERT INTO text_steps (number, stage, evidence, wall_ms, reason) VALUES (?, ?, ?, ?, ?)"
_PRIVATE = "INSERT INTO private_messages VALUES (?) ON CONFLICT (message) DO NOTHING"
_ARRIVAL = """
    INSERT INTO text_arrivals (id, account, message, carrier, tag, likeness, merged, arrived_ms)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET account = excluded.account, message = excluded.message, carrier = excluded.carrier,
        tag = excluded.tag, likeness = excluded.likeness, merged = excluded.merged, arrived_ms = excluded.arrived_ms"""
_ARRIVAL_COLUMNS = "id, account, message, carrier, tag, likeness, merged, arrived_ms"
# Only ever what nobody proved to have sent: an encrypted message cannot be dropped by this, whatever its id.
_DROP_TEXT_MESSAGE = "DELETE FROM messages WHERE author = ? AND id = ? AND author_device = ?"


def aside_statement(fact: AsideFact) -> tuple[str, Sequence[Value]]:
    """Say what must be written for one fact."""
    match fact:
        case KeepFallback():
            chosen = (fact.choice.value, fact.after_s, fact.is_file_noted)
            return _FALLBACK, (fact.account, fact.handle, fact.carrier, *chosen)
        case KeepConsent():
            agreed = (fact.price, fact.wording, fact.by, fact.given_ms, fact.withdrawn_ms)
            return _CONSENT, (fact.account, fact.handle, fact.carrier, *agreed)
        case KeepText():
            whose = (fact.number, fact.message, fact.account, fact.handle, fact.carrier, fact.confirms)
            how = (int(fact.stage), fact.trigger.value, fact.attempt, fact.parts, fact.price, fact.agreed_ms)
            return _TEXT, (*whose, *how)
        case KeepTextStep(number, step):
            return _TEXT_STEP, (number, int(step.stage), int(step.evidence), step.wall_ms, step.reason)
        case KeepPrivate(message):
            return _PRIVATE, (message,)
        case KeepTextArrival():
            what = (fact.carrier, fact.tag, fact.likeness, fact.is_merged, fact.arrived_wall_ms)
            return _ARRIVAL, (fact.id, fact.account, fact.message, *what)
        case DropTextMessage(author, message):
            return _DROP_TEXT_MESSAGE, (author, message, NO_DEVICE)
        case _:
            assert_never(fact)


def read_fallbacks(database: Database) -> tuple[KeepFallback, ...]:
    """Return what was chosen for each contact."""
    rows = database.rows("SELECT account, handle, carrier, choice, after_s, file_noted FROM fallbacks")
    return tuple(
        KeepFallback(account, handle, carrier, Choice(choice), after_s, bool(noted))
        for account, handle, carrier, choice, after_s, noted in rows
    )


def read_consents(database: Database) -> tuple[KeepConsent, ...]:
    """Return every consent, oldest first, also those taken back."""
    columns = "account, handle, carrier, price, wording, given_by, given_ms, withdrawn_ms"
    return tuple(KeepConsent(*row) for row in database.rows(f"SELECT {columns} FROM consents ORDER BY number"))  # noqa: S608


def read_texts(database: Database) -> tuple[KeepText, ...]:
    """Return the newest texts, oldest first."""
    rows = database.rows(f"SELECT {_TEXT_COLUMNS} FROM texts ORDER BY place DESC LIMIT ?", (TEXTS_MAX,))  # noqa: S608
    return tuple(_text(row) for row in reversed(rows))


def read_texts_of(database: Database, message: MessageId) -> list[tuple[KeepText, tuple[AsideStep, ...]]]:
    """Return the texts of one message and their lives, oldest first."""
    rows = database.rows(f"SELECT {_TEXT_COLUMNS} FROM texts WHERE message = ? ORDER BY place", (message,))  # noqa: S608
    return [(text, _steps(database, text.number)) for text in map(_text, rows)]


def read_private(database: Database) -> tuple[KeepPrivate, ...]:
    """Return the messages still promised that never go by a carrier."""
    rows = database.rows(
        "SELECT message FROM private_messages WHERE message IN (SELECT id FROM outgoing) "
        "OR message IN (SELECT id FROM drafts)"
    )
    return tuple(KeepPrivate(*row) for row in rows)


def is_private(database: Database, message: MessageId) -> bool:
    """Say whether a message of ours never goes by a carrier."""
    return database.row("SELECT 1 FROM private_messages WHERE message = ?", (message,)) is not None


def read_text_arrivals(database: Database) -> tuple[KeepTextArrival, ...]:
    """Return what carriers brought last, oldest first."""
    sql = f"SELECT {_ARRIVAL_COLUMNS} FROM text_arrivals ORDER BY place DESC LIMIT ?"  # noqa: S608
    return tuple(_arrival(row) for row in reversed(database.rows(sql, (TEXTS_MAX,))))


def read_arrival_of(database: Database, author: AccountId, message: MessageId) -> KeepTextArrival | None:
    """Say how a message came by a carrier, if it did."""
    sql = f"SELECT {_ARRIVAL_COLUMNS} FROM text_arrivals WHERE message = ? AND account = ?"  # noqa: S608
    row = database.row(sql, (message, author))
    return _arrival(row) if row else None


def read_lately(database: Database) -> tuple[Message, ...]:
    """Return the newest messages that others proved to have written, oldest first."""
    rows = database.rows(
        f"{MESSAGES} WHERE NOT mine AND author_device <> ? ORDER BY arrival DESC LIMIT ?", (NO_DEVICE, TEXTS_MAX)
    )
    return tuple(kept_message(row).message for row in reversed(rows))


def _text(row: Row) -> KeepText:
    number, message, account, handle, carrier, confirms, stage, reason, *rest = row
    return KeepText(
        number, message, account, handle, carrier, bool(confirms), AsideStage(stage), Trigger(reason), *rest
    )


def _steps(database: Database, number: int) -> tuple[AsideStep, ...]:
    sql = "SELECT stage, evidence, wall_ms, reason FROM text_steps WHERE number = ? ORDER BY place"
    return tuple(
        AsideStep(AsideStage(stage), Evidence(evidence), wall_ms, reason)
        for stage, evidence, wall_ms, reason in database.rows(sql, (number,))
    )


def _arrival(row: Row) -> KeepTextArrival:
    identity, account, message, carrier, tag, like, merged, arrived_ms = row
    return KeepTextArrival(identity, account, message, carrier, tag, like, bool(merged), arrived_ms)
