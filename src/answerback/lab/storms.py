"""Plays the return of a crowd in virtual time: real decisions of a relay and of its devices, measured costs.

Theory. A relay is one event loop: whatever there is to do waits in one queue and costs processor time that was measured
on a real one. What decides who begins when is the relay's own `Turnstile`; beside it stands a relay whose door is wide
open, as most servers' doors are. A device knocks, gives an attempt ten seconds, and knocks again when its policy says
so. Work for somebody who has given up is done all the same: that is how a relay can work without end and serve nobody.

The oracle knows everybody and wastes nothing: the crowd's size times what serving one costs.
"""

import heapq
import itertools
import math
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from answerback.relay.entrance import LOOK_S, TURN_S
from answerback.relay.turnstile import Turnstile

ATTEMPT_S = 10.0
"""How long devices give an attempt, ours and, about, others'."""
ROUND_TRIP_S = (0.03, 0.2)
WINDOW_S = 5.0
"""Over which goodput is judged."""
END_S = 900.0

Policy = Callable[[random.Random, int, float], float]
"""Given chance, attempts that failed and seconds since the connection was lost: seconds until the next attempt."""


def cadence(chance: random.Random, _failures: int, down_s: float) -> float:
    """Try at a steady pace for 90 s, then ever less often, as our devices do without evidence."""
    spacing_s = 1.5 if down_s <= 90 else min(1.5 * math.sqrt(1 + down_s - 90), 60.0)
    return spacing_s * chance.uniform(0.75, 1.25)


def full_jitter(chance: random.Random, failures: int, _down_s: float) -> float:
    """Wait any time up to a bound that doubles, from 1 s to 60 s, as most messengers do."""
    return chance.uniform(0.0, min(2.0**failures, 60.0))


def doubling(_chance: random.Random, failures: int, _down_s: float) -> float:
    """Double the wait from 1 s to 60 s, without chance."""
    return min(2.0**failures, 60.0)


def fixed(_chance: random.Random, _failures: int, _down_s: float) -> float:
    """Try every 30 s."""
    return 30.0


POLICIES: dict[str, Policy] = {
    "ours: steady pace": cadence,
    "back-off, full jitter": full_jitter,
    "back-off, no jitter": doubling,
    "every 30 s": fixed,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Processor time of the relay, in seconds, as measured."""

    accept_s: float = 0.00005
    handshake_s: float = 0.0007
    let_in_s: float = 0.0008
    """Upgrade, challenge, signature, opening the mailbox, handing over what waits."""
    look_s: float = 0.00001
    """To see that somebody who waited has hung up."""

    @property
    def one_s(self) -> float:
        """What serving one device costs."""
        return self.accept_s + self.handshake_s + self.let_in_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """One return of a crowd."""

    clients: int
    stop_s: float
    costs: Costs
    policy: Policy
    has_turnstile: bool
    seed: int = 1
    first_s: Callable[[random.Random, int], float] | None = None
    """When each comes first, from the return of the relay, where the relay told them; else their policy says it."""


@dataclass(slots=True, kw_only=True)
class Course:
    """What happened; times from the relay's return."""

    oracle_s: float
    welcomed_s: list[float] = field(default_factory=list)
    attempts: int = 0
    """Since the relay's return."""
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


@dataclass(slots=True, eq=False)
class _Client:
    round_trip_s: float
    failures: int = 0
    attempt: int = 0
    is_in: bool = False
    begun_s: float = 0.0


class _World:
    def __init__(self, storm: Storm) -> None:
        self._storm = storm
        self._random = random.Random(storm.seed)
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._now_s = -storm.stop_s
        self._jobs: deque[tuple[float, Callable[[], None]]] = deque()
        self._is_working = False
        self._turnstile = Turnstile()
        self._waiting: dict[int, tuple[_Client, int]] = {}
        self._is_turning = False
        self._at_door: deque[tuple[float, _Client, int]] = deque()
        self._beginning = 0
        self._clients = [_Client(self._random.uniform(*ROUND_TRIP_S)) for _ in range(storm.clients)]
        self.course = Course(oracle_s=storm.clients * storm.costs.one_s)

    def run(self) -> Course:
        for number, client in enumerate(self._clients):
            if self._storm.first_s is not None:
                self._at(self._storm.first_s(self._random, number), self._knocks(client))
            else:
                self._at(self._now_s + self._wait_s(client), self._knocks(client))
        while self._events and len(self.course.welcomed_s) < len(self._clients):
            self._now_s, _, happens = heapq.heappop(self._events)
            if self._now_s > END_S:
                break
            happens()
        self.course.starved = len(self._clients) - len(self.course.welcomed_s)
        self.course.worst_share = self._worst_share()
        return self.course

    # ---- devices

    def _knocks(self, client: _Client) -> Callable[[], None]:
        return lambda: self._knock(client)

    def _knock(self, client: _Client) -> None:
        client.attempt += 1
        client.begun_s = self._now_s
        attempt = client.attempt
        if self._now_s < 0:  # nobody listens there: the system says so at once
            self._at(self._now_s + client.round_trip_s, lambda: self._fail(client, attempt))
            return
        self.course.attempts += 1
        self._at(self._now_s + client.round_trip_s, lambda: self._arrive(client, attempt))
        self._at(self._now_s + ATTEMPT_S, lambda: self._fail(client, attempt))

    def _fail(self, client: _Client, attempt: int) -> None:
        if client.is_in or client.attempt != attempt:
            return
        client.attempt += 1  # whatever still comes of that attempt is for nobody
        self._at(self._now_s + self._wait_s(client), self._knocks(client))
        client.failures += 1

    def _wait_s(self, client: _Client) -> float:
        return self._storm.policy(self._random, client.failures, self._now_s + self._storm.stop_s)

    def _is_alive(self, client: _Client, attempt: int) -> bool:
        return client.attempt == attempt and not client.is_in

    # ---- the relay

    def _arrive(self, client: _Client, attempt: int) -> None:
        if not self._storm.has_turnstile:  # asyncio and uvloop take all that the system has, in one turn of the loop
            self._work(self._storm.costs.accept_s, lambda: self._begin(client, attempt))
            return
        self._at_door.append((self._now_s, client, attempt))
        if len(self._at_door) == 1:
            self._work(self._storm.costs.accept_s, self._accepted)

    def _accepted(self) -> None:
        """Take one connection; the next in the next turn of the loop, behind all that is ready now."""
        came_s, client, attempt = self._at_door.popleft()
        if self._at_door:
            self._work(self._storm.costs.accept_s, self._accepted)
        key = next(self._order)
        self._waiting[key] = (client, attempt)
        self._turnstile.arrive(key, now_s=came_s)
        self._turn(None)
        if not self._is_turning:
            self._turn_later()

    def _turn_later(self) -> None:
        self._is_turning = bool(self._waiting or self._beginning)
        if self._is_turning:
            due_s = self._now_s + (TURN_S if self._waiting else LOOK_S)
            self._at(due_s, lambda: self._work(0.0, lambda: self._turned(due_s)))

    def _turned(self, due_s: float) -> None:
        self._turn(self._now_s - due_s)
        self._turn_later()

    def _turn(self, lag_s: float | None) -> None:
        left = self._turnstile.turn(now_s=self._now_s, lag_s=lag_s)
        while left > 0 and (key := self._turnstile.begin(now_s=self._now_s)) is not None:
            client, attempt = self._waiting.pop(key)
            if self._is_alive(client, attempt):
                left -= 1
                self._turnstile.began()
                self._begin(client, attempt)
            else:
                self._work(self._storm.costs.look_s, lambda: None)
        for key in self._turnstile.forget(now_s=self._now_s):
            del self._waiting[key]

    def _begin(self, client: _Client, attempt: int) -> None:
        costs = self._storm.costs
        steps = [costs.handshake_s, costs.let_in_s / 2, costs.let_in_s / 2]

        self._beginning += 1

        def step() -> None:
            self._beginning -= len(steps) == 2
            if not steps:
                self._at(self._now_s + client.round_trip_s / 2, lambda: self._welcome(client, attempt))
            elif len(steps) == 3 or self._is_alive(client, attempt):  # the first flight came before anybody gave up
                cost_s = steps.pop(0)
                self._work(cost_s, lambda: self._at(self._now_s + (client.round_trip_s if steps else 0.0), step))

        step()

    def _welcome(self, client: _Client, attempt: int) -> None:
        if self._is_alive(client, attempt):
            client.is_in = True
            self.course.welcomed_s.append(self._now_s)

    # ---- time

    def _at(self, at_s: float, happens: Callable[[], None]) -> None:
        heapq.heappush(self._events, (at_s, next(self._order), happens))

    def _work(self, cost_s: float, then: Callable[[], None]) -> None:
        self._jobs.append((cost_s, then))
        if not self._is_working:
            self._next_job()

    def _next_job(self) -> None:
        self._is_working = bool(self._jobs)
        if self._is_working:
            cost_s, then = self._jobs.popleft()
            self.course.busy_s += cost_s
            self._at(self._now_s + cost_s, lambda: self._done(then))

    def _done(self, then: Callable[[], None]) -> None:
        then()
        self._next_job()

    def _worst_share(self) -> float:
        """Slide a window over the time in which the first half of the crowd came in."""
        capacity = WINDOW_S / self._storm.costs.one_s
        welcomed_s, worst = self.course.welcomed_s, 1.0
        half_s = welcomed_s[len(self._clients) // 2] if len(welcomed_s) > len(self._clients) // 2 else END_S
        start_s = 0.0
        while start_s + WINDOW_S <= half_s:
            served = sum(start_s <= each_s < start_s + WINDOW_S for each_s in welcomed_s)
            worst = min(worst, served / capacity)
            start_s += WINDOW_S / 5
        return worst


def play(storm: Storm) -> Course:
    """Play one storm from the relay's stop to the last device's welcome."""
    return _World(storm).run()
