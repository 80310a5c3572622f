"""Measures, packet by packet in virtual time, how long urgent mail stops when the path in use dies under bulk.

    python -m benchmarks.two_paths            all cases; --only WORD those whose name has it, --render the tables alone

A device has two paths. On the first it moves bulk, up (it writes the urgent texts) or down (it reads them); then the
first carries nothing any more, both ways, without a word. Every rule meets the same deaths and texts.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

from answerback.lab.links import generate_link
from benchmarks.beside_bulk.road import Clock
from benchmarks.dying.lines import FIRST, RULES, SECOND, Device, Line, Rule, Way, steady
from benchmarks.dying.reader import Reader
from benchmarks.dying.records import Deaths, Dying, Living, read, renewed, write
from benchmarks.dying.writer import Writer

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "two_paths.json"
PAGE = ROOT / "docs" / "network.md"
Role = Callable[[Clock, Rule, tuple[Line, Line]], Device]
ROLES: dict[str, Role] = {"writes": Writer, "reads": Reader}
PAIRS: dict[str, tuple[Way, Way]] = {
    "20 and 20 ms, 10 Mbit/s": (steady(0.02, 10), steady(0.02, 10)),
    "40 and 40 ms, 2 Mbit/s": (steady(0.04, 2), steady(0.04, 2)),
    "40 and 80 ms, 2 Mbit/s": (steady(0.04, 2), steady(0.08, 2)),
    "60 and 120 ms, 2 Mbit/s": (steady(0.06, 2), steady(0.12, 2)),
    "80 and 40 ms, 2 Mbit/s": (steady(0.08, 2), steady(0.04, 2)),
    "100 and 60 ms, 2 Mbit/s": (steady(0.1, 2), steady(0.06, 2)),
    "40 and 40 ms, 2 Mbit/s, 1 % lost": (steady(0.04, 2, loss=0.01), steady(0.04, 2, loss=0.01)),
}
"""The one that dies, and the good one."""
PLACES = ("train", "tunnel", "crowd")
DEATHS = 40
TEXT_EVERY_S = 0.1
TEXTS_FROM_S = 1.0
CALM_FROM_S = 3.0
DIES_S = (6.0, 8.0)
BEFORE_S, AFTER_S = 1.0, 2.0
"""Texts are calm until so long before the death, and are written until so long after it. Of those written before the
device has moved, the ones that the first path did not bring tell how long the gap was."""
TAIL_S = 20.0
LIVES_S = 120.0
FOR_EVER_S = 1e9


def main() -> None:
    """Measure what was asked for, keep it, and show it."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--only", default="", help="only cases whose name has this in it")
    asked.add_argument("--deaths", type=int, default=DEATHS, help="of each pair")
    asked.add_argument("--results", type=Path, default=RESULTS)
    asked.add_argument("--render", action="store_true", help="only write the tables")
    chosen = asked.parse_args()
    for found in () if chosen.render else _measured(chosen.only, chosen.deaths):
        before = read(chosen.results)
        if isinstance(found, Dying):
            dying = [each for each in before.dying if (each.case, each.role) != (found.case, found.role)]
            write(chosen.results, replace(before, dying=[*dying, found]))
        else:
            living = [each for each in before.living if (each.case, each.role) != (found.case, found.role)]
            write(chosen.results, replace(before, living=[*living, found]))
        print(found, flush=True)
    if chosen.render:
        PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8"), read(chosen.results)), encoding="utf-8")


def _measured(only: str, deaths: int) -> Iterator[Dying | Living]:
    for case, (first, second) in PAIRS.items():
        for role, make in ROLES.items():
            if only in f"{case}, {role}":
                rules = [rule for rule in RULES if role == "writes" or not rule.says_twice]
                yield Dying(case, role, deaths, {r.name: _die(make, r, first, second, deaths=deaths) for r in rules})
    for place in (*PLACES, "40 ms, 2 Mbit/s, 1 % lost"):
        for role in ROLES:
            if only in f"{place}, lives, {role}":
                yield _live(place, role)


def _play(make: Role, rule: Rule, first: Way, second: Way, *, seed: int, dies_s: float, ends_s: float) -> Device:
    clock, texts = Clock(), Random(seed)
    lines = (
        Line(clock, FIRST, first, dies_s=dies_s, seed=10 * seed),
        Line(clock, SECOND, second, dies_s=FOR_EVER_S, seed=10 * seed + 5),
    )
    device, at_s = make(clock, rule, lines), TEXTS_FROM_S
    while at_s < ends_s:
        clock.at(at_s, device.urgent)
        at_s += texts.expovariate(1 / TEXT_EVERY_S)
    clock.at(0.5, device.begin)
    clock.run(ends_s + TAIL_S)
    return device


def _die(make: Role, rule: Rule, first: Way, second: Way, *, deaths: int) -> Deaths:
    gaps_s, delays_s, calm_s, lost, again, early = list[float](), list[float](), list[float](), 0, 0, 0
    for seed in range(deaths):
        dies_s = Random(seed).uniform(*DIES_S)
        device = _play(make, rule, first, second, seed=seed, dies_s=dies_s, ends_s=dies_s + AFTER_S)
        written, arrived = device.written_s, device.arrived_s
        lost += len(written) - len(arrived)
        again += device.again
        if device.moved_s and device.moved_s[0] < dies_s:
            early += 1
            continue
        moment = [text for text in arrived if arrived[text] > dies_s and written[text] < device.moved_s[0]]
        if not moment:
            continue  # nothing was written meanwhile
        gaps_s.append(max(arrived[text] - max(written[text], dies_s) for text in moment))
        delays_s.append(max(arrived[text] - written[text] for text in moment))
        calm_s += [arrived[text] - written[text] for text in arrived if CALM_FROM_S < written[text] < dies_s - BEFORE_S]
    rounds = sorted(gap_s / second.rtt_s for gap_s in gaps_s)
    parts = (_part(rounds, 0.5), _part(rounds, 0.95), rounds[-1])
    return Deaths(parts, max(delays_s), _part(sorted(calm_s), 0.99), lost, again, early)


def _live(place: str, role: str) -> Living:
    if place in PLACES:
        one, other = generate_link(place), generate_link(place, seed=1)
        first, second = Way(2 * one.delay_s, one), Way(2 * other.delay_s, other)
    else:
        first = second = steady(0.04, 2, loss=0.01)
    plain, hedged = (
        _play(ROLES[role], rule, first, second, seed=1, dies_s=FOR_EVER_S, ends_s=LIVES_S)
        for rule in RULES
        if rule.stands_by and not rule.says_twice
    )
    known = hedged.hedging
    p90_s, p99_s = ((_late_s(hedged, part), _late_s(plain, part)) for part in (0.9, 0.99))
    return Living(
        case=place,
        seconds=LIVES_S,
        role=role,
        twice_share=known.hedged_bytes / known.urgent_bytes if known.urgent_bytes else 0.0,
        moves=(len(hedged.moved_s), len(plain.moved_s)),
        p90_s=p90_s,
        p99_s=p99_s,
        lost=(len(hedged.written_s) - len(hedged.arrived_s), len(plain.written_s) - len(plain.arrived_s)),
    )


def _late_s(device: Device, part: float) -> float:
    """How late the texts are; one that never comes is as late as there was time."""
    late_s = (device.arrived_s.get(text, LIVES_S + TAIL_S) - said_s for text, said_s in device.written_s.items())
    return _part(sorted(late_s), part)


def _part(values: list[float], part: float) -> float:
    return values[min(int(part * len(values)), len(values) - 1)]


if __name__ == "__main__":
    main()
