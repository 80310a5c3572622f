"""Sends texts by a modem or an old phone through the `gammu` command.

Theory. `gammu sendsms` says by its exit code what came of it, and cannot be asked later. Codes that mean that the modem
was never spoken to are refusals that pass; any other that is not success leaves doubt, and doubt stays. Only one runs
at a time: a modem has one voice. The text goes in by standard input, so that no list of processes shows it; the number
cannot.
"""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from answerback.model.errors import UsageError
from answerback.transport.carriers.roads import (
    Absent,
    Incoming,
    Receipted,
    Refused,
    RoadClosed,
    RoadUnsent,
    Submission,
    Taken,
    silence,
)
from answerback.wire.delivery_receipts import DeliveryReceipt

ANSWER_S_MAX = 120.0
"""A modem takes some seconds for each part, and waits for the network."""
NOT_SPOKEN_TO: Final = frozenset({2, 3, 98, 99, *range(102, 109)})
"""Bad options, no configuration, wrong library; and the library's errors of opening the device (gammu(1), EXIT STATUS;
101 and more are its error numbers plus a hundred)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GammuSettings:
    """How the command is called."""

    command: tuple[str, ...] = ("gammu",)
    """With what goes before `sendsms`, such as `--config FILE`."""

    def __post_init__(self) -> None:
        if not self.command:
            raise UsageError("a gammu carrier needs its command")


async def open_gammu(settings: GammuSettings) -> "GammuRoad":
    """Find the command. Raises RoadClosed if it is not there."""
    if shutil.which(settings.command[0]) is None:
        raise RoadClosed(f"there is no command {settings.command[0]!r} here")
    return GammuRoad(settings)


class GammuRoad:
    """One modem."""

    def __init__(self, settings: GammuSettings) -> None:
        self._settings: Final = settings
        self._turn: Final = asyncio.Lock()
        self._ended: Final = asyncio.Event()

    @property
    def can_ask(self) -> bool:
        """Gammu does not know afterwards what it has sent."""
        return False

    async def submit(self, submission: Submission) -> Taken | Refused:
        """Send a whole text; gammu cuts it. Raises RoadClosed when it does not say clearly what came of it."""
        async with self._turn:
            if self._ended.is_set():
                raise RoadUnsent("we ended it")
            arguments = ("sendsms", "TEXT", submission.to.text, "-autolen", str(len(submission.text)))
            try:
                process = await asyncio.create_subprocess_exec(
                    *self._settings.command,
                    *arguments,
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=asyncio.subprocess.DEVNULL,
                )
            except OSError as error:
                return Refused(f"the command does not run: {error.strerror}", is_temporary=True)
            try:
                async with asyncio.timeout(ANSWER_S_MAX):
                    await process.communicate(submission.text.encode())
            except TimeoutError as error:
                raise RoadClosed(f"gammu did not end within {ANSWER_S_MAX:.0f} s") from error
            finally:
                if process.returncode is None:
                    with contextlib.suppress(ProcessLookupError):
                        process.kill()
                    await process.wait()
        if process.returncode == 0:
            return Taken("")
        if process.returncode in NOT_SPOKEN_TO:
            return Refused(f"gammu could not use the modem (exit code {process.returncode})", is_temporary=True)
        raise RoadClosed(f"gammu ended with exit code {process.returncode}: part of it may have been sent")

    async def ask(self, submission: Submission) -> DeliveryReceipt | Absent | None:  # noqa: ARG002 - the port's
        """Nobody can be asked."""
        return None

    def events(self) -> AsyncIterator[Receipted | Incoming]:
        """Nothing comes by itself."""
        return silence(self._ended)

    async def close(self) -> None:
        """Let nothing more begin."""
        self._ended.set()
