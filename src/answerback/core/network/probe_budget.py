"""Bounds how many probes a device sends into a silence: by outage, by hour and by what the device is.

Theory. A probe is one small packet that asks whether the path is back. Three bounds hold at once: so many in any
minute, which the first minute of an outage may use up; never closer than a spacing once an outage is no longer fresh;
so many in an hour, as a bucket that refills, whatever the outages. The first two bound what one long outage costs, the
third what a flapping network costs. Every packet counts, also those that a kernel repeats; and since a probe that is
answered by datagram still has to become a connection, the timetable leaves room for that in each minute.
"""

import math
from bisect import bisect_left, insort
from dataclasses import dataclass, field
from enum import Enum, unique

FIRST_S = 60.0
"""How long an outage counts as fresh."""
PROBE_BYTES = 60
"""A TCP SYN with the options of today's systems over IPv4; 20 more over IPv6."""
HOUR_S = 3600.0
EDGE_S = 0.1
"""What is measured to the millisecond must not depend on whose clock was read first."""
FOLLOWS = 1
"""So many packets in each minute the timetable leaves for evidence, and for what follows on an answer."""
SOON_S = 10.0
"""What is begun now may be sent so late: a kernel repeats what it was given."""
FLAPPING = 2
"""Each outage may spend its first minute's probes, even if the one before has just spent its own, as on a train between
two tunnels; but no minute sees more than so many times that."""


@unique
class Platform(Enum):
    """What kind of device this is, for what it can spare."""

    DESKTOP = "desktop"
    ANDROID = "android"
    IOS = "ios"
    BROWSER = "browser"
    EMBEDDED = "embedded"


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a device may spend on finding its network again."""

    first_minute: int
    per_minute: int
    """Of the timetable in each minute after the first; what follows on an answer comes besides (`FOLLOWS`)."""
    per_hour: int
    """Over all outages, and the most that can be saved up."""
    price_s: float
    """Seconds of delay that one probe is worth: what decides between asking often and asking seldom."""


IN_FRONT = {
    Platform.DESKTOP: Allowance(first_minute=39, per_minute=9, per_hour=1200, price_s=0.05),
    Platform.ANDROID: Allowance(first_minute=39, per_minute=9, per_hour=600, price_s=0.1),
    Platform.IOS: Allowance(first_minute=39, per_minute=9, per_hour=600, price_s=0.1),
    Platform.BROWSER: Allowance(first_minute=39, per_minute=9, per_hour=600, price_s=0.1),
    Platform.EMBEDDED: Allowance(first_minute=30, per_minute=4, per_hour=240, price_s=0.3),
}
"""While a person looks, or on mains: forty in the first minute and ten in a later one, less what may follow on answers.
A phone's radio stays awake for some 5 to 10 s after each packet, so within the first minute it is awake whatever we do;
what must be bounded there is the hour.

A device reads its own from its platform's profile (`platforms.py`), with the reasons; these are the same figures for
models that play a device without files, and a test holds the two together."""
IN_BACKGROUND = {
    Platform.DESKTOP: IN_FRONT[Platform.DESKTOP],
    Platform.ANDROID: Allowance(first_minute=6, per_minute=1, per_hour=30, price_s=10.0),
    Platform.IOS: Allowance(first_minute=3, per_minute=1, per_hour=12, price_s=30.0),
    Platform.BROWSER: Allowance(first_minute=6, per_minute=1, per_hour=60, price_s=5.0),
    Platform.EMBEDDED: IN_FRONT[Platform.EMBEDDED],
}
"""While nobody looks. Phones let a program that is not in front run for seconds at a time (iOS) or in windows of
minutes (Android's Doze), and browsers slow the timers of hidden pages to one a minute: more could not be kept."""


@dataclass(slots=True)
class ProbeBudget:
    """What is left to spend."""

    allowance: Allowance
    spent: int = 0
    """Probes sent since this device started."""
    _last_minute_s: list[float] = field(default_factory=list)
    """When they leave, in order; the last may be about to."""
    _saved: float = -1.0
    _saved_at_s: float = 0.0

    def left(self, *, now_s: float, began_s: float = -math.inf) -> int:
        """How many probes of the timetable may be sent at once now, while an outage that began then is fresh."""
        first_minute, since_s = self.allowance.first_minute, now_s - FIRST_S
        of_this = sum(at_s > since_s and at_s >= began_s for at_s in self._last_minute_s)
        of_all = sum(at_s > since_s for at_s in self._last_minute_s)
        return max(min(first_minute - of_this, FLAPPING * first_minute - of_all), 0)

    def left_late(self, *, now_s: float, fresh_s: float) -> int:
        """How many may be sent within seconds, in an outage that is fresh from then on and soon is no longer."""
        if now_s + SOON_S < fresh_s + FIRST_S:
            return self.allowance.first_minute
        late_s = max(now_s - FIRST_S, fresh_s + FIRST_S)
        return self.allowance.per_minute - sum(at_s >= late_s for at_s in self._last_minute_s)

    def free_at_s(self, at_s: float, *, fresh_s: float, began_s: float = -math.inf) -> float:
        """When the timetable's probe wished for at a moment may be sent, in an outage that began then.

        It is fresh for a minute from `fresh_s` on: evidence may begin that anew, but not what may be sent meanwhile.
        """
        spent_s, most = self._last_minute_s, self.allowance.first_minute
        if len(spent_s) - bisect_left(spent_s, began_s) >= most:
            at_s = max(at_s, spent_s[-most] + FIRST_S)
        at_s = self._bounded_s(at_s, fresh_s=fresh_s, began_s=began_s)
        if at_s >= fresh_s + FIRST_S - EDGE_S and spent_s:
            at_s = max(at_s, spent_s[-1] + (FIRST_S + EDGE_S) / self.allowance.per_minute)
        return self._bounded_s(at_s, fresh_s=fresh_s, began_s=began_s)

    def follows_at_s(self, at_s: float, *, fresh_s: float, began_s: float = -math.inf, packets: int = 1) -> float:
        """When so many may be sent all the same within seconds, because something was answered."""
        return self._bounded_s(at_s, fresh_s=fresh_s, began_s=began_s, packets=packets)

    def spend(self, *, now_s: float) -> None:
        """A probe is sent, or is about to be."""
        self._saved = max(self._saved_by(now_s) - 1.0, 0.0)
        self._saved_at_s = max(now_s, self._saved_at_s)
        insort(self._last_minute_s, now_s)
        del self._last_minute_s[: -FLAPPING * self.allowance.first_minute]
        self.spent += 1

    def _bounded_s(self, at_s: float, *, fresh_s: float, began_s: float, packets: int = 1) -> float:
        """The first moment from then on at which no minute has too many, with so many more."""
        spent_s, window_s = self._last_minute_s, FIRST_S + EDGE_S
        most = self.allowance.first_minute + FOLLOWS
        of_this_s = spent_s[bisect_left(spent_s, began_s) :]
        if len(of_this_s) >= most:
            at_s = max(at_s, of_this_s[-most] + FIRST_S)
        most_of_all = FLAPPING * self.allowance.first_minute
        if len(spent_s) >= most_of_all:
            at_s = max(at_s, spent_s[-most_of_all] + FIRST_S)
        late_s, most_late = fresh_s + FIRST_S - EDGE_S, self.allowance.per_minute + FOLLOWS
        late = len(spent_s) - bisect_left(spent_s, late_s)
        kept = max(most_late + 1 - packets, 1)
        if at_s >= late_s and late >= kept:
            at_s = max(at_s, spent_s[-kept] + window_s)
        missing = 1.0 - self._saved_by(at_s)
        return at_s + max(missing, 0.0) * HOUR_S / self.allowance.per_hour

    def _saved_by(self, at_s: float) -> float:
        most = float(self.allowance.per_hour)
        if self._saved < 0:
            return most
        return min(self._saved + max(at_s - self._saved_at_s, 0.0) * most / HOUR_S, most)
