"""Does what Answerback does: the machines of the core, driven by what a program on the device sees."""

from dataclasses import dataclass, field
from random import Random

from answerback.core.network.estimate import Estimate
from answerback.core.network.outages import Outages
from answerback.core.network.probe_budget import IN_FRONT, Allowance, Platform, ProbeBudget
from answerback.core.network.recovery import Evidence, Recovery
from answerback.core.network.silence import Silence
from answerback.lab.policies.policy import Action, Ask, Close, Open, PassiveTcp, Proceed

SYN_AGAIN_S = 1.0
"""The kernel repeats a SYN after this."""
ATTEMPT_S_MAX = 10.0
"""From the answered SYN to the relay's welcome."""


@dataclass(slots=True)
class _Attempt:
    sent_s: float
    answer_s: float
    is_repeated: bool = False
    took_s: float = 0.0
    go_s: float | None = None
    """Answered; from when on it is worth setting up."""
    is_going: bool = False
    is_first: bool = False
    """Whoever was answered first goes on; the others are kept in hand, for when it stands still."""

    @property
    def due_s(self) -> float:
        """When it is given up unanswered, goes on, or is given up for standing still."""
        if self.go_s is None:
            is_twice = self.is_repeated or self.answer_s < SYN_AGAIN_S
            return self.sent_s + (self.answer_s if is_twice else SYN_AGAIN_S)
        return self.go_s if self.is_first else self.go_s + ATTEMPT_S_MAX


@dataclass(slots=True)
class _Flying:
    """Attempts under way."""

    attempts: dict[int, _Attempt] = field(default_factory=dict)
    count: int = 0


class Ours(PassiveTcp):
    """Silence is noticed, single SYNs ask, the first that is answered becomes the connection, the old one races on."""

    name = "ours"

    def __init__(
        self,
        *,
        random: Random,
        outages: Outages | None = None,
        allowance: Allowance = IN_FRONT[Platform.DESKTOP],
        by_datagram: bool = False,
    ) -> None:
        self._asked_s = float("-inf")
        self.recovery = Recovery(ProbeBudget(allowance), outages if outages is not None else Outages())
        self.recovery.by_datagram = by_datagram
        self.silence = Silence()
        self._random = random
        self._flying = _Flying()
        self.estimate = Estimate()
        self._noticed_s = float("-inf")

    @property
    def wake_at_s(self) -> float | None:
        """When silence is too long, a probe is due, or an attempt has had its time."""
        silence = None if self.recovery.is_out else self.silence.due(self.estimate.rto_s)
        wakes = [wake.at_s for wake in (self.recovery.wake_at, silence) if wake is not None]
        return min([*wakes, *(attempt.due_s for attempt in self._flying.attempts.values())], default=None)

    def begin(self, *, rtt_s: float, now_s: float) -> list[Action]:
        """A connection stands."""
        self.estimate.round_trip(rtt_s, now_s=now_s)
        self.recovery.rtt_s = rtt_s
        self.silence.restart(now_s=now_s)
        return []

    def heard(self, *, is_progress: bool, now_s: float) -> list[Action]:
        """The connection in use speaks: it lives, unless our own way on it still waits for TCP to send again."""
        was_owed = self.silence.is_owed
        self.silence.heard(now_s=now_s)
        if not self.recovery.is_out:
            return []
        if was_owed and not is_progress:
            self.recovery.hint(Evidence.HEARD, now_s=now_s)
            return self.wake(now_s=now_s)
        self.silence.ended(noticed_s=self._noticed_s, rto_s=self.estimate.rto_s, now_s=now_s)
        self.recovery.succeeded(now_s=now_s, old=True)
        return self._close_all()

    def measured(self, rtt_s: float, *, now_s: float) -> None:
        """Feed the estimate, and with it what setting up a connection is expected to take."""
        if now_s - rtt_s <= self._noticed_s:
            return  # it crossed a silence: that was no round trip (Karn's rule)
        self.estimate.round_trip(rtt_s, now_s=now_s)
        self.recovery.rtt_s, self.recovery.rto_s = self.estimate.rtt_s, self.estimate.rto_s

    def owes(self, *, owed: bool, now_s: float) -> list[Action]:
        """Silence counts while anything is owed."""
        self.silence.expects(owed=owed, now_s=now_s)
        return []

    def opened(self, number: int, *, now_s: float) -> list[Action]:
        """The path is back: leave that attempt room."""
        attempt = self._flying.attempts.get(number)
        if attempt is None:
            return []
        attempt.took_s = now_s - attempt.sent_s
        others = [each for each in self._flying.attempts.values() if each is not attempt]
        if any(self._is_ahead(each, attempt, now_s) for each in others):
            attempt.go_s = now_s
            return []
        attempt.go_s, attempt.is_first = self.recovery.answered(took_s=attempt.took_s, now_s=now_s), True
        return self._look_at_attempts(now_s)

    def welcomed(self, number: int, *, now_s: float) -> list[Action]:
        """The new connection has won."""
        attempt = self._flying.attempts.pop(number, None)
        took_s = now_s - attempt.sent_s if attempt is not None else None
        self.recovery.succeeded(now_s=now_s, took_s=took_s)
        self.silence.restart(now_s=now_s)
        return self._close_all()

    def announced(self, *, now_s: float) -> list[Action]:
        """The system says so: ask at once."""
        return self._evidence(Evidence.NETWORK_CHANGED, now_s)

    def called(self, *, now_s: float) -> list[Action]:
        """The relay says so: ask at once."""
        return self._evidence(Evidence.RELAY_CALLED, now_s)

    def wake(self, *, now_s: float) -> list[Action]:
        """Notice a silence, ask, give up what was not answered."""
        silence = self.silence.due(self.estimate.rto_s)
        if not self.recovery.is_out and silence is not None and now_s >= silence.at_s:
            self._noticed_s = now_s
            self.silence.notice()
            self.recovery.stalled(heard_s=self.silence.heard_s, now_s=now_s)
        actions = self._look_at_attempts(now_s)
        due = self.recovery.wake_at
        in_hand = [n for n, each in self._flying.attempts.items() if each.go_s is not None and not each.is_going]
        if due is not None and due.at_s <= now_s and in_hand:
            attempt = self._flying.attempts[in_hand[-1]]
            attempt.go_s, attempt.is_going, attempt.is_first = now_s, True, False
            self.recovery.answered(took_s=attempt.took_s, now_s=now_s)
            return [*actions, Proceed(in_hand[-1])]
        if self.recovery.due(now_s=now_s, draw=self._random.random()) is None:
            return actions
        if self.recovery.by_datagram and self.recovery.is_old(now_s):
            self._asked_s = now_s
            return [*actions, Ask()]
        return [*actions, self._open(now_s)]

    def answered(self, *, now_s: float) -> list[Action]:
        """A datagram came back: the path is there."""
        if not self.recovery.is_out or self._flying.attempts:
            return []
        go_s = self.recovery.answered(took_s=min(now_s - self._asked_s, self.estimate.rto_s), now_s=now_s)
        return [self._open(now_s, go_s)]

    def _open(self, now_s: float, go_s: float | None = None) -> Action:
        self._flying.count += 1
        number, answer_s = self._flying.count, self.recovery.answer_s(now_s=now_s)
        if go_s is not None:
            answer_s = ATTEMPT_S_MAX
        self._flying.attempts[number] = _Attempt(now_s, answer_s, is_repeated=go_s is not None)
        return Open(number)

    def _is_ahead(self, one: _Attempt, other: _Attempt, now_s: float) -> bool:
        """Whether one attempt was answered, does not stand still, and should be there before another one is."""
        if one.go_s is None or now_s > one.go_s + self.recovery.standstill_s(one.took_s):
            return False
        return one.go_s + self.recovery.rest_s(one.took_s) <= now_s + self.recovery.rest_s(other.took_s)

    def _look_at_attempts(self, now_s: float) -> list[Action]:
        actions: list[Action] = []
        for number, attempt in list(self._flying.attempts.items()):
            if now_s < attempt.due_s:
                continue
            if attempt.go_s is None and now_s < attempt.sent_s + attempt.answer_s:
                attempt.is_repeated = True
                self.recovery.repeated(now_s=now_s)
            elif attempt.is_first:
                attempt.is_first, attempt.is_going = False, True
                actions.append(Proceed(number))
            else:
                del self._flying.attempts[number]
                actions.append(Close(number))
        return actions

    def _evidence(self, evidence: Evidence, now_s: float) -> list[Action]:
        if not self.recovery.is_out:  # the silence was not noticed yet, and the old connection may be dead
            self._noticed_s = now_s
            self.silence.notice()
            self.recovery.stalled(heard_s=self.silence.heard_s, now_s=now_s)
        self.recovery.hint(evidence, now_s=now_s)
        return self.wake(now_s=now_s)

    def _close_all(self) -> list[Action]:
        numbers = list(self._flying.attempts)
        self._flying.attempts.clear()
        return [Close(number) for number in numbers]
