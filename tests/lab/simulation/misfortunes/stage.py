"""Lets one misfortune befall a small town, heals it, and sees that everything is well again."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from answerback.lab.simulation.misfortunes import Misfortunes
from answerback.lab.simulation.misfortunes.trouble import Kind
from answerback.lab.simulation.town import Town
from answerback.lab.simulation.verdict import judge, unsettled
from answerback.model.message import LIFETIME_S, Urgency
from tests.lab.simulation.stage import SEED, in_town


def write(town: Town) -> None:
    """Everybody who can writes to somebody else."""
    for author in town.awake:
        whom = "bea" if author.name.startswith("ann") else "ann"
        town.write(author, [whom], urgency=Urgency.NORMAL, lifetime_s=LIFETIME_S)


def befalls(folder: Path, choose: Callable[[Misfortunes], Kind], *, count: int = 1, seed: int = SEED) -> Town:
    """Let a misfortune happen while people write; afterwards every promise must be kept."""

    async def work(town: Town) -> Town:
        misfortunes = Misfortunes(town)
        for keep in (misfortunes.relay.keep_a_copy, *[misfortunes.agents.keep_a_copy] * 6):
            keep()
        write(town)
        await asyncio.sleep(5)
        for _ in range(count):
            choose(misfortunes)()
            write(town)
            await asyncio.sleep(20)
        write(town)
        await asyncio.sleep(20)
        misfortunes.heal()
        await asyncio.sleep(4_000)
        assert town.office.is_up
        assert [villager.name for villager in town.villagers if villager.counts and not villager.is_on] == []
        assert list(unsettled(town)) == []
        judge(town, log="")
        assert town.chronicle.objections == []
        return town

    return in_town(folder, work, seed=seed)
