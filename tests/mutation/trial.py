"""Tries one mutant in a forked process: the first killer that fails ends it.

A mutant may loop for ever or eat all memory: processor time and memory are bounded by the system, for each killer
anew, and who reaches a bound is killed as surely as by a failing test.
"""

import math
import os
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, unique
from pathlib import Path

import pytest

from tests.mutation.killers import Killer, Learned, UnitTest
from tests.mutation.mutants import Mutant, put

PATIENCE = 4.0
"""How many times as long as without the mutant a killer may run."""
PATIENCE_S = 2.0
MEMORY_BYTES_MAX = 2 * 2**30
WALL_S_MAX = 300.0
"""Against a mutant that sleeps: it uses no processor time."""


@unique
class Fate(Enum):
    """What became of a mutant."""

    KILLED = "killed"
    HUNG = "hung"
    """Killed too: it ran into a bound."""
    SURVIVED = "survived"
    UNSEEN = "unseen"
    """Survived too: nothing runs its lines."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a mutant, and by whom."""

    fate: Fate
    by: str = ""

    @property
    def killed(self) -> bool:
        """Whether anybody noticed the mutant."""
        return self.fate in (Fate.KILLED, Fate.HUNG)


def attempt(mutant: Mutant, killers: Sequence[Killer], learned: dict[str, Learned]) -> Verdict:
    """Let the killers at a mutant, one after the other."""
    if not killers:
        return Verdict(Fate.UNSEEN)
    folder = Path(tempfile.mkdtemp(prefix="answerback-mutant-"))
    hearing, telling = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(hearing)
        _die_trying(mutant, killers, learned, telling, folder)
    os.close(telling)
    index = _listen(hearing, pid)
    _, status = os.waitpid(pid, 0)
    shutil.rmtree(folder, ignore_errors=True)
    by = killers[min(index, len(killers) - 1)].name
    code = os.waitstatus_to_exitcode(status)
    if code == 0:
        return Verdict(Fate.SURVIVED)
    return Verdict(Fate.KILLED if code > 0 else Fate.HUNG, by)


def _listen(hearing: int, pid: int) -> int:
    """Hear which killer is at work, until the process has ended; returns the last one."""
    count = 0
    end_s = time.monotonic() + WALL_S_MAX
    while True:
        ready, _, _ = select.select([hearing], [], [], max(0.0, end_s - time.monotonic()))
        if not ready:
            os.kill(pid, signal.SIGKILL)
            break
        said = os.read(hearing, 4096)
        if not said:
            break
        count += len(said)
    os.close(hearing)
    return max(0, count - 1)


def _die_trying(
    mutant: Mutant, killers: Sequence[Killer], learned: dict[str, Learned], telling: int, folder: Path
) -> None:
    code = 1
    try:
        _be_quiet()
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
        tempfile.tempdir = str(folder)
        put(mutant)
        for killer in killers:
            os.write(telling, b".")
            _allow(PATIENCE_S + PATIENCE * learned[killer.name].seconds)
            if isinstance(killer, UnitTest):
                _own_folder(killer.item, folder)
            if not killer.passes():
                break
        else:
            code = 0
    finally:
        os._exit(code)


def _allow(seconds: float) -> None:
    bound_s = math.ceil(time.process_time() + seconds)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (bound_s, hard))


def _own_folder(item: pytest.Item, folder: Path) -> None:
    """Thousands of forks would otherwise make their folders in one place, and count them all each time."""
    item.config._tmp_path_factory._basetemp = folder  # type: ignore[attr-defined]


def _be_quiet() -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115  (as long as the process lives)
