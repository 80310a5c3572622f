"""What every way to a foreign network can do, whatever it speaks.

A road is one connection, or what stands for one. When it does not answer a submission it ends: the submission is in
doubt then, and only a new road can be asked.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from answerback.model.errors import AnswerbackError
from answerback.model.handle import Handle
from answerback.wire.delivery_receipts import DeliveryReceipt
from answerback.wire.short_messages import Fragment


class RoadClosed(AnswerbackError):
    """The network cannot be reached, does not let us in, or has ended the connection."""


class RoadRefused(RoadClosed):
    """The network knows us and does not let us in: its person must act before it makes sense to ask again."""


class RoadUnsent(RoadClosed):
    """The connection had ended before the first byte left: there is no doubt."""


@dataclass(frozen=True, slots=True)
class Submission:
    """One part, as a road needs it."""

    to: Handle
    text: str
    """The whole text: the road cuts it, always alike."""
    number: int
    index: int
    parts: int
    reference: int
    token: bytes
    """Unlike any other part's of any device: what a network may be asked for after doubt."""

    def __repr__(self) -> str:
        """Show the number only: the rest is content."""
        return f"Submission({self.number}, part {self.index + 1} of {self.parts})"


@dataclass(frozen=True, slots=True)
class Taken:
    """The network has it, and calls it this."""

    id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The network has not taken it, and said so."""

    reason: str
    is_temporary: bool = False
    too_fast: bool = False


@dataclass(frozen=True, slots=True)
class Absent:
    """The network does not have it and, having done with earlier connections, will not get it."""


@dataclass(frozen=True, slots=True)
class Receipted:
    """A delivery receipt; the network is told that it is on our disk by `heard`."""

    receipt: DeliveryReceipt
    to: Handle
    heard: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Incoming:
    """A text from the network, or a part of one; as above."""

    sender: Handle
    fragment: Fragment
    heard: Callable[[], None]
    name: str = ""
    """The network's own for this very text, if it has one."""


async def silence(ended: asyncio.Event) -> AsyncIterator[Receipted | Incoming]:
    """Say nothing until the end: the events of a network that never speaks by itself."""
    nothing: tuple[Receipted | Incoming, ...] = ()
    await ended.wait()
    for each in nothing:
        yield each
    raise RoadClosed("we ended it")


class Road(Protocol):
    """One connection to a network of texts."""

    @property
    def can_ask(self) -> bool:
        """Whether the network answers what it has by token, so that doubt ends."""
        ...

    async def submit(self, submission: Submission) -> Taken | Refused:
        """Hand over one part. Raises RoadClosed when no answer came, and nobody knows; RoadUnsent if nothing left."""
        ...

    async def ask(self, submission: Submission) -> DeliveryReceipt | Absent | None:
        """Ask whether an earlier connection brought it; None if the network does not say. Raises RoadClosed."""
        ...

    def events(self) -> AsyncIterator[Receipted | Incoming]:
        """What the network says by itself, until the connection ends. Raises RoadClosed with the reason."""
        ...

    async def close(self) -> None:
        """End it in good manners; what is not answered stays in doubt."""
        ...


OpenRoad = Callable[[], Awaitable[Road]]
"""Makes one connection. Raises RoadClosed."""
