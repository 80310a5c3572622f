"""Kills each errand of a device at random steps, has a person go on, and looks for what was lost.

    python -m tests.errands.killing register --kills 200 --seed 1
    python -m tests.errands.killing all --kills 40 --together 2    # forty of each, two at a time

Prints one JSON line for each errand. The suite runs a short version; docs/proof.md has the figures of the long one.
"""

import argparse
import asyncio
import json
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random

from tests.errands.errands import ERRANDS, Errand
from tests.errands.scene import Scene, Street, street

SCENES_PER_STREET = 25
"""One friend then has as many correspondents as many people have."""


@dataclass
class Outcome:
    """What became of an errand that was killed so often."""

    errand: str
    steps: int
    """How many steps it has when it lives: so many moments it can be killed at."""
    kills: int = 0
    """How often it was killed before its end."""
    lived: int = 0
    """How often it was done before the chosen step."""
    usable: int = 0
    """After how many of these everything was as it must be."""
    lost: int = 0
    """Messages that were there or promised before, and never came."""
    twice: int = 0
    """Messages that came twice."""
    took_s: float = 0.0
    """What all of it took, with what comes before and after each kill."""
    faults: list[str] = field(default_factory=list)
    """What was lost, came twice, or did not work any more."""


async def kill_and_look(folder: Path, name: str, *, kills: int, seed: int, together: int = 1) -> Outcome:
    """Kill one errand at so many of its steps, spread over all of them, and look at what is left each time."""
    errand, room, began_s = ERRANDS[name], asyncio.Semaphore(together), time.monotonic()
    outcome = Outcome(name, 0)
    for first in range(0, kills, SCENES_PER_STREET):
        async with street(folder / f"{name}-{first}") as place:
            if not outcome.steps:
                outcome.steps = await _measured(errand, place)

            async def one(number: int, place: Street = place) -> None:
                chance = Random(f"{name} {seed} {number}")
                # One step from each of as many stretches as there are kills: none of them is left out by chance.
                begin, end = (outcome.steps * part // kills for part in (number, number + 1))
                kill_at = 1 + chance.randrange(begin, max(end, begin + 1))
                async with room:
                    await _one(errand, Scene(place, f"v{number}"), outcome, kill_at=kill_at, chance=chance)

            async with asyncio.TaskGroup() as group:
                for number in range(first, min(first + SCENES_PER_STREET, kills)):
                    group.create_task(one(number))
    outcome.took_s = round(time.monotonic() - began_s, 1)
    return outcome


async def _measured(errand: Errand, place: Street) -> int:
    """Let the errand live once, count its steps, and see that the scene finds nothing wrong where nothing is."""
    scene = Scene(place, "measured")
    await errand.prepare(scene)
    ran = await errand.run(scene, kill_at=0)
    assert ran.status == 0, ran.said
    await errand.check(scene)
    await scene.is_usable()
    assert not scene.faults, scene.faults
    return ran.steps


async def _one(errand: Errand, scene: Scene, outcome: Outcome, *, kill_at: int, chance: Random) -> None:
    await errand.prepare(scene)
    try:
        ran = await errand.run(scene, kill_at=kill_at)
        outcome.kills += ran.killed
        outcome.lived += not ran.killed
        if not ran.killed and ran.status != 0:
            scene.faults.append(f"it ended with {ran.status}: {ran.said.strip()}")
        await errand.again(scene, chance)
        await errand.check(scene)
        await scene.is_usable()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what a person would meet
        scene.faults.append(f"{type(error).__name__}: {error}")
    outcome.usable += not scene.faults
    outcome.lost += scene.missing
    outcome.twice += scene.doubled
    outcome.faults += [f"{scene.name}, killed at step {kill_at} of {outcome.steps}: {fault}" for fault in scene.faults]


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("errand", choices=[*ERRANDS, "all"])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--together", type=int, default=1, help="so many devices at a time, beside one relay")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name in ERRANDS if chosen.errand == "all" else [chosen.errand]:
            outcome = asyncio.run(
                kill_and_look(Path(folder), name, kills=chosen.kills, seed=chosen.seed, together=chosen.together)
            )
            print(json.dumps(asdict(outcome)), flush=True)


if __name__ == "__main__":
    main()
