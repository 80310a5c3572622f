"""Decides which account each handle points to: added, removed, and moved only when nobody who may has objected.

Theory. A code shows that somebody reads what is sent to a handle *now*; whoever swapped a SIM card or opened a mailbox
reads it too. So a code alone gives away what is free, and only begins to move what is somebody's: the devices of the
account that has it are told at once and have a week to object, or may let it go before. Whoever does not come back for
a week has lost it; an account of which no device was here for a month is asked nothing, as nobody would hear. The
account itself is its root key and never moves: what moves is what people find it by. Decision 0024.

Every verb runs inside one transaction, so of two claims one is first. Time is handed in.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from answerback.model.causes import Cause
from answerback.model.handle import Handle
from answerback.model.handle_state import HandleState
from answerback.model.ids import AccountId, DeviceId
from answerback.relay.proving import Proof, Proving
from answerback.storage.account_store import AccountStore
from answerback.storage.handle_store import NOBODY, HandleStore, MoveRow, NoticeRow
from answerback.wire.requests import HandleTold

HANDLES_MAX = 8
"""Of one account, with those on their way: several numbers, several addresses, no directory."""
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class HandleLimits:
    """How long what takes."""

    wait_ms: int = 7 * DAY_MS
    """How long the account that has a handle may object: longer than most journeys without a device, and what people
    know from other messengers."""
    away_ms: int = 30 * DAY_MS
    """An account of which no device was here for so long is not waited for: numbers are given to new people."""
    lock_ms: int = 30 * DAY_MS
    """How long an objection holds: whoever stole a way to read codes rarely keeps it for a month."""
    notice_ms: int = 90 * DAY_MS
    """How long devices are told: one that comes back later is told nothing of it, and finds its handle gone."""


@dataclass(slots=True)
class Handles:
    """The handles of all accounts of one relay."""

    accounts: AccountStore
    store: HandleStore
    proving: Proving
    is_here: Callable[[DeviceId], bool] = lambda _device: False
    """Whether a device is connected now; when others were here last is on the disk."""
    limits: HandleLimits = field(default_factory=HandleLimits)
    news: list[NoticeRow] = field(default_factory=list)
    """What accounts are to be told once this transaction is on the disk; whoever tells it empties the list."""

    # ---- questions

    def is_device(self, device: DeviceId) -> bool:
        """Whether this is a device of some account, and not revoked."""
        return self.store.account_of_device(device) is not None

    def account_of(self, device: DeviceId) -> AccountId | None:
        """Whose device this is; None if it is nobody's any more."""
        return self.store.account_of_device(device)

    def coming_ms(self, handle: str, account: AccountId) -> int:
        """When a handle becomes this account's; 0 if it is not on its way there."""
        move = self.store.move(handle)
        return move.due_ms if move is not None and move.claimant == account else 0

    def is_locked(self, handle: str, *, now_ms: int) -> bool:
        """Whether the account that has a handle has objected lately."""
        return self.store.locked_until_ms(handle) > now_ms

    def told(self, account: AccountId) -> list[HandleTold]:
        """Every handle of an account, and what became of others lately."""
        notices = {notice.handle: notice for notice in self.store.notices(account)}
        told: dict[str, HandleTold] = {}
        for row in self.store.held(account):
            notice = notices.get(row.handle)
            told[row.handle] = HandleTold(row.handle, HandleState.OURS, row.since_ms)
            if notice is not None and notice.state is HandleState.LEAVING:
                told[row.handle] = _told(notice)
        gone = (HandleState.LEFT, HandleState.COMING, HandleState.REFUSED)
        for notice in notices.values():
            if notice.handle not in told and notice.state in gone:
                told[notice.handle] = _told(notice)
        return list(told.values())

    # ---- deeds

    def add(self, account: AccountId, handle: Handle, *, code: str, move: bool, now_ms: int) -> Cause | None:
        """Let a proven handle point to an account, or begin to; a returned cause, as a wrong try must be counted."""
        proof, cause = self.proving.prove(handle, code, account, now_ms=now_ms)
        if proof is Proof.NOTHING:
            return cause
        holder = self.accounts.account_of(handle.text)
        if holder == account or self.coming_ms(handle.text, account):
            return None
        if holder is None and proof is Proof.AGAIN:
            return Cause.ACCOUNT_CODE_WRONG  # it was used, and what came of it was undone since: a code is good once
        if len(self.store.held(account)) + len(self.store.moves_to(account)) >= HANDLES_MAX:
            return Cause.ACCOUNT_HANDLES_FULL
        if holder is None:
            self.store.give(handle.text, account, now_ms=now_ms)
            self._notice(account, handle.text, HandleState.OURS, NOBODY, at_ms=now_ms, now_ms=now_ms)
            return None
        if not move:
            return Cause.ACCOUNT_HANDLE_TAKEN
        if self.is_locked(handle.text, now_ms=now_ms):
            return Cause.ACCOUNT_HANDLE_LOCKED
        self.begin_move(handle.text, account, now_ms=now_ms)
        return None

    def begin_move(self, handle: str, claimant: AccountId, *, now_ms: int) -> int:
        """Move a proven handle after the waiting period, or now if nobody would hear; return when, 0 for now.

        A move to somebody else that had begun gives way: the newer proof counts, and the period begins anew.
        """
        holder = self.accounts.account_of(handle)
        assert holder is not None, "what is nobody's is claimed, not moved"
        earlier = self.store.move(handle)
        if earlier is not None and earlier.claimant != claimant:
            self._notice(earlier.claimant, handle, HandleState.REFUSED, NOBODY, at_ms=now_ms, now_ms=now_ms)
        if not self._hears(holder, now_ms=now_ms):
            self._pass_on(handle, holder, claimant, now_ms=now_ms)
            return 0
        move = MoveRow(handle, holder, claimant, now_ms + self.limits.wait_ms)
        self.store.keep_move(move)
        self._notice(holder, handle, HandleState.LEAVING, claimant, at_ms=move.due_ms, now_ms=now_ms)
        self._notice(claimant, handle, HandleState.COMING, holder, at_ms=move.due_ms, now_ms=now_ms)
        return move.due_ms

    def answer(self, account: AccountId, handle: Handle, *, give: bool, now_ms: int) -> None:
        """Let a handle that another account has proven go now, or keep it; nothing if it is in no move from here.

        Whoever lets it go also ends an objection of before.
        """
        if give and self.accounts.account_of(handle.text) == account:
            self.store.unlock(handle.text)
        move = self.store.move(handle.text)
        if move is None or move.holder != account:
            return
        if give:
            self._pass_on(handle.text, account, move.claimant, now_ms=now_ms)
            return
        self.store.end_move(handle.text)
        self.store.lock(handle.text, until_ms=now_ms + self.limits.lock_ms)
        self._notice(account, handle.text, HandleState.STAYED, move.claimant, at_ms=now_ms, now_ms=now_ms)
        self._notice(move.claimant, handle.text, HandleState.REFUSED, account, at_ms=now_ms, now_ms=now_ms)

    def remove(self, account: AccountId, handle: Handle, *, now_ms: int) -> None:
        """Let a handle of this account point to nobody, or give up one on its way here; nothing if it is neither."""
        move = self.store.move(handle.text)
        if move is not None and move.claimant == account:
            self.store.end_move(handle.text)
            self._notice(move.holder, handle.text, HandleState.STAYED, account, at_ms=now_ms, now_ms=now_ms)
            self._notice(account, handle.text, HandleState.REMOVED, NOBODY, at_ms=now_ms, now_ms=now_ms)
        elif self.store.remove(handle.text, account):
            self.store.unlock(handle.text)
            if move is not None:  # nobody holds it any more, and its claimant has proven it
                self._pass_on(handle.text, account, move.claimant, now_ms=now_ms)
            else:
                self._notice(account, handle.text, HandleState.REMOVED, NOBODY, at_ms=now_ms, now_ms=now_ms)

    def pass_on_due(self, *, now_ms: int, count_max: int = 100) -> int:
        """Carry out the moves whose time has come; return how many."""
        due = self.store.moves_due(now_ms=now_ms, count_max=count_max)
        for move in due:
            self._pass_on(move.handle, move.holder, move.claimant, now_ms=now_ms)
        return len(due)

    def forget_old(self, *, now_ms: int) -> int:
        """Forget what can no longer count."""
        return self.store.forget_old(notices_before_ms=now_ms - self.limits.notice_ms, now_ms=now_ms)

    def take_news(self) -> list[NoticeRow]:
        """Hand out what accounts are to be told."""
        news, self.news = self.news, []
        return news

    # ---- private

    def _hears(self, holder: AccountId, *, now_ms: int) -> bool:
        """Whether any device of an account is alive to object."""
        seen = self.store.devices_seen(holder)
        if any(self.is_here(device) or now_ms - seen_ms < self.limits.away_ms for device, seen_ms in seen):
            return True
        # Whoever has just registered was not here yet.
        return bool(seen) and any(now_ms - row.since_ms < self.limits.away_ms for row in self.store.held(holder))

    def _pass_on(self, handle: str, holder: AccountId, claimant: AccountId, *, now_ms: int) -> None:
        self.store.end_move(handle)
        self.store.unlock(handle)
        self.store.give(handle, claimant, now_ms=now_ms)
        self._notice(holder, handle, HandleState.LEFT, claimant, at_ms=now_ms, now_ms=now_ms)
        self._notice(claimant, handle, HandleState.CAME, holder, at_ms=now_ms, now_ms=now_ms)

    def _notice(
        self, account: AccountId, handle: str, state: HandleState, other: AccountId, *, at_ms: int, now_ms: int
    ) -> None:
        notice = NoticeRow(account, handle, state, other, at_ms)
        self.store.keep_notice(notice, now_ms=now_ms)
        self.news.append(notice)


def _told(notice: NoticeRow) -> HandleTold:
    return HandleTold(notice.handle, notice.state, notice.at_ms, notice.other)
