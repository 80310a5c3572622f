"""Proves that in any order of events no minute sees more packets of probes than was promised, the kernel's included."""

from dataclasses import dataclass, field

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from answerback.core.effects import Ask, Close, Effect, Probe, Proceed
from answerback.core.network.evidence import FRESH, Evidence
from answerback.core.network.path import Path
from answerback.core.network.probe_budget import FIRST_S
from answerback.core.network.repetitions import DOUBLING, LINEAR, UNKNOWN, Repetitions
from answerback.model.causes import Cause

FIRST_MINUTE_MAX, MINUTE_MAX = 40, 10
"""What is promised to whoever pays for packets."""
EDGE_S = 1e-6
EVENTS = ("on", "on", "on", "on", "datagram", "datagram", "answer", "heard", "progress", "hint", "fail", "absent")
KERNELS = [(LINEAR, LINEAR), (DOUBLING, DOUBLING), (UNKNOWN, LINEAR), (UNKNOWN, DOUBLING)]


@dataclass
class Kernel:
    """Sends what a path asks for and repeats it, while the connection in use is dead and owes an answer."""

    path: Path
    repetitions: Repetitions
    now_s: float = 100.0
    packets_s: list[float] = field(default_factory=list)
    open_s: dict[int, float] = field(default_factory=dict)
    """SYNs without an answer, and when they left."""
    fresh_s: float = 0.0
    """From when a minute may see more: the outage's beginning, or what begins it anew."""

    def carry_out(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Probe(line):
                    self.packets_s.append(self.now_s)
                    self.open_s[line] = self.now_s
                case Ask():
                    self.packets_s.append(self.now_s)
                case Close(line):
                    self.end(line)
                case Proceed():
                    pass
                case _:
                    pass

    def end(self, line: int) -> None:
        """No more of it, but what the kernel has sent until now."""
        sent_s = self.open_s.pop(line, None)
        if sent_s is not None:
            self.packets_s += [
                sent_s + after_s for after_s in self.repetitions.counted_s if sent_s + after_s <= self.now_s
            ]

    def goes_on(self, until_s: float) -> None:
        """Time passes, and the path does all in time."""
        while (wake := self.path.wake_at) is not None and wake.at_s <= until_s:
            self.now_s = max(self.now_s, wake.at_s)
            self.carry_out(self.path.wake(now_s=self.now_s, draw=0.5))
        self.now_s = until_s

    def happens(self, event: str, number: int) -> None:
        path, now_s, draw = self.path, self.now_s, number / 100
        match event:
            case "on":
                self.goes_on(now_s + (0.05, 0.9, 2.5, 7.0, 30.0)[number % 5])
            case "datagram":
                self.carry_out(path.datagram_answered(now_s=now_s, draw=draw))
            case "answer" if self.open_s:
                line = list(self.open_s)[number % len(self.open_s)]
                self.end(line)
                self.carry_out(path.answered(line, now_s=now_s, draw=draw))
            case "heard":
                if not path.recovery.is_out:
                    self.fresh_s = now_s  # nobody doubts it yet: the silence that becomes an outage begins here
                self.carry_out(path.heard(is_progress=False, now_s=now_s, draw=draw))
            case "progress" if number % 7 == 0 and path.recovery.is_out:
                self.carry_out(path.heard(is_progress=True, now_s=now_s, draw=draw))
                self.fresh_s = now_s  # mail came: what follows is an outage of its own
            case "hint":
                evidence = list(Evidence)[number % len(Evidence)]
                if evidence in FRESH:
                    self.fresh_s = now_s
                self.carry_out(path.hint(evidence, now_s=now_s, draw=draw))
            case "fail" if self.open_s:
                line = list(self.open_s)[number % len(self.open_s)]
                self.end(line)
                self.carry_out(path.failed(line, Cause.NETWORK_NO_PATH, now_s=now_s, draw=draw))
            case "absent" if number % 9 == 0:
                path.absent(now_s=now_s)
            case _:
                pass

    def most(self, *, from_s: float = 0.0) -> int:
        """The most packets in any minute from then on."""
        sent_s = sorted(at_s for at_s in self.packets_s if at_s >= from_s)
        return max((sum(a <= b < a + FIRST_S - EDGE_S for b in sent_s) for a in sent_s), default=0)


def dead(kernel: Repetitions, counted: Repetitions, *, by_datagram: bool) -> Kernel:
    """A connection that owes an answer from now on, and is dead."""
    path = Path()
    path.counts(counted)
    path.recovery.by_datagram = by_datagram
    path.welcomed(path.numbers.next(), now_s=0.0)
    path.heard(is_progress=True, now_s=99.9, draw=0.5)
    path.expects(outstanding=True, flying_bytes=0, now_s=100.0)
    return Kernel(path, kernel, fresh_s=100.0)


@pytest.mark.parametrize(("counted", "kernel"), KERNELS)
@example(events=[("on", 1), ("heard", 0), ("on", 64), ("on", 84), ("datagram", 0)], by_datagram=False)
@given(events=st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(0, 99)), max_size=80), by_datagram=st.booleans())
def test_no_minute_sees_more_than_was_promised(
    counted: Repetitions,
    kernel: Repetitions,
    events: list[tuple[str, int]],
    *,
    by_datagram: bool,
) -> None:
    world = dead(kernel, counted, by_datagram=by_datagram)
    ages: list[tuple[float, float]] = [(world.fresh_s, 0.0)]
    for event, number in events:
        world.happens(event, number)
        if world.fresh_s != ages[-1][0]:
            ages.append((world.fresh_s, world.now_s))
    world.goes_on(world.now_s + 3 * FIRST_S)
    for line in list(world.open_s):
        world.end(line)
    edges_s = [began_s for _, began_s in ages[1:]] + [world.now_s]
    for (fresh_s, _), until_s in zip(ages, edges_s, strict=True):
        late = [at_s for at_s in sorted(world.packets_s) if fresh_s + FIRST_S <= at_s < until_s]
        most = max((sum(a <= b < a + FIRST_S - EDGE_S for b in late) for a in late), default=0)
        assert most <= MINUTE_MAX
    if len(ages) == 1:
        assert world.most() <= FIRST_MINUTE_MAX
    assert world.most() <= 2 * FIRST_MINUTE_MAX


@pytest.mark.parametrize(("counted", "kernel"), KERNELS)
@pytest.mark.parametrize("rtt_s", [0.05, 1.5, 6.0])
def test_nor_does_one_in_which_datagrams_are_answered_and_connections_come_to_nothing(
    counted: Repetitions, kernel: Repetitions, rtt_s: float
) -> None:
    world = dead(kernel, counted, by_datagram=True)
    world.path.estimate.round_trip(rtt_s, now_s=99.9)
    for _ in range(600):
        world.goes_on(world.now_s + 0.5)
        if world.now_s % 7.0 < 0.5:
            world.carry_out(world.path.datagram_answered(now_s=world.now_s, draw=0.5))
    assert world.most() <= FIRST_MINUTE_MAX
    assert 5 <= world.most(from_s=world.fresh_s + FIRST_S) <= MINUTE_MAX
