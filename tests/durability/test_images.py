"""Proves that an image holds all that a disk promised, any part of what it did not, and that nothing goes by unseen."""

import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from answerback.device.home import make_journal
from answerback.relay.certificate import Certificate, own_certificate
from answerback.storage.staging import Staging
from answerback.storage.vault import KeySource
from tests.durability.deeds_child import BLOB, CONTENT
from tests.durability.images import SECTOR_BYTES, Disk, Fate, put_down
from tests.durability.lives import Life, said
from tests.durability.recorder import Entry, Kind, read_record, recorded

CUTS_EACH = 1
"""Cuts at each moment: every moment is tried, with different luck."""


def entry(kind: Kind, name: str, *, file: int = 7, offset: int = 0, data: bytes = b"") -> Entry:
    return Entry(kind, 0, file, offset, name, data)


def after(*entries: Entry) -> Disk:
    disk = Disk()
    for each in entries:
        disk.learn(each)
    return disk


def images(disk: Disk, *fates: Fate) -> list[dict[str, bytes | None]]:
    return [disk.cut(Random(seed), fates=fates or tuple(Fate)) for seed in range(300)]


NAMED = (entry(Kind.CREATE, "a"), entry(Kind.SYNC_FOLDER, ""))


def test_what_was_synced_is_in_every_image() -> None:
    disk = after(*NAMED, entry(Kind.WRITE, "a", data=b"kept"), entry(Kind.SYNC, "a"), entry(Kind.WRITE, "a", data=b"k"))
    assert all(image == {"a": b"kept"} for image in images(disk))


def test_what_was_not_synced_may_be_lost_in_any_part() -> None:
    disk = after(*NAMED, entry(Kind.WRITE, "a", data=b"12"), entry(Kind.WRITE, "a", offset=2, data=b"34"))
    assert {image["a"] for image in images(disk)} == {b"", b"12", b"1234", b"\0\x0034"}


def test_a_write_is_torn_between_sectors_and_never_within_one() -> None:
    disk = after(*NAMED, entry(Kind.WRITE, "a", offset=SECTOR_BYTES // 2, data=b"x" * SECTOR_BYTES))
    half = SECTOR_BYTES // 2
    pieces = {bytes(half) + b"x" * half, bytes(2 * half) + b"x" * half, bytes(half) + b"x" * 2 * half, b""}
    assert {image["a"] for image in images(disk, Fate.TORN)} == pieces


def test_a_file_whose_folder_was_not_synced_may_have_no_name_whatever_was_synced_of_it() -> None:
    disk = after(entry(Kind.CREATE, "a"), entry(Kind.WRITE, "a", data=b"12"), entry(Kind.SYNC, "a"))
    assert {"a" in image for image in images(disk)} == {True, False}
    assert all(image.get("a", b"12") == b"12" for image in images(disk))


def test_a_file_goes_with_the_folder_it_was_in() -> None:
    disk = after(
        entry(Kind.FOLDER, "f", file=0),
        entry(Kind.CREATE, "f/a"),
        entry(Kind.SYNC_FOLDER, "f"),
        entry(Kind.SYNC, "f/a"),
    )
    assert {tuple(image) for image in images(disk)} == {(), ("f", "f/a")}


def test_a_rename_is_whole_or_not_made() -> None:
    disk = after(*NAMED, entry(Kind.RENAME, "a", file=0, data=b"b"))
    assert {tuple(image) for image in images(disk)} == {("a",), ("b",)}


def test_a_disk_that_takes_a_sync_and_does_nothing_promises_nothing() -> None:
    disk = Disk(keeps_promises=False)
    for each in (*NAMED, entry(Kind.WRITE, "a", data=b"1"), entry(Kind.SYNC, "a")):
        disk.learn(each)
    assert {"a" in image for image in images(disk)} == {True, False}


# ---- whole files: keys, certificates, attachments, pieces of blobs --------------------------------------------------


@pytest.fixture(scope="module")
def deeds(tmp_path_factory: pytest.TempPathFactory) -> Life:
    folder, log = tmp_path_factory.mktemp("deeds"), tmp_path_factory.mktemp("log") / "deeds.log"
    disk = Disk.of(folder)
    words = [sys.executable, "-m", "tests.durability.deeds_child", str(folder)]
    subprocess.run(words, env=recorded(folder, log, sync_us=0), check=True, stdout=subprocess.PIPE)
    return Life("deeds", disk, list(read_record(log)), folder)


def test_the_record_misses_nothing(deeds: Life) -> None:
    assert deeds.adds_up()
    assert {told.text for told in said(deeds.entries)} == set(LOOKS)


def look_device(folder: Path, *, is_done: bool) -> None:
    # Also where the making was interrupted it can always be gone on with.
    with closing(make_journal(folder / "home" / "device", source=KeySource.FILE)) as journal:
        journal.check()
        assert journal.setting("name") == "ada" or not is_done


def look_staged(folder: Path, *, is_done: bool) -> None:
    staging = Staging(folder / "home" / "device")
    size_bytes = staging.staged_bytes(BLOB)
    assert size_bytes == 2 * len(CONTENT) or (size_bytes is None and not is_done)
    if size_bytes is not None:
        assert staging.read_staged(BLOB, offset=0, length=size_bytes) == CONTENT * 2


def look_incoming(folder: Path, *, is_done: bool) -> None:
    assert not is_done or b"".join(Staging(folder / "home" / "device").incoming_pieces(BLOB)) == CONTENT


def look_received(folder: Path, *, is_done: bool) -> None:
    whole(folder / "home" / "device" / "files" / "received" / "picture.png", is_done=is_done)


def look_secret(folder: Path, *, is_done: bool) -> None:
    whole(folder / "secret.key", is_done=is_done)


def look_certificate(folder: Path, *, is_done: bool) -> None:
    before = (folder / "relay.crt").read_bytes() if is_done else b""
    files = own_certificate(folder, hosts=["127.0.0.1"])
    assert Certificate(files).pin
    assert not is_done or files.certificate.read_bytes() == before


def look_piece(folder: Path, *, is_done: bool) -> None:
    assert not is_done or (folder / "blobs" / "piece").read_bytes() == CONTENT


def whole(path: Path, *, is_done: bool) -> None:
    assert path.read_bytes() == CONTENT if is_done or path.exists() else True


LOOKS: dict[str, Callable[..., None]] = {
    "device": look_device,
    "staged": look_staged,
    "incoming": look_incoming,
    "received": look_received,
    "secret": look_secret,
    "certificate": look_certificate,
    "piece": look_piece,
}


def cut_everywhere(deeds: Life, tmp_path: Path, looks: dict[str, Callable[..., None]]) -> int:
    """Cut at every moment and look; return how many images there were."""
    disk, done, count, chance = Disk(), set[str](), 0, Random(1)
    for number, each in enumerate(deeds.entries):
        disk.learn(each)
        done |= {told.text for told in said([each])}
        for luck in range(CUTS_EACH):
            folder = put_down(disk.cut(chance), tmp_path / f"{number}-{luck}")
            for deed, look in looks.items():
                look(folder, is_done=deed in done)
            count += 1
    return count


def test_whole_files_survive_a_power_cut_at_any_moment_once_they_are_said_to_be_there(
    deeds: Life, tmp_path: Path
) -> None:
    assert cut_everywhere(deeds, tmp_path, LOOKS) > 100
