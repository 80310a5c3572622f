"""What the relay's machines may ask of its store, and what the store answers.

Each command has one answer, in the same order; `Denied` stands for any of them. Commands of one batch are carried out
one after the other in one transaction, so a later one sees what an earlier one did.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from answerback.model.causes import Cause
from answerback.model.devices import Device, DeviceList, Signed
from answerback.model.envelope import Delivery, Envelope
from answerback.model.ids import AccountId, DeviceId, EnvelopeId
from answerback.model.log import Placed

LANE_COUNT = 5
NOBODY = DeviceId(b"")
NOTHING_TAKEN = (0,) * LANE_COUNT
Cursors = tuple[int, ...]
"""The last position taken, or handed over, in each lane."""


# ---- commands ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Meet:
    """Who is this device, before it has proven anything? Changes nothing."""

    connection: int
    device: DeviceId


@dataclass(frozen=True, slots=True)
class Open:
    """This device is here and has taken this much."""

    connection: int
    device: DeviceId
    taken: Cursors
    wall_ms: int
    life: int = 0


@dataclass(frozen=True, slots=True)
class Leave:
    """This device was last seen now."""

    device: DeviceId
    wall_ms: int


@dataclass(frozen=True, slots=True)
class Append:
    """Keep these envelopes for their devices."""

    connection: int
    envelopes: Sequence[Envelope]
    size_bytes: int
    wall_ms: int
    sender: DeviceId = NOBODY
    life: int = 0
    """How far its sender has come, as in `Open`."""


@dataclass(frozen=True, slots=True)
class Take:
    """This device has taken this much: forget it."""

    device: DeviceId
    taken: Cursors


@dataclass(frozen=True, slots=True)
class Read:
    """The next envelopes after these positions, the more urgent lanes first."""

    connection: int
    device: DeviceId
    after: Cursors
    lanes: tuple[int, ...]
    rows_max: int
    bytes_max: int
    wall_ms: int


@dataclass(frozen=True, slots=True)
class Locate:
    """Tell where these envelopes are."""

    connection: int
    asked: Sequence[tuple[DeviceId, EnvelopeId]]


@dataclass(frozen=True, slots=True)
class FetchLists:
    """An account's device lists after a version, and its devices' seal keys."""

    connection: int
    request: int
    account: AccountId
    known_version: int
    known_size: int = 0


@dataclass(frozen=True, slots=True)
class FetchNewest:
    """The newest device list of the account that wants to announce this one."""

    connection: int
    request: int
    account: AccountId
    announced: Signed


@dataclass(frozen=True, slots=True)
class PutList:
    """Make this checked list the account's newest, if the one it follows still is."""

    connection: int
    request: int
    signed: Signed
    devices: DeviceList


@dataclass(frozen=True, slots=True)
class AddKeys:
    """Keep these checked keys for whoever wants to reach the device."""

    connection: int
    request: int
    device: DeviceId
    prekeys: Sequence[Signed]
    fallback: Signed | None
    seal_key: Signed | None
    seal_id: bytes
    anew: bool = False
    """Those offered before are void."""


@dataclass(frozen=True, slots=True)
class ClaimKey:
    """Hand out one pre-key, and never again."""

    connection: int
    request: int
    device: DeviceId


@dataclass(frozen=True, slots=True)
class ResolveHandle:
    """Tell which account this handle stands for."""

    connection: int
    request: int
    handle: str
    known_size: int = 0

    def __repr__(self) -> str:
        """Hide the handle."""
        return f"ResolveHandle(connection={self.connection}, request={self.request})"


@dataclass(frozen=True, slots=True)
class ReadLog:
    """Lines of the log from a place on."""

    connection: int
    request: int
    start: int
    known_size: int
    is_first: bool


@dataclass(frozen=True, slots=True)
class OpenEntries:
    """The entries of the log at these places."""

    connection: int
    request: int
    places: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RecallHead:
    """This head was signed by this log: lead to it, or say that it is forgotten."""

    connection: int
    request: int
    head: Signed
    known_size: int


@dataclass(frozen=True, slots=True)
class Sweep:
    """Nothing urgent to do: forget what is taken, expired or unused, a little of it."""

    wall_ms: int


LogCommand = ReadLog | OpenEntries | RecallHead
Command = (
    Meet
    | Open
    | Leave
    | Append
    | Take
    | Read
    | Locate
    | FetchLists
    | FetchNewest
    | PutList
    | AddKeys
    | ClaimKey
    | ResolveHandle
    | LogCommand
    | Sweep
)


# ---- answers -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Done:
    """It is done, and `count` says how much of it there was."""

    count: int = 0


@dataclass(frozen=True, slots=True)
class Denied:
    """It is not done, and why."""

    cause: Cause
    version: int = 0
    """The newest device list, where that is what stood in the way."""


@dataclass(frozen=True, slots=True)
class Met:
    """A device of ours."""

    account: AccountId
    entry: Device


@dataclass(frozen=True, slots=True)
class Opened:
    """What waits for a device, and how the relay sees it."""

    waiting: int
    head: int
    taken: Cursors
    list_version: int
    prekeys_left: int
    seal_id: bytes
    life: int
    """The highest it ever said, before now."""
    lapsed_ms: int = 0
    """When it had lapsed, if it had: it has not any more."""


class Fate(NamedTuple):
    """What became of one envelope: a named tuple, because there are ten thousand a second of them."""

    position: int
    """0 if it was not stored: refused, or held already."""
    cause: Cause | None
    """Why it was refused."""
    list_version: int
    seen_ms: int
    """When the recipient's device was last seen, on the relay's clock; -1 for never."""


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of each envelope, in order."""

    fates: list[Fate]


@dataclass(frozen=True, slots=True)
class Page:
    """The next envelopes, and the lanes in which there are more."""

    entries: list[Delivery]
    lanes_left: tuple[int, ...]


class Trace(NamedTuple):
    """Where one envelope is."""

    held: bool
    taken: bool
    seen_ms: int


@dataclass(frozen=True, slots=True)
class Traced:
    """Where each envelope is, in order."""

    traces: list[Trace]


@dataclass(frozen=True, slots=True)
class LogState:
    """How far the log is: what a head says, before it is signed."""

    epoch: int
    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Logged:
    """What an answer rests on, before the head is signed."""

    state: LogState
    consistency: list[bytes]
    placed: Placed | None = None
    reminded: tuple[bytes, ...] = ()
    """From a head that the relay was reminded of."""


@dataclass(frozen=True, slots=True)
class Lists:
    """Device lists, oldest first, and seal keys."""

    lists: list[Signed]
    seal_keys: list[Signed]
    logged: Logged | None = None


@dataclass(frozen=True, slots=True)
class Newest:
    """An account's newest device list."""

    version: int
    signed: Signed | None


@dataclass(frozen=True, slots=True)
class ListPut:
    """The list is the newest now; these devices are no longer in it."""

    version: int
    revoked: list[DeviceId]


@dataclass(frozen=True, slots=True)
class Key:
    """A pre-key handed out."""

    signed: Signed


@dataclass(frozen=True, slots=True)
class Found:
    """The account behind a handle; empty if there is none."""

    account: AccountId
    logged: Logged | None = None


@dataclass(frozen=True, slots=True)
class LogPage:
    """A piece of the log."""

    state: LogState
    consistency: list[bytes]
    lines: bytes
    frontier: list[bytes]


@dataclass(frozen=True, slots=True)
class LogEntries:
    """Entries of the log, in the order they were asked for; empty where there is none."""

    entries: list[bytes]


Answer = (
    Done
    | Denied
    | Met
    | Opened
    | Appended
    | Page
    | Traced
    | Lists
    | Newest
    | ListPut
    | Key
    | Found
    | Logged
    | LogPage
    | LogEntries
)


class Store(Protocol):
    """What a relay needs of a disk: SQLite gives it here, a simulator's faulty disk in the lab."""

    @property
    def name(self) -> bytes:
        """Names this store; one that began anew has another name."""
        ...

    def apply(self, batch: Sequence[Command]) -> list[Answer]:
        """Carry out a batch and return when all of it is durable; after a StorageError none of it was done."""
        ...
