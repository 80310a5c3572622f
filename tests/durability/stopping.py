"""Stops processes (SIGSTOP) for a while, lets them go on, and counts what became of every message.

A stopped process holds its connections and its lock and says nothing: the others must notice by themselves. When it
wakes, its connection may have been given up or replaced, and its clock has jumped.
"""

import asyncio
import contextlib
import signal
from dataclasses import dataclass
from pathlib import Path
from random import Random

from answerback.model.errors import StoreLockedError
from answerback.storage.lock import FolderLock
from tests.durability.power import LOOK_S, PATIENCE_S, PEOPLE
from tests.journey.processes import Process, Town, town

LONG_S = (10.0, 40.0)
"""Longer than anybody believes in a silent connection."""
SENDS_BETWEEN = 4


@dataclass(frozen=True)
class Outcome:
    """What became of every message."""

    victim: str
    stops: int
    stopped_s: float
    noticed: int
    """How often somebody gave a connection up."""
    locked_out: int
    """How often the folder of the stopped process was refused to another one."""
    saved: int
    lost: int
    duplicated: int
    shown_twice: int
    unanswered: int


async def stop_and_count(
    folder: Path, *, victim: str, stops: int, seed: int, between_s: tuple[float, float] = LONG_S
) -> Outcome:
    """Send while one of the three is stopped for some seconds, again and again; then count."""
    chance, stopped_s, locked_out = Random(seed), 0.0, 0
    async with town(folder) as place:
        for name in PEOPLE:
            await place.person(name)
            place.devices[name] = Process(["tests.durability.device_child", str(folder / name)])
            await place.devices[name].start()
        sender, reader = (place.devices[name] for name in PEOPLE)
        target, home = {
            "sender": (sender, folder / PEOPLE[0]),
            "reader": (reader, folder / PEOPLE[1]),
            "relay": (place.relay, folder / "relay"),
        }[victim]
        number = 0
        for _ in range(stops):
            for half in range(2):  # some under way when it stops, some while it is stopped
                for _ in range(SENDS_BETWEEN):
                    number += 1
                    await sender.tell(f"send bea@example.org m{number:06d}")
                if half == 0:
                    _signal(target, signal.SIGSTOP)
            locked_out += _is_refused(home)
            wait_s = chance.uniform(*between_s)
            stopped_s += wait_s
            await asyncio.sleep(wait_s)
            _signal(target, signal.SIGCONT)
            await asyncio.sleep(chance.uniform(0, 1))
        await sender.hear(f"saved m{number:06d}")
        return await _settled(place, Outcome(victim, stops, round(stopped_s, 1), 0, locked_out, 0, 0, 0, 0, 0))


async def _settled(place: Town, so_far: Outcome) -> Outcome:
    sender, reader = (place.devices[name] for name in PEOPLE)
    saved = {line.split()[1] for line in sender.said if line.startswith("saved ")}
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_S):
            while not saved <= set(place.arrived("bea")) or place.waiting("ada"):  # noqa: ASYNC110 - others write it
                await asyncio.sleep(LOOK_S)
    shown = [line for line in reader.said if line.startswith("shown ")]
    noticed = sum(line.startswith("link down") for line in (*sender.said, *reader.said))
    await sender.stop()
    await reader.stop()
    arrived = place.arrived("bea")
    return Outcome(
        victim=so_far.victim,
        stops=so_far.stops,
        stopped_s=so_far.stopped_s,
        noticed=noticed,
        locked_out=so_far.locked_out,
        saved=len(saved),
        lost=len(saved - set(arrived)),
        duplicated=len(arrived) - len(set(arrived)),
        shown_twice=len(shown) - len(set(shown)),
        unanswered=place.waiting("ada"),
    )


def _signal(process: Process, number: signal.Signals) -> None:
    assert process._process is not None
    process._process.send_signal(number)


def _is_refused(folder: Path) -> bool:
    try:
        FolderLock(folder).release()
    except StoreLockedError:
        return True
    return False
