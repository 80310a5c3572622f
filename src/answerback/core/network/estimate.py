"""Measures one path: how far away the relay is, how steadily, how much goes through, and what is lost.

Theory. Traffic measures first, probes where there is none. Round trips are smoothed as in RFC 6298 §2; the least of the
last while is the distance (RFC 9002 §5.2), and what a busy path adds to it is bufferbloat: queues, ours mostly.
Jitter follows RFC 3550 §6.4.1, from stamps where the relay gives some. Rates are delivery rates: bytes that were
confirmed over the time they took; the surprising rule is that a sample may lower a rate only if the path was full, for
few bytes say nothing about room. What is old counts as old: everything says when it was last fed.
"""

from collections import deque
from dataclasses import dataclass, field

RTT_S_START = 0.5
"""Before the first measurement: a typical cellular round trip."""
RTO_S_MIN = 0.2
"""RFC 6298 §2.4 says 1 s for TCP segments; we confirm each message, and a late answer costs one packet."""
RTO_S_MAX = 10.0
RTT_GAIN, RTT_DEVIATION_GAIN = 1 / 8, 1 / 4  # RFC 6298 §2.3
JITTER_GAIN = 1 / 16  # RFC 3550 §6.4.1
LOSS_GAIN = 1 / 16
RATE_GAIN = 0.25
DISTANCE_WINDOW_S = 60.0
"""The least round trip of this long is the distance: queues drain within it, and routes seldom change."""
DISTANCE_SAMPLES_MAX = 64
"""Bound on candidates for the least; they rise, so there are few."""
BLOAT_GAIN = 1 / 4


@dataclass(slots=True)
class Estimate:
    """What is known of one path."""

    rtt_s: float = RTT_S_START
    rtt_deviation_s: float = RTT_S_START / 2
    measured: bool = False
    jitter_s: float = 0.0
    loss: float = 0.0
    """The share of probes and messages that had no answer in time, smoothed."""
    up_bytes_per_s: float = 0.0
    down_bytes_per_s: float = 0.0
    loaded_rtt_s: float = 0.0
    """Round trips while bytes of ours were under way, smoothed."""
    succeeded_s: float | None = None
    """When an answer came last."""
    _least: deque[tuple[float, float]] = field(default_factory=deque)
    _transit_s: float | None = None
    _loss_before: float | None = None
    """What was known of loss before the first of those that have had no answer in a row."""
    _down_bytes: int = 0
    _down_since_s: float = 0.0
    _down_last_s: float = 0.0

    # ---- what is seen

    def round_trip(self, took_s: float, *, now_s: float, is_loaded: bool = False) -> None:
        """An answer came so long after what it answers; `is_loaded` while bytes of ours were under way."""
        self.succeeded_s, self._loss_before = now_s, None
        self.loss -= LOSS_GAIN * self.loss
        while self._least and self._least[-1][1] >= took_s:
            self._least.pop()
        self._least.append((now_s, took_s))
        self._forget(now_s)
        if is_loaded:
            self.loaded_rtt_s += (BLOAT_GAIN if self.loaded_rtt_s else 1.0) * (took_s - self.loaded_rtt_s)
        if not self.measured:
            self.rtt_s, self.rtt_deviation_s, self.measured = took_s, took_s / 2, True
            return
        self.rtt_deviation_s += RTT_DEVIATION_GAIN * (abs(self.rtt_s - took_s) - self.rtt_deviation_s)
        self.rtt_s += RTT_GAIN * (took_s - self.rtt_s)

    def stamped(self, sent_s: float, *, now_s: float) -> None:
        """Something came that says when it left, on any clock that goes at our pace."""
        transit_s = now_s - sent_s
        if self._transit_s is not None:
            self.jitter_s += JITTER_GAIN * (abs(transit_s - self._transit_s) - self.jitter_s)
        self._transit_s = transit_s

    def unanswered(self) -> None:
        """Something had no answer in time."""
        self._loss_before = self.loss if self._loss_before is None else self._loss_before
        self.loss += LOSS_GAIN * (1.0 - self.loss)

    def restored(self) -> None:
        """An outage is over: whatever was asked into it was not lost on a path that works."""
        if self._loss_before is not None:
            self.loss, self._loss_before = self._loss_before, None

    def confirmed(self, byte_count: int, took_s: float, *, is_full: bool) -> None:
        """The relay accepted so many bytes so long after they left; `is_full` if we had more to send."""
        sample = byte_count / max(took_s, 0.001)
        if sample < self.up_bytes_per_s and not is_full:
            return
        gain = RATE_GAIN if self.up_bytes_per_s else 1.0
        self.up_bytes_per_s += gain * (sample - self.up_bytes_per_s)

    def received(self, byte_count: int, *, now_s: float) -> None:
        """So many bytes came; arrivals closer than a round trip are one burst, whose rate is the path's."""
        self.succeeded_s = now_s
        if now_s - self._down_last_s > max(self.rtt_s, RTO_S_MIN):
            self._down_bytes, self._down_since_s = 0, now_s
        else:
            self._down_bytes += byte_count  # the first of a burst only starts the watch
        self._down_last_s = now_s
        lasted_s = now_s - self._down_since_s
        if lasted_s >= RTO_S_MIN:
            gain = RATE_GAIN if self.down_bytes_per_s else 1.0
            self.down_bytes_per_s += gain * (self._down_bytes / lasted_s - self.down_bytes_per_s)
            self._down_bytes, self._down_since_s = 0, now_s

    # ---- what follows

    @property
    def rto_s(self) -> float:
        """How long an answer may take before it is late (RFC 6298 §2)."""
        return min(max(self.rtt_s + 4 * self.rtt_deviation_s, RTO_S_MIN), RTO_S_MAX)

    @property
    def rtt_s_min(self) -> float:
        """The distance: the least round trip of the last while."""
        return self._least[0][1] if self._least else self.rtt_s

    @property
    def bloat_s(self) -> float:
        """What queues add while bytes of ours are under way."""
        return max(self.loaded_rtt_s - self.rtt_s_min, 0.0) if self.loaded_rtt_s and self._least else 0.0

    def age_s(self, now_s: float) -> float | None:
        """How long ago anything succeeded; none if nothing has."""
        return None if self.succeeded_s is None else now_s - self.succeeded_s

    def _forget(self, now_s: float) -> None:
        # The newest stays, whatever its age: an old distance is better than none.
        while len(self._least) > 1 and (
            self._least[0][0] < now_s - DISTANCE_WINDOW_S or len(self._least) > DISTANCE_SAMPLES_MAX
        ):
            self._least.popleft()
