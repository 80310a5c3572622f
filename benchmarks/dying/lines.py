"""Paths that end at a moment, lines on them, and what a device may do about it."""

from dataclasses import dataclass
from random import Random

from answerback.core.network.choice import Choice, Metered, Seen
from answerback.core.network.estimate import Estimate
from answerback.core.network.hedging import Hedging
from answerback.core.network.silence import Silence
from answerback.core.network.standing import Judgement
from answerback.lab.links import Link
from answerback.lab.schedule import Piece, Rates, Schedule
from answerback.model.ids import EnvelopeId
from benchmarks.beside_bulk.road import Action, Bottleneck, Clock
from benchmarks.beside_bulk.tcp import Tcp

SET_UP_ROUNDS = 3.5
"""A SYN, TLS 1.3, and the request for the WebSocket with a ticket, until mail is at the relay."""
DISK_S = 0.005
"""Until a commit is durable, at the relay and at the device."""
UNSENT_BYTES_MAX = 16 * 1024
PING_BYTES = 60
FIRST, SECOND = "first", "second"
"""The path that is in use and dies, and the good one."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What a device does."""

    name: str
    stands_by: bool
    """A connection stands on the second path."""
    hedges: bool
    says_twice: bool = False
    """Everything urgent, at once: what nothing can beat, at twice the bytes."""


RULES = (
    Rule("no standby", stands_by=False, hedges=False),
    Rule("standby", stands_by=True, hedges=False),
    Rule("standby and hedging", stands_by=True, hedges=True),
    Rule("all twice", stands_by=True, hedges=False, says_twice=True),
)


@dataclass(frozen=True, slots=True)
class Way:
    """How a path is while it lives: the round trip of an empty one, and its link."""

    rtt_s: float
    link: Link


def steady(rtt_s: float, mbps: float, *, loss: float = 0.0) -> Way:
    """A path of one rate."""
    rates = Rates((Piece(3600.0, mbps * 1e6),))
    return Way(rtt_s, Link(f"{1000 * rtt_s:g} ms", "One rate.", rates, rates, delay_s=rtt_s / 2, loss=loss))


class Mortal(Bottleneck):
    """One direction of a path, until nothing arrives any more."""

    def __init__(self, clock: Clock, link: Link, schedule: Schedule, *, dies_s: float, seed: int) -> None:
        super().__init__(clock, link, schedule, random=Random(seed))
        self._dies_s = dies_s

    def send(self, size_bytes: int, arrived: Action, *arguments: object) -> None:
        """Queue one packet."""
        super().send(size_bytes, self._arrive, arrived, arguments)

    def _arrive(self, arrived: Action, arguments: tuple[object, ...]) -> None:
        if self._clock.now_s < self._dies_s:
            arrived(*arguments)


class Line:
    """What a device has on one path: a connection for frames, one for files, each both ways."""

    def __init__(self, clock: Clock, name: str, way: Way, *, dies_s: float, seed: int) -> None:
        self.name, self.way = name, way
        up = Mortal(clock, way.link, way.link.up, dies_s=dies_s, seed=seed)
        down = Mortal(clock, way.link, way.link.down, dies_s=dies_s, seed=seed + 1)
        self.frames_up = Tcp(clock, up, down, unsent_bytes_max=UNSENT_BYTES_MAX)
        self.frames_down = Tcp(clock, down, up, unsent_bytes_max=UNSENT_BYTES_MAX)
        self.files_up = Tcp(clock, up, down, unsent_bytes_max=UNSENT_BYTES_MAX)
        self.files_down = Tcp(clock, down, up, unsent_bytes_max=None)


class Device:
    """What a device knows of its two paths, and which it uses: the machines of `core`."""

    is_reader = False
    """It moves when what came steadily comes no more; who writes says texts twice."""

    def __init__(self, clock: Clock, rule: Rule, lines: tuple[Line, Line]) -> None:
        self.clock, self.rule = clock, rule
        self.lines = {line.name: line for line in lines}
        self.estimates = {line.name: Estimate() for line in lines}
        self.judgements = {line.name: Judgement() for line in lines}
        self.silence = Silence()
        self.hedging = Hedging()
        self.choice = Choice()
        self.in_use = FIRST
        self.moved_s: list[float] = []
        self.written_s: dict[EnvelopeId, float] = {}
        self.arrived_s: dict[EnvelopeId, float] = {}
        self.again = 0
        """What came to the other end a second time, and is known there: by its id to the relay, by its place to us."""
        self._doubted: str | None = None
        self._wakes_s: set[float] = set()
        self.judgements[FIRST].welcomed(now_s=clock.now_s)
        if rule.stands_by:
            self.judgements[SECOND].welcomed(now_s=clock.now_s)
        self._choose()

    @property
    def other(self) -> str:
        """The path that is not in use."""
        return SECOND if self.in_use == FIRST else FIRST

    def heard(self, name: str, *, is_owed: bool) -> None:
        """Anything came on a line."""
        now_s = self.clock.now_s
        if name != self.in_use:
            self.judgements[name].heard(self.estimates[name], now_s=now_s)
            return
        self.hedging.heard(now_s=now_s)
        self.silence.heard(now_s=now_s)
        self.silence.expects(owed=is_owed, now_s=now_s)
        self.judgements[name].heard(self.estimates[name], now_s=now_s)
        self._doubted = None

    def wake(self, at_s: float | None) -> None:
        """Look again at a moment."""
        if at_s is not None and at_s not in self._wakes_s:
            self._wakes_s.add(at_s)
            self.clock.at(max(at_s, self.clock.now_s), self._woken, at_s)

    def look(self) -> None:
        """See what is due, and what is next."""
        now_s, estimate = self.clock.now_s, self.estimates[self.in_use]
        doubt_at_s = self.hedging.doubt_at_s if self.rule.hedges and self.is_reader else None
        if doubt_at_s is not None and doubt_at_s <= now_s:
            self._doubted = self.in_use
            self._choose()
        else:
            self.wake(doubt_at_s)
        due = self.silence.due(estimate.rto_s)
        if due is not None and due.at_s <= now_s:
            self.silence.notice()
            self.judgements[self.in_use].silent(now_s - self.silence.heard_s, borne_s=estimate.rto_s, now_s=now_s)
            self._choose()
        due = self.silence.due(self.estimates[self.in_use].rto_s)
        self.wake(due.at_s if due else None)

    def begin(self) -> None:
        """Begin with the bulk."""
        raise NotImplementedError

    def urgent(self) -> None:
        """There is an urgent text."""
        raise NotImplementedError

    def took_over(self) -> None:
        """Say again on the new line what has no answer; each kind of device has its own."""
        raise NotImplementedError

    def _woken(self, at_s: float) -> None:
        self._wakes_s.discard(at_s)
        self.look()

    def _pinged(self, name: str) -> None:
        self.lines[name].frames_down.write(PING_BYTES, lambda: self.heard(name, is_owed=False))

    def _choose(self) -> None:
        seen = tuple(
            Seen(name, self.judgements[name].verdict, self.estimates[name], is_doubted=name == self._doubted)
            for name in self.lines
        )
        now_s = self.clock.now_s
        chosen = self.choice.decide(seen, metered=Metered.ALWAYS, is_urgent=self.hedging.is_busy, now_s=now_s)
        if chosen.in_use is not None and chosen.in_use != self.in_use:
            self._move(chosen.in_use)
        elif not self.rule.stands_by and self.judgements[self.in_use].verdict.standing.value == "stalled":
            way = self.lines[self.other].way
            self.clock.at(now_s + SET_UP_ROUNDS * way.rtt_s, self._connected, self.other)

    def _connected(self, name: str) -> None:
        self.judgements[name].welcomed(now_s=self.clock.now_s)
        self._choose()

    def _move(self, name: str) -> None:
        now_s, old = self.clock.now_s, self.in_use
        # What was left is asked whether it is there: until it answers, it counts as stalled.
        self.judgements[old].silent(now_s - self.silence.heard_s, borne_s=0.0, now_s=now_s)
        self.lines[old].frames_up.write(PING_BYTES, lambda: self._pinged(old))
        self.in_use, self._doubted = name, None
        self.moved_s.append(self.clock.now_s)
        self.hedging.ended()
        self.silence.restart(now_s=self.clock.now_s)
        self.took_over()
