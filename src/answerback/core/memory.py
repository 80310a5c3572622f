"""Everything a device must remember to go on where it stopped: the newest of each fact that was kept."""

from dataclasses import dataclass

from answerback.core.facts import (
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
    KeepNetwork,
    KeepNote,
    KeepOutgoing,
    KeepOwnList,
    KeepPrivate,
    KeepRatchet,
    KeepRelay,
    KeepSealKey,
    KeepSealSecret,
    KeepSeen,
    KeepStream,
    KeepText,
    KeepTextArrival,
    KeepTransfer,
    KeepVerified,
)
from answerback.core.log_facts import KeepLabel, KeepLog
from answerback.model.ids import AccountId, MessageId
from answerback.model.message import Message
from answerback.model.stamp import Stamp

START = Stamp(0, 0)
ENDED_MAX = 4096
"""Copies remembered after their promise has ended, to know a true receipt from one said again or made up. A receipt for
an older one is kept, and shown when its message is looked at; nobody is called for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What is on disk, as the very facts that were asked to be kept."""

    device_keys: KeepDeviceKeys | None = None
    """None before the device's first keys were made."""
    drafts: tuple[KeepDraft, ...] = ()
    outgoing: tuple[KeepOutgoing, ...] = ()
    """Promises not yet kept, in the order they were made."""
    copies: tuple[KeepCopy, ...] = ()
    """Theirs, with the sealed bytes."""
    ended: tuple[KeepCopy, ...] = ()
    """Up to `ENDED_MAX` newest copies of promises that have ended, oldest first."""
    ratchets: tuple[KeepRatchet, ...] = ()
    seal_secrets: tuple[KeepSealSecret, ...] = ()
    device_lists: tuple[KeepDeviceList, ...] = ()
    own_lists: tuple[KeepOwnList, ...] = ()
    seal_keys: tuple[KeepSealKey, ...] = ()
    contacts: tuple[KeepContact, ...] = ()
    verified: tuple[KeepVerified, ...] = ()
    changes: tuple[KeepChange, ...] = ()
    labels: tuple[KeepLabel, ...] = ()
    log: KeepLog | None = None
    """None before the relay's first proof."""
    device_names: tuple[KeepDeviceName, ...] = ()
    streams: tuple[KeepStream, ...] = ()
    seen: tuple[KeepSeen, ...] = ()
    """The newest, oldest first."""
    cursors: tuple[KeepCursor, ...] = ()
    relay: KeepRelay | None = None
    """None before the first meeting."""
    lease: KeepLease | None = None
    """None before the first contact, and before anybody asked for a renewal."""
    networks: tuple[KeepNetwork, ...] = ()
    """The one used last at the end."""
    notes: tuple[KeepNote, ...] = ()
    transfers: tuple[KeepTransfer, ...] = ()
    fallbacks: tuple[KeepFallback, ...] = ()
    consents: tuple[KeepConsent, ...] = ()
    """Also those taken back, oldest first."""
    texts: tuple[KeepText, ...] = ()
    """The newest, oldest first."""
    private: tuple[KeepPrivate, ...] = ()
    """Of messages that are still promised."""
    text_arrivals: tuple[KeepTextArrival, ...] = ()
    """The newest, oldest first."""
    lately: tuple[Message, ...] = ()
    """The newest messages of others, oldest first, to know again what comes a second time by a carrier."""
    recent: tuple[Message, ...] = ()
    """The last messages of each conversation, to know what a new one is written after."""
    past: tuple[tuple[AccountId, MessageId], ...] = ()
    """The newest messages that came as history: should one come by mail as well, it is known."""
    last_stamp: Stamp = START
    """The highest stamp our clock gave out or was allowed to follow."""
