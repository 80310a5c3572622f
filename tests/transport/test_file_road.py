"""Proves that pieces go up and ranges come down over one line, that it breaks cleanly, and that nobody else gets in."""

import asyncio
import secrets
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from answerback.model.causes import Cause
from answerback.model.errors import PeerError, RefusedError
from answerback.model.ids import BlobId
from answerback.model.paths import ANY_PATH
from answerback.transport import file_road
from answerback.transport.approach import Approach, Reached
from answerback.transport.failures import TokenStale, Unreachable
from answerback.transport.file_road import FileRoad
from answerback.wire.files import Get
from answerback.wire.requests import PIECE_BYTES_MIN
from tests.relay.standing import Standing, standing

SIZE = 5 * PIECE_BYTES_MIN
CONTENT = secrets.token_bytes(SIZE)


def token(there: Standing) -> bytes:
    return bytes.fromhex(there.token()["Authorization"].removeprefix("Bearer "))


def run(folder: Path, work: Callable[[Standing, FileRoad], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(30), standing(folder) as there:
            road = FileRoad(there.url + "/", pin=b"")
            try:
                await work(there, road)
            finally:
                await road.close()

    asyncio.run(bounded())


async def fetched(road: FileRoad, blob: BlobId, start: int, end: int, token: bytes) -> bytes:
    return b"".join([part async for part in road.download_range(blob, start=start, end=end, token=token)])


def test_a_blob_goes_up_in_pieces_resumes_and_comes_down_by_range_over_one_line(tmp_path: Path) -> None:
    async def work(there: Standing, road: FileRoad) -> None:
        mine, blob = token(there), BlobId(secrets.token_bytes(16))
        first = CONTENT[:PIECE_BYTES_MIN]
        lines = set()
        for _ in range(2):  # the second time is answered with where to go on
            async with road:
                assert await road.upload_piece(blob, first, offset=0, total_bytes=SIZE, token=mine) == len(first)
                lines.add(road._line)
        async with road:
            rest = CONTENT[len(first) :]
            assert await road.upload_piece(blob, rest, offset=len(first), total_bytes=SIZE, token=mine) == SIZE
            for start, end in ((0, SIZE), (5, 6), (PIECE_BYTES_MIN - 1, SIZE)):
                assert await fetched(road, blob, start, end, mine) == CONTENT[start:end]
            lines.add(road._line)
        assert len(lines) == 1
        other = token(there)
        async with road:
            assert await fetched(road, blob, 0, SIZE, other) == CONTENT
            assert road._line not in lines, "another token is another line"

    run(tmp_path, work)


def test_what_is_refused_says_why_and_a_stale_token_is_its_own_error(tmp_path: Path) -> None:
    async def work(there: Standing, road: FileRoad) -> None:
        mine, blob = token(there), BlobId(secrets.token_bytes(16))
        with pytest.raises(RefusedError) as refused:
            async with road:
                await fetched(road, blob, 0, 1, mine)
        assert refused.value.cause is Cause.MESSAGE_FILE_MISSING
        with pytest.raises(RefusedError):
            async with road:
                await road.upload_piece(blob, b"too small", offset=0, total_bytes=SIZE, token=mine)
        assert road._line is None, "after an error nobody knows where the line stands"
        with pytest.raises(TokenStale):
            async with road:
                await road.upload_piece(blob, b"x", offset=0, total_bytes=1, token=b"old")

    run(tmp_path, work)


def test_nobody_there_is_unreachable() -> None:
    async def work() -> None:
        road = FileRoad("http://127.0.0.1:1", pin=b"")
        with pytest.raises(Unreachable):
            async with road:
                await road.upload_piece(BlobId(bytes(16)), b"x", offset=0, total_bytes=1, token=b"t")

    asyncio.run(work())


def test_a_range_that_is_longer_than_asked_for_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(there: Standing, road: FileRoad) -> None:
        mine, blob = token(there), BlobId(secrets.token_bytes(16))
        async with road:
            await road.upload_piece(blob, CONTENT, offset=0, total_bytes=SIZE, token=mine)
        monkeypatch.setattr(file_road, "Get", lambda blob, start, end: Get(blob, start, end + 10))
        with pytest.raises(PeerError):
            async with road:
                await fetched(road, blob, 0, 5, mine)

    run(tmp_path, work)


def test_a_line_without_work_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_road, "LINGER_S", 0.0)

    async def work(there: Standing, road: FileRoad) -> None:
        mine, blob = token(there), BlobId(secrets.token_bytes(16))
        async with road:
            await road.upload_piece(blob, CONTENT, offset=0, total_bytes=SIZE, token=mine)
        while road._line is not None:  # noqa: ASYNC110 - a timer of its own, which tells nobody
            await asyncio.sleep(0.01)
        async with road:
            assert await fetched(road, blob, 0, SIZE, mine) == CONTENT

    run(tmp_path, work)


def test_a_piece_nobody_waits_for_any_more_gives_way_to_the_next(tmp_path: Path) -> None:
    async def work(there: Standing, road: FileRoad) -> None:
        mine, blob = token(there), BlobId(secrets.token_bytes(16))
        async with road:
            await road.upload_piece(blob, CONTENT, offset=0, total_bytes=SIZE, token=mine)

        async def hang() -> None:
            async with road:
                async for _ in road.download_range(blob, start=0, end=SIZE, token=mine):
                    begun.set()
                    await ended.wait()

        begun, ended = asyncio.Event(), asyncio.Event()
        old = asyncio.create_task(hang())
        await begun.wait()
        new = asyncio.create_task(road.__aenter__())
        ended.set()
        await new
        assert await fetched(road, blob, 0, SIZE, mine) == CONTENT
        await road.__aexit__(None, None, None)
        await asyncio.wait([old])

    run(tmp_path, work)


def test_files_go_over_the_path_that_is_chosen_and_change_with_it(tmp_path: Path) -> None:
    (_, loopback), *_ = socket.if_nameindex()
    paths = [ANY_PATH, loopback, loopback, "nothing0"]

    async def story() -> None:
        async with asyncio.timeout(30), standing(tmp_path) as there:
            mine, blob = token(there), BlobId(secrets.token_bytes(16))
            approach = Approach(there.url)
            road = FileRoad(there.url, pin=b"", approach=approach, path_of=lambda: paths[0])
            lines = []
            for offset in range(0, 3 * PIECE_BYTES_MIN, PIECE_BYTES_MIN):
                piece = CONTENT[offset : offset + PIECE_BYTES_MIN]
                async with road:
                    await road.upload_piece(blob, piece, offset=offset, total_bytes=SIZE, token=mine)
                lines.append(road._line)
                del paths[0]
            assert lines[0] is not lines[1]
            assert lines[1] is lines[2]
            with pytest.raises(Unreachable) as failed:
                async with road:
                    await road.upload_piece(blob, CONTENT[-1:], offset=SIZE - 1, total_bytes=SIZE, token=mine)
            assert failed.value.cause is Cause.NETWORK_NO_PATH
            await road.close()
            await approach.close()

    asyncio.run(story())


def test_a_piece_that_is_given_up_while_its_line_is_opened_does_not_go_on_over_the_path_that_was_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(there: Standing, road: FileRoad) -> None:
        mine, blob, held, going = token(there), BlobId(secrets.token_bytes(16)), asyncio.Event(), asyncio.Event()
        connect = road._approach.reach

        async def slow(path: str) -> Reached:
            going.set()
            await held.wait()
            return await connect(path)

        async def piece() -> int:
            async with road:
                return await road.upload_piece(blob, CONTENT, offset=0, total_bytes=SIZE, token=mine)

        monkeypatch.setattr(road._approach, "reach", slow)
        first = asyncio.create_task(piece())
        await going.wait()
        second = asyncio.create_task(piece())
        await asyncio.sleep(0)
        held.set()
        with pytest.raises(Unreachable):
            await first
        assert await second == SIZE

    run(tmp_path, work)
