"""A batch is one durable change, and what memory knows of a mailbox is what the disk says."""

import dataclasses
from pathlib import Path

import pytest

from answerback.model.causes import Cause
from answerback.model.devices import Signed
from answerback.model.errors import RefusedError, StoreFullError
from answerback.model.message import LIFETIME_S, Lane
from answerback.storage import relay_store
from answerback.storage.database import open_database
from answerback.storage.relay_commands import (
    NOTHING_TAKEN,
    AddKeys,
    ClaimKey,
    Command,
    Denied,
    Done,
    Leave,
    ListPut,
    Locate,
    Meet,
    Met,
    Open,
    PutList,
    Sweep,
    Trace,
    Traced,
)
from answerback.storage.relay_store import RelayStore, put_first_list
from tests.storage.relay_samples import (
    WALL_MS,
    append,
    device,
    device_list,
    fates,
    letter,
    open_mailbox,
    opened,
    page,
    read,
    signed,
    take,
    texts,
)


def reopened(store: RelayStore, folder: Path) -> RelayStore:
    store.db.close()
    return opened(folder)


def rows_on_disk(store: RelayStore) -> int:
    row = store.db.row("SELECT count(*) FROM envelope")
    assert row is not None
    return int(row[0])


def test_a_store_keeps_its_name_and_one_that_begins_anew_has_another(tmp_path: Path) -> None:
    store = opened(tmp_path / "one", "ann")
    assert RelayStore(store.db, new_name=b"other").name == store.name == b"name"


def test_a_later_command_sees_what_an_earlier_one_of_its_batch_did(tmp_path: Path) -> None:
    store = opened(tmp_path, "ann")
    _, found = store.apply([append(letter("ann", "a"), letter("ann", "b")), read("ann")])
    assert texts(found) == ["a", "b"]  # type: ignore[arg-type]


def test_a_page_is_bounded_and_says_what_is_left(tmp_path: Path) -> None:
    store = opened(tmp_path, "ann")
    fates(store, *(letter("ann", f"n{i}" * 50) for i in range(10)), letter("ann", "u", lane=Lane.URGENT))
    first = page(store, read("ann", rows_max=4))
    assert texts(first) == ["u", *(f"n{i}" * 50 for i in range(3))]
    assert first.lanes_left == (Lane.NORMAL,)
    after = list(NOTHING_TAKEN)
    after[Lane.URGENT], after[Lane.NORMAL] = first.entries[0].position, first.entries[-1].position
    second = page(store, read("ann", after=tuple(after), bytes_max=150))
    assert texts(second) == ["n3" * 50]
    assert second.lanes_left == (Lane.NORMAL,)
    rest = page(store, read("ann", after=tuple(after)))
    assert (texts(rest)[-1], rest.lanes_left) == ("n9" * 50, ())


def test_taken_rows_leave_the_disk_and_stay_gone_after_a_restart(tmp_path: Path) -> None:
    store = opened(tmp_path, "ann")
    found = fates(store, *(letter("ann", f"{i}") for i in range(4)))
    assert store.apply([take("ann", Lane.NORMAL, found[2].position)]) == [Done(3)]
    assert rows_on_disk(store) == 4
    store = reopened(store, tmp_path)  # before they were struck out
    assert (store.rows, open_mailbox(store, "ann").waiting) == (1, 1)
    assert rows_on_disk(store) == 1
    assert texts(page(store, read("ann"))) == ["3"]


def test_a_cursor_never_goes_back(tmp_path: Path) -> None:
    store = opened(tmp_path, "ann")
    found = fates(store, letter("ann", "a"), letter("ann", "b"))
    for position in (found[1].position, found[0].position):
        store.apply([take("ann", Lane.NORMAL, position)])
    assert open_mailbox(store, "ann").taken[Lane.NORMAL] == found[1].position


def test_the_last_position_is_remembered_when_every_row_is_gone(tmp_path: Path) -> None:
    store = opened(tmp_path, "ann")
    (first,) = fates(store, letter("ann", "a"))
    store.apply([take("ann", Lane.NORMAL, first.position)])
    store.apply([Sweep(WALL_MS)])
    assert rows_on_disk(store) == 0
    store = reopened(store, tmp_path)
    (second,) = fates(store, letter("ann", "b"), wall_ms=0)
    assert second.position > first.position


def test_what_expires_leaves_and_nothing_is_kept_longer_than_the_longest_age(tmp_path: Path) -> None:
    store = opened(tmp_path, "ann")
    fates(store, letter("ann", "short", lifetime_s=10), letter("ann", "for ever", lifetime_s=1 << 60))
    assert store.apply([Sweep(WALL_MS + 11_000)]) == [Done(1)]
    assert open_mailbox(store, "ann").waiting == 1
    store = reopened(store, tmp_path)
    assert store.apply([Sweep(WALL_MS + LIFETIME_S * 1000 + 1)]) == [Done(1)]
    store.apply([Sweep(WALL_MS)])
    assert (rows_on_disk(store), store.rows, store.size_bytes) == (0, 0, 0)


def test_an_expired_id_may_come_again(tmp_path: Path) -> None:
    store = opened(tmp_path, "ann")
    fates(store, letter("ann", "a", lifetime_s=10))
    store.apply([Sweep(WALL_MS + 11_000)])
    assert fates(store, letter("ann", "a"), wall_ms=WALL_MS + 12_000)[0].position > 0
    assert len(page(store, read("ann")).entries) == 1


def test_a_long_backlog_is_struck_out_bit_by_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_store, "STRIKE_MAX", 3)
    store = opened(tmp_path, "ann")
    found = fates(store, *(letter("ann", f"{i}") for i in range(8)))
    store.apply([take("ann", Lane.NORMAL, found[-1].position)])
    left = []
    while not store.idle:
        store.apply([Sweep(WALL_MS)])
        left.append(rows_on_disk(store))
    assert left == [5, 2, 0]


def test_mailboxes_nobody_uses_are_forgotten_in_memory_only(tmp_path: Path) -> None:
    store = opened(tmp_path, "ann", "ben")
    fates(store, letter("ann", "a"), letter("ben", "b"))
    open_mailbox(store, "ben")
    for _ in range(3):
        store.apply([Sweep(WALL_MS)])
    assert list(store._mailboxes) == [device("ben").id]
    assert fates(store, letter("ann", "a"))[0].position == 0, "held already"
    store.apply([Leave(device("ben").id, WALL_MS)])


def test_a_failed_commit_leaves_neither_disk_nor_memory_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened(tmp_path, "ann", "ben")
    found = fates(store, letter("ann", "a"))

    def full(_positions: list[int]) -> None:
        raise StoreFullError("no space")

    with monkeypatch.context() as disk:
        disk.setattr(store, "_strike_out", full)
        with pytest.raises(StoreFullError):
            store.apply([append(letter("ben", "b")), take("ann", Lane.NORMAL, found[0].position)])
    assert store.rows == rows_on_disk(store) == 1
    assert texts(page(store, read("ann"))) == ["a"]
    assert fates(store, letter("ben", "b"))[0].position > found[0].position


def test_new_mail_may_not_use_the_last_of_the_disk_but_taking_goes_on(tmp_path: Path) -> None:
    free = [relay_store.RESERVE_BYTES]
    full = opened(tmp_path, "ann")
    store = RelayStore(full.db, new_name=b"", free_bytes=lambda: free[0])
    found = fates(store, letter("ann", "a"))
    free[0] -= 1
    answers = store.apply([append(letter("ann", "b")), take("ann", Lane.NORMAL, found[0].position)])
    assert answers == [Denied(Cause.RELAY_STORE_FULL), Done(1)]


def test_a_device_left_out_of_the_list_loses_its_mail_and_begins_empty_if_it_returns(tmp_path: Path) -> None:
    store = opened(tmp_path, "ann")
    for version, names in ((2, ("ann", "tab")), (3, ("ann",)), (4, ("ann", "tab"))):
        if version == 3:
            fates(store, letter("tab", "lost"))
            store = reopened(store, tmp_path)
        newer = device_list("ann", version, *names)
        (answer,) = store.apply([PutList(1, 1, signed(newer), newer)])
        assert answer == ListPut(version, [device("tab").id] if version == 3 else [])
        gone = fates(store, letter("tab", "late"))[0].cause if version == 3 else None
        assert gone is (Cause.RECIPIENT_DEVICE_GONE if version == 3 else None)
    store = reopened(store, tmp_path)
    assert open_mailbox(store, "tab").waiting == 0
    assert page(store, read("tab")).entries == []
    assert fates(store, letter("tab", "new"))[0].list_version == 4


@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_removed_device_finds_every_door_shut_by_itself(tmp_path: Path, is_restarted: bool) -> None:  # noqa: FBT001 - a case
    """Each door on its own: what one of them lets through by mistake, the next one does not."""
    store = opened(tmp_path, "ann")
    for version, names in ((2, ("ann", "tab")), (3, ("ann",))):
        newer = device_list("ann", version, *names)
        store.apply([PutList(1, 1, signed(newer), newer)])
    if is_restarted:
        store = reopened(store, tmp_path)
    gone = device("tab").id
    doors: list[Command] = [
        Meet(1, gone),
        Open(1, gone, NOTHING_TAKEN, WALL_MS),
        read("tab"),
        AddKeys(1, 1, gone, [Signed(b"key", b"s")], None, None, b""),
    ]
    for door in doors:
        assert store.apply([door]) == [Denied(Cause.ACCOUNT_DEVICE_REVOKED)], door
    assert store.apply([ClaimKey(1, 1, gone)]) == [Denied(Cause.RECIPIENT_DEVICE_GONE)]
    late = dataclasses.replace(append(letter("ann", "late")), sender=gone)
    assert store.apply([late]) == [Denied(Cause.ACCOUNT_DEVICE_REVOKED)]
    assert store.apply([Locate(1, [(gone, letter("tab", "x").id)])]) == [
        Traced([Trace(held=False, taken=False, seen_ms=-1)])
    ]


def test_a_first_list_is_put_once_and_another_one_is_refused(tmp_path: Path) -> None:
    store = opened(tmp_path, "ann")
    again, other = device_list("ann", 1, "ann"), device_list("ann", 1, "eve")
    with store.db.transaction():
        put_first_list(store.db, signed(again), again)
    for wrong in (other, device_list("new", 2, "new"), device_list("eve", 1, "ann")):
        with pytest.raises(RefusedError), store.db.transaction():
            put_first_list(store.db, signed(wrong), wrong)


def test_the_store_knows_its_devices_and_where_their_mail_is(tmp_path: Path) -> None:
    store = opened(tmp_path, "ann")
    (found,) = fates(store, letter("ann", "a"))
    mail = letter("ann", "a")
    met, nobody, traced = store.apply(
        [Meet(1, mail.device), Meet(1, device("nobody").id), Locate(1, [(mail.device, mail.id)])]
    )
    assert isinstance(met, Met)
    assert met.entry == device("ann")
    assert nobody == Denied(Cause.ACCOUNT_NOT_REGISTERED)
    assert traced == Traced([Trace(held=True, taken=False, seen_ms=-1)])
    store.apply([take("ann", Lane.NORMAL, found.position), Leave(mail.device, WALL_MS)])
    (traced,) = store.apply([Locate(1, [(mail.device, mail.id)])])
    assert traced == Traced([Trace(held=False, taken=True, seen_ms=WALL_MS)])


def test_each_run_leaps_over_some_positions_so_that_a_forgotten_time_s_are_not_given_out_again(tmp_path: Path) -> None:
    db = open_database(tmp_path / "relay.db", schema="relay")
    assert RelayStore(db, new_name=b"name")._position == 0
    assert RelayStore(db, new_name=b"name", leap=1_000)._position == 1_000
    db.close()
