"""Something at a relay's address that talks as a test tells it to."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import web

from answerback.relay.certificate import Certificate
from answerback.transport.websocket import ROUTE
from answerback.wire.codec import encode
from answerback.wire.frames import Challenge

CHALLENGE = Challenge(b"n" * 32, b"relay", 1)
Talk = Callable[[web.WebSocketResponse], Awaitable[None]]


@contextlib.asynccontextmanager
async def answering(
    talk: Talk,
    *,
    certificate: Certificate | None = None,
    status: int = 0,
    host: str = "127.0.0.1",
    at: socket.socket | None = None,
) -> AsyncIterator[str]:
    """Something at a relay's address that talks as it is told to."""

    async def handler(request: web.Request) -> web.StreamResponse:
        if status:
            return web.Response(status=status)
        spoken = web.WebSocketResponse(max_msg_size=0, timeout=0.01)
        await spoken.prepare(request)
        await talk(spoken)
        return spoken

    application = web.Application()
    application.router.add_get(ROUTE, handler)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.01, handler_cancellation=True)
    await runner.setup()
    tls: ssl.SSLContext | None = certificate.context if certificate else None
    if at is not None:
        await web.SockSite(runner, at, ssl_context=tls).start()
    else:
        await web.TCPSite(runner, host, 0, ssl_context=tls).start()
    try:
        yield f"{'https' if certificate else 'http'}://{host}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def silence(spoken: web.WebSocketResponse) -> None:
    await asyncio.Event().wait()


async def greeting(spoken: web.WebSocketResponse) -> None:
    """Begin as a relay does, and say nothing more."""
    await spoken.send_bytes(encode(CHALLENGE))
    await silence(spoken)
