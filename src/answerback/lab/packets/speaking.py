"""The child's side of a lab's process: enters its namespace, hears lines of JSON, and says what happens."""

import asyncio
import sys
import threading
from typing import Any

import msgspec

from answerback.lab.packets.namespaces import enter

HERE = "-"
"""Stands for the namespace we are in already."""
UNCALLED = "uncalled"
"""The last word to a relay's process: this relay has no datagrams, so it calls nobody."""


def enter_place(place: str) -> None:
    """Enter the namespace behind an inherited descriptor; call it before there is a second thread."""
    if place != HERE:
        enter(int(place))


def say(event: str, **more: object) -> None:
    """Say one line."""
    sys.stdout.buffer.write(msgspec.json.encode({"event": event, **more}) + b"\n")
    sys.stdout.buffer.flush()


class Orders:
    """What the parent says, until it has no more to say."""

    def __init__(self) -> None:
        """Begin to listen, beside the running loop."""
        self._lines: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        # A daemon, since nothing can wake it from its reading when we end by ourselves.
        threading.Thread(target=self._read, daemon=True).start()

    async def next(self) -> dict[str, Any] | None:
        """Wait for the next order; None is the end."""
        return await self._lines.get()

    def _read(self) -> None:
        for line in sys.stdin.buffer:
            self._loop.call_soon_threadsafe(self._lines.put_nowait, msgspec.json.decode(line))
        self._loop.call_soon_threadsafe(self._lines.put_nowait, None)
