"""The SDK's part about keeping what was said: `client.archive`."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

from answerback.device.backing_up import BackedUp, write_backup
from answerback.device.exporting import Exported, Format, export
from answerback.storage.history import History


@dataclass(frozen=True, slots=True)
class Archive:
    """Both work while messages come and go, in a thread of their own."""

    history: History

    async def backup(
        self, path: Path, passphrase: str, *, with_files: bool = True, with_root: bool = False
    ) -> BackedUp:
        """Write everything, encrypted, into a file that is not there yet. Raises `UsageError`, `StorageError`."""
        now_ms = time.time_ns() // 1_000_000
        return await asyncio.to_thread(
            write_backup, self.history, path, passphrase, now_ms=now_ms, with_files=with_files, with_root=with_root
        )

    async def export(self, folder: Path, *, kind: Format = Format.JSON, with_files: bool = True) -> Exported:
        """Write everything, in the clear, into a folder that is not there yet. Raises `UsageError`, `StorageError`."""
        return await asyncio.to_thread(export, self.history, folder, kind=kind, with_files=with_files)
