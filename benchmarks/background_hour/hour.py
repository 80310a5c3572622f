"""Plays one hour of a device in the background: the pure machines, a translator that forgets, and messages by chance.

Theory. What decides is the product's own: `Modes` and `sync_of` say what the background means on the platform,
`Keepalive` says when the next sign of life is due, `Knocking` whether the relay pushes. The translator of addresses
forgets a connection after so long a quiet; whatever is sent then is swallowed. The radio stays awake for a while after
each packet, so packets closer than that are one wake-up.

The minimum is what somebody would need who knows when each message comes and how long the translator remembers: each
message is handed over, taken and its receipt accepted; in each quiet as many of the smallest packets as keep the
connection known; where a push wakes the device, one connection for all messages that come while its radio is awake.
"""

import math
import random
from dataclasses import dataclass, field
from itertools import pairwise

from answerback.core.network.keepalive import Keepalive
from answerback.core.network.modes import Mode, Modes, Surroundings, sync_of
from answerback.core.network.platforms import Profile
from answerback.core.network.standing import Sign, Standing, Verdict
from answerback.model.ids import DeviceId
from answerback.model.message import Lane
from answerback.relay.knocking import Knocking, Outcome
from answerback.wire.frames import Subscribe
from benchmarks.background_hour.costs import ASK_BYTES, Costs
from benchmarks.background_hour.whole import play

HOUR_S = 3600.0
MESSAGES = 20
ROUND_TRIP_S = 0.1
PUSH_BYTES = 300
"""A push on its way to the device over the system's own connection, which is there for all programs anyway: 107 bytes
sealed, and headers. It counts on both sides."""
PUSH_S = 0.5
"""From the relay to the device."""
_PHONE = DeviceId(b"phone".ljust(16))
_UP = Verdict(Standing.UP, Sign.HEARD, 0.0)


@dataclass(frozen=True, slots=True)
class Hour:
    """What an hour cost, beside the minimum."""

    wake_ups: int
    wake_ups_min: int
    bytes: int
    bytes_min: int
    asks: int
    deaths: int
    """Connections that the translator had forgotten."""
    late_s_max: float
    """The longest any message waited."""

    @property
    def wake_ups_ratio(self) -> float:
        """How many times the minimum."""
        return self.wake_ups / self.wake_ups_min

    @property
    def bytes_ratio(self) -> float:
        """How many times the minimum."""
        return self.bytes / self.bytes_min


@dataclass(slots=True)
class _Spent:
    at_s: list[float] = field(default_factory=list)
    bytes: int = 0

    def spend(self, at_s: float, size_bytes: int) -> None:
        self.at_s.append(at_s)
        self.bytes += size_bytes


def messages(seed: int) -> list[float]:
    """When the hour's messages come: at any moment alike."""
    dice = random.Random(seed)
    return sorted(dice.uniform(0.0, HOUR_S) for _ in range(MESSAGES))


def background(profile: Profile) -> Modes:
    """A device that nobody has looked at for a while."""
    modes = Modes(profile, now_s=-HOUR_S)
    modes.notice(Surroundings(is_in_front=False, verdict=_UP), now_s=-HOUR_S)
    while (due := modes.wake_at) is not None:
        modes.wake(now_s=due.at_s)
    assert modes.posture.mode is Mode.BACKGROUND
    return modes


def learned(profile: Profile, limit_s: float) -> tuple[Keepalive, int, float]:
    """Let a device at rest find out what its network bears; give it, the connections lost, and how long it took."""
    bounds = sync_of(Mode.BACKGROUND, profile).keepalive
    keepalive, now_s, deaths = Keepalive(bounds), 0.0, 0
    while keepalive.searching:
        now_s = keepalive.due(owed=False, now_s=now_s).at_s
        quiet_s = keepalive.ask(now_s=now_s)
        if quiet_s < limit_s:
            keepalive.survived(quiet_s, now_s=now_s)
        else:
            keepalive.died(quiet_s, came_back_at_once=True, now_s=now_s)
            deaths += 1
    return keepalive, deaths, now_s


def held(profile: Profile, keepalive: Keepalive, *, limit_s: float, seed: int, costs: Costs) -> Hour:
    """Play an hour on a connection that is held."""
    sync = background(profile).sync
    assert sync.holds_connection
    keepalive.use(keepalive.network, sync.keepalive, now_s=0.0)
    keepalive.spoke(now_s=0.0)
    comes_s, spent = messages(seed), _Spent()
    waiting: list[float] = []
    last_s, asks, deaths, late_s = 0.0, 0, 0, 0.0
    while True:
        due_s = keepalive.due(owed=False, now_s=last_s).at_s
        if comes_s and comes_s[0] <= due_s:
            at_s = comes_s.pop(0)
            if at_s - last_s >= limit_s or waiting:
                waiting.append(at_s)  # swallowed, and the device asleep
                continue
            keepalive.heard(now_s=at_s)
            spent.spend(at_s, costs.message)
            last_s = at_s
            continue
        if due_s > HOUR_S:
            break
        quiet_s, last_s = keepalive.ask(now_s=due_s), due_s
        asks += 1
        spent.spend(due_s, costs.ask)
        if quiet_s < limit_s:
            keepalive.survived(quiet_s, now_s=due_s)
            continue
        deaths += 1
        spent.spend(due_s, costs.connect + len(waiting) * costs.message)
        late_s = max([late_s, *(due_s - at_s for at_s in waiting)])
        waiting.clear()
        keepalive.died(quiet_s, came_back_at_once=True, now_s=due_s)
    tail_s = profile.keepalive.radio_tail_s
    least = _least_held(messages(seed), limit_s, costs)
    return Hour(
        wake_ups(spent.at_s, tail_s), wake_ups(least.at_s, tail_s), spent.bytes, least.bytes, asks, deaths, late_s
    )


def pushed(profile: Profile, *, seed: int, costs: Costs) -> Hour:
    """Play an hour without a connection: the relay knocks, the device comes, takes, lingers and goes."""
    sync = background(profile).sync
    assert not sync.holds_connection
    knocking, spent, least = Knocking(), _Spent(), _Spent()
    knocking.subscribe(_PHONE, Subscribe("https://push.example/x"))
    here_until_s, late_s, wakes = -math.inf, 0.0, 0
    for at_s in messages(seed):
        if at_s <= here_until_s:
            spent.spend(at_s, costs.message)
            here_until_s = at_s + sync.lingers_s
            continue
        knocking.mail(_PHONE, Lane.NORMAL, now_s=at_s)
        for knock in knocking.wake(now_s=at_s):
            knocking.answered(knock, Outcome.TAKEN, retry_after_s=0.0, draw=0.5, now_s=at_s)
            wakes += 1
            arrives_s = at_s + PUSH_S
            spent.spend(arrives_s, PUSH_BYTES + costs.connect + costs.message + costs.leave)
            late_s = max(late_s, arrives_s - at_s)
            knocking.connected(_PHONE)
            here_until_s = arrives_s + sync.lingers_s
    tail_s = profile.keepalive.radio_tail_s
    awake_until_s = -math.inf
    for at_s in messages(seed):
        fresh = at_s > awake_until_s
        least.spend(at_s, costs.message + (PUSH_BYTES + costs.connect + costs.leave if fresh else 0))
        awake_until_s = at_s + tail_s
    return Hour(wake_ups(spent.at_s, tail_s), wake_ups(least.at_s, tail_s), spent.bytes, least.bytes, wakes, 0, late_s)


def whole(profile: Profile, *, limit_s: float, learn_s: float, seed: int, costs: Costs) -> Hour:
    """Play an hour with whole devices and a relay's own machines."""
    comes_s = messages(seed)
    played = play(profile, limit_s=limit_s, learn_s=learn_s, comes_s=comes_s, seed=seed)
    assert played.arrived == MESSAGES, "each message arrives"
    tail_s, least = profile.keepalive.radio_tail_s, _least_held(comes_s, limit_s, costs)
    woken, woken_min = wake_ups(played.at_s, tail_s), wake_ups(least.at_s, tail_s)
    return Hour(woken, woken_min, played.bytes, least.bytes, 0, played.lost, played.late_s_max)


def wake_ups(at_s: list[float], tail_s: float) -> int:
    """How often the radio wakes: packets within its tail are one."""
    ordered = sorted(at_s)
    return bool(ordered) + sum(later_s - earlier_s > tail_s for earlier_s, later_s in pairwise(ordered))


def _least_held(comes_s: list[float], limit_s: float, costs: Costs) -> _Spent:
    """What is unavoidable: the messages, and in each quiet as few of the smallest packets as keep it shorter."""
    spent, last_s = _Spent(), 0.0
    for at_s in [*comes_s, HOUR_S]:
        if math.isfinite(limit_s):
            for count in range(1, math.ceil((at_s - last_s) / limit_s)):
                spent.spend(last_s + count * limit_s, ASK_BYTES)
        if at_s < HOUR_S:
            spent.spend(at_s, costs.message)
        last_s = at_s
    return spent
