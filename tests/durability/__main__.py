"""Runs the long versions from the command line.

python -m tests.durability images --count 500          power cuts at so many moments of one life of each process
python -m tests.durability cuts --count 50             the power of each taken so many times in mid conversation
python -m tests.durability stops --count 10            each stopped (SIGSTOP) so many times for 10 to 40 s
python -m tests.durability damage                      every table of every file damaged at its root, and pages by lot

One JSON line each.
"""

import argparse
import asyncio
import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from tests.durability.damaging import LOG, LOTS, TABLES, damage_and_count
from tests.durability.lives import device_lives, examine, relay_life
from tests.durability.power import VICTIMS, cut_and_count
from tests.durability.stopping import LONG_S, stop_and_count


def _images(folder: Path, count: int, seed: int) -> Iterator[object]:
    life, mail = asyncio.run(relay_life(folder / "mail", batches=100))
    yield examine(life, folder, count=count, seed=seed, look=mail.look)
    for own, words in asyncio.run(device_lives(folder / "town", messages=40)):
        yield examine(own, folder, count=count, seed=seed, look=words.look)


def _cuts(folder: Path, count: int, seed: int) -> Iterator[object]:
    for victim in VICTIMS:
        yield asyncio.run(cut_and_count(folder / victim, victim=victim, cuts=count, seed=seed))


def _stops(folder: Path, count: int, seed: int) -> Iterator[object]:
    for victim in VICTIMS:
        run = stop_and_count(folder / victim, victim=victim, stops=count, seed=seed, between_s=LONG_S)
        yield asyncio.run(run)


def _damage(folder: Path, count: int, seed: int) -> Iterator[object]:
    for victim, tables in TABLES.items():
        for where in [*tables, LOG, *(f"lot{seed + number}" for number in range(LOTS))]:
            yield asyncio.run(damage_and_count(folder / victim / where, victim=victim, where=where))


RUNS = {"images": _images, "cuts": _cuts, "stops": _stops, "damage": _damage}


def main() -> None:
    """Run one of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", choices=RUNS)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for result in RUNS[chosen.run](Path(folder), chosen.count, chosen.seed):
            print(json.dumps(asdict(result)), flush=True)  # type: ignore[call-overload]


if __name__ == "__main__":
    main()
