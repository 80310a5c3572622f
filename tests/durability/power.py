"""Runs real processes under the recorder, and takes the power from them in the middle of their lives.

A cut kills a process, works out from the record what a power cut may have left of its folder, puts that in the
folder's place, and starts the process again, while everybody else lives on. Then messages are counted.
"""

import asyncio
import contextlib
import shutil
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.durability.images import Disk, put_down
from tests.durability.recorder import read_record, recorded
from tests.journey.processes import Process, Town, free_port

PEOPLE = ("ada", "bea")
VICTIMS = ("sender", "reader", "relay")
SENDS_BETWEEN = 4
FILE_EVERY = 5
"""Every so many messages bring a file."""
FILE_BYTES = 150_000
LONGEST_S = 0.4
PATIENCE_S = 90.0
LOOK_S = 0.2


@dataclass(kw_only=True)
class Recorded(Process):
    """A child process under the recorder: killed, it loses what its disk had not promised."""

    folder: Path
    logs: Path
    keeps_promises: bool = True
    chance: Random = field(default_factory=lambda: Random(1))
    lives: int = 0
    disk: Disk = field(default_factory=Disk)
    lost_writes: int = 0

    @property
    def log(self) -> Path:
        """The record of this life."""
        return self.logs / f"{self.folder.name}-{self.lives}.log"

    async def start(self) -> None:
        """Start it, recorded from this moment on."""
        self.lives += 1
        self.logs.mkdir(exist_ok=True)
        self.disk = Disk.of(self.folder, keeps_promises=self.keeps_promises)
        before = len(self.said)
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", *self.words),
            env=recorded(self.folder, self.log),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        self._reader = asyncio.create_task(self._read(self._process))
        await self.hear("ready", after=before)

    async def cut(self) -> None:
        """Take its power: what is left in its folder is what its disk had promised, and any part of the rest."""
        await self.kill()
        for entry in read_record(self.log):
            self.disk.learn(entry)
        self.log.unlink()
        self.lost_writes += self.disk.waiting
        shutil.rmtree(self.folder)
        put_down(self.disk.cut(self.chance), self.folder)


@dataclass(frozen=True)
class Outcome:
    """What became of every message."""

    victim: str
    cuts: int
    writes_at_risk: int
    """Writes and names that no sync had covered at the moments of the cuts."""
    saved: int
    files: int
    lost: int
    lost_files: int
    duplicated: int
    unanswered: int


@contextlib.asynccontextmanager
async def recorded_town(folder: Path, *, seed: int, keeps_promises: bool = True) -> AsyncIterator[Town]:
    """A relay and two devices, each under a recorder of its own; the devices are not started yet."""
    chance = Random(seed)

    def process(name: str, words: list[str]) -> Recorded:
        own = Random(chance.random())
        return Recorded(words, folder=folder / name, logs=folder / "logs", keeps_promises=keeps_promises, chance=own)

    relay = process("relay", ["tests.durability.relay_child", str(folder / "relay"), str(free_port())])
    place = Town(folder, relay)
    await relay.start()
    try:
        for name in PEOPLE:
            await place.person(name)
            place.devices[name] = process(name, ["tests.durability.device_child", str(folder / name)])
        yield place
    finally:
        for device in place.devices.values():
            await device.stop()
        await relay.stop()


async def cut_and_count(folder: Path, *, victim: str, cuts: int, seed: int, keeps_promises: bool = True) -> Outcome:
    """Send while one of the three loses its power again and again; then let things settle and count."""
    chance = Random(seed)
    picture = picture_in(folder)
    async with recorded_town(folder, seed=seed, keeps_promises=keeps_promises) as place:
        sender, reader = (place.devices[name] for name in PEOPLE)
        target = {"sender": sender, "reader": reader, "relay": place.relay}[victim]
        assert isinstance(target, Recorded)
        await sender.start()
        await reader.start()
        number = 0
        for _ in range(cuts):
            for _ in range(SENDS_BETWEEN):
                number += 1
                if number % FILE_EVERY:
                    await sender.tell(f"send bea@example.org m{number:06d}")
                else:
                    await sender.tell(f"file bea@example.org f{number:06d} {picture}")
            await asyncio.sleep(chance.uniform(0, LONGEST_S))
            await target.cut()
            await target.start()
        await sender.tell("send bea@example.org last")
        await sender.hear("saved last")
        return await _settled(place, target, victim, cuts, picture.read_bytes())


async def _settled(place: Town, target: Recorded, victim: str, cuts: int, picture: bytes) -> Outcome:
    sender, reader = (place.devices[name] for name in PEOPLE)
    saved = {line.split()[1] for line in sender.said if line.startswith("saved ")}
    files = {text for text in saved if text.startswith("f")}
    received = place.folder / "bea" / "files" / "received"
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_S):
            while (  # noqa: ASYNC110 - others write it
                not saved <= set(place.arrived("bea")) or place.waiting("ada") or _whole(received, picture) < len(files)
            ):
                await asyncio.sleep(LOOK_S)
    await sender.stop()
    await reader.stop()
    arrived = place.arrived("bea")
    return Outcome(
        victim=victim,
        cuts=cuts,
        writes_at_risk=target.lost_writes,
        saved=len(saved),
        files=len(files),
        lost=len(saved - set(arrived)),
        lost_files=len(files) - min(len(files), _whole(received, picture)),
        duplicated=len(arrived) - len(set(arrived)),
        unanswered=place.waiting("ada"),
    )


def picture_in(folder: Path) -> Path:
    """A file to send."""
    folder.mkdir(exist_ok=True)
    picture = folder / "picture.bin"
    picture.write_bytes(Random(1).randbytes(FILE_BYTES))
    return picture


def _whole(folder: Path, content: bytes) -> int:
    files = folder.glob("[!.]*") if folder.is_dir() else ()
    return sum(path.stat().st_size == len(content) and path.read_bytes() == content for path in files)
