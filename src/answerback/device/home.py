"""Finds, makes and opens one device's folder: its key, its journal, its files."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from answerback.crypto.primitives import argon2id
from answerback.model.errors import StorageError, StoreCorruptError, UsageError
from answerback.storage.history import History
from answerback.storage.journal import Journal
from answerback.storage.layout import JOURNAL_FILE
from answerback.storage.repair import Repaired, repair_journal
from answerback.storage.vault import KeySource, create_key, key_source, keyring_usable, open_key

if TYPE_CHECKING:
    from answerback.device.carriers_file import Carriers

FOLDER_VARIABLE = "ANSWERBACK_HOME"
CHECK_BYTES_MAX = 32 * 1024 * 1024
"""A journal up to this size is read whole at every start: half a second on a slow machine, for years of messages. In a
larger one damage is found when what is damaged is read."""
PASSPHRASE_VARIABLE = "ANSWERBACK_PASSPHRASE"  # noqa: S105 - the name of a variable


def default_folder() -> Path:
    """Where this person's device lives unless they say otherwise."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "Answerback"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "Answerback"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "answerback"


def usual_key_source() -> KeySource:
    """Choose where a new device keeps its key: a passphrase if one is given, a keyring if there is one, else a file."""
    if os.environ.get(PASSPHRASE_VARIABLE):
        return KeySource.PASSPHRASE
    return KeySource.KEYRING if keyring_usable() else KeySource.FILE


def make_journal(folder: Path, *, source: KeySource, passphrase: str | None = None) -> Journal:
    """Make a device's folder, or open the one whose making was interrupted."""
    if key_source(folder) is not None:
        return open_journal(folder, passphrase=passphrase)
    key = create_key(folder, source=source, passphrase=_passphrase(passphrase), stretch=argon2id)
    return Journal.open(folder, key=key)


def open_journal(folder: Path, *, passphrase: str | None = None) -> Journal:
    """Open a device's journal for this process alone, and look for damage.

    Raises `StoreLockedError` while another has it, `StoreCorruptError` if a page of it is not what was written.
    """
    with _advised():
        journal = Journal.open(folder, key=_key(folder, passphrase))
        try:
            if (folder / JOURNAL_FILE).stat().st_size <= CHECK_BYTES_MAX:
                journal.check()
        except BaseException:
            with contextlib.suppress(StorageError):  # the damage is what is to be told
                journal.close()
            raise
    return journal


def repair_device(folder: Path, *, passphrase: str | None = None) -> Repaired:
    """Save what can be read of a damaged journal into a new one, while nobody uses the device."""
    return repair_journal(folder, key=_key(folder, passphrase))


@contextlib.contextmanager
def _advised() -> Iterator[None]:
    """Say what helps where a journal is damaged."""
    try:
        yield
    except StoreCorruptError as error:
        raise StoreCorruptError(f"{error}; `answerback repair` saves what can be read of it") from error


def own_carriers(folder: Path, *, passphrase: str | None = None) -> "Carriers":
    """Set up what carries texts for this device, as its `carriers.toml` says. Raises as `open_carriers` does."""
    # not above: most commands only read, and need not load what connects
    from answerback.device.carriers_file import Carriers, open_carriers, read_carriers  # noqa: PLC0415

    return open_carriers(folder, key=_key(folder, passphrase)) if read_carriers(folder) else Carriers((), None)


def open_history(folder: Path, *, passphrase: str | None = None) -> History:
    """Open a device's journal for reading, also while its daemon is at work."""
    return Journal.read_only(folder, key=_key(folder, passphrase))


def _key(folder: Path, passphrase: str | None) -> bytes:
    if key_source(folder) is None:
        raise UsageError(f"there is no device in {folder}: `answerback register` or `answerback link` makes one")
    try:
        return open_key(folder, passphrase=_passphrase(passphrase), stretch=argon2id)
    except OSError as error:
        raise StorageError(f"the key of the device in {folder} cannot be read: {error.strerror}") from error


def _passphrase(given: str | None) -> str | None:
    return given if given is not None else os.environ.get(PASSPHRASE_VARIABLE)
