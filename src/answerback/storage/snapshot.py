"""Reads back everything an engine needs to go on where it stopped."""

from typing import Final

import msgspec

from answerback.core.facts import (
    KeepChange,
    KeepContact,
    KeepCopy,
    KeepCursor,
    KeepDeviceKeys,
    KeepDeviceList,
    KeepDeviceName,
    KeepDraft,
    KeepLease,
    KeepNetwork,
    KeepNote,
    KeepOutgoing,
    KeepOwnList,
    KeepRatchet,
    KeepRelay,
    KeepSealKey,
    KeepSealSecret,
    KeepSeen,
    KeepStream,
    KeepTransfer,
    KeepVerified,
)
from answerback.core.log_facts import KeepEvidence, KeepLabel, KeepLog
from answerback.core.memory import ENDED_MAX, Memory
from answerback.model.causes import cause_of
from answerback.model.devices import Signed
from answerback.model.ids import AccountId, DeviceId, MessageId
from answerback.model.message import WRITTEN_AFTER_MAX, Attachment, Lane, Message, Urgency
from answerback.model.notes import NoteKind
from answerback.model.stamp import DRIFT_MS_MAX, Stamp
from answerback.model.timeline import Stage
from answerback.model.trust import How
from answerback.storage.asides import (
    read_consents,
    read_fallbacks,
    read_lately,
    read_private,
    read_text_arrivals,
    read_texts,
)
from answerback.storage.database import Database, Row
from answerback.storage.messages import MESSAGES, kept_message

SEEN_MAX = 100_000
"""Envelopes remembered as taken. The relay hands out again only what lies beyond the cursor, at most one unfinished
batch; a hundred thousand covers months of a busy device even with a relay restored from a backup, in about 6 MB."""

PAST_MAX = 10_000
"""Messages that came as history and are known by id: more than are on their way to one device at once."""
HASH_BYTES: Final = 32

_account_ids: Final = msgspec.msgpack.Decoder(tuple[AccountId, ...])
_device_ids: Final = msgspec.msgpack.Decoder(tuple[DeviceId, ...])
_texts: Final = msgspec.msgpack.Decoder(tuple[str, ...])
_attachments: Final = msgspec.msgpack.Decoder(Attachment)
_ranges: Final = msgspec.msgpack.Decoder(tuple[tuple[int, int], ...])

COPY_COLUMNS = "message, account, device, lane, stage, attempts, sequence, envelope, {sealed}, cause, boot, accepted_ms"


def read_snapshot(database: Database) -> Memory:
    """Read it all as of one moment."""
    with database.reading():
        return Memory(
            drafts=read_drafts(database),
            outgoing=_outgoing(database),
            copies=_copies(database),
            ended=_ended(database),
            ratchets=_ratchets(database),
            device_keys=_device_keys(database),
            seal_secrets=tuple(
                KeepSealSecret(*row) for row in database.rows("SELECT id, secret, created_ms FROM seal_secrets")
            ),
            device_lists=_device_lists(database),
            own_lists=read_own_lists(database),
            seal_keys=_seal_keys(database),
            contacts=read_contacts(database),
            verified=read_verified(database),
            changes=read_changes(database),
            labels=tuple(KeepLabel(*row) for row in database.rows("SELECT handle, label FROM log_labels")),
            log=read_log(database),
            device_names=read_device_names(database),
            streams=_streams(database),
            seen=_seen(database),
            cursors=_cursors(database),
            relay=_relay(database),
            lease=_lease(database),
            networks=_networks(database),
            notes=read_notes(database),
            transfers=read_transfers(database),
            fallbacks=read_fallbacks(database),
            consents=read_consents(database),
            texts=read_texts(database),
            private=read_private(database),
            text_arrivals=read_text_arrivals(database),
            lately=read_lately(database),
            recent=_recent(database),
            past=_past(database),
            last_stamp=_last_stamp(database),
        )


def copy_of(row: Row) -> KeepCopy:
    """Read one row of `COPY_COLUMNS`."""
    message, account, device, lane, stage, attempts, sequence, envelope, sealed, cause, boot, accepted_ms = row
    return KeepCopy(
        message=message,
        account=account,
        device=device,
        lane=Lane(lane),
        stage=Stage(stage),
        attempts=attempts,
        sequence=sequence,
        envelope=envelope,
        sealed=sealed,
        cause=None if cause is None else cause_of(cause),
        boot=boot,
        accepted_wall_ms=accepted_ms,
    )


def read_contacts(database: Database) -> tuple[KeepContact, ...]:
    """Return every known handle and its account, by handle."""
    return tuple(KeepContact(*row) for row in database.rows("SELECT handle, account FROM contacts ORDER BY handle"))


def read_verified(database: Database) -> tuple[KeepVerified, ...]:
    """Return whose keys were compared, and the marks that were taken away."""
    rows = database.rows("SELECT account, how, at_ms, device, root FROM verified ORDER BY account")
    return tuple(KeepVerified(account, How(how), at_ms, device, root) for account, how, at_ms, device, root in rows)


def read_changes(database: Database) -> tuple[KeepChange, ...]:
    """Return the handles that stand for another account than before, and that nobody has agreed to yet."""
    rows = database.rows("SELECT handle, before, after, at_ms, held FROM changes ORDER BY handle")
    return tuple(KeepChange(handle, before, after, at_ms, bool(held)) for handle, before, after, at_ms, held in rows)


def read_log(database: Database) -> KeepLog | None:
    """Return the relay's log as far as it was proven."""
    row = database.row("SELECT head_body, head_signature, since_ms, read_size, frontier FROM log")
    if row is None:
        return None
    body, mark, since_ms, read_size, frontier = row
    hashes = tuple(frontier[at : at + HASH_BYTES] for at in range(0, len(frontier), HASH_BYTES))
    return KeepLog(Signed(body, mark), since_ms, read_size, hashes)


def read_evidence(database: Database) -> tuple[KeepEvidence, ...]:
    """Return what the relay has signed and cannot have meant honestly, oldest first."""
    rows = database.rows(
        "SELECT cause, account, ours_body, ours_signature, theirs_body, theirs_signature, wall_ms FROM log_evidence"
        " ORDER BY number"
    )
    return tuple(
        KeepEvidence(
            cause_of(cause),
            account,
            None if ours is None else Signed(ours, ours_mark),
            None if theirs is None else Signed(theirs, theirs_mark),
            wall_ms,
        )
        for cause, account, ours, ours_mark, theirs, theirs_mark, wall_ms in rows
    )


def read_device_names(database: Database) -> tuple[KeepDeviceName, ...]:
    """Return what other devices call themselves."""
    return tuple(KeepDeviceName(*row) for row in database.rows("SELECT device, name FROM device_names"))


def read_notes(database: Database) -> tuple[KeepNote, ...]:
    """Return the small things that machines remember."""
    rows = database.rows("SELECT kind, about, value FROM notes ORDER BY rowid")
    return tuple(KeepNote(NoteKind(kind), about, value) for kind, about, value in rows)


def _networks(database: Database) -> tuple[KeepNetwork, ...]:
    rows = database.rows("SELECT network, borne_s, broken_s, deaths FROM networks ORDER BY rowid")
    return tuple(KeepNetwork(*row) for row in rows)


def read_transfers(database: Database) -> tuple[KeepTransfer, ...]:
    """Return how far every file has travelled."""
    rows = database.rows("SELECT author, message, blob, uploading, total_bytes, done_bytes, finished FROM transfers")
    return tuple(
        KeepTransfer(author, message, blob, bool(uploading), total_bytes, done_bytes, bool(finished))
        for author, message, blob, uploading, total_bytes, done_bytes, finished in rows
    )


def read_drafts(database: Database) -> tuple[KeepDraft, ...]:
    """Return the messages whose recipients are still being looked up."""
    rows = database.rows(
        "SELECT id, handles, accounts, text, attachment, urgency, stamp_ms, stamp_counter, lifetime_s, accepted_ms "
        "FROM drafts ORDER BY number"
    )
    return tuple(_draft(row) for row in rows)


def _draft(row: Row) -> KeepDraft:
    identity, handles, accounts, text, attachment, urgency, stamp_ms, stamp_counter, lifetime_s, accepted_ms = row
    return KeepDraft(
        id=identity,
        handles=_texts.decode(handles),
        accounts=_account_ids.decode(accounts),
        text=text,
        attachment=None if attachment is None else _attachments.decode(attachment),
        urgency=Urgency(urgency),
        stamp=Stamp(stamp_ms, stamp_counter),
        lifetime_s=lifetime_s,
        accepted_wall_ms=accepted_ms,
    )


def _outgoing(database: Database) -> tuple[KeepOutgoing, ...]:
    rows = database.rows(
        "SELECT id, lane, letter, recipients, devices, answered, accepted_ms, expires_ms, addressed, blob "
        "FROM outgoing ORDER BY number"
    )
    return tuple(
        KeepOutgoing(
            id=identity,
            lane=Lane(lane),
            letter=letter,
            recipients=_account_ids.decode(recipients),
            devices=_device_ids.decode(devices),
            answered=bool(answered),
            accepted_wall_ms=accepted_ms,
            expires_ms=expires_ms,
            addressed=bool(addressed),
            blob=blob,
        )
        for identity, lane, letter, recipients, devices, answered, accepted_ms, expires_ms, addressed, blob in rows
    )


def _copies(database: Database) -> tuple[KeepCopy, ...]:
    rows = database.rows(
        f"SELECT {COPY_COLUMNS.format(sealed='bytes')} FROM copies LEFT JOIN sealed ON copy = number "  # noqa: S608
        "WHERE message IN (SELECT id FROM outgoing) ORDER BY number"
    )
    return tuple(copy_of(row) for row in rows)


def _ended(database: Database) -> tuple[KeepCopy, ...]:
    rows = database.rows(
        f"SELECT {COPY_COLUMNS.format(sealed='NULL')} FROM copies "  # noqa: S608
        "WHERE message NOT IN (SELECT id FROM outgoing) ORDER BY number DESC LIMIT ?",
        (ENDED_MAX,),
    )
    return tuple(copy_of(row) for row in reversed(rows))


def _ratchets(database: Database) -> tuple[KeepRatchet, ...]:
    rows = database.rows("SELECT device, lane, session, pickle, good_ms, retired FROM ratchets ORDER BY number")
    return tuple(
        KeepRatchet(device, Lane(lane), session, pickle, good_ms, retired=bool(retired))
        for device, lane, session, pickle, good_ms, retired in rows
    )


def _device_keys(database: Database) -> KeepDeviceKeys | None:
    row = database.row("SELECT pickle FROM device_keys")
    return KeepDeviceKeys(*row) if row else None


def _device_lists(database: Database) -> tuple[KeepDeviceList, ...]:
    rows = database.rows("SELECT account, version, body, signature FROM device_lists")
    return tuple(KeepDeviceList(account, version, Signed(body, mark)) for account, version, body, mark in rows)


def read_own_lists(database: Database) -> tuple[KeepOwnList, ...]:
    """Return this account's own device lists, oldest first."""
    rows = database.rows("SELECT version, body, signature FROM own_lists ORDER BY version")
    return tuple(KeepOwnList(version, Signed(body, mark)) for version, body, mark in rows)


def _seal_keys(database: Database) -> tuple[KeepSealKey, ...]:
    rows = database.rows("SELECT device, body, signature FROM seal_keys")
    return tuple(KeepSealKey(device, Signed(body, mark)) for device, body, mark in rows)


def _streams(database: Database) -> tuple[KeepStream, ...]:
    rows = database.rows("SELECT device, lane, given, seen, missing FROM streams")
    return tuple(
        KeepStream(device, Lane(lane), given, seen, _ranges.decode(missing))
        for device, lane, given, seen, missing in rows
    )


def _seen(database: Database) -> tuple[KeepSeen, ...]:
    columns = "id, wall_ms, device, message, opened"
    rows = database.rows(f"SELECT {columns} FROM seen ORDER BY number DESC LIMIT ?", (SEEN_MAX,))  # noqa: S608
    return tuple(
        KeepSeen(identity, wall_ms, device, message, opened=bool(opened))
        for identity, wall_ms, device, message, opened in reversed(rows)
    )


def _cursors(database: Database) -> tuple[KeepCursor, ...]:
    return tuple(KeepCursor(Lane(lane), position) for lane, position in database.rows("SELECT * FROM cursors"))


def _recent(database: Database) -> tuple[Message, ...]:
    newest = (
        "WITH placed AS (SELECT arrival, row_number() OVER (PARTITION BY conversation ORDER BY arrival DESC) AS place "
        "FROM messages)"
    )
    only = "WHERE arrival IN (SELECT arrival FROM placed WHERE place <= ?) ORDER BY arrival"
    rows = database.rows(f"{newest} {MESSAGES} {only}", (WRITTEN_AFTER_MAX,))
    return tuple(kept_message(row).message for row in rows)


def _past(database: Database) -> tuple[tuple[AccountId, MessageId], ...]:
    sql = "SELECT author, id FROM messages WHERE arrival < 0 ORDER BY arrival DESC LIMIT ?"
    return tuple((author, identity) for author, identity in database.rows(sql, (PAST_MAX,)))


def _relay(database: Database) -> KeepRelay | None:
    row = database.row("SELECT store, boot, offset_ms, life FROM relay")
    return KeepRelay(*row) if row else None


def _lease(database: Database) -> KeepLease | None:
    row = database.row("SELECT seen_ms, length_s, since_ms, refused, step, gentle, asked_ms, renewed_ms FROM lease")
    if row is None:
        return None
    seen_ms, length_s, since_ms, refused, step, gentle, asked_ms, renewed_ms = row
    cause = None if refused is None else cause_of(refused)
    return KeepLease(seen_ms, length_s, since_ms, cause, step, bool(gentle), asked_ms, renewed_ms)


def _last_stamp(database: Database) -> Stamp:
    # A stamp from the far future orders its own message only (model/stamp.py): a restart must not follow it either.
    rows = database.rows(
        "SELECT * FROM (SELECT stamp_ms, stamp_counter FROM messages WHERE mine OR stamp_ms <= arrived_ms + ? "
        "ORDER BY stamp_ms DESC, stamp_counter DESC LIMIT 1) UNION ALL SELECT stamp_ms, stamp_counter FROM drafts",
        (DRIFT_MS_MAX,),
    )
    return max((Stamp(*row) for row in rows), default=Stamp(0, 0))
