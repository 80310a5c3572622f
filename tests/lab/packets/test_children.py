"""A lab's processes say when they are ready, and none outlives whoever started it."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from answerback.lab.packets import children
from answerback.lab.packets.children import Child
from answerback.lab.packets.speaking import HERE
from answerback.lab.packets.troubles import LabBroken

GONE_S_MAX = 10.0


def test_a_child_starts_answers_and_ends_when_nobody_speaks_to_it_any_more() -> None:
    async def story() -> None:
        child = Child("stand_in_child", HERE, "127.0.0.1", "0")
        await child.start()
        assert (await child.heard("ready"))["port"] > 0
        await child.stop()
        with pytest.raises(LabBroken, match="ended before"):
            await child.heard("more")

    asyncio.run(story())


def test_a_child_that_breaks_is_told_of_and_not_waited_for() -> None:
    async def story() -> None:
        child = Child("this", hear=None)
        with pytest.raises(LabBroken, match="'started'"):
            await child.start()
        await child.stop()

    asyncio.run(story())


def test_a_child_that_says_nothing_is_not_waited_for_forever() -> None:
    async def story() -> None:
        child = Child("stand_in_child", HERE, "127.0.0.1", "0")
        await child.start()
        with pytest.raises(LabBroken, match="did not say"):
            await child.heard("tea is ready", within_s=0.01)
        await child.stop()

    asyncio.run(story())


def test_a_child_that_does_not_listen_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "STOP_S_MAX", 0.05)

    async def story() -> int | None:
        child = Child("stand_in_child", HERE, "127.0.0.1", "0")
        await child.start()
        assert child._process is not None
        child._process.send_signal(signal.SIGSTOP)
        await child.stop()
        return child._process.returncode

    assert asyncio.run(story()) == -signal.SIGKILL


def test_nothing_of_a_run_outlives_it_even_if_it_is_killed(namespaces: None, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "answerback", "lab", "run", "steady", "--policy", "passive-tcp", "--json"]
    run = subprocess.Popen(words, env={**os.environ, "TMPDIR": str(tmp_path)}, stdout=subprocess.DEVNULL)
    try:
        found: list[psutil.Process] = []
        with contextlib.suppress(psutil.NoSuchProcess):
            while len(found) < 3:
                found = psutil.Process(run.pid).children()
    finally:
        run.kill()
        run.wait()
    gone, alive = psutil.wait_procs(found, timeout=GONE_S_MAX)
    assert [each for each in alive if each.status() != psutil.STATUS_ZOMBIE] == []
    assert len(gone) + len(alive) == 3
