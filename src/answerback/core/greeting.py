"""Says who this device is: with a ticket in the request for the connection, or by signing the relay's challenge.

Theory. A ticket spares a round trip, and is kept in memory only: a copy of this device's disk has none, so whoever
starts from an older copy signs a challenge and is found out (`rollback`). With a ticket as without one `life` grows and
is on the disk before it is said. That is a write, so a ticket is shown only where something makes success likely, and
not in every attempt of the timetable while nobody answers.
"""

from dataclasses import dataclass

from answerback.core.effects import Connect, Effect, Moment, Reason, Save, Transmit
from answerback.core.machines import Machines
from answerback.crypto.identity import answer_challenge
from answerback.crypto.resumption import proven
from answerback.wire.connection import Phase
from answerback.wire.frames import WIRE_VERSION, Challenge, Hello, Resume, Ticket, Welcome

BLIND = frozenset({Reason.CONNECT_CADENCE})
"""Reasons that say nothing about whether anybody will answer."""


@dataclass(slots=True)
class Greeting:
    """The first words of each connection."""

    machines: Machines
    _ticket: Ticket | None = None
    _ends_s: float = 0.0
    _shows: bool = False

    @property
    def phase(self) -> Phase:
        """Where a connection stands that has just been opened."""
        return Phase.RESUMING if self._shows else Phase.STRANGERS

    def attempt(self, effects: list[Effect], *, now: Moment) -> list[Effect]:
        """Put the ticket into an attempt to connect, if these effects ask for one."""
        attempts = [effect for effect in effects if isinstance(effect, Connect)]
        if not attempts:
            return effects
        (attempt,) = attempts
        resume = None if attempt.reason in BLIND else self._resume(now)
        self._shows = resume is not None
        if resume is None:
            return effects
        others = [effect for effect in effects if effect is not attempt]
        return [*others, Save(self.machines.relay_met()), Connect(attempt.reason, resume)]

    def challenged(self, challenge: Challenge) -> list[Effect]:
        """Answer the relay's challenge; a ticket that was shown has not been taken."""
        machines = self.machines
        if self._shows:
            self._ticket = None
        signature = answer_challenge(machines.sessions.keys, nonce=challenge.nonce, relay=challenge.relay)
        machines.life += 1
        hello = Hello(WIRE_VERSION, machines.own.device, signature, machines.inbox.taken, machines.life)
        return [Save(machines.relay_met()), Transmit(hello)]

    def welcomed(self, welcome: Welcome, *, now: Moment) -> None:
        """Keep the ticket for the next connection."""
        self._ticket, self._shows = welcome.ticket, False
        self._ends_s = now.now_s + welcome.ticket.lasts_s if welcome.ticket else 0.0

    def _resume(self, now: Moment) -> Resume | None:
        machines, ticket, relay_ms = self.machines, self._ticket, self.machines.clock.relay_ms(now)
        if ticket is None or relay_ms is None or relay_ms < 0 or now.now_s >= self._ends_s:
            return None
        machines.life += 1
        device, taken, life = machines.own.device, machines.inbox.taken, machines.life
        return proven(Resume(WIRE_VERSION, device, ticket.name, relay_ms, taken, life, b""), secret=ticket.secret)
