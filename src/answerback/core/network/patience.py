"""Says how long the answer to a probe is waited for, and which probes the kernel sends by itself meanwhile.

Theory. A probe is a SYN, and the kernel repeats it from one second on. Given up before that, it is one packet; but a
link that is slow when it is back answers later than that, and would never be found. So some probes live longer, and
each of their repetitions is counted as the probe it is, and stands for one of the timetable where it comes about when
that wants one. The surprising rule: where it is not known which kernel that is, what is counted is what the most eager
ones send, and what is relied on is what all of them do.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from answerback.core.network.repetitions import FIRST_AGAIN_S, SLACK, UNKNOWN, Repetitions

ANSWER_S = 0.95
"""A SYN is given up before the kernel repeats it after a second, so that a probe is one packet …"""
ANSWER_S_LONG = 1.95
"""… but each `LONG_EVERY`th lives until before the second repetition: on a slow link answers take longer than a
second."""
LONG_EVERY, LONG_EVERY_SLOW = 8, 3
LONG_AGE_S = 3.0
"""A young outage is seldom a slow link."""
ANSWER_S_LONGEST = 9.5
"""And in an outage that lasts, one lives until the kernel has repeated it often: behind a full queue of somebody
else's an answer takes seconds, and a device that asked for less would never come back."""
LONGEST_AGE_S = 12.0
"""Then that costs least: the timetable wants a probe a second anyway."""
LONGEST_EVERY = 14
"""So many probes later another one may, if the budget has that to spare."""
PATIENT = {1: ANSWER_S_LONGEST, 2: ANSWER_S_LONG}
"""Of the probes after fresh evidence these live long: on a slow link no other would ever be answered."""
FAR_ROUND_TRIPS = 1.25
"""Where a round trip takes about a second or more, every probe lives for so many of them: any other is in vain."""


@dataclass(frozen=True, slots=True)
class Occasion:
    """What is known as a probe leaves."""

    now_s: float
    age_s: float
    """Of the outage."""
    rtt_s: float
    rto_s: float
    number: int
    """The probe's."""
    since_evidence: int
    """Its number since evidence of a network that may be another; 0 if there is none."""
    is_spare: bool
    """The budget has more than the timetable takes."""
    affords: Callable[[int], bool]
    """Whether so many repetitions are within the budget …"""
    has_time: Callable[[int], bool]
    """… and leave time for the timetable's next probe."""


@dataclass(slots=True)
class Patience:
    """The patience of one path's probes."""

    repetitions: Repetitions = UNKNOWN
    """Of the kernel that carries the probes."""
    answer_s: float = ANSWER_S
    """How long the answer to the last probe is waited for."""
    longest: int | None = None
    """The number of the probe of this outage that lives longest; of several, the last."""
    _again_s: list[float] = field(default_factory=list)
    """When those that live longer are repeated, as far as every kernel does …"""
    _more_s: list[float] = field(default_factory=list)
    """… and when some kernels do besides."""

    def begin(self) -> None:
        """An outage begins."""
        self.longest = None

    def end(self) -> None:
        """All probes are given up."""
        self._again_s.clear()
        self._more_s.clear()

    def sent(self, occasion: Occasion) -> None:
        """A SYN leaves: decide how long its answer is waited for."""
        self.answer_s = self._wanted_s(occasion)
        now_s = occasion.now_s
        for coming_s in (self._again_s, self._more_s):
            coming_s[:] = [at_s for at_s in coming_s if at_s > now_s]
        for after_s in self.repetitions.counted_s:
            if after_s < self.answer_s:
                (self._again_s if after_s in self.repetitions.sure_s else self._more_s).append(now_s + after_s)

    def asked(self) -> None:
        """No more than one packet leaves: a datagram, or a SYN that nobody expects much of."""
        self.answer_s = ANSWER_S

    def followed(self) -> None:
        """A SYN leaves whose path is known to be there: it is waited for, as long as it may be repeated."""
        self.answer_s = ANSWER_S_LONGEST

    def covered_s(self, now_s: float, spacing_s: float) -> float:
        """Until when repetitions stand for the probes of a timetable with this spacing."""
        covered_s = now_s
        for at_s in sorted(self._again_s):
            if now_s < at_s <= covered_s + SLACK * spacing_s:
                covered_s = at_s
        return covered_s

    def surplus(self, now_s: float) -> int:
        """How many packets are to come that stand for no probe, also of the one that is to live longest."""
        return self.repetitions.wasted if self.longest is None else sum(at_s > now_s for at_s in self._more_s)

    def far_repeats(self, rtt_s: float) -> int:
        """How often the kernel repeats a SYN before its answer can be here."""
        return self.repetitions.within(FAR_ROUND_TRIPS * rtt_s)

    @staticmethod
    def is_long(number: int, rto_s: float) -> bool:
        """Whether this probe is among those that live longer."""
        return number % (LONG_EVERY_SLOW if rto_s > ANSWER_S else LONG_EVERY) == 0

    def _wanted_s(self, occasion: Occasion) -> float:
        if occasion.since_evidence in PATIENT:
            return PATIENT[occasion.since_evidence]  # what was measured says nothing of another network
        repeats = len(self.repetitions.counted_s)
        if self._is_longest(occasion) and occasion.has_time(repeats) and occasion.affords(repeats):
            self.longest = occasion.number
            return ANSWER_S_LONGEST
        repeats = self.far_repeats(occasion.rtt_s)
        if repeats and occasion.affords(repeats):
            again_s = (*self.repetitions.counted_s, ANSWER_S_LONGEST + FIRST_AGAIN_S - ANSWER_S)
            return again_s[repeats] + ANSWER_S - FIRST_AGAIN_S
        may_last = occasion.rto_s > ANSWER_S or (occasion.age_s > LONG_AGE_S and occasion.is_spare)
        is_long = may_last and self.is_long(occasion.number, occasion.rto_s)
        return ANSWER_S_LONG if is_long and occasion.has_time(1) and occasion.affords(1) else ANSWER_S

    def _is_longest(self, occasion: Occasion) -> bool:
        if occasion.age_s < LONGEST_AGE_S:
            return False
        if occasion.rto_s > ANSWER_S_LONG:
            return occasion.number % LONG_EVERY_SLOW == 0
        return self.longest is None or (occasion.is_spare and occasion.number >= self.longest + LONGEST_EVERY)
