"""Proves that an agent's place fits a socket, is private, and is whole at any moment."""

import os
from pathlib import Path

import pytest

from answerback.faces.place import SOCKET_PATH_BYTES_MAX, Place, forget_place, read_place, socket_path, write_place
from answerback.model.errors import StorageError


def test_a_place_is_read_as_it_was_written(tmp_path: Path) -> None:
    place = Place(pid=5, port=1234, token="secret")
    write_place(tmp_path, place)
    assert read_place(tmp_path) == place
    assert (tmp_path / "agent.json").stat().st_mode & 0o077 == 0
    assert [path.name for path in tmp_path.iterdir()] == ["agent.json"]
    forget_place(tmp_path)
    forget_place(tmp_path)
    assert read_place(tmp_path) is None


def test_a_folder_too_deep_for_a_socket_gets_a_short_one_elsewhere(tmp_path: Path) -> None:
    shallow, deep = Path("/d"), tmp_path / ("x" * 90) / ("y" * 90)
    assert socket_path(shallow) == shallow / "agent.sock"
    short = socket_path(deep)
    assert len(os.fsencode(short)) <= SOCKET_PATH_BYTES_MAX
    assert short == socket_path(deep)
    assert short != socket_path(deep / "z")
    assert short.parent.stat().st_mode & 0o077 == 0


def test_a_short_folder_others_may_enter_is_not_trusted(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 90) / ("y" * 90)
    folder = socket_path(deep).parent
    folder.chmod(0o755)
    with pytest.raises(StorageError, match="open to others"):
        socket_path(deep)
    folder.rmdir()
    folder.symlink_to(tmp_path)
    with pytest.raises(StorageError, match="open to others"):
        socket_path(deep)


def test_a_place_that_cannot_be_written_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        write_place(tmp_path / "missing", Place(pid=1))
