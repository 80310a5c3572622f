"""Proves that the relay's log is in one piece with its directory, only grows, and proves what it is asked for."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from answerback.crypto import merkle
from answerback.crypto.identity import DeviceKeys, RootKey, first_device_list, next_device_list, read_device_list
from answerback.crypto.transparency import is_list, label_of, line_of, read_entry, read_head, sign_head
from answerback.model.devices import Signed
from answerback.model.ids import AccountId
from answerback.model.log import LINE_BYTES, EpochEntry, HandleEntry
from answerback.storage import relay_log
from answerback.storage.account_store import AccountStore
from answerback.storage.database import Database, open_database
from answerback.storage.relay_commands import LogEntries, Logged, LogPage, OpenEntries, ReadLog, RecallHead
from answerback.storage.relay_directory import lists_after, put_first_list, put_list
from answerback.wire.log_frames import LINES_MAX

SEED = b"s" * 32
ANN = AccountId(b"A" * 16)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = open_database(tmp_path / "relay.db", schema="relay")
    relay_log.begin(database, SEED)
    yield database
    database.close()


def handles(db: Database, count: int, first: int = 0) -> None:
    for number in range(first, first + count):
        entry = HandleEntry(number.to_bytes(16, "big"), bytes(32), ANN)
        relay_log._append(db, entry)


def head_of(db: Database) -> Signed:
    state = relay_log.state(db)
    return sign_head(SEED, epoch=state.epoch, size=state.size, root=state.root, made_ms=1)


def test_a_list_is_in_the_log_in_the_transaction_that_makes_it_the_accounts(db: Database) -> None:
    root, keys = RootKey.generate(), DeviceKeys.generate()
    first = first_device_list(root, keys.device(0), now_ms=0)
    put_first_list(db, first, read_device_list(root.account_id, first))
    second = next_device_list(root, first, [keys.device(0), DeviceKeys.generate().device(0)], 0)
    assert relay_log.size_of(db) == 1
    with contextlib.suppress(RuntimeError), db.transaction():
        put_list(db, second, read_device_list(root.account_id, second))
        raise RuntimeError("the power went")
    assert relay_log.size_of(db) == 1, "neither the list nor its entry"
    put_list(db, second, read_device_list(root.account_id, second))
    for version, signed in ((1, first), (2, second)):
        logged = relay_log.of_list(db, root.account_id, version, known_size=0)
        assert logged is not None
        assert logged.placed is not None
        entry = read_entry(logged.placed.entry)
        assert is_list(entry, root.account_id, signed, version)
        leaf = merkle.leaf_hash(line_of(entry, logged.placed.entry))
        state = logged.state
        merkle.check_inclusion(leaf, logged.placed.place, state.size, logged.placed.path, state.root)
    answer = lists_after(db, root.account_id, 2, known_size=1)
    assert answer.logged is not None
    assert answer.logged.placed is not None, "of the newest, where none is newer"
    assert len(answer.logged.consistency) == 1


def test_what_the_directory_had_before_there_was_a_log_is_written_down_when_it_is_asked_for(tmp_path: Path) -> None:
    db = open_database(tmp_path / "relay.db", schema="relay")
    root, keys = RootKey.generate(), DeviceKeys.generate()
    first = first_device_list(root, keys.device(0), now_ms=0)
    put_first_list(db, first, read_device_list(root.account_id, first))
    AccountStore(db).claim("ann@example.org", root.account_id, now_ms=1)
    assert relay_log.size_of(db) == 0
    assert lists_after(db, root.account_id, 0).logged is None
    relay_log.begin(db, SEED)
    assert lists_after(db, root.account_id, 0).logged is not None
    assert relay_log.of_handle(db, "ann@example.org", root.account_id, known_size=0) is not None
    assert relay_log.size_of(db) == 2
    lists_after(db, root.account_id, 0)
    relay_log.of_handle(db, "ann@example.org", root.account_id, known_size=0)
    assert relay_log.size_of(db) == 2, "and once only"
    db.close()


def test_a_handle_is_logged_when_it_is_claimed_and_each_time_it_moves(db: Database) -> None:
    store = AccountStore(db)
    store.claim("ann@example.org", ANN, now_ms=1)
    store.claim("ann@example.org", AccountId(b"B" * 16), now_ms=2)  # somebody has it
    assert relay_log.size_of(db) == 1
    relay_log.log_handle(db, "ann@example.org", AccountId(b"B" * 16))
    relay_log.log_handle(db, "ann@example.org", AccountId(b""))
    relay_log.log_handle(db, "nobody@example.org", AccountId(b""))
    entries = [read_entry(entry) for entry in relay_log.entries(db, range(3))]
    assert [entry.account for entry in entries if isinstance(entry, HandleEntry)] == [ANN, b"B" * 16, b""]
    assert {entry.label for entry in entries if isinstance(entry, HandleEntry)} == {label_of("ann@example.org")}
    assert relay_log.size_of(db) == 3, "what was never anybody's is not news"


def test_each_head_is_proven_to_follow_from_each_before(db: Database) -> None:
    states = []
    for number in range(20):
        handles(db, 1, number)
        states.append(relay_log.state(db))
    for first in states:
        for second in states[first.size - 1 :]:
            path = relay_log.compared(db, first.size, second.size)
            merkle.check_consistency(first.size, second.size, first.root, second.root, path)
    assert relay_log.compared(db, 21, 22) == []
    assert relay_log.compared(db, 0, 5) == []


def test_it_is_read_in_pages_that_lead_to_its_head(db: Database) -> None:
    handles(db, LINES_MAX + 3)
    page = relay_log.answer(db, ReadLog(1, 1, 2, 0, is_first=True))
    assert isinstance(page, LogPage)
    assert len(page.lines) == LINES_MAX * LINE_BYTES
    rest = relay_log.answer(db, ReadLog(1, 1, 2 + LINES_MAX, 0, is_first=False))
    assert isinstance(rest, LogPage)
    lines = page.lines + rest.lines
    leaves = [merkle.leaf_hash(lines[at : at + LINE_BYTES]) for at in range(0, len(lines), LINE_BYTES)]
    assert merkle.fold(merkle.extended(page.frontier, 2, leaves)) == page.state.root
    assert relay_log.answer(db, OpenEntries(1, 1, (0, 10**9))) == LogEntries([*relay_log.entries(db, [0]), b""])


def test_a_head_of_its_own_that_it_does_not_lead_to_begins_an_epoch_and_is_written_down(db: Database) -> None:
    handles(db, 5)
    led = head_of(db)
    handles(db, 1, 5)
    answer = relay_log.answer(db, RecallHead(1, 1, led, 0))
    assert isinstance(answer, Logged)
    assert answer.state.epoch == 0
    assert answer.reminded
    forgotten = sign_head(SEED, epoch=0, size=9, root=b"r" * 32, made_ms=1)
    answer = relay_log.answer(db, RecallHead(1, 1, forgotten, 5))
    assert isinstance(answer, Logged)
    assert (answer.state.epoch, answer.state.size) == (1, 7)
    assert answer.reminded == ()
    merkle.check_consistency(5, 7, read_head(led).root, answer.state.root, answer.consistency)
    entry = read_entry(relay_log.entries(db, [6])[0])
    assert isinstance(entry, EpochEntry)
    assert entry.forgotten == forgotten
    relay_log.answer(db, RecallHead(1, 1, forgotten, 5))
    assert relay_log.state(db).epoch == 1, "it has said so already"
    relay_log.answer(db, RecallHead(1, 1, sign_head(SEED, epoch=4, size=2, root=b"r" * 32, made_ms=1), 0))
    assert relay_log.state(db).epoch == 5


@pytest.mark.parametrize("seed", [b"t" * 32, b""])
def test_a_head_that_it_never_signed_changes_nothing(db: Database, seed: bytes) -> None:
    handles(db, 3)
    shown = sign_head(seed, epoch=7, size=9, root=b"r" * 32, made_ms=1) if seed else Signed(b"nonsense", bytes(64))
    answer = relay_log.answer(db, RecallHead(1, 1, shown, 0))
    assert answer == Logged(relay_log.state(db), [])
    assert relay_log.state(db).epoch == 0


def test_an_older_copy_that_is_given_the_same_again_leads_to_the_same_heads(tmp_path: Path) -> None:
    states = []
    for name in ("before", "after"):
        db = open_database(tmp_path / name, schema="relay")
        assert relay_log.begin(db, SEED) == SEED
        assert relay_log.begin(db, b"t" * 32) == SEED, "the key goes with the log"
        for handle in ("ann@example.org", "bea@example.org"):
            relay_log.log_handle(db, handle, ANN)
        states.append(relay_log.state(db))
        db.close()
    assert states[0] == states[1]
