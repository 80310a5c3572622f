"""Proves that a key comes back from where it was put, and that every way it can be missing is said plainly."""

import hashlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail, null
from keyring.errors import KeyringLocked, PasswordSetError

from answerback.model.errors import StorageError, UsageError
from answerback.storage import vault
from answerback.storage.layout import DEVICE_FILE, JOURNAL_FILE, KEY_FILE, SALT_FILE
from answerback.storage.vault import KeySource, create_key, key_source, keyring_usable, open_key


def stretch(passphrase: str, salt: bytes) -> bytes:
    """Quick and no use for anything but a test."""
    return hashlib.sha256(salt + passphrase.encode()).digest()


class DeskKeyring(KeyringBackend):
    """A keyring as a desktop has it, without the desktop."""

    priority = 5

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kept: dict[tuple[str, str], str] = {}
        self.error: Exception | None = None
        self.patience: threading.Event | None = None

    def get_password(self, service: str, username: str) -> str | None:
        if self.patience:
            self.patience.wait()
        if self.error:
            raise self.error
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.error:
            raise self.error
        self.kept[service, username] = password


@pytest.fixture
def desk() -> Iterator[DeskKeyring]:
    before = keyring.get_keyring()
    desk = DeskKeyring()
    keyring.set_keyring(desk)
    yield desk
    keyring.set_keyring(before)


def test_a_key_file_gives_the_key_back_and_only_to_its_owner(tmp_path: Path) -> None:
    key = create_key(tmp_path, source=KeySource.FILE)
    assert len(key) == 32
    assert open_key(tmp_path) == key
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert key_source(tmp_path) is KeySource.FILE


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_file_that_others_may_read_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    key = create_key(tmp_path, source=KeySource.FILE)
    (tmp_path / KEY_FILE).chmod(mode)
    with pytest.raises(StorageError, match=f"run: chmod 600 '{tmp_path / KEY_FILE}'"):
        open_key(tmp_path)
    (tmp_path / KEY_FILE).chmod(0o600)
    assert open_key(tmp_path) == key


def test_a_missing_or_damaged_key_file_is_said_plainly(tmp_path: Path) -> None:
    create_key(tmp_path, source=KeySource.FILE)
    for content, message in (("not hex", "is damaged"), ("00ff", "key of 2 bytes"), ("", "key of 0 bytes")):
        (tmp_path / KEY_FILE).write_text(content)
        with pytest.raises(StorageError, match=message):
            open_key(tmp_path)
    (tmp_path / KEY_FILE).unlink()
    with pytest.raises(StorageError, match="is missing"):
        open_key(tmp_path)


def test_a_passphrase_gives_the_same_key_and_is_nowhere_on_the_disk(tmp_path: Path) -> None:
    key = create_key(tmp_path, source=KeySource.PASSPHRASE, passphrase="correct horse", stretch=stretch)
    assert open_key(tmp_path, passphrase="correct horse", stretch=stretch) == key
    for path in tmp_path.iterdir():
        content = path.read_bytes()
        assert not any(secret in content for secret in (key, key.hex().encode(), b"correct horse"))


def test_a_wrong_passphrase_is_told_before_the_journal_is_touched(tmp_path: Path) -> None:
    create_key(tmp_path, source=KeySource.PASSPHRASE, passphrase="correct horse", stretch=stretch)
    with pytest.raises(StorageError, match="the passphrase is wrong"):
        open_key(tmp_path, passphrase="correct hearse", stretch=stretch)
    for nothing in (None, ""):
        with pytest.raises(UsageError, match="none was given"):
            open_key(tmp_path, passphrase=nothing, stretch=stretch)


def test_salts_differ_so_one_passphrase_gives_two_devices_two_keys(tmp_path: Path) -> None:
    keys = {
        create_key(tmp_path / name, source=KeySource.PASSPHRASE, passphrase="same", stretch=stretch) for name in "ab"
    }
    assert len(keys) == 2


def test_a_salt_that_is_gone_damaged_or_newer_is_said_plainly(tmp_path: Path) -> None:
    create_key(tmp_path, source=KeySource.PASSPHRASE, passphrase="same", stretch=stretch)
    path = tmp_path / SALT_FILE
    path.write_bytes(path.read_bytes().replace(b"argon2id-1", b"argon2id-7"))
    with pytest.raises(StorageError, match="argon2id-7"):
        open_key(tmp_path, passphrase="same", stretch=stretch)
    path.write_bytes(b"{")
    with pytest.raises(StorageError, match="is damaged"):
        open_key(tmp_path, passphrase="same", stretch=stretch)
    path.unlink()
    with pytest.raises(StorageError, match="is missing"):
        open_key(tmp_path, passphrase="same", stretch=stretch)


def test_a_keyring_gives_each_device_its_own_key(tmp_path: Path, desk: DeskKeyring) -> None:
    assert keyring_usable()
    ann, bea = (create_key(tmp_path / name, source=KeySource.KEYRING) for name in ("ann", "bea"))
    assert ann != bea
    assert open_key(tmp_path / "ann") == ann
    assert open_key(tmp_path / "bea") == bea
    assert all(ann.hex().encode() not in path.read_bytes() for path in (tmp_path / "ann").iterdir())


def test_each_way_a_keyring_can_fail_has_its_sentence(tmp_path: Path, desk: DeskKeyring) -> None:
    create_key(tmp_path, source=KeySource.KEYRING)
    desk.error = KeyringLocked()
    with pytest.raises(StorageError, match="the keyring is locked"):
        open_key(tmp_path)
    desk.error = PasswordSetError("no thanks")
    with pytest.raises(StorageError, match="refused: no thanks"):
        create_key(tmp_path / "other", source=KeySource.KEYRING)
    desk.error = None
    (entry,) = desk.kept
    desk.kept[entry] = "not hex"
    with pytest.raises(StorageError, match="is damaged"):
        open_key(tmp_path)
    desk.kept.clear()
    with pytest.raises(StorageError, match="has no entry"):
        open_key(tmp_path)


def test_a_keyring_that_never_answers_is_given_up(
    tmp_path: Path, desk: DeskKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_key(tmp_path, source=KeySource.KEYRING)
    monkeypatch.setattr(vault, "KEYRING_ANSWER_S_MAX", 0.05)
    desk.patience = threading.Event()
    with pytest.raises(StorageError, match="did not answer"):
        open_key(tmp_path)
    desk.patience.set()


def test_a_keyring_that_never_answers_does_not_keep_the_program_from_ending() -> None:
    program = (
        "import threading\nfrom answerback.storage import vault\nvault.KEYRING_ANSWER_S_MAX = 0.05\n"
        "try:\n    vault._with_patience(threading.Event().wait)\nexcept vault.StorageError:\n    print('given up')\n"
    )
    command = [sys.executable, "-c", program]
    environment = {"PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(command, env=environment, capture_output=True, check=True, timeout=60)
    assert (done.stdout, done.stderr) == (b"given up\n", b"")


@pytest.mark.parametrize("backend", [fail.Keyring, null.Keyring])
def test_a_keyring_that_keeps_nothing_is_not_used(
    tmp_path: Path, desk: DeskKeyring, backend: type[KeyringBackend]
) -> None:
    create_key(tmp_path / "before", source=KeySource.KEYRING)
    keyring.set_keyring(backend())
    assert not keyring_usable()
    with pytest.raises(StorageError, match="choose a passphrase or a key file"):
        create_key(tmp_path / "new", source=KeySource.KEYRING)
    assert key_source(tmp_path / "new") is None
    with pytest.raises(StorageError, match="none can be reached"):
        open_key(tmp_path / "before")


def test_a_device_is_never_made_over_another(tmp_path: Path) -> None:
    key = create_key(tmp_path, source=KeySource.FILE)
    with pytest.raises(UsageError, match="already"):
        create_key(tmp_path, source=KeySource.FILE)
    (tmp_path / DEVICE_FILE).unlink()
    (tmp_path / JOURNAL_FILE).write_bytes(b"encrypted with that key")
    with pytest.raises(UsageError, match="already"):
        create_key(tmp_path, source=KeySource.FILE)
    assert (tmp_path / KEY_FILE).read_text().strip() == key.hex()


@pytest.mark.parametrize("source", [KeySource.FILE, KeySource.PASSPHRASE])
def test_a_creation_that_was_interrupted_is_begun_again(tmp_path: Path, source: KeySource) -> None:
    create_key(tmp_path, source=source, passphrase="same", stretch=stretch)
    (tmp_path / DEVICE_FILE).unlink()
    with pytest.raises(UsageError, match="no device"):
        open_key(tmp_path)
    key = create_key(tmp_path, source=source, passphrase="same", stretch=stretch)
    assert open_key(tmp_path, passphrase="same", stretch=stretch) == key


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="cannot be kept"):
        create_key(tmp_path / "file" / "device", source=KeySource.FILE)
