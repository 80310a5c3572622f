"""Proves that a backup brings history back once, holds nothing that opens mail, and survives being broken off."""

import asyncio
import contextlib
import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from answerback.core.facts import Fact, KeepChange, KeepContact, KeepMessage, KeepVerified
from answerback.crypto.backups import DamagedBackupError, WrongPassphraseError, open_backup, seal_backup
from answerback.device import backing_up
from answerback.device.backing_up import check_backup, read_backup, restore_backup, write_backup
from answerback.device.wishes import WISH_SETTING
from answerback.model.errors import UsageError
from answerback.model.handle import Handle
from answerback.model.ids import AccountId
from answerback.model.message import Attachment
from answerback.model.trust import How
from answerback.storage.identity import Identity
from answerback.storage.journal import Journal
from answerback.storage.staging import Staging
from answerback.wire.keepsakes import Root
from tests.device.test_client import offline
from tests.storage.samples import ANN, BEA, CANARY, FILE, IDENTITY, KEY, PHONE, golden_facts, message_of

GOOD = "violet anchor tuesday biscuit ladder"
CONTENT = b"a picture of a canary" * 9_000


def _quickly(passphrase: str, salt: bytes) -> bytes:
    """As Argon2id, but for its cost of a tenth of a second."""
    return hashlib.sha256(passphrase.encode() + salt).digest()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backing_up, "seal_backup", lambda *given: seal_backup(*given, stretch=_quickly))
    monkeypatch.setattr(backing_up, "open_backup", lambda *given: open_backup(*given, stretch=_quickly))


@contextlib.contextmanager
def home(folder: Path, *facts: Fact, identity: Identity | None = IDENTITY) -> Iterator[Journal]:
    journal = Journal.open(folder, key=KEY)
    try:
        if identity is not None:
            journal.keep_identity(identity)
        journal.commit(facts)
        yield journal
    finally:
        journal.close()


def with_file(journal: Journal, folder: Path, number: int) -> None:
    attachment = Attachment(
        FILE.blob, b"k" * 32, 1, len(CONTENT), hashlib.sha256(CONTENT).digest(), "a.jpg", "image/jpeg"
    )
    kept = KeepMessage(replace(message_of(number, author=BEA), attachment=attachment), 5)
    journal.commit([kept])
    path = Staging(folder).receive("a.jpg", [CONTENT])
    journal.keep_setting(f"file.{FILE.blob.hex()}", str(path))


def back_up(journal: Journal, path: Path, **options: bool) -> None:
    write_backup(journal, path, GOOD, now_ms=7, **options)  # type: ignore[arg-type]


@given(st.lists(st.tuples(st.integers(1, 40), st.sampled_from([ANN, BEA]), st.text(max_size=30)), max_size=30))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_history_comes_back_whole_and_only_once(
    tmp_path_factory: pytest.TempPathFactory, wrote: list[tuple[int, AccountId, str]]
) -> None:
    folder = tmp_path_factory.mktemp("round")
    facts = [KeepMessage(message_of(number, author=author, text=text), 5) for number, author, text in wrote]
    with home(folder / "one", *facts) as journal:
        before = [(kept.mine, kept.arrived_wall_ms, kept.message) for kept in journal.messages(limit=1_000)]
        back_up(journal, folder / "b")
    with home(folder / "two", identity=None) as journal:
        for _ in range(2):
            restore_backup(journal, Staging(folder / "two"), folder / "b", GOOD)
            after = [(kept.mine, kept.arrived_wall_ms, kept.message) for kept in journal.messages(limit=1_000)]
            assert after == before


def test_contacts_marks_changes_wishes_and_files_come_back(tmp_path: Path) -> None:
    mark, change = KeepVerified(BEA, How.CODE, 5, PHONE, b"r" * 32), KeepChange("x@example.org", BEA, ANN, 6, held=True)
    with home(tmp_path / "one", KeepContact("bea@example.org", BEA), mark, change) as journal:
        with_file(journal, tmp_path / "one", 3)
        journal.keep_setting(WISH_SETTING, '{"mode":null,"metered":null}')
        journal.keep_setting("push", "not of this device")
        told = write_backup(journal, tmp_path / "b", GOOD, now_ms=7)
        assert (told.messages, told.files, told.has_root) == (1, 1, False)
    with home(tmp_path / "two") as journal:
        assert restore_backup(journal, Staging(tmp_path / "two"), tmp_path / "b", GOOD).added == 1
        assert restore_backup(journal, Staging(tmp_path / "two"), tmp_path / "b", GOOD).added == 0
        assert journal.contacts() == (KeepContact("bea@example.org", BEA),)
        assert journal.verified() == (mark,)
        assert journal.changes() == (change,)
        assert set(journal.settings()) == {WISH_SETTING, f"file.{FILE.blob.hex()}"}
        (path,) = (tmp_path / "two" / "files" / "received").iterdir()
        assert path.read_bytes() == CONTENT
        assert journal.setting(f"file.{FILE.blob.hex()}") == str(path)


def test_what_this_device_knows_since_is_not_overwritten_and_what_came_since_stays_newest(tmp_path: Path) -> None:
    with home(tmp_path / "one", KeepMessage(message_of(1), 5), KeepContact("bea@example.org", BEA),
              KeepVerified(BEA, How.CODE, 5, PHONE)) as journal:  # fmt: skip
        back_up(journal, tmp_path / "b")
    newer = KeepVerified(BEA, How.WITHDRAWN, 9, PHONE)
    with home(tmp_path / "two", KeepMessage(message_of(2), 9), KeepContact("bea@example.org", ANN), newer) as journal:
        restore_backup(journal, Staging(tmp_path / "two"), tmp_path / "b", GOOD)
        assert journal.contacts() == (KeepContact("bea@example.org", ANN),)
        assert journal.verified() == (newer,)
        assert [kept.message.id for kept in journal.messages()] == [message_of(2).id, message_of(1).id]
        assert journal.messages()[-1].arrival <= 0, "it counts as read"


def test_the_file_shows_nothing_and_holds_nothing_that_opens_mail(tmp_path: Path) -> None:
    with home(tmp_path / "one", *golden_facts()) as journal:
        back_up(journal, tmp_path / "b")
        sealed = (tmp_path / "b").read_bytes()
        for canary in (CANARY, "bea@example.org", "ann@example.org"):
            assert canary.encode() not in sealed
        with (tmp_path / "b").open("rb") as file:
            opened = b"".join(open_backup(GOOD, file.read, stretch=_quickly))
        assert CANARY.encode() in opened, "the canary would be found"
        secrets = ["account pickle", "pickle", "secret", "sealed", "letter", "session"]
        keys = [IDENTITY.pickle_key, IDENTITY.root_seed or b"", b"seal key", b"boot", b"store"]
        assert [word for word in [*(each.encode() for each in secrets), *keys] if word in opened] == []


def test_the_root_key_is_there_only_if_it_was_asked_for(tmp_path: Path) -> None:
    with home(tmp_path / "one") as journal:
        back_up(journal, tmp_path / "without")
        back_up(journal, tmp_path / "with", with_root=True)
    assert check_backup(tmp_path / "without", GOOD).root_seed is None
    found = check_backup(tmp_path / "with", GOOD)
    assert found.root_seed == IDENTITY.root_seed
    assert "rrrr" not in repr(found)
    assert any(isinstance(record, Root) for record in read_backup(tmp_path / "with", GOOD))


def test_a_damaged_backup_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backing_up, "PAGE_MESSAGES", 3)
    with home(
        tmp_path / "one", *(KeepMessage(message_of(number, text="x" * 20_000), 5) for number in range(20))
    ) as one:
        back_up(one, tmp_path / "b")
    whole = (tmp_path / "b").read_bytes()
    changed = bytearray(whole)
    changed[-100] ^= 1
    with home(tmp_path / "two") as journal:
        for data in (whole[:-200], bytes(changed), whole + b"x"):
            (tmp_path / "bad").write_bytes(data)
            with pytest.raises(DamagedBackupError):
                restore_backup(journal, Staging(tmp_path / "two"), tmp_path / "bad", GOOD)
        with pytest.raises(WrongPassphraseError):
            restore_backup(journal, Staging(tmp_path / "two"), tmp_path / "b", GOOD + " no")
        assert journal.counts().messages == 0


def test_another_accounts_backup_and_a_taken_name_are_refused(tmp_path: Path) -> None:
    with home(tmp_path / "one", KeepMessage(message_of(1), 5)) as journal:
        back_up(journal, tmp_path / "b")
        with pytest.raises(UsageError, match="exists"):
            back_up(journal, tmp_path / "b")
    with home(tmp_path / "two") as journal:
        journal.keep_identity(_somebody_else())
        with pytest.raises(UsageError, match="another account"):
            restore_backup(journal, Staging(tmp_path / "two"), tmp_path / "b", GOOD)
    with home(tmp_path / "three", identity=None) as journal, pytest.raises(UsageError, match="never registered"):
        back_up(journal, tmp_path / "c")
    assert not (tmp_path / "c").exists()


def _somebody_else() -> Identity:
    return replace(IDENTITY, account=BEA, handle=Handle("bea@example.org"))


def test_a_file_that_was_changed_since_it_came_is_left_out(tmp_path: Path) -> None:
    with home(tmp_path / "one") as journal:
        with_file(journal, tmp_path / "one", 3)
        (path,) = (tmp_path / "one" / "files" / "received").iterdir()
        path.write_bytes(CONTENT[:-1] + b"!")
        assert write_backup(journal, tmp_path / "b", GOOD, now_ms=7).files == 0
        path.unlink()
        assert write_backup(journal, tmp_path / "c", GOOD, now_ms=7).files == 0


def test_a_program_backs_its_device_up_while_it_is_at_work(tmp_path: Path) -> None:
    with offline(tmp_path / "one") as me:
        told = asyncio.run(me.archive.backup(tmp_path / "b", GOOD, with_root=True))
        assert told.account == me.identity.account
        assert asyncio.run(me.archive.export(tmp_path / "out")).messages == 0
    assert check_backup(tmp_path / "b", GOOD).root_seed is not None


CHILD = """
import sys, time
from pathlib import Path
from answerback.device.backing_up import restore_backup, write_backup
from answerback.storage.journal import Journal
from answerback.storage.staging import Staging
what, folder, file = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
journal = Journal.open(folder, key=bytes(range(32)))
slow = lambda done, total: (print(done, flush=True), time.sleep(0.05))
if what == "backup":
    write_backup(journal, file, "violet anchor tuesday biscuit ladder", now_ms=7, progress=slow)
else:
    restore_backup(journal, Staging(folder), file, "violet anchor tuesday biscuit ladder", progress=slow)
journal.close()
"""


def killed(what: str, folder: Path, file: Path, after: int) -> None:
    """Let a process begin, and kill it after it has spoken so often."""
    child = subprocess.Popen([sys.executable, "-c", CHILD, what, str(folder), str(file)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    for _ in range(after):
        child.stdout.readline()
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9")
@pytest.mark.usefixtures("_real")
def test_killed_anywhere_a_backup_is_whole_or_not_there_and_a_restore_is_repeated(tmp_path: Path) -> None:
    with home(tmp_path / "one", *(KeepMessage(message_of(number), 5) for number in range(1_200))):
        pass
    for after in range(4):
        killed("backup", tmp_path / "one", tmp_path / "b", after)
        assert not (tmp_path / "b").exists()
    with home(tmp_path / "one") as journal:
        write_backup(journal, tmp_path / "b", GOOD, now_ms=7)
        expected = [kept.message for kept in journal.messages(limit=2_000)]
    counts = []
    for after in (1, 2, 3):
        killed("restore", tmp_path / "two", tmp_path / "b", after)
        with home(tmp_path / "two", identity=None) as journal:
            counts.append(journal.counts().messages)
            got = [kept.message for kept in journal.messages(limit=2_000)]
            assert got == expected[: len(got)], "the newest first, none twice"
    assert counts[-1] > 0
    with home(tmp_path / "two", identity=None) as journal:
        restore_backup(journal, Staging(tmp_path / "two"), tmp_path / "b", GOOD)
        assert [kept.message for kept in journal.messages(limit=2_000)] == expected


@pytest.fixture
def _real(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2id as it is: the child computes it, too."""
    monkeypatch.undo()
