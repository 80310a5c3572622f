"""Runs an agent in a thread of a command that needs one, for as long as it does."""

import asyncio
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, Final

from answerback.device.client import Client
from answerback.faces.local_api import LocalApi
from answerback.faces.place import Place


class BorrowedAgent:
    """An agent in a thread of this process."""

    def __init__(self, folder: Path, passphrase: str | None) -> None:
        self._folder: Final = folder
        self._passphrase: Final = passphrase
        self._place: Future[Place] = Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread: Final = ThreadPoolExecutor(1, thread_name_prefix="agent")
        self._ended: Future[None] | None = None

    def start(self) -> Place:
        """Run it; returns where it listens, or raises what kept it from starting."""
        self._ended = self._thread.submit(asyncio.run, self._work())
        watched: set[Future[Any]] = {self._place, self._ended}
        wait(watched, return_when=FIRST_COMPLETED)
        if not self._place.done():
            self._thread.shutdown()
            self._ended.result()
        return self._place.result()

    def stop(self) -> None:
        """End it; what it promised is on the disk."""
        assert self._loop is not None
        assert self._stop is not None
        assert self._ended is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._ended.result()
        self._thread.shutdown()

    async def _work(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with Client.open(self._folder, passphrase=self._passphrase) as client:
            api = LocalApi(client, on_stop=lambda: None)
            async with api.serving(self._folder) as place:
                self._place.set_result(place)
                await self._stop.wait()
