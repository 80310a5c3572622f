"""Kills agents and relays at random moments and counts what became of every message.

    python -m tests.journey.killing --kills 100 --victim sender|reader|relay --seed 1

Prints one JSON line. The suite runs a short version; the long one is for whoever wants to see the promise kept.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.journey.processes import Town, moments, town

VICTIMS = ("sender", "reader", "relay")
SENDS_BETWEEN = 4
"""Messages promised in the time before each kill."""
PATIENCE_S = 90.0
LOOK_S = 0.2


@dataclass(frozen=True)
class Outcome:
    """What became of every message."""

    victim: str
    kills: int
    saved: int
    lost: int
    duplicated: int
    out_of_order: int
    unanswered: int


async def kill_and_count(folder: Path, *, victim: str, kills: int, seed: int, longest_s: float = 0.35) -> Outcome:
    """Send while one of the three is killed again and again; then let things settle and count."""
    async with town(folder) as place:
        sender, reader = await place.person("ada"), await place.person("bea")
        await sender.start()
        await reader.start()
        target = {"sender": sender, "reader": reader, "relay": place.relay}[victim]
        number = 0
        for wait_s in moments(seed, kills, longest_s=longest_s):
            for _ in range(SENDS_BETWEEN):
                number += 1
                await sender.tell(f"send bea@example.org m{number:06d}")
            await asyncio.sleep(wait_s)
            await target.kill()
            await target.start()
        await sender.tell("send bea@example.org last")
        await sender.hear("saved last")
        return await _settled(place, victim, kills)


async def _settled(place: Town, victim: str, kills: int) -> Outcome:
    """Let things come to rest while everybody runs, then stop everybody and count on disk."""
    sender, reader = place.devices["ada"], place.devices["bea"]
    saved = {line.removeprefix("saved ") for line in sender.said if line.startswith("saved ")}
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_S):
            while not saved <= set(place.arrived("bea")) or place.waiting("ada"):  # noqa: ASYNC110 - others write it
                await asyncio.sleep(LOOK_S)
    await sender.stop()
    await reader.stop()
    arrived = [text for text in place.arrived("bea") if text != "last"]
    shown = [text for text in place.shown("bea") if text != "last"]
    return Outcome(
        victim=victim,
        kills=kills,
        saved=len(saved),
        lost=len(saved - {*place.arrived("bea")}),
        duplicated=len(arrived) - len(set(arrived)),
        out_of_order=_inversions(arrived) + _inversions(shown),
        unanswered=place.waiting("ada"),
    )


def _inversions(texts: list[str]) -> int:
    return sum(first > second for first, second in itertools.pairwise(texts))


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--victim", choices=VICTIMS, default="sender")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = kill_and_count(Path(folder), victim=chosen.victim, kills=chosen.kills, seed=chosen.seed)
        print(json.dumps(asdict(asyncio.run(run))))


if __name__ == "__main__":
    main()
