"""Keys at rest: where the journal's key comes from.

Three sources, chosen once when the device is made and recorded without any secret in `device.json`: the keyring of the
operating system, a passphrase, or a private file. `device.json` is written last, so a creation that was interrupted
is simply begun again.
"""

import hashlib
import hmac
import multiprocessing
import multiprocessing.pool
import os
import secrets
import stat
from collections.abc import Callable
from enum import Enum, unique
from pathlib import Path
from typing import TypeVar

import msgspec

from answerback.model.errors import StorageError, UsageError
from answerback.storage.database import KEY_BYTES
from answerback.storage.durable import create_file, make_private_folder
from answerback.storage.layout import DEVICE_FILE, JOURNAL_FILE, KEY_FILE, SALT_FILE

SALT_BYTES = 16  # RFC 9106 §3.1
CHECK_BYTES = 8
"""Enough to tell a mistyped passphrase. Whoever tries passphrases has the journal's own checksums to test them with, so
this makes nothing easier."""
STRETCH = "argon2id-1"
"""Names the parameters; new ones get a new name, and files of the old ones can still be told apart."""
KEYRING_SERVICE = "answerback"
KEYRING_PRIORITY_MIN = 1
"""`keyring` gives less to backends that keep secrets in the clear, or not at all."""
KEYRING_ANSWER_S_MAX = 60.0
"""A person may have to type the keyring's password first; with nobody there, nothing may hang for ever."""

Stretch = Callable[[str, bytes], bytes]
"""`argon2id(passphrase, salt)`: handed in, because this floor calls no cryptographic library."""
_T = TypeVar("_T")
_ReadT = TypeVar("_ReadT", bound=msgspec.Struct)


@unique
class KeySource(Enum):
    """Where the journal's key is kept."""

    KEYRING = "keyring"
    PASSPHRASE = "passphrase"  # noqa: S105 - names a place
    FILE = "file"


class _Device(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`device.json`: where the key is, never the key."""

    key_source: KeySource
    entry: str
    """The keyring's entry: random, so that a folder may move and one person may have several devices."""


class _Salt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`passphrase.json`: what it takes to make the key of a passphrase again."""

    stretch: str
    salt: bytes
    check: bytes


def key_source(folder: Path) -> KeySource | None:
    """Say where this device's key is kept; None where there is no device yet."""
    path = folder / DEVICE_FILE
    return _read(path, _Device).key_source if path.exists() else None


def keyring_usable() -> bool:
    """Say whether this system has a keyring that really keeps secrets."""
    return _with_patience(_keyring_keeps)


def create_key(
    folder: Path, *, source: KeySource, passphrase: str | None = None, stretch: Stretch | None = None
) -> bytes:
    """Make the key of a new device and record where it is; raise UsageError where a device is already."""
    if (folder / DEVICE_FILE).exists() or (folder / JOURNAL_FILE).exists():
        raise UsageError(f"there is a device in {folder} already")
    entry = secrets.token_hex(SALT_BYTES)
    try:
        make_private_folder(folder)
        key = _create(folder, source, entry=entry, passphrase=passphrase, stretch=stretch)
        create_file(folder / DEVICE_FILE, msgspec.json.encode(_Device(source, entry)) + b"\n")
    except OSError as error:
        raise StorageError(f"the key cannot be kept in {folder}: {error.strerror}") from error
    return key


def open_key(folder: Path, *, passphrase: str | None = None, stretch: Stretch | None = None) -> bytes:
    """Fetch the key of a device that was made here before."""
    if not (folder / DEVICE_FILE).exists():
        raise UsageError(f"there is no device in {folder} yet")
    device = _read(folder / DEVICE_FILE, _Device)
    match device.key_source:
        case KeySource.KEYRING:
            return _open_from_keyring(device.entry)
        case KeySource.PASSPHRASE:
            return _open_from_passphrase(folder, passphrase, stretch)
        case KeySource.FILE:
            return _open_from_file(folder / KEY_FILE)


def _create(folder: Path, source: KeySource, *, entry: str, passphrase: str | None, stretch: Stretch | None) -> bytes:
    match source:
        case KeySource.KEYRING:
            return _create_in_keyring(entry)
        case KeySource.PASSPHRASE:
            return _create_from_passphrase(folder, passphrase, stretch)
        case KeySource.FILE:
            return _create_in_file(folder)


# ---- a private file ------------------------------------------------------------------------------------------------


def _create_in_file(folder: Path) -> bytes:
    (folder / KEY_FILE).unlink(missing_ok=True)  # of a creation that was interrupted: nothing is encrypted with it
    key = secrets.token_bytes(KEY_BYTES)
    create_file(folder / KEY_FILE, key.hex().encode() + b"\n")
    return key


def _open_from_file(path: Path) -> bytes:
    try:
        mode = path.stat().st_mode
        if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise StorageError(f"others may read the key in {path}; run: chmod 600 '{path}'")
        text = path.read_text(encoding="ascii")
        return _checked(bytes.fromhex(text), place=str(path))
    except FileNotFoundError as error:
        raise StorageError(f"the key {path} is missing; without it the journal cannot be opened") from error
    except OSError as error:
        raise StorageError(f"the key {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise StorageError(f"the key {path} is damaged: {2 * KEY_BYTES} hexadecimal digits expected") from error


# ---- a passphrase --------------------------------------------------------------------------------------------------


def _create_from_passphrase(folder: Path, passphrase: str | None, stretch: Stretch | None) -> bytes:
    salt = secrets.token_bytes(SALT_BYTES)
    key = _stretched(passphrase, salt, stretch)
    (folder / SALT_FILE).unlink(missing_ok=True)
    create_file(folder / SALT_FILE, msgspec.json.encode(_Salt(STRETCH, salt, _check_of(key))) + b"\n")
    return key


def _open_from_passphrase(folder: Path, passphrase: str | None, stretch: Stretch | None) -> bytes:
    kept = _read(folder / SALT_FILE, _Salt)
    if kept.stretch != STRETCH:
        raise StorageError(f"{folder / SALT_FILE} says {kept.stretch!r}; this program knows {STRETCH!r} only")
    key = _stretched(passphrase, kept.salt, stretch)
    if not hmac.compare_digest(_check_of(key), kept.check):
        raise StorageError("the passphrase is wrong")
    return key


def _stretched(passphrase: str | None, salt: bytes, stretch: Stretch | None) -> bytes:
    if not passphrase:
        raise UsageError("this device's journal is opened with a passphrase; none was given")
    assert stretch is not None, "whoever hands in a passphrase hands in what stretches it"
    return _checked(stretch(passphrase, salt), place="the passphrase")


def _check_of(key: bytes) -> bytes:
    return hashlib.sha256(b"answerback passphrase check\0" + key).digest()[:CHECK_BYTES]


# ---- the operating system's keyring --------------------------------------------------------------------------------


def _create_in_keyring(entry: str) -> bytes:
    if not keyring_usable():
        raise StorageError("this system has no keyring that keeps secrets; choose a passphrase or a key file")
    key = secrets.token_bytes(KEY_BYTES)
    _with_patience(lambda: _to_keyring(entry, key.hex()))
    return key


def _open_from_keyring(entry: str) -> bytes:
    kept = _with_patience(lambda: _from_keyring(entry))
    if kept is None:
        raise StorageError(f"the keyring has no entry {KEYRING_SERVICE}/{entry}; without it the journal stays closed")
    try:
        return _checked(bytes.fromhex(kept), place="the keyring")
    except ValueError as error:
        raise StorageError(f"the keyring's entry {KEYRING_SERVICE}/{entry} is damaged") from error


# `keyring` looks for its backends when it is imported, which can take a second and can ask the desktop: late, then, and
# only inside `_with_patience`.


def _keyring_keeps() -> bool:
    import keyring  # noqa: PLC0415

    return keyring.get_keyring().priority >= KEYRING_PRIORITY_MIN


def _to_keyring(entry: str, text: str) -> None:
    import keyring  # noqa: PLC0415

    keyring.set_password(KEYRING_SERVICE, entry, text)


def _from_keyring(entry: str) -> str | None:
    import keyring  # noqa: PLC0415

    if not _keyring_keeps():
        raise StorageError(
            "this device's key is in a keyring, but none can be reached from here (is a desktop needed?)"
        )
    return keyring.get_password(KEYRING_SERVICE, entry)


def _with_patience(question: Callable[[], _T]) -> _T:
    """Ask the keyring in a thread of its own: a locked one may wait for a person for ever, even with nobody there."""
    # Not an executor: that would wait for the thread when the program ends. A pool's threads are daemons.
    from keyring import errors  # noqa: PLC0415

    pool = multiprocessing.pool.ThreadPool(1)
    try:
        return pool.apply_async(question).get(KEYRING_ANSWER_S_MAX)
    except multiprocessing.TimeoutError as error:
        raise StorageError(f"the keyring did not answer in {KEYRING_ANSWER_S_MAX:.0f} s; is it locked?") from error
    except errors.KeyringLocked as error:
        raise StorageError("the keyring is locked; unlock it and try again") from error
    except errors.KeyringError as error:
        raise StorageError(f"the keyring refused: {error}") from error
    finally:
        pool.terminate()


# ---- files of this module ------------------------------------------------------------------------------------------


def _read(path: Path, kind: type[_ReadT]) -> _ReadT:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError as error:
        raise StorageError(f"{path} is missing; without it the journal cannot be opened") from error
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise StorageError(f"{path} is damaged: {error}") from error


def _checked(key: bytes, *, place: str) -> bytes:
    if len(key) != KEY_BYTES:
        raise StorageError(f"{place} gave a key of {len(key)} bytes; {KEY_BYTES} expected")
    return key
