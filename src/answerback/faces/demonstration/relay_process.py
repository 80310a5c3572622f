"""Runs the demonstration's relay, and kills it where that is asked for."""

import asyncio
from pathlib import Path
from typing import Any, Final

from answerback.faces.demonstration.child import Child
from answerback.relay.invitations import make_invitation
from answerback.relay.serve import RelaySettings

HOST: Final = "127.0.0.1"
AWAY_S = 0.3
"""How long a killed relay stays away: about what a supervisor takes to notice."""


class RelayProcess:
    """One relay, its folder and its port, through however many lives."""

    def __init__(self, folder: Path) -> None:
        self.folder: Final = folder
        self.port = 0
        self.pin = b""
        self.kills = 0
        self.codes: Final[asyncio.Queue[str]] = asyncio.Queue()
        self._child: Child | None = None

    @property
    def alive(self) -> bool:
        """Whether it runs just now."""
        return self._child is not None and self._child.alive

    async def start(self) -> None:
        """Start it and wait until it takes connections. Raises `StorageError` if it does not."""
        arguments = ("serve", "--data", str(self.folder), "--host", HOST, "--port", str(self.port), "--json")
        self._child = Child(*arguments, hear=self._hear)
        said = await self._child.start()
        self.port, self.pin = said["port"], bytes.fromhex(said["pin"])

    def invite(self) -> str:
        """Make the word that lets one person in."""
        return make_invitation(RelaySettings(folder=self.folder, host=HOST, port=self.port)).token

    async def kill(self) -> None:
        """Kill it without warning."""
        if self._child is not None and self.alive:
            await self._child.kill()
            self.kills += 1

    async def stop(self) -> None:
        """End it; it says farewell to its devices."""
        if self._child is not None:
            await self._child.stop()

    def _hear(self, said: dict[str, Any]) -> None:
        if said.get("event") == "code":
            self.codes.put_nowait(said["code"])


async def kill_every(relay: RelayProcess, *, interval_s: float) -> None:
    """Kill the relay and start it again, for ever."""
    while True:
        await asyncio.sleep(interval_s)
        await relay.kill()
        await asyncio.sleep(AWAY_S)
        await relay.start()
