"""Proves that a broken line loses chunks and not pieces, that limits hold, and that mail and files share one flight."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Literal

import aiohttp
import pytest

from answerback.model.causes import Cause
from answerback.model.ids import BlobId
from answerback.relay.blobs import BlobLimits
from answerback.relay.file_line import LINES_PER_DEVICE_MAX
from answerback.transport.chunks import ChunkLine, OwnGate
from answerback.transport.relay_http import RelayHttp
from answerback.wire.codec import encode
from answerback.wire.files import FILES_PATH, AnyFileFrame, Came, Chunk, Get, Kept, Put, Sorry, decode_file_frame
from answerback.wire.requests import PIECE_BYTES_MAX, PIECE_BYTES_MIN
from tests.relay.standing import Standing, standing

SIZE = 4 * PIECE_BYTES_MIN
CONTENT = secrets.token_bytes(SIZE)
BLOB = BlobId(b"b" * 16)
Work = Callable[[Standing, dict[str, str]], Awaitable[None]]


def run(folder: Path, work: Work, *, limits: BlobLimits | None = None) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(30), standing(folder, blob_limits=limits) as there:
            await work(there, there.token())

    asyncio.run(bounded())


Line = aiohttp.ClientWebSocketResponse[Literal[True]]


@contextlib.asynccontextmanager
async def line(there: Standing, token: dict[str, str]) -> AsyncIterator[Line]:
    async with there.web.ws_connect(there.url + FILES_PATH, headers=token) as socket:
        yield socket


async def hears(socket: Line) -> AnyFileFrame:
    """What the relay says next that is no answer to a chunk."""
    while isinstance(frame := decode_file_frame(await socket.receive_bytes()), Came):
        pass
    return frame


def test_a_line_that_breaks_within_a_piece_loses_no_more_than_what_had_not_come(tmp_path: Path) -> None:
    async def work(there: Standing, token: dict[str, str]) -> None:
        async with line(there, token) as socket:
            await socket.send_bytes(encode(Put(BLOB, 0, SIZE, SIZE)))
            for count in (1, 2):
                await socket.send_bytes(encode(Chunk(CONTENT[:PIECE_BYTES_MIN])))
                assert decode_file_frame(await socket.receive_bytes()) == Came(count)
        bearer = bytes.fromhex(token["Authorization"].removeprefix("Bearer "))
        async with RelayHttp(there.url) as http:
            while await http.blob_offset(BLOB, token=bearer) != (2 * PIECE_BYTES_MIN, SIZE):  # noqa: ASYNC110 - over HTTP
                await asyncio.sleep(0.01)

    run(tmp_path, work)


def test_a_piece_that_does_not_fit_is_answered_with_where_to_go_on_and_what_follows_is_passed_over(
    tmp_path: Path,
) -> None:
    async def work(there: Standing, token: dict[str, str]) -> None:
        async with line(there, token) as socket:
            await socket.send_bytes(encode(Put(BLOB, 0, SIZE, PIECE_BYTES_MIN)))
            await socket.send_bytes(encode(Chunk(CONTENT[:PIECE_BYTES_MIN])))
            assert await hears(socket) == Kept(PIECE_BYTES_MIN, SIZE)
            await socket.send_bytes(encode(Put(BLOB, 0, SIZE, PIECE_BYTES_MIN)))
            await socket.send_bytes(encode(Chunk(CONTENT[:PIECE_BYTES_MIN])))
            assert await hears(socket) == Kept(PIECE_BYTES_MIN, SIZE)
            await socket.send_bytes(encode(Put(BLOB, PIECE_BYTES_MIN, SIZE, SIZE - PIECE_BYTES_MIN)))
            await socket.send_bytes(encode(Chunk(CONTENT[PIECE_BYTES_MIN:])))
            assert await hears(socket) == Kept(SIZE, SIZE)
            await socket.send_bytes(encode(Get(BLOB, 0, 10)))
            assert await hears(socket) == Chunk(CONTENT[:10])

    run(tmp_path, work)


@pytest.mark.parametrize(
    ("frame", "cause"),
    [
        (Put(BLOB, 0, 10**9, 10), Cause.MESSAGE_TOO_LARGE),
        (Put(BLOB, 0, SIZE, PIECE_BYTES_MAX + 1), Cause.MESSAGE_TOO_LARGE),
        (Put(BLOB, 0, SIZE, 0), Cause.MESSAGE_TOO_LARGE),
        (Get(BLOB, 0, 1), Cause.MESSAGE_FILE_MISSING),
    ],
)
def test_what_is_refused_is_said_and_the_line_goes_on(tmp_path: Path, frame: AnyFileFrame, cause: Cause) -> None:
    async def work(there: Standing, token: dict[str, str]) -> None:
        async with line(there, token) as socket:
            for _ in range(2):
                await socket.send_bytes(encode(frame))
                answer = await hears(socket)
                assert isinstance(answer, Sorry)
                assert answer.cause == cause.value

    run(tmp_path, work)


@pytest.mark.parametrize("said", [b"no frame", encode(Kept(1, 2)), encode(Came(5))])
def test_what_breaks_the_rules_ends_the_line(tmp_path: Path, said: bytes) -> None:
    async def work(there: Standing, token: dict[str, str]) -> None:
        async with line(there, token) as socket:
            await socket.send_bytes(said)
            assert (await socket.receive()).type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)

    run(tmp_path, work)


def test_chunks_that_are_not_the_piece_announced_end_the_line(tmp_path: Path) -> None:
    async def work(there: Standing, token: dict[str, str]) -> None:
        for wrong in (encode(Chunk(b"")), encode(Chunk(CONTENT[: PIECE_BYTES_MIN + 1])), encode(Get(BLOB, 0, 1))):
            async with line(there, token) as socket:
                await socket.send_bytes(encode(Put(BLOB, 0, SIZE, PIECE_BYTES_MIN)))
                await socket.send_bytes(wrong)
                while (message := await socket.receive()).type is aiohttp.WSMsgType.BINARY:
                    assert isinstance(decode_file_frame(message.data), Came)
                assert message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)

    run(tmp_path, work)


def test_strangers_get_no_line_and_a_device_only_a_few(tmp_path: Path) -> None:
    async def work(there: Standing, token: dict[str, str]) -> None:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with line(there, {"Authorization": "Bearer 00"}):
                pass
        assert refused.value.status == 401
        lines = [await there.web.ws_connect(there.url + FILES_PATH, headers=token) for _ in range(LINES_PER_DEVICE_MAX)]
        with pytest.raises(aiohttp.WSServerHandshakeError):
            async with line(there, token):
                pass
        for each in lines:
            await each.close()

    run(tmp_path, work)


def test_a_reader_that_answers_nothing_is_sent_no_more_than_a_window(tmp_path: Path) -> None:
    async def work(there: Standing, token: dict[str, str]) -> None:
        async with line(there, token) as socket:
            chunks = ChunkLine(socket, OwnGate().gate())
            await chunks.send(Put(BLOB, 0, SIZE, SIZE))
            assert await chunks.send_content(CONTENT)
            assert await chunks.receive() == Kept(SIZE, SIZE)
            await chunks.close()
        async with line(there, token) as socket:
            await socket.send_bytes(encode(Get(BLOB, 0, SIZE)))
            came_bytes = 0
            with contextlib.suppress(TimeoutError):
                while came_bytes < SIZE:
                    frame = decode_file_frame(await socket.receive_bytes(timeout=0.3))
                    assert isinstance(frame, Chunk)
                    came_bytes += len(frame.content)
            assert 0 < came_bytes < SIZE // 2

    run(tmp_path, work)
