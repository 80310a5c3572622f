"""Whose keys a person is sure of, and which handles stand for another account than before.

Theory. An account is its root key, so an account that was verified stays so: what can change is *which account a
handle stands for*. That is the relay's word, and the first one is believed. A second, different one is never followed
in silence: the handle keeps standing for the account before, and messages wait until the person agrees, unless they
have verified the account that it stands for now. The latest mark counts, by the relay's clock, whichever of the
person's devices it was made on.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from answerback.core.facts import DropChange, KeepChange, KeepVerified
from answerback.model.ids import AccountId, DeviceId
from answerback.model.trust import How, Vouched

VERIFIED_MAX = 10_000
"""More people than anybody compares keys with: bounds what a person's other device can have this one keep."""
AHEAD_MS_MAX = 60_000
"""A mark from the future would outlast every later one: it counts as made now."""


@dataclass(slots=True)
class Trust:
    """What a person has made sure of."""

    _verified: dict[AccountId, KeepVerified] = field(default_factory=dict)
    _changes: dict[str, KeepChange] = field(default_factory=dict, repr=False)

    def restore(self, verified: Iterable[KeepVerified], changes: Iterable[KeepChange]) -> None:
        """Take back from disk what was marked and what has changed."""
        self._verified = {kept.account: kept for kept in verified}
        self._changes = {kept.handle: kept for kept in changes}

    # ---- looking

    def verified(self, account: AccountId) -> KeepVerified | None:
        """How and when this account's key was compared; none if it was not, or no longer counts."""
        kept = self._verified.get(account)
        return kept if kept is not None and kept.how is not How.WITHDRAWN else None

    def is_other_key(self, account: AccountId, root: bytes | None) -> bool:
        """Whether an account has another root key now than the one that was compared."""
        mark = self.verified(account)
        return mark is not None and bool(mark.root) and root is not None and mark.root != root

    def vouched(self) -> list[Vouched]:
        """Everything ever marked, for our own other devices; what was taken away too."""
        return [Vouched(kept.account, kept.how, kept.at_ms, kept.root) for kept in self._verified.values()]

    def change(self, handle: str) -> KeepChange | None:
        """What has changed about a handle, if the person has not agreed to it."""
        return self._changes.get(handle)

    @property
    def changes(self) -> tuple[KeepChange, ...]:
        """All of them."""
        return tuple(self._changes.values())

    def holds(self, handles: Iterable[str], accounts: Iterable[AccountId]) -> bool:
        """Whether a message to these must wait until the person agrees."""
        held = [change for change in self._changes.values() if change.held]
        if not held:
            return False
        gone = {change.before for change in held}
        names = {change.handle for change in held}
        return any(handle in names for handle in handles) or any(account in gone for account in accounts)

    # ---- learning

    def mark(
        self, account: AccountId, how: How, *, at_ms: int, device: DeviceId, relay_ms: int, root: bytes = b""
    ) -> KeepVerified | None:
        """Note that a key was compared, or that a mark was taken away; none if that is older than what is known."""
        kept = KeepVerified(account, how, min(at_ms, relay_ms + AHEAD_MS_MAX), device, root)
        before = self._verified.get(account)
        if before is not None and (before.at_ms, before.how) >= (kept.at_ms, kept.how):
            return None
        if before is None and len(self._verified) >= VERIFIED_MAX:
            return None
        self._verified[account] = kept
        return kept

    def resolved(self, handle: str, before: AccountId | None, after: AccountId, *, at_ms: int) -> KeepChange | None:
        """The relay says whose a handle is; a change that is new is returned, to be kept and told."""
        known = self._changes.get(handle)
        first = known.before if known is not None else before
        if first is None or after == before or (known is not None and known.after == after):
            return None
        held = self.verified(after) is None
        self._changes[handle] = KeepChange(handle, first, after, at_ms, held)
        return self._changes[handle]

    def rekeyed(self, handle: str, account: AccountId, *, at_ms: int) -> KeepChange | None:
        """An account has another root key; a change that is new is returned, to be kept and told."""
        if handle in self._changes:
            return None
        held = self.verified(account) is not None
        self._changes[handle] = KeepChange(handle, account, account, at_ms, held)
        return self._changes[handle]

    def settle(self, handle: str) -> DropChange | None:
        """The person has agreed to a change, or it has been taken back."""
        return DropChange(handle) if self._changes.pop(handle, None) is not None else None
