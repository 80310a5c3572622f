"""What a shell asks of the world: the time, randomness, and one connection to the relay.

The agent is given these; it never reaches for them itself. A simulator gives others.
"""

import os
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Protocol

from answerback.model.texts import CarrierWord, TextArrived, TextOrder
from answerback.wire.frames import ClientFrame, RelayFrame, Resume


class RelayLine(Protocol):
    """One open connection to the relay, frame by frame."""

    @property
    def peer(self) -> tuple[str, int] | None:
        """The relay's numeric address and port; none where somebody stands between."""
        ...

    async def send(self, frames: list[ClientFrame]) -> None:
        """Hand frames to the operating system; returns when it has taken them. Raises `Unreachable`."""
        ...

    def frames(self) -> AsyncIterator[RelayFrame]:
        """What the relay says, until the connection ends. Raises `Unreachable` or `PeerError`."""
        ...

    async def close(self) -> None:
        """End the connection now; bytes on the way are lost."""
        ...


class Dialled(Protocol):
    """A TCP connection that stands, to the relay or to the proxy before it."""

    async def proceed(self, resume: Resume | None) -> RelayLine:
        """Speak TLS and WebSocket on it, showing a ticket if there is one. Raises `Unreachable`, and is closed then."""
        ...

    def close(self) -> None:
        """Let go of it at once."""
        ...


class Dial(Protocol):
    """How to reach the relay over one path; "" is whatever the system chooses. Raises `Unreachable` with its cause."""

    async def __call__(self, path: str) -> Dialled:
        """Open one TCP connection; to be cancelled is to close it at once."""
        ...


class Carrier(Protocol):
    """A way to phones and services that are not ours. What it carries is not end-to-end encrypted."""

    @property
    def name(self) -> str:
        """What its person calls it."""
        ...

    @property
    def price(self) -> str:
        """What one part costs, as its person wrote it, such as "0.07 EUR"; empty if nobody said."""
        ...

    @property
    def is_confirming(self) -> bool:
        """Whether it can ever say DELIVERED; if not, SENT means handed over, and no more is ever known."""
        ...

    @property
    def is_encrypted(self) -> bool:
        """Whether only the two ends can read what it carries."""
        ...

    def parts(self, text: str) -> int:
        """As how many parts this text would be charged. Raises `UsageError` for a text it cannot carry."""
        ...

    async def submit(self, order: TextOrder) -> None:
        """Take an order; once this returns it is in the carrier's ledger, and the rest comes as words.

        The same number again, after a crash, is the same order: it is not sent twice, and its latest word is said
        again. Raises `UsageError` for an order that no carrier of this kind could take, and nothing else.
        """
        ...

    def words(self) -> AsyncIterator[CarrierWord | TextArrived]:
        """What becomes of orders, and what arrives; to ask for the next says that the last is on the caller's disk.

        A word that was not followed by such asking is said again after a restart. One caller at a time.
        """
        ...

    async def close(self) -> None:
        """Let go of the network; what is not sent yet waits in the ledger."""
        ...


@dataclass(frozen=True, slots=True)
class Ports:
    """The world, as far as an agent needs it."""

    dial: Dial
    monotonic_s: Callable[[], float] = time.monotonic
    wall_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    randomness: Callable[[int], bytes] = os.urandom
    carriers: tuple[Carrier, ...] = ()
    """What carries texts outside the encryption, if its person has set any up."""
