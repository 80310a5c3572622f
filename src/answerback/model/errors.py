"""Every error Answerback raises, in one tree.

An exception is for the caller who can act now. What becomes of a message is data: a timeline with a cause.

    AnswerbackError
    ├─ UsageError      the caller broke a rule; change the call
    ├─ PeerError       the other side broke the protocol; the connection is closed
    ├─ RefusedError    nothing helps until somebody acts; carries a cause
    ├─ TrustError      keys or signatures do not match; never retried, never worked around
    └─ StorageError    the disk did not keep its promise
       ├─ StoreLockedError    another process holds the journal
       ├─ StoreFullError      no space left for what must be kept
       ├─ StoreOutdatedError  of an older version, or its making broke off: opening it for writing mends that
       └─ StoreCorruptError   what was read is not what was written
"""

from answerback.model.causes import Cause


class AnswerbackError(Exception):
    """Something Answerback was asked to do could not be done."""


class UsageError(AnswerbackError):
    """The request itself is wrong and must be changed."""


class PeerError(AnswerbackError):
    """The other side broke the protocol."""


class RefusedError(AnswerbackError):
    """The request was understood and refused; somebody must act before it can succeed."""

    def __init__(self, cause: Cause, message: str = "") -> None:
        super().__init__(message or cause.value)
        self.cause = cause


class TrustError(AnswerbackError):
    """Keys or signatures do not match what was promised."""


class StorageError(AnswerbackError):
    """The disk did not keep its promise."""


class StoreLockedError(StorageError):
    """Another process is using this device's journal."""


class StoreFullError(StorageError):
    """There is no space left for what must be kept."""


class StoreOutdatedError(StorageError):
    """What is to be read is of an older version, or was being made when its process ended."""


class StoreCorruptError(StorageError):
    """What was read back is not what was written."""
