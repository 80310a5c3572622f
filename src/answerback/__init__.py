"""The front door: Client, Message, Urgency, Timeline and the errors, each imported when it is first asked for."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
_PLACES = {
    "answerback.device.client": "Client Sent",
    "answerback.model.causes": "Cause Owner",
    "answerback.model.errors": "AnswerbackError PeerError RefusedError StorageError StoreCorruptError StoreFullError "
    "StoreLockedError TrustError UsageError",
    "answerback.model.message": "Attachment Message Urgency",
    "answerback.model.timeline": "CopyTimeline Evidence Stage Step Timeline Wait",
}
"""Late, because a command's help needs none of them, and loading the SDK takes a third of a second."""


def __getattr__(name: str) -> object:
    for module, names in _PLACES.items():
        if name in names.split():
            return getattr(import_module(module), name)
    raise AttributeError(f"answerback has no {name!r}")


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
