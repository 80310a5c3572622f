"""Sends one message through everything, in one process, and writes down which file is visited first, second, third.

    python -m tests.docs.travel

Sender, relay and reader share one event loop, so that one profiler sees them all; each runs in a context of its own,
which says whose visit it is. The message is the second one: the first has fetched keys and begun the sessions.
"""

import asyncio
import contextlib
import contextvars
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from types import FrameType
from typing import Any, Self, TypeVar

import answerback
from answerback.device.client import Client
from answerback.device.registering import Relay, register, request_code
from answerback.model.handle import Handle, parse_handle
from answerback.model.timeline import Stage
from answerback.relay.serve import Ready, RelaySettings, run_relay
from answerback.storage.vault import KeySource

PACKAGE = str(Path(answerback.__file__).parent) + "/"
PATIENCE_S = 60.0
Visit = tuple[str, str]
"""Whose, and which file."""
_T = TypeVar("_T")
_whose: contextvars.ContextVar[str] = contextvars.ContextVar("whose", default="relay")
"""The relay's own where nothing was said: its store answers from a thread that has no context."""
STILL_S = 0.6
"""All three are at rest when no frame has moved for so long; a commit may take most of it while the disk is busy."""
_FRAMES_MOVE = ("relay/link.py", "device/lines.py", "device/agent.py", "storage/group_commit.py")

_DOOR = ("relay/http.py", "relay/link.py")
"""Where a message comes in: what a relay does before has to do with time, and with nobody's message."""


class Visits:
    """The first visit of each file, for each of the three."""

    def __init__(self) -> None:
        self.found: dict[Visit, None] = {}
        self._is_on = self._has_come = False
        self._moved_s = 0.0

    def __enter__(self) -> Self:
        threading.setprofile(self._look)
        sys.setprofile(self._look)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)
        threading.setprofile(None)

    def _look(self, frame: FrameType, event: str, _value: object) -> None:
        name = frame.f_code.co_filename
        if event != "call" or not name.startswith(PACKAGE) or frame.f_code.co_name in ("<module>", "_tick"):
            return
        path = name.removeprefix(PACKAGE)
        if path in _FRAMES_MOVE and not _by_the_clock(frame):
            self._moved_s = time.monotonic()
        whose = _whose.get()
        self._has_come |= whose == "relay" and path in _DOOR
        if self._is_on and (whose != "relay" or self._has_come) and not _by_the_clock(frame):
            self.found.setdefault((whose, path))

    @contextlib.asynccontextmanager
    async def written_down(self) -> AsyncIterator[None]:
        """Write visits down in this block, once everybody is at rest."""
        while time.monotonic() - self._moved_s < STILL_S:  # noqa: ASYNC110 - rest is no event: nothing happens then
            await asyncio.sleep(STILL_S / 10)
        self._is_on, self._has_come = True, False
        yield
        self._is_on = False


def _by_the_clock(frame: FrameType | None) -> bool:
    """Whether a relay's timer called this, whatever mail is on its way."""
    while frame is not None:
        if frame.f_code.co_name == "_tick":
            return True
        frame = frame.f_back
    return False


async def travel(folder: Path) -> list[Visit]:
    """Give the first visits of one message, its receipt and its reading, in order."""
    with Visits() as visits:
        ready: asyncio.Queue[Ready] = asyncio.Queue()
        codes: asyncio.Queue[str] = asyncio.Queue()
        stop = asyncio.Event()

        def on_code(_handle: Handle, code: str) -> None:
            codes.put_nowait(code)

        settings = RelaySettings(folder=folder / "relay", port=0, is_open=True)
        running = _as("relay", run_relay(settings, on_ready=ready.put_nowait, on_code=on_code, stop=stop))
        async with asyncio.timeout(PATIENCE_S):
            there = await ready.get()
            relay = Relay(there.url, there.pin)
            for name in ("sender", "reader"):
                await _register(folder / name, relay, parse_handle(f"{name}@example.org"), codes)
            reading = _as("reader", _read(folder / "reader"))
            await _as("sender", _send(folder / "sender", visits))
            reading.cancel()
            await asyncio.wait([reading])
            stop.set()
            await running
    return list(visits.found)


async def _register(home: Path, relay: Relay, handle: Handle, codes: asyncio.Queue[str]) -> None:
    await request_code(relay, handle)
    code, now_ms = await codes.get(), time.time_ns() // 1_000_000
    await register(home, relay, handle, code=code, device_name="phone", source=KeySource.FILE, now_ms=now_ms)


async def _send(home: Path, visits: Visits) -> None:
    async with Client.open(home) as me:
        first = await me.send("reader@example.org", text="first")
        await first.reached(Stage.READ)
        async with visits.written_down():
            second = await me.send("reader@example.org", text="second")
            await second.reached(Stage.READ)


async def _read(home: Path) -> None:
    async with Client.open(home) as me:
        async for message in me.received():
            me.read([message])


def _as(whose: str, work: Coroutine[Any, Any, _T]) -> "asyncio.Task[_T]":
    context = contextvars.copy_context()
    context.run(_whose.set, whose)
    return asyncio.get_running_loop().create_task(work, context=context)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        for visit in asyncio.run(travel(Path(place))):
            print(*visit)
