"""Proves that a damaged store or journal is found, named and made whole again as far as it can be read."""

import re
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from answerback.core.facts import Fact, KeepDeviceKeys, KeepMessage, KeepRatchet, KeepRelay
from answerback.model.devices import Signed
from answerback.model.errors import StorageError, StoreCorruptError, StoreLockedError
from answerback.model.message import Lane
from answerback.model.timeline import Stage
from answerback.storage.database import open_database
from answerback.storage.journal import Journal
from answerback.storage.layout import JOURNAL_FILE
from answerback.storage.lock import FolderLock
from answerback.storage.relay_store import RelayStore, put_first_list
from answerback.storage.repair import RELAY_FILE, repair_journal, repair_relay
from answerback.wire.codec import encode
from tests.storage.damage import PAGE_BYTES, pages, spoil
from tests.storage.relay_samples import append, device_list, letter, page, read
from tests.storage.samples import IDENTITY, KEY, LAPTOP, copy_of, message_of, outgoing_of

MESSAGES = 300
LETTERS = 200
NAMES = ("ann", "ben", "eve")


# ---- a journal -----------------------------------------------------------------------------------------------------


def fill_journal(folder: Path) -> bytes:
    facts: list[Fact] = [
        KeepMessage(message_of(number, text=f"{number} " + "x" * 200), 1) for number in range(MESSAGES)
    ]
    facts += [KeepDeviceKeys("keys"), KeepRatchet(LAPTOP, Lane.NORMAL, "session", "pickle", 1)]
    facts += [KeepRelay(b"store", b"boot", 0)]
    with closing(Journal.open(folder, key=KEY)) as journal:
        journal.keep_identity(IDENTITY)
        journal.commit(facts)
    return (folder / JOURNAL_FILE).read_bytes()


def test_a_whole_journal_is_left_alone(tmp_path: Path) -> None:
    fill_journal(tmp_path)
    assert not repair_journal(tmp_path, key=KEY).was_damaged
    assert [path.name for path in tmp_path.iterdir() if "damaged" in path.name] == []


def test_whichever_page_of_a_journal_is_damaged_the_rest_is_kept_or_the_person_is_told(tmp_path: Path) -> None:
    whole = fill_journal(tmp_path)
    path = tmp_path / JOURNAL_FILE
    told = unread = mended = 0
    for number in range(0, pages(path), 5):
        path.write_bytes(whole)
        spoil(path, number, offset=200)
        damaged = path.read_bytes()
        try:
            done = repair_journal(tmp_path, key=KEY)
        except StoreCorruptError as error:
            told += bool(re.search(r"link(ed)? (this device )?anew", str(error)))
            unread += 1
            continue
        mended += 1
        assert done.was_damaged
        assert done.aside is not None
        assert done.aside.read_bytes() == damaged, "the damaged file is kept"
        with closing(Journal.open(tmp_path, key=KEY)) as journal:
            journal.check()
            memory = journal.load()
            assert journal.identity() == IDENTITY
            assert memory.ratchets == (), "a ratchet that is a step behind would seal two texts with one key"
            assert memory.relay is None or memory.relay.life == 0
            lost = {table.name: table.lost for table in done.torn}
            assert journal.counts().messages == MESSAGES - (lost.get("messages") or 0)
    assert mended > unread
    assert told == unread, "what to do"


def test_a_journal_without_its_identity_is_not_given_another(tmp_path: Path) -> None:
    fill_journal(tmp_path)
    with closing(open_database(tmp_path / JOURNAL_FILE, schema="journal", key=KEY)) as database:
        found = database.row("SELECT rootpage FROM sqlite_schema WHERE name = 'identity'")
        assert found is not None
    spoil(tmp_path / JOURNAL_FILE, found[0] - 1)
    with pytest.raises(StoreCorruptError, match=r"who this device is cannot be read any more\..*link this device anew"):
        repair_journal(tmp_path, key=KEY)
    assert not list(tmp_path.glob(".*repair*"))


def test_a_promise_that_was_lost_is_named(tmp_path: Path) -> None:
    fill_journal(tmp_path)
    mine = replace(message_of(900, author=IDENTITY.account), author_device=IDENTITY.device)
    with closing(Journal.open(tmp_path, key=KEY)) as journal:
        journal.commit([KeepMessage(mine, 1), outgoing_of(900), copy_of(900, Stage.SENT)])
    with closing(open_database(tmp_path / JOURNAL_FILE, schema="journal", key=KEY)) as database:
        found = database.row("SELECT rootpage FROM sqlite_schema WHERE name = 'outgoing'")
        assert found is not None
    spoil(tmp_path / JOURNAL_FILE, found[0] - 1)
    done = repair_journal(tmp_path, key=KEY)
    assert mine.id in done.unfinished
    assert "outgoing" in {table.name for table in done.torn}


def test_a_promise_whose_copies_were_lost_is_laid_out_again(tmp_path: Path) -> None:
    fill_journal(tmp_path)
    with closing(Journal.open(tmp_path, key=KEY)) as journal:
        journal.commit([outgoing_of(900), copy_of(900, Stage.SENT, sealed=b"sealed")])
    with closing(open_database(tmp_path / JOURNAL_FILE, schema="journal", key=KEY)) as database:
        database.run("UPDATE outgoing SET addressed = 1")
        found = database.row("SELECT rootpage FROM sqlite_schema WHERE name = 'copies'")
        assert found is not None
    spoil(tmp_path / JOURNAL_FILE, found[0] - 1)
    repair_journal(tmp_path, key=KEY)
    with closing(Journal.open(tmp_path, key=KEY)) as journal:
        (letter,) = journal.load().outgoing
        assert not letter.addressed, "with no copy and none to come it would wait for ever"
        assert journal.load().copies == ()


def test_a_copy_for_a_device_that_no_list_names_any_more_is_made_anew(tmp_path: Path) -> None:
    fill_journal(tmp_path)
    with closing(Journal.open(tmp_path, key=KEY)) as journal:
        journal.commit([outgoing_of(900), copy_of(900, Stage.SENT, sealed=b"sealed")])
    spoil(tmp_path / JOURNAL_FILE, pages(tmp_path / JOURNAL_FILE) // 2)  # among the messages: nothing of this
    repair_journal(tmp_path, key=KEY)
    with closing(Journal.open(tmp_path, key=KEY)) as journal:
        assert len(journal.load().outgoing) == 1
        assert journal.load().copies == (), "it would be given up, and the device said to be gone"


# ---- a relay's store -----------------------------------------------------------------------------------------------


def fill_relay(folder: Path) -> bytes:
    with closing(open_database(folder / RELAY_FILE, schema="relay")) as database:
        with database.transaction():
            for name in NAMES:
                devices = device_list(name, 1, name)
                put_first_list(database, Signed(encode(devices), b"signature"), devices)
        store = RelayStore(database, new_name=b"name")
        store.apply([append(*(letter(NAMES[n % 3], f"{n} " + "x" * 300) for n in range(LETTERS)))])
    return (folder / RELAY_FILE).read_bytes()


def held(folder: Path) -> int:
    """Whatever every mailbox hands over."""
    with closing(open_database(folder / RELAY_FILE, schema="relay")) as database:
        database.check()
        store = RelayStore(database, new_name=b"other")
        return sum(len(page(store, read(name, rows_max=LETTERS)).entries) for name in NAMES)


def root_of(folder: Path, name: str) -> int:
    with closing(open_database(folder / RELAY_FILE, schema="relay")) as database:
        found = database.row("SELECT rootpage FROM sqlite_schema WHERE name = ?", (name,))
        assert found is not None
        return int(found[0]) - 1


def test_whichever_page_of_a_relays_store_is_damaged_its_other_mail_is_kept(tmp_path: Path) -> None:
    whole = fill_relay(tmp_path)
    path = tmp_path / RELAY_FILE
    leaf_rows_max = PAGE_BYTES // 300 + 1
    mended = 0
    for number in range(4, pages(path), 3):
        path.write_bytes(whole)
        spoil(path, number)
        try:
            done = repair_relay(tmp_path)
        except StoreCorruptError:
            continue  # one of the few that say which tables there are
        if not done.was_damaged:
            continue  # a page that nothing is on yet
        mended += 1
        lost = {table.name: table.lost for table in done.torn}
        assert held(tmp_path) == LETTERS - (lost.get("envelope") or 0)
        assert (lost.get("envelope") or 0) <= leaf_rows_max or lost["envelope"] == LETTERS
    assert mended > 10


@pytest.mark.parametrize("table", ["device", "mailbox", "envelope_by_mailbox", "store_name"])
def test_what_others_say_as_well_is_made_again_of_that(table: str, tmp_path: Path) -> None:
    fill_relay(tmp_path)
    spoil(tmp_path / RELAY_FILE, root_of(tmp_path, table))
    assert repair_relay(tmp_path).was_damaged
    assert held(tmp_path) == LETTERS


def test_a_device_entry_that_nobody_can_read_is_found_though_sqlite_sees_nothing(tmp_path: Path) -> None:
    fill_relay(tmp_path)
    with closing(open_database(tmp_path / RELAY_FILE, schema="relay")) as database:
        database.run("UPDATE device SET entry = x'ffffff' WHERE number = 2")
    assert repair_relay(tmp_path).was_damaged
    assert held(tmp_path) == LETTERS


def test_a_log_that_was_not_folded_in_is_read_and_never_left_beside_the_new_file(tmp_path: Path) -> None:
    fill_relay(tmp_path)
    spoil(tmp_path / RELAY_FILE, root_of(tmp_path, "pulse"))
    running = open_database(tmp_path / RELAY_FILE, schema="relay")  # as if killed: its log stays
    running.run("INSERT INTO codes_sent (handle, sent_ms) VALUES ('late@example.org', 5)")
    assert (tmp_path / f"{RELAY_FILE}-wal").stat().st_size > 0
    repair_relay(tmp_path)
    assert not (tmp_path / f"{RELAY_FILE}-wal").exists()
    with closing(open_database(tmp_path / RELAY_FILE, schema="relay")) as database:
        assert database.rows("SELECT handle FROM codes_sent") == [("late@example.org",)]
    running.close()


# ---- whoever asks --------------------------------------------------------------------------------------------------


def test_a_folder_in_use_is_not_repaired(tmp_path: Path) -> None:
    fill_relay(tmp_path)
    lock = FolderLock(tmp_path)
    with pytest.raises(StoreLockedError):
        repair_relay(tmp_path)
    lock.release()


def test_where_there_is_nothing_nothing_is_repaired(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="there is no"):
        repair_relay(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_each_repair_keeps_its_own_damaged_copy(tmp_path: Path) -> None:
    fill_relay(tmp_path)
    for number in (1, 2):
        spoil(tmp_path / RELAY_FILE, root_of(tmp_path, "pulse"))
        assert repair_relay(tmp_path).aside == tmp_path / f"{RELAY_FILE}.damaged-{number}"
