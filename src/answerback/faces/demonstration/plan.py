"""What a demonstration is asked to do, and what is chosen where nothing is said."""

from dataclasses import dataclass

from answerback.lab.links import EDGE_S, NAMES, Link, parse_link
from answerback.lab.schedule import Outage, Outages
from answerback.model.errors import UsageError

MESSAGES_USUAL = 60
"""Half a minute of conversation: long enough for a tunnel or two, short enough to watch to the end."""
MESSAGES_MAX = 5_000
"""Two people, not a load test: at more than 125 a second one machine's disk would be what is measured."""
SEND_S_MAX = 36.0
"""However many messages, they are written within this; with what is still under way it stays below a minute."""
SPACING_S_MAX = 0.5
SPEED_MAX = 100.0
"""Faster than this timers, good to a millisecond, would be most of what is played."""
GAP_SHOWN_S_MAX = 20.0
"""A recording's longest gap takes at most this long to watch, unless a speed is given."""
BEFORE_GAP_S = 8.0
"""How long a recording is watched before its longest gap begins."""
PATIENCE_S_USUAL = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One demonstration. What is None is chosen by the link."""

    messages: int = MESSAGES_USUAL
    link: str = "tunnel"
    seed: int = 1
    speed: float | None = None
    from_s: float | None = None
    kill_relay_every_s: float | None = None
    patience_s: float = PATIENCE_S_USUAL

    def __post_init__(self) -> None:
        if not 1 <= self.messages <= MESSAGES_MAX:
            raise UsageError(f"a demonstration has 1 to {MESSAGES_MAX} messages")
        if self.speed is not None and not 0 < self.speed <= SPEED_MAX:
            raise UsageError(f"a link is played at more than 0 and at most {SPEED_MAX:.0f} times its speed")
        if self.from_s is not None and self.from_s < 0:
            raise UsageError("a link begins at 0 seconds or later")
        if self.kill_relay_every_s is not None and self.kill_relay_every_s < 1:
            raise UsageError("give the relay at least a second to live: it takes about that long to start")

    @property
    def spacing_s(self) -> float:
        """How long from one message to the next."""
        return min(SPACING_S_MAX, SEND_S_MAX / self.messages)


@dataclass(frozen=True, slots=True)
class Playing:
    """A link, and how it is played."""

    link: Link
    speed: float
    from_s: float

    def longest_outage_s(self, *, until_s: float) -> float:
        """The longest stretch without any way out or in, of what was played until then; the link's own time."""
        return max(_longest_s(way.outages, self.from_s, until_s) for way in (self.link.up, self.link.down))

    @property
    def said(self) -> str:
        """How it is played, where that is not plainly: at its own speed from its beginning."""
        words = []
        if self.speed != 1:
            words.append(f"played {self.speed:g} times as fast")
        if self.from_s:
            minutes, seconds = divmod(round(self.from_s), 60)
            words.append(f"from {minutes}:{seconds:02} on")
        return ", ".join(words)


def choose_playing(plan: Plan) -> Playing:
    """Find the link. A recording is played so that its longest gap can be seen: from just before it, and faster."""
    link = parse_link(plan.link, seed=plan.seed)
    is_recording = plan.link.strip() not in NAMES
    gap = longest_gap(link)
    gap_s = gap.end_s - gap.start_s if gap else 0.0
    speed = plan.speed or (_speed_for(gap_s) if is_recording else 1.0)
    from_s = plan.from_s
    if from_s is None:
        from_s = max(0.0, gap.start_s - BEFORE_GAP_S * speed) if is_recording and gap else 0.0
    return Playing(link, speed, round(from_s, 1))


def longest_gap(link: Link) -> Outage | None:
    """The longest outage of either direction within one period, if there is one."""
    stretches = [*link.up.outages.stretches, *link.down.outages.stretches]
    return max(stretches, key=lambda one: one.end_s - one.start_s, default=None)


def _longest_s(outages: Outages, from_s: float, until_s: float) -> float:
    longest_s, at_s = 0.0, from_s
    while at_s < until_s:
        now = outages.at(at_s + EDGE_S)
        edge_s = outages.next_edge_s(at_s + EDGE_S)
        if edge_s is None:
            break
        if now is not None:
            longest_s = max(longest_s, min(edge_s, until_s) - max(now.start_s, from_s))
        at_s = edge_s
    return longest_s


def _speed_for(gap_s: float) -> float:
    speed = 1.0
    while gap_s / speed > GAP_SHOWN_S_MAX:
        speed *= 2
    return speed
