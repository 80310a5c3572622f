"""Keeps this device connected: which connection is in use, which are being begun, and what is said first on each.

Theory. A path decides when to ask and which attempt goes on (`network/path`); `greeting` says who we are on each. Here
the two meet, and what follows for mail is drawn: when a connection is over, or overtaken by a new one while it was
doubted, what was on its way there goes again on the next. Nobody is told of a doubt; only of a connection that came or
went.
"""

from dataclasses import dataclass, field

from answerback.core.arrival import Arrival
from answerback.core.departure import Departure
from answerback.core.effects import Close, Effect, LinkChanged, Moment, Tell, Warned
from answerback.core.greeting import Greeting
from answerback.core.machines import Machines
from answerback.core.network.recovery import Evidence
from answerback.model.causes import Cause
from answerback.wire.frames import WIRE_VERSION, Challenge, RelayFrame, Welcome


@dataclass(slots=True)
class Reaching:
    """The composer of paths and greetings."""

    machines: Machines
    departure: Departure
    arrival: Arrival
    greeting: Greeting
    _line: int | None = None
    """The connection that mail is on."""
    _told: LinkChanged = field(default_factory=lambda: LinkChanged(connected=False, cause=Cause.NETWORK_AGENT_STOPPED))

    # ---- what happens to us

    def start(self, *, now: Moment) -> None:
        """Begin: the first attempt is due at once."""
        self.machines.path.start(now_s=now.now_s)

    def hint(self, evidence: Evidence, *, now: Moment) -> list[Effect]:
        """Something makes a connection likely to succeed now, or the one in use doubtful."""
        return self._after(self.machines.path.hint(evidence, now_s=now.now_s, draw=self.machines.draw()), now)

    def absent(self, *, now: Moment) -> list[Effect]:
        """There is no interface to reach the relay by."""
        self.machines.path.absent(now_s=now.now_s)
        return self._after([], now)

    def wake(self, *, now: Moment) -> list[Effect]:
        """Do what is due by the clock."""
        return self._after(self.machines.path.wake(now_s=now.now_s, draw=self.machines.draw()), now)

    # ---- what becomes of connections

    def answered(self, line: int, *, now: Moment) -> list[Effect]:
        """A probe was answered."""
        return self._after(self.machines.path.answered(line, now_s=now.now_s, draw=self.machines.draw()), now)

    def datagram_answered(self, *, now: Moment) -> list[Effect]:
        """The relay answered a datagram."""
        return self._after(self.machines.path.datagram_answered(now_s=now.now_s), now)

    def opened(self, line: int) -> None:
        """A connection stands; the relay's challenge, or its welcome, is next."""
        if line in self.machines.path.attempts.under_way:
            self.greeting.opened(line)

    def lost(self, line: int, cause: Cause, *, now: Moment) -> list[Effect]:
        """A connection, or the attempt at one, has ended."""
        path, draw = self.machines.path, self.machines.draw()
        self.greeting.ended(line)
        if line == path.line:
            path.lost(cause, now_s=now.now_s, draw=draw)
        else:
            path.failed(line, cause, now_s=now.now_s, draw=draw)
        return self._after([], now)

    def hears(self, line: int) -> bool:
        """Whether what is said on this connection counts."""
        return self.greeting.hears(line)

    def heard(self, line: int, frame: RelayFrame, *, is_progress: bool, now: Moment) -> list[Effect]:
        """The relay said something. Raises `PeerError` if it may not say that now."""
        machines = self.machines
        self.greeting.follow(line, frame)
        machines.questions.check(frame)
        if line != machines.path.line:
            return []
        return self._after(machines.path.heard(is_progress=is_progress, now_s=now.now_s, draw=machines.draw()), now)

    def challenged(self, line: int, challenge: Challenge) -> list[Effect]:
        """The relay asks who we are."""
        if challenge.wire != WIRE_VERSION:
            return [Tell(Warned(Cause.RELAY_INCOMPATIBLE))]
        return self.greeting.challenged(line, challenge)

    def welcomed(self, line: int, welcome: Welcome, *, now: Moment) -> list[Effect]:
        """The relay knows us on this connection: it is the one in use."""
        self.greeting.welcomed(line, welcome, now=now)
        return self._after(self.machines.path.welcomed(line, now_s=now.now_s), now)

    # ---- private

    def _after(self, effects: list[Effect], now: Moment) -> list[Effect]:
        """Draw the consequences of what a path has decided."""
        for effect in effects:
            if isinstance(effect, Close):
                self.greeting.ended(effect.line)
        effects = self.greeting.proceed(effects, now=now)
        path = self.machines.path
        if path.line != self._line:
            if self._line is not None:
                self._requeue()
            self._line = path.line
        news = LinkChanged(connected=path.works, cause=None if path.works else path.cause or Cause.NETWORK_STALLED)
        if news != self._told and news.cause is not Cause.NETWORK_CONNECTING:
            self._told = news
            effects.append(Tell(news))
        return effects

    def _requeue(self) -> None:
        """What was on its way on a connection that is over goes again on the next."""
        for copy in self.machines.outbox.connection_lost():
            self.departure.queue(copy)
        self.machines.transfers.disconnected()
        self.arrival.disconnected()
