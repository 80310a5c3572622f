"""Plays one world from its seed: people write, things break, everything heals, and the verdict is spoken."""

import asyncio
import contextlib
import io
import logging
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from answerback.core.relay_clock import SAMPLE_AGE_S_MAX
from answerback.lab.simulation.clock import VirtualLoop
from answerback.lab.simulation.disk import PowerCut
from answerback.lab.simulation.misfortunes import Misfortunes
from answerback.lab.simulation.town import Town
from answerback.lab.simulation.verdict import judge, reasons, still_talking, unsettled
from answerback.lab.simulation.workload import FileFaults, Workload

MESSAGES_MAX = 22
HEAL_S_MAX = 4 * 86_400.0
"""Gaps and inquiries are asked about ever less often, up to six hours apart."""
AWAY_S = (20 * 86_400.0, 120 * 86_400.0)
"""Long enough for every key to grow old, and for every message to end."""
LOOK_AT_DEVICES_S = 600.0
"""Long after every device has told the relay what it knows, its owner sees who still stands on the list."""
AWAY_AGAIN_SHARE = 0.5
DIRECTORY_SHARE = 0.06
"""Worlds in which the relay lies about its directory."""
CLAIM_SHARE = 0.04
"""Worlds in which a handle is claimed by another account."""
AWAKE_S = 120.0
"""Between two long absences: keys are renewed, and the older ones are deleted after the second."""
HEARD_S = 2_100.0
"""Longer than the longest quiet between two signs of life: by then each device has read the relay's clock once more,
and whoever was sent away for a while has come back."""
QUIET_S = 900.0
"""Longer than the first asking again of anything."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one seed's world came to."""

    seed: int
    objections: tuple[str, ...]
    faults: dict[str, int]
    lines: tuple[str, ...]
    digest: str
    messages: int
    virtual_s: float


def live(seed: int, folder: Path) -> Outcome:
    """Play the world of one seed; the folder is only for names, nothing is kept in it."""
    with _heard_log() as log, asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(_Life(seed, folder, log).play())


class _Life:
    def __init__(self, seed: int, folder: Path, log: io.StringIO) -> None:
        self._seed = seed
        self._folder = folder
        self._log = log
        self._slept = False

    async def play(self) -> Outcome:
        self.town = town = Town(self._seed, self._folder, may_begin_wrong=True)
        town.loop.set_exception_handler(self._surprised)
        self.misfortunes, self.file_faults = Misfortunes(town), FileFaults(town)
        self.workload = Workload(town)
        await asyncio.sleep(town.random.choice((0.0, 0.5, 3.0)))
        count = town.random.randint(8, MESSAGES_MAX)
        while count > 0:
            count -= self.workload.write()
            draw = town.random.random()
            if draw < 0.55:
                self.misfortunes.strike()
            elif draw < 0.7 and self._are_files_there():
                self.file_faults.strike()
            await asyncio.sleep(town.random.choice((0.02, 0.1, 0.4, 1.5, 6.0)))
            reasons(town)
            self.workload.look()
            await self._seldom()
        await self._chapters()
        await self._heal()
        judge(town, log=self._log.getvalue())
        if not town.chronicle.objections:
            await asyncio.sleep(HEARD_S)
            before, read_before, moved_before = dict(town.talk), dict(town.readings), dict(town.truth.moves)
            await asyncio.sleep(QUIET_S)
            still_talking(town, before, read_before, moved_before)
        outcome = self._outcome()
        await town.end()
        return outcome

    async def _chapters(self) -> None:
        """What takes a world in which all else is well; which worlds have it is no draw of theirs."""
        draw = random.Random(f"the chapters of {self._seed}").random()
        if draw < DIRECTORY_SHARE:
            self.misfortunes.heal()
            self.file_faults.heal()
            await self.misfortunes.directory.play()
        elif draw < DIRECTORY_SHARE + CLAIM_SHARE:
            self.misfortunes.heal()
            self.file_faults.heal()
            await self.misfortunes.claims.play()

    async def _seldom(self) -> None:
        """What would make worlds slow if it came often, or come to nothing."""
        draw = self.town.random.random()
        if draw < 0.008 and not self._slept:
            await self._months()
        elif draw < 0.009:
            self.workload.mass()
        elif draw < 0.013:
            self.workload.leave()
        elif draw < 0.018:
            self.workload.strangers()
        elif draw < 0.022:
            self.workload.to_nowhere()
        elif draw < 0.034:
            await self.misfortunes.outages.long_outage()

    def _are_files_there(self) -> bool:
        """Whether the relay has files, or somebody carries one."""
        agents = [villager.agent for villager in self.town.awake if villager.agent is not None]
        return bool(self.town.office.objects.content) or any(len(agent.engine.machines.transfers) for agent in agents)

    async def _months(self) -> None:
        """Everybody is away for weeks or months."""
        self._slept = True
        await self._away()
        if self.town.random.random() < AWAY_AGAIN_SHARE:
            await asyncio.sleep(AWAKE_S)
            await self._away()

    async def _away(self) -> None:
        town = self.town
        town.chronicle.fault("months_offline", "everybody")
        self.misfortunes.heal()
        for villager in town.villagers:
            villager.crash()
        if town.office.is_up:
            town.office.crash()
        await asyncio.sleep(town.random.uniform(*AWAY_S))
        self.misfortunes.heal()
        await town.office.shelf.sweep()

    async def _heal(self) -> None:
        town = self.town
        town.chronicle.say("everything", "heals")
        self.misfortunes.heal()
        self.file_faults.heal()
        end_s = town.loop.time() + HEAL_S_MAX
        step_s = 5.0
        while town.loop.time() < end_s and not town.chronicle.objections:
            await asyncio.sleep(step_s)
            step_s = min(step_s * 1.3, 1800.0)
            reasons(town)
            if not any(unsettled(town)):
                break
            if step_s > LOOK_AT_DEVICES_S:
                town.repeat_forgotten_lists()
        await asyncio.sleep(60.0)
        if town.truth.relay_ahead_ms or town.truth.relay_behind_ms:
            # Devices notice within minutes that the relay's clock was set right, and replace keys it had dated wrongly.
            await asyncio.sleep(SAMPLE_AGE_S_MAX)

    # ---- what came of it

    def _outcome(self) -> Outcome:
        chronicle = self.town.chronicle
        return Outcome(
            self._seed,
            tuple(chronicle.objections),
            dict(chronicle.faults),
            tuple(chronicle.lines),
            chronicle.digest,
            len(self.town.truth.sent),
            self.town.loop.time(),
        )

    def _surprised(self, _loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        error = context.get("exception")
        if not isinstance(error, PowerCut):
            self.town.chronicle.object("defect", "somebody", f"{context.get('message')}: {error!r}")


@contextlib.contextmanager
def _heard_log() -> Iterator[io.StringIO]:
    """Hear everything that is logged, and keep it off the terminal."""
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    loggers = [logging.getLogger("answerback"), logging.getLogger("asyncio")]
    before = [(logger, logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False
    try:
        yield log
    finally:
        for logger, level, propagate in before:
            logger.removeHandler(handler)
            logger.setLevel(level)
            logger.propagate = propagate
