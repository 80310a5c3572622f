"""The frames with which a device reads its relay's log and compares heads of it.

A device that has never been given a proof does not say any of these: its relay may be older than they are.
"""

from typing import Annotated

import msgspec

from answerback.model.bounds import Key, Natural
from answerback.model.devices import Signed
from answerback.model.log import ENTRY_BYTES_MAX, LINE_BYTES
from answerback.wire.frame import Frame

LINES_MAX = 1_024
"""Lines in one answer: 34 KiB, gone in a second on 300 kbit/s."""
DISCLOSED_MAX = 8
"""Entries in one question: each counts as a question for a handle, and a device finds one at a time."""
PATH_MAX = 128
FRONTIER_MAX = 64

Path = Annotated[list[Key], msgspec.Meta(max_length=PATH_MAX)]


class Follow(Frame, frozen=True, array_like=True, tag=True):
    """Read the log from a place on."""

    request: Natural
    start: Natural
    known_size: Natural
    """Of the head we know."""
    is_first: bool = False
    """What lies before `start` was never read: give the frontier there."""


class Followed(Frame, frozen=True, array_like=True, tag=True):
    """Lines of the log, the head they lead to, and how that follows from the one known."""

    request: Natural
    start: Natural
    lines: Annotated[bytes, msgspec.Meta(max_length=LINES_MAX * LINE_BYTES)]
    head: Signed
    consistency: Path
    frontier: Annotated[list[Key], msgspec.Meta(max_length=FRONTIER_MAX)] = msgspec.field(default_factory=list)


class Disclose(Frame, frozen=True, array_like=True, tag=True):
    """Show the entries that stand at these places."""

    request: Natural
    places: Annotated[list[Natural], msgspec.Meta(max_length=DISCLOSED_MAX)]


class Disclosed(Frame, frozen=True, array_like=True, tag=True):
    """The entries asked for, in order; empty where there is none."""

    request: Natural
    entries: Annotated[
        list[Annotated[bytes, msgspec.Meta(max_length=ENTRY_BYTES_MAX)]], msgspec.Meta(max_length=DISCLOSED_MAX)
    ]


class Remind(Frame, frozen=True, array_like=True, tag=True):
    """This head you have signed: your log must lead to it, or from it."""

    request: Natural
    head: Signed
    known_size: Natural


class Reminded(Frame, frozen=True, array_like=True, tag=True):
    """The relay's head now, of a later epoch if it had forgotten, and how it follows from the two that were named."""

    request: Natural
    head: Signed
    reminded: Path
    """From the one it was reminded of."""
    consistency: Path
    """From the one known."""
