"""Chooses the relay's port on each network: its own, or the fallback where its own is blocked.

Theory. A network that blocks a port says nothing, and so does one that is down. So on a network where neither port has
been proved, every third attempt knocks at the fallback; a port is proved by the relay's certificate, not by an open
connection. Where its own port is proved an outage is taken for an outage; only when one has lasted beyond its first
minute of attempts is the fallback knocked at now and then, since a network may begin to block what it let through.
Where the fallback is proved, the own port is knocked at again once in a while: whoever blocks it may have stopped.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

FALLBACK_PORT: Final = 443
"""The port of the web: a network that blocks it is of no use to anybody."""
FALLBACK_EVERY = 3
OUTAGE_FAILURES = 36
"""Attempts in a row that failed at a proved port: about what the first minute of an outage has."""
FALLBACK_LATE_EVERY = 6
OWN_AGAIN_S = 3600.0
NETWORKS_MAX = 64
"""More places than a person goes to; the one longest not seen is forgotten."""


@dataclass(slots=True)
class _Place:
    failures: int = 0
    proved: int = 0
    own_tried_s: float = 0.0


class PortChoice:
    """The ports of one relay, network by network."""

    def __init__(self, own: int, fallback: int = FALLBACK_PORT, *, now_s: Callable[[], float] = time.monotonic) -> None:
        """Take no fallback as 0."""
        self.own: Final = own
        self._fallback: Final = fallback or own
        self._now_s: Final = now_s
        self._places: Final[OrderedDict[bytes, _Place]] = OrderedDict()

    def choose(self, network: bytes) -> int:
        """Give the port for the next attempt."""
        place = self._place(network)
        if place.proved == self.own:
            is_late = place.failures >= OUTAGE_FAILURES and place.failures % FALLBACK_LATE_EVERY == 0
            return self._fallback if is_late else self.own
        if place.proved:
            if self._now_s() - place.own_tried_s < OWN_AGAIN_S:
                return self._fallback
            place.own_tried_s = self._now_s()
            return self.own
        return self._fallback if place.failures % FALLBACK_EVERY == FALLBACK_EVERY - 1 else self.own

    def failed(self, network: bytes) -> None:
        """Count an attempt that did not reach the relay."""
        self._place(network).failures += 1

    def proved(self, network: bytes, port: int) -> None:
        """Remember that the relay answered at a port, and proved to be the relay."""
        place = self._place(network)
        if place.proved != port:
            place.own_tried_s = self._now_s()
        place.proved, place.failures = port, 0

    def named(self, network: bytes, name: bytes) -> None:
        """Call a network by another name from now on: its own came later than the first attempts on it."""
        place = self._places.pop(network, None)
        if place is not None and place.proved:
            self._places[name] = place

    def forget(self, network: bytes) -> None:
        """Know nothing of a network any more."""
        self._places.pop(network, None)

    def _place(self, network: bytes) -> _Place:
        place = self._places.setdefault(network, _Place())
        self._places.move_to_end(network)
        if len(self._places) > NETWORKS_MAX:
            self._places.popitem(last=False)
        return place
