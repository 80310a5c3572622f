"""What the relay says of our mail: accepted, refused, or where it is.

The relay's word moves a copy no further than `ACCEPTED`; whether it can be believed later is another matter. What it
accepted in an earlier run, or long ago, is asked about, and what it no longer holds is sent again.
"""

from dataclasses import dataclass

from answerback.core.catchup import RENEW_AFTER_INQUIRIES, RESEAL_AFTER_INQUIRIES, answer_due_s
from answerback.core.departure import Departure
from answerback.core.effects import Effect, Moment, Save, Transmit
from answerback.core.healing import Healed
from answerback.core.lanes import Hold
from answerback.core.machines import Machines
from answerback.core.network.recovery import TOLD_S_MAX
from answerback.core.outbox import Copy
from answerback.model.causes import Cause, cause_of
from answerback.model.timeline import Stage
from answerback.wire.frames import Accepted, Located, Refused

GONE_AGAIN_S = 15.0
"""Refused because its device is gone: looked at again this soon, if the newer device list has not come first."""


@dataclass(slots=True)
class Confirmation:
    """The composer of everything the relay says of our mail."""

    machines: Machines
    departure: Departure

    def accepted(self, frame: Accepted, *, is_other: bool = False, now: Moment) -> list[Effect]:
        """These copies are on the relay's disk; with `is_other`, it was said on the connection that stands by."""
        machines = self.machines
        effects: list[Effect] = []
        window_full = machines.flight.flying_bytes * 2 >= machines.flight.window_bytes
        byte_count, first_sent_s = 0, now.now_s
        for entry in frame.entries:
            copy = machines.outbox.copy_of(entry.id)
            if copy is not None and copy.sent_s is not None:
                byte_count += len(copy.sealed or b"")
                first_sent_s = min(first_sent_s, copy.sent_s)
            if copy is not None and entry.list_version > machines.roster.version(copy.account):
                effects += self.departure.list_named(copy.account, entry.list_version)
            effects += machines.outbox.accepted(entry.id, away_s=entry.away_s, boot=machines.boot, now=now)
        if byte_count and not is_other:
            took_s = now.now_s - first_sent_s
            machines.path.estimate.confirmed(byte_count, took_s, is_full=window_full)
            machines.path.measured(took_s, now_s=now.now_s, is_loaded=window_full)
        return effects

    def refused(self, frame: Refused, *, now: Moment) -> list[Effect]:
        """These copies were not kept, for a cause and perhaps for a time."""
        machines = self.machines
        effects: list[Effect] = []
        for entry in frame.entries:
            cause = cause_of(entry.cause)
            copy = machines.outbox.copy_of(entry.id)
            if copy is None:
                continue
            retry_at_s = None
            if entry.retry_after_ms >= 0:
                retry_at_s = now.now_s + min(entry.retry_after_ms / 1000, TOLD_S_MAX)
            if cause is Cause.RECIPIENT_DEVICE_GONE:
                effects += self.departure.want_list(copy.account)
                retry_at_s = now.now_s + GONE_AGAIN_S
            effects += machines.outbox.refused(entry.id, cause, retry_at_s=retry_at_s, now=now)
            if retry_at_s is not None:
                machines.lanes.hold(copy.device, copy.lane, Hold(cause, retry_at_s))
                self.departure.queue(copy)
        return effects

    def located(self, frame: Located, *, now: Moment) -> list[Effect]:
        """Where the copies are that we asked about."""
        machines = self.machines
        if not machines.catchup.waiting:
            return []  # not asked: a relay could have the same message sealed and sent again as often as it likes
        machines.catchup.located()
        effects: list[Effect] = []
        for entry in frame.entries:
            copy = machines.outbox.copy_of(entry.id)
            if copy is None or copy.stage is not Stage.ACCEPTED:
                continue
            machines.catchup.resolved(copy.key)
            copy.inquiries += 1
            is_missed, copy.missed = copy.missed, False
            copy.boot = machines.boot
            copy.accepted_s = now.now_s if copy.accepted_s is None else copy.accepted_s
            copy.cause = Cause.RECIPIENT_DEVICE_AWAY if entry.away_s else None
            if entry.taken and copy.inquiries == 1:
                # It may be sealed to a key its device has lost: what is sealed anew is sealed to today's.
                effects += self.departure.want_list(copy.account)
            if entry.held:
                effects.append(Save(copy.fact()))
            elif not entry.taken or is_missed or copy.inquiries >= RESEAL_AFTER_INQUIRIES:
                copy.cause = None if entry.taken else Cause.RELAY_LOST_IT
                kind = Healed.RECEIPT if entry.taken else Healed.LOST_MAIL
                renew = copy.inquiries >= RENEW_AFTER_INQUIRIES
                if renew:
                    effects += self.departure.want_list(copy.account)
                    machines.sessions.renew(copy.device, copy.lane, now=now)
                effects += self.departure.again(copy, reseal=entry.taken or renew)
                if not (entry.taken and is_missed):  # that was counted as a gap when its device called
                    effects += machines.healing.of_copy(kind, copy, now=now)
        return effects

    def doubt_earlier_runs(self, *, now: Moment) -> None:
        """A connection begins: what another run of the relay accepted is in doubt."""
        machines = self.machines
        doubtful = []
        for copy in self._accepted_copies():
            if copy.boot != machines.boot:
                doubtful.append(copy)
            elif copy.accepted_s is None:
                copy.accepted_s = now.now_s
        machines.catchup.doubt(doubtful)

    def _accepted_copies(self) -> list[Copy]:
        return [
            copy
            for promise in self.machines.outbox
            if promise.letter.answered
            for copy in promise.copies.values()
            if copy.stage is Stage.ACCEPTED
        ]

    def _doubted(self) -> list[Copy]:
        outbox = self.machines.outbox
        found = (outbox.copy(key) for key in self.machines.catchup.doubted)
        return [copy for copy in found if copy is not None and copy.stage is Stage.ACCEPTED]

    def doubt_overdue(self, *, now: Moment) -> None:
        """What was accepted long ago and not answered is in doubt."""
        due = [copy for copy in self._accepted_copies() if (answer_due_s(copy) or now.now_s + 1) <= now.now_s]
        self.machines.catchup.doubt(due)

    def inquire(self) -> list[Effect]:
        """Ask about the next page of what is in doubt."""
        if self.machines.catchup.waiting:
            return []
        page = self.machines.catchup.page({copy.key: copy for copy in self._doubted()})
        return [Transmit(page)] if page is not None else []
