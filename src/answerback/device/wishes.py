"""Keeps what a person chose about how eager this device is to be, over restarts."""

from typing import Final

import msgspec

from answerback.core.network.modes import Mode, Wish
from answerback.storage.history import History
from answerback.storage.journal import Journal

WISH_SETTING: Final = "sync.wish"


class _Kept(msgspec.Struct, frozen=True):
    mode: Mode | None = None
    is_metered: bool | None = None


def kept_wish(history: History) -> Wish:
    """Read what was chosen; nothing was, or by a program that knew other words, and the device is left to itself."""
    text = history.setting(WISH_SETTING)
    if text is None:
        return Wish()
    try:
        kept = msgspec.json.decode(text, type=_Kept)
    except msgspec.MsgspecError:
        return Wish()
    return Wish(kept.mode, kept.is_metered)


def keep_wish(journal: Journal, wish: Wish) -> None:
    """Keep a choice in place of the one before."""
    if wish == Wish():
        journal.drop_setting(WISH_SETTING)
    else:
        journal.keep_setting(WISH_SETTING, msgspec.json.encode(_Kept(wish.mode, wish.is_metered)).decode())
