"""Proves that a server's log tells of what its own code stumbled over, and of nothing that strangers do."""

import asyncio
import logging

import aiohttp
import pytest
from aiohttp import web

from answerback.transport.odd_requests import server_log


async def stumbled_over(error: Exception) -> None:
    """Serve one request whose handler fails so."""

    async def fail(_request: web.Request) -> web.Response:
        raise error

    app = web.Application()
    app.router.add_get("/", fail)
    runner = web.AppRunner(app, access_log=None, logger=server_log("answerback.tests.requests"))
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        async with aiohttp.ClientSession() as session, session.get(f"http://{host}:{port}/") as response:
            assert response.status == 500
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("error", "is_news"),
    [
        (aiohttp.ClientConnectionResetError("Cannot write to closing transport"), False),
        (web.RequestPayloadError("the body ended too early"), False),
        (ConnectionRefusedError("another service is away"), True),
        (ValueError("a defect of ours"), True),
    ],
    ids=lambda value: type(value).__name__,
)
def test_only_our_own_mistakes_are_news(error: Exception, *, is_news: bool, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    asyncio.run(stumbled_over(error))
    assert bool(caplog.records) is is_news
