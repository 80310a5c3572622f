"""Gives the shapes in which handles are told and asked about, as `told` gives the others."""

import msgspec


class OwnHandleTold(msgspec.Struct, frozen=True):
    """One handle of this account, and how it stands."""

    handle: str
    state: str
    at_ms: int
    """Since when; for what is still to come, from when on."""
    other: str | None
    """The account on the other side of a move."""
    this: bool
    """Whether this device goes by it."""


class HandlesTold(msgspec.Struct, frozen=True):
    """The handles of this account."""

    handles: list[OwnHandleTold]
    region: str | None
    """From where numbers without a country are dialled, if the person said so."""


class HandleAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be done with a handle: `code`, `add`, `move`, `remove`, `give`, `keep` or `region`."""

    do: str
    handle: str
    code: str = ""


class CodeSentTold(msgspec.Struct, frozen=True):
    """A code is on its way."""

    handle: str
    """As the relay knows it."""
    expires_in_s: int
