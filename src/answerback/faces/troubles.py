"""Carries an error across the agent's local interface, so that a command says the same with a daemon and without."""

from answerback.model.causes import Cause, cause_of
from answerback.model.errors import (
    AnswerbackError,
    PeerError,
    RefusedError,
    StorageError,
    StoreCorruptError,
    StoreFullError,
    TrustError,
    UsageError,
)

_KINDS: dict[str, type[AnswerbackError]] = {
    "usage": UsageError,
    "peer": PeerError,
    "trust": TrustError,
    "store_full": StoreFullError,
    "store_corrupt": StoreCorruptError,
    "storage": StorageError,
}


def kind_of(error: AnswerbackError) -> str:
    """Name the kind of an error."""
    from answerback.transport.failures import Deferred, Unreachable

    if isinstance(error, RefusedError):
        return "refused"
    if isinstance(error, Unreachable | Deferred):
        return "unreachable"
    return next((name for name, kind in _KINDS.items() if isinstance(error, kind)), "error")


def error_of(kind: str, message: str, cause: str | None) -> AnswerbackError:
    """Make the error again that had this name."""
    from answerback.transport.failures import Unreachable

    known = cause_of(cause) if cause else Cause.UNKNOWN
    if kind == "refused":
        return RefusedError(known, message)
    if kind == "unreachable":
        return Unreachable(known, message)
    return _KINDS.get(kind, AnswerbackError)(message)
