"""Gives each machine back what is on the disk, so that a device goes on where it stopped."""

from dataclasses import replace
from typing import assert_never

from answerback.core.departure import Departure
from answerback.core.facts import KeepCopy, KeepNote
from answerback.core.machines import Machines
from answerback.core.memory import Memory
from answerback.crypto.prekeys import SealSecret
from answerback.model.causes import Cause
from answerback.model.ids import AccountId, DeviceId, MessageId
from answerback.model.notes import NoteKind


def restore(machines: Machines, departure: Departure, memory: Memory) -> None:
    """Take everything back; nothing is asked for or told by it, and what was under way counts as not sent."""
    for secret in memory.seal_secrets:
        machines.sessions.secrets[secret.id] = SealSecret(secret.id, secret.secret, secret.created_ms)
    machines.sessions.restore(memory.ratchets)
    machines.roster.restore(lists=memory.device_lists, seal_keys=memory.seal_keys, names=memory.device_names)
    machines.inbox.restore(seen=memory.seen, cursors=memory.cursors, streams=memory.streams)
    machines.paths.restore(memory.networks)
    machines.transfers.restore(memory.transfers)
    machines.threads.restore(memory.recent, last_stamp=memory.last_stamp)
    for kept in memory.seen:
        author = machines.roster.account_of(kept.device) if kept.device else None
        if author is not None and kept.message is not None:
            machines.threads.remember(author, kept.message)
    for author, identity in memory.past:
        machines.threads.remember(author, identity)
    if memory.relay is not None:
        machines.store, machines.boot = memory.relay.store, memory.relay.boot
        machines.clock.offset_ms, machines.life = memory.relay.offset_ms, memory.relay.life
    for note in memory.notes:
        _take_note(machines, departure, note)
    if memory.lease is not None:
        machines.lease.kept = memory.lease
    machines.transparency.restore(memory.log, memory.labels)
    machines.registration.lists = {kept.version: kept.list for kept in memory.own_lists}
    machines.fallback.restore(
        choices=memory.fallbacks, consents=memory.consents, texts=memory.texts, private=memory.private
    )
    machines.text_arrivals.restore(arrivals=memory.text_arrivals, lately=memory.lately)
    departure.contacts = {contact.handle: contact.account for contact in memory.contacts}
    machines.trust.restore(memory.verified, memory.changes)
    departure.drafts = {draft.id: draft for draft in memory.drafts}
    copies: dict[MessageId, list[KeepCopy]] = {}
    for copy in memory.copies:
        copies.setdefault(copy.message, []).append(copy)
    for letter in memory.outgoing:
        machines.outbox.restore(letter, copies.get(letter.id, ()))
    machines.outbox.restore_ended(memory.ended)
    for promise in machines.outbox:
        for held in promise.copies.values():
            departure.queue(held)


def _take_note(machines: Machines, departure: Departure, note: KeepNote) -> None:
    match note.kind:
        case NoteKind.ROOT:
            machines.root = note.value
        case NoteKind.NEXT_ROOT:
            machines.next_root = note.value
        case NoteKind.DEVICE_NAME:
            machines.own = replace(machines.own, device_name=note.value.decode())
        case NoteKind.SUPERSEDED:
            machines.registration.ended = Cause.DEVICE_RESTORED
        case NoteKind.OWN_HANDLE:
            departure.book.told[note.about] = note.value
        case NoteKind.NEXT_DEVICE | NoteKind.HISTORY_GIVEN | NoteKind.HISTORY_TAKEN | NoteKind.UNINTRODUCED:
            pass  # the shell's, and their composers'
        case NoteKind.FORMER_DEVICE:
            machines.roster.former[DeviceId(note.about)] = AccountId(note.value)
        case _:
            assert_never(note.kind)
