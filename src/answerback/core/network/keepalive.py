"""Learns for how long each network lets a quiet connection live, and says when the next sign of life is due.

Theory. Between a device and its relay stand translators of addresses that forget a quiet connection after a while,
without a word: 30 s at the strictest, half an hour at many. Whoever speaks more often than needed wakes a radio for
nothing; whoever speaks too seldom is dead and does not know it. So the limit is looked for: after an answer that came
when all had been quiet for so long, a little longer is tried; after a quiet from which nothing came back, although a
new connection on the same network worked at once, less. Limits stand at round numbers, so what is tried first is just
below each of those; then the gap is halved until it is too small to matter.

What is at risk in a trial is a connection, and mail that comes late by one interval. So a trial is never made while an
answer is owed or mail is under way, each network loses a few connections to the search and no more, and what was
learned outlives the program. The surprising rule: a network that breaks an interval it had borne is not searched again
before a rest, which doubles; its limit is not a limit but a mood.
"""

import math
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

from answerback.core.facts import KeepNetwork
from answerback.core.waking import Reason, Wake

RUNGS_S = (25.0, 55.0, 110.0, 170.0, 290.0, 580.0, 880.0, 1180.0, 1770.0, 3540.0)
"""Just below the round numbers at which translators forget: half a minute, one, two, three, five minutes, and on."""
NEAR = 1.2
"""A limit known to within this is known: what is left would save less than a fifth of the packets."""
HEARD_SHARE = 0.95
"""Mail that comes after a quiet shows that so much was borne, but not by how little: a twentieth less is believed."""
FALL_SHARE = 0.5
"""After a quiet that had been borne before broke a connection, so much of it is tried at most."""
REST_S = 3600.0
REST_S_MAX = 24 * 3600.0
"""After each connection that was lost to a trial beyond the first few, no more trials for so long, doubling."""
DEATHS_FREE = 4
"""What a search costs at most where the limit does not move: one step too far and three halvings."""
NETWORKS_MAX = 16
"""Networks told apart: home, work, a few trains; the one unused longest is forgotten."""


@dataclass(slots=True)
class _Limit:
    borne_s: float
    """The longest quiet after which an answer came."""
    broken_s: float = math.inf
    """The shortest from which nothing came back."""
    deaths: int = 0
    rests_until_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far apart signs of life may be, at the least and at the most."""

    floor_s: float
    ceiling_s: float


@dataclass(slots=True)
class Keepalive:
    """How long quiet is borne, network by network."""

    bounds: Bounds
    network: bytes = b""
    _limits: OrderedDict[bytes, _Limit] = field(default_factory=OrderedDict)
    _spoke_s: float = 0.0
    """When anything last went either way."""

    # ---- verbs

    def use(self, network: bytes, bounds: Bounds, *, now_s: float) -> None:
        """Say which network the connection is on, and what its platform and mode allow."""
        self.network, self.bounds = network, bounds
        self._limit.borne_s = max(self._limit.borne_s, self.bounds.floor_s)
        self._spoke_s = max(self._spoke_s, now_s)

    def spoke(self, *, now_s: float) -> None:
        """Something went to the relay: translators remember the connection anew."""
        self._spoke_s = now_s

    def heard(self, *, now_s: float) -> None:
        """Something came by itself: a quiet of this length is borne."""
        self._learn_borne(HEARD_SHARE * (now_s - self._spoke_s))
        self._spoke_s = now_s

    def interval_s(self, *, owed: bool, now_s: float) -> float:
        """How long to stay quiet now; while anything is owed, no longer than is known to be borne."""
        trial_s = self._next_trial_s(now_s=now_s) if not owed else None
        return trial_s if trial_s is not None else self._within(self._limit.borne_s)

    def due(self, *, owed: bool, now_s: float) -> Wake:
        """When the next sign of life is due."""
        return Wake(self._spoke_s + self.interval_s(owed=owed, now_s=now_s), Reason.KEEPALIVE)

    def ask(self, *, now_s: float) -> float:
        """A sign of life is sent: returns after how long a quiet, which is what its answer, or none, will show."""
        quiet_s, self._spoke_s = now_s - self._spoke_s, now_s
        return quiet_s

    def survived(self, quiet_s: float, *, now_s: float) -> None:
        """The sign of life that was sent after such a quiet had its answer."""
        self._learn_borne(quiet_s)
        self._spoke_s = max(self._spoke_s, now_s)

    def died(self, quiet_s: float, *, came_back_at_once: bool, now_s: float) -> None:
        """Nothing came back after such a quiet; it was the quiet only if a new connection worked at once."""
        self._spoke_s = max(self._spoke_s, now_s)
        if not came_back_at_once or quiet_s < self.bounds.floor_s:
            return
        limit = self._limit
        limit.deaths += 1
        if quiet_s <= limit.borne_s:
            limit.borne_s = max(self._rung_below(FALL_SHARE * quiet_s), self.bounds.floor_s)
            limit.broken_s = quiet_s
        else:
            limit.broken_s = min(limit.broken_s, quiet_s)
        if limit.deaths > DEATHS_FREE:
            doublings = min(limit.deaths - DEATHS_FREE - 1, 8)
            limit.rests_until_s = now_s + min(REST_S * 2.0**doublings, REST_S_MAX)

    # ---- what is remembered over restarts

    def snapshot(self) -> tuple[KeepNetwork, ...]:
        """Everything learned, the network used last at the end."""
        return tuple(
            KeepNetwork(network, limit.borne_s, 0.0 if math.isinf(limit.broken_s) else limit.broken_s, limit.deaths)
            for network, limit in self._limits.items()
        )

    def restore(self, known: Iterable[KeepNetwork]) -> None:
        """Go on with what an earlier run of this device learned."""
        for each in known:
            broken_s = each.broken_s or math.inf
            self._limits[each.network] = _Limit(each.borne_s, broken_s, each.deaths)
        self._forget()

    @property
    def searching(self) -> bool:
        """Whether longer intervals are still to be tried on this network."""
        return self._candidate_s() is not None

    # ---- private

    @property
    def _limit(self) -> _Limit:
        limit = self._limits.setdefault(self.network, _Limit(self.bounds.floor_s))
        self._limits.move_to_end(self.network)
        self._forget()
        return limit

    def _forget(self) -> None:
        while len(self._limits) > NETWORKS_MAX:
            self._limits.popitem(last=False)

    def _within(self, quiet_s: float) -> float:
        return min(max(quiet_s, self.bounds.floor_s), self.bounds.ceiling_s)

    def _learn_borne(self, quiet_s: float) -> None:
        limit = self._limit
        if quiet_s > limit.borne_s:
            limit.borne_s = min(quiet_s, RUNGS_S[-1])
            if limit.borne_s >= limit.broken_s:  # it was no limit after all, or it has moved
                limit.broken_s = math.inf

    def _next_trial_s(self, *, now_s: float) -> float | None:
        return self._candidate_s() if now_s >= self._limit.rests_until_s else None

    def _candidate_s(self) -> float | None:
        """The quiet to try next; none once the limit is known well enough, or nothing longer is of use."""
        limit, ceiling_s = self._limit, self.bounds.ceiling_s
        borne_s = self._within(limit.borne_s)
        if borne_s >= ceiling_s * HEARD_SHARE or limit.broken_s <= borne_s * NEAR:
            return None
        longer_s = next((rung_s for rung_s in RUNGS_S if rung_s > borne_s * NEAR), ceiling_s)
        if longer_s >= limit.broken_s:
            longer_s = math.sqrt(borne_s * limit.broken_s)
        return min(longer_s, ceiling_s)

    @staticmethod
    def _rung_below(quiet_s: float) -> float:
        return max((rung_s for rung_s in RUNGS_S if rung_s <= quiet_s), default=RUNGS_S[0])
