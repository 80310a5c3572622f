"""Small disks that fill up, and disks that become read-only under a running process."""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.durability.recorder import recorded
from tests.journey.processes import Process

BALLAST_FILE = "ballast"
BLOCK_BYTES = 4_096


@contextlib.contextmanager
def small_disk(folder: Path, *, size_bytes: int) -> Iterator[Path]:
    """A folder on a disk of its own of this size."""
    folder.mkdir(mode=0o700, parents=True)
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={size_bytes},mode=700", "tmpfs", str(folder)]
    made = subprocess.run(mounting, check=False, capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"NOT TRIED: a small disk needs a system that lets tests mount one ({made.stderr.strip()})")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> None:
    """Take all room there is."""
    with (folder / BALLAST_FILE).open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(BLOCK_BYTES))


def make_room(folder: Path) -> None:
    """Give it back."""
    (folder / BALLAST_FILE).unlink()


def set_read_only(folder: Path, *, on: bool) -> None:
    """Mount a small disk read-only, or again for writing, while nobody writes."""
    subprocess.run(["mount", "-o", f"remount,{'ro' if on else 'rw'}", str(folder)], check=True)


@dataclass(kw_only=True)
class Refusing(Process):
    """A child process whose disk becomes read-only, and writable again, while it runs."""

    folder: Path
    log: Path

    @property
    def flag(self) -> Path:
        """Its disk is read-only while this is there."""
        return self.log.with_suffix(".refuse")

    async def start(self) -> None:
        """Start it."""
        before = len(self.said)
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", *self.words),
            env=recorded(self.folder, self.log, sync_us=0, refuse=self.flag),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        self._reader = asyncio.create_task(self._read(self._process))
        await self.hear("ready", after=before)


async def refused_start(process: Process) -> str:
    """Start a process that cannot begin, and give what it says."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *process.words),
        env=dict(os.environ),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(30):
        _, said = await child.communicate()
    assert child.returncode != 0
    return said.decode()
