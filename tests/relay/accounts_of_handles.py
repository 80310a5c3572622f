"""Accounts with devices in a relay's database, and the decisions about their handles, for tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from answerback.crypto.identity import DeviceKeys, RootKey, first_device_list, read_device_list
from answerback.model.causes import Cause
from answerback.model.handle import Handle
from answerback.model.handle_state import HandleState
from answerback.model.ids import AccountId, DeviceId
from answerback.relay.handles import HandleLimits, Handles
from answerback.relay.proving import Proving, ProvingLimits
from answerback.storage.account_store import AccountStore
from answerback.storage.database import Database, open_database
from answerback.storage.handle_store import HandleStore
from answerback.storage.relay_directory import put_first_list

NOW_MS = 1_800_000_000_000


@dataclass
class Town:
    """A relay's handles, without HTTP and without a clock of its own."""

    database: Database
    handles: Handles
    here: set[DeviceId] = field(default_factory=set)
    now_ms: int = NOW_MS
    drawn: int = 0

    def account(self, *handles: str, is_here: bool = True) -> AccountId:
        """Make an account with one device and these handles, and have its device be here."""
        root, keys = RootKey.generate(), DeviceKeys.generate()
        signed = first_device_list(root, keys.device(1), now_ms=1)
        with self.database.transaction():
            put_first_list(self.database, signed, read_device_list(root.account_id, signed))
            for handle in handles:
                self.handles.store.give(handle, root.account_id, now_ms=self.now_ms)
        if is_here:
            self.here.add(keys.device_id)
        return root.account_id

    def code(self, handle: str) -> str:
        """Have a code sent, and read it."""
        self.drawn += 1
        with self.database.transaction():
            return self.handles.proving.ask(
                Handle(handle), randomness=self.drawn.to_bytes(8, "big"), now_ms=self.now_ms
            )

    def add(self, account: AccountId, handle: str, code: str | None = None, *, move: bool = False) -> Cause | None:
        """Claim a handle, with the right code if no other is given."""
        code = code if code is not None else self.code(handle)
        with self.database.transaction():
            return self.handles.add(account, Handle(handle), code=code, move=move, now_ms=self.now_ms)

    def answer(self, account: AccountId, handle: str, *, give: bool) -> None:
        with self.database.transaction():
            self.handles.answer(account, Handle(handle), give=give, now_ms=self.now_ms)

    def remove(self, account: AccountId, handle: str) -> None:
        with self.database.transaction():
            self.handles.remove(account, Handle(handle), now_ms=self.now_ms)

    def later(self, ms: int) -> None:
        """Let time pass, and what is due happen."""
        self.now_ms += ms
        with self.database.transaction():
            self.handles.pass_on_due(now_ms=self.now_ms)
            self.handles.forget_old(now_ms=self.now_ms)

    def owner(self, handle: str) -> AccountId | None:
        return self.handles.accounts.account_of(handle)

    def state(self, account: AccountId, handle: str) -> HandleState | None:
        """How a handle stands for an account, as its devices are told when they ask."""
        return next((told.state for told in self.handles.told(account) if told.handle == handle), None)

    def told(self, account: AccountId) -> list[HandleState]:
        """What an account was told since this was last asked."""
        states = [notice.state for notice in self.handles.news if notice.account == account]
        self.handles.news = [notice for notice in self.handles.news if notice.account != account]
        return states


@contextmanager
def town(
    folder: Path, *, limits: HandleLimits | None = None, proving_limits: ProvingLimits | None = None
) -> Iterator[Town]:
    """Open a database until the block ends."""
    database = open_database(folder / "relay.db", schema="relay")
    accounts = AccountStore(database)
    proving = Proving(accounts, secret=b"s" * 32, limits=proving_limits)
    made = Town(database, Handles(accounts, HandleStore(database), proving, limits=limits or HandleLimits()))
    made.handles.is_here = made.here.__contains__
    try:
        yield made
    finally:
        database.close()
