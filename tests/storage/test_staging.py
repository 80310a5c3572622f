"""Proves that files on their way survive, resume, and never land where they should not."""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerback.model.errors import StorageError, StoreFullError, TrustError, UsageError
from answerback.model.ids import BlobId
from answerback.storage.staging import NAME_BYTES_MAX, Staging, safe_name

BLOB = BlobId(b"blob".ljust(16, b"."))


@pytest.fixture
def staging(tmp_path: Path) -> Staging:
    return Staging(tmp_path / "device")


def _files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_staged_file_outlives_its_original(staging: Staging, tmp_path: Path) -> None:
    original = tmp_path / "holiday.jpg"
    original.write_bytes(b"0123456789" * 1_000)
    with original.open("rb") as file:
        assert staging.stage(BLOB, iter(lambda: file.read(999), b"")) == 10_000
    original.unlink()
    again = Staging(tmp_path / "device")
    assert again.staged_bytes(BLOB) == 10_000
    assert again.read_staged(BLOB, offset=9_995, length=100) == b"56789"
    assert again.read_staged(BLOB, offset=3, length=4) == b"3456"


def test_an_original_that_breaks_off_stages_nothing(staging: Staging, tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with pytest.raises(StorageError):
        staging.stage(BLOB, broken())
    assert staging.staged_bytes(BLOB) is None
    assert _files(tmp_path) == []


def test_staging_again_and_discarding_twice_are_free(staging: Staging, tmp_path: Path) -> None:
    assert staging.stage(BLOB, [b"same"]) == staging.stage(BLOB, [b"sa", b"me"]) == 4
    staging.discard_staged(BLOB)
    staging.discard_staged(BLOB)
    assert staging.staged_bytes(BLOB) is None
    assert _files(tmp_path) == []
    with pytest.raises(StorageError):
        staging.read_staged(BLOB, offset=0, length=1)


def test_parts_resume_where_they_stopped_and_may_come_again(staging: Staging, tmp_path: Path) -> None:
    assert staging.incoming_bytes(BLOB) == 0
    staging.write_at(BLOB, b"0123", offset=0)
    again = Staging(tmp_path / "device")
    assert again.incoming_bytes(BLOB) == 4
    again.write_at(BLOB, b"2345", offset=2)
    again.write_at(BLOB, b"0123", offset=0)
    assert b"".join(again.incoming_pieces(BLOB)) == b"012345"
    again.discard_incoming(BLOB)
    again.discard_incoming(BLOB)
    assert again.incoming_bytes(BLOB) == 0


@pytest.mark.parametrize("offset", [-1, 5])
def test_a_part_may_leave_no_hole(staging: Staging, offset: int) -> None:
    staging.write_at(BLOB, b"0123", offset=0)
    with pytest.raises(UsageError, match="hole"):
        staging.write_at(BLOB, b"x", offset=offset)
    assert b"".join(staging.incoming_pieces(BLOB)) == b"0123"


def test_a_received_file_goes_over_no_other(staging: Staging, tmp_path: Path) -> None:
    paths = [staging.receive("../holiday.jpg", [text]) for text in (b"one", b"two", b"three")]
    assert [path.name for path in paths] == ["holiday.jpg", "holiday (2).jpg", "holiday (3).jpg"]
    assert [path.read_bytes() for path in paths] == [b"one", b"two", b"three"]
    assert {path.parent for path in paths} == {tmp_path / "device" / "files" / "received"}


def test_a_file_whose_last_piece_is_forged_is_not_kept(staging: Staging, tmp_path: Path) -> None:
    def forged() -> Iterator[bytes]:
        yield b"good"
        raise TrustError("a segment was changed")

    with pytest.raises(TrustError):
        staging.receive("holiday.jpg", forged())
    assert _files(tmp_path) == []


def test_what_a_crash_left_is_tidied_and_nothing_else(staging: Staging, tmp_path: Path) -> None:
    staging.tidy()
    staging.stage(BLOB, [b"staged"])
    kept = staging.receive("holiday.jpg", [b"received"])
    staging.write_at(BLOB, b"part", offset=0)
    (kept.parent / ".draft-0123").write_bytes(b"left")
    before = _files(tmp_path)
    staging.tidy()
    assert set(before) - set(_files(tmp_path)) == {"device/files/received/.draft-0123"}


def test_a_staged_file_goes_when_no_promise_needs_it(staging: Staging) -> None:
    wanted, done = BlobId(b"w" * 16), BlobId(b"d" * 16)
    staging.stage(wanted, [b"wanted"])
    staging.stage(done, [b"done"])
    staging.keep_staged(frozenset({wanted}))
    assert (staging.staged_bytes(wanted), staging.staged_bytes(done)) == (6, None)


def test_a_full_disk_is_told_as_such(staging: Staging, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    for attempt in (
        lambda: staging.stage(BLOB, [b"x"]),
        lambda: staging.write_at(BLOB, b"x", offset=0),
        lambda: staging.receive("x", [b"x"]),
    ):
        with pytest.raises(StoreFullError, match="no space"):
            attempt()
    assert staging.staged_bytes(BLOB) is None


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("holiday.jpg", "holiday.jpg"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Windows\\system32\\evil.dll", "evil.dll"),
        ("..", "file"),
        ("", "file"),
        ("a/", "file"),
        (".bashrc", "bashrc"),
        ("nul", "_nul"),
        ("Com1.txt", "_Com1.txt"),
        ("aux .tar.gz", "_aux .tar.gz"),
        ("console.txt", "console.txt"),
        ("invoice.pdf. . ", "invoice.pdf"),
        ("gpj\u202eexe.txt", "gpjexe.txt"),
        ('what?<"now">|*.md', "what___now____.md"),
        ("line\nbreak\0.txt", "linebreak.txt"),
        ("e\u0301te\u0301.txt", "été.txt"),
        ("日本.pdf", "日本.pdf"),
    ],
)
def test_names_become_safe(name: str, safe: str) -> None:
    assert safe_name(name) == safe


@given(st.text() | st.text(alphabet="./\\ :~-nulcom1é\u202e\0", max_size=400))
def test_no_name_escapes_hides_or_grows_too_long(name: str) -> None:
    safe = safe_name(name)
    assert safe
    assert len(safe.encode()) <= NAME_BYTES_MAX + 1
    assert not set(safe) & set('/\\:\0"<>|?*')
    assert not safe.startswith((".", "-draft"))
    assert safe == safe.rstrip(". ")
    assert safe_name(safe) == safe


def test_a_long_name_keeps_its_ending(staging: Staging) -> None:
    paths = [staging.receive("ü" * 500 + ".tar", [b"x"]) for _ in range(2)]
    assert all(path.suffix == ".tar" for path in paths)
    assert paths[0] != paths[1]


def test_bytes_are_on_the_disk_before_a_file_has_its_name(
    staging: Staging, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named_when_synced: list[bool] = []
    real_sync = os.fsync

    def sync(descriptor: int) -> None:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            named_when_synced.append(any(".draft-" not in name for name in _files(tmp_path)))
        real_sync(descriptor)

    monkeypatch.setattr(os, "fsync", sync)
    staging.stage(BLOB, [b"x"])
    staging.discard_staged(BLOB)
    staging.receive("x", [b"x"])
    assert named_when_synced == [False, False]
