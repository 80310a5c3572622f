"""Proves that a simulated folder keeps what a real one promises to keep, and tears only what a real one may."""

import pytest

from answerback.lab.simulation.disk import Disk, PowerCut
from answerback.lab.simulation.folder import Folder
from answerback.model.errors import StoreFullError, UsageError
from answerback.model.ids import BlobId

BLOB = BlobId(b"b" * 16)


def folder() -> Folder:
    return Folder(Disk())


def test_what_is_staged_is_read_in_pieces_until_nobody_wants_it() -> None:
    here = folder()
    assert here.staged_bytes(BLOB) is None
    assert here.stage(BLOB, [b"abc", b"def"]) == 6
    assert here.read_staged(BLOB, offset=2, length=3) == b"cde"
    here.keep_staged(frozenset({BLOB}))
    assert here.staged_bytes(BLOB) == 6
    here.keep_staged(frozenset())
    assert here.staged_bytes(BLOB) is None


def test_a_torn_part_is_a_beginning_and_a_torn_file_is_nothing() -> None:
    here = folder()
    here.write_at(BLOB, b"0123", offset=0)
    here.is_brittle = True
    with pytest.raises(PowerCut):
        here.write_at(BLOB, b"4567", offset=4)
    assert b"".join(here.incoming_pieces(BLOB)) == b"012345"
    here.write_at(BLOB, b"4567", offset=4)
    assert here.incoming_bytes(BLOB) == 8
    here.is_brittle = True
    with pytest.raises(PowerCut):
        here.receive("photo.jpg", here.incoming_pieces(BLOB))
    assert here.received == {}


def test_no_file_takes_the_place_of_another_and_no_part_has_a_hole() -> None:
    here = folder()
    names = [str(here.receive("photo.jpg", [content])) for content in (b"one", b"two", b"three")]
    assert len(set(names)) == 3
    assert list(here.received.values()) == [b"one", b"two", b"three"]
    with pytest.raises(UsageError):
        here.write_at(BLOB, b"x", offset=1)


def test_a_full_disk_takes_no_file() -> None:
    disk = Disk()
    here = Folder(disk)
    disk.is_full = True
    with pytest.raises(StoreFullError):
        here.stage(BLOB, [b"x"])
