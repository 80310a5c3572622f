"""Says what befalls the packets of one direction of a link, beyond the rate of its schedule."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final

from answerback.lab.links import Link
from answerback.model.errors import UsageError

QUEUE_BYTES_MAX = 256 * 1024
"""What waits at the bottleneck before newcomers are dropped: a second at 2 Mbit/s, as base stations hold it."""

PACKET_BYTES_MAX = 65_535
"""No IP packet is longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """Losses that come together: a chain of two states, stepped by each packet (Gilbert 1960, Elliott 1963)."""

    begin: float
    """The chance that a packet finds the bad state begun."""
    end: float
    """The chance that a packet finds the bad state ended; one in this many packets long is a burst on average."""
    loss: float = 1.0
    """The share lost in the bad state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """The state of one direction of a link; the default is a link that does nothing but take its time."""

    delay_s: float = 0.0
    jitter_s: float = 0.0
    """At most this much more delay, evenly spread; it never changes the order."""
    delay_at: Callable[[float], float] | None = field(default=None, compare=False)
    """The delay of what leaves at a moment, for links that tell it; `delay_s` is then added."""
    loss: float = 0.0
    """The share of packets lost, each for itself."""
    burst: Burst | None = None
    reorder: float = 0.0
    """The share of packets that are held up, so that later ones overtake them."""
    reorder_by_s: float = 0.0
    """How long these are held up."""
    queue_bytes_max: int = QUEUE_BYTES_MAX
    packet_bytes_max: int = PACKET_BYTES_MAX
    """Longer packets vanish, and nobody is told: a black hole of path MTU discovery."""
    drops_gaps: bool = False
    """Whether what would have to wait through a gap of the schedule vanishes instead: a recording tells that nothing
    crossed, not whether a modem held it or its network had given it up."""
    hole: bool = False
    """Whether everything that leaves vanishes, and nobody is told."""

    def __post_init__(self) -> None:
        shares = [self.loss, self.reorder]
        if self.burst is not None:
            shares += [self.burst.begin, self.burst.end, self.burst.loss]
        if not all(0 <= share <= 1 for share in shares):
            raise UsageError("a share of packets is between 0 and 1")
        if min(self.delay_s, self.jitter_s, self.reorder_by_s) < 0:
            raise UsageError("a packet arrives no earlier than it was sent")
        if self.queue_bytes_max <= 0 or self.packet_bytes_max <= 0:
            raise UsageError("a link without room for a packet carries nothing; say `hole` for that")


def weather_of(link: Link, *, queue_bytes_max: int = QUEUE_BYTES_MAX, drops_gaps: bool = False) -> Weather:
    """Give the weather of a link as it is known by its name or its recording, the same in both directions."""
    return Weather(delay_at=link.delay_at, loss=link.loss, queue_bytes_max=queue_bytes_max, drops_gaps=drops_gaps)


class Draws:
    """The chances of one direction; each kind has its own, so that one kind more leaves the others as they were."""

    def __init__(self, *, seed: int, way: str) -> None:
        self._loss: Final = Random(f"{seed}:{way}:loss")
        self._burst: Final = Random(f"{seed}:{way}:burst")
        self._jitter: Final = Random(f"{seed}:{way}:jitter")
        self._order: Final = Random(f"{seed}:{way}:order")
        self._bad = False

    def is_lost(self, weather: Weather) -> bool:
        """Whether the next packet is lost; each kind of loss is drawn whatever the other says."""
        alone = weather.loss > 0 and self._loss.random() < weather.loss
        return self._is_lost_in_burst(weather.burst) or alone

    def _is_lost_in_burst(self, burst: Burst | None) -> bool:
        if burst is None:
            self._bad = False
            return False
        self._bad = self._burst.random() >= burst.end if self._bad else self._burst.random() < burst.begin
        return self._bad and self._burst.random() < burst.loss

    def jitter_s(self, weather: Weather) -> float:
        """How much later than others the next packet is."""
        return self._jitter.uniform(0.0, weather.jitter_s) if weather.jitter_s > 0 else 0.0

    def is_held_up(self, weather: Weather) -> bool:
        """Whether the next packet lets others overtake."""
        drawn = weather.reorder > 0 and self._order.random() < weather.reorder
        return drawn and weather.reorder_by_s > 0
