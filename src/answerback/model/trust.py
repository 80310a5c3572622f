"""How sure a person is that an account is who it says: the words of comparing keys."""

from enum import IntEnum, unique
from typing import Annotated

import msgspec

from answerback.model.bounds import Instant, ItsAccount

VOUCHED_MAX = 1_000
"""Accounts in one letter between a person's own devices: 22 KB, of the 64 that an envelope holds."""


@unique
class How(IntEnum):
    """By what a person made sure of somebody's root key. Numbers are for ever: they are on disks and in letters."""

    WITHDRAWN = 0
    """No longer sure: the mark was taken away."""
    SCAN = 1
    """What a camera read from the other's screen."""
    NUMBERS = 2
    """The sixty digits, compared one by one."""
    CODE = 3
    """The short code that both devices showed at the same time."""


class Vouched(msgspec.Struct, frozen=True, array_like=True):
    """What a person made sure of on one of their devices."""

    account: ItsAccount
    how: How
    at_ms: Instant
    root: Annotated[bytes, msgspec.Meta(max_length=32)] = b""
    """The root key that was compared: an account may change it."""


VouchedList = Annotated[list[Vouched], msgspec.Meta(max_length=VOUCHED_MAX)]
