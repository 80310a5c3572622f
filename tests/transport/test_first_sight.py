"""Proves that a relay's certificate is seen as it is, and that where nothing answers, the cause is told."""

import asyncio
import socket
from pathlib import Path

import pytest

from answerback.model.causes import Cause
from answerback.model.errors import UsageError
from answerback.relay.certificate import Certificate, own_certificate
from answerback.transport import first_sight
from answerback.transport.failures import Unreachable
from answerback.transport.first_sight import seen_pin


def test_what_is_seen_is_the_pin_of_the_certificate_shown(tmp_path: Path) -> None:
    async def run() -> None:
        certificate = Certificate(own_certificate(tmp_path, hosts=["127.0.0.1"]))
        heard: list[bytes] = []

        async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.append(await reader.read())
            writer.close()

        server = await asyncio.start_server(listen, "127.0.0.1", 0, ssl=certificate.context)
        async with server:
            url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            assert await seen_pin(url) == certificate.pin
        assert b"".join(heard) == b""

    asyncio.run(run())


def test_where_there_is_no_tls_there_is_no_pin() -> None:
    for url in ("http://127.0.0.1:1", "https://", "nonsense"):
        assert asyncio.run(seen_pin(url)) is None


def test_where_nothing_answers_the_cause_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_sight, "LOOK_S_MAX", 0.2)

    async def cause(url: str) -> Cause:
        with pytest.raises(Unreachable) as failed:
            await seen_pin(url)
        return failed.value.cause

    with socket.socket() as black_hole, socket.socket() as closed:
        black_hole.bind(("127.0.0.1", 0))
        black_hole.listen()
        closed.bind(("127.0.0.1", 0))  # bound, and nobody listens
        assert asyncio.run(cause(f"https://127.0.0.1:{black_hole.getsockname()[1]}")) is Cause.NETWORK_STALLED
        assert asyncio.run(cause(f"https://127.0.0.1:{closed.getsockname()[1]}")) is Cause.NETWORK_RELAY_UNREACHABLE
    monkeypatch.setattr(first_sight, "LOOK_S_MAX", 15.0)
    assert asyncio.run(cause("https://no-such-name.invalid")) is Cause.NETWORK_NAME_UNRESOLVED


def test_an_address_that_is_none_is_no_crash() -> None:
    for url in ("https://127.0.0.1:99999", "https://[::1", "https://" + "a" * 70 + ".example"):
        with pytest.raises(UsageError, match="is not an address"):
            asyncio.run(seen_pin(url))
