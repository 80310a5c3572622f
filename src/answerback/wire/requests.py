"""Every HTTP request and answer between a device and a relay, as JSON.

JSON, and not the frames' MessagePack, because these few requests are the ones an operator tries by hand; bytes stand in
base64, as `msgspec` writes them. Blobs and boxes are bare octets. A refusal is a `RefusalBody` with a fitting status.
"""

from typing import Annotated, TypeVar

import msgspec

from answerback.model.bounds import Natural
from answerback.model.devices import Signed
from answerback.model.errors import PeerError
from answerback.model.handle import HANDLE_CHARACTERS_MAX, HANDLE_PATTERN
from answerback.model.handle_state import HandleState
from answerback.model.ids import ID_BYTES, AccountId
from answerback.wire.frames import LISTS_MAX

JSON_BYTES_MAX = 16 * 1024
"""Bounds a request's JSON: a list of sixteen devices is about 3 KiB."""
ACCOUNT_BYTES_MAX = 256 * 1024
"""As many lists as one answer holds, each with all its devices."""
PIECE_BYTES_MAX = 1024 * 1024
"""The largest piece of a blob in one request: lost with its connection, so not larger."""
PIECE_BYTES_MIN = 16 * 1024
"""The smallest piece but the last: two seconds on a 64 kbit/s link, and bounds a blob to 6,400 pieces."""
BLOB_BYTES_MAX = 100 * 1024 * 1024
BOX_BYTES_MAX = 16 * 1024
"""What one slot of a box holds: linking a device takes about 2 KiB a slot."""
BOX_SLOTS = 4
"""A linking takes three steps; one to spare."""
BOX_WAIT_S_MAX = 25
"""The longest a relay holds a `GET` of an empty slot: below the 30 s after which many middleboxes forget a flow."""

OFFSET_HEADER = "Upload-Offset"
"""How many bytes of a blob are on the relay's disk; stands in every answer to `PUT` and `HEAD`, refusals too."""
LENGTH_HEADER = "Upload-Length"

_T = TypeVar("_T")
ItsHandle = Annotated[str, msgspec.Meta(pattern=HANDLE_PATTERN, max_length=HANDLE_CHARACTERS_MAX)]
NewerLists = Annotated[list[Signed], msgspec.Meta(max_length=LISTS_MAX - 1)]


class Body(msgspec.Struct, frozen=True):
    """What all bodies share: they are values."""


class CodeRequest(Body, frozen=True):
    """Send a one-time code to this handle."""

    handle: ItsHandle
    invitation: str = ""

    def __repr__(self) -> str:
        """Say nothing of whose handle it is."""
        return "CodeRequest(…)"


class CodeSent(Body, frozen=True):
    """A code is on its way; the same answer for every handle, so that nobody learns who has an account."""

    expires_in_s: int


class AccountRequest(Body, frozen=True):
    """Make an account for a handle whose code is given, with its first signed device list."""

    handle: ItsHandle
    code: str
    list: Signed
    invitation: str = ""
    newer: NewerLists = []
    """The lists that follow, of an account whose relay has lost everything."""
    move: bool = False
    """If the handle has an account already, take it over from there: after a waiting period in which that one may
    object."""

    def __repr__(self) -> str:
        """Say nothing of whose handle it is, nor its code."""
        return "AccountRequest(…)"


class AccountCreated(Body, frozen=True):
    """The account and its first device are on the relay's disk."""

    account: AccountId
    coming_ms: int = 0
    """When the handle becomes this account's, unless the one that has it objects; 0 if it is already."""


class HandleClaim(Body, frozen=True):
    """Let a handle whose code is given point to the account of the device that asks."""

    handle: ItsHandle
    code: str
    move: bool = False
    """As in `AccountRequest`."""

    def __repr__(self) -> str:
        """Say nothing of whose handle it is, nor its code."""
        return "HandleClaim(…)"


class HandleRemoval(Body, frozen=True):
    """Let a handle of this account point to nobody; or give up one that is on its way here."""

    handle: ItsHandle

    def __repr__(self) -> str:
        """Say nothing of whose handle it is."""
        return "HandleRemoval(…)"


class HandleAnswer(Body, frozen=True):
    """Let a handle that another account has proven go at once, or keep it."""

    handle: ItsHandle
    give: bool

    def __repr__(self) -> str:
        """Say nothing of whose handle it is."""
        return f"HandleAnswer(…, {self.give})"


class HandleTold(Body, frozen=True):
    """How one handle stands for this account."""

    handle: ItsHandle
    state: HandleState
    at_ms: int
    """Since when; for what is still to come, from when on."""
    other: AccountId = AccountId(b"")
    """The account on the other side of a move; empty where there is none."""

    def __repr__(self) -> str:
        """Say nothing of whose handle it is."""
        return f"HandleTold(…, {self.state.name})"


class HandlesTold(Body, frozen=True):
    """Every handle of this account: those it has, those on their way, and what became of others lately."""

    handles: list[HandleTold]


class Asked(msgspec.Struct, frozen=True, array_like=True):
    """What the holder of a root key signs to be given its account's lists: of which handle, or of which account."""

    handle: Annotated[str, msgspec.Meta(max_length=HANDLE_CHARACTERS_MAX)]
    account: Annotated[bytes, msgspec.Meta(max_length=ID_BYTES)]
    """Empty where the handle says it."""
    known_version: Natural

    def __repr__(self) -> str:
        """Say nothing of whose handle it is."""
        return "Asked(…)"


class ListsRequest(Body, frozen=True):
    """Give an account's device lists to whoever holds its root key."""

    asked: Signed
    """An `Asked`."""
    root_key: bytes


class ListsFound(Body, frozen=True):
    """An account's device lists after a version, as many as one answer holds."""

    account: AccountId
    lists: list[Signed]
    newest_version: int


class ListRequest(Body, frozen=True):
    """Make a list, signed by its account's root key, the newest, from a device that is not on the list before."""

    list: Signed


class ListKept(Body, frozen=True):
    """It is on the relay's disk."""

    version: int


class PieceKept(Body, frozen=True):
    """This many bytes of the blob are on the relay's disk now."""

    stored_bytes: int
    total_bytes: int


class Health(Body, frozen=True):
    """How the relay is: said after a real write and read of its store."""

    well: bool
    version: str
    uptime_s: int
    store: str
    """`writable`, or the kind of error the write met."""
    store_ms: float
    waiting: int = 0
    """Connections that wait to begin."""
    strain: int = 0
    """What is put off now: 0 nothing, 1 background mail, 2 bulk too, 3 normal mail too."""
    calls: int = 0
    """Datagrams sent to call silent devices, in this run."""
    called_heard: int = 0
    """Devices that spoke, or came back, after a call."""
    pushes_failed: int = 0
    """Pushes to sleeping devices that their services did not take, in this run."""


class PushKey(Body, frozen=True):
    """What push services know this relay by: browsers ask for it (`applicationServerKey`)."""

    key: str
    """A point of P-256, base64 for URLs without padding."""


class RefusalBody(Body, frozen=True):
    """Why a request was refused, and when trying again may help; -1 if only somebody's action can."""

    cause: str
    message: str
    retry_after_ms: int = -1


def encode_json(body: Body) -> bytes:
    """Write a request or an answer."""
    return msgspec.json.encode(body)


def decode_json(data: bytes, kind: type[_T], *, bytes_max: int = JSON_BYTES_MAX) -> _T:
    """Read a request or an answer of a known kind; what it does not know in it is passed over."""
    if len(data) > bytes_max:
        raise PeerError(f"a {kind.__name__} is {len(data)} bytes; at most {bytes_max} allowed")
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise PeerError(f"not a {kind.__name__}: {error}") from error
