"""Proves that the door stands against crowds, slow senders and nonsense, and never shows what went wrong inside."""

import asyncio
import io
import ipaddress
import json
import logging
import time
from pathlib import Path

import pytest

from answerback.model.causes import Cause
from answerback.model.errors import PeerError, RefusedError, StorageError, StoreFullError, TrustError
from answerback.relay import http
from answerback.relay.http import HttpLimits, Refusal, refusal_of
from answerback.relay.limits import Rate
from tests.relay.standing import standing


async def raw(url: str, data: bytes) -> bytes:
    """Send bytes and read until the relay closes."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(data)
    try:
        return await asyncio.wait_for(reader.read(), 20)
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("error", "cause", "status"),
    [
        (RefusedError(Cause.ACCOUNT_HANDLE_TAKEN), Cause.ACCOUNT_HANDLE_TAKEN, 409),
        (PeerError("odd"), Cause.RELAY_INCOMPATIBLE, 400),
        (TrustError("odd"), Cause.TRUST_SIGNATURE_WRONG, 400),
        (StoreFullError("/secret/path"), Cause.RELAY_STORE_FULL, 507),
        (StorageError("/secret/path"), Cause.RELAY_FAULTY, 500),
    ],
)
def test_every_error_has_its_status_and_none_shows_the_inside(error: Exception, cause: Cause, status: int) -> None:
    refusal = refusal_of(error)
    assert (refusal.cause, refusal.status) == (cause, status)
    assert "secret" not in str(refusal)


def test_a_bug_is_logged_here_and_not_told_there(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        async with standing(tmp_path) as relay:
            relay.side.boxes._boxes = None  # type: ignore[assignment]  # the bug
            async with relay.web.get(f"{relay.url}/v1/boxes/{'0' * 32}/0") as response:
                assert response.status == 500
                text = await response.text()
                assert "Traceback" not in text
                assert "NoneType" not in text
                assert response.headers["X-Content-Type-Options"] == "nosniff"

    with caplog.at_level(logging.ERROR):
        asyncio.run(run())
    assert "NoneType" in caplog.text


def test_what_is_nowhere_is_said_in_the_same_words_as_all_refusals(tmp_path: Path) -> None:
    async def run() -> None:
        async with standing(tmp_path) as relay:
            for method, path, status in (
                ("GET", "/nowhere", 404),
                ("DELETE", "/v1/codes", 405),
                ("GET", "/..%2f", 404),
            ):
                async with relay.web.request(method, relay.url + path) as response:
                    assert response.status == status
                    assert set(await response.json()) == {"cause", "message", "retry_after_ms"}
                    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
            assert relay.metric("answerback_http_answers_total", route="none", status="404") == 2

    asyncio.run(run())


def test_a_crowd_from_one_address_is_told_when_to_come_back(tmp_path: Path) -> None:
    async def run() -> None:
        limits = HttpLimits(rate=Rate(burst=3, per_s=0.5))
        async with standing(tmp_path, limits=limits) as relay:
            for _ in range(3):
                async with relay.web.get(relay.url + "/") as response:
                    assert response.status == 200
            async with relay.web.get(relay.url + "/") as response:
                assert response.status == 429
                assert response.headers["Retry-After"] in {"2", "3"}

    asyncio.run(run())


def test_behind_a_trusted_proxy_each_client_has_its_own_bucket_and_else_none_has(tmp_path: Path) -> None:
    async def run(folder: Path, *, trusted: bool) -> list[int]:
        proxies = (ipaddress.ip_network("127.0.0.0/8"),) if trusted else ()
        limits = HttpLimits(rate=Rate(burst=1, per_s=0.001), trusted_proxies=proxies)
        statuses = []
        async with standing(folder, limits=limits) as relay:
            for client in ("198.51.100.1", "198.51.100.2", "198.51.100.1"):
                async with relay.web.get(relay.url + "/", headers={"X-Forwarded-For": client}) as response:
                    statuses.append(response.status)
        return statuses

    assert asyncio.run(run(tmp_path / "one", trusted=True)) == [200, 200, 429]
    assert asyncio.run(run(tmp_path / "two", trusted=False)) == [200, 429, 429]


def test_too_many_requests_at_once_are_told_so_and_places_come_back(tmp_path: Path) -> None:
    async def run() -> None:
        limits = HttpLimits(rate=Rate(burst=1000, per_s=1000), requests_per_address_max=2)
        async with standing(tmp_path, limits=limits) as relay:
            box = f"{relay.url}/v1/boxes/{'0' * 32}/0"

            async def wait() -> int:
                async with relay.web.get(box, params={"wait_s": 25}) as response:
                    return response.status

            waiting = [asyncio.create_task(wait()) for _ in range(2)]
            async with asyncio.timeout(10):
                while relay.side.boxes.waiting_count < 2:  # noqa: ASYNC110  # the relay needs no event for it
                    await asyncio.sleep(0.01)
            async with relay.web.get(relay.url + "/") as response:
                assert (response.status, (await response.json())["cause"]) == (503, "relay.busy")
            relay.side.boxes.close()
            assert await asyncio.gather(*waiting) == [204, 204]
            async with relay.web.get(relay.url + "/") as response:
                assert response.status == 200

    asyncio.run(run())


def test_a_closed_door_says_that_the_relay_stops(tmp_path: Path) -> None:
    async def run() -> None:
        async with standing(tmp_path) as relay:
            await relay.side.close(within_s=5)
            async with relay.web.get(relay.url + "/") as response:
                assert (response.status, (await response.json())["cause"]) == (503, "relay.stopping")

    asyncio.run(run())


@pytest.mark.parametrize("head", [b"", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ", b"\x16\x03\x01"])
def test_a_head_that_never_ends_is_hung_up_on(tmp_path: Path, head: bytes) -> None:
    async def run() -> None:
        async with standing(tmp_path, keepalive_s=0.2) as relay:
            said = await raw(relay.url, head)
            assert said == b"" or b" 400 " in said[:20]

    asyncio.run(run())


def test_a_head_that_drips_is_hung_up_on_all_the_same(tmp_path: Path) -> None:
    async def run() -> None:
        async with standing(tmp_path, keepalive_s=0.3) as relay:
            host, _, port = relay.url.removeprefix("http://").partition(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            ended = asyncio.create_task(reader.read())
            writer.write(b"GET / HTTP/1.1\r\n")
            began_s = time.monotonic()
            while not ended.done():
                writer.write(b"X-A: b\r\n")
                await asyncio.wait([ended], timeout=0.02)
                assert time.monotonic() - began_s < 20
            writer.close()

    asyncio.run(run())


def test_a_body_that_comes_too_slowly_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "BODY_GRACE_S", 0.1)
    monkeypatch.setattr(http, "BODY_BYTES_PER_S_MIN", 10**9)

    async def run() -> None:
        async with standing(tmp_path) as relay:
            said = await raw(
                relay.url, b"POST /v1/codes HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\nConnection: close\r\n\r\n{"
            )
            assert said.startswith(b"HTTP/1.1 408")

    asyncio.run(run())


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_that_is_too_large_is_not_read_to_its_end(tmp_path: Path, *, declared: bool) -> None:
    async def run() -> None:
        async with standing(tmp_path) as relay:
            body = io.BytesIO(bytes(200_000))

            async def pieces() -> object:
                while part := body.read(1000):
                    yield part

            async with relay.web.post(relay.url + "/v1/codes", data=body if declared else pieces()) as response:
                assert (response.status, (await response.json())["cause"]) == (413, "message.too_large")

    asyncio.run(run())


def test_compressed_and_oversized_heads_are_refused_without_a_word_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        async with standing(tmp_path) as relay:
            head = b"POST /v1/codes HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n"
            assert (await raw(relay.url, head + b"Content-Encoding: identity\r\n\r\n{}")).startswith(b"HTTP/1.1 415")
            assert (await raw(relay.url, head + b"X-Long: " + b"x" * 70_000)).startswith(b"HTTP/1.0 400")

    asyncio.run(run())
    assert caplog.records == []


def test_a_refusal_carries_its_headers() -> None:
    refusal = Refusal(Cause.RELAY_BUSY, "later", retry_after_ms=1500)
    response = http.said(refusal)
    assert response.headers["Retry-After"] == "2"
    assert isinstance(response.body, bytes)
    assert json.loads(response.body) == {"cause": "relay.busy", "message": "later", "retry_after_ms": 1500}
