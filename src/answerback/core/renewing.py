"""Signs this device out and in again: new connection, new keys, new sessions, its device list announced once more.

The composer of `lease`, keys and connections. Nothing is taken away before its replacement is where others find it: the
secrets of earlier keys stay for what is still on its way (`registration`), and sessions that are no longer sealed with
go on opening (`sessions`). So whatever is queued here, waits at the relay or is under way arrives, whenever this is
interrupted.
"""

from dataclasses import dataclass

from answerback.core.departure import Departure
from answerback.core.effects import Close, Effect, Moment, Save, Tell, Transmit, Warned
from answerback.core.healing import Healed
from answerback.core.machines import Machines
from answerback.core.questions import WantKeysPublished, WantListAnnounced
from answerback.core.reaching import Reaching
from answerback.core.waking import Reason, Wake
from answerback.model.causes import Cause, cause_of
from answerback.model.registration import Standing, Step
from answerback.wire.frames import Announce, Announced, Farewell, Welcome


@dataclass(slots=True)
class Renewing:
    """The composer of this device's registration."""

    machines: Machines
    departure: Departure
    reaching: Reaching
    _wake: Wake | None = None

    def ask(self, *, gentle: bool, now: Moment) -> list[Effect]:
        """Make the registration anew; `gentle`: keys and sessions stay as they are."""
        machines = self.machines
        effects: list[Effect] = [Save(machines.lease.ask(gentle=gentle, wall_ms=now.wall_ms))]
        if not machines.lease.kept.gentle:
            effects += [Save(fact) for fact in machines.sessions.retire_all()]
        return [*effects, *self._sign_out(now)]

    def welcomed(self, line: int, welcome: Welcome, *, now: Moment) -> list[Effect]:
        """The relay let this device in: the lease is renewed, and what was interrupted goes on."""
        machines = self.machines
        kept = machines.lease.welcomed(
            relay_ms=welcome.clock_ms, length_s=welcome.lease_s, lapsed_ms=welcome.lapsed_ms, wall_ms=now.wall_ms
        )
        effects: list[Effect] = [Save(kept)]
        if welcome.lapsed_ms:  # its keys are gone from the relay, and are made anew by themselves
            machines.healing.count(Healed.KEYS)
            effects.append(Tell(Warned(Cause.ACCOUNT_REGISTRATION_EXPIRED)))
        if machines.lease.step is Step.SIGN_IN:
            if not self.reaching.greeting.signed_anew(line):  # it was begun before this was asked for
                return [*effects, *self._sign_out(now)]
            effects.append(Save(machines.lease.advance(wall_ms=now.wall_ms)))
        if machines.lease.step is Step.KEYS:
            machines.registration.begin_anew(fallback=False)
        return effects

    def farewelled(self, farewell: Farewell, *, now: Moment) -> list[Effect]:
        """The relay may have said that it does not know this device, or that it was removed."""
        kept = self.machines.lease.refused(cause_of(farewell.cause), wall_ms=now.wall_ms)
        return [Save(kept)] if kept is not None else []

    def published(self, *, now: Moment) -> list[Effect]:
        """The relay has keys on its disk: those that were wanted, if none are due any more."""
        machines = self.machines
        if machines.lease.step is not Step.KEYS or machines.registration.is_anew:
            return []
        return [Save(machines.lease.advance(wall_ms=now.wall_ms)), *self.go_on()]

    def announced(self, frame: Announced, *, is_newest: bool, now: Moment) -> list[Effect]:
        """The relay has said what its newest device list of this account is."""
        machines = self.machines
        # Of a list that it does not take the relay has another: that is looked into whether this is done or not.
        is_settled = not frame.cause or cause_of(frame.cause).layer == "trust"
        if machines.lease.step is not Step.LISTS or not (is_newest and is_settled):
            return []
        return [Save(machines.lease.advance(wall_ms=now.wall_ms))]

    def go_on(self) -> list[Effect]:
        """Announce the newest list, if that is the step; while there is no connection it waits."""
        machines = self.machines
        newest = machines.registration.lists.get(machines.registration.lists_upto)
        if machines.lease.step is not Step.LISTS or newest is None:
            return []
        asked = machines.questions.ask(WantListAnnounced(newest), Announce(machines.questions.number(), newest))
        return [Transmit(asked)] if asked is not None and machines.path.up else []

    # ---- time and questions

    def look(self, *, now: Moment) -> list[Effect]:
        """Tell a person before this registration ends for want of contact, and when it has."""
        machines, self._wake = self.machines, None
        if machines.path.up:
            return []
        relay_ms = machines.clock.stamp_ms(now)
        cause = machines.lease.turned(relay_ms=relay_ms)
        turns_ms = machines.lease.turns_ms(relay_ms=relay_ms)
        if turns_ms is not None:
            self._wake = Wake(now.now_s + (turns_ms - relay_ms) / 1000, Reason.LEASE)
        return [Tell(Warned(cause))] if cause is not None else []

    @property
    def wake_at(self) -> Wake | None:
        """When that is next to be looked at."""
        return self._wake

    def standing(self, *, now: Moment) -> Standing:
        """How this device stands with its relay."""
        machines = self.machines
        relay_ms = machines.clock.stamp_ms(now)
        due = machines.registration.due(machines.sessions, relay_ms=relay_ms)
        keys_due = machines.path.up and (due or WantKeysPublished() in machines.questions)
        return machines.lease.standing(relay_ms=relay_ms, connected=machines.path.up, keys_due=keys_due)

    @property
    def is_done(self) -> bool:
        """Whether nothing that was asked for is under way."""
        return self.machines.lease.step is Step.NONE

    # ---- private

    def _sign_out(self, now: Moment) -> list[Effect]:
        """Give up every connection, and forget what the relay gave this device to come back with."""
        self.reaching.greeting.forget_ticket()
        effects: list[Effect] = []
        for path in list(self.machines.paths.active()):
            if path.line is not None:
                line = path.line
                effects += [Close(line), *self.reaching.lost(line, Cause.NETWORK_CONNECTION_LOST, now=now)]
        return effects
