"""Lists who is compared: ours at several budgets, the ways others take, and the oracle."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from answerback.core.network.outages import Outages
from answerback.core.network.probe_budget import IN_FRONT, Allowance, Platform
from answerback.core.network.repetitions import repetitions
from answerback.lab.policies.oracle import Oracle
from answerback.lab.policies.ours import Ours
from answerback.lab.policies.policy import PassiveTcp
from answerback.lab.policies.rivals import BackOff, FixedPing
from answerback.lab.policies.trial import Case, Outcome, Trial

DESKTOP = IN_FRONT[Platform.DESKTOP]
RETURNS_MAX = 8
OURS = "ours"
ORACLE = "oracle"


@dataclass(frozen=True, slots=True)
class Contender:
    """A way to get back, by the family it belongs to and what is turned within it."""

    family: str
    setting: str
    make: Callable[[Case, Random], PassiveTcp]

    @property
    def name(self) -> str:
        """Family and setting."""
        return f"{self.family} {self.setting}".strip()


def ours(
    allowance: Allowance = DESKTOP, *, setting: str = "", learning: bool = True, by_datagram: bool = True
) -> Contender:
    """Ours with a budget; what it learns in one outage of a recording it knows in the next."""
    learned = Outages()

    def make(case: Case, random: Random) -> PassiveTcp:
        outages, kernel = learned if learning else Outages(), repetitions(case.linear_timeouts)
        return Ours(random=random, allowance=allowance, outages=outages, by_datagram=by_datagram, repetitions=kernel)

    return Contender(OURS, setting, make)


def variants() -> list[Contender]:
    """Ours with one thing taken away: what it learns, and datagrams, which some networks do not let through."""
    return [ours(setting="not learning", learning=False), ours(setting="SYN only", by_datagram=False)]


def oracle() -> Contender:
    """The one that knows."""

    def make(case: Case, _random: Random) -> PassiveTcp:
        return Oracle([case.outage.end_s, *(each.end_s for each in case.later[:RETURNS_MAX])])

    return Contender(ORACLE, "", make)


def passive() -> Contender:
    """TCP alone."""
    return Contender("passive TCP", "", lambda _case, _random: PassiveTcp())


def rivals() -> list[Contender]:
    """What others do, each over its range."""
    found = [passive()]
    found += [_ping(interval_s) for interval_s in (2.0, 5.0, 10.0, 15.0, 30.0, 60.0)]
    found += [_back_off(first_s, most_s) for first_s, most_s in ((0.5, 5.0), (1.0, 10.0), (1.0, 30.0), (1.0, 60.0))]
    return found


def curve() -> list[Contender]:
    """Ours over a range of budgets: so many probes in the first minute, and a minute after."""
    budgets = ((10, 2, 1.0), (20, 5, 0.3), (80, 20, 0.02), (160, 40, 0.01))
    return [
        ours(
            Allowance(first_minute=first, per_minute=after, per_hour=60 * after + first, price_s=price_s),
            setting=f"{first}/{after}",
        )
        for first, after, price_s in budgets
    ]


def play(contender: Contender, cases: list[Case], *, seed: int) -> list[Outcome]:
    """Play all cases to one contender, in order; chance is the same for all."""
    outcomes = []
    for number, case in enumerate(cases):
        policy = contender.make(case, Random(f"{seed}:{number}:policy"))
        outcomes.append(Trial(case, policy, random=Random(f"{seed}:{number}:path")).play())
    return outcomes


def _ping(interval_s: float) -> Contender:
    return Contender(
        "fixed ping", f"{interval_s:g} s", lambda _case, random: FixedPing(interval_s, phase=random.random())
    )


def _back_off(first_s: float, most_s: float) -> Contender:
    return Contender(
        "back-off",
        f"{first_s:g} to {most_s:g} s",
        lambda _case, random: BackOff(random=random, first_s=first_s, most_s=most_s),
    )
