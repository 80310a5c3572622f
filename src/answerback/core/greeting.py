"""Says who this device is: with a ticket in the request for the connection, or by signing the relay's challenge.

Theory. A ticket spares a round trip, and is kept in memory only: a copy of this device's disk has none, so whoever
starts from an older copy signs a challenge and is found out (`rollback`). With a ticket as without one `life` grows and
is on the disk before it is said; that is a write, and is spent only where a probe was answered. Several connections may
be greeted at once, each with a phase of its own.
"""

from dataclasses import dataclass, field

from answerback.core.effects import Effect, Moment, Proceed, Save, Transmit
from answerback.core.machines import Machines
from answerback.crypto.identity import answer_challenge
from answerback.crypto.resumption import proven
from answerback.model.registration import Step
from answerback.wire.connection import Phase, after_relay
from answerback.wire.frames import WIRE_VERSION, Challenge, Hello, RelayFrame, Resume, Taken, Ticket, Welcome


@dataclass(slots=True)
class Greeting:
    """The first words of each connection."""

    machines: Machines
    _ticket: Ticket | None = None
    _ends_s: float = 0.0
    _shown: set[int] = field(default_factory=set)
    """Connections that were asked for with a ticket."""
    _phases: dict[int, Phase] = field(default_factory=dict)
    """How far each open connection's conversation is."""
    _said: dict[int, int] = field(default_factory=dict)
    """The life that was said on each connection."""
    _said_taken: dict[int, list[Taken]] = field(default_factory=dict)
    """How far the mailbox was read, as said on each connection."""
    _standing_by: set[int] = field(default_factory=set)
    """Connections on which we said that they stand by."""
    _anew: set[int] = field(default_factory=set)
    """Connections on which we said that we sign in anew."""

    @property
    def ticket(self) -> Ticket | None:
        """The newest one, for the next connection."""
        return self._ticket

    def proceed(self, effects: list[Effect], *, now: Moment) -> list[Effect]:
        """Put the ticket into each attempt that goes on."""
        greeted: list[Effect] = []
        for effect in effects:
            resume = self._resume(effect.line, now) if isinstance(effect, Proceed) else None
            if resume is not None and isinstance(effect, Proceed):
                self._shown.add(effect.line)
                greeted += [Save(self.machines.relay_met()), Proceed(effect.line, resume)]
            else:
                greeted.append(effect)
        return greeted

    def opened(self, line: int) -> None:
        """A connection stands, and nothing was said yet."""
        self._phases[line] = Phase.RESUMING if line in self._shown else Phase.STRANGERS

    def hears(self, line: int) -> bool:
        """Whether anything said on this connection counts: it is open, and was not given up."""
        return line in self._phases

    def follow(self, line: int, frame: RelayFrame) -> None:
        """Follow the conversation. Raises `PeerError` if the relay may not say this now."""
        self._phases[line] = after_relay(self._phases[line], frame)

    def ended(self, line: int) -> None:
        """A connection is over, or given up."""
        self._phases.pop(line, None)
        self._shown.discard(line)
        self._standing_by.discard(line)
        self._anew.discard(line)
        self._said.pop(line, None)
        self._said_taken.pop(line, None)

    def challenged(self, line: int, challenge: Challenge) -> list[Effect]:
        """Answer the relay's challenge; a ticket that was shown has not been taken."""
        machines = self.machines
        if line in self._shown:
            self._ticket = None
        signature = answer_challenge(machines.sessions.keys, nonce=challenge.nonce, relay=challenge.relay)
        machines.life += 1
        self._phases[line] = Phase.CLAIMED
        device, taken, life = machines.own.device, machines.inbox.taken, machines.life
        self._said[line], self._said_taken[line] = life, taken
        anew = machines.lease.step is Step.SIGN_IN
        if anew:
            self._anew.add(line)
        hello = Hello(WIRE_VERSION, device, signature, taken, life, self._stands_by(line), anew)
        return [Save(machines.relay_met()), Transmit(hello, line)]

    def welcomed(self, line: int, welcome: Welcome, *, now: Moment) -> None:
        """Keep the ticket for the next connection."""
        self._ticket = welcome.ticket
        self._shown.discard(line)
        self._ends_s = now.now_s + welcome.ticket.lasts_s if welcome.ticket else 0.0

    def forget_ticket(self) -> None:
        """The next connection is signed for."""
        self._ticket = None

    def signed_anew(self, line: int) -> bool:
        """Whether the relay was told on this connection that what it gave before is void."""
        return line in self._anew

    def said_life(self, line: int) -> int:
        """The life that was said on this connection."""
        return self._said.get(line, self.machines.life)

    def said_taken(self, line: int) -> list[Taken]:
        """How far the mailbox was read, as it was said on that connection."""
        return self._said_taken.get(line, self.machines.inbox.taken)

    def said_standby(self, line: int) -> bool:
        """Whether the relay was told that this connection stands by; its path may be the one in use by now."""
        return line in self._standing_by

    # ---- private

    def _stands_by(self, line: int) -> bool:
        path = self.machines.paths.of(line)
        stands_by = path is not None and path.is_standby
        (self._standing_by.add if stands_by else self._standing_by.discard)(line)
        return stands_by

    def _resume(self, line: int, now: Moment) -> Resume | None:
        machines, ticket, relay_ms = self.machines, self._ticket, self.machines.clock.relay_ms(now)
        if (
            machines.lease.step is Step.SIGN_IN
            or ticket is None
            or relay_ms is None
            or relay_ms < 0
            or now.now_s >= self._ends_s
        ):
            return None
        machines.life += 1
        device, taken, life = machines.own.device, machines.inbox.taken, machines.life
        self._said[line], self._said_taken[line] = life, taken
        resume = Resume(WIRE_VERSION, device, ticket.name, relay_ms, taken, life, b"", self._stands_by(line))
        return proven(resume, secret=ticket.secret)
