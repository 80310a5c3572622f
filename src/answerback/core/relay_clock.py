"""What time it is at the relay, so that a wrong clock here can neither reorder nor expire a message.

Theory. Each clock reading from the relay came half a round trip ago (Cristian, 1989); the reading with the shortest
round trip is the best one, as in NTP's clock filter (RFC 5905 §10). From then on the *monotonic* clock carries it
forward, so that setting this device's wall clock changes nothing. Before the first reading of a run, the offset
learned in an earlier run is added to the wall clock as it was when the run began, and the monotonic clock carries that
forward too: good enough for a stamp, never for an expiry.
"""

from dataclasses import dataclass

from answerback.core.effects import Moment
from answerback.model.bounds import INSTANT_MS_MAX

SAMPLE_AGE_S_MAX = 600.0
"""A quartz clock drifts by up to about 50 ppm: 30 ms in ten minutes, less than a mobile round trip."""
DRIFT_MS = 50.0
"""What that drift, and a relay that took a moment to say what it read, explain."""
SKEW_MS = 2 * 60_000
"""Beyond this a person is told: certificates and other programs will soon complain as well."""
STAMP_MS_MAX = INSTANT_MS_MAX - 366 * 86_400_000
"""Whatever clocks say: a year before the last moment that can be sent, so that the end of a message stamped here can be
sent too."""


@dataclass(slots=True)
class RelayClock:
    """The relay's time, as well as it is known."""

    offset_ms: int = 0
    """Relay minus wall clock, at the best reading."""
    _began: Moment | None = None
    _relay_ms: float | None = None
    _read_s: float = 0.0
    _rtt_s: float = 0.0

    def begin(self, now: Moment) -> None:
        """A run begins: from here on this device's wall clock may be set without anything noticing."""
        self._began = now

    def read(self, clock_ms: int, *, rtt_s: float, now: Moment) -> bool:
        """Take in a reading that took `rtt_s` to come back; false if an earlier one is better.

        Each reading is off by half its round trip at most. Where an earlier one, carried forward, is further off than
        both together, it is not better but wrong: this device slept and its monotonic clock with it, or the relay's
        clock was set.
        """
        carried_ms = self.relay_ms(now)
        if carried_ms is not None and now.now_s - self._read_s < SAMPLE_AGE_S_MAX and rtt_s > self._rtt_s:
            off_ms = abs(carried_ms - clock_ms - rtt_s * 500)
            if off_ms <= (rtt_s + self._rtt_s) * 500 + DRIFT_MS:
                return False
        self._relay_ms, self._read_s, self._rtt_s = clock_ms + rtt_s * 500, now.now_s, rtt_s
        self.offset_ms = round(self._relay_ms) - now.wall_ms
        return True

    @property
    def read_s(self) -> float:
        """When the reading it goes by was taken, in monotonic seconds of this run."""
        return self._read_s

    @property
    def skewed(self) -> bool:
        """This device's clock is so wrong that its person should know."""
        return self._relay_ms is not None and abs(self.offset_ms) > SKEW_MS

    def relay_ms(self, now: Moment) -> int | None:
        """The relay's time; none before the first reading of this run."""
        if self._relay_ms is None:
            return None
        return round(self._relay_ms + (now.now_s - self._read_s) * 1000)

    def stamp_ms(self, now: Moment) -> int:
        """The time to stamp messages with: the relay's if it is known, else our best guess of it."""
        known = self.relay_ms(now)
        if known is None:
            began = self._began or now
            known = began.wall_ms + self.offset_ms + round((now.now_s - began.now_s) * 1000)
        return min(max(known, 0), STAMP_MS_MAX)
