"""Lets the relay show one device another directory than everybody else: from another copy of its store, or otherwise.

Theory. What is shown comes from the relay's own code and is signed with its log's true key, so it is wrong only in what
it says. Lists have the signatures of their accounts' root keys, also the planted ones: a thief of that key works with
the relay. What the liar cannot do is make the log that others see say the same.
"""

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from answerback.crypto.identity import read_device_list
from answerback.lab.simulation.disk import Disk
from answerback.model.devices import Signed
from answerback.model.ids import AccountId
from answerback.storage import relay_log
from answerback.storage.account_store import AccountStore
from answerback.storage.database import Database, open_database
from answerback.storage.relay_commands import (
    Answer,
    Command,
    FetchLists,
    Found,
    Lists,
    Logged,
    OpenEntries,
    ReadLog,
    RecallHead,
    ResolveHandle,
)
from answerback.storage.relay_directory import LISTS_MAX, lists_after
from answerback.storage.relay_store import RelayStore

READING = FetchLists | ResolveHandle | ReadLog | OpenEntries | RecallHead
"""What a device learns the directory by."""


class View(Protocol):
    """What one device is shown."""

    told: int
    """How often something was shown that others do not see."""

    def answer(self, db: Database, command: Command) -> Answer | None:
        """Answer in place of the store; None for what is answered truly."""
        ...


class OtherStore:
    """Another copy of the whole directory, with a log that may grow by itself."""

    def __init__(self, folder: Path, image: bytes, *, log_seed: bytes, is_stubborn: bool) -> None:
        self.told = 0
        self.disk = Disk()
        self.disk.restore(image)
        self._is_stubborn = is_stubborn
        self.database = open_database(folder / "another.db", schema="relay", connect=self.disk.connect)
        self._store = RelayStore(
            self.database,
            log_seed=log_seed,
            new_name=bytes(16),
            account_of_handle=lambda db, handle: AccountStore(db).account_of(handle),
        )

    def answer(self, _db: Database, command: Command) -> Answer | None:
        """Answer from this store, whatever the other one says."""
        if not isinstance(command, READING):
            return None
        self.told += 1
        if self._is_stubborn and isinstance(command, RecallHead):
            return recall_stubbornly(self.database, command)
        return self._store.apply([command])[0]

    def close(self) -> None:
        """Throw it away."""
        self.disk.close()


@dataclass(slots=True)
class Hidden:
    """An account's lists from one version on are left out, and the one before is proven in their place."""

    account: AccountId
    upto_version: int
    told: int = 0

    def answer(self, db: Database, command: Command) -> Answer | None:
        """Leave the newer ones out."""
        if not isinstance(command, FetchLists) or command.account != self.account:
            return None
        with db.transaction():
            shown = lists_after(db, command.account, command.known_version)
            lists = [each for each in shown.lists if read_device_list(self.account, each).version <= self.upto_version]
            proof = relay_log.of_list(db, self.account, self.upto_version, known_size=command.known_size)
        self.told += len(lists) < len(shown.lists)
        return Lists(lists, shown.seal_keys, proof)


@dataclass(slots=True)
class Planted:
    """An account's newest list is one that the log does not have; proven is the one before."""

    account: AccountId
    list: Signed = field(repr=False)
    told: int = 0

    def answer(self, db: Database, command: Command) -> Answer | None:
        """Add it to the true ones."""
        if not isinstance(command, FetchLists) or command.account != self.account:
            return None
        with db.transaction():
            shown = lists_after(db, command.account, command.known_version, command.known_size)
        self.told += 1
        return Lists([*shown.lists[: LISTS_MAX - 1], self.list], shown.seal_keys, shown.logged)


@dataclass(slots=True)
class Pointed:
    """A handle stands for another account than the log says."""

    handle: str
    account: AccountId
    told: int = 0

    def answer(self, db: Database, command: Command) -> Answer | None:
        """Name the other account, with the true one's proof."""
        if not isinstance(command, ResolveHandle) or command.handle != self.handle:
            return None
        with db.transaction():
            owner = AccountStore(db).account_of(self.handle)
            proof = relay_log.of_handle(db, self.handle, owner or AccountId(b""), known_size=command.known_size)
        self.told += 1
        return Found(self.account, proof)


class _Unsaid(Exception):
    """What was about to be admitted is not."""


def recall_stubbornly(db: Database, command: RecallHead) -> Logged:
    """Answer for a head as a relay does that never admits to have forgotten one."""
    before = relay_log.state(db)
    answer = Logged(before, relay_log.compared(db, command.known_size, before.size))
    with suppress(_Unsaid), db.transaction():
        said = relay_log.answer(db, command)
        assert isinstance(said, Logged)
        if said.state.epoch != before.epoch:
            raise _Unsaid
        answer = said
    return answer
