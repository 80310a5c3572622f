"""Proves that handles, codes and invitations are kept, counted down and forgotten as told."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from answerback.model.ids import AccountId
from answerback.storage.account_store import AccountStore, CodeRow
from answerback.storage.database import open_database

ANN, BEA = AccountId(b"a" * 16), AccountId(b"b" * 16)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[AccountStore]:
    database = open_database(tmp_path / "relay.db", schema="relay")
    yield AccountStore(database)
    database.close()


def test_a_handle_belongs_to_the_first_who_claims_it(store: AccountStore) -> None:
    assert store.account_of("ann@example.org") is None
    assert store.claim("ann@example.org", ANN, now_ms=1)
    assert not store.claim("ann@example.org", BEA, now_ms=2)
    assert store.account_of("ann@example.org") == ANN


def test_a_new_code_takes_the_place_of_the_old_with_all_its_tries(store: AccountStore) -> None:
    store.keep_code("ann", mac=b"old", now_ms=1)
    store.count_wrong_try("ann")
    store.use_code("ann", ANN)
    assert store.code("ann") == CodeRow(b"old", 1, 1, ANN)
    store.keep_code("ann", mac=b"new", now_ms=2)
    assert store.code("ann") == CodeRow(b"new", 2, 0, b"")


def test_the_newest_codes_are_counted(store: AccountStore) -> None:
    for moment in range(1, 6):
        store.keep_code("ann", mac=b"x", now_ms=moment)
    store.keep_code("bea", mac=b"x", now_ms=9)
    assert store.codes_sent_ms("ann", after_ms=2, count_max=2) == [5, 4]
    assert store.codes_sent_ms("ann", after_ms=4, count_max=9) == [5]


def test_an_invitation_ends_with_its_uses_or_its_time(store: AccountStore) -> None:
    store.keep_invitation(b"hash", uses=1, expires_ms=10, now_ms=0)
    assert store.is_invited(b"hash", now_ms=9)
    assert not store.is_invited(b"hash", now_ms=10)
    assert not store.use_invitation(b"hash", now_ms=10)
    assert store.use_invitation(b"hash", now_ms=9)
    assert not store.is_invited(b"hash", now_ms=9)
    assert not store.use_invitation(b"other", now_ms=9)


def test_what_no_longer_counts_is_forgotten_and_the_rest_is_not(store: AccountStore) -> None:
    store.keep_code("old", mac=b"x", now_ms=1)
    store.keep_code("new", mac=b"x", now_ms=50)
    store.keep_invitation(b"old", uses=1, expires_ms=60, now_ms=0)
    store.keep_invitation(b"new", uses=1, expires_ms=200, now_ms=0)
    assert store.forget_old(codes_before_ms=50, now_ms=100) == 3
    assert store.code("old") is None
    assert store.code("new") is not None
    assert store.is_invited(b"new", now_ms=100)


def test_a_beat_is_read_back(store: AccountStore) -> None:
    assert store.beat(b"one") == b"one"
    assert store.beat(b"two") == b"two"
