"""Every frame a device and a relay may exchange, and nothing else.

MessagePack arrays, first element the name of the frame. A frame that is not in `ClientFrame` or `RelayFrame`, is too
large or has one wrong type in it is a `PeerError`. Old bytes must open for ever: new fields go at the end with a
default, and a changed meaning gets a new name and a new `WIRE_VERSION`.
"""

from typing import Annotated

import msgspec

from answerback.model.bounds import Instant, ItsAccount, ItsDevice, ItsEnvelope, Key, Natural, NaturalOrNone
from answerback.model.devices import Signed
from answerback.model.envelope import Delivery, Envelope
from answerback.model.handle import HANDLE_CHARACTERS_MAX
from answerback.model.handle_state import HandleState
from answerback.model.ids import AccountId
from answerback.model.log import Proof
from answerback.model.message import Lane
from answerback.wire.frame import Frame
from answerback.wire.log_frames import Disclose, Disclosed, Follow, Followed, Remind, Reminded

WIRE_VERSION = 1
FRAME_BYTES_MAX = 1024 * 1024
"""Bounds what one connection can make the other side hold at once; sixteen of the largest envelopes."""
BATCH_MAX = 256
"""Envelopes in one frame: enough to amortise a frame, few enough for one to pass a 64 kbit/s link in a minute."""
CHALLENGE_BYTES = 32
LANES_MAX = len(Lane)
LISTS_MAX = 64
"""Device lists in one answer: each costs its reader some signature checks."""
MODE_MAX = 3
"""0 live, 1 economical, 2 in the background, 3 about to be silent."""
ENDPOINT_CHARACTERS_MAX = 1024
"""Push endpoints in use have 80 to 400 characters."""
PUSH_KEY_BYTES_MAX = 65
TICKET_BYTES = 16
"""When it runs out, and a number."""


# ---- relay → device, opening ---------------------------------------------------------------------------------------


class Challenge(Frame, frozen=True, array_like=True, tag=True):
    """The relay's first word: sign this to prove which device you are."""

    nonce: bytes
    relay: bytes
    """The relay's id, mixed into the signature so that it cannot be replayed at another relay."""
    clock_ms: Instant
    wire: Natural = WIRE_VERSION


class Taken(msgspec.Struct, frozen=True, array_like=True):
    """How far one lane of a mailbox has been read."""

    lane: Lane
    position: Natural


TicketName = Annotated[bytes, msgspec.Meta(min_length=TICKET_BYTES, max_length=TICKET_BYTES)]


class Ticket(msgspec.Struct, frozen=True, array_like=True):
    """What a device may come back with: a name to show, and a secret that is never shown again."""

    name: TicketName
    secret: Key
    lasts_s: Natural

    def __repr__(self) -> str:
        """Say how long it lasts, never the secret."""
        return f"Ticket({self.lasts_s} s)"


class Welcome(Frame, frozen=True, array_like=True, tag=True):
    """You are who you say; this is what waits for you."""

    clock_ms: Instant
    store: bytes
    """Names the relay's store; another name means that it began anew and has forgotten everything."""
    boot: bytes
    """Names this run of the relay: after another one, what was accepted is asked about, not trusted."""
    token: bytes
    """Bearer token for this device's HTTP requests (blobs); lives as long as the relay's run, an hour at least."""
    waiting: Natural
    """Envelopes in this device's mailbox."""
    head: Natural
    """The mailbox's last position: all catch-up is done when it has been taken."""
    list_version: Natural
    """The newest device list of this device's own account."""
    prekeys_left: Natural
    seal_key: bytes
    """Id of the seal key the relay hands out for this device; empty if it has none."""
    taken: Annotated[list[Taken], msgspec.Meta(max_length=LANES_MAX)] = msgspec.field(default_factory=list)
    """How far each lane of the mailbox was acknowledged; a device that knows less has an older copy of its disk."""
    life: Natural = 0
    """The highest `life` this device ever said, on any connection, before this hello was heard."""
    ticket: Ticket | None = None
    """For the next connection."""
    push: bytes = b""
    """Names the push subscription the relay holds for this device; empty if it holds none."""
    lease_s: Natural = 0
    """How long this device stays reachable without contact, from now; 0 if the relay does not say."""
    lapsed_ms: Instant = 0
    """When the relay stopped taking mail for this device because there was no contact; 0 if it did not."""

    def __repr__(self) -> str:
        """Say what waits, never the token."""
        return f"Welcome({self.waiting} waiting, head {self.head}, list {self.list_version})"


class Farewell(Frame, frozen=True, array_like=True, tag=True):
    """The relay closes this connection: why, and when to come back."""

    cause: str
    retry_after_ms: NaturalOrNone
    detail: str = ""


# ---- device → relay, opening ---------------------------------------------------------------------------------------


class Hello(Frame, frozen=True, array_like=True, tag=True):
    """A device answers the challenge and says how far it has read; it need not wait for `Welcome` to go on."""

    wire: Natural
    device: ItsDevice
    signature: bytes
    taken: list[Taken]
    """How far each lane of its mailbox is on the device's disk."""
    life: Natural = 0
    """Grows with every hello and whenever a ratchet has sealed, and is on the device's disk before it is said."""
    standby: bool = False
    """This connection stands beside the one in use, and gets no mail until the device takes over to it."""
    anew: bool = False
    """The device signs in anew: tokens and tickets that it was given before are void."""


class Resume(Frame, frozen=True, array_like=True, tag=True):
    """A device comes back with its ticket, before the relay has said a word; it travels in the upgrade request."""

    wire: Natural
    device: ItsDevice
    ticket: TicketName
    clock_ms: Instant
    """The relay's time, as the device reckons it: what was overheard is of no use a minute later."""
    taken: Annotated[list[Taken], msgspec.Meta(max_length=LANES_MAX)]
    life: Natural
    """As in `Hello`; whoever says one that was said before is asked to sign a challenge."""
    proof: Key
    """HMAC-SHA-256 of all of this by the ticket's secret."""
    standby: bool = False
    """As in `Hello`."""


class TakeOver(Frame, frozen=True, array_like=True, tag=True):
    """From now on this connection is the one in use; what is not taken is handed over here again."""

    taken: Annotated[list[Taken], msgspec.Meta(max_length=LANES_MAX)]
    """As in `Hello`."""
    life: Natural = 0
    """As in `Submit`: a hello that said no more is older than this, however late it arrives."""


# ---- mail ----------------------------------------------------------------------------------------------------------


class Submit(Frame, frozen=True, array_like=True, tag=True):
    """Envelopes for other devices' mailboxes."""

    envelopes: list[Envelope]
    life: Natural = 0
    """As in `Hello`: it grows with every change of the device that seals anything."""


class Acceptance(msgspec.Struct, frozen=True, array_like=True):
    """The relay's word that one envelope is on its disk."""

    id: ItsEnvelope
    list_version: Natural
    """The newest device list of the recipient's account: newer than ours means that a device came or went."""
    away_s: NaturalOrNone
    """0 if the recipient's device is connected, else seconds since it last was; -1 if it never was."""


class Accepted(Frame, frozen=True, array_like=True, tag=True):
    """These envelopes are on the relay's disk; said only after the durable write."""

    entries: list[Acceptance]
    lane: Lane = Lane.NORMAL


class Refusal(msgspec.Struct, frozen=True, array_like=True):
    """One envelope the relay will not keep."""

    id: ItsEnvelope
    cause: str
    retry_after_ms: NaturalOrNone
    """When trying again may help; -1 if only somebody's action can."""
    list_version: Natural = 0
    """As in `Acceptance`, where the relay knows the account."""


class Refused(Frame, frozen=True, array_like=True, tag=True):
    """These envelopes were not kept: said before, never after, they were accepted."""

    entries: list[Refusal]


class Deliver(Frame, frozen=True, array_like=True, tag=True):
    """Envelopes from this device's mailbox, in order within each lane."""

    entries: list[Delivery]


class Took(Frame, frozen=True, array_like=True, tag=True):
    """Everything up to these positions is on the device's disk: the relay may forget it."""

    entries: list[Taken]


class Pace(Frame, frozen=True, array_like=True, tag=True):
    """How eager this device is from now on, and how much mail that is not urgent it takes until it says so again."""

    mode: Annotated[int, msgspec.Meta(ge=0, le=MODE_MAX)]
    budget_bytes: NaturalOrNone = -1
    """Of envelopes that are not urgent, from now; -1 for no bound. What is urgent comes at once in any case."""


class Subscribe(Frame, frozen=True, array_like=True, tag=True):
    """Wake this device here when mail comes while it is away; an empty endpoint: no more."""

    endpoint: Annotated[str, msgspec.Meta(max_length=ENDPOINT_CHARACTERS_MAX)]
    key: Annotated[bytes, msgspec.Meta(max_length=PUSH_KEY_BYTES_MAX)] = b""
    auth: Annotated[bytes, msgspec.Meta(max_length=TICKET_BYTES)] = b""

    def __repr__(self) -> str:
        """Say nothing of where: who knows an endpoint can use it."""
        return f"Subscribe({'somewhere' if self.endpoint else 'nowhere'})"


class Asked(msgspec.Struct, frozen=True, array_like=True):
    """One envelope asked about."""

    device: ItsDevice
    id: ItsEnvelope


class Inquire(Frame, frozen=True, array_like=True, tag=True):
    """Ask where envelopes are that were accepted and never answered."""

    entries: list[Asked]


class Whereabouts(msgspec.Struct, frozen=True, array_like=True):
    """Where the relay says one envelope is: held for its device, taken by it, or unknown (lost or forgotten)."""

    id: ItsEnvelope
    held: bool
    taken: bool
    away_s: NaturalOrNone


class Located(Frame, frozen=True, array_like=True, tag=True):
    """Answer to `Inquire`."""

    entries: list[Whereabouts]


# ---- directory and keys --------------------------------------------------------------------------------------------


class LookUp(Frame, frozen=True, array_like=True, tag=True):
    """Ask for an account's device lists after the version we know, and its devices' seal keys."""

    request: Natural
    account: ItsAccount
    known_version: Natural
    known_size: Natural = 0
    """Of the log's head we know: the answer shows that its own follows."""


class Listed(Frame, frozen=True, array_like=True, tag=True):
    """The device lists after the known version, oldest first, and today's seal keys of the newest one's devices."""

    request: Natural
    account: ItsAccount
    lists: Annotated[list[Signed], msgspec.Meta(max_length=LISTS_MAX)]
    seal_keys: Annotated[list[Signed], msgspec.Meta(max_length=LISTS_MAX)]
    proof: Proof | None = None
    """Of the last list here, or of the account's newest if there is none here."""


class Resolve(Frame, frozen=True, array_like=True, tag=True):
    """Ask which account a handle stands for."""

    request: Natural
    handle: str
    known_size: Natural = 0
    """As in `LookUp`."""

    def __repr__(self) -> str:
        """Say nothing of whose handle it is."""
        return f"Resolve({self.request})"


class Resolved(Frame, frozen=True, array_like=True, tag=True):
    """Answer to `Resolve`; an empty account if nobody has proven that handle."""

    request: Natural
    handle: str
    account: AccountId
    proof: Proof | None = None
    """That the log says so."""

    def __repr__(self) -> str:
        """Say nothing of whose handle it is."""
        return f"Resolved({self.request})"


class Claim(Frame, frozen=True, array_like=True, tag=True):
    """Ask for one pre-key of a device; each one-time key is handed out exactly once."""

    request: Natural
    device: ItsDevice


class Claimed(Frame, frozen=True, array_like=True, tag=True):
    """Answer to `Claim`: a signed pre-key, or none and the cause."""

    request: Natural
    device: ItsDevice
    prekey: Signed | None
    cause: str = ""


class Publish(Frame, frozen=True, array_like=True, tag=True):
    """New keys of this device: one-time pre-keys to add; fallback key and seal key to replace the old ones."""

    request: Natural
    prekeys: list[Signed]
    fallback: Signed | None
    seal_key: Signed | None
    anew: bool = False
    """The one-time keys offered before are void: this device no longer has their secrets."""


class Published(Frame, frozen=True, array_like=True, tag=True):
    """The keys are on the relay's disk."""

    request: Natural
    prekeys_left: Natural


class Announce(Frame, frozen=True, array_like=True, tag=True):
    """The next device list of this device's own account, signed by its root key."""

    request: Natural
    list: Signed


class Announced(Frame, frozen=True, array_like=True, tag=True):
    """The list is the account's newest now; or, with a cause, it is not."""

    request: Natural
    version: Natural
    cause: str = ""


class HandleNotice(Frame, frozen=True, array_like=True, tag=True):
    """How a handle of this device's own account stands, if there is news of it; said again after each `Welcome`."""

    handle: Annotated[str, msgspec.Meta(max_length=HANDLE_CHARACTERS_MAX)]
    state: HandleState
    account: AccountId
    """The account on the other side of a move; empty where there is none."""
    at_ms: Instant
    """Since when; for what is still to come, from when on."""

    def __repr__(self) -> str:
        """Say nothing of whose handle it is."""
        return f"HandleNotice({self.state.name})"


# ---- time ----------------------------------------------------------------------------------------------------------


class Ping(Frame, frozen=True, array_like=True, tag=True):
    """Are you there? The number comes back."""

    echo: Natural


class Pong(Frame, frozen=True, array_like=True, tag=True):
    """Yes; and this is the relay's clock."""

    echo: Natural
    clock_ms: Instant


ClientFrame = (
    Resume
    | Hello
    | TakeOver
    | Submit
    | Took
    | Inquire
    | LookUp
    | Resolve
    | Claim
    | Publish
    | Announce
    | Ping
    | Pace
    | Subscribe
    | Follow
    | Disclose
    | Remind
)
RelayFrame = (
    Challenge
    | Welcome
    | Farewell
    | Accepted
    | Refused
    | Deliver
    | Located
    | Listed
    | Resolved
    | Claimed
    | Published
    | Announced
    | HandleNotice
    | Pong
    | Followed
    | Disclosed
    | Reminded
)
