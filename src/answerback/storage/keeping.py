"""Turns each fact into the statements that keep it."""

from collections.abc import Iterator, Sequence
from typing import assert_never

import msgspec

from answerback.core.facts import (
    DropChange,
    DropDraft,
    DropOutgoing,
    DropRatchet,
    DropSealSecret,
    DropTextMessage,
    Fact,
    KeepChange,
    KeepConsent,
    KeepContact,
    KeepCopy,
    KeepCursor,
    KeepDeviceKeys,
    KeepDeviceList,
    KeepDeviceName,
    KeepDraft,
    KeepFallback,
    KeepLease,
    KeepMessage,
    KeepNetwork,
    KeepNote,
    KeepOutgoing,
    KeepOwnList,
    KeepPast,
    KeepPrivate,
    KeepRatchet,
    KeepRelay,
    KeepSealKey,
    KeepSealSecret,
    KeepSeen,
    KeepStep,
    KeepStream,
    KeepText,
    KeepTextArrival,
    KeepTextStep,
    KeepTransfer,
    KeepVerified,
    RaiseStage,
)
from answerback.core.log_facts import KeepEvidence, KeepLabel, KeepLog
from answerback.model.devices import Signed
from answerback.model.timeline import Stage, Step
from answerback.storage.asides import aside_statement
from answerback.storage.database import Value

Statement = tuple[str, Sequence[Value]]

_pack = msgspec.msgpack.Encoder().encode

# `ON CONFLICT … DO NOTHING`, never `INSERT OR IGNORE`: the latter would also swallow a missing or mistyped value.
_MESSAGE = """
    INSERT INTO messages (id, conversation, author, author_device, mine, recipients, text, attachment, urgency,
        stamp_ms, stamp_counter, written_after, expires_ms, arrived_ms)
    VALUES (?, ?, ?, ?, EXISTS (SELECT 1 FROM identity WHERE account = ?), ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (author, id) DO NOTHING"""
_IS_NEW = "NOT EXISTS (SELECT 1 FROM messages WHERE author = ? AND id = ?)"
_PAST = """
    INSERT INTO messages (arrival, id, conversation, author, author_device, mine, recipients, text, attachment, urgency,
        stamp_ms, stamp_counter, written_after, expires_ms, arrived_ms)
    VALUES ((SELECT min(0, coalesce(min(arrival), 0)) - 1 FROM messages), ?, ?, ?, ?,
        EXISTS (SELECT 1 FROM identity WHERE account = ?), ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (author, id) DO NOTHING"""
_PAST_STEP = f"""
    INSERT INTO steps (message, device, stage, evidence, wall_ms, cause, attempt)
    SELECT ?, ?, ?, ?, ?, ?, ? WHERE {_IS_NEW}"""
_PAST_COPY = f"""
    INSERT INTO copies (message, device, account, lane, stage, attempts, sequence, envelope, cause, boot, accepted_ms)
    SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? WHERE {_IS_NEW}
    ON CONFLICT (message, device) DO NOTHING"""
_DRAFT = """
    INSERT INTO drafts (id, handles, accounts, text, attachment, urgency, stamp_ms, stamp_counter, lifetime_s,
        accepted_ms)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET handles = excluded.handles, accounts = excluded.accounts, text = excluded.text,
        attachment = excluded.attachment, urgency = excluded.urgency, stamp_ms = excluded.stamp_ms,
        stamp_counter = excluded.stamp_counter, lifetime_s = excluded.lifetime_s, accepted_ms = excluded.accepted_ms"""
_DROP_DRAFT = "DELETE FROM drafts WHERE id = ?"
_OUTGOING = """
    INSERT INTO outgoing (id, lane, letter, recipients, devices, answered, accepted_ms, expires_ms, addressed, blob)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET lane = excluded.lane, letter = excluded.letter, recipients = excluded.recipients,
        devices = excluded.devices, answered = excluded.answered, accepted_ms = excluded.accepted_ms,
        expires_ms = excluded.expires_ms, addressed = excluded.addressed, blob = excluded.blob"""
_DROP_OUTGOING = "DELETE FROM outgoing WHERE id = ?"
_DROP_SEALED = "DELETE FROM sealed WHERE copy IN (SELECT number FROM copies WHERE message = ?)"
_DROP_UNSHOWN = "DELETE FROM copies WHERE message = ? AND NOT EXISTS (SELECT 1 FROM messages WHERE id = ?)"
_COPY = """
    INSERT INTO copies (message, device, account, lane, stage, attempts, sequence, envelope, cause, boot, accepted_ms)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (message, device) DO UPDATE SET account = excluded.account, lane = excluded.lane,
        stage = excluded.stage, attempts = excluded.attempts, sequence = excluded.sequence,
        envelope = excluded.envelope, cause = excluded.cause, boot = excluded.boot,
        accepted_ms = excluded.accepted_ms"""
_SEALED = """
    INSERT INTO sealed (copy, bytes) SELECT number, ? FROM copies WHERE message = ? AND device = ?
    ON CONFLICT (copy) DO UPDATE SET bytes = excluded.bytes"""
_STEP = "INSERT INTO steps (message, device, stage, evidence, wall_ms, cause, attempt) VALUES (?, ?, ?, ?, ?, ?, ?)"
# Repeated evidence changes nothing and no stage goes back, with one exception: a receipt is stronger than our having
# given up. The WHERE also keeps out receipts for what was never sent there.
_RAISED_STEP = """
    INSERT INTO steps (message, device, stage, evidence, wall_ms, cause, attempt)
    SELECT message, device, ?, ?, ?, ?, ? FROM copies
    WHERE message = ? AND device = ? AND (stage < ? OR (stage IN (?, ?) AND ?))"""
_RAISED_COPY = """
    UPDATE copies SET stage = ?, cause = NULL
    WHERE message = ? AND device = ? AND (stage < ? OR (stage IN (?, ?) AND ?))"""
_RATCHET = """
    INSERT INTO ratchets (device, lane, session, pickle, good_ms, retired) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (device, lane, session) DO UPDATE SET pickle = excluded.pickle, good_ms = excluded.good_ms,
        retired = excluded.retired"""
_DROP_RATCHET = "DELETE FROM ratchets WHERE device = ? AND lane = ? AND session = ?"
_DEVICE_KEYS = "INSERT INTO device_keys VALUES (1, ?) ON CONFLICT (number) DO UPDATE SET pickle = excluded.pickle"
_OWN_SEAL = """
    INSERT INTO seal_secrets VALUES (?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET secret = excluded.secret, created_ms = excluded.created_ms"""
_DROP_OWN_SEAL = "DELETE FROM seal_secrets WHERE id = ?"
_DEVICE_LIST = """
    INSERT INTO device_lists VALUES (?, ?, ?, ?)
    ON CONFLICT (account) DO UPDATE SET version = excluded.version, body = excluded.body,
        signature = excluded.signature"""
_OWN_LIST = """
    INSERT INTO own_lists VALUES (?, ?, ?)
    ON CONFLICT (version) DO UPDATE SET body = excluded.body, signature = excluded.signature"""
_SEAL_KEY = """
    INSERT INTO seal_keys VALUES (?, ?, ?)
    ON CONFLICT (device) DO UPDATE SET body = excluded.body, signature = excluded.signature"""
_CONTACT = "INSERT INTO contacts VALUES (?, ?) ON CONFLICT (handle) DO UPDATE SET account = excluded.account"
_VERIFIED = """
    INSERT INTO verified (account, how, at_ms, device, root) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (account) DO UPDATE SET how = excluded.how, at_ms = excluded.at_ms, device = excluded.device,
        root = excluded.root"""
_CHANGE = """
    INSERT INTO changes VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (handle) DO UPDATE SET before = excluded.before, after = excluded.after, at_ms = excluded.at_ms,
        held = excluded.held"""
_DROP_CHANGE = "DELETE FROM changes WHERE handle = ?"
_LABEL = "INSERT INTO log_labels VALUES (?, ?) ON CONFLICT (handle) DO UPDATE SET label = excluded.label"
_LOG = """
    INSERT INTO log VALUES (1, ?, ?, ?, ?, ?)
    ON CONFLICT (number) DO UPDATE SET head_body = excluded.head_body, head_signature = excluded.head_signature,
        since_ms = excluded.since_ms, read_size = excluded.read_size, frontier = excluded.frontier"""
# Whoever lies a thousand times is not kept a thousand times.
_EVIDENCE = """
    INSERT INTO log_evidence (cause, account, ours_body, ours_signature, theirs_body, theirs_signature, wall_ms)
    SELECT ?, ?, ?, ?, ?, ?, ? WHERE (SELECT count(*) FROM log_evidence) < 256"""
_DEVICE_NAME = "INSERT INTO device_names VALUES (?, ?) ON CONFLICT (device) DO UPDATE SET name = excluded.name"
_NETWORK = """
    INSERT INTO networks VALUES (?, ?, ?, ?)
    ON CONFLICT (network) DO UPDATE SET borne_s = excluded.borne_s, broken_s = excluded.broken_s,
        deaths = excluded.deaths"""
_STREAM = """
    INSERT INTO streams VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (device, lane) DO UPDATE SET given = excluded.given, seen = excluded.seen, missing = excluded.missing"""
_SEEN = """
    INSERT INTO seen (id, wall_ms, device, message, opened) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING"""
_CURSOR = "INSERT INTO cursors VALUES (?, ?) ON CONFLICT (lane) DO UPDATE SET position = excluded.position"
_RELAY = """
    INSERT INTO relay (number, store, boot, offset_ms, life) VALUES (1, ?, ?, ?, ?)
    ON CONFLICT (number) DO UPDATE SET store = excluded.store, boot = excluded.boot, offset_ms = excluded.offset_ms,
        life = excluded.life"""
_NOTE = "INSERT INTO notes VALUES (?, ?, ?) ON CONFLICT (kind, about) DO UPDATE SET value = excluded.value"
_DROP_NOTE = "DELETE FROM notes WHERE kind = ? AND about = ?"
_LEASE = """
    INSERT INTO lease (number, seen_ms, length_s, since_ms, refused, step, gentle, asked_ms, renewed_ms)
    VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (number) DO UPDATE SET seen_ms = excluded.seen_ms, length_s = excluded.length_s,
        since_ms = excluded.since_ms, refused = excluded.refused, step = excluded.step, gentle = excluded.gentle,
        asked_ms = excluded.asked_ms, renewed_ms = excluded.renewed_ms"""
_TRANSFER = """
    INSERT INTO transfers VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (author, message) DO UPDATE SET blob = excluded.blob, uploading = excluded.uploading,
        total_bytes = excluded.total_bytes, done_bytes = excluded.done_bytes, finished = excluded.finished"""


def statements(fact: Fact) -> Iterator[Statement]:
    """Say what must be written for one fact; facts said again change nothing, later ones replace earlier ones."""
    match fact:
        case KeepMessage():
            yield _MESSAGE, _message(fact)
        case KeepPast():
            yield from _past(fact)
        case KeepDraft():
            yield _DRAFT, _draft(fact)
        case DropDraft(identity):
            yield _DROP_DRAFT, (identity,)
        case KeepOutgoing():
            yield _OUTGOING, _outgoing(fact)
        case DropOutgoing(identity):
            yield _DROP_OUTGOING, (identity,)
            yield _DROP_SEALED, (identity,)
            yield _DROP_UNSHOWN, (identity, identity)
        case KeepCopy():
            yield from _copy(fact)
        case KeepStep():
            yield _STEP, (fact.message, fact.device, *_step(fact.step))
        case RaiseStage(message, device, step):
            given_up = (int(Stage.FAILED), int(Stage.EXPIRED))
            raisable = (message, device, int(step.stage), *given_up, step.stage.answered)
            yield _RAISED_STEP, (*_step(step), *raisable)
            yield _RAISED_COPY, (int(step.stage), *raisable)
        case KeepSeen():
            yield _SEEN, (fact.id, fact.wall_ms, fact.device, fact.message, fact.opened)
        case KeepStream():
            yield _STREAM, (fact.device, int(fact.lane), fact.given, fact.seen, _pack(fact.missing))
        case KeepCursor(lane, position):
            yield _CURSOR, (int(lane), position)
        case KeepRelay(store, boot, offset_ms, life):
            yield _RELAY, (store, boot, offset_ms, life)
        case KeepLease(seen_ms, length_s, since_ms, refused):
            said = None if refused is None else refused.value
            renewal = (fact.step, fact.gentle, fact.asked_ms, fact.renewed_ms)
            yield _LEASE, (seen_ms, length_s, since_ms, said, *renewal)
        case KeepTransfer():
            yield _TRANSFER, _transfer(fact)
        case KeepVerified() | KeepChange() | DropChange():
            yield _of_trust(fact)
        case (
            KeepFallback()
            | KeepConsent()
            | KeepText()
            | KeepTextStep()
            | KeepPrivate()
            | KeepTextArrival()
            | DropTextMessage()
        ):
            yield aside_statement(fact)
        case KeepLabel() | KeepLog() | KeepEvidence():
            yield _of_log(fact)
        case _:
            yield _key_material(fact)


def _key_material(
    fact: KeepRatchet
    | DropRatchet
    | KeepDeviceKeys
    | KeepSealSecret
    | DropSealSecret
    | KeepDeviceList
    | KeepOwnList
    | KeepSealKey
    | KeepContact
    | KeepNetwork
    | KeepNote
    | KeepDeviceName,
) -> Statement:
    """Say the same for what is known about keys, and about who holds them."""
    match fact:
        case KeepRatchet():
            return _RATCHET, (
                *(fact.device, int(fact.lane), fact.session, fact.pickle, fact.good_ms),
                fact.retired,
            )
        case DropRatchet(device, lane, session):
            return _DROP_RATCHET, (device, int(lane), session)
        case KeepDeviceKeys(pickle):
            return _DEVICE_KEYS, (pickle,)
        case KeepSealSecret(identity, secret, created_ms):
            return _OWN_SEAL, (identity, secret, created_ms)
        case DropSealSecret(identity):
            return _DROP_OWN_SEAL, (identity,)
        case KeepDeviceList(account, version, signed):
            return _DEVICE_LIST, (account, version, signed.body, signed.signature)
        case KeepOwnList(version, signed):
            return _OWN_LIST, (version, signed.body, signed.signature)
        case KeepSealKey(device, signed):
            return _SEAL_KEY, (device, signed.body, signed.signature)
        case KeepContact(handle, account):
            return _CONTACT, (handle, account)
        case KeepNetwork(network, borne_s, broken_s, deaths):
            return _NETWORK, (network, borne_s, broken_s, deaths)
        case KeepNote(kind, about, value):
            return (_NOTE, (kind.value, about, value)) if value else (_DROP_NOTE, (kind.value, about))
        case KeepDeviceName(device, name):
            return _DEVICE_NAME, (device, name)
        case _:
            assert_never(fact)


def _past(fact: KeepPast) -> Iterator[Statement]:
    """The message last: whether it was known decides about its timeline, too."""
    known = fact.message.author, fact.message.id
    for step in fact.steps:
        yield _PAST_STEP, (step.message, step.device, *_step(step.step), *known)
    for copy in fact.copies:
        ((_, values),) = _copy(copy)
        yield _PAST_COPY, (*values, *known)
    yield _PAST, _message(KeepMessage(fact.message, fact.arrived_wall_ms))


def _of_trust(fact: KeepVerified | KeepChange | DropChange) -> Statement:
    """Say the same for whom people have made sure of."""
    match fact:
        case KeepVerified(account, how, at_ms, device, root):
            return _VERIFIED, (account, int(how), at_ms, device, root)
        case KeepChange(handle, account, after, at_ms, held):
            return _CHANGE, (handle, account, after, at_ms, held)
        case DropChange(handle):
            return _DROP_CHANGE, (handle,)


def _of_log(fact: KeepLabel | KeepLog | KeepEvidence) -> Statement:
    """Say the same for what is known of the relay's log."""
    match fact:
        case KeepLabel(handle, label):
            return _LABEL, (handle, label)
        case KeepLog(head, since_ms, read_size, frontier):
            return _LOG, (head.body, head.signature, since_ms, read_size, b"".join(frontier))
        case KeepEvidence(cause, account, ours, theirs, wall_ms):
            return _EVIDENCE, (cause.value, account, *_signed(ours), *_signed(theirs), wall_ms)


def _signed(signed: Signed | None) -> tuple[Value, Value]:
    return (None, None) if signed is None else (signed.body, signed.signature)


def _message(fact: KeepMessage) -> Sequence[Value]:
    identity, conversation, author, device, *rest = message_values(fact)
    return (identity, conversation, author, device, author, *rest)


def message_values(fact: KeepMessage) -> Sequence[Value]:
    """Give the columns of a message in their order, but for whose it is."""
    message = fact.message
    return (
        message.id,
        message.conversation,
        message.author,
        message.author_device,
        _pack(sorted(message.recipients)),
        message.text,
        None if message.attachment is None else _pack(message.attachment),
        int(message.urgency),
        message.stamp.wall_ms,
        message.stamp.counter,
        _pack(sorted(message.written_after)),
        message.expires_ms,
        fact.arrived_wall_ms,
    )


def _draft(fact: KeepDraft) -> Sequence[Value]:
    return (
        fact.id,
        _pack(fact.handles),
        _pack(fact.accounts),
        fact.text,
        None if fact.attachment is None else _pack(fact.attachment),
        int(fact.urgency),
        fact.stamp.wall_ms,
        fact.stamp.counter,
        fact.lifetime_s,
        fact.accepted_wall_ms,
    )


def _outgoing(fact: KeepOutgoing) -> Sequence[Value]:
    return (
        fact.id,
        int(fact.lane),
        fact.letter,
        _pack(fact.recipients),
        _pack(fact.devices),
        fact.answered,
        fact.accepted_wall_ms,
        fact.expires_ms,
        fact.addressed,
        fact.blob,
    )


def _copy(fact: KeepCopy) -> Iterator[Statement]:
    yield (
        _COPY,
        (
            fact.message,
            fact.device,
            fact.account,
            int(fact.lane),
            int(fact.stage),
            fact.attempts,
            fact.sequence,
            fact.envelope,
            None if fact.cause is None else fact.cause.value,
            fact.boot,
            fact.accepted_wall_ms,
        ),
    )
    if fact.sealed is not None:
        yield _SEALED, (fact.sealed, fact.message, fact.device)


def _step(step: Step) -> tuple[Value, ...]:
    return (int(step.stage), int(step.evidence), step.wall_ms, step.cause.value, step.attempt)


def _transfer(fact: KeepTransfer) -> Sequence[Value]:
    return (
        fact.author,
        fact.message,
        fact.blob,
        fact.uploading,
        fact.total_bytes,
        fact.done_bytes,
        fact.finished,
    )
