"""Holds a device's connections to its relay: those being begun, and the one in use.

Theory. The engine numbers connections and says what is to become of each; here each is a task that asks, waits to be
told to go on, and then reads until the end. One that the engine has closed is forgotten at once: whatever it still says
reaches nobody. Sending is a task of its own, so that a full socket never keeps us from hearing.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from answerback.core.effects import IN_USE
from answerback.model.causes import Cause
from answerback.model.errors import PeerError
from answerback.model.ids import EnvelopeId
from answerback.transport.failures import Unreachable
from answerback.transport.ports import Dial, RelayLine
from answerback.wire.frames import ClientFrame, RelayFrame, Resume, Submit

log = logging.getLogger(__name__)

FRAMES_AT_ONCE = 32
"""Frames handed to a connection before looking at its queue again."""


Spawn = Callable[[Coroutine[Any, Any, None], str], "asyncio.Task[None]"]
"""Runs a task under its owner's eyes, by a name."""


class Owner(Protocol):
    """Who is told what becomes of connections."""

    def answered(self, line: int) -> None:
        """A TCP connection stands."""
        ...

    def opened(self, line: int) -> None:
        """Frames may be said and heard."""
        ...

    def received(self, line: int, frame: RelayFrame) -> None:
        """The relay said something."""
        ...

    def written(self, envelopes: Sequence[EnvelopeId]) -> None:
        """The system has taken these envelopes' bytes."""
        ...

    def lost(self, line: int, cause: Cause, retry_after_s: float | None) -> None:
        """It has ended by itself, perhaps with a word on when to come back."""
        ...


@dataclass(slots=True)
class _Held:
    number: int
    task: "asyncio.Task[None] | None" = None
    going: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it should be set up."""
    resume: Resume | None = None
    peer: tuple[str, int] | None = None
    outgoing: list[ClientFrame] = field(default_factory=list)
    ready: asyncio.Event = field(default_factory=asyncio.Event)


class Lines:
    """All connections of one device."""

    def __init__(
        self, dial: Dial, owner: Owner, spawn: Callable[[Coroutine[Any, Any, None], str], "asyncio.Task[None]"]
    ) -> None:
        self._dial: Final = dial
        self._owner: Final = owner
        self._spawn: Final = spawn
        self._held: dict[int, _Held] = {}
        self._in_use = IN_USE

    def probe(self, line: int, path: str) -> None:
        """Begin a TCP connection over this path."""
        held = self._held[line] = _Held(line)
        held.task = self._spawn(self._hold(held, path), f"line {line}")

    def proceed(self, line: int, resume: Resume | None) -> None:
        """Set it up: TLS and WebSocket."""
        held = self._held.get(line)
        if held is not None:
            held.resume = resume
            held.going.set()

    def use(self, line: int) -> None:
        """Say everything on this one from now on."""
        self._in_use = line

    def close(self, line: int) -> None:
        """Give it up."""
        held = self._held.pop(line, None)
        if held is not None and held.task is not None:
            held.task.cancel()

    def close_all(self) -> None:
        """Give all of them up."""
        for line in list(self._held):
            self.close(line)
        self._in_use = IN_USE

    def peer(self, line: int) -> tuple[str, int] | None:
        """The relay's address on this connection, as far as it is known: none behind a proxy."""
        held = self._held.get(line)
        return None if held is None else held.peer

    def transmit(self, frame: ClientFrame, line: int) -> None:
        """Queue a frame; what is said on a connection that is no more reaches nobody."""
        held = self._held.get(self._in_use if line == IN_USE else line)
        if held is not None:
            held.outgoing.append(frame)
            held.ready.set()

    # ---- one connection

    async def _hold(self, held: _Held, path: str) -> None:
        try:
            dialled = await self._dial(path)
        except Unreachable as error:
            self._lost(held, error.cause, error.retry_after_s)
            return
        try:
            self._owner.answered(held.number)
            await held.going.wait()
            line = await dialled.proceed(held.resume)
        except Unreachable as error:
            self._lost(held, error.cause, error.retry_after_s)
            return
        except BaseException:
            dialled.close()
            raise
        writer = self._spawn(self._write(held, line), f"writer {held.number}")
        try:
            self._lost(held, await self._listen_to(held, line))
        finally:
            writer.cancel()
            await line.close()

    async def _listen_to(self, held: _Held, line: RelayLine) -> Cause:
        held.peer = line.peer
        self._owner.opened(held.number)
        try:
            async for frame in line.frames():
                if self._held.get(held.number) is not held:
                    break  # given up, and its number may be another's by now
                self._owner.received(held.number, frame)
        except Unreachable as error:
            return error.cause
        except PeerError as error:
            log.warning("! the relay broke the protocol: %s", error)
            return Cause.RELAY_FAULTY
        return Cause.NETWORK_CONNECTION_LOST

    async def _write(self, held: _Held, line: RelayLine) -> None:
        while True:
            await held.ready.wait()
            frames = held.outgoing[:FRAMES_AT_ONCE]
            del held.outgoing[: len(frames)]
            if not held.outgoing:
                held.ready.clear()
            with contextlib.suppress(Unreachable):  # the reader learns the same, and says why
                await line.send(frames)
                written = [envelope.id for frame in frames if isinstance(frame, Submit) for envelope in frame.envelopes]
                if written:
                    self._owner.written(written)

    def _lost(self, held: _Held, cause: Cause, retry_after_s: float | None = None) -> None:
        if self._held.get(held.number) is held:  # else it was given up, and the engine knows already
            del self._held[held.number]
            self._owner.lost(held.number, cause, retry_after_s)
