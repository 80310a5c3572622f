"""Proves the device's half against the real relay: values, refusals, waits and dead networks, each as its own type."""

import asyncio
import secrets
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from aiohttp import web

from answerback.model.causes import Cause
from answerback.model.errors import PeerError, RefusedError, UsageError
from answerback.model.handle import parse_handle
from answerback.model.ids import BlobId
from answerback.relay.http import HttpLimits
from answerback.relay.limits import Rate
from answerback.transport import relay_http
from answerback.transport.failures import Deferred, TokenStale, Unreachable
from answerback.transport.relay_http import RelayHttp
from answerback.wire.requests import PIECE_BYTES_MIN
from tests.relay.standing import Standing, first_list, standing

ANN = parse_handle("ann@example.org")


def token(relay: Standing) -> bytes:
    return bytes.fromhex(relay.token()["Authorization"].removeprefix("Bearer "))


def test_a_person_joins(tmp_path: Path) -> None:
    async def run() -> None:
        async with standing(tmp_path) as there, RelayHttp(there.url + "/") as relay:
            assert (await relay.request_code(ANN)).expires_in_s == 600
            _, code = await asyncio.wait_for(there.codes.get(), 10)
            with pytest.raises(RefusedError) as refused:
                await relay.create_account(ANN, code="not it", first_list=first_list())
            assert refused.value.cause is Cause.ACCOUNT_CODE_WRONG
            assert len((await relay.create_account(ANN, code=code, first_list=first_list())).account) == 16

    asyncio.run(run())


def test_a_blob_goes_up_in_pieces_resumes_and_comes_down_by_range(tmp_path: Path) -> None:
    async def run() -> None:
        async with standing(tmp_path) as there, RelayHttp(there.url) as relay:
            mine, blob = token(there), BlobId(secrets.token_bytes(16))
            content = secrets.token_bytes(3 * PIECE_BYTES_MIN)
            size, first = len(content), content[:PIECE_BYTES_MIN]
            assert await relay.blob_offset(blob, token=mine) is None
            for _ in range(2):  # the second time is answered with where to go on
                stored = await relay.upload_piece(blob, first, offset=0, total_bytes=size, token=mine)
                assert stored == PIECE_BYTES_MIN
            assert await relay.blob_offset(blob, token=mine) == (PIECE_BYTES_MIN, size)
            stored = await relay.upload_piece(blob, content[stored:], offset=stored, total_bytes=size, token=mine)
            assert stored == size
            other = token(there)
            for start, end in ((0, size), (5, 6), (PIECE_BYTES_MIN - 1, size)):
                parts = [part async for part in relay.download_range(blob, start=start, end=end, token=other)]
                assert b"".join(parts) == content[start:end]

    asyncio.run(run())


def test_boxes_carry_what_is_put_in(tmp_path: Path) -> None:
    async def run() -> None:
        async with standing(tmp_path) as there, RelayHttp(there.url) as relay:
            box = secrets.token_bytes(16)
            assert await relay.get_box(box, slot=2, wait_s=0) is None
            await relay.put_box(box, slot=2, content=b"sealed")
            assert await relay.get_box(box, slot=2) == b"sealed"
            with pytest.raises(RefusedError):
                await relay.put_box(box, slot=2, content=b"other")

    asyncio.run(run())


def test_a_stale_token_is_its_own_error(tmp_path: Path) -> None:
    async def run() -> None:
        async with standing(tmp_path) as there, RelayHttp(there.url) as relay:
            blob = BlobId(bytes(16))
            with pytest.raises(TokenStale):
                await relay.upload_piece(blob, b"x", offset=0, total_bytes=1, token=b"old")
            with pytest.raises(TokenStale):
                await relay.blob_offset(blob, token=b"old")

    asyncio.run(run())


def test_a_relay_that_asks_to_wait_says_how_long(tmp_path: Path) -> None:
    async def run() -> None:
        limits = HttpLimits(costly_rate=Rate(burst=1, per_s=0.01))
        async with standing(tmp_path, limits=limits) as there, RelayHttp(there.url) as relay:
            await relay.request_code(ANN)
            with pytest.raises(Deferred) as deferred:
                await relay.request_code(ANN)
            assert deferred.value.cause is Cause.ACCOUNT_RATE_LIMITED
            assert 90_000 < deferred.value.retry_after_ms <= 101_000

    asyncio.run(run())


def test_a_relay_that_is_not_well_still_says_how_it_is(tmp_path: Path) -> None:
    async def run() -> None:
        async with standing(tmp_path) as there, RelayHttp(there.url) as relay:
            there.database.run("PRAGMA query_only = ON")
            said = await relay.health()
            there.database.run("PRAGMA query_only = OFF")
            assert (said.well, said.store) == (False, "broken")

    asyncio.run(run())


def test_dead_networks_have_causes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_http, "SILENCE_S_MAX", 0.2)

    async def cause(url: str) -> Cause:
        async with RelayHttp(url) as relay:
            with pytest.raises(Unreachable) as failed:
                await relay.health()
            return failed.value.cause

    with socket.socket() as silent, socket.socket() as closed:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        closed.bind(("127.0.0.1", 0))  # bound, and nobody listens
        assert asyncio.run(cause(f"http://127.0.0.1:{silent.getsockname()[1]}")) is Cause.NETWORK_STALLED
        assert asyncio.run(cause(f"http://127.0.0.1:{closed.getsockname()[1]}")) is Cause.NETWORK_RELAY_UNREACHABLE
    assert asyncio.run(cause("http://no-such-name.invalid")) is Cause.NETWORK_NAME_UNRESOLVED


async def _with(answer: Callable[[web.Request], web.StreamResponse]) -> tuple[web.AppRunner, str]:
    async def handler(request: web.Request) -> web.StreamResponse:
        return answer(request)

    application = web.Application()
    application.router.add_route("*", "/{rest:.*}", handler)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (lambda: web.Response(status=502, text="<html>proxy"), Deferred),
        (lambda: web.Response(status=404, text="<html>"), RefusedError),
        (lambda: web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"}), RefusedError),
        (lambda: web.Response(text="not json"), PeerError),
        (lambda: web.Response(body=bytes(100_000)), PeerError),
    ],
)
def test_what_is_no_relay_is_told_from_one(answer: Callable[[], web.Response], expected: type[Exception]) -> None:
    async def run() -> None:
        runner, url = await _with(lambda _request: answer())
        async with RelayHttp(url) as relay:
            with pytest.raises(expected):
                await relay.health()
        await runner.cleanup()

    asyncio.run(run())


def test_a_download_that_ends_early_is_an_error() -> None:
    async def run() -> None:
        runner, url = await _with(lambda _request: web.Response(status=206, body=b"half"))
        async with RelayHttp(url) as relay:
            parts = relay.download_range(BlobId(bytes(16)), start=0, end=8, token=b"t")
            assert await anext(parts) == b"half"
            with pytest.raises(PeerError, match="4 bytes"):
                await anext(parts)
        await runner.cleanup()

    asyncio.run(run())


def test_a_pin_without_tls_is_a_mistake() -> None:
    with pytest.raises(UsageError):
        RelayHttp("http://relay.example", pin=b"x" * 32)
