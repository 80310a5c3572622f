"""Says urgent mail that has no answer a second time, on the connection that stands by, and doubts a silent one early.

`network/hedging` decides when; here its envelopes are found again, byte for byte, so that the relay knows them. A
connection that brought mail steadily and falls silent is asked with a ping: an empty mailbox is silent too. If that has
no answer either, mail moves to the one that stands by, long before a silence would be noticed where there is none.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from answerback.core.effects import Effect, Moment, Reason, Transmit, Wake
from answerback.core.machines import Machines
from answerback.core.network.hedging import late_s
from answerback.model.envelope import Envelope
from answerback.model.message import Lane
from answerback.wire.frames import Acceptance, Refusal, Submit

LIFETIME_S_MIN = 60
"""As for what is said once."""


@dataclass(slots=True)
class Hedger:
    """The composer of what is said twice."""

    machines: Machines
    _asked_s: float | None = None
    """When the connection in use was asked for its silence, and has not spoken since."""

    def watch(self, effects: list[Effect], *, now: Moment) -> list[Effect]:
        """These leave on the connection in use: note what is urgent among them."""
        for effect in effects:
            if isinstance(effect, Transmit) and isinstance(effect.frame, Submit):
                for envelope in effect.frame.envelopes:
                    if envelope.lane is Lane.URGENT:
                        self.machines.hedging.sent(envelope.id, len(envelope.sealed), now_s=now.now_s)
        return effects

    def answered(self, line: int, entries: Iterable[Acceptance | Refusal], *, now: Moment) -> bool:
        """The relay has answered these: true if it did so on the connection that stands by."""
        is_other = line != self.machines.path.line
        for entry in entries:
            self.machines.hedging.answered(entry.id, on_other=is_other, now_s=now.now_s)
        return is_other

    def heard(self, *, now: Moment) -> None:
        """The connection in use speaks."""
        self._asked_s = None
        self.machines.paths.is_silent = False
        self.machines.hedging.heard(now_s=now.now_s)

    def chunks_answered(self, *, now: Moment) -> list[Effect]:
        """So does the relay that takes a file of ours."""
        self.machines.hedging.heard(now_s=now.now_s)
        return []

    def again(self, *, now: Moment) -> list[Effect]:
        """Say again what has waited too long for its answer."""
        machines, line = self.machines, self._line
        if line is None:
            return []
        if machines.flight.flying_bytes <= machines.hedging.flying_bytes:
            machines.hedging.idle()
        return self._said_again(line, now)

    def ask(self, *, now: Moment) -> list[Effect]:
        """Ask a connection that has fallen silent whether it lives, where another one stands by."""
        machines, due_s = self.machines, self._doubt_at_s
        if self._line is None or due_s is None or now.now_s < due_s:
            return []
        if self._asked_s is None and not machines.path.is_doubted:
            self._asked_s = now.now_s
            return machines.path.ask(now_s=now.now_s)
        machines.paths.is_silent = True
        return []

    @property
    def _doubt_at_s(self) -> float | None:
        """When to ask, or to believe that no answer comes."""
        path, standby = self.machines.path, self.machines.paths.standby
        if self.machines.paths.is_silent:
            return None
        if path.is_doubted:  # for some other reason, and both were asked: who answers is believed
            return None if standby is None or standby.is_doubted else path.doubt_due_s
        if self._asked_s is not None:
            return self._asked_s + late_s(path.estimate)
        return self.machines.hedging.doubt_at_s

    def _said_again(self, line: int, now: Moment) -> list[Effect]:
        machines = self.machines
        due = machines.hedging.due(late_s(machines.path.estimate), has_other=True, now_s=now.now_s)
        envelopes: list[Envelope] = []
        for identity in due:
            copy = machines.outbox.copy_of(identity)
            promise = machines.outbox.promise(copy.message) if copy is not None else None
            if copy is None or promise is None or copy.sealed is None:
                continue
            left_s = (promise.letter.expires_ms - machines.clock.stamp_ms(now)) // 1000
            lifetime_s = max(LIFETIME_S_MIN, left_s)
            envelopes.append(Envelope(identity, copy.device, copy.lane, lifetime_s, copy.sealed))
        return [Transmit(Submit(envelopes, machines.life), line)] if envelopes else []

    @property
    def wake_at(self) -> Wake | None:
        """When something has waited too long."""
        if self._line is None:
            return None
        hedging = self.machines.hedging
        late_at_s = hedging.wake_at_s(late_s(self.machines.path.estimate), has_other=True)
        moments = [at_s for at_s in (late_at_s, self._doubt_at_s) if at_s is not None]
        return Wake(min(moments), Reason.ANSWER_DUE) if moments else None

    @property
    def _line(self) -> int | None:
        standby = self.machines.paths.standby
        return standby.line if standby is not None and standby.works else None
