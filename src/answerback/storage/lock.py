"""Lets one process at a time into a device's folder.

The operating system holds the lock and lets go of it when the process ends, however it ends: there are no stale locks
to clean up. The process id in the file is only for the message.
"""

import os
import sys
from pathlib import Path
from typing import Final

from answerback.model.errors import StorageError, StoreLockedError
from answerback.storage.durable import PRIVATE_FILE, make_private_folder
from answerback.storage.layout import LOCK_FILE

PID_CHARACTERS_MAX = 20


class FolderLock:
    """Held from the moment it is made until `release`."""

    def __init__(self, folder: Path) -> None:
        self.path: Final = folder / LOCK_FILE
        try:
            make_private_folder(folder)
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
        except OSError as error:
            raise StorageError(f"{self.path} cannot be opened: {error.strerror}") from error
        try:
            _take(self._descriptor)
        except OSError as error:
            holder = _holder(self._descriptor)
            os.close(self._descriptor)
            raise StoreLockedError(f"{folder} is in use by {holder}") from error
        try:
            os.ftruncate(self._descriptor, 0)
            os.write(self._descriptor, str(os.getpid()).encode())
        except OSError as error:
            self.release()
            raise StorageError(f"{self.path} cannot be written: {error.strerror}") from error

    def release(self) -> None:
        """Let the next process in; the second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)  # closing is what unlocks, on every system
            self._descriptor = -1


def holder_of(folder: Path) -> str | None:
    """Say which process holds a folder just now; none if nobody does."""
    try:
        descriptor = os.open(folder / LOCK_FILE, os.O_RDWR)
    except OSError:
        return None  # nobody ever held it, or it is not ours to hold
    try:
        _take(descriptor)
    except OSError:
        return _holder(descriptor)
    else:
        return None
    finally:
        os.close(descriptor)


def _holder(descriptor: int) -> str:
    pid = os.read(descriptor, PID_CHARACTERS_MAX).decode(errors="replace")
    return f"process {pid}" if pid.isdecimal() else "another process"


if sys.platform == "win32":
    import msvcrt

    _LOCKED_BYTE = 1 << 20
    """Far behind the process id: what is locked on Windows cannot be read by others."""

    def _take(descriptor: int) -> None:
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        finally:
            os.lseek(descriptor, 0, os.SEEK_SET)

else:
    import fcntl

    def _take(descriptor: int) -> None:
        # flock, not lockf: lockf would let a second journal of the same process in.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
