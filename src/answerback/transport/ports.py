"""What a shell asks of the world: the time, randomness, and one connection to the relay.

The agent is given these; it never reaches for them itself. A simulator gives others.
"""

import os
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Protocol

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


@dataclass(frozen=True, slots=True)
class Ports:
    """The world, as far as an agent needs it."""

    dial: Dial
    monotonic_s: Callable[[], float] = time.monotonic
    wall_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    randomness: Callable[[int], bytes] = os.urandom
