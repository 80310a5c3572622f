"""Turns outcomes into figures, and figures into verdicts on the pledges."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from operator import le

from answerback.lab.policies.trial import BEFORE_S, Outcome

PLEDGE_S, PLEDGE_SHARE = 1.0, 0.1
FIRST_MINUTE_MAX, MINUTE_MAX = 40, 10
ROUND_TRIPS_MAX = 2.0
HALF_MINUTE_S_MAX = 3.5
CALLED_S_MAX = 1.0
HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Figures:
    """What came of a set of outages."""

    count: int
    delay_s_mean: float
    delay_s_p50: float
    delay_s_p95: float
    delay_s_max: float
    share_p95: float
    """Delay over what is pledged: at most 1 keeps it."""
    probes: float
    first_minute_max: int
    minute_after_max: int
    packets: float
    bytes: float
    wakeups: float
    false_alarms_per_h: float


def figures(outcomes: Sequence[Outcome]) -> Figures:
    """Sum up; a mean of nothing is nothing."""
    delays_s = [each.delay_s for each in outcomes]
    return Figures(
        count=len(outcomes),
        delay_s_mean=_mean(delays_s),
        delay_s_p50=at_share(delays_s, 0.5),
        delay_s_p95=at_share(delays_s, 0.95),
        delay_s_max=max(delays_s, default=0.0),
        share_p95=at_share([each.delay_s / pledged_s(each) for each in outcomes], 0.95),
        probes=_mean([each.probes for each in outcomes]),
        first_minute_max=max((each.probes_first_minute for each in outcomes), default=0),
        minute_after_max=max((each.probes_minute_after for each in outcomes), default=0),
        packets=_mean([each.packets for each in outcomes]),
        bytes=_mean([each.bytes for each in outcomes]),
        wakeups=_mean([each.wakeups for each in outcomes]),
        false_alarms_per_h=_mean([each.false_alarms for each in outcomes]) / BEFORE_S * HOUR_S,
    )


def pledged_s(outcome: Outcome) -> float:
    """What delay is pledged after an outage nobody announces."""
    return max(PLEDGE_S, PLEDGE_SHARE * outcome.length_s)


def beyond(ours: Sequence[Outcome], oracle: Sequence[Outcome]) -> float:
    """The 95th percentile of the delay beyond the oracle's, over what is pledged."""
    return at_share([(a.delay_s - b.delay_s) / pledged_s(a) for a, b in zip(ours, oracle, strict=True)], 0.95)


def round_trips_beyond(ours: Sequence[Outcome], oracle: Sequence[Outcome]) -> float:
    """The 95th percentile of the delay beyond the oracle's, in round trips."""
    return at_share([(a.delay_s - b.delay_s) / a.rtt_s for a, b in zip(ours, oracle, strict=True)], 0.95)


def dominated_by(ours: Figures, rivals: dict[str, Figures]) -> list[str]:
    """Which rivals are no worse in any of delay, what was pledged of it, probes, packets and bytes."""
    return [name for name, theirs in rivals.items() if all(map(le, _axes(theirs), _axes(ours)))]


def dominated_on_average_by(ours: Figures, rivals: dict[str, Figures]) -> list[str]:
    """Which rivals are no worse in the mean of the delay and in packets, whatever became of the pledge."""
    return [
        name
        for name, theirs in rivals.items()
        if theirs.delay_s_mean <= ours.delay_s_mean and theirs.packets <= ours.packets
    ]


def _axes(found: Figures) -> tuple[float, ...]:
    return found.delay_s_mean, found.share_p95, found.probes, found.packets, found.bytes


def at_share(values: Sequence[float], share: float) -> float:
    """The value that so large a share of all does not exceed."""
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)] if ordered else 0.0


def plain(found: Figures) -> dict[str, float]:
    """As JSON takes it, rounded to what is meant."""
    return {name: round(value, 3) for name, value in asdict(found).items()}


def _mean(values: Sequence[float]) -> float:
    return statistics.fmean(values) if values else 0.0
