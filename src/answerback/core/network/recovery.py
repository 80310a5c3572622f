"""Says when to ask whether the path is back, and why then.

Theory. An outage has an age, and what a person notices is the delay after its end in proportion to it: a second after a
short one, a tenth of it after a long one. That is the pledge, so the next probe is due before the pledge would be
broken, less the time a connection then takes to set up. Within the pledge, the best moment follows from the hazard: the
spacing at which one more probe costs as much as the delay it saves is `sqrt(2 * price / hazard)` (the inspection
problem of reliability theory); where the budget is short, the price rises. Probes are single packets and may overlap;
who answers becomes the connection.

What is known beats what is guessed. Evidence (the network changed, the relay called, a person looks) asks at once, and
goes on as if the outage had just begun, for it often comes before the route does. Without an interface nobody asks. A
relay that refuses is not a path that is dead: its time rules, is never probed through, and where it gave none a budget
of retries does. The surprising rule: there is no back-off in the first seconds, since most outages are short.
"""

import math
from dataclasses import dataclass, field
from itertools import pairwise

from answerback.core.network.evidence import ANEW, CERTAIN, FRESH, Evidence, Hints
from answerback.core.network.outages import Outages
from answerback.core.network.patience import LONG_AGE_S, Occasion, Patience
from answerback.core.network.probe_budget import FIRST_S, IN_FRONT, PROBE_BYTES, Platform, ProbeBudget
from answerback.core.waking import Reason, Wake

PLEDGE_S = 1.0
PLEDGE_SHARE = 0.1
"""Delay after recovery: at most a second, or this share of what the outage lasted."""
SPACING_S_MIN = 0.25
"""Closer probes tell nothing more: a connection then takes as long."""
SPACING_S_MAX = 60.0
PRICE_STEP = 1.25
"""While what is left of the first minute's budget does not suffice at a price, the price rises by this."""
SETUP_ROUND_TRIPS = 3.5
"""From the packet that is answered to mail at the relay: TCP, TLS, WebSocket with a ticket, half a one for mail."""
SETUP_ROUND_TRIPS_MAX = 12.0
"""A set-up that took longer was held up by something that will not be there every time."""
SETUP_GAIN = 0.25
SPACING_SETUPS_MIN = 1.2
"""Where setting up takes long, closer probes help little."""
JITTER = 0.06
"""Each spacing is drawn up to so much shorter, not more: devices that fell together must not ask together."""
STEADY_S = 5.0
"""A connection that says its end sooner was none: a relay that welcomes and falls over would be stormed."""
CARRIED_S = 1.0
"""A connection that carried mail for so long and then fell silent was one: its silence is an outage of its own."""
EVIDENCE_BURST_S = 0.8
"""After evidence that begins an outage anew, so long as closely as is of use: its first packet may be lost as well."""
ABSENT_S = 60.0
"""Without an interface we wait to be told, and look once a minute whether we were not."""
TOLD_S_MAX = 2 * 3600.0
"""Our relays say an hour and jitter at most; one that says a year, once, must not keep its devices away for it."""
REFUSED_S = 1.0
REFUSED_GROWTH = 1.7
REFUSED_S_MAX = 60.0
"""A relay that starts anew is back within seconds; another is waited for, ever longer, half of it by chance."""
RETRIES_MAX = 10.0
RETRY_REFILL_S = 30.0
"""Retries at a relay that refuses: so many at once, then one each time this passes, however often it is called back."""
QUEUED_S = 20.0
"""Who waits in the line of a relay that was gone asks so often, half of it by chance, whether the path is still there:
each time costs the relay a twentieth of letting somebody in, and is for nothing if it is."""
STANDSTILL = 1.5
STANDSTILL_S_MIN = 0.4
STANDSTILL_S_MAX = 4.0
"""A set-up that takes so many times what it should stands still, and the timetable goes on: TCP waits ever longer."""


_SHARES = tuple((index / 16) ** 2 for index in range(17))


@dataclass(slots=True)
class Recovery:
    """The timetable of probes, and what it learns."""

    budget: ProbeBudget = field(default_factory=lambda: ProbeBudget(IN_FRONT[Platform.DESKTOP]))
    outages: Outages = field(default_factory=Outages)
    rtt_s: float = 0.1
    rto_s: float = 0.5
    """The path's round trip and how long an answer may take; the caller keeps them up to date."""
    by_datagram: bool = False
    """Old outages are asked about by datagram, which no kernel repeats and whose answer may take its time."""
    setup_round_trips: float = SETUP_ROUND_TRIPS
    """From an answered probe to the first mail, as learned."""
    wasted: int = 0
    """Probes and attempts that led to nothing."""
    _next: Wake | None = None
    _began_s: float | None = None
    """When the outage began: the last that was heard before it."""
    _fresh_s: float = 0.0
    """From when its age counts for the timetable: its beginning, or evidence that begins it anew."""
    _price_s: float = 0.0
    """What a probe of the first minute costs in this outage, so that the budget suffices."""
    up_since_s: float = -math.inf
    """When a connection carried mail last, anew."""
    _spends_from_s: float = -math.inf
    """From when probes count as this outage's."""
    _is_absent: bool = False
    _hints: Hints = field(default_factory=Hints)
    _is_anew: bool = False
    """The doubted connection is of no use any more: its network is gone, or it has ended."""
    is_crowd: bool = False
    """The relay itself was gone in this outage: when it is back, all its devices are at its door."""
    _is_queued: bool = False
    """A connection waits in its line."""
    _refusals: int = 0
    _retries: float = RETRIES_MAX
    _retries_at_s: float = 0.0
    _found_took_s: float | None = None
    """A datagram was answered after so long, and its connection is not yet asked for."""
    _number: int = 0
    _since_evidence: int = 0
    patience: Patience = field(default_factory=Patience)
    _open_probes: int = 0
    """Probes since anything worked, and how many of them the kernel sent again."""
    _repeats: int = 0

    @property
    def wake_at(self) -> Wake | None:
        """When the next probe is due, and why then."""
        return self._next

    @property
    def is_out(self) -> bool:
        """An outage is under way, as far as is known."""
        return self._began_s is not None

    @property
    def is_absent(self) -> bool:
        """There is no interface."""
        return self._is_absent

    @property
    def wasted_bytes(self) -> int:
        """What was sent in vain to find out whether the path is back."""
        return self.wasted * PROBE_BYTES

    @property
    def setup_s(self) -> float:
        """What setting up a connection is expected to take, once its first packet is answered."""
        return self.setup_round_trips * self.rtt_s

    # ---- what begins

    def start(self, *, now_s: float) -> None:
        """Begin: the first attempt is due at once."""
        self._begin(now_s)
        self._next = Wake(self._follows_at_s(now_s), Reason.CONNECT_FIRST)

    def stalled(self, *, heard_s: float, now_s: float) -> None:
        """Silence has lasted too long: since `heard_s` the path may be dead. Ask at once."""
        if self.is_out:
            return
        self._begin(heard_s, steady_s=CARRIED_S)
        self._next = Wake(self._free_at_s(now_s), Reason.CONNECT_CADENCE)

    def lost(self, *, now_s: float, draw: float) -> None:
        """The connection ended, and said so: if it had lasted, a new one is likely to succeed at once."""
        self._is_anew = True
        if self.is_out:
            return  # it was doubted already, and is being looked for
        if now_s - self.up_since_s < STEADY_S:
            self.refused(now_s=now_s, draw=draw)
            return
        self._begin(now_s)
        self._next = Wake(self._free_at_s(now_s), Reason.CONNECT_EVIDENCE)

    def rest(self, *, now_s: float) -> None:
        """Nobody needs the path now: an outage that has not ended has lasted so long at least."""
        if self._began_s is not None and self._open_probes:
            self.outages.learn(now_s - self._began_s, ended=False)
            self.wasted += self._open_probes + self._repeats
        self._next = self._began_s = None
        self._open_probes, self._repeats, self._is_anew = 0, 0, False
        self.patience.end()
        self._found_took_s = None
        self.is_crowd = self._is_queued = False
        self._hints.clear()

    # ---- what is learned

    def due(self, *, now_s: float, draw: float) -> Reason | None:
        """Take the probe that is due now, if one is; `draw` is a random number in [0, 1). The next is set at once."""
        if self._next is None or now_s < self._next.at_s:
            return None
        reason = self._next.reason
        if self._began_s is None:
            self._begin(now_s)
        self.budget.spend(now_s=now_s)
        self._number += 1
        self._since_evidence += 1
        self._open_probes += 1
        if self._found_took_s is not None and reason is Reason.CONNECT_EVIDENCE:
            self.patience.followed()
            self._next = Wake(self._free_at_s(now_s + self.standstill_s(self._found_took_s)), Reason.CONNECT_CADENCE)
            self._found_took_s = None
            return reason
        if self._is_absent or self._is_queued or (self.by_datagram and self.is_old(now_s)):
            self.patience.asked()
        else:
            self.patience.sent(self._occasion(now_s))
        self._next = self._following(now_s, draw)
        return reason

    def found(self, *, took_s: float, now_s: float) -> None:
        """A datagram was answered after so long: a SYN follows, as soon as it may be repeated until it is answered."""
        if self._next is None or self._is_told:
            return
        packets = 1 + self.patience.far_repeats(took_s)
        at_s = self._follows_at_s(now_s, packets=packets)
        if at_s <= self._next.at_s or self._next.reason is Reason.CONNECT_CADENCE:
            self._found_took_s, self._next = took_s, Wake(at_s, Reason.CONNECT_EVIDENCE)

    def is_old(self, now_s: float) -> bool:
        """Whether datagrams ask better than SYNs: a link that was gone for long may be slow when it is back."""
        return now_s - self._fresh_s > LONG_AGE_S

    @property
    def answer_s(self) -> float:
        """How long the answer to the probe just taken is waited for."""
        return self.patience.answer_s

    def may_repeat(self, at_s: float, *, now_s: float) -> bool:
        """Whether the kernel may send a probe again at a moment that is about to come; if it may, that is one more.

        What it has sent before anybody looked is one more all the same.
        """
        if now_s < at_s < self._follows_at_s(at_s):
            return False
        self.budget.spend(now_s=at_s)
        self._repeats += 1
        if self._next is not None:
            is_cadence = self._next.reason is Reason.CONNECT_CADENCE
            bound = self._free_at_s if is_cadence else self._follows_at_s
            self._next = Wake(bound(self._next.at_s), self._next.reason)
        return True

    def answered(self, *, took_s: float, now_s: float) -> float:
        """A probe came back after `took_s`: say from when its connection is worth setting up.

        The path lives, so the doubted connection may speak any moment: TCP sends again after about as long as the
        silence has lasted. What takes longer to set up than that would only be in its way.
        """
        if self._began_s is None:
            return now_s
        from_s = now_s if self._is_anew else max(now_s, self._began_s + self.rest_s(took_s))
        if not self._is_told:
            until_s = from_s + self.standstill_s(took_s)
            self._next = Wake(self._free_at_s(until_s), Reason.CONNECT_CADENCE)
        return from_s

    def rest_s(self, took_s: float) -> float:
        """What is left of setting up a connection whose probe came back after so long."""
        return (self.setup_round_trips - 1) * took_s

    def standstill_s(self, took_s: float) -> float:
        """How long a set-up may go on whose probe took so long, before it counts as standing still."""
        return min(max(STANDSTILL * self.rest_s(took_s), STANDSTILL_S_MIN), STANDSTILL_S_MAX)

    def succeeded(self, *, now_s: float, took_s: float | None = None, old: bool = False) -> None:
        """A connection carries mail; `took_s` since its probe was sent. With `old`, the doubted one itself spoke."""
        if now_s - self.up_since_s >= STEADY_S:
            self._refusals = 0
        if took_s is not None:
            sample = min(max(took_s / max(self.rtt_s, 0.001), 1.0), SETUP_ROUND_TRIPS_MAX)
            self.setup_round_trips += SETUP_GAIN * (sample - self.setup_round_trips)
        # The end lies between the last probe that was not answered and the one that was, and on the way from there.
        ended_s = now_s - (took_s or 0.0)
        if self._began_s is not None and self._open_probes:
            if not old or ended_s - self._began_s >= PLEDGE_S:  # a shorter one was no outage but a slow answer
                self.outages.learn(ended_s - self._began_s)
            self.wasted += max(self._open_probes + self._repeats - (0 if old else 1), 0)
        self._next, self.up_since_s = None, now_s
        self._open_probes, self._repeats, self._is_anew = 0, 0, False
        self.patience.end()
        self._found_took_s = None
        self.is_crowd = self._is_queued = False
        self._hints.clear()
        self._began_s = None

    def refused(self, *, now_s: float, draw: float) -> None:
        """The path is there and the relay is not: ask seldom, within the budget of retries, and apart from others."""
        if self._began_s is None:
            self._begin(now_s)
        self._refusals += 1
        self._is_queued = False
        self._retries = max(self._retries_by(now_s) - 1.0, 0.0)
        self._retries_at_s = now_s
        wait_s = min(REFUSED_S * REFUSED_GROWTH ** (self._refusals - 1), REFUSED_S_MAX) * (0.5 + draw)
        wait_s = max(wait_s, (1.0 - self._retries) * RETRY_REFILL_S)
        if not self._is_told:
            self._next = Wake(self._free_at_s(now_s + wait_s), Reason.CONNECT_CADENCE)

    def queued(self, *, now_s: float, draw: float) -> None:
        """A connection stands in the relay's line behind a crowd: ask no more but whether the path is still there."""
        self._is_queued = self.is_out
        if self.is_out and not self._is_told:
            self._next = Wake(self._free_at_s(now_s + QUEUED_S * (0.5 + draw)), Reason.CONNECT_CADENCE)

    def denied(self, *, now_s: float, draw: float) -> None:
        """Somebody said at once that nobody listens there: go on, but apart from others who hear the same.

        All devices of a relay lose it at the same moment, and would knock at the same moments ever after.
        """
        self.is_crowd = self.is_out
        if self._next is not None and self._next.reason is Reason.CONNECT_CADENCE and not self._is_absent:
            wait_s = max(self._next.at_s - now_s, 0.0) * (0.5 + draw)
            self._next = Wake(self._free_at_s(now_s + wait_s), Reason.CONNECT_CADENCE)

    def told(self, retry_after_s: float, *, now_s: float) -> None:
        """The relay said when to come back: until then nothing is asked, whatever the evidence."""
        if self._began_s is None:
            self._begin(now_s)
        at_s = self._follows_at_s(now_s + min(retry_after_s, TOLD_S_MAX))
        self._next, self.is_crowd = Wake(at_s, Reason.CONNECT_TOLD), True

    def hint(self, evidence: Evidence, *, now_s: float) -> None:
        """Something makes success likely now: do not wait for the timetable, unless the relay asked us to."""
        if evidence is Evidence.NETWORK_CHANGED:
            self._is_absent = False
        if evidence in ANEW:
            self.is_crowd = self._is_queued = False  # what stands in the line may be of a network that is gone
        if self._next is None or self._is_told:
            return
        if self._refusals and self._retries_by(now_s) < 1.0:
            return  # the path was never the trouble
        if not self._hints.act(evidence, now_s=now_s):
            return
        self._since_evidence = 0
        if evidence in FRESH:
            self._fresh_s, self._price_s = now_s, self.budget.allowance.price_s
        self._is_anew = self._is_anew or evidence in ANEW
        at_s = self._follows_at_s(now_s) if evidence in CERTAIN else self._free_at_s(now_s)
        self._next = Wake(min(at_s, self._next.at_s), Reason.CONNECT_EVIDENCE)

    def absent(self, *, now_s: float) -> None:
        """There is no interface to ask on: wait to be told of one."""
        self._is_absent = True
        if self._began_s is None:
            self._begin(now_s)
        if not self._is_told:
            self._next = Wake(self._free_at_s(now_s + ABSENT_S), Reason.CONNECT_CADENCE)

    # ---- private

    @property
    def _is_told(self) -> bool:
        return self._next is not None and self._next.reason is Reason.CONNECT_TOLD

    def _begin(self, began_s: float, *, steady_s: float = STEADY_S) -> None:
        self._began_s = began_s
        is_first = self._spends_from_s == -math.inf
        if is_first or began_s - self.up_since_s >= steady_s:  # else it is the one before that goes on
            self._spends_from_s = self._fresh_s = began_s
            self.patience.begin()
        self._price_s = self.budget.allowance.price_s

    def _free_at_s(self, at_s: float) -> float:
        return self.budget.free_at_s(at_s, fresh_s=self._fresh_s, began_s=self._spends_from_s)

    def _follows_at_s(self, at_s: float, *, packets: int = 1) -> float:
        return self.budget.follows_at_s(at_s, fresh_s=self._fresh_s, began_s=self._spends_from_s, packets=packets)

    def _occasion(self, now_s: float) -> Occasion:
        age_s = now_s - self._fresh_s
        is_fresh = self._fresh_s == self._hints.acted_s
        is_spare = self.is_old(now_s) and self._scarcity(age_s, now_s) < 1.0
        since_evidence = self._since_evidence if is_fresh else 0
        return Occasion(
            now_s,
            age_s,
            self.rtt_s,
            self.rto_s,
            self._number,
            since_evidence,
            is_spare=is_spare,
            affords=lambda repeats: self._affords(repeats, now_s),
            has_time=lambda repeats: self._has_time(repeats, age_s),
        )

    def _affords(self, repeats: int, now_s: float) -> bool:
        is_fresh = now_s < self._fresh_s + FIRST_S
        left = self.budget.left(now_s=now_s, began_s=self._spends_from_s) if is_fresh else repeats
        return min(left, self.budget.left_late(now_s=now_s, fresh_s=self._fresh_s)) >= repeats

    def _has_time(self, repeats: int, age_s: float) -> bool:
        """Whether a probe that is so many packets more leaves time for the next one."""
        return age_s < FIRST_S or self._pledged_s(age_s) >= (1 + repeats) * self._late_s

    @property
    def _late_s(self) -> float:
        return FIRST_S / self.budget.allowance.per_minute

    def _following(self, now_s: float, draw: float) -> Wake:
        if self._is_absent or self._is_queued:
            pause_s = ABSENT_S if self._is_absent else QUEUED_S * (0.5 + draw)
            return Wake(self._free_at_s(now_s + pause_s), Reason.CONNECT_CADENCE)
        spacing_s = self._spacing_s(now_s) * (1 - JITTER * draw)
        age_s = now_s - self._fresh_s
        if age_s >= FIRST_S and not self.by_datagram:
            is_long = self._has_time(1, age_s) and self.patience.is_long(self._number + 1, self.rto_s)
            spacing_s += max(self.patience.far_repeats(self.rtt_s), is_long) * self._late_s
        from_s = self.patience.covered_s(now_s, spacing_s)
        return Wake(self._free_at_s(from_s + spacing_s), Reason.CONNECT_CADENCE)

    def _spacing_s(self, now_s: float) -> float:
        age_s = max(now_s - self._fresh_s, 0.0)
        if self._fresh_s == self._hints.acted_s and age_s < EVIDENCE_BURST_S:
            return SPACING_S_MIN
        scarcity = self._scarcity(age_s, now_s)
        if scarcity >= 1.0:
            return self._pledged_s(age_s) * scarcity
        if age_s >= FIRST_S:
            return self._wished_s(age_s, self.budget.allowance.price_s)
        while self._scarcity(age_s, now_s, price_s=self._price_s) > 1.0:
            self._price_s *= PRICE_STEP
        return self._wished_s(age_s, self._price_s)

    def _wished_s(self, age_s: float, price_s: float) -> float:
        """The best spacing at a price for each probe; never so wide that it breaks the pledge."""
        best_s = math.sqrt(2 * price_s / self.outages.hazard(age_s))
        return max(min(best_s, self._pledged_s(age_s)), SPACING_S_MIN)

    def _pledged_s(self, age_s: float) -> float:
        """The widest spacing that still keeps the pledge, or half of it where the way is too long to keep it."""
        pledge_s = max(PLEDGE_S, PLEDGE_SHARE * age_s)
        return min(max(pledge_s - self.setup_s, pledge_s / 2, SPACING_SETUPS_MIN * self.setup_s), SPACING_S_MAX)

    def _scarcity(self, age_s: float, now_s: float, *, price_s: float = math.inf) -> float:
        """What going on like this through the first minute takes, in shares of what may still be sent in it."""
        if age_s >= FIRST_S:
            return 0.0
        # The integral of 1/spacing, in slices that grow: where spacings are short they change fast.
        edges_s = [age_s + (FIRST_S - age_s) * share for share in _SHARES]
        packets = sum((b - a) / self._wished_s((a + b) / 2, price_s) for a, b in pairwise(edges_s)) / (1 - JITTER / 2)
        if not self.by_datagram:
            packets *= 1 + self.patience.far_repeats(self.rtt_s)
            packets += (
                self.patience.repetitions.wasted if self.patience.longest is None else self.patience.surplus(now_s)
            )
        return packets / max(self.budget.left(now_s=now_s, began_s=self._spends_from_s), 1)

    def _retries_by(self, now_s: float) -> float:
        return min(self._retries + (now_s - self._retries_at_s) / RETRY_REFILL_S, RETRIES_MAX)
