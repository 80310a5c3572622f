"""Proves that a file is whole or not there, private, and never put over another."""

import errno
import os
from pathlib import Path

import pytest

from answerback.storage.durable import claim_name, create_file, make_private_folder


def test_a_new_file_is_whole_and_private(tmp_path: Path) -> None:
    create_file(tmp_path / "key", b"secret")
    assert (tmp_path / "key").read_bytes() == b"secret"
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_a_file_that_is_there_stays(tmp_path: Path) -> None:
    create_file(tmp_path / "key", b"first")
    with pytest.raises(FileExistsError):
        create_file(tmp_path / "key", b"second")
    assert (tmp_path / "key").read_bytes() == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_it_also_works_where_there_are_no_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: object, target: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuse)
    create_file(tmp_path / "key", b"first")
    with pytest.raises(FileExistsError):
        create_file(tmp_path / "key", b"second")
    assert (tmp_path / "key").read_bytes() == b"first"


def test_a_draft_that_cannot_be_named_raises(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        claim_name(tmp_path / "draft", tmp_path / "nowhere" / "key")


def test_a_new_folder_is_private_and_an_old_one_is_left_alone(tmp_path: Path) -> None:
    make_private_folder(tmp_path / "device")
    assert (tmp_path / "device").stat().st_mode & 0o777 == 0o700
    (tmp_path / "device").chmod(0o755)
    make_private_folder(tmp_path / "device")
    assert (tmp_path / "device").stat().st_mode & 0o777 == 0o755


def test_several_new_folders_are_all_private_and_each_name_is_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr("answerback.storage.durable.sync_folder", synced.append)
    make_private_folder(tmp_path / "files" / "received")
    assert synced == [tmp_path, tmp_path / "files"], "a power cut took every received file with the folder `files`"
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "files", tmp_path / "files/received")} == {0o700}
