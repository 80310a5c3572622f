"""Makes the links that come with Answerback out of randomness handed in: good, tunnel, train, lift and crowd.

Every link is an hour of weather that then begins again: longer than a demonstration, short enough to be made in
milliseconds and kept as plain values. Outages and resets strike both directions at once, because a device has one
radio; rates are drawn for each direction alone.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from answerback.lab.schedule import Piece, Rates

PERIOD_S = 3600.0
"""A generated link repeats after this."""

WOBBLE_STEP_S = 0.5
"""Delay changes at this pace: queues at a base station fill and drain in fractions of a second, not per packet."""

_KBPS = 1_000.0
_MBPS = 1_000_000.0


class Road:
    """What one passes on the way: stretches with a share of the good rate, zero where nothing crosses."""

    def __init__(self) -> None:
        self.length_s = 0.0
        self._stretches: list[tuple[float, float]] = []

    def extend(self, duration_s: float, *, share: float = 1.0) -> None:
        """Add a stretch at the end."""
        self._stretches.append((duration_s, share))
        self.length_s += duration_s

    def rates(self, draw_bps: Callable[[], float]) -> Rates:
        """Give each stretch that carries a rate of its own."""
        return Rates(tuple(Piece(duration_s, share and share * draw_bps()) for duration_s, share in self._stretches))


@dataclass(frozen=True, slots=True)
class Place:
    """All that is known of a generated link."""

    description: str
    up: Rates
    down: Rates
    delay_s: float
    jitter_s: float
    wobble_s: tuple[float, ...]
    loss: float = 0.0
    resets_s: tuple[float, ...] = ()


def good(_random: Random) -> Place:
    """A link with nothing wrong but distance."""
    rates = Rates((Piece(PERIOD_S, 100 * _MBPS),))
    return Place("Good Wi-Fi: 100 Mbit/s, 20 ms each way.", rates, rates, delay_s=0.020, jitter_s=0.0, wobble_s=(0.0,))


def tunnel(random: Random) -> Place:
    """A road through hills: good for a while, then nothing at all for seconds."""
    road = Road()
    resets_s: list[float] = []
    road.extend(random.uniform(5.0, 10.0))  # The first tunnel comes soon: people watch.
    while road.length_s < PERIOD_S:
        for share in (0.5, 0.2, 0.05):  # The signal fades while the car drives in; it is back at once at the end.
            road.extend(0.5, share=share)
        road.extend(random.uniform(3.0, 12.0), share=0.0)
        if random.random() < 0.3:
            resets_s.append(road.length_s)
        road.extend(random.uniform(8.0, 25.0))
    return Place(
        "Tunnels: 2 Mbit/s and 40 ms each way, then 3 to 12 s of nothing; three in ten end in a reset.",
        up=road.rates(lambda: random.uniform(1.7, 2.3) * _MBPS),
        down=road.rates(lambda: random.uniform(1.7, 2.3) * _MBPS),
        delay_s=0.040,
        jitter_s=0.010,
        wobble_s=_wobble(random, jitter_s=0.010),
        resets_s=tuple(resets_s),
    )


def train(random: Random) -> Place:
    """A train at speed: rates swing from cell to cell, with gaps between them."""
    road = Road()
    while road.length_s < PERIOD_S:
        road.extend(random.uniform(0.5, 3.0))
        if random.random() < 0.15:
            road.extend(random.uniform(1.0, 5.0), share=0.0)
    return Place(
        "A train: 0.1 to 8 Mbit/s, a gap of 1 to 5 s every dozen seconds, delay spikes, 1 % loss.",
        up=road.rates(lambda: _log_uniform(random, 0.1 * _MBPS, 8 * _MBPS)),
        down=road.rates(lambda: _log_uniform(random, 0.1 * _MBPS, 8 * _MBPS)),
        delay_s=0.050,
        jitter_s=0.060,
        wobble_s=_wobble(random, jitter_s=0.060, spike=(0.5, 1.5), spike_chance=0.03),
        loss=0.01,
    )


def lift(random: Random) -> Place:
    """Good Wi-Fi, and once in a while a ride in a steel box."""
    road = Road()
    road.extend(random.uniform(10.0, 20.0))
    while road.length_s < PERIOD_S:
        road.extend(random.uniform(5.0, 25.0), share=0.0)
        road.extend(random.uniform(30.0, 90.0))
    return Place(
        "A lift: 20 Mbit/s and 5 ms each way, then 5 to 25 s of nothing.",
        up=road.rates(lambda: 20 * _MBPS),
        down=road.rates(lambda: 20 * _MBPS),
        delay_s=0.005,
        jitter_s=0.005,
        wobble_s=_wobble(random, jitter_s=0.005),
    )


def crowd(random: Random) -> Place:
    """A stadium: everybody shares one cell, which never quite stops."""
    road = Road()
    while road.length_s < PERIOD_S:
        road.extend(random.uniform(1.0, 4.0))
    return Place(
        "A crowd: 30 to 200 kbit/s, 300 to 1500 ms each way, 2 % loss, never quite gone.",
        up=road.rates(lambda: _log_uniform(random, 30 * _KBPS, 200 * _KBPS)),
        down=road.rates(lambda: _log_uniform(random, 30 * _KBPS, 200 * _KBPS)),
        delay_s=0.3,
        jitter_s=1.2,
        wobble_s=_wobble(random, jitter_s=1.2),
        loss=0.02,
    )


def _wobble(
    random: Random, *, jitter_s: float, spike: tuple[float, float] = (0.0, 0.0), spike_chance: float = 0.0
) -> tuple[float, ...]:
    """Delays on top of the least one, step by step, with a spike now and then."""
    return tuple(
        random.uniform(*spike) if random.random() < spike_chance else random.uniform(0.0, jitter_s)
        for _ in range(int(PERIOD_S / WOBBLE_STEP_S))
    )


def _log_uniform(random: Random, low: float, high: float) -> float:
    """Each halving of the rate is as likely as the next: slow is as common as fast."""
    return math.exp(random.uniform(math.log(low), math.log(high)))
