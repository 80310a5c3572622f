"""Runs a scenario from an empty folder to its outcome: sets up, lets people write, waits, and counts."""

import asyncio
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Final

from answerback.lab.links import parse_link
from answerback.lab.packets.children import Child, Said
from answerback.lab.packets.emulating import Report
from answerback.lab.packets.judging import DOWN, UP, Ledger, Outcome, delays_s, each_ms, recoveries_of, spread
from answerback.lab.packets.plan import URGENT_EVERY, Plan
from answerback.lab.packets.policies import Correspondent, Pair
from answerback.lab.packets.reaching import Stretch, stretches_of
from answerback.lab.packets.staging import NOT_ON_LOOPBACK, LoopbackStage, NamespaceStage
from answerback.lab.packets.troubles import LabBroken, NamespacesRefused

PREFIX: Final = "answerback-lab-"
WARM_S_MAX = 30.0
"""The first messages make sessions; they take a few round trips over a good link."""
FILE_NAME: Final = "file"
TOLD_LATE_S = 0.005
"""Who is told of the end of a trouble is told so much after it: told a moment before, it would try a moment too early,
and TCP would repeat that a second later."""


class Run:
    """One run on one stage."""

    def __init__(self, plan: Plan, stage: NamespaceStage | LoopbackStage, folder: Path) -> None:
        self._plan: Final = plan
        self._stage: Final = stage
        self._folder: Final = folder
        self._ledger: Final = Ledger()
        self._warm: Final[set[str]] = set()
        self._began_s = 0.0
        self._changed: Final = asyncio.Event()
        self._file_s: float | None = None

    async def play(self, *, notice: str) -> Outcome:
        """Play it all and say what it has shown."""
        pair = await self._plan.policy.set_up(self._stage, self._folder, self._plan.wish.seed, self._hear)
        await self._warm_up(pair)
        self._began_s = await self._stage.begin()
        plot = self._plan.plot
        async with asyncio.TaskGroup() as group:
            group.create_task(self._write(pair.near, way=UP))
            group.create_task(self._write(pair.far, way=DOWN))
            group.create_task(self._tell_ends(pair.near.child))
        await self._until_s(plot.duration_s)
        try:
            async with asyncio.timeout(self._plan.patience_s):
                await self._until_complete()
        except TimeoutError:
            pass  # what is missing is counted as lost
        report = await self._stage.end()
        return self._outcome(report, notice=notice)

    # ---- speaking

    async def _warm_up(self, pair: Pair) -> None:
        pair.near.send("warm-up", urgent=False)
        pair.far.send("warm-down", urgent=False)
        try:
            async with asyncio.timeout(WARM_S_MAX):
                while len(self._warm) < 2:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError as error:
            raise LabBroken(f"not even over a good link did messages arrive in {WARM_S_MAX:.0f} s") from error

    async def _write(self, correspondent: Correspondent, *, way: str) -> None:
        if way == UP and self._plan.file_bytes:
            path = self._folder / FILE_NAME
            await asyncio.to_thread(path.write_bytes, os.urandom(self._plan.file_bytes))
            correspondent.send_file(FILE_NAME, path)
        spacing_s, number = self._plan.spacing_s, 0
        # Half a step apart, so that the two directions do not wait for each other's processor.
        at_s = spacing_s / 2 if way == DOWN else 0.0
        while at_s < self._plan.plot.duration_s:
            await self._until_s(at_s)
            urgent = number % URGENT_EVERY == 0
            name = f"{way}-{number}"
            self._ledger.write(name, way=way, urgent=urgent)
            correspondent.send(name, urgent=urgent)
            number += 1
            at_s += spacing_s

    async def _tell_ends(self, near: Child) -> None:
        """Whoever is told when each trouble ends is told at that very moment."""
        if not self._plan.policy.is_told:
            return
        for stretch in self._stretches(self._plan.plot.duration_s):
            await self._until_s(stretch.end_s + TOLD_LATE_S)
            near.tell({"do": "recovered"})

    async def _until_s(self, at_s: float) -> None:
        await asyncio.sleep(max(0.0, self._began_s + at_s - time.monotonic()))

    async def _until_complete(self) -> None:
        while not self._ledger.complete or (self._plan.file_bytes and self._file_s is None):
            self._changed.clear()
            await self._changed.wait()

    # ---- hearing

    def _hear(self, said: Said) -> None:
        match said["event"]:
            case "sent":
                self._ledger.promised(said["name"], at_s=said["at_s"] - self._began_s, urgent=said.get("urgent"))
            case "arrived":
                self._arrived(said["name"], said["at_s"])

    def _arrived(self, name: str, at_s: float) -> None:
        if name.startswith("warm-"):
            self._warm.add(name)
        elif name == FILE_NAME:
            self._file_s = at_s - self._began_s
        else:
            self._ledger.arrived(name, at_s=at_s - self._began_s)
        self._changed.set()

    # ---- counting

    def _stretches(self, lasted_s: float) -> list[Stretch]:
        links = [parse_link(text, seed=self._plan.wish.seed) for text in self._plan.links]
        return stretches_of(self._plan.plot.troubles, links, from_s=self._plan.from_s, lasted_s=lasted_s)

    def _outcome(self, report: Report | None, *, notice: str) -> Outcome:
        letters = list(self._ledger.letters.values())
        lasted_s = report.lasted_s if report is not None else round(time.monotonic() - self._began_s, 3)
        delivered = sum(bool(letter.arrived_s) for letter in letters)
        recoveries = recoveries_of(letters, report, self._stretches(lasted_s))
        return Outcome(
            scenario=self._plan.scenario.name,
            policy=self._plan.policy.name,
            seed=self._plan.wish.seed,
            links=list(self._plan.links),
            stage="sockets" if report is None else "packets",
            notice=notice,
            lasted_s=lasted_s,
            sent=len(letters),
            delivered=delivered,
            lost=len(letters) - delivered,
            duplicated=sum(max(0, len(letter.arrived_s) - 1) for letter in letters),
            delay=spread(delays_s(letters)),
            urgent=spread(delays_s(letter for letter in letters if letter.urgent)),
            urgent_up_ms=each_ms(letter for letter in letters if letter.urgent and letter.way == UP),
            recoveries=recoveries,
            file_s=self._file_s,
            attempts=report.attempts if report is not None else None,
            wasted_attempts=sum(each.attempts or 0 for each in recoveries) if report is not None else None,
            up_packets=report.up_packets if report is not None else None,
            up_bytes=report.up_bytes if report is not None else None,
            down_packets=report.down_packets if report is not None else None,
            down_bytes=report.down_bytes if report is not None else None,
            drops=report.drops if report is not None else {},
            rebindings=report.rebindings if report is not None else 0,
            accuracy=report.accuracy if report is not None else None,
            rate_ratio=report.accuracy.rate_ratio if report is not None else None,
            priority=self._stage.priority,
            happened=self._stage.happened,
        )


def tidy(folder: Path) -> None:
    """Remove what runs have left that were killed: nothing but their folders can outlive them."""
    for left in folder.glob(f"{PREFIX}*"):
        pid = left.name.removeprefix(PREFIX).split("-")[0]
        if pid.isdecimal() and not _is_alive(int(pid)):
            shutil.rmtree(left, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # somebody else's
    return True


async def run(plan: Plan, *, packets: bool) -> Outcome:
    """Run a plan in namespaces; where they are refused, or not wanted, over a relay of sockets."""
    tidy(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=f"{PREFIX}{os.getpid()}-") as name:
        folder = Path(name)
        notice = "" if packets else "asked for"
        if packets:
            try:
                async with NamespaceStage(plan) as stage:
                    return await Run(plan, stage, folder).play(notice="")
            except NamespacesRefused as error:
                notice = str(error)
        async with LoopbackStage(plan) as stage:
            told = f"played over a relay of sockets ({notice}): this does not play {NOT_ON_LOOPBACK}"
            return await Run(plan, stage, folder).play(notice=told)
