"""Keeps the attempts under way at a new connection: asked, answered, being set up, one of them ahead.

Theory. An attempt begins as one packet, a SYN; whoever is answered may become the connection. The first that is
answered goes on, and the others are kept in hand for when it stands still: setting up two at once would cost the relay
twice, and the path the packets of one. What makes a set-up stand still is either the path, which lost a packet of it,
or the relay, in whose line it waits; and the system of a relay that does nothing answers SYNs all the same. So the
rule: a second one is set up for the packet that may be lost, and a third only if probes were lost since or came late.
Where they are answered promptly the relay is busy, and its line is not made longer: those that stand in it are kept,
and it is asked seldom. Of a relay that had said that it is gone, everybody wants a connection as soon as it is back: in
its line one place is enough.

The kernel repeats an unanswered SYN from one second on; an attempt is given up before that, unless it was begun to
wait, and then each repetition is counted as the probe it is.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from answerback.core.effects import IN_USE
from answerback.core.network.repetitions import UNKNOWN, Repetitions

DECIDED_S = 0.05
"""So long before the kernel repeats a SYN it is decided whether it may; if not, the attempt is given up."""
SOONEST = 0.5
"""An answer that comes sooner after a repetition than in this share of the least round trip known answers an earlier
packet."""
ATTEMPT_S_MAX = 10.0
"""From the answered SYN to the relay's welcome: a path that needs longer is tried anew …"""
ATTEMPT_ROUND_TRIPS_MAX = 8.0
"""… unless it is one whose round trips take seconds: twice those that a set-up takes."""
LINE_S_MAX = 45.0
"""… or one that waits in the line of a busy relay. Ours let nobody wait for longer than half a minute."""
SETUPS_MAX = 3
"""Set-ups at once, whatever the path does to them …"""
SETUPS_MAX_PROMPT = 2
"""… begun since probes are answered promptly: what keeps both is not the path."""
LATE = 2.0
LATE_S = 0.1
"""An answer that took so many times as long as another's, and this more, was not prompt: the path was in trouble."""


@dataclass(slots=True)
class Numbers:
    """Gives each connection of a device its number, whatever its path."""

    given: int = IN_USE

    def next(self) -> int:
        """One that was never given."""
        self.given += 1
        return self.given


@dataclass(slots=True)
class Attempt:
    """One of them."""

    sent_s: float
    answer_s: float
    """How long the SYN's answer is waited for."""
    again_s: tuple[float, ...] = ()
    """When the kernel may repeat it, after it was sent."""
    repeats: int = 0
    left_s: float = 0.0
    """When the packet left that was answered, as far as can be told."""
    took_s: float = 0.0
    """The answer's, since then."""
    go_s: float | None = None
    """Answered; from when on it is worth setting up."""
    is_held: bool = False
    """It stands in a line: the path is well, and the relay has not come to it yet."""
    is_first: bool = False
    """Whoever was answered first goes on."""
    going: int = 0
    """The number, on this path, of the attempt being set up; 0 if there is none."""

    is_open: bool = False
    """The request for it was answered: with a ticket in it, that was the hello."""

    @property
    def is_going(self) -> bool:
        """It is being set up."""
        return self.going > 0

    def has_said_hello(self, now_s: float) -> bool:
        """Whether the relay may know of it already: TLS takes a round trip first."""
        return self.is_open or (self.go_s is not None and now_s - self.go_s > self.took_s)

    @property
    def again_at_s(self) -> float:
        """When the kernel repeats it next."""
        return self.sent_s + self.again_s[self.repeats] if self.repeats < len(self.again_s) else float("inf")

    def last_left_s(self, *, least_s: float, now_s: float) -> float:
        """When the packet left that an answer of now is to: of those that were repeated the last that it can be.

        Which one it answers nobody can tell (Karn's rule). Taken for too early it would look as slow as the outage was
        long; taken for too late it does no harm.
        """
        left_s = [self.sent_s, *(self.sent_s + after_s for after_s in self.again_s[: self.repeats])]
        return max((at_s for at_s in left_s if at_s + SOONEST * least_s <= now_s), default=self.sent_s)

    @property
    def due_s(self) -> float:
        """When it is sent again by the kernel, given up, or goes on."""
        if self.go_s is None:
            return min(self.again_at_s - DECIDED_S, self.sent_s + self.answer_s)
        if self.is_first:
            return self.go_s
        lasts_s = LINE_S_MAX if self.is_held else ATTEMPT_S_MAX
        return self.go_s + max(lasts_s, ATTEMPT_ROUND_TRIPS_MAX * self.took_s)


@dataclass(frozen=True, slots=True)
class Due:
    """What has become of attempts by now."""

    repeated: int = 0
    proceed: tuple[int, ...] = ()
    """Whoever is ahead, and should be set up now."""
    overdue: tuple[int, ...] = ()
    """Given up: unanswered, or answered and never set up."""
    unanswered: int = 0
    """How many of those were never answered."""
    stuck: int = 0
    """How many of those were being set up, and came to nothing."""


@dataclass(slots=True)
class Attempts:
    """All attempts of one path, by the number of their line."""

    under_way: dict[int, Attempt] = field(default_factory=dict)
    repetitions: Repetitions = UNKNOWN
    """Of the kernel that carries them out."""
    _set_up: int = 0
    _trouble_s: float = field(default=float("-inf"), compare=False)
    """When the last probe left that was not answered in time: what was being set up then may have lost packets too."""

    def begin(self, line: int, *, answer_s: float, now_s: float) -> None:
        """A SYN leaves."""
        self.under_way[line] = Attempt(now_s, answer_s, self.repetitions.counted_s)

    def answered(self, line: int, *, now_s: float, least_s: float = 0.0) -> Attempt | None:
        """Its SYN was answered; none if it was given up meanwhile. `least_s` is the least round trip known."""
        attempt = self.under_way.get(line)
        if attempt is None or attempt.go_s is not None:
            return None
        attempt.left_s = attempt.last_left_s(least_s=least_s, now_s=now_s)
        attempt.took_s = now_s - attempt.left_s
        return attempt

    def is_behind(
        self, one: Attempt, *, rest_round_trips: float, still_s: Callable[[float], float], now_s: float
    ) -> bool:
        """Whether another was answered, does not stand still, and should be there before this one is.

        `still_s` says how long a set-up may go on whose answers take so long. The path is the same for both, so what
        this one's answer took is what the other's take by now: one that was answered late is not late for ever.
        """
        for other in self.under_way.values():
            if other is one or other.go_s is None:
                continue
            took_s = min(one.took_s, other.took_s)
            is_sooner = other.go_s + rest_round_trips * took_s <= now_s + rest_round_trips * one.took_s
            if is_sooner and now_s <= other.go_s + still_s(took_s):
                return True
        return False

    def is_hopeful(self, *, since_s: float, still_s: Callable[[float], float], now_s: float) -> bool:
        """Whether a path that answered something that left at `since_s` will answer one of these, or has.

        A packet that left before was lost, or its answer is late; a set-up may stand still.
        """
        return any(
            now_s <= each.go_s + still_s(each.took_s)
            if each.go_s is not None
            else each.last_left_s(least_s=0.0, now_s=now_s) >= since_s
            for each in self.under_way.values()
        )

    def is_busy(self, answered: Attempt, *, is_crowd: bool) -> bool:
        """Whether one that was answered shows that it is the relay, not the path, that keeps those being set up.

        Since the path was last in trouble as many were begun as are worth it. One is, if a crowd is at the relay's
        door: then a probe that was lost says nothing of the path, for a full line of the system drops SYNs too.
        """
        trouble_s = self._trouble_s
        for each in self.under_way.values():
            if each.go_s is None and each.sent_s < answered.sent_s:
                trouble_s = max(trouble_s, each.sent_s)
        prompt_s = LATE * answered.took_s + LATE_S
        going = [each for each in self.under_way.values() if each.is_going]
        since = [each for each in going if each.took_s <= prompt_s and each.go_s is not None and each.go_s > trouble_s]
        return len(going) >= (1 if is_crowd else SETUPS_MAX) or len(since) >= SETUPS_MAX_PROMPT

    def hold(self) -> list[int]:
        """Keep the places in the relay's line, and give up what would only lengthen it; these were theirs."""
        for attempt in self.under_way.values():
            attempt.is_held = attempt.is_held or attempt.is_going
        given_up = [line for line, each in self.under_way.items() if each.go_s is not None and not each.is_going]
        for line in given_up:
            del self.under_way[line]
        return given_up

    def in_hand(self) -> int | None:
        """The newest that was answered and is not being set up."""
        lines = [line for line, each in self.under_way.items() if each.go_s is not None and not each.is_going]
        return lines[-1] if lines else None

    def go(self, attempt: Attempt) -> None:
        """It is set up from now on."""
        self._set_up += 1
        attempt.is_first, attempt.going = False, self._set_up

    def hasten(self, *, now_s: float) -> None:
        """Whoever is ahead waits for the old connection no more."""
        for attempt in self.under_way.values():
            if attempt.is_first and attempt.go_s is not None:
                attempt.go_s = min(attempt.go_s, now_s)

    def ended(self, line: int) -> Attempt | None:
        """It is over, one way or another."""
        return self.under_way.pop(line, None)

    def settle(self, *, won: Attempt | None = None, now_s: float) -> list[int]:
        """One has won, or the old connection has: give the others up; these were theirs.

        Whoever said hello last is the one the relay talks to, so what may have said it is awaited: set up later than
        the winner, or for longer than the round trip that comes before the hello.
        """
        if won is not None:
            said = {line for line, each in self.under_way.items() if each.going > won.going}
        else:
            said = {line for line, each in self.under_way.items() if each.is_going and each.has_said_hello(now_s)}
        given_up = [line for line in self.under_way if line not in said]
        for line in given_up:
            del self.under_way[line]
        return given_up

    def abandon(self) -> list[int]:
        """Give all of them up; these were theirs."""
        lines = list(self.under_way)
        self.under_way.clear()
        return lines

    @property
    def wake_at_s(self) -> float | None:
        """When to look again."""
        return min((attempt.due_s for attempt in self.under_way.values()), default=None)

    def wake(self, *, now_s: float, may_repeat: Callable[[float], bool] | None = None) -> Due:
        """See what is due. `may_repeat` says whether one packet more may leave at a moment; one that has, has."""
        repeated, unanswered, stuck = 0, 0, 0
        proceed: list[int] = []
        overdue: list[int] = []
        for line, attempt in list(self.under_way.items()):
            is_over = False
            while not is_over and attempt.go_s is None and attempt.due_s <= now_s < attempt.sent_s + attempt.answer_s:
                again_at_s = attempt.again_at_s
                may = may_repeat is None or may_repeat(again_at_s)
                is_over = not may and now_s < again_at_s
                if not is_over:
                    attempt.repeats += 1
                    repeated += 1
                    self._trouble_s = max(self._trouble_s, attempt.sent_s)
            if is_over:
                attempt.answer_s = now_s - attempt.sent_s
            if now_s < attempt.due_s:
                continue
            if attempt.is_first:
                attempt.go_s = now_s  # which may be late: a device slept
                self.go(attempt)
                proceed.append(line)
            else:
                if attempt.go_s is None:
                    unanswered += 1
                    self._trouble_s = max(self._trouble_s, attempt.sent_s)
                stuck += attempt.is_going
                overdue.append(line)
                del self.under_way[line]
        return Due(repeated, tuple(proceed), tuple(overdue), unanswered, stuck)
