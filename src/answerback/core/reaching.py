"""Keeps this device connected: which connection is in use, which are being begun, and what is said first on each.

Theory. A path decides when to ask and which attempt goes on (`network/path`), `network/paths` which path carries the
mail and which stands by, and `greeting` says who we are on each connection. Here they meet, and what follows for mail
is drawn: when a connection is over, or overtaken by another, what was on its way there goes again on the next. Nobody
is told of a doubt; only of a connection that came or went.
"""

from dataclasses import dataclass, field
from typing import assert_never

from answerback.core.arrival import Arrival
from answerback.core.departure import Departure
from answerback.core.effects import Close, Effect, LinkChanged, Listen, Moment, Tell, Transmit, Use, Warned
from answerback.core.greeting import Greeting
from answerback.core.machines import Machines
from answerback.core.network.evidence import Evidence
from answerback.core.network.path import Path
from answerback.core.network.recovery import TOLD_S_MAX
from answerback.core.sensing import DatagramAnswered, DatagramsBlocked, Hinted, NetworkSeen
from answerback.model.causes import Cause, cause_of
from answerback.model.paths import PathSeen
from answerback.wire.flight import Kind
from answerback.wire.frames import WIRE_VERSION, Challenge, Deliver, Farewell, Pong, RelayFrame, TakeOver, Welcome


@dataclass(slots=True)
class Reaching:
    """The composer of paths and greetings."""

    machines: Machines
    departure: Departure
    arrival: Arrival
    greeting: Greeting
    _line: int | None = None
    """The connection that mail is on."""
    _standing_by: Welcome | None = None
    """What the relay said on the connection that stands by."""
    _is_new: bool = False
    """Mail goes on a connection that stood by until now."""
    _told: LinkChanged = field(default_factory=lambda: LinkChanged(connected=False, cause=Cause.NETWORK_AGENT_STOPPED))

    # ---- what happens to us

    def start(self, *, now: Moment) -> None:
        """Begin: the first attempt is due at once."""
        self.machines.path.start(now_s=now.now_s)

    def sensed(self, event: NetworkSeen | Hinted | DatagramAnswered | DatagramsBlocked, *, now: Moment) -> list[Effect]:
        """Take in what a sense has told of the network."""
        match event:
            case NetworkSeen(found):
                return self._network_seen(found, now)
            case Hinted(evidence):
                return self._hint(evidence, now)
            case DatagramAnswered(path, is_connected):
                return self._datagram_answered(path, is_connected=is_connected, now=now)
            case DatagramsBlocked(path):
                self._datagrams_pass(path, on=False)
                return []
            case _:
                assert_never(event)

    def _hint(self, evidence: Evidence, now: Moment) -> list[Effect]:
        effects: list[Effect] = []
        for path in list(self.machines.paths.active()):
            effects += path.hint(evidence, now_s=now.now_s, draw=self.machines.draw())
        return self._after(effects, now)

    def wake(self, *, now: Moment) -> list[Effect]:
        """Do what is due by the clock."""
        effects: list[Effect] = []
        for path in list(self.machines.paths.active()):
            effects += path.wake(now_s=now.now_s, draw=self.machines.draw())
        return self._after(effects, now)

    # ---- what becomes of connections

    def answered(self, line: int, *, now: Moment) -> list[Effect]:
        """A probe was answered."""
        path = self.machines.paths.of(line)
        if path is None:
            return []
        return self._after(path.answered(line, now_s=now.now_s, draw=self.machines.draw()), now)

    def opened(self, line: int) -> None:
        """A connection stands; the relay's challenge, or its welcome, is next."""
        path = self.machines.paths.of(line)
        if path is not None:
            path.opened(line)
            self.greeting.opened(line)

    def lost(self, line: int, cause: Cause, *, retry_after_s: float | None = None, now: Moment) -> list[Effect]:
        """A connection, or the attempt at one, has ended; what the relay said of coming back is kept to."""
        path, draw = self.machines.paths.of(line), self.machines.draw()
        self.greeting.ended(line)
        if path is None:
            return []
        has_won = path.up and line != path.line and not path.is_doubted
        if retry_after_s is not None and retry_after_s > 0 and not has_won:
            path.told(min(retry_after_s, TOLD_S_MAX), now_s=now.now_s)
        if line == path.line:
            path.lost(cause, now_s=now.now_s, draw=draw)
        else:
            path.failed(line, cause, now_s=now.now_s, draw=draw)
        return self._after([], now)

    def farewelled(self, line: int, frame: Farewell, *, now: Moment) -> list[Effect]:
        """The relay closes this connection, and says why."""
        cause = cause_of(frame.cause)
        retry_after_s = frame.retry_after_ms / 1000 if frame.retry_after_ms > 0 else None
        if cause is Cause.NETWORK_CONNECTION_LOST and self._has_raced(now):
            retry_after_s = None  # it was superseded by another connection of ours, and not by somebody else
        if cause is Cause.ACCOUNT_DEVICE_REVOKED:
            self.machines.registration.ended = cause
        effects = self.lost(line, cause, retry_after_s=retry_after_s, now=now)
        return [*effects, Tell(Warned(cause))] if cause.layer == "account" else effects

    def ponged(self, line: int, frame: Pong, *, now: Moment) -> list[Effect]:
        """A ping came back: learn its round trip, and with it what the relay's clock says."""
        machines, path = self.machines, self.machines.paths.of(line)
        if path is None:
            return []
        path.estimate.stamped(frame.clock_ms / 1000, now_s=now.now_s)
        rtt_s = path.ponged(frame.echo, now_s=now.now_s)
        if rtt_s is not None:
            machines.clock.read(frame.clock_ms, rtt_s=rtt_s, now=now)
            if path is machines.path:
                machines.questions.ponged(sent_s=now.now_s - rtt_s)
        return []

    def hears(self, line: int) -> bool:
        """Whether what is said on this connection counts."""
        return self.greeting.hears(line) and self.machines.paths.of(line) is not None

    def heard(self, line: int, frame: RelayFrame, *, now: Moment) -> list[Effect]:
        """The relay said something. Raises `PeerError` if it may not say that now."""
        machines = self.machines
        self.greeting.follow(line, frame)
        machines.questions.check(frame)
        path = machines.paths.of(line)
        if path is None or line != path.line or isinstance(frame, Farewell):
            return []  # a farewell answers nothing
        is_mail = isinstance(frame, Deliver)
        if isinstance(frame, Deliver):
            path.estimate.received(sum(len(entry.sealed) for entry in frame.entries), now_s=now.now_s)
        effects = path.heard(is_progress=not is_mail, now_s=now.now_s, draw=machines.draw())
        if line != self._line and is_mail:  # the relay has lost the other connection, and takes this one
            effects += self._move(path, now)
        return self._after(effects, now)

    def challenged(self, line: int, challenge: Challenge) -> list[Effect]:
        """The relay asks who we are."""
        if challenge.wire != WIRE_VERSION:
            return [Tell(Warned(Cause.RELAY_INCOMPATIBLE))]
        return self.greeting.challenged(line, challenge)

    def welcomed(self, line: int, welcome: Welcome, *, now: Moment) -> list[Effect]:
        """The relay knows us on this connection: it is the one in use, or stands by."""
        path = self.machines.paths.of(line)
        assert path is not None, "it was heard"
        self.greeting.welcomed(line, welcome, now=now)
        if path.is_standby:
            self._standing_by = welcome
        effects = path.welcomed(line, now_s=now.now_s)
        if self.greeting.said_standby(line) and not path.is_standby:
            effects.append(self._word(line))  # the path in use went while this was being set up
        if welcome.ticket is not None:
            effects.append(Listen(path.name, line, welcome.ticket))
        return self._after(effects, now)

    def urgent_left(self, *, now: Moment) -> list[Effect]:
        """Urgent mail has just left: what costs money may stand by for it, and does so before an answer is late."""
        self.machines.paths.decide(is_urgent=True, now_s=now.now_s)
        return self._greeted(self.machines.paths.stand_by(now_s=now.now_s), now)

    def has_moved(self) -> bool:
        """Whether mail goes on a connection that stood by until now; asked once for each move."""
        is_new, self._is_new = self._is_new, False
        return is_new

    def after(self, effects: list[Effect], *, now: Moment) -> list[Effect]:
        """Somebody else has decided about paths: draw the consequences."""
        return self._after(effects, now) if effects else []

    # ---- private

    def _has_raced(self, now: Moment) -> bool:
        return any(path.has_raced(now_s=now.now_s) for path in self.machines.paths.active())

    def _network_seen(self, found: tuple[PathSeen, ...], now: Moment) -> list[Effect]:
        paths = self.machines.paths
        before = paths.current.name
        effects = paths.network_seen(found, now_s=now.now_s, draw=self.machines.draw())
        path, ticket = paths.current, self.greeting.ticket
        if path.name != before and path.line is not None and ticket is not None:
            effects.append(Listen(path.name, path.line, ticket))  # it has a name now, and datagrams go by it
        return self._after(effects, now)

    def _datagram_answered(self, name: str, *, is_connected: bool, now: Moment) -> list[Effect]:
        self._datagrams_pass(name, on=True)
        effects: list[Effect] = []
        for path in self.machines.paths.active():
            if path.name == name:
                effects += path.datagram_answered(now_s=now.now_s, draw=self.machines.draw())
                if not is_connected and path.up and not path.is_standby:
                    effects += path.hint(Evidence.RELAY_CALLED, now_s=now.now_s, draw=self.machines.draw())
        return self._after(effects, now)

    def _datagrams_pass(self, name: str, *, on: bool) -> None:
        for path in self.machines.paths.active():
            if path.name == name:
                path.recovery.by_datagram = on

    def _after(self, effects: list[Effect], now: Moment) -> list[Effect]:
        """Draw the consequences of what paths have decided."""
        effects = self._greeted([*effects, *self._chosen(now)], now)
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

    def _greeted(self, effects: list[Effect], now: Moment) -> list[Effect]:
        for effect in effects:
            if isinstance(effect, Close):
                self.greeting.ended(effect.line)
        return self.greeting.proceed(effects, now=now)

    def _chosen(self, now: Moment) -> list[Effect]:
        """Move to another path, or have one stand by."""
        paths = self.machines.paths
        wanted = paths.decide(is_urgent=self.machines.hedging.is_busy, now_s=now.now_s)
        effects: list[Effect] = []
        if wanted is not None and wanted.up:
            effects += self._take_over(wanted, now)
        elif wanted is not None and not paths.current.up:
            effects += paths.move(wanted, now_s=now.now_s)
        return [*effects, *paths.stand_by(now_s=now.now_s)]

    def _take_over(self, path: Path, now: Moment) -> list[Effect]:
        machines, welcome = self.machines, self._standing_by
        if path.line is None or welcome is None or (welcome.store, welcome.boot) != (machines.store, machines.boot):
            return machines.paths.move(path, now_s=now.now_s, anew=True)  # what it said is of another run
        return [self._word(path.line), *self._move(path, now)]

    def _word(self, line: int) -> Effect:
        """Tell the relay that this connection is the one in use."""
        return Transmit(TakeOver(self.machines.inbox.taken, self.machines.life), line)

    def _move(self, path: Path, now: Moment) -> list[Effect]:
        assert path.line is not None
        self._is_new = True
        self.machines.flight.end(Kind.CHUNK)  # files follow the mail, and begin their piece anew
        if self._standing_by is not None:
            self.machines.token = self._standing_by.token
        return [Use(path.line), *self.machines.paths.move(path, now_s=now.now_s)]

    def _requeue(self) -> None:
        """What was on its way on a connection that is over goes again on the next."""
        for copy in self.machines.outbox.connection_lost():
            self.departure.queue(copy)
        self.machines.hedging.ended()
        self.machines.transfers.disconnected()
        self.arrival.disconnected()
