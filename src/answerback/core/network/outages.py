"""Remembers how long outages last, and says how likely one is to end just now.

Theory. The hazard of an age is the share of outages of that age that end in the next second. It is counted in bins
whose edges grow by the square root of two, so a lift of 20 s and a flight of ten hours are told equally well in a few
hundred bytes. Where little was seen, a prior speaks: outages whose age doubles as often as they end (hazard 1/age),
which is what lengths without a scale of their own look like. Old outages fade, since people move; the surprising rule
is that an outage whose end was not seen still counts, for the ages it survived.
"""

import math
from bisect import bisect_right
from collections import OrderedDict
from dataclasses import dataclass, field
from itertools import pairwise

SHORTEST_S = 0.5
"""Shorter than this nobody notices an outage before it ends."""
BIN_COUNT = 36
"""Half-octaves from half a second to a day and a half; what is longer counts in the last."""
FADE = 0.98
"""What each new outage leaves of the weight of all before it: about fifty are remembered."""
PRIOR_WEIGHT = 4.0
"""What is assumed before anything was seen weighs as much as so many outages."""
NETWORKS_MAX = 16
"""Networks whose outages are told apart: home, work, a few trains; the one unused longest is forgotten."""

EDGES_S = tuple(SHORTEST_S * math.sqrt(2) ** index for index in range(BIN_COUNT + 1))


def _prior_ends() -> list[float]:
    survivors = [SHORTEST_S / edge_s for edge_s in EDGES_S]
    return [PRIOR_WEIGHT * (before - after) for before, after in pairwise(survivors)]


def _prior_ages_s() -> list[float]:
    # The time that lengths with hazard 1/age spend in each bin: the integral of the survivors over it.
    ratio = math.log(EDGES_S[1] / EDGES_S[0])
    return [PRIOR_WEIGHT * SHORTEST_S * ratio] * BIN_COUNT


@dataclass(slots=True)
class Outages:
    """What was learned of the outages of one network."""

    ends: list[float] = field(default_factory=lambda: [0.0] * BIN_COUNT)
    """How many ended at each age, faded."""
    ages_s: list[float] = field(default_factory=lambda: [0.0] * BIN_COUNT)
    """How many seconds of each age were lived through, faded."""
    _hazards: list[float] = field(default_factory=list, repr=False, compare=False)
    """What follows from these for each bin; empty while it has to be worked out anew."""

    def learn(self, length_s: float, *, ended: bool = True) -> None:
        """Take in an outage; one that was not seen to end survived so long at least."""
        if length_s < SHORTEST_S:
            return
        self.ends = [weight * FADE for weight in self.ends]
        self.ages_s = [weight * FADE for weight in self.ages_s]
        self._hazards.clear()
        last = _bin_of(length_s)
        for index in range(last + 1):
            until_s = min(length_s, EDGES_S[index + 1]) if index < BIN_COUNT - 1 else length_s
            self.ages_s[index] += until_s - EDGES_S[index]
        if ended:
            self.ends[last] += 1.0

    def hazard(self, age_s: float) -> float:
        """The chance, per second, that an outage of this age ends now."""
        if not self._hazards:
            self._hazards.extend(self._hazard_in(index) for index in range(BIN_COUNT))
        return self._hazards[_bin_of(age_s)]

    def _hazard_in(self, index: int) -> float:
        # Neighbours count half: what was counted is a few dozen at best, and an edge must not be a cliff.
        near = [(at, 1.0 if at == index else 0.5) for at in range(max(index - 1, 0), min(index + 2, BIN_COUNT))]
        ends = sum(weight * (self.ends[at] + _PRIOR_ENDS[at]) for at, weight in near)
        ages_s = sum(weight * (self.ages_s[at] + _PRIOR_AGES_S[at]) for at, weight in near)
        return ends / ages_s


@dataclass(slots=True)
class OutageBook:
    """The outages of each network this device knows."""

    _networks: OrderedDict[bytes, Outages] = field(default_factory=OrderedDict)

    def of(self, network: bytes) -> Outages:
        """What is known of a network, named by whatever tells it from others; it is the newest now."""
        found = self._networks.setdefault(network, Outages())
        self._networks.move_to_end(network)
        while len(self._networks) > NETWORKS_MAX:
            self._networks.popitem(last=False)
        return found

    def __len__(self) -> int:
        return len(self._networks)


def _bin_of(age_s: float) -> int:
    return min(max(bisect_right(EDGES_S, age_s) - 1, 0), BIN_COUNT - 1)


_PRIOR_ENDS = _prior_ends()
_PRIOR_AGES_S = _prior_ages_s()
