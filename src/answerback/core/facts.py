"""The closed list of facts a device keeps: what is on its disk, and so survives it.

Theory. A fact is a whole value under a key of its own: keeping one replaces the earlier one of the same key, so facts
may be kept twice. Machines ask to keep them (`effects.Save`); a journal does; `Memory` is the newest of each.
"""

from dataclasses import dataclass, field

from answerback.core.log_facts import LogFact
from answerback.model.causes import Cause
from answerback.model.devices import Signed
from answerback.model.fallback import AsideStage, AsideStep, Choice, Trigger
from answerback.model.ids import AccountId, BlobId, DeviceId, EnvelopeId, MessageId
from answerback.model.message import Attachment, Lane, Message, Urgency
from answerback.model.notes import NoteKind
from answerback.model.stamp import Stamp
from answerback.model.timeline import Stage, Step
from answerback.model.trust import How


@dataclass(frozen=True, slots=True)
class KeepMessage:
    """A person's message, sent or received. One whose id is known changes nothing."""

    message: Message
    arrived_wall_ms: int


@dataclass(frozen=True, slots=True)
class KeepPast:
    """A message that is history, from another device of ours: kept behind all others. A known one changes nothing."""

    message: Message
    arrived_wall_ms: int
    copies: tuple["KeepCopy", ...]
    steps: tuple["KeepStep", ...]


@dataclass(frozen=True, slots=True)
class KeepDraft:
    """A message promised to handles nobody has looked up yet: `send` works without a network, also to new people."""

    id: MessageId
    handles: tuple[str, ...] = field(repr=False)
    accounts: tuple[AccountId, ...]
    """Recipients whose account is known already."""
    text: str = field(repr=False)
    attachment: Attachment | None
    urgency: Urgency
    stamp: Stamp
    lifetime_s: int
    accepted_wall_ms: int


@dataclass(frozen=True, slots=True)
class DropDraft:
    """A draft that became a message, or failed because a handle is nobody's."""

    id: MessageId


@dataclass(frozen=True, slots=True)
class KeepOutgoing:
    """A letter this device has promised to deliver: the encoded letter, its lane and its end."""

    id: MessageId
    lane: Lane
    letter: bytes = field(repr=False)
    recipients: tuple[AccountId, ...]
    devices: tuple[DeviceId, ...]
    """Only these devices, if any are named (receipts, repairs); else every device of the recipients and our own."""
    answered: bool
    """Whether delivery ends with the devices' receipts (a post) or with the relay's acceptance (a receipt)."""
    accepted_wall_ms: int
    expires_ms: int
    addressed: bool = False
    """Whether its copies have been laid out."""
    blob: BlobId | None = None
    """A file that must be at the relay before any copy leaves."""


@dataclass(frozen=True, slots=True)
class DropOutgoing:
    """A promise that is kept, or has come to its end: its letter and sealed copies may go; timeline steps stay."""

    id: MessageId


@dataclass(frozen=True, slots=True)
class KeepCopy:
    """The state of one copy of an outgoing letter, for one device."""

    message: MessageId
    account: AccountId
    device: DeviceId
    lane: Lane
    stage: Stage
    attempts: int
    sequence: int
    """0 until sealed."""
    envelope: EnvelopeId | None
    sealed: bytes | None
    """The bytes themselves: written once at sealing, None in later updates means unchanged."""
    cause: Cause | None
    boot: bytes = b""
    """The relay's run that accepted it."""
    accepted_wall_ms: int = 0


@dataclass(frozen=True, slots=True)
class KeepStep:
    """One more line of a timeline; for the message as a whole where no device is given."""

    message: MessageId
    device: DeviceId | None
    step: Step


@dataclass(frozen=True, slots=True)
class RaiseStage:
    """A later stage of a copy whose letter is no longer held: a read receipt after delivery ended the promise."""

    message: MessageId
    device: DeviceId
    step: Step


@dataclass(frozen=True, slots=True)
class KeepRatchet:
    """The state of one Olm session after its last step."""

    device: DeviceId
    lane: Lane
    session: str
    pickle: str
    good_ms: int
    """When it was made or last opened something: the session with the latest such moment is the one to send with."""
    retired: bool = False
    """It opens what is still on its way, and seals nothing more."""


@dataclass(frozen=True, slots=True)
class DropRatchet:
    """A session too old to be of use."""

    device: DeviceId
    lane: Lane
    session: str


@dataclass(frozen=True, slots=True)
class KeepDeviceKeys:
    """This device's own Olm account: identity, unused one-time keys, fallback key."""

    pickle: str


@dataclass(frozen=True, slots=True)
class KeepSealSecret:
    """The private half of one of this device's seal keys."""

    id: bytes
    secret: bytes = field(repr=False)
    created_ms: int


@dataclass(frozen=True, slots=True)
class DropSealSecret:
    """A seal key older than the mailbox's longest age: what was sealed to it is gone."""

    id: bytes


@dataclass(frozen=True, slots=True)
class KeepDeviceList:
    """The newest checked device list of an account, as its root signed it."""

    account: AccountId
    version: int
    list: Signed


@dataclass(frozen=True, slots=True)
class KeepOwnList:
    """One of this account's own device lists: all of them are kept, for a relay that has forgotten some."""

    version: int
    list: Signed


@dataclass(frozen=True, slots=True)
class KeepSealKey:
    """The newest checked seal key of another device, as that device signed it."""

    device: DeviceId
    seal_key: Signed


@dataclass(frozen=True, slots=True)
class KeepContact:
    """Which account a handle stood for when the relay was last asked."""

    handle: str = field(repr=False)
    account: AccountId


@dataclass(frozen=True, slots=True)
class KeepVerified:
    """Whether and how this account's person made sure of another account's root key; the latest word counts."""

    account: AccountId
    how: How
    at_ms: int
    """By the relay's clock."""
    device: DeviceId
    """On which of our devices."""
    root: bytes = b""
    """The root key that was compared."""


@dataclass(frozen=True, slots=True)
class KeepChange:
    """A handle that stands for another account than before; or for the same one, if that has another root key now."""

    handle: str = field(repr=False)
    before: AccountId
    after: AccountId
    at_ms: int
    held: bool
    """Whether nothing is sent there until the person agrees: the account before was verified."""


@dataclass(frozen=True, slots=True)
class DropChange:
    """The person has seen it and agreed, or the handle stands for the old account again."""

    handle: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeepDeviceName:
    """What another device calls itself, learned end to end encrypted."""

    device: DeviceId
    name: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeepStream:
    """The numbering of one lane with one device: the last number given out, the last one seen, and the missing."""

    device: DeviceId
    lane: Lane
    given: int
    seen: int
    missing: tuple[tuple[int, int], ...]
    """Ranges, both ends included."""


@dataclass(frozen=True, slots=True)
class KeepSeen:
    """An envelope that was taken: the same bytes will not be opened again, but may have to be answered again."""

    id: EnvelopeId
    wall_ms: int
    device: DeviceId | None = None
    """Who sent it, as far as that is known."""
    message: MessageId | None = None
    """The post it carried; none for other letters and for what could not be opened."""
    opened: bool = True


@dataclass(frozen=True, slots=True)
class KeepCursor:
    """How far one lane of this device's mailbox is on its disk."""

    lane: Lane
    position: int


@dataclass(frozen=True, slots=True)
class KeepRelay:
    """Which store and which run of the relay was met last, and the clock offset measured there."""

    store: bytes
    boot: bytes
    offset_ms: int
    life: int = 0
    """How often this device has said hello, or sealed."""


@dataclass(frozen=True, slots=True)
class KeepLease:
    """How this device's registration stands, and how far a renewal that a person asked for has come."""

    seen_ms: int = 0
    """The last contact, on the relay's clock; 0 before the first."""
    length_s: int = 0
    """How long the relay keeps a device reachable without contact; 0 if it has not said."""
    since_ms: int = 0
    """Since when it is registered or refused, on the wall clock."""
    refused: Cause | None = None
    """What the relay said when it did not let this device in."""
    step: int = 0
    """How far a renewal has come; 0 if none is under way."""
    gentle: bool = False
    asked_ms: int = 0
    renewed_ms: int = 0
    """When the last one was done."""


@dataclass(frozen=True, slots=True)
class KeepNetwork:
    """How long a quiet connection is borne on one network, as far as this device has learned."""

    network: bytes
    borne_s: float
    broken_s: float
    """0 while nothing ever broke."""
    deaths: int


@dataclass(frozen=True, slots=True)
class KeepNote:
    """Something small that is remembered under a name; an empty one is forgotten."""

    kind: NoteKind
    about: bytes
    """What it is about, where there may be several of a kind."""
    value: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeepTransfer:
    """How far the file of one author's message has travelled. Uploading: to the relay; otherwise to this device."""

    author: AccountId
    message: MessageId
    blob: BlobId
    uploading: bool
    total_bytes: int
    done_bytes: int
    finished: bool


@dataclass(frozen=True, slots=True)
class KeepFallback:
    """What a person wants to become of messages to one contact that do not get through."""

    account: AccountId
    handle: str = field(repr=False)
    carrier: str
    choice: Choice
    after_s: float
    is_file_noted: bool


@dataclass(frozen=True, slots=True)
class KeepConsent:
    """A recorded yes: to what one carrier can read and costs, for one contact; and when it was taken back."""

    account: AccountId
    handle: str = field(repr=False)
    carrier: str
    price: str
    wording: int
    by: str
    given_ms: int
    withdrawn_ms: int


@dataclass(frozen=True, slots=True)
class KeepText:
    """One message's way by a carrier: offered, ordered, and what the carrier last said."""

    number: int
    message: MessageId
    account: AccountId
    handle: str = field(repr=False)
    carrier: str
    confirms: bool
    stage: AsideStage
    trigger: Trigger
    attempt: int
    parts: int
    price: str
    agreed_ms: int
    """When its person said yes to this very text; 0 if to all of them."""


@dataclass(frozen=True, slots=True)
class KeepTextStep:
    """One more line of a text's life."""

    number: int
    step: AsideStep


@dataclass(frozen=True, slots=True)
class KeepPrivate:
    """A message of ours that never goes by a carrier, whatever was agreed to."""

    message: MessageId


@dataclass(frozen=True, slots=True)
class KeepTextArrival:
    """A text that a carrier brought, its sender unproven; `message` is what it turned out to be, or is shown as."""

    id: bytes
    account: AccountId
    message: MessageId
    carrier: str
    tag: str
    likeness: bytes
    is_merged: bool
    arrived_wall_ms: int


@dataclass(frozen=True, slots=True)
class DropTextMessage:
    """A message that was shown as a text, and came end to end encrypted since: that one is shown."""

    author: AccountId
    message: MessageId


AsideFact = KeepFallback | KeepConsent | KeepText | KeepTextStep | KeepPrivate | KeepTextArrival | DropTextMessage
_Some = KeepMessage | KeepPast | KeepDraft | DropDraft | KeepOutgoing | DropOutgoing | KeepCopy | KeepStep
_More = RaiseStage | KeepRatchet | DropRatchet | KeepDeviceKeys | KeepSealSecret | DropSealSecret
_Further = KeepDeviceList | KeepOwnList | KeepSealKey | KeepContact | KeepVerified | KeepChange | DropChange
_Others = KeepDeviceName | KeepStream | KeepSeen | KeepCursor | KeepRelay | KeepLease | KeepNetwork
_Rest = KeepNote | KeepTransfer | AsideFact | LogFact
Fact = _Some | _More | _Further | _Others | _Rest
