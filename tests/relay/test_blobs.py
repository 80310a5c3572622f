"""Proves that a blob arrives whole or says how far it is, and that nobody touches what is not theirs."""

import asyncio
import io
import random
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from answerback.model.ids import BlobId, DeviceId
from answerback.relay.blobs import BlobLimits
from answerback.transport.failures import Unreachable
from answerback.transport.relay_http import RelayHttp
from answerback.wire.requests import PIECE_BYTES_MAX, PIECE_BYTES_MIN
from tests.relay.standing import Standing, standing


def blob_url(relay: Standing) -> str:
    return f"{relay.url}/v1/blobs/{secrets.token_hex(16)}"


async def put(
    relay: Standing, url: str, content: bytes, *, offset: int, total: int, token: dict[str, str]
) -> tuple[int, int]:
    params = {"offset": offset, "total": total}
    async with relay.web.put(url, params=params, data=io.BytesIO(content), headers=token) as response:
        return response.status, int(response.headers.get("Upload-Offset", -1))


async def upload(relay: Standing, url: str, content: bytes, *, token: dict[str, str], piece_bytes: int) -> None:
    for offset in range(0, len(content), piece_bytes):
        part = content[offset : offset + piece_bytes]
        answer = await put(relay, url, part, offset=offset, total=len(content), token=token)
        assert answer == (200, offset + len(part))


def test_a_blob_in_pieces_comes_back_byte_for_byte_to_another_device(tmp_path: Path) -> None:
    async def run() -> None:
        async with standing(tmp_path) as relay:
            sender, reader, url = relay.token(), relay.token(), blob_url(relay)
            content = secrets.token_bytes(3 * PIECE_BYTES_MAX + 12_345)
            await upload(relay, url, content, token=sender, piece_bytes=PIECE_BYTES_MAX)
            async with relay.web.get(url, headers=reader) as response:
                assert (response.status, response.content_length) == (200, len(content))
                assert await response.read() == content

    asyncio.run(run())


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=16383-16384", 16383, 16385),
        ("bytes=100-", 100, 50_000),
        ("bytes=-10", 49_990, 50_000),
        ("bytes=49000-99999", 49_000, 50_000),
        ("bytes=-99999", 0, 50_000),
    ],
)
def test_a_range_is_read_across_pieces(tmp_path: Path, asked: str, start: int, end: int) -> None:
    async def run() -> None:
        async with standing(tmp_path) as relay:
            token, url, content = relay.token(), blob_url(relay), secrets.token_bytes(50_000)
            await upload(relay, url, content, token=token, piece_bytes=PIECE_BYTES_MIN)
            async with relay.web.get(url, headers=token | {"Range": asked}) as response:
                assert await response.read() == content[start:end]
                if (start, end) != (0, len(content)):
                    assert response.status == 206
                    assert response.headers["Content-Range"] == f"bytes {start}-{end - 1}/{len(content)}"

    asyncio.run(run())


@pytest.mark.parametrize("asked", ["bytes=50000-", "bytes=9-5", "lines=1-2", "bytes=a-b", "bytes=0-1,5-6"])
def test_a_range_that_is_not_there_is_refused(tmp_path: Path, asked: str) -> None:
    async def run() -> None:
        async with standing(tmp_path) as relay:
            token, url = relay.token(), blob_url(relay)
            await upload(relay, url, bytes(50_000), token=token, piece_bytes=PIECE_BYTES_MAX)
            async with relay.web.get(url, headers=token | {"Range": asked}) as response:
                assert response.status == 416
                assert response.headers["Content-Range"] == "bytes */50000"

    asyncio.run(run())


def test_a_piece_that_does_not_go_where_the_blob_ends_is_told_where_that_is(tmp_path: Path) -> None:
    async def run() -> None:
        async with standing(tmp_path) as relay:
            token, url, size = relay.token(), blob_url(relay), PIECE_BYTES_MIN
            assert await put(relay, url, bytes(size), offset=0, total=3 * size, token=token) == (200, size)
            for offset in (0, size - 1, 2 * size):
                assert await put(relay, url, bytes(size), offset=offset, total=3 * size, token=token) == (409, size)
            assert await put(relay, url, bytes(size), offset=size, total=4 * size, token=token) == (409, size)
            assert await put(relay, url, bytes(3 * size), offset=size, total=3 * size, token=token) == (409, size)
            async with relay.web.head(url, headers=token) as response:
                head = response.headers["Upload-Offset"], response.headers["Upload-Length"]
                assert head == (str(size), str(3 * size))

    asyncio.run(run())


def test_the_same_piece_sent_twice_at_once_is_kept_once(tmp_path: Path) -> None:
    async def run() -> None:
        async with standing(tmp_path) as relay:
            token, url = relay.token(), blob_url(relay)
            content = [secrets.token_bytes(PIECE_BYTES_MIN) for _ in range(6)]
            total = 2 * PIECE_BYTES_MIN
            answers = await asyncio.gather(
                *(put(relay, url, each, offset=0, total=total, token=token) for each in content)
            )
            assert sorted(status for status, _ in answers) == [200] + [409] * 5
            winner = content[[status for status, _ in answers].index(200)]
            last = secrets.token_bytes(PIECE_BYTES_MIN)
            assert await put(relay, url, last, offset=PIECE_BYTES_MIN, total=total, token=token) == (200, total)
            async with relay.web.get(url, headers=token) as response:
                assert await response.read() == winner + last
            assert len(list((tmp_path / "blobs").iterdir())) == 2

    asyncio.run(run())


def test_another_devices_blob_does_not_exist_until_it_is_whole(tmp_path: Path) -> None:
    async def run() -> None:
        async with standing(tmp_path) as relay:
            ann, mallory, url, size = relay.token(), relay.token(), blob_url(relay), PIECE_BYTES_MIN
            assert (await put(relay, url, bytes(size), offset=0, total=2 * size, token=ann))[0] == 200
            assert await put(relay, url, bytes(size), offset=size, total=2 * size, token=mallory) == (404, -1)
            for ask in (relay.web.head, relay.web.get):
                async with ask(url, headers=mallory) as response:
                    assert response.status == 404
            async with relay.web.get(url, headers=ann) as response:
                assert response.status == 404, "nobody reads half a blob"
            assert (await put(relay, url, bytes(size), offset=size, total=2 * size, token=ann))[0] == 200
            assert (await put(relay, url, b"x", offset=2 * size, total=2 * size, token=mallory))[0] == 404
            async with relay.web.get(url, headers=mallory) as response:
                assert response.status == 200, "whoever was told the id may read it"

    asyncio.run(run())


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer zz", "Bearer abc", "Bearer " + "ab" * 32, "Basic YTpi"])
def test_without_a_known_token_nothing_is_read_or_written(tmp_path: Path, header: str) -> None:
    async def run() -> None:
        async with standing(tmp_path) as relay:
            token = {"Authorization": header} if header else {}
            url = blob_url(relay)
            assert (await put(relay, url, b"x", offset=0, total=1, token=token))[0] == 401
            async with relay.web.get(url, headers=token) as response:
                assert response.status == 401
            assert relay.database.row("SELECT count(*) FROM blobs") == (0,)
            assert list((tmp_path / "blobs").iterdir()) == []

    asyncio.run(run())


@pytest.mark.parametrize(
    "name", ["../../../../etc/passwd", "..%2f..%2fsecret", "%00" * 16, "A" * 32, "0" * 31, "0" * 33]
)
def test_an_id_never_becomes_a_path(tmp_path: Path, name: str) -> None:
    async def run() -> None:
        async with standing(tmp_path) as relay:
            url = URL(f"{relay.url}/v1/blobs/{name}", encoded=True)
            async with relay.web.put(url, data=b"x", headers=relay.token()) as response:
                assert response.status == 404
            assert [path.name for path in (tmp_path / "blobs").iterdir()] == []

    asyncio.run(run())


def test_what_is_too_large_or_too_small_is_refused_before_it_is_kept(tmp_path: Path) -> None:
    async def run() -> None:
        async with standing(tmp_path) as relay:
            token, url = relay.token(), blob_url(relay)
            huge = 100 * 1024 * 1024 + 1
            assert (await put(relay, url, b"x" * PIECE_BYTES_MIN, offset=0, total=huge, token=token))[0] == 413
            assert (await put(relay, url, bytes(PIECE_BYTES_MAX + 1), offset=0, total=huge - 1, token=token))[0] == 413
            assert (await put(relay, url, b"tiny", offset=0, total=100_000, token=token))[0] == 400
            assert (await put(relay, url, b"", offset=0, total=5, token=token))[0] == 400
            assert (await put(relay, url, b"", offset=0, total=0, token=token))[0] == 400
            for bad in ("-1", "x", "1e9", "9" * 30, ""):
                async with relay.web.put(url, params={"offset": bad, "total": "5"}, headers=token) as response:
                    assert response.status == 400
            assert relay.database.row("SELECT count(*) FROM blobs") == (0,)

    asyncio.run(run())


def test_a_device_has_its_room_and_no_more(tmp_path: Path) -> None:
    async def run() -> None:
        limits = BlobLimits(device_bytes_max=100_000, device_blobs_max=3)
        async with standing(tmp_path, blob_limits=limits) as relay:
            ann, bea = relay.token(), relay.token()
            assert (await put(relay, blob_url(relay), bytes(80_000), offset=0, total=80_000, token=ann))[0] == 200
            assert (await put(relay, blob_url(relay), bytes(30_000), offset=0, total=30_000, token=ann))[0] == 429
            assert (await put(relay, blob_url(relay), bytes(30_000), offset=0, total=30_000, token=bea))[0] == 200
            for expected in (200, 200, 429):
                assert (await put(relay, blob_url(relay), b"x", offset=0, total=1, token=ann))[0] == expected

    asyncio.run(run())


def test_an_expired_blob_is_gone_from_answers_rows_and_disk(tmp_path: Path) -> None:
    async def run() -> None:
        async with standing(tmp_path) as relay:
            token, url = relay.token(), blob_url(relay)
            await upload(relay, url, bytes(50_000), token=token, piece_bytes=PIECE_BYTES_MIN)
            relay.database.run("UPDATE blobs SET expires_ms = 1")
            async with relay.web.get(url, headers=token) as response:
                assert response.status == 404
            assert await relay.side.shelf.sweep(now_ms=2) == 1
            assert relay.database.row("SELECT (SELECT count(*) FROM blobs) + (SELECT count(*) FROM pieces)") == (0,)
            assert list((tmp_path / "blobs").iterdir()) == []

    asyncio.run(run())


def test_a_piece_that_vanished_breaks_the_download_off_instead_of_padding_it(tmp_path: Path) -> None:
    async def run() -> None:
        async with standing(tmp_path) as relay:
            token, url = relay.token(), blob_url(relay)
            await upload(relay, url, bytes(3 * PIECE_BYTES_MIN), token=token, piece_bytes=PIECE_BYTES_MIN)
            sorted((tmp_path / "blobs").iterdir())[1].unlink()
            with pytest.raises(aiohttp.ClientError):
                async with relay.web.get(url, headers=token) as response:
                    await response.read()

    asyncio.run(run())


@pytest.mark.parametrize("moment", ["prepare", "write", "write_eof"])
def test_a_reader_who_vanishes_is_no_news(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, moment: str
) -> None:
    async def vanished(_response: web.StreamResponse, *_said: object) -> None:
        raise ConnectionResetError("Cannot write to closing transport")

    async def run() -> None:
        async with standing(tmp_path) as relay:
            token, url, content = relay.token(), blob_url(relay), secrets.token_bytes(40_000)
            await upload(relay, url, content, token=token, piece_bytes=20_000)
            with monkeypatch.context() as patch, suppress(aiohttp.ClientError):
                patch.setattr(web.StreamResponse, moment, vanished)
                async with relay.web.get(url, headers=token) as response:
                    await response.read()
            async with relay.web.get(url, headers=token) as response:
                assert await response.read() == content

    asyncio.run(run())
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []


@pytest.mark.parametrize("harm", ["changed", "gone"])
def test_a_blob_that_the_disk_has_not_kept_is_given_up_so_that_it_can_be_brought_again(
    tmp_path: Path, harm: str
) -> None:
    async def run() -> None:
        async with standing(tmp_path) as relay:
            token, url, content = relay.token(), blob_url(relay), secrets.token_bytes(40_000)
            await upload(relay, url, content, token=token, piece_bytes=20_000)
            piece = min((tmp_path / "blobs").iterdir(), key=lambda path: path.name)
            if harm == "gone":
                piece.unlink()
            else:
                piece.write_bytes(bytes(20_000))
            async with relay.web.get(url, headers=token) as response:
                assert response.status == 404
            await upload(relay, url, content, token=token, piece_bytes=20_000)
            async with relay.web.get(url, headers=token) as response:
                assert await response.read() == content

    asyncio.run(run())


def serve_in_child(folder: str, token: str) -> None:
    """Run the HTTP side in a process of its own, with one device let in, until killed."""

    async def run() -> None:
        tokens = {bytes.fromhex(token): DeviceId(b"a" * 16)}
        async with standing(Path(folder), tokens=tokens) as relay:
            print(relay.url, flush=True)
            await asyncio.Event().wait()

    asyncio.run(run())


@contextmanager
def child(folder: Path, token: bytes) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    words = f"from tests.relay.test_blobs import serve_in_child; serve_in_child({str(folder)!r}, {token.hex()!r})"
    process = subprocess.Popen([sys.executable, "-c", words], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_an_upload_whose_relay_is_killed_again_and_again_arrives_byte_for_byte(tmp_path: Path) -> None:
    """Kills by SIGKILL while a piece is on its way; what was acknowledged must be there, and what follows must fit."""
    token, blob, chance = b"t" * 32, BlobId(b"b" * 16), random.Random(7)
    content = chance.randbytes(4 * 1024 * 1024)

    async def push(url: str, *, until: int) -> int:
        async with RelayHttp(url) as relay:
            begun = await relay.blob_offset(blob, token=token)
            stored = begun[0] if begun else 0
            assert stored >= acknowledged, "what was acknowledged is there after the kill"
            while stored < until:
                piece = content[stored : stored + 3 * PIECE_BYTES_MIN]
                stored = await relay.upload_piece(blob, piece, offset=stored, total_bytes=len(content), token=token)
            return stored

    async def push_and_kill(url: str, process: "subprocess.Popen[str]", *, until: int) -> int:
        stored = await push(url, until=until)
        async with RelayHttp(url) as relay:
            rest = content[stored : stored + PIECE_BYTES_MAX]
            last = asyncio.create_task(
                relay.upload_piece(blob, rest, offset=stored, total_bytes=len(content), token=token)
            )
            for _ in range(chance.randrange(40)):
                await asyncio.sleep(0)
            process.kill()
            with suppress(Unreachable):
                stored = await last
        return stored

    async def fetch(url: str) -> bytes:
        async with RelayHttp(url) as relay:
            await push(url, until=len(content))
            parts = relay.download_range(blob, start=0, end=len(content), token=token)
            return b"".join([part async for part in parts])

    acknowledged = 0
    for kill in range(1, 6):
        with child(tmp_path, token) as (process, url):
            acknowledged = asyncio.run(push_and_kill(url, process, until=kill * len(content) // 8))
    with child(tmp_path, token) as (process, url):
        assert asyncio.run(fetch(url)) == content
