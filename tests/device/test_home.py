"""Proves where a device lives, where its key is kept, and that what goes wrong is said in plain words."""

import asyncio
import sys
from pathlib import Path

import pytest

from answerback.device.home import (
    FOLDER_VARIABLE,
    PASSPHRASE_VARIABLE,
    default_folder,
    make_journal,
    open_history,
    open_journal,
    own_carriers,
    usual_key_source,
)
from answerback.model.errors import StorageError, StoreLockedError, UsageError
from answerback.storage.layout import KEY_FILE
from answerback.storage.vault import KeySource, key_source


@pytest.mark.parametrize(
    ("platform", "variables", "folder"),
    [
        ("linux", {}, "~/.local/share/answerback"),
        ("linux", {"XDG_DATA_HOME": "/data"}, "/data/answerback"),
        ("linux", {"XDG_DATA_HOME": "/data", FOLDER_VARIABLE: "~/elsewhere"}, "~/elsewhere"),
        ("darwin", {"XDG_DATA_HOME": "/data"}, "~/Library/Application Support/Answerback"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/Answerback"),
        ("win32", {}, "~/AppData/Local/Answerback"),
        ("win32", {FOLDER_VARIABLE: "/chosen"}, "/chosen"),
    ],
)
def test_a_device_lives_where_its_system_keeps_such_things(
    platform: str, variables: dict[str, str], folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("XDG_DATA_HOME", "LOCALAPPDATA", FOLDER_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    assert default_folder() == Path(folder).expanduser()


def test_a_key_is_kept_as_well_as_this_system_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PASSPHRASE_VARIABLE, raising=False)
    monkeypatch.setattr("answerback.device.home.keyring_usable", lambda: True)
    assert usual_key_source() is KeySource.KEYRING
    monkeypatch.setattr("answerback.device.home.keyring_usable", lambda: False)
    assert usual_key_source() is KeySource.FILE
    monkeypatch.setenv(PASSPHRASE_VARIABLE, "correct horse")
    assert usual_key_source() is KeySource.PASSPHRASE


def test_a_device_is_made_once_and_opened_after(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with pytest.raises(UsageError, match="there is no device in"):
        open_journal(home)
    with pytest.raises(UsageError, match="answerback register"):
        open_history(home)
    make_journal(home, source=KeySource.FILE).close()
    journal = make_journal(home, source=KeySource.KEYRING)  # its making was interrupted: where its key is, is settled
    assert key_source(home) is KeySource.FILE
    journal.keep_setting("here", "yes")
    history = open_history(home)
    assert history.setting("here") == "yes"
    history.close()
    with pytest.raises(StoreLockedError, match="in use by process"):
        open_journal(home)
    journal.close()
    open_journal(home).close()


def test_a_passphrase_is_given_or_taken_from_its_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSPHRASE_VARIABLE, "correct horse")
    make_journal(tmp_path, source=KeySource.PASSPHRASE).close()
    open_journal(tmp_path, passphrase="correct horse").close()
    open_journal(tmp_path).close()
    with pytest.raises((UsageError, StorageError), match="passphrase"):
        open_journal(tmp_path, passphrase="wrong")
    monkeypatch.delenv(PASSPHRASE_VARIABLE)
    with pytest.raises(UsageError, match="passphrase"):
        open_journal(tmp_path)
    open_history(tmp_path, passphrase="correct horse").close()


def test_a_key_that_cannot_be_read_is_said_plainly(tmp_path: Path) -> None:
    make_journal(tmp_path, source=KeySource.FILE).close()
    key = tmp_path / KEY_FILE
    for break_it in (lambda: key.chmod(0o644), lambda: key.write_text("zz"), key.unlink, key.mkdir):
        break_it()
        for opening in (open_journal, open_history):
            with pytest.raises(StorageError) as failed:
                opening(tmp_path)
            assert str(tmp_path) in str(failed.value)


def test_a_device_has_the_carriers_that_its_file_names_and_none_without(tmp_path: Path) -> None:
    make_journal(tmp_path, source=KeySource.FILE).close()
    assert own_carriers(tmp_path).each == ()
    file = tmp_path / "carriers.toml"
    file.write_text(
        '[sms]\nkind = "smpp"\nhost = "127.0.0.1"\nsystem_id = "a"\npassword = "x"\nsender = "+49"\nprice = "7 ct"\n'
    )
    file.chmod(0o600)

    async def run() -> None:
        carriers = own_carriers(tmp_path)
        assert [(each.name, each.price, each.parts("x" * 200)) for each in carriers.each] == [("sms", "7 ct", 2)]
        await carriers.close()

    asyncio.run(run())
