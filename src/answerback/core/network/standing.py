"""Says how a path stands, with the sign it says so by.

Theory. Five standings, by what is known: `UP` answers come as they should; `DEGRADED` they come, but late, or few, or
through a queue; `STALLED` something is owed and nothing was heard for too long; `DOWN` the connection has ended, probes
have no answers, or there is no interface; `CAPTIVE` somebody answers who is not the relay. Every verdict carries its
sign, a value and the limit it passed, so that a person can be shown why.

What is certain counts at once. What is measured counts when it has lasted, and is taken back only well on the other
side of its limit and after a longer while (hysteresis). The surprising rule: a path that comes and goes is `DEGRADED`
even while it is up, until it has been quiet for a while; nobody should move traffic to it and away again at every
change.
"""

from collections import deque
from dataclasses import dataclass, field
from enum import Enum, unique

from answerback.core.network.estimate import Estimate

DEGRADED_AFTER_S = 2.0
"""So long a measurement is beyond its limit before it counts: one fade is no weather."""
UP_AFTER_S = 5.0
"""So long all of them are well within before it is taken back."""
WELL_WITHIN = 0.7
RTT_S_MAX = 1.0
"""Beyond this two people who write to each other notice."""
LOSS_MAX = 0.1
BLOAT_S_MAX = 0.5
"""What our own bytes add to every round trip: an urgent message would stand in that queue."""
RATE_BYTES_PER_S_MIN = 4 * 1024
"""32 kbit/s: a text takes half a second."""
UNANSWERED_MAX = 2
"""Probes without an answer before a stall counts as an outage."""
FLAPS_MAX = 3
FLAPS_WINDOW_S = 60.0
"""Losing a path more often than this in a minute is flapping."""
CALM_S = 30.0
"""And is over when it was lost no more for so long."""


@unique
class Standing(Enum):
    """How a path stands."""

    UP = "up"
    DEGRADED = "degraded"
    STALLED = "stalled"
    DOWN = "down"
    CAPTIVE = "captive"


@unique
class Sign(Enum):
    """What a verdict rests on."""

    NOTHING_YET = "nothing was tried yet"
    HEARD = "the relay was heard"
    SLOW = "round trips are long"
    LOSSY = "answers are missing"
    BLOATED = "our own bytes queue"
    NARROW = "little goes through"
    FLAPPING = "it comes and goes"
    SILENT = "an answer is owed and nothing is heard"
    UNANSWERED = "probes have no answer"
    ENDED = "the connection has ended"
    NO_INTERFACE = "there is no interface"
    STRANGER = "somebody else answers"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a path stands since when, and why."""

    standing: Standing
    sign: Sign
    since_s: float
    value: float = 0.0
    limit: float = 0.0


@dataclass(slots=True)
class Judgement:
    """The verdict on one path."""

    verdict: Verdict = field(default_factory=lambda: Verdict(Standing.DOWN, Sign.NOTHING_YET, 0.0))
    _bad_since_s: float | None = None
    _good_since_s: float | None = None
    _unanswered: int = 0
    _losses_s: deque[float] = field(default_factory=lambda: deque(maxlen=FLAPS_MAX + 1))

    # ---- what is certain

    def welcomed(self, estimate: Estimate | None = None, *, now_s: float) -> None:
        """The relay let us in on this path. What was measured of it counts, or it would be taken and left for ever."""
        self._unanswered, self._bad_since_s, self._good_since_s = 0, None, None
        fault = _fault(estimate, share=1.0) if estimate is not None else None
        if self._flaps(now_s):
            self._say(Standing.DEGRADED, Sign.FLAPPING, now_s, value=len(self._losses_s), limit=FLAPS_MAX)
        elif fault is not None:
            sign, value, limit = fault
            self._say(Standing.DEGRADED, sign, now_s, value=value, limit=limit)
        else:
            self._say(Standing.UP, Sign.HEARD, now_s)

    def silent(self, lasted_s: float, *, borne_s: float, now_s: float) -> None:
        """Something is owed and nothing was heard for longer than is borne."""
        if self.verdict.standing in (Standing.UP, Standing.DEGRADED):
            self._lose(now_s)
            self._say(Standing.STALLED, Sign.SILENT, now_s, value=lasted_s, limit=borne_s)

    def unanswered(self, *, now_s: float) -> None:
        """A probe had no answer in time."""
        self._unanswered += 1
        if self.verdict.standing is Standing.STALLED and self._unanswered > UNANSWERED_MAX:
            self._say(Standing.DOWN, Sign.UNANSWERED, now_s, value=self._unanswered, limit=UNANSWERED_MAX)

    def ended(self, *, now_s: float) -> None:
        """The connection has ended."""
        if self.verdict.standing in (Standing.UP, Standing.DEGRADED):
            self._lose(now_s)
        if self.verdict.standing is not Standing.CAPTIVE and self.verdict.sign is not Sign.NO_INTERFACE:
            self._say(Standing.DOWN, Sign.ENDED, now_s)

    def absent(self, *, now_s: float) -> None:
        """The interface is gone."""
        if self.verdict.standing in (Standing.UP, Standing.DEGRADED):
            self._lose(now_s)
        self._say(Standing.DOWN, Sign.NO_INTERFACE, now_s)

    def present(self, *, now_s: float) -> None:
        """The interface is there, and nothing was tried on it since it came."""
        if self.verdict.sign is Sign.NO_INTERFACE:
            self._say(Standing.DOWN, Sign.NOTHING_YET, now_s)

    def strange(self, *, now_s: float) -> None:
        """Somebody who is not the relay answered in its place: a portal that wants a click, or worse."""
        self._say(Standing.CAPTIVE, Sign.STRANGER, now_s)

    # ---- what is measured

    def heard(self, estimate: Estimate, *, now_s: float) -> None:
        """The relay was heard on the connection: judge what is measured."""
        self._unanswered = 0
        if self.verdict.standing in (Standing.DOWN, Standing.CAPTIVE):
            return  # a late word of a connection that was given up; a new one is welcomed
        if self.verdict.standing is Standing.STALLED:
            self._bad_since_s = self._good_since_s = None
            self._say(Standing.UP, Sign.HEARD, now_s)
        fault = _fault(estimate, share=1.0) or self._flapping(now_s)
        if fault is not None:
            self._bad(fault, now_s)
        elif _fault(estimate, share=WELL_WITHIN) is None:
            self._good(now_s)
        else:  # between the limits everything stays as it is, and both waits begin anew
            self._bad_since_s = self._good_since_s = None

    # ---- private

    def _bad(self, fault: tuple[Sign, float, float], now_s: float) -> None:
        self._good_since_s = None
        self._bad_since_s = now_s if self._bad_since_s is None else self._bad_since_s
        sign, value, limit = fault
        if self.verdict.standing is Standing.DEGRADED:
            self.verdict = Verdict(Standing.DEGRADED, sign, self.verdict.since_s, value, limit)
        elif sign is Sign.FLAPPING or now_s - self._bad_since_s >= DEGRADED_AFTER_S:
            self._say(Standing.DEGRADED, sign, now_s, value=value, limit=limit)

    def _good(self, now_s: float) -> None:
        self._bad_since_s = None
        self._good_since_s = now_s if self._good_since_s is None else self._good_since_s
        if self.verdict.standing is Standing.DEGRADED and now_s - self._good_since_s >= UP_AFTER_S:
            self._say(Standing.UP, Sign.HEARD, now_s)

    def _lose(self, now_s: float) -> None:
        self._losses_s.append(now_s)

    def _flaps(self, now_s: float) -> bool:
        losses_s = self._losses_s
        is_often = len(losses_s) > FLAPS_MAX and losses_s[-1] - losses_s[0] <= FLAPS_WINDOW_S
        return is_often and now_s - losses_s[-1] < CALM_S

    def _flapping(self, now_s: float) -> tuple[Sign, float, float] | None:
        return (Sign.FLAPPING, float(len(self._losses_s)), float(FLAPS_MAX)) if self._flaps(now_s) else None

    def _say(self, standing: Standing, sign: Sign, now_s: float, *, value: float = 0.0, limit: float = 0.0) -> None:
        is_same = standing is self.verdict.standing
        self.verdict = Verdict(standing, sign, self.verdict.since_s if is_same else now_s, value, limit)


def _fault(estimate: Estimate, *, share: float) -> tuple[Sign, float, float] | None:
    """The first measurement beyond such a share of its limit; of what was not measured, none is."""
    if estimate.measured and estimate.rtt_s > RTT_S_MAX * share:
        return Sign.SLOW, estimate.rtt_s, RTT_S_MAX
    if estimate.loss > LOSS_MAX * share:
        return Sign.LOSSY, estimate.loss, LOSS_MAX
    if estimate.bloat_s > BLOAT_S_MAX * share:
        return Sign.BLOATED, estimate.bloat_s, BLOAT_S_MAX
    if 0 < estimate.up_bytes_per_s < RATE_BYTES_PER_S_MIN / share:
        return Sign.NARROW, estimate.up_bytes_per_s, float(RATE_BYTES_PER_S_MIN)
    return None
