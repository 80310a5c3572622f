"""Says when an urgent envelope that has no answer is said a second time, on another line.

Theory. What is lost with a path is noticed late, and urgent mail should not wait for it. The relay keeps an envelope
once however often it hears it, so saying it twice costs its bytes and nothing else. Two signs ask for it. *Late*: its
own answer takes longer than answers of this line do, by four deviations (RFC 6298 §2). *Quiet*: answers came steadily,
as they do beside bulk, and now none comes at all; a line that is merely slow still says something. Where no other line
stands a second attempt needs a new one, and waits longer.

The surprising rule: half of the reserve is kept for quiet. A link that is slow makes everything late, and would use up
what is needed when it dies. All in all no more is said twice than a twentieth of what was said, and `RESERVE_BYTES`.
"""

from dataclasses import dataclass, field
from enum import Enum, unique

from answerback.core.network.estimate import Estimate
from answerback.model.ids import EnvelopeId

HEDGED_BYTES_MAX = 4 * 1024
"""The largest envelope that is said twice: a text of any length people write at once, and no picture."""
SHARE = 0.05
"""Of the urgent bytes may be said twice. Measured in advance, 4 % bought two thirds of the 99th percentile."""
RESERVE_BYTES = 16 * 1024
"""Beside the share: what a path that dies has under way, twenty texts of a few lines."""
LATE_SHARE = 0.5
"""Of the reserve is spent on lateness."""
LATE_S_MIN = 0.02
"""A relay answers after its disk has; sooner than this nothing is late."""
QUIET_S_MIN = 0.04
"""Two turns of a relay's disk, and of its and our event loop, under load."""
QUIET_DEVIATIONS = 4.0
QUIET_GAP_S_MAX = 1.0
"""A longer gap between answers is no rhythm, and says nothing about the next."""
QUIET_COUNT_MIN = 8
"""Answers in a row before there is a rhythm."""
DOUBT_COUNT_MIN = 64
"""Answers in a row before silence alone may move mail to another line: one packet in a hundred lost shows by then."""
DOUBT_SHARE = 1.5
"""So much longer than any gap of the last while. By the rhythm alone, nine of ten lines that lose one packet in a
hundred were left within seconds; with this, one in six minutes; with twice the gap, no fewer."""
DOUBT_MEMORY_S = 30.0
GAP_GAIN = 1 / 8
TOGETHER_S = 0.002
"""Answers this close have come in one packet: a batch has no rhythm."""
ALONE_S = 1.0
"""Before a second attempt where no other line stands: it costs a connection. Measured in advance, the 99th percentile
of urgent delays falls from 2.9 to 1.1 s with it."""
FLYING_MAX = 256
"""Urgent envelopes that are watched; who sends more at once is not waiting for one."""
DONE_MAX = 256
"""Remembered for the timelines of messages that have an answer."""


@unique
class Why(Enum):
    """What asked for a second attempt."""

    LATE = "its answer took longer than answers do"
    QUIET = "answers came steadily, and then none"
    ALONE = "no answer for a second, and no other line"


@dataclass(frozen=True, slots=True)
class Hedge:
    """One envelope that was said twice, for its message's timeline."""

    why: Why
    at_s: float
    after_s: float
    """Since it was said first."""
    answered_s: float | None = None
    """When the first answer came; none yet."""
    is_won: bool = False
    """That answer came to the second attempt."""


@dataclass(slots=True)
class _Flying:
    size_bytes: int
    sent_s: float
    hedge: Hedge | None = None


@dataclass(slots=True)
class _Longest:
    """The longest gap of the last while."""

    seconds: float = 0.0
    _next_s: float = 0.0
    _until_s: float = 0.0

    def learn(self, gap_s: float, *, now_s: float) -> None:
        if now_s >= self._until_s:
            self.seconds, self._next_s, self._until_s = self._next_s, 0.0, now_s + DOUBT_MEMORY_S
        self.seconds, self._next_s = max(self.seconds, gap_s), max(self._next_s, gap_s)


@dataclass(slots=True)
class Hedging:
    """The urgent envelopes under way on the line in use."""

    urgent_bytes: int = 0
    """Said once, so far."""
    hedged_bytes: int = 0
    """And these again."""
    hedged: int = 0
    won: int = 0
    """Second attempts that were answered first."""
    _reserve_bytes: float = float(RESERVE_BYTES)
    _flying: dict[EnvelopeId, _Flying] = field(default_factory=dict)
    _done: dict[EnvelopeId, Hedge] = field(default_factory=dict)
    _heard_s: float | None = None
    _gap_s: float = 0.0
    _gap_deviation_s: float = 0.0
    _gaps: int = 0
    _longest: _Longest = field(default_factory=_Longest)

    # ---- what happens

    def sent(self, identity: EnvelopeId, size_bytes: int, *, now_s: float) -> None:
        """An urgent envelope was said on the line in use."""
        if size_bytes > HEDGED_BYTES_MAX or len(self._flying) >= FLYING_MAX or identity in self._flying:
            return
        if self._heard_s is not None and now_s - self._heard_s >= QUIET_GAP_S_MAX:
            self._gaps = 0  # the line has been idle: its silence is no sign against it
        self._flying[identity] = _Flying(size_bytes, now_s)
        self.urgent_bytes += size_bytes
        self._reserve_bytes = min(self._reserve_bytes + SHARE * size_bytes, float(RESERVE_BYTES))

    def answered(self, identity: EnvelopeId, *, on_other: bool = False, now_s: float) -> Hedge | None:
        """The relay accepted or refused it, on the line in use or on the other; give what was done for it."""
        flying = self._flying.pop(identity, None)
        if flying is None or flying.hedge is None:
            return None
        self.won += on_other
        before = flying.hedge
        hedge = Hedge(before.why, before.at_s, before.after_s, answered_s=now_s, is_won=on_other)
        self._remember(identity, hedge)
        return hedge

    def heard(self, *, now_s: float) -> None:
        """Anything came on the line in use: what a frame or a chunk of a file is answered with, or mail."""
        gap_s = QUIET_GAP_S_MAX if self._heard_s is None else now_s - self._heard_s
        if gap_s < TOGETHER_S:
            return
        self._heard_s = now_s
        if gap_s >= QUIET_GAP_S_MAX:
            self._gaps = 0  # it was idle, or held up: there is no rhythm to go by
            return
        self._gaps += 1
        self._longest.learn(gap_s, now_s=now_s)
        if self._gaps == 1:
            self._gap_s, self._gap_deviation_s = gap_s, gap_s / 2
            return
        self._gap_deviation_s += GAP_GAIN * (abs(gap_s - self._gap_s) - self._gap_deviation_s)
        self._gap_s += GAP_GAIN * (gap_s - self._gap_s)

    def idle(self) -> None:
        """Nothing more is under way beside urgent mail: answers need not come steadily from now on."""
        self._gaps = 0

    def ended(self) -> None:
        """The line in use is another now; whatever had no answer is said there anyway."""
        for identity, flying in self._flying.items():
            if flying.hedge is not None:
                self._remember(identity, flying.hedge)
        self._flying.clear()
        self._heard_s, self._gaps, self._longest = None, 0, _Longest()

    # ---- what follows

    def due(self, late_s: float, *, has_other: bool, now_s: float) -> list[EnvelopeId]:
        """Say which envelopes to say again now, and count them as said; `late_s` as `late_s` below gives it."""
        found: list[EnvelopeId] = []
        for identity, flying in self._flying.items():
            why = self._why(flying, late_s, has_other=has_other, now_s=now_s)
            if why is None or not self._affords(flying, why):
                continue
            flying.hedge = Hedge(why, now_s, now_s - flying.sent_s)
            self._reserve_bytes -= flying.size_bytes
            self.hedged_bytes += flying.size_bytes
            self.hedged += 1
            found.append(identity)
        return found

    def wake_at_s(self, late_s: float, *, has_other: bool) -> float | None:
        """When `due` next has something, unless an answer comes before; none if nothing will be."""
        moments = [
            at_s
            for flying in self._flying.values()
            for why, at_s in self._moments(flying, late_s, has_other=has_other)
            if self._affords(flying, why)
        ]
        return min(moments, default=None)

    def of(self, identity: EnvelopeId) -> Hedge | None:
        """Tell what was done for one envelope: none if it was said once only."""
        flying = self._flying.get(identity)
        return self._done.get(identity) if flying is None else flying.hedge

    @property
    def flying_bytes(self) -> int:
        """What is under way of what is urgent."""
        return sum(flying.size_bytes for flying in self._flying.values())

    @property
    def is_busy(self) -> bool:
        """Whether an urgent envelope has no answer yet: a metered path may stand by for it."""
        return bool(self._flying)

    @property
    def quiet_at_s(self) -> float | None:
        """When the line in use counts as quiet if nothing is heard before; none while there is no rhythm."""
        if self._heard_s is None or self._gaps < QUIET_COUNT_MIN:
            return None
        return self._heard_s + self._quiet_s

    @property
    def doubt_at_s(self) -> float | None:
        """When quiet alone is a sign against a line that brings mail, which should then come on another.

        It is believed later than for saying a text twice: lost packets and drained queues make gaps as well. For what
        is sent, saying it twice is enough, and costs less than moving for nothing. An empty mailbox is silent too: only
        the caller knows whether more was to come, or asks the line first.
        """
        if self._heard_s is None or self._gaps < DOUBT_COUNT_MIN:
            return None
        return self._heard_s + max(self._quiet_s, DOUBT_SHARE * self._longest.seconds)

    # ---- private

    @property
    def _quiet_s(self) -> float:
        return max(self._gap_s + QUIET_DEVIATIONS * self._gap_deviation_s, QUIET_S_MIN)

    def _remember(self, identity: EnvelopeId, hedge: Hedge) -> None:
        self._done.pop(identity, None)
        self._done[identity] = hedge
        if len(self._done) > DONE_MAX:
            del self._done[next(iter(self._done))]

    def _why(self, flying: _Flying, late_s: float, *, has_other: bool, now_s: float) -> Why | None:
        signs = [why for why, at_s in self._moments(flying, late_s, has_other=has_other) if at_s <= now_s]
        return signs[-1] if signs else None

    def _moments(self, flying: _Flying, late_s: float, *, has_other: bool) -> list[tuple[Why, float]]:
        """When each sign says so if nothing is heard before, the strongest last; none once it was said twice."""
        if flying.hedge is not None:
            return []
        if not has_other:
            return [(Why.ALONE, flying.sent_s + max(ALONE_S, late_s))]
        moments = [(Why.LATE, flying.sent_s + max(late_s, LATE_S_MIN))]
        quiet_at_s = self.quiet_at_s
        return moments if quiet_at_s is None else [*moments, (Why.QUIET, max(quiet_at_s, flying.sent_s))]

    def _affords(self, flying: _Flying, why: Why) -> bool:
        kept_bytes = 0.0 if why is Why.QUIET else (1.0 - LATE_SHARE) * RESERVE_BYTES
        return self._reserve_bytes - flying.size_bytes >= kept_bytes


def late_s(estimate: Estimate) -> float:
    """After how long an answer on a path is late: as `rto_s`, without the patience that TCP needs."""
    return estimate.rtt_s + 4 * estimate.rtt_deviation_s
