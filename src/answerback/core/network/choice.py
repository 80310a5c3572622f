"""Says which path is in use, which stands by, and when to move: at once from a dead one, slowly to a better one.

Theory. Moving is cheap with a connection that stands already, but not free: mail that is not yet taken is handed over
again, and a device that moves at every change helps nobody. So what is *lost* moves at once, and what is merely
*better* only when it has been well for a while, better for a while, and by a margin (hysteresis). A path that was left
because it failed has to be well for longer before it is trusted again, twice as long each time; standing firm for as
long forgives it. And whatever happens, there are at most `MOVES_MAX` moves a minute, of which a part is kept for paths
that die.

The surprising rule: the path in use stays named while it is down and no other is there. Somebody has to ask whether it
is back, and the one that was good last is the best guess.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum, unique

from answerback.core.network.estimate import Estimate
from answerback.core.network.standing import Sign, Standing, Verdict

WELL_S = 10.0
"""So long a path must be up before anything returns to it: two of the waits after which `standing` believes a path."""
WELL_S_MAX = 300.0
BETTER_S = 5.0
"""And so long the better one."""
BETTER_SHARE = 0.6
"""A better path takes at most this part of the time of the one in use ..."""
BETTER_S_MIN = 0.02
"""... and this much less: below it nobody notices, and one lost packet makes more difference."""
LOST_S = 0.5
"""What a lost packet costs, roughly: the time it takes to notice and to send it again."""
MOVES_MAX = 10
RETURNS_MAX = 4
"""Of these moves, to a path that is only better: the others are kept for paths that die."""
MOVES_WINDOW_S = 60.0
LINGER_S = 30.0
"""A metered path may be used, or stand by, for so long after the last reason for it: setting a connection up anew for
each text would cost more."""
NAMES_MAX = 16
"""Paths that are remembered to have failed: more interfaces than a device has."""
STANDBY_S_MIN = 10.0
"""A standby is given so long to be set up before another path is tried instead."""


@unique
class Metered(Enum):
    """When paths that cost money by the byte may be used."""

    NEVER = "never"
    URGENT = "for urgent mail"
    ALWAYS = "whenever it helps"


@unique
class Because(Enum):
    """Why the path in use is the one in use."""

    NONE = "no path may be used"
    FIRST = "it was the first that worked"
    LOST = "the one before stopped working"
    FORBIDDEN = "the one before may not be used now"
    BETTER = "it has been better for a while"


@dataclass(frozen=True, slots=True)
class Seen:
    """One path, as it is now."""

    name: str
    verdict: Verdict
    estimate: Estimate
    is_metered: bool = False
    is_doubted: bool = False
    """There is a sign against it that is no verdict yet: what was said again on another path was answered first."""

    @property
    def cost_s(self) -> float:
        """How long a message takes on it, half of them lost ones included."""
        estimate = self.estimate
        return estimate.rtt_s + 2 * estimate.rtt_deviation_s + LOST_S * estimate.loss


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which path carries what is said, and which holds a connection beside it."""

    in_use: str | None
    standby: str | None
    because: Because
    since_s: float


@dataclass(slots=True)
class Choice:
    """The choice among one device's paths."""

    chosen: Chosen = field(default_factory=lambda: Chosen(None, None, Because.NONE, 0.0))
    _last: str | None = None
    """The path in use, or the last one that was."""
    _moves_s: deque[float] = field(default_factory=lambda: deque(maxlen=MOVES_MAX))
    _better_since_s: dict[str, float] = field(default_factory=dict)
    _needs_s: dict[str, float] = field(default_factory=dict)
    """How long a path that has failed must be well; all others `WELL_S`."""
    _urgent_s: float | None = None
    _shaky_s: float | None = None
    """When the path in use was last seen to be less than up."""
    _standby_since_s: float = 0.0
    _wakes_s: list[float] = field(default_factory=list)

    def decide(self, seen: tuple[Seen, ...], *, metered: Metered, is_urgent: bool, now_s: float) -> Chosen:
        """Look at all paths, the first of equals first; `is_urgent` while urgent mail has no answer."""
        self._wakes_s.clear()
        self._urgent_s = now_s if is_urgent else self._urgent_s
        in_use, because = self._in_use(seen, metered, now_s)
        path = _named(seen, in_use)
        if path is None or _rank(path) > _UP:
            self._shaky_s = now_s
        standby = self._standby(seen, in_use, metered, now_s)
        before = self.chosen
        since_s = before.since_s if in_use == before.in_use else now_s
        self.chosen = Chosen(in_use, standby, because, since_s)
        return self.chosen

    def wake_at_s(self, *, now_s: float) -> float | None:
        """When `decide` may say something else though nothing else has changed."""
        return min((at_s for at_s in self._wakes_s if at_s > now_s), default=None)

    # ---- the path in use

    def _in_use(self, seen: tuple[Seen, ...], metered: Metered, now_s: float) -> tuple[str | None, Because]:
        allowed = [path for path in seen if not path.is_metered or self._may_use(metered, now_s)]
        working = [path for path in allowed if _rank(path) <= _DEGRADED]
        current = _named(allowed, self.chosen.in_use)
        if current is None:
            is_there = _named(seen, self.chosen.in_use) is not None
            why = Because.FORBIDDEN if is_there else Because.FIRST if self.chosen.in_use is None else Because.LOST
            candidate = min(working or allowed, key=_order, default=None)
            return self._move(candidate, why, now_s, stays=(None, Because.NONE))
        stays = (current.name, self.chosen.because)
        self._forgive(current, now_s)
        if _rank(current) > _DEGRADED:
            why = Because.FIRST if _rank(current) == _UNTRIED else Because.LOST
            return self._move(min(working, key=_order, default=None), why, now_s, stays=stays)
        better = self._ready([path for path in working if _is_better(path, current, metered)], now_s)
        return self._move(min(better, key=_order, default=None), Because.BETTER, now_s, stays=stays)

    def _move(
        self, path: Seen | None, because: Because, now_s: float, *, stays: tuple[str | None, Because]
    ) -> tuple[str | None, Because]:
        if path is None:
            return stays
        if self._last is not None and path.name != self._last:
            moves_max = RETURNS_MAX if because is Because.BETTER else MOVES_MAX
            if len(self._moves_s) >= moves_max and now_s - self._moves_s[-moves_max] < MOVES_WINDOW_S:
                self._wakes_s.append(self._moves_s[-moves_max] + MOVES_WINDOW_S)
                return stays
            self._moves_s.append(now_s)
            if because is Because.LOST:
                self._distrust(self._last)
            self._better_since_s.clear()
        self._last = path.name
        return path.name, because

    def _ready(self, better: list[Seen], now_s: float) -> list[Seen]:
        """Those that have been well, and better, for long enough."""
        names = {path.name for path in better}
        self._better_since_s = {name: since for name, since in self._better_since_s.items() if name in names}
        found: list[Seen] = []
        for path in better:
            well_s = self._needs_s.get(path.name, WELL_S)
            due_s = max(self._better_since_s.setdefault(path.name, now_s) + BETTER_S, path.verdict.since_s + well_s)
            if due_s <= now_s:
                found.append(path)
            else:
                self._wakes_s.append(due_s)
        return found

    def _distrust(self, name: str) -> None:
        needs_s = min(2 * self._needs_s.pop(name, WELL_S), WELL_S_MAX)
        if len(self._needs_s) >= NAMES_MAX:
            del self._needs_s[next(iter(self._needs_s))]
        self._needs_s[name] = needs_s

    def _forgive(self, current: Seen, now_s: float) -> None:
        since_s = max(self.chosen.since_s, current.verdict.since_s)
        if _rank(current) <= _DEGRADED and now_s - since_s >= self._needs_s.get(current.name, WELL_S):
            self._needs_s.pop(current.name, None)

    # ---- the one that stands by

    def _standby(self, seen: tuple[Seen, ...], in_use: str | None, metered: Metered, now_s: float) -> str | None:
        others = [
            path
            for path in seen
            if path.name != in_use
            and _rank(path) < _CLOSED
            and (not path.is_metered or self._may_stand_by(metered, now_s))
        ]
        best = min(others, key=_standby_order, default=None)
        kept = _named(others, self.chosen.standby)
        if best is None or in_use is None:
            return None
        if kept is not None and _class(kept) <= _class(best):
            best = kept if _rank(kept) <= _DEGRADED or _rank(best) >= _rank(kept) else best
        if kept is not None and now_s < self._standby_since_s + STANDBY_S_MIN:
            self._wakes_s.append(self._standby_since_s + STANDBY_S_MIN)
            return kept.name
        if best is not kept:
            self._standby_since_s = now_s
        return best.name

    # ---- what may cost money

    def _may_use(self, metered: Metered, now_s: float) -> bool:
        return metered is Metered.ALWAYS or (metered is Metered.URGENT and self._lately(self._urgent_s, now_s))

    def _may_stand_by(self, metered: Metered, now_s: float) -> bool:
        for_urgent = metered is not Metered.NEVER and self._lately(self._urgent_s, now_s)
        return for_urgent or (metered is Metered.ALWAYS and self._lately(self._shaky_s, now_s))

    def _lately(self, at_s: float | None, now_s: float) -> bool:
        if at_s is None or now_s >= at_s + LINGER_S:
            return False
        self._wakes_s.append(at_s + LINGER_S)
        return True


_UP, _DEGRADED, _UNTRIED, _STALLED, _DOWN, _CLOSED = range(6)
_RANKS = {
    Standing.UP: _UP,
    Standing.DEGRADED: _DEGRADED,
    Standing.STALLED: _STALLED,
    Standing.DOWN: _DOWN,
    Standing.CAPTIVE: _CLOSED,
}


def _rank(path: Seen) -> int:
    """How much may be hoped of a path; the least is most."""
    if path.verdict.sign is Sign.NO_INTERFACE:
        return _CLOSED
    if path.verdict.sign is Sign.NOTHING_YET:
        return _UNTRIED
    rank = _RANKS[path.verdict.standing]
    return max(rank, _STALLED) if path.is_doubted else rank


def _order(path: Seen) -> tuple[int, bool, float]:
    return _rank(path), path.is_metered, path.cost_s


def _class(path: Seen) -> tuple[bool, bool]:
    return _rank(path) > _UNTRIED, path.is_metered


def _standby_order(path: Seen) -> tuple[bool, bool, int, float]:
    return *_class(path), _rank(path), path.cost_s


def _is_better(path: Seen, current: Seen, metered: Metered) -> bool:
    """Whether a path that works is better by a margin than the one in use, which works as well."""
    if path.name == current.name or _rank(path) > _rank(current):
        return False
    if path.is_metered != current.is_metered:
        return current.is_metered or (metered is Metered.ALWAYS and _rank(path) < _rank(current))
    if _rank(path) < _rank(current):
        return True
    return path.cost_s <= BETTER_SHARE * current.cost_s and path.cost_s <= current.cost_s - BETTER_S_MIN


def _named(paths: Iterable[Seen], name: str | None) -> Seen | None:
    return next((path for path in paths if path.name == name), None)
