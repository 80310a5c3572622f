"""Starts, kills and starts again the centre, and reads its store."""

import asyncio
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from tests.house.sources import ROOT


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class RunningCentre:
    """A centre's process, which may die and come back on the same port with the same store."""

    def __init__(self, folder: Path, **script: object) -> None:
        self.store = folder / "centre.db"
        self.script = script
        self.port = free_port()
        self.process: subprocess.Popen[str] | None = None

    async def start(self, **changes: object) -> None:
        self.script.update(changes)
        self.process = self._started()
        assert self.process.stdout is not None
        line = await asyncio.to_thread(self.process.stdout.readline)
        assert json.loads(line)["port"] == self.port

    def _started(self) -> "subprocess.Popen[str]":
        environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT)))}
        words = [sys.executable, "-m", "tests.texts.centre", str(self.store), str(self.port), json.dumps(self.script)]
        return subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment
        )

    async def died(self) -> None:
        """Wait until it has killed itself."""
        assert self.process is not None
        await asyncio.to_thread(self.process.wait, 30)
        assert self.process.returncode == -signal.SIGKILL
        self.kill()

    def kill(self) -> None:
        if self.process is None:
            return
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        self.process = None

    def say(self, **words: object) -> None:
        assert self.process is not None
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()

    def rows(self, columns: str = "destination, body") -> list[tuple[Any, ...]]:
        """What it took, as its own store says."""
        connection = sqlite3.connect(self.store)
        try:
            return connection.execute(f"SELECT {columns} FROM taken ORDER BY id").fetchall()
        finally:
            connection.close()

    def times(self) -> Counter[tuple[str, bytes]]:
        """How often it took each text for each destination."""
        return Counter(self.rows())
