"""Does what Answerback does: the path of the core, driven by what a program on the device sees."""

from random import Random

from answerback.core.effects import Ask as AskEffect
from answerback.core.effects import Close as CloseEffect
from answerback.core.effects import Effect, Probe, Transmit
from answerback.core.effects import Proceed as ProceedEffect
from answerback.core.network.estimate import Estimate
from answerback.core.network.evidence import Evidence
from answerback.core.network.outages import Outages
from answerback.core.network.path import Path
from answerback.core.network.probe_budget import IN_FRONT, Allowance, Platform, ProbeBudget
from answerback.core.network.recovery import Recovery
from answerback.core.network.repetitions import UNKNOWN, Repetitions
from answerback.lab.policies.policy import Action, Ask, Close, HangUp, Open, PassiveTcp, Proceed, Say
from answerback.model.causes import Cause
from answerback.wire.frames import Ping


class Ours(PassiveTcp):
    """Silence is noticed, single SYNs ask, the first that is answered becomes the connection, the old one races on."""

    name = "ours"
    hears_farewells = True

    def __init__(
        self,
        *,
        random: Random,
        outages: Outages | None = None,
        allowance: Allowance = IN_FRONT[Platform.DESKTOP],
        by_datagram: bool = False,
        repetitions: Repetitions = UNKNOWN,
    ) -> None:
        self.path = Path(
            recovery=Recovery(ProbeBudget(allowance), outages if outages is not None else Outages()), cause=None
        )
        self.path.recovery.by_datagram = by_datagram
        self.path.counts(repetitions)
        self._random = random

    @property
    def recovery(self) -> Recovery:
        """Its timetable."""
        return self.path.recovery

    @property
    def estimate(self) -> Estimate:
        """What it has measured."""
        return self.path.estimate

    @property
    def wake_at_s(self) -> float | None:
        """When silence is too long, a probe is due, or an attempt has had its time."""
        wake = self.path.wake_at
        return None if wake is None else wake.at_s

    def begin(self, *, rtt_s: float, now_s: float) -> list[Action]:
        """A connection stands."""
        self.path.estimate.round_trip(rtt_s, now_s=now_s)
        self.path.recovery.rtt_s = rtt_s
        return _actions(self.path.welcomed(self.path.numbers.next(), now_s=now_s))

    def heard(self, *, is_progress: bool, now_s: float) -> list[Action]:
        """The connection in use speaks: it lives, unless our own way on it still waits for TCP to send again."""
        return _actions(self.path.heard(is_progress=is_progress, now_s=now_s, draw=self._random.random()))

    def lost(self, *, now_s: float) -> list[Action]:
        """The relay believes in another connection."""
        self.path.lost(Cause.NETWORK_CONNECTION_LOST, now_s=now_s, draw=self._random.random())
        return self.wake(now_s=now_s)

    def said(self, number: int, *, now_s: float) -> None:
        """What was said came back."""
        self.path.ponged(number, now_s=now_s)

    def measured(self, rtt_s: float, *, now_s: float) -> None:
        """Feed the estimate, and with it what setting up a connection is expected to take."""
        self.path.measured(rtt_s, now_s=now_s, is_loaded=False)

    def owes(self, *, owed: bool, now_s: float) -> list[Action]:
        """Silence counts while anything is owed."""
        self.path.expects(outstanding=owed, flying_bytes=0, now_s=now_s)
        return []

    def opened(self, number: int, *, now_s: float) -> list[Action]:
        """The path is back."""
        return _actions(self.path.answered(number, now_s=now_s, draw=self._random.random()))

    def welcomed(self, number: int, *, now_s: float) -> list[Action]:
        """The new connection has won; the old one is closed by whoever plays this."""
        old = self.path.line
        actions = _actions(self.path.welcomed(number, now_s=now_s))
        return [action for action in actions if action != Close(old or 0)]

    def announced(self, *, now_s: float) -> list[Action]:
        """The system says so: ask at once."""
        return self._evidence(Evidence.NETWORK_CHANGED, now_s)

    def called(self, *, now_s: float) -> list[Action]:
        """The relay says so: ask at once."""
        return self._evidence(Evidence.RELAY_CALLED, now_s)

    def wake(self, *, now_s: float) -> list[Action]:
        """Notice a silence, ask, give up what was not answered."""
        old = self.path.line
        actions = _actions(self.path.wake(now_s=now_s, draw=self._random.random()))
        return [HangUp() if action == Close(old or 0) else action for action in actions]

    def answered(self, *, now_s: float) -> list[Action]:
        """A datagram came back: the path is there."""
        return _actions(self.path.datagram_answered(now_s=now_s, draw=self._random.random()))

    def _evidence(self, evidence: Evidence, now_s: float) -> list[Action]:
        return _actions(self.path.hint(evidence, now_s=now_s, draw=self._random.random()))


def _actions(effects: list[Effect]) -> list[Action]:
    """Say what the core asks for in the words of the laboratory."""
    actions: list[Action] = []
    for effect in effects:
        match effect:
            case Probe(line=line):
                actions.append(Open(line))
            case ProceedEffect(line=line):
                actions.append(Proceed(line))
            case CloseEffect(line=line):
                actions.append(Close(line))
            case AskEffect():
                actions.append(Ask())
            case Transmit(frame=Ping(echo=echo)):
                actions.append(Say(echo))
            case _:
                pass
    return actions
