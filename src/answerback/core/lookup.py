"""Learns accounts, devices and keys from what the relay answers, and publishes this device's own.

Nothing is believed unchecked: lists are signed by their account's root, keys by their device, and what does not check
is said, never used.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from answerback.core.arrival import Arrival
from answerback.core.departure import Departure
from answerback.core.effects import Answered, Effect, Moment, Save, Tell, Transmit, Warned
from answerback.core.facts import KeepOwnList
from answerback.core.lanes import Hold
from answerback.core.machines import Machines
from answerback.core.questions import Answer, WantAccount, WantKeysPublished, WantList, WantListAnnounced, WantPreKey
from answerback.core.rollback import Rollback
from answerback.core.roster import Learned
from answerback.crypto.identity import read_device_list
from answerback.crypto.prekeys import check_prekey
from answerback.model.causes import Cause, cause_of
from answerback.model.devices import Signed
from answerback.model.errors import TrustError
from answerback.model.message import Lane
from answerback.wire.frames import Announce, Announced, Claimed, ClientFrame, HandleNotice, Listed, Published, Resolved
from answerback.wire.log_frames import Disclosed, Followed, Reminded

DEVICE_LIST = "device list"
"""What `Answered` answers when it is about our own new device list."""

FORGED_AGAIN_S = 60.0
"""A relay that handed out a key its device never signed may be asked again, but no oftener than a person can notice."""


@dataclass(slots=True)
class Lookup:
    """The composer of questions about accounts and keys, and their answers."""

    machines: Machines
    departure: Departure
    arrival: Arrival
    rollback: Rollback

    def answered(self, frame: Answer, *, now: Moment) -> list[Effect]:
        """Route what answers a question."""
        match frame:
            case Listed():
                return self.listed(frame, now=now)
            case Resolved():
                return self.resolved(frame, now=now)
            case Claimed():
                return self.claimed(frame, now=now)
            case Published():
                return self.published(frame)
            case Announced():
                return self.announced(frame, now=now)
            case Followed():
                return self.arrival.witnessing.followed(frame, now=now)
            case Disclosed():
                return self.arrival.witnessing.disclosed(frame, now=now)
            case Reminded():
                return self.arrival.witnessing.reminded(frame, now=now)

    def announce(self, signed: Signed) -> list[Effect]:
        """Make a device list, signed by our root, the account's newest."""
        frame = Announce(self.machines.questions.number(), signed)
        return self._ask(self.machines.questions.ask(WantListAnnounced(signed), frame))

    def listed(self, frame: Listed, *, now: Moment) -> list[Effect]:
        """An account's device lists and seal keys have come."""
        machines = self.machines
        if not isinstance(machines.questions.answered(frame.request), WantList):
            return []
        is_proven, effects = self.arrival.witnessing.may_use_lists(frame, now=now)
        if not is_proven:
            return effects
        heard_version, known_version = (
            machines.roster.heard_version(frame.account),
            machines.roster.version(frame.account),
        )
        old_root = machines.roster.root_key(frame.account)
        before = {device.id: machines.roster.seal_key(device.id) for device in machines.roster.devices(frame.account)}
        learned = machines.roster.learn(frame.account, frame.lists, frame.seal_keys)
        effects += [Save(fact) for fact in learned.facts]
        if learned.trouble is not None:
            effects.append(Tell(Warned(Cause.TRUST_SIGNATURE_WRONG, frame.account)))
        if heard_version > machines.roster.version(frame.account):
            effects += self.arrival.witnessing.withheld(frame.account, heard_version, now=now)
        effects += self.arrival.trusting.listed(frame.account, learned, old_root=old_root, now=now)
        for device in machines.roster.devices(frame.account):
            for lane in Lane:
                hold = machines.lanes.held(device.id, lane)
                # Only what waited for this news: what the relay refused for a time is not asked before its time.
                fresh = machines.roster.seal_key(device.id) != before.get(device.id)
                if hold is not None and hold.cause is Cause.RECIPIENT_NO_KEYS and fresh:
                    machines.lanes.release(device.id, lane)
        effects += self._changed(learned)
        if frame.account == machines.own.account:
            effects += self.rollback.learn(self._own_lists(frame.lists))
        if machines.roster.knows(frame.account):  # else its letters would ask again at once, in a circle
            was_stale = known_version < min(heard_version, machines.roster.version(frame.account))
            effects += self.departure.readdress(frame.account, was_stale=was_stale, now=now)
        return [*effects, *self.arrival.look_again(frame.account, now=now)]

    def resolved(self, frame: Resolved, *, now: Moment) -> list[Effect]:
        """Whose a handle is has been answered."""
        question = self.machines.questions.answered(frame.request)
        if not isinstance(question, WantAccount) or question.handle != frame.handle:
            return []
        is_proven, effects = self.arrival.witnessing.may_use_account(frame, now=now)
        if not is_proven and not self.arrival.witnessing.is_asked_again(frame.handle):
            return [*effects, Tell(Answered(frame.handle, None, Cause.TRUST_HANDLE_NOT_LOGGED))]
        if not is_proven:
            return effects
        self.departure.book.checked(frame.handle, now_ms=self.machines.clock.stamp_ms(now))
        if frame.account:
            effects += self.arrival.trusting.resolved(frame.handle, frame.account, now=now)
        # A relay that knows nobody by a handle takes no contact away: it may have lost its store.
        account = self.departure.contacts.get(frame.handle)
        cause = Cause.RECIPIENT_HANDLE_UNKNOWN if account is None else None
        effects.append(Tell(Answered(frame.handle, frame.account or account, cause)))
        for draft in [draft for draft in self.departure.drafts.values() if frame.handle in draft.handles]:
            if account is not None:
                effects += self.departure.draft(draft, now=now)
            else:
                effects += self.departure.draft_failed(draft, Cause.RECIPIENT_HANDLE_UNKNOWN, now=now)
        return effects

    def of_handle(self, frame: Resolved | HandleNotice, *, now: Moment) -> list[Effect]:
        """The relay says something of a handle: of somebody's that was asked about, or of ours."""
        return self.resolved(frame, now=now) if isinstance(frame, Resolved) else self.noticed(frame)

    def noticed(self, frame: HandleNotice) -> list[Effect]:
        """The relay says what became of a handle of ours."""
        return self.arrival.trusting.noticed(frame)

    def claimed(self, frame: Claimed, *, now: Moment) -> list[Effect]:
        """A pre-key has come, or none is left."""
        machines = self.machines
        question = machines.questions.answered(frame.request)
        if not isinstance(question, WantPreKey) or question.device != frame.device:
            return []
        device = machines.roster.device(question.device)
        if device is None:
            return []
        if frame.prekey is None:
            hold = Hold(Cause.RECIPIENT_NO_KEYS, self.departure.absent_until_s(device.id, now=now))
            machines.lanes.hold(device.id, question.lane, hold)
            account = machines.roster.account_of(device.id)
            # No keys may mean no device any more: its account's newest list says so.
            return self.departure.want_list(account) if account is not None else []
        try:
            prekey = check_prekey(frame.prekey, device)
            facts = machines.sessions.begin(device, question.lane, prekey, now=now)
        except TrustError:
            machines.lanes.hold(device.id, question.lane, Hold(Cause.TRUST_SIGNATURE_WRONG, now.now_s + FORGED_AGAIN_S))
            return [Tell(Warned(Cause.TRUST_SIGNATURE_WRONG, machines.roster.account_of(device.id)))]
        machines.lanes.release(device.id, question.lane)
        return [Save(fact) for fact in facts]

    def published(self, frame: Published) -> list[Effect]:
        """The relay has our new keys on its disk."""
        machines = self.machines
        if not isinstance(machines.questions.answered(frame.request), WantKeysPublished):
            return []
        sessions = machines.sessions
        facts = machines.registration.published(
            sessions, prekeys_left=frame.prekeys_left, pickle_key=sessions.pickle_key
        )
        return [Save(fact) for fact in facts]

    def announced(self, frame: Announced, *, now: Moment) -> list[Effect]:
        """The relay has taken our new device list, or not."""
        machines = self.machines
        question = machines.questions.answered(frame.request)
        if not isinstance(question, WantListAnnounced):
            return []
        cause = cause_of(frame.cause) if frame.cause else None
        if question.list in machines.registration.lists.values():  # said again, to a relay that had lost it
            return self.rollback.of_lists(frame.version) if cause in (None, Cause.TRUST_KEYS_CHANGED) else []
        effects: list[Effect] = [Tell(Answered(DEVICE_LIST, machines.own.account, cause))]
        if cause is None:
            old_root = machines.roster.root_key(machines.own.account)
            learned = machines.roster.learn(machines.own.account, [question.list], [])
            effects += [Save(fact) for fact in learned.facts]
            trusting, own = self.arrival.trusting, machines.own.account
            effects += trusting.listed(own, learned, old_root=old_root, is_made_here=True, now=now)
            effects += self._changed(learned)
            effects += self.rollback.learn(self._own_lists([question.list]))
            effects += self.departure.readdress(machines.own.account, now=now)
        return [*effects, *self.departure.want_list(machines.own.account)]

    def asks_newest(self, frame: Announced) -> bool:
        """Whether this answers the announcement of the newest list that is known here."""
        machines = self.machines
        question = machines.questions.find(frame.request)
        newest = machines.registration.lists.get(machines.registration.lists_upto)
        return isinstance(question, WantListAnnounced) and question.list == newest

    def upkeep(self, *, relay_ms: int) -> list[Effect]:
        """Publish fresh keys if some are due."""
        machines = self.machines
        sessions = machines.sessions
        self.arrival.keys_are_due = False
        want = WantKeysPublished()
        if want in machines.questions or not machines.registration.due(sessions, relay_ms=relay_ms):
            return []
        frame, facts = machines.registration.publication(
            sessions, number=machines.questions.number(), relay_ms=relay_ms, pickle_key=sessions.pickle_key
        )
        return [*(Save(fact) for fact in facts), *self._ask(machines.questions.ask(want, frame))]

    def _changed(self, learned: Learned) -> list[Effect]:
        """An account has another list than before: what was agreed with devices that are gone goes with them."""
        effects: list[Effect] = []
        for device in learned.gone:
            effects += [Save(fact) for fact in self.machines.sessions.forget(device)]
        return effects

    def _own_lists(self, lists: Sequence[Signed]) -> list[KeepOwnList]:
        account = self.machines.own.account
        kept: list[KeepOwnList] = []
        for signed in lists:
            with suppress(TrustError):  # what does not check has been said already
                kept.append(KeepOwnList(read_device_list(account, signed).version, signed))
        return [each for each in kept if each.version <= self.machines.roster.version(account)]

    def _ask(self, frame: ClientFrame | None) -> list[Effect]:
        return [Transmit(frame)] if frame is not None and self.machines.path.up else []
