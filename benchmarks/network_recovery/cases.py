"""Finds the outages of each recording, and digs black holes of many lengths into it at random moments."""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from answerback.lab.links import Link, generate_link, parse_link
from answerback.lab.policies.path import Gap, outage_with, outages_of
from answerback.lab.policies.session import DOUBLING, Setup
from answerback.lab.policies.trial import BEFORE_S, Case, Role
from answerback.lab.schedule import Outage

GENERATED = ("tunnel", "train", "lift")
HOLE_S_MIN, HOLE_S_MAX = 1.0, 600.0
HALF_MINUTE_S = 30.0
LATER_MAX = 200
TRIES_MAX = 50
GAPS_MAX = 40
"""A recording with more gaps is sampled evenly: each is played for every policy."""


@dataclass(frozen=True, slots=True)
class Place:
    """A recording with its outages."""

    name: str
    link: Link
    outages: tuple[Outage, ...]
    """Its own, over two rounds of it."""
    linear_timeouts: int = DOUBLING
    """Of the devices' kernel."""


def places(folder: Path | None, *, seed: int, linear_timeouts: int = DOUBLING) -> list[Place]:
    """Every recording of a folder; without one, the links that the package makes itself."""
    if folder is None:
        links = [(name, generate_link(name, seed=seed)) for name in GENERATED]
    else:
        stems = sorted({path.with_suffix("") for path in folder.glob("*.down")})
        links = [(stem.name, parse_link(str(stem))) for stem in stems]
    return [
        Place(name, link, tuple(outages_of(link, until_s=2 * _period_s(link))), linear_timeouts) for name, link in links
    ]


def gaps(place: Place, *, gap: Gap) -> list[Case]:
    """Each gap of a second or more in the first round, once for a writer and once for a reader."""
    own = [each for each in place.outages if BEFORE_S < each.start_s < _period_s(place.link)]
    chosen = own[:: math.ceil(len(own) / GAPS_MAX)] if own else []
    return [_case(place, each, role, gap) for each in chosen for role in Role]


def holes(place: Place, *, count: int, seed: int, gap: Gap, length_s: float | None = None) -> list[Case]:
    """Black holes of lengths from a second to ten minutes, or of one length; writers and readers in turns."""
    random = Random(f"{place.name}:{seed}:{length_s}")
    found = []
    for number in range(count):
        # Evenly spread logarithms, so that each run has short and long ones; where they begin is chance.
        share = (number + random.random()) / count
        lasts_s = length_s or HOLE_S_MIN * (HOLE_S_MAX / HOLE_S_MIN) ** share
        case = _dig(place, lasts_s, list(Role)[number % 2], gap, random)
        for _ in range(TRIES_MAX):  # one of a length of its own should not run into a gap of the recording
            if length_s is None or case.outage.end_s - case.outage.start_s < length_s + 1.0:
                break
            case = _dig(place, lasts_s, list(Role)[number % 2], gap, random)
        found.append(case)
    return found


def _dig(place: Place, lasts_s: float, role: Role, gap: Gap, random: Random) -> Case:
    start_s = random.uniform(BEFORE_S + 1.0, _period_s(place.link))
    hole = Outage(start_s, start_s + lasts_s)
    return _case(place, hole, role, gap, hole=hole)


def announced(cases: list[Case]) -> list[Case]:
    """The same outages, whose end the system announces."""
    return [replace(case, is_announced=True) for case in cases]


def called(cases: list[Case]) -> list[Case]:
    """The same outages, with a relay that calls whoever fell silent."""
    return [replace(case, is_called=True) for case in cases]


def _case(place: Place, outage: Outage, role: Role, gap: Gap, *, hole: Outage | None = None) -> Case:
    if hole is not None and gap is Gap.DROPPED:
        outage = outage_with(hole, list(place.outages))
    later = tuple(each for each in place.outages if each.start_s >= outage.end_s - 1e-6)[:LATER_MAX]
    return Case(
        place.link, outage, role, gap, hole, later=later, setup=Setup.TICKET, linear_timeouts=place.linear_timeouts
    )


def _period_s(link: Link) -> float:
    return min(link.up.outages.period_s, link.down.outages.period_s)
