"""Proves that a device killed while it sends texts, again and again, sends none twice and loses none."""

import asyncio
import os
import random
import subprocess
import sys
from pathlib import Path

from tests.house.sources import ROOT
from tests.texts.running import RunningCentre

COUNT = 120
KILLS = 6


def child(folder: Path, port: int) -> "subprocess.Popen[str]":
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT)))}
    words = [sys.executable, "-m", "tests.texts.sender_child", str(folder), str(port), str(COUNT)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    return process


def test_a_device_killed_while_it_sends_sends_each_text_once(tmp_path: Path) -> None:
    centre = RunningCentre(tmp_path)
    chance = random.Random(4)
    asyncio.run(centre.start())
    try:
        seen = 0
        for _ in range(KILLS):
            process = child(tmp_path, centre.port)
            try:
                process.wait(timeout=chance.uniform(0.02, 0.25))
            except subprocess.TimeoutExpired:
                process.kill()
            process.communicate()
            seen = max(seen, len(centre.rows()))
        assert seen > 0, "it was killed while it sent"
        last = child(tmp_path, centre.port)
        said, _ = last.communicate(timeout=60)
        assert said == "ended\n"
    finally:
        centre.kill()
    assert sorted(centre.times().values()) == [1] * COUNT
