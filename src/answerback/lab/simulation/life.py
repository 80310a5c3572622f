"""Plays one world from its seed: people write, things break, everything heals, and the verdict is spoken."""

import asyncio
import contextlib
import io
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from answerback.lab.simulation.clock import VirtualLoop
from answerback.lab.simulation.disk import PowerCut
from answerback.lab.simulation.misfortunes import MONTHS_S, Misfortunes
from answerback.lab.simulation.town import Town
from answerback.lab.simulation.verdict import judge, reasons, still_talking, unsettled
from answerback.lab.simulation.villager import Villager
from answerback.model.message import LIFETIME_S, Urgency

MESSAGES_MAX = 22
HEAL_S_MAX = 4 * 86_400.0
"""Gaps and inquiries are asked about ever less often, up to six hours apart."""
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
        self.town = town = Town(self._seed, self._folder)
        town.loop.set_exception_handler(self._surprised)
        self.misfortunes = Misfortunes(town)
        await asyncio.sleep(town.random.choice((0.0, 0.5, 3.0)))
        count = town.random.randint(8, MESSAGES_MAX)
        while count > 0:
            count -= self._write()
            if town.random.random() < 0.55:
                town.random.choice(self.misfortunes.kinds())()
            await asyncio.sleep(town.random.choice((0.02, 0.1, 0.4, 1.5, 6.0)))
            reasons(town)
            self._read()
            if not self._slept and town.random.random() < 0.008:
                await self._months()
        await self._heal()
        judge(town, log=self._log.getvalue())
        before = dict(town.talk)
        if not town.chronicle.objections:
            await asyncio.sleep(QUIET_S)
            still_talking(town, before)
        outcome = self._outcome()
        await town.end()
        return outcome

    # ---- what people do

    def _write(self) -> int:
        """Write one message, or a burst."""
        town, chance = self.town, self.town.random
        awake = [villager for villager in town.awake if villager.device not in town.truth.revoked]
        if not awake:
            return 1
        author = chance.choice(awake)
        burst = chance.choice((1,) * 12 + (4, 8))
        if burst > 1:
            town.chronicle.faults["burst"] += 1
        handles = self._recipients(author)
        urgency = chance.choice((Urgency.NORMAL,) * 6 + (Urgency.BACKGROUND,))
        for _ in range(burst):
            town.write(author, handles, urgency=urgency, lifetime_s=self._lifetime_s())
            if not author.is_on:
                return burst
        if chance.random() < (0.5 if burst > 1 else 0.1):
            town.chronicle.faults["urgent_behind_others"] += 1
            town.write(author, handles, urgency=Urgency.URGENT, lifetime_s=self._lifetime_s())
        return burst

    def _recipients(self, author: Villager) -> list[str]:
        own = author.name.split()[0]
        people = sorted({villager.name.split()[0] for villager in self.town.villagers} - {own})
        if len(people) > 1 and self.town.random.random() < 0.4:
            self.town.chronicle.faults["group"] += 1
            return people
        return [self.town.random.choice(people)]

    def _lifetime_s(self) -> int:
        if self.town.random.random() < 0.06:
            self.town.chronicle.faults["short_lifetime"] += 1
            return self.town.random.randint(5, 90)
        return LIFETIME_S

    def _read(self) -> None:
        """Somebody reads what is there."""
        town = self.town
        if town.random.random() > 0.3 or not town.awake:
            return
        who = town.random.choice(town.awake)
        assert who.agent is not None
        kept = [kept.message for kept in who.agent.journal.messages(limit=3)]
        others = [message for message in kept if message.author != who.account]
        if others:
            town.chronicle.say(who.name, f"reads {', '.join(town.name(message.id) for message in others)}")
            who.read(others)

    async def _months(self) -> None:
        """Everybody is away for weeks or months."""
        self._slept = True
        town = self.town
        town.chronicle.fault("months_offline", "everybody")
        self.misfortunes.heal()
        for villager in town.villagers:
            villager.crash()
        if town.office.is_up:
            town.office.crash()
        await asyncio.sleep(town.random.uniform(*MONTHS_S))
        self.misfortunes.heal()

    async def _heal(self) -> None:
        town = self.town
        town.chronicle.say("everything", "heals")
        self.misfortunes.heal()
        end_s = town.loop.time() + HEAL_S_MAX
        step_s = 5.0
        while town.loop.time() < end_s and not town.chronicle.objections:
            await asyncio.sleep(step_s)
            step_s = min(step_s * 1.3, 1800.0)
            reasons(town)
            if not any(unsettled(town)):
                break
        await asyncio.sleep(60.0)

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
