"""Carries what people make sure of: marks and their sharing, changes of contacts, and comparing short codes.

It hears of every look-up and of the letters that are about trust, and says what the person must know before anything
goes to somebody whose keys are not the ones they were.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from answerback.core.comparing import Compared, Move, Parties
from answerback.core.departure import Departure
from answerback.core.effects import CodeMoved, Effect, HandleChanged, Moment, Reason, Save, Tell, Wake, Warned
from answerback.core.facts import KeepContact, KeepVerified
from answerback.core.machines import Machines
from answerback.core.roster import Learned
from answerback.crypto.verifying import NONCE_BYTES, SESSION_BYTES
from answerback.model.causes import Cause
from answerback.model.ids import AccountId, DeviceId
from answerback.model.trust import VOUCHED_MAX, How, Vouched
from answerback.wire.frames import HandleNotice
from answerback.wire.letters import Comparison, Slip, Vouch


@dataclass(frozen=True, slots=True)
class Marked:
    """The person has compared an account's key, or takes the mark away (`How.WITHDRAWN`)."""

    account: AccountId
    how: How


@dataclass(frozen=True, slots=True)
class Agreed:
    """The person has seen that a handle stands for another account, and agrees to it."""

    handle: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Compare:
    """The person wants to compare a short code with somebody, or takes part in what they asked."""

    account: AccountId


@dataclass(frozen=True, slots=True)
class Said:
    """The person has compared both codes."""

    account: AccountId
    same: bool


@dataclass(frozen=True, slots=True)
class WhoIs:
    """The person looks at a contact: ask the relay anew whose the handle is."""

    handle: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Added:
    """The person has added a handle here, and the relay has taken it: it is watched, also if the relay says no more."""

    notice: HandleNotice


Deed = Marked | Agreed | Compare | Said | WhoIs | Added


@dataclass(slots=True)
class Trusting:
    """The composer of all that is about whose keys are whose."""

    machines: Machines
    departure: Departure

    # ---- what a person does

    def carry(self, deed: Deed, *, now: Moment) -> list[Effect]:
        """Do what a person has decided."""
        match deed:
            case Marked(account, how):
                return self._mark([self._vouched(account, how, now=now)], self.machines.own.device, now=now)
            case Agreed(handle):
                return self._agree(handle, now=now)
            case Compare(account):
                return self._compare(account, now=now)
            case Said(account, same):
                moves = self.machines.comparing.say(account, same=same, relay_ms=self._relay_ms(now))
                return self._moved(moves, now=now)
            case WhoIs(handle):
                return self.departure.want_account(handle)
            case Added(notice):
                return [] if self.departure.book.has_heard_of(notice.handle) else self.noticed(notice)

    def _agree(self, handle: str, *, now: Moment) -> list[Effect]:
        change, dropped = self.machines.trust.change(handle), self.machines.trust.settle(handle)
        if change is None or dropped is None:
            return []
        contacts, drafts = self.departure.contacts, self.departure.drafts
        effects: list[Effect] = [Save(dropped)]
        if change.before == change.after:
            effects += self._unmark(change.after, now=now)
            effects += self.departure.readdress(change.after, now=now)
        else:
            contacts[handle] = change.after
            effects.append(Save(KeepContact(handle, change.after)))
        for draft in list(drafts.values()):
            if change.before in draft.accounts:  # an answer in the old conversation, written before this was known
                accounts = (change.after if each == change.before else each for each in draft.accounts)
                drafts[draft.id] = replace(draft, accounts=tuple(dict.fromkeys(accounts)))
                effects.append(Save(drafts[draft.id]))
            effects += self.departure.draft(drafts[draft.id], now=now)
        return effects

    def _compare(self, account: AccountId, *, now: Moment) -> list[Effect]:
        parties = self._parties(account)
        if parties is None:
            return self.departure.want_list(account)
        moves = self.machines.comparing.begin(
            account,
            parties,
            randomness=self.machines.randomness(NONCE_BYTES + SESSION_BYTES),
            relay_ms=self._relay_ms(now),
            now_s=now.now_s,
        )
        return self._moved(moves, now=now)

    # ---- what other devices say

    def heard(self, letter: Vouch | Comparison, slip: Slip, *, now: Moment) -> list[Effect]:
        """A letter about trust has been opened."""
        own = self.machines.own.account
        if isinstance(letter, Vouch):
            # Of nobody but this person's own devices: anybody else's word on whose keys are right is worth nothing.
            return self._mark(letter.entries, slip.author_device, now=now) if slip.author == own else []
        parties = self._parties(slip.author) if slip.author != own else None
        if parties is None:
            return []
        moves = self.machines.comparing.heard(
            letter,
            account=slip.author,
            device=slip.author_device,
            parties=parties,
            relay_ms=self._relay_ms(now),
            now_s=now.now_s,
        )
        return self._moved(moves, now=now)

    # ---- what the relay says

    def noticed(self, notice: HandleNotice) -> list[Effect]:
        """The relay says what became of a handle of ours."""
        kept = self.departure.book.noticed(notice)
        if kept is None:
            return []
        return [Save(kept), Tell(HandleChanged(notice.handle, notice.state, notice.account, notice.at_ms))]

    def resolved(self, handle: str, account: AccountId, *, now: Moment) -> list[Effect]:
        """Whose a handle is. A second, different answer is told, and not followed where the first was verified."""
        trust, contacts = self.machines.trust, self.departure.contacts
        before = contacts.get(handle)
        known = trust.change(handle)
        effects: list[Effect] = []
        if known is not None and known.before == account != known.after:
            dropped = trust.settle(handle)  # the relay takes it back
            effects += [Save(dropped)] if dropped is not None else []
            effects += self.departure.readdress(account, now=now)
        elif (change := trust.resolved(handle, before, account, at_ms=self._relay_ms(now))) is not None:
            effects += [Save(change), Tell(Warned(Cause.TRUST_CONTACT_CHANGED, account, handle))]
        standing = trust.change(handle)
        if standing is None or not standing.held:
            contacts[handle] = account
            effects.append(Save(KeepContact(handle, account)))
        return effects

    def listed(
        self, account: AccountId, learned: Learned, *, old_root: bytes | None, is_made_here: bool = False, now: Moment
    ) -> list[Effect]:
        """An account's newest device list is here; `old_root` is the key that signed the one before.

        A device that was added to this very account by another one is told as well: whoever stole the account's key
        could have added it.
        """
        if account != self.machines.own.account:
            effects = self._look_at_root(account, old_root, now=now)
            is_added = bool(learned.added) and old_root is not None
            return [*effects, *([Tell(Warned(Cause.TRUST_DEVICE_ADDED, account))] if is_added else [])]
        others = tuple(device for device in learned.added if device != self.machines.own.device)
        if old_root is None or not others:
            return []
        told: list[Effect] = [] if is_made_here else [Tell(Warned(Cause.ACCOUNT_DEVICE_ADDED, account))]
        return [*self._vouch(self.machines.trust.vouched(), others, now=now), *told]

    # ---- time

    @property
    def wake_at(self) -> Wake | None:
        """When a comparison runs out."""
        at_s = self.machines.comparing.over_at_s
        return Wake(at_s, Reason.COMPARISON_OVER) if at_s is not None else None

    def wake(self, *, now: Moment) -> list[Effect]:
        """End the comparisons whose time is over."""
        return self._moved(self.machines.comparing.over(now_s=now.now_s), now=now)

    # ---- private

    def _moved(self, moves: Iterable[Move], *, now: Moment) -> list[Effect]:
        effects: list[Effect] = []
        for move in moves:
            if move.letter is not None:
                known = tuple(device.id for device in self.machines.roster.devices(move.account))
                devices = known if move.device is None else (move.device,)
                effects += self.departure.control(move.letter, devices, now=now) if devices else []
            if move.state is Compared.DONE:
                marked = self._vouched(move.account, How.CODE, now=now)
                effects += self._mark([marked], self.machines.own.device, now=now)
            if move.state is Compared.DIFFERENT:
                effects.append(Tell(Warned(Cause.TRUST_CODES_DIFFER, move.account)))
            if move.state is not None:
                effects.append(Tell(CodeMoved(move.account, move.state, move.code)))
        return effects

    def _mark(self, entries: Iterable[Vouched], device: DeviceId, *, now: Moment) -> list[Effect]:
        machines, relay_ms = self.machines, self._relay_ms(now)
        kept: list[KeepVerified] = []
        for each in entries:
            fact = machines.trust.mark(
                each.account, each.how, at_ms=each.at_ms, device=device, relay_ms=relay_ms, root=each.root
            )
            kept += [fact] if fact is not None else []
        effects: list[Effect] = [Save(fact) for fact in kept]
        roots = {fact.account: machines.roster.root_key(fact.account) for fact in kept}
        sure = {
            *(fact.account for fact in kept if fact.how is not How.WITHDRAWN),
        } - {account for account, root in roots.items() if machines.trust.is_other_key(account, root)}
        for account in roots.keys() - sure:  # marked on another device of ours, before the key changed
            effects += self._look_at_root(account, None, now=now)
        for change in machines.trust.changes if sure else ():
            if change.after in sure:  # who has compared the new key has agreed to it
                effects += self._agree(change.handle, now=now)
        if device == machines.own.device and kept:
            others = tuple(each.id for each in machines.roster.devices(machines.own.account) if each.id != device)
            effects += self._vouch(
                [Vouched(fact.account, fact.how, fact.at_ms, fact.root) for fact in kept], others, now=now
            )
        return effects

    def _look_at_root(self, account: AccountId, old_root: bytes | None, *, now: Moment) -> list[Effect]:
        """Another root key than the one that was compared, or than the one of a moment ago, is said."""
        trust, root = self.machines.trust, self.machines.roster.root_key(account)
        is_new = old_root is not None and root is not None and root != old_root
        if not is_new and not trust.is_other_key(account, root):
            return []
        handles = (handle for handle, known in self.departure.contacts.items() if known == account)
        change = trust.rekeyed(next(handles, account.hex()), account, at_ms=self._relay_ms(now))
        if change is None:
            return []
        return [Save(change), Tell(Warned(Cause.TRUST_ROOT_CHANGED, account, change.handle))]

    def _unmark(self, account: AccountId, *, now: Moment) -> list[Effect]:
        """The person takes a new root key without comparing it: nobody is sure of it."""
        if not self.machines.trust.is_other_key(account, self.machines.roster.root_key(account)):
            return []
        return self._mark([self._vouched(account, How.WITHDRAWN, now=now)], self.machines.own.device, now=now)

    def _vouched(self, account: AccountId, how: How, *, now: Moment) -> Vouched:
        root = self.machines.roster.root_key(account) or b""
        return Vouched(account, how, self._relay_ms(now), root)

    def _vouch(self, entries: list[Vouched], devices: tuple[DeviceId, ...], *, now: Moment) -> list[Effect]:
        effects: list[Effect] = []
        for first in range(0, len(entries) if devices else 0, VOUCHED_MAX):
            effects += self.departure.control(Vouch(entries[first : first + VOUCHED_MAX]), devices, now=now)
        return effects

    def _parties(self, account: AccountId) -> Parties | None:
        own, roster = self.machines.own, self.machines.roster
        ours, theirs = roster.root_key(own.account), roster.root_key(account)
        return Parties(ours, own.device, theirs) if ours is not None and theirs is not None else None

    def _relay_ms(self, now: Moment) -> int:
        return self.machines.clock.stamp_ms(now)
