"""Where a device is woken is kept once a device, outlives a restart, and ends with the device."""

from pathlib import Path

import pytest

from answerback.model.ids import DeviceId
from answerback.model.message import Lane
from answerback.storage.database import open_database
from answerback.storage.push_store import PushStore
from answerback.storage.relay_commands import NOTHING_TAKEN, Take
from answerback.storage.relay_store import RelayStore
from answerback.wire.frames import Subscribe
from tests.storage.relay_samples import WALL_MS, append, device, letter, opened

PHONE, TABLET = device("phone").id, device("tablet").id
HERE = Subscribe("https://push.example/1", b"\x04" + bytes(64), bytes(16))
THERE = Subscribe("https://push.example/2")


@pytest.fixture
def store(tmp_path: Path) -> RelayStore:
    return opened(tmp_path, "phone", "tablet")


def test_a_device_has_one_subscription_and_the_newest_counts(store: RelayStore) -> None:
    pushes = PushStore(store.db)
    assert pushes.of(PHONE) is None
    assert pushes.put(PHONE, HERE, now_ms=WALL_MS)
    assert pushes.put(PHONE, THERE, now_ms=WALL_MS + 1)
    assert pushes.of(PHONE) == THERE
    assert not pushes.drop(PHONE, endpoint=HERE.endpoint), "another one is in its place by now"
    assert pushes.drop(PHONE)
    assert not pushes.drop(PHONE)
    assert pushes.of(PHONE) is None
    assert pushes.all() == []


def test_nobody_else_can_be_woken(store: RelayStore) -> None:
    assert not PushStore(store.db).put(DeviceId(b"stranger".ljust(16)), HERE, now_ms=WALL_MS)


def test_subscriptions_outlive_a_restart_and_end_with_the_device(tmp_path: Path, store: RelayStore) -> None:
    PushStore(store.db).put(PHONE, HERE, now_ms=WALL_MS)
    PushStore(store.db).put(TABLET, THERE, now_ms=WALL_MS)
    store.db.close()
    database = open_database(tmp_path / "relay.db", schema="relay")
    pushes = PushStore(database)
    assert dict(pushes.all()) == {PHONE: HERE, TABLET: THERE}
    database.run("UPDATE device SET revoked = 1 WHERE id = ?", (PHONE,))
    assert dict(pushes.all()) == {TABLET: THERE}
    assert pushes.of(PHONE) is None
    assert not pushes.put(PHONE, HERE, now_ms=WALL_MS)


def test_after_a_restart_it_is_known_whom_peoples_mail_waits_for(store: RelayStore) -> None:
    pushes = PushStore(store.db)
    for each in (PHONE, TABLET):
        pushes.put(each, HERE, now_ms=WALL_MS)
    store.apply([append(letter("tablet", "receipt", lane=Lane.CONTROL), letter("tablet", "old", lifetime_s=1))])
    assert pushes.waiting(now_ms=WALL_MS + 2_000) == []
    answer = store.apply([append(letter("phone", "text"), letter("phone", "film", lane=Lane.BULK))])[0]
    assert pushes.waiting(now_ms=WALL_MS + 2_000) == [(PHONE, Lane.NORMAL)]
    positions = [fate.position for fate in answer.fates]  # type: ignore[union-attr]
    taken = list(NOTHING_TAKEN)
    taken[Lane.NORMAL] = positions[0]
    store.apply([Take(PHONE, tuple(taken))])
    assert pushes.waiting(now_ms=WALL_MS + 2_000) == [(PHONE, Lane.BULK)]
    pushes.drop(PHONE)
    assert pushes.waiting(now_ms=WALL_MS + 2_000) == []
