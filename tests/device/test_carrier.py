"""Proves that files resume at both ends, that a forged one is never shown, and that no file can stop the agent."""

import asyncio
import contextlib
import errno
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest

from answerback.core.effects import Download, Effect, Moment, Upload
from answerback.core.facts import KeepMessage, KeepTransfer
from answerback.crypto.files import make_file_key, seal_file
from answerback.device import carrier
from answerback.device.carrier import FileCarrier
from answerback.model.ids import BlobId, MessageId
from answerback.model.message import Attachment, Message
from answerback.storage.journal import Journal
from answerback.storage.staging import Staging
from answerback.transport.relay_http import RelayHttp
from answerback.wire.requests import PIECE_BYTES_MIN
from tests.core.specimens import a_message
from tests.relay.standing import Standing, standing

PIECE = PIECE_BYTES_MIN
CONTENT = secrets.token_bytes(5 * PIECE + 123)
NOW = Moment(1.0, 1)
AUTHOR, MESSAGE = a_message(1).author, a_message(1).id


def under_way(blob: BlobId, message: MessageId, *, total_bytes: int) -> KeepTransfer:
    return KeepTransfer(AUTHOR, message, blob, uploading=False, total_bytes=total_bytes, done_bytes=0, finished=False)


@dataclass
class Ears:
    """Hears what an engine would be told."""

    told: list[dict[str, Any]] = field(default_factory=list)

    def moved(self, piece: Upload | Download, **more: Any) -> list[Effect]:  # noqa: ANN401 - as the engine's
        self.told.append({"verb": "moved", "uploading": isinstance(piece, Upload), **more})
        return []

    def file_checked(self, blob: BlobId, message: Message, **more: Any) -> list[Effect]:  # noqa: ANN401
        self.told.append({"verb": "file_checked", "message": message.id})
        return []

    def transfer_failed(self, piece: Upload | Download, **more: Any) -> list[Effect]:  # noqa: ANN401
        message = more.pop("message")
        device = message.author_device if message else None
        self.told.append({"verb": "failed", "uploading": isinstance(piece, Upload), "author_device": device, **more})
        return []

    def file_gone(self, piece: Upload, **_more: Any) -> list[Effect]:  # noqa: ANN401
        self.told.append({"verb": "gone", "blob": piece.blob})
        return []


@dataclass
class Room:
    """One device's files, and the relay they travel by."""

    relay: Standing
    folder: Path
    journal: Journal
    blob: BlobId = field(default_factory=lambda: BlobId(secrets.token_bytes(16)))
    key: bytes = field(default_factory=make_file_key)

    def __post_init__(self) -> None:
        self.sealed = b"".join(seal_file(self.key, [CONTENT]))
        self.token = bytes.fromhex(self.relay.token()["Authorization"].removeprefix("Bearer "))
        self.staging = Staging(self.folder)

    @property
    def attachment(self) -> Attachment:
        size, digest = len(CONTENT), sha256(CONTENT).digest()
        return Attachment(self.blob, self.key, len(self.sealed), size, digest, "a.bin", "text/plain")

    def promise(self, attachment: Attachment | None = None, *, total_bytes: int | None = None) -> Message:
        """Keep that a message with this file has come."""
        kept = replace(a_message(1), attachment=attachment or self.attachment)
        total = len(self.sealed) if total_bytes is None else total_bytes
        self.journal.commit([KeepMessage(kept, 1), under_way(self.blob, kept.id, total_bytes=total)])
        return kept

    async def put(self, content: bytes) -> None:
        """Have a blob at the relay."""
        async with RelayHttp(self.relay.url) as http:
            for offset in range(0, len(content), PIECE):
                piece = content[offset : offset + PIECE]
                await http.upload_piece(self.blob, piece, offset=offset, total_bytes=len(content), token=self.token)

    async def carry(self, piece: Upload | Download) -> list[dict[str, Any]]:
        """Carry one piece, as after a restart: with a carrier that remembers nothing."""
        fresh = FileCarrier(self.journal, Staging(self.folder), url=self.relay.url, pin=None)
        ears = Ears()
        try:
            (await fresh.carry(piece))(ears, NOW)  # type: ignore[arg-type]
        finally:
            await fresh.close()
        for told in ears.told:
            told.pop("now", None)
        return ears.told

    def up(self, offset: int, length: int = PIECE) -> Upload:
        return Upload(AUTHOR, MESSAGE, self.blob, offset, length, self.token)

    def down(self, offset: int, length: int = PIECE) -> Download:
        return Download(AUTHOR, MESSAGE, self.blob, offset, length, self.token)

    @property
    def received(self) -> list[Path]:
        return sorted((self.folder / "files" / "received").glob("*"))


@contextlib.asynccontextmanager
async def room(folder: Path) -> AsyncIterator[Room]:
    journal = Journal.open(folder / "device", key=None)
    try:
        async with standing(folder / "relay") as there:
            yield Room(there, folder / "device", journal)
    finally:
        journal.close()


def test_an_upload_goes_on_where_the_relay_is(tmp_path: Path) -> None:
    async def run() -> None:
        async with room(tmp_path) as here:
            here.staging.stage(here.blob, [here.sealed])
            assert await here.carry(here.up(0)) == [{"verb": "moved", "uploading": True, "done_bytes": PIECE}]
            # What was told last was lost: the relay has more than we know, or less.
            assert await here.carry(here.up(0)) == [{"verb": "moved", "uploading": True, "done_bytes": PIECE}]
            assert await here.carry(here.up(3 * PIECE)) == [{"verb": "moved", "uploading": True, "done_bytes": PIECE}]
            offset = PIECE
            while offset < len(here.sealed):
                (told,) = await here.carry(here.up(offset, 2 * PIECE))
                offset = told["done_bytes"]
            async with RelayHttp(here.relay.url) as http:
                parts = http.download_range(here.blob, start=0, end=len(here.sealed), token=here.token)
                assert b"".join([part async for part in parts]) == here.sealed

    asyncio.run(run())


@pytest.mark.parametrize("staged", [None, b"short"])
def test_a_staged_file_that_is_gone_is_said_to_be_gone(tmp_path: Path, staged: bytes | None) -> None:
    async def run() -> None:
        async with room(tmp_path) as here:
            if staged is not None:
                here.staging.stage(here.blob, [staged])
            assert await here.carry(here.up(PIECE)) == [{"verb": "gone", "blob": here.blob}]

    asyncio.run(run())


def test_a_download_goes_on_after_a_restart_and_ends_checked(tmp_path: Path) -> None:
    async def run() -> None:
        async with room(tmp_path) as here:
            message = here.promise()
            await here.put(here.sealed)
            offset = 0
            while offset + PIECE < len(here.sealed):
                (told,) = await here.carry(here.down(offset))
                assert told == {"verb": "moved", "uploading": False, "done_bytes": offset + PIECE}
                offset += PIECE
            assert here.received == []  # nothing is shown before all of it was checked
            last = await here.carry(here.down(offset, len(here.sealed) - offset))
            assert [each["verb"] for each in last] in (["moved", "file_checked"], ["file_checked", "moved"])
            assert {"verb": "file_checked", "message": message.id} in last
            (path,) = here.received
            assert path.read_bytes() == CONTENT
            assert here.journal.setting(f"file.{here.blob.hex()}") == str(path)
            assert here.staging.incoming_bytes(here.blob) == 0

    asyncio.run(run())


def test_a_download_whose_part_is_gone_from_the_disk_begins_again(tmp_path: Path) -> None:
    async def run() -> None:
        async with room(tmp_path) as here:
            here.promise()
            await here.put(here.sealed)
            await here.carry(here.down(0))
            here.staging.discard_incoming(here.blob)
            told = await here.carry(here.down(PIECE, len(here.sealed) - PIECE))
            assert "file_checked" in [each["verb"] for each in told]
            assert here.received[0].read_bytes() == CONTENT

    asyncio.run(run())


def changed(sealed: bytes) -> bytes:
    return sealed[:1000] + bytes([sealed[1000] ^ 1]) + sealed[1001:]


@pytest.mark.parametrize("forge", [changed, lambda sealed: sealed[: -(PIECE + 7)], lambda sealed: bytes(len(sealed))])
def test_a_forged_file_is_never_shown_and_asked_for_again(tmp_path: Path, forge: Callable[[bytes], bytes]) -> None:
    async def run() -> None:
        async with room(tmp_path) as here:
            content = forge(here.sealed)
            claimed = msgspec.structs.replace(here.attachment, sealed_bytes=len(content))
            message = here.promise(claimed, total_bytes=len(content))
            await here.put(content)
            again = {"verb": "failed", "uploading": False, "missing": True, "author_device": message.author_device}
            assert await here.carry(here.down(0, len(content))) == [again]
            assert here.received == []
            assert here.staging.incoming_bytes(here.blob) == 0
            assert here.journal.setting(f"file.{here.blob.hex()}") is None

    asyncio.run(run())


def test_a_file_that_is_another_than_its_message_names_is_not_shown(tmp_path: Path) -> None:
    async def run() -> None:
        async with room(tmp_path) as here:
            here.promise(msgspec.structs.replace(here.attachment, sha256=bytes(32)))
            await here.put(here.sealed)
            (told,) = await here.carry(here.down(0, len(here.sealed)))
            assert told["missing"]
            assert here.received == []

    asyncio.run(run())


def test_a_file_the_relay_has_not_got_is_its_authors_to_bring_again(tmp_path: Path) -> None:
    async def run() -> None:
        async with room(tmp_path) as here:
            message = here.promise()
            assert await here.carry(here.down(0)) == [
                {"verb": "failed", "uploading": False, "missing": True, "author_device": message.author_device}
            ]

    asyncio.run(run())


def test_a_file_of_no_known_message_is_no_crash(tmp_path: Path) -> None:
    async def run() -> None:
        async with room(tmp_path) as here:
            missing = {"verb": "failed", "uploading": False, "missing": True, "author_device": None}
            assert await here.carry(here.down(0)) == [missing]
            unknown = under_way(here.blob, MessageId(bytes(16)), total_bytes=len(here.sealed))
            here.journal.commit([unknown])
            await here.put(here.sealed)
            (told,) = await here.carry(here.down(0, len(here.sealed)))
            assert told == {"verb": "moved", "uploading": False, "done_bytes": len(here.sealed)}
            assert here.received == []

    asyncio.run(run())


def test_a_file_that_claims_to_be_empty_is_no_crash(tmp_path: Path) -> None:
    async def run() -> None:
        async with room(tmp_path) as here:
            here.promise(msgspec.structs.replace(here.attachment, sealed_bytes=0), total_bytes=0)
            (told,) = await here.carry(here.down(0, 0))
            assert told["verb"] == "failed"
            assert here.received == []

    asyncio.run(run())


@pytest.mark.parametrize("verb", ["write_at", "receive"])
def test_a_full_disk_only_makes_a_file_wait(tmp_path: Path, verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrier, "DISK_AGAIN_S", 0.0)

    def full(path: Path, *_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    async def run() -> None:
        async with room(tmp_path) as here:
            here.promise()
            await here.put(here.sealed)
            with monkeypatch.context() as during:
                name = "make_private_folder" if verb == "write_at" else "claim_name"
                during.setattr(f"answerback.storage.staging.{name}", full)
                (told,) = await here.carry(here.down(0, len(here.sealed)))
                assert told["verb"] == "failed"
                assert not told["missing"]
            assert here.received == []
            told_then = await here.carry(here.down(0, len(here.sealed)))
            assert "file_checked" in [each["verb"] for each in told_then]
            assert here.received[0].read_bytes() == CONTENT

    asyncio.run(run())


def test_a_relay_that_is_not_there_or_does_not_know_us_only_makes_a_file_wait(tmp_path: Path) -> None:
    async def run() -> None:
        async with room(tmp_path) as here:
            message = here.promise()
            await here.put(here.sealed)
            later = {"verb": "failed", "uploading": False, "missing": False, "author_device": message.author_device}
            assert await here.carry(Download(AUTHOR, MESSAGE, here.blob, 0, PIECE, b"stale" * 6)) == [later]
            here.relay.url = "http://127.0.0.1:1"
            assert await here.carry(here.down(0)) == [later]

    asyncio.run(run())
