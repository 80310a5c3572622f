"""Builds what kills a process at a chosen step, and runs commands of the product under it."""

import asyncio
import os
import shutil
import signal
import struct
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest

from tests.durability.recorder import COMPILERS

SOURCE = Path(__file__).with_name("killer.c")
PATIENCE_S = 120.0
_TALLY = struct.Struct("=Q")


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended."""

    status: int
    """Its exit status; -9 where it was killed."""
    steps: int
    """How many steps it had taken."""
    said: str
    """What it said on both channels."""

    @property
    def killed(self) -> bool:
        """Whether it came to its chosen step."""
        return self.status == -signal.SIGKILL


@cache
def killer() -> Path:
    """The built killer. Without a C compiler nothing is killed at a step, and that is said aloud."""
    compiler = next((found for name in COMPILERS if (found := shutil.which(name))), None)
    if compiler is None or sys.platform != "linux":
        why = "processes are killed at a step on Linux, with a C compiler"
        if "PYTEST_CURRENT_TEST" in os.environ and not os.environ.get("CI"):
            pytest.skip(f"NOT TRIED: {why}")
        raise FileNotFoundError(why)
    built = Path(mkdtemp(prefix="killer-")) / "killer.so"
    command = [compiler, "-shared", "-fPIC", "-O2", "-o", str(built), str(SOURCE), "-ldl"]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return built


async def run_killed(
    home: Path, words: Sequence[str], *, kill_at: int, hear: Callable[[str], None] = lambda _: None
) -> Ran:
    """Run `answerback --home HOME WORDS` and kill it at a step; at 0 it lives to its end, and its steps are counted.

    Each line it says is heard as it comes.
    """
    tally = home.with_name(f"{home.name}.steps")
    environment = {
        **os.environ,
        "LD_PRELOAD": str(killer()),
        "KILL_AT": str(kill_at),
        "KILL_TALLY": str(tally),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "answerback", "--home", str(home), *words),
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    said: list[str] = []
    try:
        async with asyncio.timeout(PATIENCE_S):
            while line := (await process.stdout.readline()).decode(errors="replace"):
                said.append(line)
                hear(line)
            await process.wait()
    except BaseException:
        if process.returncode is None:
            process.kill()
            await process.wait()
        raise
    assert process.returncode is not None
    (steps,) = _TALLY.unpack(tally.read_bytes())
    tally.unlink()
    return Ran(process.returncode, steps, "".join(said))
