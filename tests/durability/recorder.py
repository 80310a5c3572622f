"""Builds the recorder, runs processes under it, and reads what it wrote down."""

import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest

SOURCE = Path(__file__).with_name("recorder.c")
COMPILERS = ("cc", "gcc", "clang")
SYNC_US = 2_000
"""A sync as slow as a laptop's disk: an acknowledgement that does not wait for it is seen to come too early."""
_HEAD = struct.Struct("<IIQQQQ")


class Kind(IntEnum):
    """What a process did, as `recorder.c` numbers it."""

    CREATE = 1
    WRITE = 2
    CUT = 3
    RENAME = 4
    LINK = 5
    UNLINK = 6
    FOLDER = 7
    SYNC = 8
    SYNC_FOLDER = 9
    SAID = 10


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing a process did, at a moment of the monotonic clock."""

    kind: Kind
    when_ns: int
    file: int
    """The file's number (inode)."""
    offset: int
    name: str
    """Relative to the watched folder."""
    data: bytes


@cache
def recorder() -> Path:
    """The built recorder. Without a C compiler nothing can be said about power loss, and that is said aloud."""
    compiler = next((found for name in COMPILERS if (found := shutil.which(name))), None)
    if compiler is None:
        why = f"power loss is tried with a C compiler, and there is none of {', '.join(COMPILERS)}"
        if "PYTEST_CURRENT_TEST" in os.environ and not os.environ.get("CI"):
            pytest.skip(f"NOT TRIED: {why}")
        raise FileNotFoundError(why)
    built = Path(mkdtemp(prefix="recorder-")) / "recorder.so"
    command = [compiler, "-shared", "-fPIC", "-O2", "-o", str(built), str(SOURCE), "-ldl", "-lpthread"]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return built


def recorded(folder: Path, log: Path, *, sync_us: int = SYNC_US, refuse: Path | None = None) -> dict[str, str]:
    """The environment in which a process is recorded; while a file `refuse` is there, its disk is read-only."""
    return {
        **os.environ,
        **({"RECORD_REFUSE": str(refuse)} if refuse else {}),
        "LD_PRELOAD": str(recorder()),
        "RECORD_FOLDER": str(folder.resolve()),
        "RECORD_LOG": str(log),
        "RECORD_SYNC_US": str(sync_us),
    }


def read_record(log: Path) -> Iterator[Entry]:
    """Read a record; an entry cut off by a kill is left out, since what it says was not done either way."""
    content = memoryview(log.read_bytes())
    at = 0
    while at + _HEAD.size <= len(content):
        kind, name_bytes, when_ns, file, offset, data_bytes = _HEAD.unpack_from(content, at)
        at += _HEAD.size
        end = at + name_bytes + data_bytes
        if end > len(content):
            return
        name = bytes(content[at : at + name_bytes]).decode()
        yield Entry(Kind(kind), when_ns, file, offset, name, bytes(content[at + name_bytes : end]))
        at = end
