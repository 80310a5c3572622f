"""What is to be remembered of the relay's log."""

from dataclasses import dataclass, field

from answerback.model.causes import Cause
from answerback.model.devices import Signed
from answerback.model.ids import AccountId


@dataclass(frozen=True, slots=True)
class KeepLabel:
    """What a handle is called in the relay's log: a slow hash, made once."""

    handle: str = field(repr=False)
    label: bytes


@dataclass(frozen=True, slots=True)
class KeepLog:
    """The newest head of the relay's log that was proven, and how far its lines were read."""

    head: Signed
    since_ms: int
    """When the first head that we know of this log was made, on the relay's clock."""
    read_size: int
    """-1 if nothing was read yet."""
    frontier: tuple[bytes, ...]
    """The roots of the whole subtrees of what was read, from the left."""


@dataclass(frozen=True, slots=True)
class KeepEvidence:
    """What a relay has signed and cannot have meant honestly, or had to take back."""

    cause: Cause
    account: AccountId | None
    """Whom it concerns, or who was shown something else; none: this device."""
    ours: Signed | None
    theirs: Signed | None
    wall_ms: int


LogFact = KeepLabel | KeepLog | KeepEvidence
