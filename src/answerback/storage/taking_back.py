"""Puts back into a journal what a backup kept, each thing once, however often it is tried.

Messages of a backup come newest first, and each takes its place below everything that is here: so they count as read,
what arrived since stays newest, and a restore that was broken off goes on where it stopped. What this device knows by
itself (whose a handle is, a later mark, a setting) is newer than any backup and stays.
"""

from collections.abc import Iterator

from answerback.core.facts import KeepMessage
from answerback.model.ids import AccountId
from answerback.model.message import Message
from answerback.storage.database import Value
from answerback.storage.keeping import message_values
from answerback.wire.keepsakes import Chosen, Known, Moved, Sure, Wrote

_MESSAGE = """
    INSERT INTO messages (arrival, mine, id, conversation, author, author_device, recipients, text, attachment, urgency,
        stamp_ms, stamp_counter, written_after, expires_ms, arrived_ms)
    VALUES ((SELECT min(0, coalesce(min(arrival), 0)) - 1 FROM messages), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (author, id) DO NOTHING"""
_CONTACT = "INSERT INTO contacts VALUES (?, ?) ON CONFLICT (handle) DO NOTHING"
_VERIFIED = """
    INSERT INTO verified (account, how, at_ms, device, root) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (account) DO UPDATE SET how = excluded.how, at_ms = excluded.at_ms, device = excluded.device,
        root = excluded.root WHERE excluded.at_ms > verified.at_ms"""
_CHANGE = """
    INSERT INTO changes VALUES (?, ?, ?, ?, ?) ON CONFLICT (handle) DO NOTHING"""
_SETTING = "INSERT INTO settings VALUES (?, ?) ON CONFLICT (name) DO NOTHING"

Kept = Wrote | Known | Sure | Moved | Chosen


def taking_back(record: Kept, *, own: AccountId) -> Iterator[tuple[str, tuple[Value, ...]]]:
    """Say what must be written for one record; `own` is the account whose backup it is."""
    match record:
        case Wrote():
            yield _MESSAGE, (record.author == own, *message_values(_kept(record)))
        case Known(handle, account):
            yield _CONTACT, (handle, account)
        case Sure(mark, device):
            yield _VERIFIED, (mark.account, int(mark.how), mark.at_ms, device, mark.root)
        case Moved():
            yield _CHANGE, (record.handle, record.before, record.after, record.at_ms, record.held)
        case Chosen(name, value):
            yield _SETTING, (name, value)


def _kept(record: Wrote) -> KeepMessage:
    message = Message(
        id=record.id,
        conversation=record.conversation,
        author=record.author,
        author_device=record.author_device,
        recipients=frozenset(record.recipients),
        text=record.text,
        attachment=record.attachment,
        urgency=record.urgency,
        stamp=record.stamp,
        written_after=frozenset(record.written_after),
        expires_ms=record.expires_ms,
    )
    return KeepMessage(message, record.arrived_ms)
