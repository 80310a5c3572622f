"""Says urgent mail that has no answer a second time, on the connection that stands by.

`network/hedging` decides when; here its envelopes are found again, byte for byte, so that the relay knows them.
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

    def again(self, *, now: Moment) -> list[Effect]:
        """Say again what has waited too long for its answer."""
        machines, line = self.machines, self._line
        if line is None:
            return []
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
        at_s = hedging.wake_at_s(late_s(self.machines.path.estimate), has_other=True)
        return None if at_s is None else Wake(at_s, Reason.ANSWER_DUE)

    @property
    def _line(self) -> int | None:
        standby = self.machines.paths.standby
        return standby.line if standby is not None and standby.works else None
