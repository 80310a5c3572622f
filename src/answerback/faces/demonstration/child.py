"""Runs an `answerback` command as a process of its own, which can be killed, and which never outlives us.

`python -m answerback.faces.demonstration.child COMMAND …` is the other side: the ordinary command, on a leash. Its
standard input is a pipe from its parent, and it ends when that closes, however the parent ends.
"""

import asyncio
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any, Final

from answerback.model.errors import StorageError

START_S_MAX = 20.0
STOP_S_MAX = 8.0
"""A little more than a relay takes to let its connections go."""


class Child:
    """One process that says what happens as one JSON object a line, `ready` first."""

    def __init__(self, *arguments: str, hear: Callable[[dict[str, Any]], None] | None = None) -> None:
        self._arguments: Final = arguments
        self._hear: Final = hear
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None

    @property
    def alive(self) -> bool:
        """Whether it runs just now."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        """Its number; 0 before it has one."""
        return self._process.pid if self._process is not None else 0

    async def start(self) -> dict[str, Any]:
        """Start it and return what it says when it is ready. Raises `StorageError` if it never is."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "answerback.faces.demonstration.child", *self._arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,  # a Ctrl-C is the parent's to answer: it ends its children in order
        )
        self._process = process
        assert process.stdout is not None
        ready: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._reading = asyncio.create_task(self._read(process.stdout, ready))
        try:
            return await asyncio.wait_for(ready, START_S_MAX)
        except TimeoutError as error:
            raise StorageError(f"`answerback {self._arguments[0]}` did not start in {START_S_MAX:.0f} s") from error

    async def kill(self) -> None:
        """Kill it as the system would: no farewell, nothing written any more."""
        if self._process is not None and self.alive:
            self._process.kill()
            await self._process.wait()

    async def stop(self) -> None:
        """End it in order; one that does not listen is killed."""
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), STOP_S_MAX)
            except TimeoutError:
                await self.kill()
        if self._reading is not None:
            await asyncio.wait([self._reading])

    async def ended(self) -> None:
        """Wait until it has ended."""
        if self._process is not None:
            await self._process.wait()

    async def _read(self, lines: asyncio.StreamReader, ready: "asyncio.Future[dict[str, Any]]") -> None:
        async for line in lines:
            said = _read_object(line)
            if said.get("event") == "ready" and not ready.done():
                ready.set_result(said)
            elif self._hear is not None:
                self._hear(said)
        if not ready.done():
            ready.set_exception(StorageError(f"`answerback {self._arguments[0]}` ended before it was ready"))


def _read_object(line: bytes) -> dict[str, Any]:
    """Read one line; what is no JSON object says nothing to us."""
    try:
        said = json.loads(line)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


# ---- the other side ------------------------------------------------------------------------------------------------


def _end_with_parent() -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    from answerback.faces.cli import main

    threading.Thread(target=_end_with_parent, daemon=True).start()
    main(sys.argv[1:])
