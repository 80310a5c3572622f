"""Judges one way to the relay: is there a connection, does it live, how good is it, and when is a new one begun.

Theory. TCP believes in a dead connection for minutes. Here silence is noticed while something is owed (`silence`), and
then three things happen at once: the connection is asked with a ping; single SYNs ask whether the path is there
(`recovery`); and whoever is quicker wins, the doubted connection that speaks again or a new one beside it. So a doubt
costs a packet and never a connection, and an outage ends for us about when it ends. Only a silence that lasts far
beyond any retransmission closes the old connection. The surprising rules: *hearing* is what counts, never a successful
write; and what is heard ends a doubt only if it answers something, for a path may be dead in one direction.
"""

from dataclasses import dataclass, field

from answerback.core.effects import (
    IN_USE,
    Ask,
    Close,
    Effect,
    Here,
    Probe,
    Proceed,
    Reason,
    Recheck,
    Transmit,
    Use,
    Wake,
)
from answerback.core.network.attempts import Attempt, Attempts, Numbers
from answerback.core.network.estimate import Estimate
from answerback.core.network.evidence import Evidence
from answerback.core.network.hedging import late_s
from answerback.core.network.keepalive import Keepalive
from answerback.core.network.outages import Outages
from answerback.core.network.patience import ANSWER_S_LONGEST
from answerback.core.network.recovery import Recovery
from answerback.core.network.repetitions import Repetitions
from answerback.core.network.signs import Signs
from answerback.core.network.silence import Silence
from answerback.core.network.standing import Judgement, Standing, Verdict
from answerback.model.causes import Cause
from answerback.wire.frames import Ping

SILENCE_LIMIT_S = 120.0
"""How long a doubted connection is kept beside the attempts at a new one. TCP goes on asking on it, and after outages
of up to a minute or so is as often as not the first to be answered; kept, it costs nothing."""
PATIENCE_MAX = 8
"""A connection given up for silence may have been slow, not dead: each time in a row the next one gets twice as long,
or a link slower than its own first window would be torn down for ever."""
RATE_FLOOR_BYTES_PER_S = 4 * 1024
"""Before a rate is known, what is under way is given the time it needs on 32 kbit/s."""
RACE_S = 10.0
"""A connection that the relay ends so soon after another of ours was set up was ended for that one."""
FRONT_QUIET_S = 5.0
"""When a person comes to look, a connection that was quiet for longer is asked whether it lives."""
SYN_EVERY = 4
"""Of the probes by datagram one is a SYN all the same."""


@dataclass(slots=True)
class Path:
    """One way to the relay, with at most one connection in use and any attempts at a new one."""

    name: str = ""
    """Its interface; empty where nobody can tell them apart."""
    numbers: Numbers = field(default_factory=Numbers)
    recovery: Recovery = field(default_factory=Recovery)
    estimate: Estimate = field(default_factory=Estimate)
    silence: Silence = field(default_factory=Silence)
    judgement: Judgement = field(default_factory=Judgement)
    attempts: Attempts = field(default_factory=Attempts)
    line: int | None = None
    """The connection in use: the relay has said `Welcome` on it."""
    is_standby: bool = False
    """Its connection stands beside the one in use, and carries what cannot wait for that one."""
    network: bytes = b""
    """What it leads into; empty while nobody knows."""
    cause: Cause | None = Cause.NETWORK_AGENT_STOPPED
    """Why there is none; none while there is one."""
    signs: Signs = field(default_factory=Signs)
    tries: int = 0
    """Probes sent since this device started."""
    _is_owed: bool = False
    _flying_bytes: int = 0
    _looked_s: float = 0.0
    """When it was last looked what is due."""
    _noticed_s: float = float("-inf")
    """When the connection in use was doubted last."""
    _asked_s: float = float("-inf")
    """When a datagram asked last."""
    _asks: int = 0
    _patience: int = 1

    @property
    def keepalive(self) -> Keepalive:
        """How long a quiet connection is borne."""
        return self.signs.keepalive

    @property
    def up(self) -> bool:
        """There is a connection, though it may be doubted."""
        return self.line is not None

    @property
    def is_doubted(self) -> bool:
        """Nothing is heard on it though something is owed."""
        return self.up and self.recovery.is_out

    @property
    def doubt_due_s(self) -> float:
        """When a doubted connection should have answered what it was asked as it was doubted."""
        return self._noticed_s + late_s(self.estimate)

    @property
    def works(self) -> bool:
        """There is a connection, and nothing says that it is dead: what people are told of as connected."""
        return self.up and not (self.recovery.is_out and self.verdict.standing is Standing.DOWN)

    @property
    def verdict(self) -> Verdict:
        """How it stands, and why."""
        return self.judgement.verdict

    def holds(self, line: int) -> bool:
        """Whether this is its connection, or an attempt of its."""
        return line == self.line or line in self.attempts.under_way

    def counts(self, repetitions: Repetitions) -> None:
        """Which kernel repeats its SYNs."""
        self.attempts.repetitions = self.recovery.patience.repetitions = repetitions

    # ---- what is seen of attempts

    def start(self, *, now_s: float) -> None:
        """Begin: the first attempt is due at once."""
        if not self.up and not self.attempts.under_way:
            self.recovery.start(now_s=now_s)

    def answered(self, line: int, *, now_s: float, draw: float) -> list[Effect]:
        """A probe came back: the path is there. Make a connection of it, unless another one is ahead."""
        attempt = self.attempts.answered(line, least_s=self.estimate.rtt_s_min, now_s=now_s)
        if attempt is None:
            return []
        if not self.estimate.measured:
            self._learn(attempt.took_s, now_s=now_s)
        rest, recovery = self.recovery.setup_round_trips - 1, self.recovery
        if self.attempts.is_behind(attempt, rest_round_trips=rest, still_s=recovery.standstill_s, now_s=now_s):
            attempt.go_s = now_s
            return []
        if self.attempts.is_busy(attempt, is_crowd=self.recovery.is_crowd):
            attempt.go_s = now_s
            return self._hold(now_s, draw)
        go_s = recovery.answered(took_s=attempt.took_s, now_s=now_s)
        attempt.go_s, attempt.is_first = (go_s if self.up else now_s), True
        if recovery.is_crowd:
            attempt.is_held = True
            recovery.queued(now_s=now_s, draw=draw)
        return self._look_at_attempts(now_s, draw)

    def opened(self, line: int) -> None:
        """A connection stands, and the relay may know of it by now."""
        attempt = self.attempts.under_way.get(line)
        if attempt is not None:
            attempt.is_open = True

    def has_raced(self, *, now_s: float) -> bool:
        """Whether a connection of ours is being set up, or has just been: the relay may take it for the newer one."""
        is_going = any(attempt.is_going for attempt in self.attempts.under_way.values())
        return is_going or now_s - self.recovery.up_since_s <= RACE_S

    def failed(self, line: int, cause: Cause, *, now_s: float, draw: float) -> list[Effect]:
        """An attempt ended by itself: nobody there, or somebody who would not have us."""
        attempt = self.attempts.ended(line)
        if attempt is None:
            return []
        if attempt.go_s is None:
            self.judgement.unanswered(now_s=now_s)
            if cause is Cause.NETWORK_RELAY_UNREACHABLE:
                self.recovery.denied(now_s=now_s, draw=draw)
        elif not self.up or self.recovery.is_out:
            # The path is there, and what is behind it is not: the relay, or whoever answers in its place.
            self.recovery.refused(now_s=now_s, draw=draw)
            if cause in (Cause.NETWORK_CAPTIVE, Cause.TLS_UNTRUSTED, Cause.RELAY_INCOMPATIBLE):
                self.judgement.strange(now_s=now_s)
        if not self.up:
            self.cause = cause
        return []

    def welcomed(self, line: int, *, now_s: float) -> list[Effect]:
        """The relay knows us on a new connection: it is the one in use, and all others of this path are given up."""
        attempt = self.attempts.ended(line)
        self.signs.begin(self.network, noticed_s=self._noticed_s, now_s=now_s)
        old, self.line, self.cause = self.line, line, None
        self.recovery.succeeded(now_s=now_s, took_s=now_s - attempt.left_s if attempt is not None else None)
        self.silence.restart(now_s=now_s)
        self.estimate.restored()
        self.judgement.welcomed(self.estimate, now_s=now_s)
        effects: list[Effect] = [] if self.is_standby else [Use(line)]
        if old is not None:
            effects.append(Close(old))
        return [*effects, *self._settled(attempt, now_s)]

    # ---- what is seen of the connection

    def heard(self, *, is_progress: bool, now_s: float, draw: float) -> list[Effect]:
        """The connection in use speaks; `is_progress` if it answers something that was owed."""
        was_owed = self._is_owed
        self.signs.heard(is_owed=was_owed, now_s=now_s)
        self.silence.heard(now_s=now_s)
        if not self.recovery.is_out:
            self.judgement.heard(self.estimate, now_s=now_s)
            return []
        if self.recovery.is_absent:
            return []  # it was on its way before the interface went
        if was_owed and not is_progress:
            self.recovery.hint(Evidence.HEARD, now_s=now_s)
            return self.wake(now_s=now_s, draw=draw)
        self.silence.ended(noticed_s=self._noticed_s, rto_s=self.estimate.rto_s, now_s=now_s)
        self.recovery.succeeded(now_s=now_s, old=True)
        self.judgement.welcomed(self.estimate, now_s=now_s)  # also where unanswered probes had spoken against the path
        return [*self._settled(None, now_s), Recheck()]

    def lost(self, cause: Cause, *, now_s: float, draw: float) -> None:
        """The connection in use has ended, and said so."""
        self.line, self.cause = None, cause
        if self.signs.is_tried:  # some translators answer for a connection that they have forgotten: it is reset
            self._noticed_s = now_s
        self.signs.end()
        self._expect(now_s)
        self.recovery.lost(now_s=now_s, draw=draw)
        self.judgement.ended(now_s=now_s)
        self.attempts.hasten(now_s=now_s)

    def spoke(self, *, now_s: float) -> None:
        """Something was said on the connection in use."""
        self.keepalive.spoke(now_s=now_s)

    def expects(self, *, outstanding: bool, flying_bytes: int, now_s: float) -> None:
        """Say whether an answer to something we sent is still owed, and how many bytes of it are under way."""
        self._is_owed, self._flying_bytes = outstanding, flying_bytes
        self._expect(now_s)

    def measured(self, took_s: float, *, now_s: float, is_loaded: bool) -> None:
        """An answer came so long after what it answers."""
        if now_s - took_s > self._noticed_s:  # else it crossed a silence: that was no round trip (Karn's rule)
            self._learn(took_s, now_s=now_s, is_loaded=is_loaded)

    def ponged(self, echo: int, *, now_s: float) -> float | None:
        """A ping came back: learn its round trip, and return it in seconds."""
        sent_s = self.signs.came(echo, now_s=now_s)
        self._expect(now_s)
        if sent_s is None:
            return None
        self._patience = 1
        self.measured(now_s - sent_s, now_s=now_s, is_loaded=self._flying_bytes > 0)
        return now_s - sent_s

    def ask(self, *, now_s: float) -> list[Effect]:
        """Ask the connection whether it lives."""
        return self._ping(now_s) if self.up else []

    def told(self, retry_after_s: float, *, now_s: float) -> None:
        """The relay said when to come back."""
        self.recovery.told(retry_after_s, now_s=now_s)

    # ---- what is seen elsewhere

    def hint(self, evidence: Evidence, *, now_s: float, draw: float) -> list[Effect]:
        """Something was seen that makes success likely, or the connection in use doubtful."""
        effects: list[Effect] = []
        if self.up and not self.recovery.is_out:
            if evidence in (Evidence.IN_FRONT, Evidence.OTHER_PATH_WORKED):
                # Neither says anything against it, but a person who looks should not look at a dead one.
                is_quiet = evidence is Evidence.IN_FRONT and now_s - self.silence.heard_s > FRONT_QUIET_S
                return self._ping(now_s) if is_quiet and not self.signs.sent else []
            self.silence.ask()
            effects += self._doubt(now_s)
        self.recovery.hint(evidence, now_s=now_s)
        return [*effects, *self.wake(now_s=now_s, draw=draw)]

    def absent(self, *, now_s: float) -> None:
        """Its interface is gone."""
        if self.up and not self.recovery.is_out:
            self._noticed_s = now_s
            self.silence.notice()
        self.recovery.absent(now_s=now_s)
        self.judgement.absent(now_s=now_s)

    def present(self, *, now_s: float) -> None:
        """Its interface is there, and nobody asks anything of it."""
        self.judgement.present(now_s=now_s)

    def moved(self, network: bytes, outages: Outages) -> bool:
        """It leads into this network: true if that is another than before, of which nothing that was measured holds."""
        is_elsewhere = bool(self.network and network) and network != self.network
        if network != self.network:
            self.network, self.recovery.outages = network, outages
        if is_elsewhere:
            self.estimate = Estimate()
        return is_elsewhere

    def rest(self, *, now_s: float, cause: Cause | None = None) -> list[Effect]:
        """Nobody needs it now: let go of its connection and of all attempts."""
        effects: list[Effect] = [] if self.line is None else [Close(self.line)]
        self.line, self.cause = None, cause
        self.signs.forget()
        self._is_owed, self._flying_bytes = False, 0
        self._expect(now_s)
        self.recovery.rest(now_s=now_s)
        return [*effects, *(Close(line) for line in self.attempts.abandon())]

    def datagram_answered(self, *, now_s: float, draw: float) -> list[Effect]:
        """The relay answered a datagram: the path is there."""
        took_s, recovery = now_s - self._asked_s, self.recovery
        took_s = took_s if took_s < ANSWER_S_LONGEST else recovery.rtt_s  # else it answers no question of now
        still_s = recovery.standstill_s
        if not recovery.is_out or self.attempts.is_hopeful(since_s=now_s - took_s, still_s=still_s, now_s=now_s):
            return []
        recovery.found(took_s=took_s, now_s=now_s)
        return self.wake(now_s=now_s, draw=draw)

    # ---- time

    @property
    def wake_at(self) -> Wake | None:
        """When silence or the clock must be judged, and why then."""
        wakes = [self.recovery.wake_at]
        if self.up:
            if self.recovery.is_out:
                wakes.append(Wake(self._noticed_s + self._limit_s, Reason.SILENCE_LIMIT))
            elif not self._is_owed and not self.signs.sent:
                wakes.append(self.signs.due(heard_s=self.silence.heard_s, now_s=self._looked_s))
            wakes.append(self._silence_due)
        if (at_s := self.attempts.wake_at_s) is not None:
            wakes.append(Wake(at_s, Reason.ATTEMPT_LIMIT))
        return min((wake for wake in wakes if wake is not None), key=lambda wake: wake.at_s, default=None)

    def wake(self, *, now_s: float, draw: float) -> list[Effect]:
        """Notice a silence, ask, give up what was not answered."""
        effects: list[Effect] = []
        self._looked_s = now_s
        if self.up:
            effects += self._look_at_line(now_s, draw)
        effects += self._look_at_attempts(now_s, draw)
        due = self.recovery.wake_at
        if due is None or now_s < due.at_s:
            return effects
        in_hand = self.attempts.in_hand()
        if in_hand is not None and due.reason is not Reason.CONNECT_TOLD:
            attempt = self.attempts.under_way[in_hand]
            if self.attempts.is_busy(attempt, is_crowd=self.recovery.is_crowd):
                return [*effects, *self._hold(now_s, draw)]
            attempt.go_s = now_s
            self.attempts.go(attempt)
            self.recovery.answered(took_s=attempt.took_s, now_s=now_s)
            return [*effects, Proceed(in_hand)]
        reason = self.recovery.due(now_s=now_s, draw=draw)
        assert reason is not None, "it was due"
        if self.recovery.by_datagram and self.recovery.is_old(now_s) and reason is not Reason.CONNECT_EVIDENCE:
            self._asks += 1
            if self._asks % SYN_EVERY:  # a relay that began anew meanwhile knows no ticket, and is silent by datagram
                self._asked_s = now_s
                return [*effects, Ask(self.name)]
        if self.cause is Cause.NETWORK_AGENT_STOPPED:
            self.cause = Cause.NETWORK_CONNECTING
        return [*effects, self._probe(reason, answer_s=self.recovery.answer_s, now_s=now_s)]

    # ---- private

    def _look_at_line(self, now_s: float, draw: float) -> list[Effect]:
        silence = self._silence_due
        if silence is not None and now_s >= silence.at_s and not self._believe_silence(now_s):
            return self._doubt(now_s)
        if self.recovery.is_out:
            if now_s < self._noticed_s + self._limit_s:
                return []
            self._patience = min(self._patience * 2, PATIENCE_MAX)
            old = self.line
            assert old is not None
            self.lost(Cause.NETWORK_STALLED, now_s=now_s, draw=draw)
            return [Close(old)]
        if self._is_owed or self.signs.sent:
            return []
        if now_s < self.signs.due(heard_s=self.silence.heard_s, now_s=self._looked_s).at_s:
            return []
        is_to_keep = self.signs.try_quiet(now_s=now_s)
        here: list[Effect] = [Here(self.name)] if is_to_keep and self.recovery.by_datagram else []
        return [*self._ping(now_s), *here]

    @property
    def _silence_due(self) -> Wake | None:
        """When silence is too long: if something else spoke against it, not before it could have answered."""
        due, from_s = self.silence.due(self.estimate.rto_s), self.doubt_due_s if self.recovery.is_out else 0.0
        return None if due is None else Wake(max(due.at_s, from_s), due.reason)

    def _believe_silence(self, now_s: float) -> bool:
        """Judge by it; whether the connection was doubted already."""
        self.silence.notice()
        lasted_s = now_s - self.silence.heard_s
        self.judgement.silent(lasted_s, borne_s=lasted_s, now_s=now_s)
        return self.recovery.is_out

    def _doubt(self, now_s: float) -> list[Effect]:
        self._noticed_s = now_s
        self.recovery.stalled(heard_s=self.silence.heard_s, now_s=now_s)
        return self._ping(now_s)

    def _look_at_attempts(self, now_s: float, draw: float) -> list[Effect]:
        due = self.attempts.wake(now_s=now_s, may_repeat=lambda at_s: self.recovery.may_repeat(at_s, now_s=now_s))
        for _ in range(due.unanswered):
            self.estimate.unanswered()
            self.judgement.unanswered(now_s=now_s)
        is_out = not self.up or self.recovery.is_out
        if due.stuck and is_out and self.attempts.in_hand() is not None:
            # Whoever answers does not let us in: a relay that is overwhelmed must not get more of it.
            self.recovery.refused(now_s=now_s, draw=draw)
        if due.unanswered and not self.up:
            self.cause = Cause.NETWORK_RELAY_UNREACHABLE
        return [*(Proceed(line) for line in due.proceed), *(Close(line) for line in due.overdue)]

    def _hold(self, now_s: float, draw: float) -> list[Effect]:
        """The path answers and the relay is busy: wait in its line, and ask seldom."""
        if self.recovery.is_crowd:
            self.recovery.queued(now_s=now_s, draw=draw)
        else:
            self.recovery.refused(now_s=now_s, draw=draw)
        return [Close(line) for line in self.attempts.hold()]

    def _settled(self, won: Attempt | None, now_s: float) -> list[Effect]:
        return [Close(line) for line in self.attempts.settle(won=won, now_s=now_s)]

    def _probe(self, reason: Reason, *, answer_s: float, now_s: float) -> Effect:
        self.tries += 1
        self.attempts.begin(line := self.numbers.next(), answer_s=answer_s, now_s=now_s)
        return Probe(line, self.name, reason)

    def _learn(self, took_s: float, *, now_s: float, is_loaded: bool = False) -> None:
        self.estimate.round_trip(took_s, now_s=now_s, is_loaded=is_loaded)
        self.recovery.rtt_s, self.recovery.rto_s = self.estimate.rtt_s, self.estimate.rto_s

    @property
    def _limit_s(self) -> float:
        rate = max(self.estimate.up_bytes_per_s, RATE_FLOOR_BYTES_PER_S)
        return self._patience * max(SILENCE_LIMIT_S, 2 * self.estimate.rto_s, 2 * self._flying_bytes / rate)

    def _expect(self, now_s: float) -> None:
        self.silence.expects(owed=self.up and (self._is_owed or bool(self.signs.sent)), now_s=now_s)

    def _ping(self, now_s: float) -> list[Effect]:
        echo = self.signs.send(now_s=now_s)
        self._expect(now_s)
        return [Transmit(Ping(echo), self.line or IN_USE)]
