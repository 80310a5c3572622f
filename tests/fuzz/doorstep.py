"""Hands raw bytes to a real HTTP server in this process, as its socket would, and reads what it answers.

The server is aiohttp's own protocol with our application behind it: parser, limits, middleware, rooms and store are
the real ones; only the socket is missing, so that thousands of connections a second can be opened and broken off.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any, Final

from aiohttp import web

from tests.fuzz.target import BrokenPromise

TURNS_MIN: Final = 4
"""Turns in which a connection begins; nothing can be told before."""
TURNS_MAX: Final = 40
"""Turns of the event loop in which an answer that needs no disk is there."""
ANSWER_S_MAX: Final = 3.0
"""One that needs the disk; the disk belongs to others, too."""


class Doorway(asyncio.Transport):
    """A socket's stand-in: what is written lies in `said`."""

    def __init__(self, *, peer: tuple[str, int] = ("127.0.0.1", 40_000)) -> None:
        super().__init__({"peername": peer, "sockname": ("127.0.0.1", 7443), "socket": None})
        self.said = bytearray()
        self.is_over = False
        self.protocol: Any = None
        self.stirred = asyncio.Event()

    def write(self, data: Any) -> None:  # noqa: ANN401 - any buffer
        """Take what the server says."""
        self.said += data
        self.stirred.set()

    def writelines(self, list_of_data: Any) -> None:  # noqa: ANN401 - any buffers
        """Take what the server says."""
        for data in list_of_data:
            self.write(data)

    def is_closing(self) -> bool:
        return self.is_over

    def close(self) -> None:
        """The server closes."""
        if not self.is_over:
            self.is_over = True
            self.stirred.set()
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)

    def abort(self) -> None:
        self.close()

    def can_write_eof(self) -> bool:
        return False

    def pause_reading(self) -> None:
        """Nothing more is handed over than was already."""

    def resume_reading(self) -> None:
        """As before."""

    def is_reading(self) -> bool:
        return True

    def get_write_buffer_size(self) -> int:
        return 0

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - as asyncio has it
        return super().get_extra_info(name, default)


class Alarm(logging.Handler):
    """Hears every error with a traceback that anybody logs: a traceback is a finding."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.heard: list[str] = []
        self.errors: list[BaseException] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Remember what should not have been."""
        if record.exc_info and record.exc_info[1] is not None:
            self.heard.append(f"{record.getMessage()}: {record.exc_info[1]!r}")
            self.errors.append(record.exc_info[1])

    def listen(self, until: AsyncExitStack) -> None:
        """Hear the log until that stack is left, and what the running event loop stumbles over."""
        logging.getLogger().addHandler(self)
        until.callback(logging.getLogger().removeHandler, self)
        asyncio.get_running_loop().set_exception_handler(self._stumbled)

    def _stumbled(self, _loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        error = context.get("exception")
        self.heard.append(f"the event loop: {context.get('message')} {error!r}")
        self.errors.append(error if isinstance(error, BaseException) else RuntimeError(str(context)))

    def check(self) -> None:
        """Raise what was heard."""
        if self.heard:
            said, error = self.heard[0], self.errors[0]
            self.heard.clear()
            self.errors.clear()
            raise BrokenPromise(f"a traceback was logged: {said}"[:300]) from error


class Doorstep:
    """Opens connections to one server."""

    def __init__(self, runner: web.AppRunner, alarm: Alarm) -> None:
        self._runner = runner
        self._alarm = alarm
        self._number = 0

    def connect(self) -> Doorway:
        """Connect; each connection comes from an address of its own, so that no bucket runs dry."""
        self._number += 1
        number = self._number
        way = Doorway(peer=(f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", 40_000))
        assert self._runner.server is not None
        way.protocol = self._runner.server()
        way.protocol.connection_made(way)
        return way

    async def until(self, way: Doorway, is_so: Callable[[], bool]) -> bool:
        """Let the server work until something holds; false if it does not come to hold."""
        for turn in range(TURNS_MAX):
            if turn >= TURNS_MIN and (is_so() or way.is_over):
                return True
            await asyncio.sleep(0)
        try:
            async with asyncio.timeout(ANSWER_S_MAX):
                while not (is_so() or way.is_over):
                    way.stirred.clear()
                    await way.stirred.wait()
        except TimeoutError:
            return False
        return True

    async def leave(self, way: Doorway) -> None:
        """Break the connection off, and let the server notice."""
        if not way.is_over:
            way.is_over = True
            way.protocol.connection_lost(None)
        for _ in range(3):
            await asyncio.sleep(0)
        self._alarm.check()
