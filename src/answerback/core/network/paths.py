"""Keeps all ways to the relay side by side: one carries the mail, one may stand by, the others rest.

Theory. Where nobody can tell interfaces apart there is one path, which is always in use. Where there are several, each
has a `Path` of its own, and `Choice` says which is in use and which holds a connection beside it. A move to a path
whose connection stands already is a word to the relay (`TakeOver`); a move to one that has none is made before the old
connection is broken, unless that one is dead anyway. A path that went, or leads somewhere else now, is evidence; one
that came is worth a question.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from answerback.core.effects import Effect, Reason, Wake
from answerback.core.facts import KeepNetwork
from answerback.core.network.attempts import Numbers
from answerback.core.network.choice import Choice, Metered, Seen
from answerback.core.network.evidence import Evidence
from answerback.core.network.interfaces import ANY_PATH, PathSeen, changes
from answerback.core.network.keepalive import Bounds
from answerback.core.network.outages import OutageBook
from answerback.core.network.path import Path
from answerback.core.network.probe_budget import Allowance
from answerback.core.network.repetitions import UNKNOWN, Repetitions

PATHS_MAX = 16
"""Interfaces that are remembered: more than a device has."""


@dataclass(slots=True)
class Paths:
    """All paths of one device."""

    numbers: Numbers = field(default_factory=Numbers)
    choice: Choice = field(default_factory=Choice)
    metered: Metered = Metered.URGENT
    outages: OutageBook = field(default_factory=OutageBook)
    _by_name: dict[str, Path] = field(default_factory=dict)
    _seen: dict[str, PathSeen] = field(default_factory=dict)
    """What the last look found; empty before the first."""
    _in_use: str = ANY_PATH
    _standby: str | None = None
    is_silent: bool = False
    """The connection in use brought mail steadily and brings none, nor an answer: a sign that is no verdict yet."""
    _is_watched: bool = False
    _decided_s: float = 0.0
    _known: dict[bytes, KeepNetwork] = field(default_factory=dict)
    _probes: Allowance | None = None
    _quiet: Bounds | None = None
    _repetitions: Repetitions = UNKNOWN

    # ---- which there are

    @property
    def current(self) -> Path:
        """The path that carries the mail, or that is asked first whether it can."""
        return self._named(self._in_use)

    @property
    def standby(self) -> Path | None:
        """The path that holds a connection beside it, or is to."""
        return self._by_name.get(self._standby) if self._standby is not None else None

    @property
    def seen(self) -> tuple[PathSeen, ...]:
        """What the last look found."""
        return tuple(self._seen.values())

    def active(self) -> Iterator[Path]:
        """Those that have connections, or are being asked."""
        yield self.current
        standby = self.standby
        if standby is not None and standby is not self.current:
            yield standby

    def of(self, line: int) -> Path | None:
        """Whose connection, or attempt, this is."""
        return next((path for path in self._by_name.values() if path.holds(line)), None)

    # ---- what is seen

    def network_seen(self, found: Iterable[PathSeen], *, now_s: float, draw: float) -> list[Effect]:
        """A look has found these paths."""
        found = tuple(found)[:PATHS_MAX]
        differences = {change.name: change for change in changes(self._seen.values(), found)}
        is_first, self._is_watched = not self._is_watched, True
        self._seen = {path.name: path for path in found}
        if is_first:
            self._adopt(found)
            differences = {}
        effects: list[Effect] = []
        for name, change in differences.items():
            path, seen = self._named(name), self._seen.get(name)
            if seen is None:
                path.absent(now_s=now_s)
                continue
            is_elsewhere = path.moved(seen.network, self.outages.of(seen.network))
            if name not in (self._in_use, self._standby):
                path.present(now_s=now_s)
            elif is_elsewhere or change.is_awakening or change.is_ending:
                effects += path.hint(Evidence.NETWORK_CHANGED, now_s=now_s, draw=draw)
        if not found:
            self.current.absent(now_s=now_s)
        self._forget()
        return effects

    def decide(self, *, is_urgent: bool, now_s: float) -> Path | None:
        """Say which path mail should be on, if that is not the one in use."""
        if not self._has_choice:
            return None
        self._decided_s = now_s
        seen = tuple(
            Seen(
                name,
                self._named(name).verdict,
                self._named(name).estimate,
                is_metered=each.is_metered,
                is_doubted=self.is_silent if name == self._in_use else self._named(name).is_doubted,
            )
            for name, each in self._seen.items()
        )
        chosen = self.choice.decide(seen, metered=self.metered, is_urgent=is_urgent, now_s=now_s)
        is_same = chosen.in_use is None or chosen.in_use == self._in_use
        return None if is_same else self._named(chosen.in_use or self._in_use)

    def restore(self, known: Iterable[KeepNetwork]) -> None:
        """Go on with what an earlier run of this device learned of networks."""
        self._known = {each.network: each for each in known}

    def learned(self) -> list[KeepNetwork]:
        """What was learned of networks since this was last asked."""
        found = [each for path in self._by_name.values() for each in path.keepalive.snapshot()]
        fresh = [each for each in found if each.network and self._known.get(each.network) != each]
        self._known |= {each.network: each for each in fresh}
        return fresh

    def adapt(self, probes: Allowance, quiet: Bounds) -> None:
        """Spend so much on finding the network again, and be quiet for so long, from now on."""
        self._probes, self._quiet = probes, quiet
        for path in self._by_name.values():
            self._fit(path)

    def counts(self, repetitions: Repetitions) -> None:
        """Which kernel repeats this device's SYNs."""
        self._repetitions = repetitions
        for path in self._by_name.values():
            path.counts(repetitions)

    def stand_by(self, *, now_s: float) -> list[Effect]:
        """Begin the standby that was chosen, or let go of one that no longer is.

        Where mail is to move to a path that has no connection yet, that one stands by first: make before break.
        """
        chosen = self.choice.chosen
        wanted = chosen.in_use if chosen.in_use != self._in_use else chosen.standby
        if wanted == self._standby or not self._has_choice:
            return []
        effects: list[Effect] = []
        old = self.standby
        if old is not None:
            effects = old.rest(now_s=now_s)
        self._standby = wanted
        if wanted is not None:
            path = self._named(wanted)
            path.is_standby = True
            path.start(now_s=now_s)
        return effects

    def move(self, new: Path, *, now_s: float, anew: bool = False) -> list[Effect]:
        """Let another path be the one in use, `anew` with a connection of its own; the one before rests."""
        old = self.current
        effects = old.rest(now_s=now_s) if old is not new else []
        if anew:
            effects += new.rest(now_s=now_s)
        self._in_use = new.name
        self.is_silent = False
        if self._standby == new.name:
            self._standby = None
        new.is_standby = False
        if not new.up:
            new.start(now_s=now_s)
        return effects

    @property
    def wake_at(self) -> Wake | None:
        """When any of them has something to do, or the choice may be another."""
        wakes = [path.wake_at for path in self.active()]
        choice_s = self.choice.wake_at_s(now_s=self._decided_s) if self._has_choice else None
        if choice_s is not None:
            wakes.append(Wake(choice_s, Reason.TURN))
        return min((wake for wake in wakes if wake is not None), key=lambda wake: wake.at_s, default=None)

    # ---- private

    @property
    def _has_choice(self) -> bool:
        is_alone = len(self._seen) <= 1 and self._standby is None and self._in_use in self._seen
        return bool(self._seen) and not is_alone

    def _named(self, name: str) -> Path:
        path = self._by_name.get(name)
        if path is None:
            path = self._by_name[name] = Path(name, self.numbers)
            path.keepalive.restore(self._known.values())
            path.counts(self._repetitions)
            self._fit(path)
        return path

    def _forget(self) -> None:
        """Interfaces come and go with every cable and every container; the one unseen longest is forgotten first."""
        kept = {self._in_use, self._standby, *self._seen}
        for name in [name for name in self._by_name if name not in kept][: max(0, len(self._by_name) - PATHS_MAX)]:
            del self._by_name[name]

    def _fit(self, path: Path) -> None:
        if self._probes is not None and self._quiet is not None:
            path.recovery.budget.allowance = self._probes
            path.keepalive.bounds = self._quiet

    def _adopt(self, found: tuple[PathSeen, ...]) -> None:
        """The first look: what was begun without a name leaves by the path that the system prefers."""
        if not found:
            return
        unnamed = self._by_name.pop(ANY_PATH, None)
        self._in_use = found[0].name
        if unnamed is not None:
            unnamed.name = self._in_use
            self._by_name[self._in_use] = unnamed
        for seen in found:
            self._named(seen.name).moved(seen.network, self.outages.of(seen.network))
