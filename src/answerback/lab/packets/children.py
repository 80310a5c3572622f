"""Starts the processes of a lab, talks with them in lines of JSON, and ends them; none outlives us.

A child ends when its standard input does, and that closes with us, however we end.
"""

import asyncio
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from answerback.lab.packets.troubles import LabBroken

START_S_MAX = 30.0
STOP_S_MAX = 8.0
"""A little more than a relay takes to let its connections go."""
ROOM = "answerback.lab.packets"

Said = dict[str, Any]


class Child:
    """One process of a lab."""

    def __init__(self, module: str, *arguments: str, hear: Callable[[Said], None] | None = None) -> None:
        """Name a module of this room, or of another if the name has dots."""
        self.module: Final = module
        self._arguments: Final = arguments
        self._hear: Final = hear
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._said: Final[asyncio.Queue[Said]] = asyncio.Queue()

    async def start(self, *, keeps: Sequence[int] = ()) -> Said:
        """Start it and return what it says when it is ready; it inherits the descriptors it is to keep."""
        dotted = self.module if "." in self.module else f"{ROOM}.{self.module}"
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", dotted, *self._arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=keeps,
            start_new_session=True,  # a Ctrl-C is ours to answer: we end our children in order
        )
        assert self._process.stdout is not None
        self._reading = asyncio.create_task(self._read(self._process.stdout))
        return await self.heard("started")

    def tell(self, told: object) -> None:
        """Say one line of JSON."""
        self.tell_line(msgspec.json.encode(told))

    def tell_line(self, line: bytes) -> None:
        """Say one line; one that has ended hears nothing, and that shows when its answer is waited for."""
        assert self._process is not None
        assert self._process.stdin is not None
        if not self._process.stdin.is_closing():
            self._process.stdin.write(line + b"\n")

    async def heard(self, event: str, *, within_s: float = START_S_MAX) -> Said:
        """Wait for a certain word. Raises `LabBroken` if it does not come."""
        try:
            async with asyncio.timeout(within_s):
                while True:
                    said = await self._said.get()
                    if said.get("event") == event:
                        return said
                    if said.get("event") == "ended":
                        raise LabBroken(f"{self.module} ended before it said {event!r}; what it wrote above says why")
        except TimeoutError as error:
            raise LabBroken(f"{self.module} did not say {event!r} in {within_s:.0f} s") from error

    async def stop(self) -> None:
        """End it in order; one that does not listen is killed."""
        process = self._process
        if process is None or process.stdin is None:
            return
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), STOP_S_MAX)
        except TimeoutError:
            process.kill()
            await process.wait()
        if self._reading is not None:
            await self._reading

    async def _read(self, lines: asyncio.StreamReader) -> None:
        async for line in lines:
            said: Said = msgspec.json.decode(line)
            if self._hear is not None:
                self._hear(said)
            self._said.put_nowait(said)
        self._said.put_nowait({"event": "ended"})
