"""Proves the whole: a tunnel and a relay that dies cost no message, and nothing is left behind."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.faces.demonstration.performance import PLAN, Performance

RUN = """
import asyncio, sys
from answerback.faces.demonstration.demonstrating import demonstrate
from answerback.faces.demonstration.plan import Plan

async def afterwards(scene):
    child = scene.relay._child
    print(child.pid, scene.ada.folder.parent, flush=True)
    await asyncio.Event().wait()

try:
    asyncio.run(demonstrate(Plan(messages=1, link="good"), follow=None, on_end=lambda e: None, afterwards=afterwards))
except asyncio.CancelledError:
    sys.exit(7)
"""


def test_a_tunnel_and_a_dying_relay_cost_no_message(performance: Performance) -> None:
    ending = performance.ending
    assert ending is not None
    assert ending.complete
    assert ending.good
    assert (ending.count.sent, ending.count.delivered) == (PLAN.messages, PLAN.messages)
    assert ending.relay_kills >= 1
    assert ending.reconnects >= 3
    assert ending.link.outages >= 1


def test_nothing_is_left_behind(performance: Performance) -> None:
    assert performance.scene is not None
    assert not performance.scene.relay.alive
    assert performance.folder.name.startswith("answerback-demo-")
    assert not performance.folder.exists()


def test_sigterm_ends_it_cleanly() -> None:
    process, relay_pid, folder = _standing()
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 7
    assert not _runs(relay_pid)
    assert not folder.exists()


def test_a_relay_never_outlives_us_even_if_we_are_killed() -> None:
    process, relay_pid, folder = _standing()
    assert folder.is_dir()
    process.kill()
    process.wait(30)
    deadline_s = time.monotonic() + 30
    while _runs(relay_pid) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    assert not _runs(relay_pid)
    shutil.rmtree(folder)  # which nobody was left to remove


def _standing() -> tuple["subprocess.Popen[str]", int, Path]:
    process = subprocess.Popen([sys.executable, "-c", RUN], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    pid, folder = process.stdout.readline().split(maxsplit=1)
    process.stdout.close()
    return process, int(pid), Path(folder.strip())


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
