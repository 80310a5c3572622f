"""The front door: Client, Message, Urgency, Timeline and the errors."""

from answerback.device.client import Client, Sent
from answerback.model.causes import Cause, Owner
from answerback.model.errors import (
    AnswerbackError,
    PeerError,
    RefusedError,
    StorageError,
    StoreCorruptError,
    StoreFullError,
    StoreLockedError,
    TrustError,
    UsageError,
)
from answerback.model.message import Attachment, Message, Urgency
from answerback.model.timeline import CopyTimeline, Evidence, Stage, Step, Timeline, Wait

__version__ = "26.11.0"

__all__ = [
    "AnswerbackError",
    "Attachment",
    "Cause",
    "Client",
    "CopyTimeline",
    "Evidence",
    "Message",
    "Owner",
    "PeerError",
    "RefusedError",
    "Sent",
    "Stage",
    "Step",
    "StorageError",
    "StoreCorruptError",
    "StoreFullError",
    "StoreLockedError",
    "Timeline",
    "TrustError",
    "Urgency",
    "UsageError",
    "Wait",
    "__version__",
]
