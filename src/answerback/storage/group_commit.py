"""Carries commands to the store in one thread, many to a commit.

Theory. A durable write costs the disk the same for one envelope as for hundreds. So nobody waits for company: whatever
arrives while a commit is under way becomes the next batch, which is small on a quiet relay and large on a busy one.
Only `Take` waits for company, a little: nobody waits for it, and a relay that loses one hands the same mail over again,
which the device knows. Without that, mail that comes behind a `Take` would wait for a commit that serves nobody.
Answers come back to the event loop only when the commit has ended.
"""

import asyncio
import collections
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from answerback.model.errors import StorageError
from answerback.storage.relay_commands import Answer, Append, Command, Store, Take

BATCH_COMMANDS_MAX = 2_048
"""Commands in one commit."""
BATCH_BYTES_MAX = 4 * 1024 * 1024
"""Mail in one commit: keeps a commit, and with it everybody's wait for the next, at some tens of milliseconds."""
TAKE_S_MAX = 0.02
"""How long a `Take` waits for a commit that happens anyway: on a relay that carries 50 messages a second, one does."""

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Committed:
    """One batch that has ended, with all its answers or with the error for which nothing of it was done."""

    batch: Sequence[Command]
    answers: Sequence[Answer] | None
    error: StorageError | None
    commit_s: float


class GroupCommit:
    """The one thread that writes; asked and answered on the event loop."""

    def __init__(
        self, store: Store, on_committed: Callable[[Committed], None], *, on_broken: Callable[[], None]
    ) -> None:
        self._store: Final = store
        self._on_committed = on_committed
        self._on_broken = on_broken
        self._loop = asyncio.get_running_loop()
        self._queue: collections.deque[Command] = collections.deque()
        self._calls: collections.deque[Callable[[], None]] = collections.deque()
        self._arrived = threading.Event()
        self._stopping = False
        self._reminder: asyncio.TimerHandle | None = None
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(target=self._run, name="relay-store")
        self._thread.start()

    @property
    def depth(self) -> int:
        """Commands that wait for the next commit."""
        return len(self._queue)

    def submit(self, command: Command) -> None:
        """Have a command in the next commit that has room for it."""
        assert not self._stopping, "a command after the last commit"
        self._queue.append(command)
        if isinstance(command, Take):
            if self._reminder is None:
                self._reminder = self._loop.call_later(TAKE_S_MAX, self._remind)
        elif not self._arrived.is_set():
            self._arrived.set()

    def _remind(self) -> None:
        self._reminder = None
        self._arrived.set()

    async def call(self, work: Callable[[], _T]) -> _T:
        """Run something in the writing thread between two commits: it has the database to itself."""
        assert not self._stopping, "work after the last commit"
        ended: asyncio.Future[_T] = self._loop.create_future()

        def run() -> None:
            try:
                found = work()
            except Exception as error:  # noqa: BLE001 - whatever it is belongs to whoever waits for it
                self._loop.call_soon_threadsafe(_fail, ended, error)
            else:
                self._loop.call_soon_threadsafe(_keep, ended, found)

        self._calls.append(run)
        self._arrived.set()
        return await ended

    async def stop(self) -> None:
        """Commit what was submitted, answer it, and end the thread."""
        self._stopping = True
        if self._reminder is not None:
            self._reminder.cancel()
        self._arrived.set()
        await self._ended
        self._thread.join()

    def _run(self) -> None:
        try:
            while self._turn():
                pass
        except Exception:  # noqa: BLE001 - the outermost loop of this thread
            # A store whose code is wrong must not go on: what it told us may be false. The relay ends; its restart
            # begins from what is on the disk.
            _log.exception("the store broke; the relay ends")
            self._loop.call_soon_threadsafe(self._on_broken)
        finally:
            self._loop.call_soon_threadsafe(_keep, self._ended, None)

    def _turn(self) -> bool:
        self._arrived.wait()
        self._arrived.clear()  # before looking: whatever comes later sets it again
        is_last = self._stopping
        due = len(self._queue)  # what comes later and is not a `Take` has set the event again
        while due > 0 or self._calls:
            while self._calls:
                self._calls.popleft()()
            if due > 0:
                batch = self._next_batch()
                due -= len(batch)
                self._commit(batch)
        return not is_last

    def _next_batch(self) -> list[Command]:
        batch: list[Command] = []
        size_bytes = 0
        while self._queue and len(batch) < BATCH_COMMANDS_MAX and size_bytes < BATCH_BYTES_MAX:
            command = self._queue.popleft()
            batch.append(command)
            if isinstance(command, Append):
                size_bytes += command.size_bytes
        return batch

    def _commit(self, batch: list[Command]) -> None:
        began_s = time.perf_counter()
        answers: Sequence[Answer] | None = None
        error: StorageError | None = None
        try:
            answers = self._store.apply(batch)
        except StorageError as raised:
            error = raised
        committed = Committed(batch, answers, error, time.perf_counter() - began_s)
        self._loop.call_soon_threadsafe(self._on_committed, committed)


def _keep(future: "asyncio.Future[_T]", value: _T) -> None:
    if not future.done():
        future.set_result(value)


def _fail(future: "asyncio.Future[_T]", error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
