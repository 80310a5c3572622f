"""Proves that a device lapses only by its own silence, and is whole again with its next word."""

from pathlib import Path

from answerback.model.causes import Cause
from answerback.model.devices import Signed
from answerback.model.registration import LEASE_S, LEASE_S_MIN
from answerback.storage.database import open_database
from answerback.storage.relay_commands import (
    NOTHING_TAKEN,
    AddKeys,
    ClaimKey,
    Denied,
    Fate,
    Leave,
    Open,
    Opened,
    PutList,
    Sweep,
)
from answerback.storage.relay_leases import GRACE_MS_MAX, Leases
from answerback.storage.relay_store import RelayStore
from tests.storage.relay_samples import WALL_MS, device, device_list, fates, letter, settle, signed

DAY_MS = 86_400_000
PHONE = device("phone").id


def store(folder: Path, lease_s: int = LEASE_S) -> RelayStore:
    db = open_database(folder / "relay.db", schema="relay")
    settle(db, "phone", "other")
    return RelayStore(db, new_name=b"name", lease_s=lease_s)


def came(relay: RelayStore, wall_ms: int) -> Opened:
    (answer,) = relay.apply([Open(1, PHONE, NOTHING_TAKEN, wall_ms, 1)])
    assert isinstance(answer, Opened)
    return answer


def sweep(relay: RelayStore, wall_ms: int) -> None:
    relay.apply([Sweep(wall_ms)])


def fate(relay: RelayStore, text: str, wall_ms: int) -> Cause | None:
    (found,) = fates(relay, letter("phone", text, lifetime_s=10 * 86_400), wall_ms=wall_ms)
    assert isinstance(found, Fate)
    return found.cause


def test_a_device_lapses_after_its_lease_and_comes_back_with_its_next_word(tmp_path: Path) -> None:
    relay = store(tmp_path)
    came(relay, WALL_MS)
    prekeys = [Signed(b"one", b"s"), Signed(b"two", b"s")]
    relay.apply([AddKeys(1, 1, PHONE, prekeys, Signed(b"fallback", b"s"), Signed(b"seal", b"s"), b"name")])
    relay.apply([Leave(PHONE, WALL_MS)])
    sweep(relay, WALL_MS)
    end_ms = WALL_MS + LEASE_S * 1000
    sweep(relay, end_ms - DAY_MS)
    assert fate(relay, "in time", end_ms - DAY_MS) is None
    sweep(relay, end_ms + DAY_MS)
    assert fate(relay, "too late", end_ms + DAY_MS) is Cause.RECIPIENT_DEVICE_EXPIRED
    assert relay.apply([ClaimKey(1, 1, PHONE)]) == [Denied(Cause.RECIPIENT_NO_KEYS)], "nobody is given its old keys"
    answer = came(relay, end_ms + 2 * DAY_MS)
    assert answer.lapsed_ms == end_ms + DAY_MS
    assert answer.waiting == 1, "what was accepted before is kept until its own end"
    assert (answer.seal_id, answer.prekeys_left) == (b"", 0)
    assert fate(relay, "again", end_ms + 2 * DAY_MS) is None
    assert came(relay, end_ms + 2 * DAY_MS).lapsed_ms == 0


def test_a_removed_device_does_not_lapse_as_well(tmp_path: Path) -> None:
    """Listed again it would be a device that nobody may write to until it speaks, for no fault of its own."""
    relay = store(tmp_path)
    came(relay, WALL_MS)
    relay.apply([Leave(PHONE, WALL_MS)])
    removal, back = device_list("phone", 2, "tablet"), device_list("phone", 3, "tablet", "phone")
    relay.apply([PutList(1, 1, signed(removal), removal)])
    late_ms = WALL_MS + LEASE_S * 1000 + DAY_MS
    sweep(relay, late_ms - DAY_MS)
    sweep(relay, late_ms)
    relay.apply([PutList(1, 2, signed(back), back)])
    assert fate(relay, "welcome back", late_ms) is None


def test_a_lapse_outlives_a_restart(tmp_path: Path) -> None:
    relay = store(tmp_path)
    came(relay, WALL_MS)
    relay.apply([Leave(PHONE, WALL_MS)])
    late_ms = WALL_MS + LEASE_S * 1000 + DAY_MS
    sweep(relay, late_ms - DAY_MS)
    sweep(relay, late_ms)
    again = RelayStore(relay.db, new_name=b"name")
    assert fate(again, "too late", late_ms) is Cause.RECIPIENT_DEVICE_EXPIRED


def test_who_is_connected_never_lapses_however_long(tmp_path: Path) -> None:
    relay = store(tmp_path)
    came(relay, WALL_MS)
    sweep(relay, WALL_MS)
    sweep(relay, WALL_MS + 3 * LEASE_S * 1000)
    assert fate(relay, "here", WALL_MS + 3 * LEASE_S * 1000) is None
    row = relay.db.row("SELECT max(seen_ms) FROM mailbox")
    assert row == (WALL_MS + 3 * LEASE_S * 1000,), "that it is here is on the disk, should the relay crash"


def test_a_relay_that_was_away_itself_gives_everybody_time_to_come_back(tmp_path: Path) -> None:
    relay = store(tmp_path)
    came(relay, WALL_MS)
    relay.apply([Leave(PHONE, WALL_MS)])
    back_ms = WALL_MS + 2 * LEASE_S * 1000
    again = RelayStore(relay.db, new_name=b"name")
    sweep(again, back_ms)
    sweep(again, back_ms + GRACE_MS_MAX - 1)
    assert fate(again, "the relay was away", back_ms) is None
    sweep(again, back_ms + GRACE_MS_MAX)
    assert fate(again, "now it is its own silence", back_ms + GRACE_MS_MAX) is Cause.RECIPIENT_DEVICE_EXPIRED


def test_a_clock_set_back_stops_nobody_looking(tmp_path: Path) -> None:
    relay = store(tmp_path)
    leases = Leases(LEASE_S)
    assert leases.overdue(relay.db, wall_ms=WALL_MS + 10 * LEASE_S * 1000) == []
    came(relay, WALL_MS - 2 * LEASE_S * 1000)
    assert leases.overdue(relay.db, wall_ms=WALL_MS) == [PHONE]


def test_a_lease_is_longer_than_any_mail_is_kept() -> None:
    assert LEASE_S > LEASE_S_MIN > 30 * 86_400
