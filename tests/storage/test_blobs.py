"""Proves that what a row names is whole on the disk, and that what a crash leaves behind is found."""

import asyncio
import errno
import os
from collections.abc import Iterator
from pathlib import Path

import obstore
import pytest
from obstore.exceptions import GenericError

from answerback.model.errors import StorageError, StoreCorruptError, StoreFullError
from answerback.model.ids import BlobId, DeviceId
from answerback.storage.blobs import BlobObjects, BlobRow, BlobRows, Piece, sweep_strays
from answerback.storage.database import Database, open_database

BLOB, ANN = BlobId(b"b" * 16), DeviceId(b"a" * 16)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(tmp_path / "relay.db", schema="relay")
    yield opened
    opened.close()


def begun(rows: BlobRows, *, total_bytes: int = 30) -> BlobRow:
    rows.begin(BLOB, device=ANN, total_bytes=total_bytes, expires_ms=1000)
    row = rows.find(BLOB)
    assert row is not None
    return row


def test_pieces_are_kept_in_order_and_each_place_once(database: Database) -> None:
    rows = BlobRows(database)
    blob = begun(rows)
    assert rows.add(blob, Piece(0, 10, "one"))
    assert not rows.add(blob, Piece(0, 10, "again"))
    assert not rows.add(blob, Piece(20, 10, "gap"))
    assert rows.add(blob, Piece(10, 20, "two"))
    found = rows.find(BLOB)
    assert found is not None
    assert found.finished
    assert [piece.name for piece in rows.pieces(blob, start=0, end=30)] == ["one", "two"]
    assert [piece.name for piece in rows.pieces(blob, start=10, end=11)] == ["two"]
    assert [piece.name for piece in rows.pieces(blob, start=9, end=10)] == ["one"]


def test_usage_counts_unfinished_blobs_whole(database: Database) -> None:
    rows = BlobRows(database)
    assert (rows.usage(ANN).count, rows.usage(ANN).total_bytes) == (0, 0)
    begun(rows)
    usage = rows.usage(ANN)
    assert (usage.count, usage.total_bytes, usage.first_expires_ms) == (1, 30, 1000)


def test_a_removed_blob_gives_its_names_back_and_its_pieces_go_with_it(database: Database) -> None:
    rows = BlobRows(database)
    blob = begun(rows)
    rows.add(blob, Piece(0, 30, "one"))
    assert rows.expired(now_ms=999) == []
    assert rows.expired(now_ms=1000) == [blob.number]
    assert rows.remove(blob.number) == ["one"]
    assert rows.find(BLOB) is None
    assert database.row("SELECT count(*) FROM pieces") == (0,)


def test_an_object_is_synced_with_its_name_before_it_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    real = os.fsync

    def watched(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_ino)
        real(descriptor)

    objects = BlobObjects(tmp_path / "blobs")
    monkeypatch.setattr(os, "fsync", watched)
    asyncio.run(objects.keep("piece", b"content"))
    folder = tmp_path / "blobs"
    assert synced == [(folder / "piece").stat().st_ino, folder.stat().st_ino]


def test_an_object_is_read_by_range_and_removed_twice(tmp_path: Path) -> None:
    async def run() -> None:
        objects = BlobObjects(tmp_path / "blobs")
        await objects.keep("piece", b"0123456789")
        assert await objects.read("piece", start=3, size_bytes=4) == b"3456"
        await objects.remove(["piece", "piece"])
        with pytest.raises(StoreCorruptError):
            await objects.read("piece", start=0, size_bytes=1)

    asyncio.run(run())


def test_strays_of_a_crash_are_swept_and_pieces_with_rows_are_not(tmp_path: Path, database: Database) -> None:
    rows, objects = BlobRows(database), BlobObjects(tmp_path / "blobs")
    asyncio.run(objects.keep("kept", b"x" * 30))
    rows.add(begun(rows), Piece(0, 30, "kept"))
    for name in ("stray", "draft#1"):  # the latter is how object_store names what it has not finished
        (tmp_path / "blobs" / name).write_bytes(b"half")
    assert sweep_strays(rows, objects) == 2
    assert [path.name for path in (tmp_path / "blobs").iterdir()] == ["kept"]


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.ENOSPC, StoreFullError), (errno.EDQUOT, StoreFullError), (errno.EIO, StorageError)]
)
def test_a_full_disk_is_told_from_a_broken_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[Exception]
) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    objects = BlobObjects(tmp_path / "blobs")
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(kind) as raised:
        asyncio.run(objects.keep("piece", b"content"))
    assert type(raised.value) is kind


def test_a_disk_that_fills_while_obstore_writes_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise GenericError("Generic LocalFileSystem error: No space left on device (os error 28)")

    monkeypatch.setattr(obstore, "put_async", fail)
    with pytest.raises(StoreFullError):
        asyncio.run(BlobObjects(tmp_path / "blobs").keep("piece", b"content"))
