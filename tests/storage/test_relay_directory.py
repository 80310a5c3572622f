"""Keys that were claimed are forgotten in time, and no device hoards them."""

from pathlib import Path

import msgspec
import pytest

from answerback.model.devices import Signed
from answerback.model.errors import StoreCorruptError
from answerback.model.ids import AccountId
from answerback.storage import relay_directory as directory
from answerback.storage.relay_commands import AddKeys, Done
from tests.storage.relay_samples import device, device_list, opened


def keys(first: int, count: int) -> list[Signed]:
    return [Signed(b"key %d" % number, b"s") for number in range(first, first + count)]


def test_a_device_has_no_more_keys_than_the_bound(tmp_path: Path) -> None:
    db = opened(tmp_path, "ann").db
    directory.add_prekeys(db, 1, keys(0, directory.PREKEYS_MAX + 5))
    directory.add_prekeys(db, 1, keys(5_000, 5))
    assert directory.prekeys_left(db, 1) == directory.PREKEYS_MAX


def test_digests_of_claimed_keys_are_kept_within_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory, "CLAIMED_MAX", 3)
    db = opened(tmp_path, "ann").db
    directory.add_prekeys(db, 1, keys(0, 10))
    for signed in keys(0, 10):
        claimed = directory.claim_prekey(db, 1)
        assert claimed is not None
        assert claimed.signed == signed
    row = db.row("SELECT count(*), max(length(body)) FROM prekey")
    assert row == (3, 0)


def test_keys_offered_anew_twice_wait_as_they_did_and_claimed_ones_stay_claimed(tmp_path: Path) -> None:
    db = opened(tmp_path, "ann").db
    directory.add_prekeys(db, 1, keys(0, 10))
    for again in range(2):  # the answer to the first did not reach the device, which offers the very same again
        directory.void_prekeys(db, 1, but=keys(100, 10))
        directory.add_prekeys(db, 1, keys(100, 10))
        claimed = directory.claim_prekey(db, 1)
        assert claimed is not None
        assert claimed.signed == keys(100 + again, 1)[0]
    assert directory.prekeys_left(db, 1) == 8, "two were given away, and none of the first ten is"


def test_a_device_without_keys_has_none_to_give(tmp_path: Path) -> None:
    db = opened(tmp_path, "ann").db
    assert directory.claim_prekey(db, 1) is None
    assert directory.seal_id(db, 1) == b""
    with pytest.raises(StoreCorruptError):
        directory.seal_id(db, 99)


def test_an_unknown_account_has_no_lists(tmp_path: Path) -> None:
    db = opened(tmp_path, "ann").db
    nobody = device_list("nobody", 1).account
    assert directory.newest_list(db, nobody).signed is None
    assert directory.lists_after(db, nobody, 0).lists == []


def test_a_removed_devices_keys_are_gone_from_the_disk(tmp_path: Path) -> None:
    """Nobody claims them while it is removed; listed again, it would hand out keys that a thief has had."""
    db = opened(tmp_path, "ann").db
    directory.add_prekeys(db, 1, keys(0, 3))
    directory.put_fallback(db, 1, Signed(b"fallback", b"s"))
    directory.put_seal_key(db, 1, Signed(b"seal", b"s"), b"name")
    account = db.row("SELECT account FROM device WHERE number = 1")
    assert account is not None
    newest = directory.newest_list(db, AccountId(account[0]))
    empty = msgspec.structs.replace(device_list("ann", newest.version + 1), devices=())
    assert len(directory.put_list(db, Signed(b"empty", b"s"), empty)) == 1
    assert directory.prekeys_left(db, 1) == 0
    assert directory.claim_prekey(db, 1) is None
    assert directory.seal_id(db, 1) == b""


def test_keys_that_are_offered_anew_void_those_before_them_which_never_come_back(tmp_path: Path) -> None:
    store = opened(tmp_path, "ann")
    ann = device("ann").id
    old, new = keys(0, 3), keys(10, 2)
    store.apply([AddKeys(1, 1, ann, old, None, None, b"")])
    assert store.apply([AddKeys(1, 2, ann, new, None, None, b"", anew=True)]) == [Done(2)]
    assert store.apply([AddKeys(1, 3, ann, old, None, None, b"")]) == [Done(2)]
    claimed = [directory.claim_prekey(store.db, 1) for _ in range(3)]
    assert [each.signed for each in claimed if each is not None] == new
