"""Lets go of the connection where none may be held: in the background of some platforms, and when a person says so.

Theory. A connection that the system will cut anyway costs its radio for nothing. When nothing more is owed either way,
the relay is told with a last small word, so that it wakes this device by push instead of talking to nobody; a moment
later the connection is closed. It is begun again when there is something to say, when somebody looks, or when the relay
calls. A person who chose to be offline is obeyed at once, and whatever waits, waits. The surprising rule: a device that
merely has no network does not rest; it goes on looking for one.

A device that was removed from its account rests: what it would say at the door is known. It tries once more when it
is started, when a person acts here, and once in a day, for a relay may have said so by mistake; no oftener.
"""

from dataclasses import dataclass

from answerback.core.adapting import SILENT_MODE, Adapting
from answerback.core.effects import Effect, Moment, Reason, Transmit, Wake
from answerback.core.machines import Machines
from answerback.core.network.modes import NO_BOUND, Mode, Why
from answerback.model.causes import Cause
from answerback.wire.frames import Pace

ENDED_S = 86_400.0
"""How long a device believes that it was removed: a relay that lied, or was restored, must not end it for good."""
BYE_S = 1.0
"""Between the last word and the end of the connection: it has left by then, on all but the slowest links."""


@dataclass(slots=True)
class Resting:
    """The composer of having no connection on purpose."""

    machines: Machines
    adapting: Adapting
    is_resting: bool = False
    _bye_s: float | None = None
    _ended_s: float = 0.0
    """When the relay last said that this device was removed."""

    @property
    def _is_offline(self) -> bool:
        posture = self.adapting.posture
        return (posture.mode, posture.why) == (Mode.OFFLINE, Why.CHOSEN)

    @property
    def _may_rest(self) -> bool:
        sync = self.adapting.sync
        is_poor = self.adapting.posture.why in (Why.NO_NETWORK, Why.SIGN_IN_NEEDED)
        return self._is_offline or (sync is not None and not sync.holds_connection and not is_poor)

    @property
    def _has_work(self) -> bool:
        machines = self.machines
        if self._is_offline:
            return False
        is_asking = machines.questions.waiting or machines.catchup.waiting
        return bool(len(machines.lanes) or machines.outbox.flying_bytes or is_asking or machines.path.is_doubted)

    def stir(self, *, now: Moment) -> None:
        """Somebody looks, or the relay calls: connect, unless a person chose to be offline."""
        if self.is_resting and not self._is_offline:
            if self.machines.registration.ended is Cause.DEVICE_RESTORED:
                return  # it may say nothing more as the device it was
            self.machines.registration.ended = None
            self._go_on(now)

    def look(self, *, now: Moment) -> list[Effect]:
        """Let go, or connect again."""
        ended = self.machines.registration.ended
        if ended is not None:
            if not self.is_resting:
                self._ended_s = now.now_s
                return self._rest(ended, now)
            if ended is Cause.DEVICE_RESTORED or now.now_s < self._ended_s + ENDED_S:
                return []
            self.machines.registration.ended = None
            self._go_on(now)
            return []
        if not self._may_rest or self._has_work:
            self._bye_s = None
            if self.is_resting:
                self._go_on(now)
            return []
        due_s = self._due_s
        if self.is_resting or due_s is None or now.now_s < due_s:
            return []
        path = self.machines.path
        if path.up and self._bye_s is None:
            self._bye_s = now.now_s
            sync = self.adapting.sync
            return [Transmit(Pace(SILENT_MODE, sync.catch_up_bytes if sync is not None else NO_BOUND))]
        return self._rest(Cause.DEVICE_RESTS, now)

    @property
    def wake_at(self) -> Wake | None:
        """When the connection has been quiet for long enough."""
        if self.is_resting and self.machines.registration.ended is Cause.ACCOUNT_DEVICE_REVOKED:
            return Wake(self._ended_s + ENDED_S, Reason.TURN)
        if self.is_resting or not self._may_rest or self._has_work:
            return None
        due_s = self._due_s
        return None if due_s is None else Wake(due_s, Reason.TURN)

    @property
    def _due_s(self) -> float | None:
        path, sync = self.machines.path, self.adapting.sync
        if self._bye_s is not None:
            return self._bye_s + BYE_S
        if self._is_offline:
            return 0.0
        if not path.up or sync is None:
            return None  # it is being begun, for a reason
        return path.silence.heard_s + sync.lingers_s

    def _rest(self, cause: Cause, now: Moment) -> list[Effect]:
        self.is_resting, self._bye_s = True, None
        effects: list[Effect] = []
        for each in list(self.machines.paths.active()):
            effects += each.rest(now_s=now.now_s, cause=cause)
        return effects

    def _go_on(self, now: Moment) -> None:
        self.is_resting = False
        self.machines.path.start(now_s=now.now_s)
