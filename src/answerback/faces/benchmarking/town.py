"""Gives a relay's store its devices before it starts: real keys, one account each."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from answerback.crypto.identity import DeviceKeys, RootKey, check_device_lists, first_device_list
from answerback.model.devices import DeviceList, Signed
from answerback.model.ids import AccountId, DeviceId
from answerback.relay.app import STORE_FILE
from answerback.storage.database import Database, open_database
from answerback.storage.relay_store import put_first_list

SYNCHRONOUS = ("OFF", "NORMAL", "FULL", "EXTRA")
"""What SQLite's numbers mean (PRAGMA synchronous)."""


@dataclass(frozen=True, slots=True, eq=False)
class Resident:
    """An account with one device."""

    keys: DeviceKeys
    account: AccountId
    signed: Signed
    devices: DeviceList

    @property
    def device(self) -> DeviceId:
        """Its one device."""
        return self.devices.devices[0].id


@dataclass(frozen=True, slots=True)
class Town:
    """Everybody a relay knows, and how it keeps its word to them."""

    residents: list[Resident]
    synchronous: str
    """As SQLite itself says it, of a store opened the way the relay opens it."""


def settle(folder: Path, *, count: int) -> Town:
    """Make a relay's store in a folder and list so many accounts in it."""
    residents = [_resident() for _ in range(count)]
    with _store(folder) as database:
        with database.transaction():
            for resident in residents:
                put_first_list(database, resident.signed, resident.devices)
        row = database.row("PRAGMA synchronous")
    assert row is not None
    return Town(residents, SYNCHRONOUS[row[0]])


def _resident() -> Resident:
    root, keys = RootKey.generate(), DeviceKeys.generate()
    now_ms = time.time_ns() // 1_000_000
    signed = first_device_list(root, keys.device(now_ms), now_ms=now_ms)
    devices = check_device_lists(root.account_id, known=None, newer=[signed])
    assert devices is not None
    return Resident(keys, root.account_id, signed, devices)


@contextmanager
def _store(folder: Path) -> Iterator[Database]:
    database = open_database(folder / STORE_FILE, schema="relay")
    try:
        yield database
    finally:
        database.close()
