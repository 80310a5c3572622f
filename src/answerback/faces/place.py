"""Says where a running agent can be asked: a socket only its owner can open, or a loopback port with a token.

A path to a Unix socket has about a hundred bytes. A device's folder may lie deeper, so the socket then goes to a short
private folder elsewhere, and `agent.json` in the device's folder says where; only its owner can read that.
"""

import contextlib
import hashlib
import os
import secrets
import stat
import sys
import tempfile
from pathlib import Path

import msgspec

from answerback.model.errors import StorageError
from answerback.storage.durable import PRIVATE_FILE, PRIVATE_FOLDER

PLACE_FILE = "agent.json"
SOCKET_FILE = "agent.sock"
SOCKET_PATH_BYTES_MAX = 100
"""`sun_path` has 104 bytes on macOS and 108 on Linux, the closing zero among them."""
TOKEN_BYTES = 32


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where one agent listens."""

    pid: int
    socket: str | None = None
    port: int | None = None
    token: str | None = None

    def __repr__(self) -> str:
        """Never show the token."""
        return f"Place(pid={self.pid}, socket={self.socket}, port={self.port})"


def has_unix_sockets() -> bool:
    """Whether this system keeps others from a socket by its file's mode."""
    return sys.platform != "win32"


def socket_path(folder: Path) -> Path:
    """Choose where the socket of a device goes."""
    usual = folder.absolute() / SOCKET_FILE
    if len(os.fsencode(usual)) <= SOCKET_PATH_BYTES_MAX:
        return usual
    short = hashlib.sha256(os.fsencode(folder.absolute())).hexdigest()[:16]
    return _short_folder() / f"{short}.sock"


def read_place(folder: Path) -> Place | None:
    """Read where an agent of this device listens, or listened when it was last alive."""
    try:
        return msgspec.json.decode((folder / PLACE_FILE).read_bytes(), type=Place)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None  # none was started, or its word is being written: either way nobody can be asked


def write_place(folder: Path, place: Place) -> None:
    """Say where this agent listens, in a file that is whole at any moment."""
    draft = folder / f".{PLACE_FILE}.{secrets.token_hex(8)}"
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.encode(place))
        draft.replace(folder / PLACE_FILE)
    except OSError as error:
        raise StorageError(f"{folder / PLACE_FILE} cannot be written: {error.strerror}") from error
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)


def forget_place(folder: Path) -> None:
    """Take the word back."""
    with contextlib.suppress(OSError):
        (folder / PLACE_FILE).unlink(missing_ok=True)


def _short_folder() -> Path:
    """A short folder that is ours alone: others could put a socket of their own into any other."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    parent = Path(runtime) if runtime else Path(tempfile.gettempdir())
    folder = parent / (f"answerback-{os.getuid()}" if sys.platform != "win32" else "answerback")
    try:
        folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise StorageError(f"{folder} cannot be made: {error.strerror}") from error
    ours = stat.S_ISDIR(found.st_mode) and (sys.platform == "win32" or found.st_uid == os.getuid())
    if not ours or (sys.platform != "win32" and found.st_mode & (stat.S_IRWXG | stat.S_IRWXO)):
        raise StorageError(f"{folder} is open to others; remove it, or set XDG_RUNTIME_DIR to a folder of your own")
    return folder
