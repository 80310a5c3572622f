"""Proves that one process at a time gets in, and that a dead one keeps nobody out."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from answerback.model.errors import StorageError, StoreLockedError
from answerback.storage.layout import LOCK_FILE
from answerback.storage.lock import FolderLock, holder_of

HOLD = """
import sys, pathlib
from answerback.storage.lock import FolderLock
lock = FolderLock(pathlib.Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_the_second_is_told_who_the_first_is_and_a_killed_holder_is_no_holder(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        with pytest.raises(StoreLockedError, match=f"in use by process {child.pid}$"):
            FolderLock(tmp_path)
        child.kill()
    FolderLock(tmp_path).release()


def test_it_also_keeps_out_the_same_process(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path)
    with pytest.raises(StoreLockedError, match=str(os.getpid())):
        FolderLock(tmp_path)
    lock.release()
    lock.release()
    FolderLock(tmp_path).release()


def test_a_holder_that_left_no_number_is_another_process(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path)
    os.truncate(tmp_path / LOCK_FILE, 0)
    with pytest.raises(StoreLockedError, match="another process"):
        FolderLock(tmp_path)
    lock.release()


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="cannot be opened"):
        FolderLock(tmp_path / "file")


def test_a_longer_number_of_an_earlier_holder_is_gone(tmp_path: Path) -> None:
    (tmp_path / LOCK_FILE).write_text("9" * 15)
    lock = FolderLock(tmp_path)
    assert (tmp_path / LOCK_FILE).read_text() == str(os.getpid())
    lock.release()


def test_who_holds_a_folder_is_known_without_holding_it(tmp_path: Path) -> None:
    assert holder_of(tmp_path) is None
    lock = FolderLock(tmp_path)
    assert holder_of(tmp_path) == f"process {os.getpid()}"
    lock.release()
    assert holder_of(tmp_path) is None
    FolderLock(tmp_path).release()


def test_a_disk_without_room_for_a_number_is_a_storage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int, _content: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(StorageError, match="No space left"):
            FolderLock(tmp_path)
    FolderLock(tmp_path).release()
