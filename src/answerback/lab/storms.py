"""Plays the return of a crowd in virtual time: real decisions of a relay and of its devices, measured costs.

Theory. A relay is one event loop: whatever there is to do waits in one queue and costs processor time that was measured
on a real one. What decides who begins when is the relay's own `Turnstile`; beside it stands a relay whose door is wide
open, as most servers' doors are. Before both is the system: it answers SYNs while its line of connections that the
relay has not taken yet has room, even if the relay does nothing, and refuses them while there is no relay. Work for
somebody who has given up is done all the same: that is how a relay can work without end and serve nobody.

The oracle knows everybody and wastes nothing: the crowd's size times what serving one costs.
"""

import heapq
import itertools
import math
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from answerback.core.network.repetitions import LINEAR
from answerback.lab.crowd import Device, Line, Ours, Policy, Rival
from answerback.relay.entrance import BACKLOG, LOOK_S, TLS_HELLO_S_MAX, TURN_S
from answerback.relay.turnstile import Turnstile

ROUND_TRIP_S = (0.03, 0.2)
WINDOW_S = 5.0
"""Over which goodput is judged."""
END_S = 900.0
CALM_S = 60.0
"""After a relay that stood still goes on, so long is looked what is still done for nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Processor time of the relay, in seconds, as measured."""

    accept_s: float = 0.00005
    handshake_s: float = 0.0007
    let_in_s: float = 0.0008
    """Upgrade, challenge, signature, opening the mailbox, handing over what waits."""
    look_s: float = 0.00001
    """To see that somebody who waited has hung up."""
    answer_s: float = 0.0001
    """To answer on a connection that stands."""

    @property
    def one_s(self) -> float:
        """What serving one device costs."""
        return self.accept_s + self.handshake_s + self.let_in_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """One return of a crowd: at 0 the relay is there again, or stands still while all connections stay."""

    clients: int
    stop_s: float
    costs: Costs
    policy: Policy | None = None
    """Of rivals; none for the path of the core."""
    has_turnstile: bool = True
    backlog: int = BACKLOG
    """Connections that the system keeps until the relay takes them; while there are more it answers no SYN."""
    seed: int = 1
    told_s: Callable[[], float] | None = None
    """What a relay that stops in good order tells the next device; none if it was killed."""
    frozen_s: float = 0.0
    """The relay was not away, but does nothing for so long, while each device writes something to it."""


@dataclass(slots=True, kw_only=True)
class Course:
    """What happened; times from the relay's return."""

    oracle_s: float
    welcomed_s: list[float] = field(default_factory=list)
    """When each was in; of a relay that stood still, when each was answered on some connection."""
    attempts: int = 0
    """SYNs since the relay's return, but for those that the system sent again."""
    setups: int = 0
    """How many of those went on to TLS."""
    served: int = 0
    """Connections that the relay welcomed, whether or not they were still wanted."""
    line_max: int = 0
    """The most connections that waited at a time, each a file and a socket of the system."""
    busy_s: float = 0.0
    """Processor time until the last was in."""
    starved: int = 0
    worst_share: float = 1.0
    """Of the relay's capacity: the least that was served in any five seconds while most still waited."""

    @property
    def full_s(self) -> float:
        """When the last was in."""
        return self.welcomed_s[-1] if self.welcomed_s and not self.starved else math.inf

    def within_s(self, share: float) -> float:
        """When this share of all was in."""
        index = math.ceil(share * (len(self.welcomed_s) + self.starved)) - 1
        return self.welcomed_s[index] if index < len(self.welcomed_s) else math.inf


class _World:
    def __init__(self, storm: Storm) -> None:
        self._storm = storm
        self.chance = random.Random(storm.seed)
        self.now_s = 0.0 if storm.frozen_s else -storm.stop_s
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._jobs: deque[tuple[float, Callable[[], None]]] = deque()
        self._is_working = False
        self._turnstile = Turnstile()
        self._waiting: dict[int, Line] = {}
        self._is_turning = False
        self._at_door: deque[tuple[float, Line]] = deque()
        self._is_accepting = False
        self._beginning = 0
        self.course = Course(oracle_s=storm.clients * storm.costs.one_s)
        self._devices = [self._device() for _ in range(storm.clients)]

    def run(self) -> Course:
        storm, course = self._storm, self.course
        if storm.frozen_s:
            self._freeze()
        else:
            for device in self._devices:
                device.falls(told_s=storm.told_s() if storm.told_s else None)
        end_s = storm.frozen_s + CALM_S if storm.frozen_s else END_S
        while self._events and (storm.frozen_s or len(course.welcomed_s) < storm.clients):
            self.now_s, _, happens = heapq.heappop(self._events)
            if self.now_s > end_s:
                break
            happens()
        course.starved = storm.clients - len(course.welcomed_s)
        course.worst_share = self._worst_share()
        return course

    def _device(self) -> Device:
        round_trip_s = self.chance.uniform(*ROUND_TRIP_S)
        policy = self._storm.policy
        return Ours(self, round_trip_s) if policy is None else Rival(self, round_trip_s, policy)

    def _freeze(self) -> None:
        """Let the relay do nothing; each device writes something meanwhile, and is answered when it goes on."""
        storm = self._storm
        self._work(storm.frozen_s, lambda: None)
        for device in self._devices:
            assert isinstance(device, Ours), "rivals keep no connection that is doubted"
            at_s = self.chance.uniform(0.0, storm.frozen_s)
            self.note(at_s, device.owes)
            self.note(at_s + device.round_trip_s / 2, lambda device=device: self._answer(device))  # type: ignore[misc]

    def _answer(self, device: Ours) -> None:
        self._work(
            self._storm.costs.answer_s,
            lambda: self.note(self.now_s + device.round_trip_s / 2, lambda: self._answered(device)),
        )

    def _answered(self, device: Ours) -> None:
        if not device.is_in:
            self.course.welcomed_s.append(self.now_s)
        device.heard()

    # ---- the way, and the system before the relay

    def note(self, at_s: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (at_s, next(self._order), event))

    def ask(self, line: Line) -> None:
        if self.now_s < 0:  # nobody listens there: the system says so at once
            self.note(self.now_s + line.device.round_trip_s, lambda: line.device.ended(line))
            return
        self.course.attempts += 1
        for later_s in (0.0, *LINEAR.counted_s):
            self.note(self.now_s + later_s, lambda: self._sent(line))

    def _sent(self, line: Line) -> None:
        if line.is_there and not line.is_answered:
            self.note(self.now_s + line.device.round_trip_s / 2, lambda: self._came(line))

    def _came(self, line: Line) -> None:
        if line.is_answered or len(self._at_door) >= self._storm.backlog:
            return
        line.is_answered = True
        half_s = line.device.round_trip_s / 2
        self.note(self.now_s + half_s, lambda: line.device.answered(line) if line.is_there else None)
        self.note(self.now_s + 2 * half_s, lambda: self._arrive(line))

    def hello(self, line: Line) -> None:
        self.course.setups += self.now_s >= 0
        at_s = line.hello_s = self.now_s + line.device.round_trip_s / 2
        self.note(at_s, lambda: line.shaken() if line.shaken else None)

    # ---- the relay

    def _arrive(self, line: Line) -> None:
        self._at_door.append((self.now_s, line))
        self.course.line_max = max(self.course.line_max, len(self._at_door) + len(self._waiting))
        if not self._storm.has_turnstile:  # asyncio and uvloop take all that the system has, in one turn of the loop
            self._work(self._storm.costs.accept_s, self._accepted)
        elif not self._is_accepting:
            self._is_accepting = True
            self._work(self._storm.costs.accept_s, self._accepted)

    def _accepted(self) -> None:
        """Take one connection; the next in the next turn of the loop, behind all that is ready now."""
        came_s, line = self._at_door.popleft()
        if not self._storm.has_turnstile:
            self._begin(line)
            return
        self._is_accepting = bool(self._at_door)
        if self._is_accepting:
            self._work(self._storm.costs.accept_s, self._accepted)
        key = next(self._order)
        self._waiting[key] = line
        self._turnstile.arrive(key, now_s=came_s)
        self._turn(None)
        if not self._is_turning:
            self._turn_later()

    def _turn_later(self) -> None:
        self._is_turning = bool(self._waiting or self._beginning)
        if self._is_turning:
            due_s = self.now_s + (TURN_S if self._waiting else LOOK_S)
            self.note(due_s, lambda: self._work(0.0, lambda: self._turned(due_s)))

    def _turned(self, due_s: float) -> None:
        self._turn(self.now_s - due_s)
        self._turn_later()

    def _turn(self, lag_s: float | None) -> None:
        left = self._turnstile.turn(now_s=self.now_s, lag_s=lag_s)
        while left > 0 and (key := self._turnstile.begin(now_s=self.now_s)) is not None:
            line = self._waiting.pop(key)
            if line.is_there:
                left -= 1
                self._turnstile.began()
                self._begin(line)
            else:
                self._work(self._storm.costs.look_s, lambda: None)
        for key in self._turnstile.forget(now_s=self.now_s):
            self._close(self._waiting.pop(key))

    def _begin(self, line: Line) -> None:
        """Shake hands, upgrade, let in; a round trip between each, and no work before a word of the device is here."""
        costs, round_trip_s = self._storm.costs, line.device.round_trip_s
        steps = [costs.handshake_s, costs.let_in_s / 2, costs.let_in_s / 2]
        self._beginning += 1

        def step() -> None:
            line.shaken = None
            if len(steps) < 3 and not line.is_there:  # the first flight came before anybody gave up
                self._beginning -= len(steps) > 0
                return
            cost_s = steps.pop(0)
            self._beginning -= not steps
            self._work(cost_s, worked)

        def worked() -> None:
            if steps:
                self.note(self.now_s + round_trip_s, step)
            else:
                self.note(self.now_s + round_trip_s / 2, lambda: self._welcome(line))

        def too_late() -> None:
            if line.shaken is not None:
                line.shaken = None
                self._beginning -= 1
                self._close(line)

        if line.hello_s is not None and line.hello_s <= self.now_s:
            step()
        elif line.is_there:
            line.shaken = step
            self.note(self.now_s + TLS_HELLO_S_MAX, too_late)
        else:
            self._beginning -= 1

    def _close(self, line: Line) -> None:
        self.note(self.now_s + line.device.round_trip_s / 2, lambda: line.device.ended(line))

    def _welcome(self, line: Line) -> None:
        self.course.served += 1
        if not line.is_there:
            return
        line.is_in = True
        if not line.device.is_in:
            self.course.welcomed_s.append(self.now_s)
        line.device.welcomed(line)

    # ---- time

    def _work(self, cost_s: float, then: Callable[[], None]) -> None:
        self._jobs.append((cost_s, then))
        if not self._is_working:
            self._next_job()

    def _next_job(self) -> None:
        self._is_working = bool(self._jobs)
        if self._is_working:
            cost_s, then = self._jobs.popleft()
            self.course.busy_s += cost_s
            self.note(self.now_s + cost_s, lambda: self._done(then))

    def _done(self, then: Callable[[], None]) -> None:
        then()
        self._next_job()

    def _worst_share(self) -> float:
        """Slide a window over the time in which the first half of the crowd came in."""
        capacity = WINDOW_S / self._storm.costs.one_s
        welcomed_s, worst = self.course.welcomed_s, 1.0
        half_s = welcomed_s[len(self._devices) // 2] if len(welcomed_s) > len(self._devices) // 2 else END_S
        start_s = 0.0
        while start_s + WINDOW_S <= half_s:
            served = sum(start_s <= each_s < start_s + WINDOW_S for each_s in welcomed_s)
            worst = min(worst, served / capacity)
            start_s += WINDOW_S / 5
        return worst


def play(storm: Storm) -> Course:
    """Play one storm from the relay's stop, or standstill, to the last device's welcome."""
    return _World(storm).run()
