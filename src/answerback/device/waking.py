"""Keeps where this device is woken while it has no connection, over restarts."""

import base64
from typing import Final

import msgspec

from answerback.model.errors import PeerError, UsageError
from answerback.storage.history import History
from answerback.storage.journal import Journal
from answerback.wire.frames import Subscribe
from answerback.wire.subscriptions import check_subscription

PUSH_SETTING: Final = "push.subscription"


class _Kept(msgspec.Struct, frozen=True):
    endpoint: str
    key: bytes = b""
    auth: bytes = b""


def subscription(endpoint: str, *, key: str = "", auth: str = "") -> Subscribe:
    """Make a subscription of what a push service gave: its keys are in base64 for URLs, as browsers give them.

    Raises `UsageError` for what no push service gives.
    """
    try:
        push = Subscribe(endpoint, _bytes(key), _bytes(auth))
        check_subscription(push)
    except (PeerError, ValueError) as error:
        raise UsageError(f"that is no push subscription: {error}") from error
    return push


def kept_push(history: History) -> Subscribe | None:
    """Read what was given; none if nothing was, and the relay keeps what it has."""
    text = history.setting(PUSH_SETTING)
    if text is None:
        return None
    try:
        kept = msgspec.json.decode(text, type=_Kept)
    except msgspec.MsgspecError:
        return None
    return Subscribe(kept.endpoint, kept.key, kept.auth)


def keep_push(journal: Journal, push: Subscribe) -> None:
    """Keep what was given; an empty endpoint is kept, too: the relay may still have another."""
    kept = _Kept(push.endpoint, push.key, push.auth)
    journal.keep_setting(PUSH_SETTING, msgspec.json.encode(kept).decode())


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
