"""Sends texts through one SMPP bind while the centre is killed, and counts at the centre's own store.

    python -m benchmarks.texts [--count 500] [--kills 2] [--not-asked]

Three figures matter: how many were lost, how many were taken twice, and how many are left in doubt. The centre is a
process of its own with a durable store; it is killed with SIGKILL at random moments while texts are under way.
"""

import argparse
import asyncio
import json
import random
import tempfile
import time
from collections import Counter
from pathlib import Path

from answerback.device import texting
from answerback.model.texts import TextStage
from tests.texts.office import Office, office, smpp
from tests.texts.running import RunningCentre

ENDS = (TextStage.DELIVERED, TextStage.IN_DOUBT, TextStage.FAILED)
SETTLED_S = 1.0
"""How long nothing may change for the rest to be in doubt for good."""


async def measured(count: int, kills: int, *, is_asked: bool, seed: int) -> dict[str, object]:
    """Send, kill, and count."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        centre = RunningCentre(Path(folder), answers_questions=is_asked)
        await centre.start()
        try:
            async with office(Path(folder), smpp(centre.port, is_asked=is_asked)) as desk:
                began_s = time.monotonic()
                sending = asyncio.gather(*(desk.send(number, f"text {number}") for number in range(count)))
                for kill in range(kills):
                    threshold = int(count * (kill + chance.random()) / kills)
                    await desk.until(lambda least=threshold: desk.count(TextStage.DELIVERED) >= least)  # type: ignore[misc]
                    centre.kill()
                    await asyncio.sleep(0.05)
                    await centre.start()
                await sending
                await ended(desk, count)
                took_s = time.monotonic() - began_s
                stages = Counter(word.stage.name for word in desk.last.values())
        finally:
            centre.kill()
        times = centre.times()
        doubt = stages[TextStage.IN_DOUBT.name]
        return {
            "texts": count,
            "kills": kills,
            "centre_is_asked": is_asked,
            "taken": len(times),
            "taken_twice": sum(n > 1 for n in times.values()),
            "delivered": stages[TextStage.DELIVERED.name],
            "in_doubt": doubt,
            "lost_without_a_word": count - stages[TextStage.DELIVERED.name] - doubt,
            "seconds": round(took_s, 2),
            "texts_per_second": round(count / took_s),
        }


async def ended(desk: Office, count: int) -> None:
    """Wait until every text has come to an end, or nothing changes any more."""
    changed_s, before = time.monotonic(), -1
    while (done := sum(desk.count(stage) for stage in ENDS)) < count or desk.count(TextStage.IN_DOUBT):
        told = done * count + desk.count(TextStage.IN_DOUBT)
        if told != before:
            changed_s, before = time.monotonic(), told
        if done == count and time.monotonic() - changed_s > SETTLED_S:
            return
        await asyncio.sleep(0.02)


def main() -> None:
    """Measure and print a line of JSON."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--count", type=int, default=500)
    arguments.add_argument("--kills", type=int, default=2)
    arguments.add_argument("--not-asked", action="store_true", help="a centre that speaks SMPP 3.4 and no more")
    arguments.add_argument("--seed", type=int, default=1)
    given = arguments.parse_args()
    texting.AGAIN_S_MAX = 1.0  # the centre is back at once; a minute of waiting would measure itself
    told = asyncio.run(measured(given.count, given.kills, is_asked=not given.not_asked, seed=given.seed))
    print(json.dumps(told))


if __name__ == "__main__":
    main()
