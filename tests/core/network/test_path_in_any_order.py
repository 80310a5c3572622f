"""Proves that in any order of events a path leaks no connection, never spins, and comes back when its way does."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from answerback.core.effects import Close, Effect, Probe, Proceed, Transmit, Use
from answerback.core.network.evidence import Evidence
from answerback.core.network.path import SILENCE_LIMIT_S, Path
from answerback.core.network.probe_budget import FIRST_S
from answerback.core.network.recovery import SPACING_S_MAX
from answerback.model.causes import Cause
from answerback.wire.frames import Ping

TOLD_S = 20.0
BACK_S = 3 * SPACING_S_MAX
"""Refused too often, or told to wait: a minute and a half at most until the next attempt, and one may be stuck."""
COMMON = ("tick", "tick", "tick", "tick", "owed", "answer", "answer", "welcome", "welcome")
FAITHFUL = (*COMMON, "sleep", "wake", "free", "heard", "mail", "pong", "lose", "hint")
"""What a network and a relay may do that says nothing false; the first more often, for all else follows on them."""
EVENTS = (*FAITHFUL, "fail", "fall", "told", "absent", "datagram", "rest", "twice")


@dataclass
class Bookkeeper:
    """Carries out what a path asks for, and knows what has become of every line."""

    path: Path = field(default_factory=Path)
    now_s: float = 0.0
    asked: list[int] = field(default_factory=list)
    answered: list[int] = field(default_factory=list)
    going: list[int] = field(default_factory=list)
    used: int | None = None
    over: set[int] = field(default_factory=set)
    echoes: list[tuple[int, int]] = field(default_factory=list)
    probes_s: list[float] = field(default_factory=list)

    def carry_out(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Probe(line):
                    assert line not in self.over | set(self.lines()), "a number is given once"
                    self.asked.append(line)
                    self.probes_s.append(self.now_s)
                case Proceed(line):
                    assert line in self.answered, "only what was answered is set up, and once"
                    self.answered.remove(line)
                    self.going.append(line)
                case Use(line):
                    assert line == self.used, "it is the one that was just welcomed"
                case Close(line):
                    self.end(line)
                case Transmit(Ping(echo), line):
                    assert line == self.used, "what is asked is asked on the connection in use"
                    self.echoes.append((echo, line))
                case _:
                    pass
        assert self.path.line == self.used
        held = set(self.path.attempts.under_way) | ({self.path.line} - {None})
        assert held == set(self.lines()), "what is open is known, and what is known is open"

    def end(self, line: int) -> None:
        assert line in self.lines(), "it comes to one end"
        for lines in (self.asked, self.answered, self.going):
            if line in lines:
                lines.remove(line)
        self.used = None if self.used == line else self.used
        self.over.add(line)

    def lines(self) -> list[int]:
        old = [self.used] if self.used is not None else []
        return [*self.asked, *self.answered, *self.going, *old]

    # ---- what happens

    def happens(self, event: str, number: int) -> None:
        path, now_s = self.path, self.now_s
        match event:
            case "sleep":
                self.now_s += (0.05, 0.3, 0.9, 3.0, 11.0, 40.0, SILENCE_LIMIT_S)[number % 7]
            case "wake":
                self.wake()
            case "tick":
                wake = path.wake_at
                self.now_s = max(now_s, wake.at_s if wake is not None else 0.0)
                self.wake()
            case "owed" | "free":
                path.expects(outstanding=event == "owed", flying_bytes=number * 999, now_s=now_s)
            case "heard" | "mail" if self.used:
                self.carry_out(path.heard(is_progress=event == "heard", now_s=now_s, draw=number / 100))
            case "pong" if self.echoes:
                path.ponged(self.echoes[number % len(self.echoes)][0], now_s=now_s)
            case "answer" if self.asked:
                self.answer(self.asked[number % len(self.asked)], number / 100)
            case "twice":
                for line in sorted(self.over)[-3:]:
                    assert path.answered(line, now_s=now_s, draw=0.5) == []
                    assert path.failed(line, Cause.NETWORK_STALLED, now_s=now_s, draw=0.5) == []
            case "welcome" if self.going:
                self.welcome(self.going[number % len(self.going)])
            case "fail" if self.asked or self.answered or self.going:
                lines = [*self.asked, *self.answered, *self.going]
                self.lose(lines[number % len(lines)], (Cause.NETWORK_NO_PATH, Cause.TLS_UNTRUSTED)[number % 2])
            case "lose" if self.used:
                self.lose(self.used, Cause.NETWORK_CONNECTION_LOST)
            case "fall":
                while self.lines():
                    self.lose(self.lines()[0], Cause.NETWORK_CONNECTION_LOST)
            case "told" if self.used:
                path.told(TOLD_S, now_s=now_s)
                self.lose(self.used, Cause.RELAY_BUSY)
            case "hint":
                self.carry_out(path.hint(list(Evidence)[number % len(Evidence)], now_s=now_s, draw=number / 100))
            case "absent":
                path.absent(now_s=now_s)
            case "datagram":
                self.carry_out(path.datagram_answered(now_s=now_s, draw=number / 100))
            case "rest":
                self.carry_out(path.rest(now_s=now_s))
                path.start(now_s=now_s)
            case _:
                pass

    def wake(self) -> None:
        was_doubted, asked = self.path.is_doubted, len(self.echoes)
        self.carry_out(self.path.wake(now_s=self.now_s, draw=0.5))
        wake = self.path.wake_at
        assert wake is None or wake.at_s > self.now_s, "it would never sleep again"
        if self.path.is_doubted and not was_doubted:
            assert len(self.echoes) == asked + 1, "whoever doubts asks"

    def answer(self, line: int, draw: float = 0.5) -> None:
        self.asked.remove(line)
        self.answered.append(line)
        self.carry_out(self.path.answered(line, now_s=self.now_s, draw=draw))

    def welcome(self, line: int) -> None:
        self.going.remove(line)
        old, self.used = self.used, line
        effects = self.path.welcomed(line, now_s=self.now_s)
        assert effects[0] == Use(line)
        if old is not None:
            assert effects[1] == Close(old), "at most one is in use"
            self.over.add(old)
            effects.remove(Close(old))
        self.carry_out(effects)

    def lose(self, line: int, cause: Cause) -> None:
        is_used = line == self.used
        self.end(line)
        if is_used:
            self.path.lost(cause, now_s=self.now_s, draw=0.5)
            self.carry_out([])
        else:
            self.carry_out(self.path.failed(line, cause, now_s=self.now_s, draw=0.5))

    # ---- from here on everything works

    def comes_back(self) -> None:
        """Have the way work from now on, for all but the old connection, which is dead and owes an answer."""
        began_s, welcomes = self.now_s, dict.fromkeys(self.going, self.now_s + 0.2)
        answers, dead = dict.fromkeys(self.asked, self.now_s + 0.05), self.used
        while self.path.line in (None, dead) or self.path.is_doubted:
            self.path.expects(outstanding=self.path.up, flying_bytes=0, now_s=self.now_s)
            assert self.now_s - began_s <= BACK_S, f"not within {BACK_S:.0f} s"
            wake = self.path.wake_at
            assert wake is not None, "nothing would ever be done"
            self.now_s = max(self.now_s, min(wake.at_s, *answers.values(), *welcomes.values(), wake.at_s))
            for line in [line for line, at_s in answers.items() if at_s <= self.now_s and line in self.asked]:
                self.answer(line)
            for line in [line for line, at_s in welcomes.items() if at_s <= self.now_s and line in self.going]:
                self.welcome(line)
            self.wake()
            for line in self.asked:
                answers.setdefault(line, self.now_s + 0.05)
            for line in self.going:
                welcomes.setdefault(line, self.now_s + 0.2)
            answers = {line: at_s for line, at_s in answers.items() if line in self.asked}
            welcomes = {line: at_s for line, at_s in welcomes.items() if line in self.going}


def story(names: tuple[str, ...]) -> st.SearchStrategy[list[tuple[str, int]]]:
    return st.lists(st.tuples(st.sampled_from(names), st.integers(0, 99)), min_size=30, max_size=120)


@given(story(EVENTS))
def test_in_any_order_every_line_comes_to_one_end_and_the_path_comes_back(events: list[tuple[str, int]]) -> None:
    keeper = Bookkeeper()
    keeper.path.start(now_s=0.0)
    for event, number in events:
        keeper.happens(event, number)
    keeper.wake()
    keeper.comes_back()


@given(story(FAITHFUL), st.booleans())
def test_no_more_is_sent_into_a_silence_than_may_be(events: list[tuple[str, int]], by_datagram: bool) -> None:  # noqa: FBT001
    keeper = Bookkeeper()
    keeper.path.recovery.by_datagram = by_datagram
    keeper.path.start(now_s=0.0)
    for event, number in events:
        keeper.happens(event, number)
    sent_s = keeper.probes_s
    most = keeper.path.recovery.budget.allowance.first_minute
    for earlier_s, later_s in zip(sent_s, sent_s[most + 1 :], strict=False):
        assert later_s - earlier_s >= FIRST_S - 1e-6


@given(story(FAITHFUL))
def test_a_doubt_ends_by_a_word_a_welcome_or_at_its_limit(events: list[tuple[str, int]]) -> None:
    keeper = Bookkeeper()
    keeper.path.start(now_s=0.0)
    for event, number in events:
        keeper.happens(event, number)
    keeper.wake()
    is_doubted, line, limit_s = keeper.path.is_doubted, keeper.path.line, keeper.path._noticed_s + keeper.path._limit_s
    while keeper.path.is_doubted:
        wake = keeper.path.wake_at
        assert wake is not None
        assert wake.at_s <= limit_s
        keeper.now_s = max(keeper.now_s, wake.at_s)
        keeper.wake()
    assert (line in keeper.over) == is_doubted or line is None
    assert not is_doubted or keeper.path.cause is Cause.NETWORK_STALLED
