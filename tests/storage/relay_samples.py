"""A relay's store with a few devices in it, for its tests."""

from pathlib import Path

from answerback.model.devices import Device, DeviceList, Signed
from answerback.model.envelope import Envelope
from answerback.model.ids import AccountId, DeviceId, envelope_id
from answerback.model.message import Lane
from answerback.storage.database import Database, open_database
from answerback.storage.relay_commands import NOTHING_TAKEN, Append, Cursors, Fate, Open, Opened, Page, Read, Take
from answerback.storage.relay_store import RelayStore, put_first_list

WALL_MS = 1_800_000_000_000


def device(name: str) -> Device:
    return Device(DeviceId(name.encode().ljust(16, b"_")), name.encode(), b"identity", WALL_MS)


def device_list(account: str, version: int, *names: str) -> DeviceList:
    identity = AccountId(account.encode().ljust(16, b"_"))
    return DeviceList(identity, b"root", version, b"", tuple(device(name) for name in names), WALL_MS)


def signed(devices: DeviceList) -> Signed:
    return Signed(repr(devices).encode(), b"signature")


def opened(folder: Path, *names: str) -> RelayStore:
    """Open the store; each name becomes an account with one device of that name."""
    db = open_database(folder / "relay.db", schema="relay")
    settle(db, *names)
    return RelayStore(db, new_name=b"name")


def settle(db: Database, *names: str) -> None:
    with db.transaction():
        for name in names:
            devices = device_list(name, 1, name)
            put_first_list(db, signed(devices), devices)


def letter(to: str, text: str, *, lane: Lane = Lane.NORMAL, lifetime_s: int = 1_000) -> Envelope:
    return Envelope(envelope_id(text.encode()), device(to).id, lane, lifetime_s, text.encode())


def append(*letters: Envelope, wall_ms: int = WALL_MS) -> Append:
    return Append(1, letters, sum(len(each.sealed) for each in letters), wall_ms)


def fates(store: RelayStore, *letters: Envelope, wall_ms: int = WALL_MS) -> list[Fate]:
    (answer,) = store.apply([append(*letters, wall_ms=wall_ms)])
    return answer.fates  # type: ignore[union-attr]


def read(name: str, *, after: Cursors = NOTHING_TAKEN, rows_max: int = 100, bytes_max: int = 10**6) -> Read:
    return Read(1, device(name).id, after, tuple(range(5)), rows_max, bytes_max, WALL_MS)


def page(store: RelayStore, command: Read) -> Page:
    (answer,) = store.apply([command])
    assert isinstance(answer, Page)
    return answer


def texts(found: Page) -> list[str]:
    return [entry.sealed.decode() for entry in found.entries]


def take(name: str, lane: Lane, position: int) -> Take:
    taken = list(NOTHING_TAKEN)
    taken[lane] = position
    return Take(device(name).id, tuple(taken))


def open_mailbox(store: RelayStore, name: str) -> Opened:
    (answer,) = store.apply([Open(1, device(name).id, NOTHING_TAKEN, WALL_MS)])
    assert isinstance(answer, Opened)
    return answer
