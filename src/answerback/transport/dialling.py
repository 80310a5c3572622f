"""Dials the relay in two steps: a TCP connection first, and a line of frames upon that very connection.

The first step is one packet to ask with and one to answer, so it is also how a path is asked whether it is back; the
second tells the relay who we are, and is taken once.
"""

import contextlib
from dataclasses import dataclass
from typing import Final

from answerback.model.paths import ANY_PATH
from answerback.transport.approach import Approach, Reached
from answerback.transport.websocket import WebSocketLine
from answerback.wire.frames import Resume


class Dialler:
    """Dials one relay; see `ports.Dial`."""

    def __init__(self, approach: Approach) -> None:
        self._approach: Final = approach

    async def __call__(self, path: str = ANY_PATH) -> "DialledLine":
        """Open one TCP connection over a path; to be cancelled is to close it at once. Raises `Unreachable`."""
        return DialledLine(self._approach, await self._approach.reach(path))


@dataclass(slots=True)
class DialledLine:
    """A TCP connection that stands; see `ports.Dialled`."""

    approach: Approach
    reached: Reached
    is_taken: bool = False

    async def proceed(self, resume: Resume | None) -> WebSocketLine:
        """Speak TLS and WebSocket on it, showing a ticket if there is one. Raises `Unreachable`, and is closed then."""
        assert not self.is_taken, "a connection goes on once"
        self.is_taken = True
        return await WebSocketLine.over(self.approach, self.reached, resume=resume)

    def close(self) -> None:
        """Let go of it at once; a line that was made of it is closed by itself."""
        if not self.is_taken:
            self.is_taken = True
            with contextlib.suppress(OSError):
                self.reached.close()
