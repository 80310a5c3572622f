"""Serves the stacks that `websocket_stacks.py` compares: each one port, WebSocket and HTTP, TLS if asked.

Each echoes WebSocket messages, answers `GET /health`, counts the bytes of `PUT /blob`, and stops on SIGTERM.
"""

from __future__ import annotations

import asyncio
import json
import signal
import ssl
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    import uvicorn
    from aiohttp import web
    from starlette.applications import Starlette

CONNECTION_COUNT_MAX: Final = 10_000
FRAME_BYTES_MAX: Final = 256 * 1024  # attachments go by HTTP
UPLOAD_BYTES_MAX: Final = 20 * 1024 * 1024
BACKLOG: Final = 4_096  # Linux lets no more wait (somaxconn)
STOP_S_MAX: Final = 1
HOST: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Listen:
    """Where a candidate listens, and with which certificate."""

    port: int
    certificate: Path | None

    @property
    def key(self) -> Path | None:
        """Return the file of the private key, which lies beside the certificate."""
        return self.certificate.with_suffix(".key") if self.certificate else None

    def context(self) -> ssl.SSLContext | None:
        """Return a server's TLS context, or none for plain TCP."""
        if self.certificate is None:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


async def _until_told_to_stop() -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()


def _aiohttp_app() -> web.Application:
    from aiohttp import web

    async def health(_request: web.Request) -> web.Response:
        return web.json_response({"up": True})

    async def blob(request: web.Request) -> web.Response:
        return web.json_response({"bytes": sum([len(piece) async for piece in request.content.iter_any()])})

    async def frames(request: web.Request) -> web.WebSocketResponse:
        websocket = web.WebSocketResponse(compress=False, max_msg_size=FRAME_BYTES_MAX)
        await websocket.prepare(request)
        opened.add(websocket)
        try:
            async for message in websocket:
                await websocket.send_bytes(message.data)
        except ConnectionError:
            return websocket
        finally:
            opened.discard(websocket)
        return websocket

    async def say_goodbye(_app: web.Application) -> None:
        await asyncio.gather(*(each.close(code=1001, drain=False) for each in list(opened)))

    opened: set[web.WebSocketResponse] = set()
    app = web.Application(client_max_size=UPLOAD_BYTES_MAX)
    app.add_routes([web.get("/health", health), web.put("/blob", blob), web.get("/ws", frames)])
    app.on_shutdown.append(say_goodbye)
    return app


async def _serve_aiohttp(listen: Listen) -> None:
    from aiohttp import web

    runner = web.AppRunner(_aiohttp_app(), access_log=None, shutdown_timeout=STOP_S_MAX)
    await runner.setup()
    await web.TCPSite(runner, HOST, listen.port, ssl_context=listen.context(), backlog=BACKLOG).start()
    await _until_told_to_stop()
    await runner.cleanup()


async def _serve_aiohttp_fast(listen: Listen) -> None:
    import aiofastnet

    aiofastnet.patch_loop()
    await _serve_aiohttp(listen)


async def _serve_first_bytes_aiohttp(listen: Listen) -> None:
    from aiohttp import web

    runner = web.AppRunner(_aiohttp_app(), access_log=None, shutdown_timeout=STOP_S_MAX)
    await runner.setup()
    assert runner.server is not None
    await _serve_first_bytes(listen, runner.server)
    await runner.cleanup()


async def _serve_first_bytes(listen: Listen, http_factory: Callable[[], Any]) -> None:
    import aiofastnet
    from websocket_picows import FirstBytes, Frames

    loop = asyncio.get_running_loop()
    server = await aiofastnet.create_server(
        loop, lambda: FirstBytes(http_factory), HOST, listen.port, ssl=listen.context(), backlog=BACKLOG
    )
    await _until_told_to_stop()
    server.close()
    for frames in list(Frames.open):
        frames.shutdown()
    while Frames.open:  # noqa: ASYNC110  # once, at the end
        await asyncio.sleep(0.01)


def _starlette_app() -> Starlette:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route, WebSocketRoute
    from starlette.websockets import WebSocket, WebSocketDisconnect

    async def health(_request: Request) -> JSONResponse:
        return JSONResponse({"up": True})

    async def blob(request: Request) -> JSONResponse:
        return JSONResponse({"bytes": sum([len(piece) async for piece in request.stream()])})

    async def frames(websocket: WebSocket) -> None:
        await websocket.accept()
        try:
            while True:
                await websocket.send_bytes(await websocket.receive_bytes())
        except WebSocketDisconnect:
            return

    routes = [Route("/health", health), Route("/blob", blob, methods=["PUT"]), WebSocketRoute("/ws", frames)]
    return Starlette(routes=routes)


def _uvicorn_config(listen: Listen, websocket: object) -> uvicorn.Config:
    import uvicorn

    return uvicorn.Config(
        _starlette_app(),
        host=HOST,
        port=listen.port,
        ws=cast("Any", websocket),  # a name, or a protocol; uvicorn's type forgets buffered ones
        ws_per_message_deflate=False,
        ws_max_size=FRAME_BYTES_MAX,
        ssl_certfile=listen.certificate,
        ssl_keyfile=listen.key,
        backlog=BACKLOG,
        log_level="error",
        access_log=False,
        timeout_graceful_shutdown=STOP_S_MAX,
    )


async def _serve_uvicorn_websockets(listen: Listen) -> None:
    import uvicorn

    await uvicorn.Server(_uvicorn_config(listen, "websockets-sansio")).serve()


async def _serve_uvicorn_picows(listen: Listen) -> None:
    import uvicorn
    from websocket_picows import Frames

    await uvicorn.Server(_uvicorn_config(listen, Frames)).serve()


async def _serve_uvicorn_picows_fast(listen: Listen) -> None:
    import aiofastnet

    aiofastnet.patch_loop()
    await _serve_uvicorn_picows(listen)


async def _serve_first_bytes_uvicorn(listen: Listen) -> None:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
    from uvicorn.server import ServerState

    config, state = _uvicorn_config(listen, "none"), ServerState()
    await _serve_first_bytes(listen, lambda: HttpToolsProtocol(config, state, {}))


class _Rsgi:
    async def __rsgi__(self, scope: Any, protocol: Any) -> None:  # noqa: ANN401  # granian exports neither type
        if scope.proto == "ws":
            transport = await protocol.accept()
            while (message := await transport.receive()).kind:  # 0 is a close
                await transport.send_bytes(message.data)
            protocol.close()
            return
        count = sum([len(piece) async for piece in protocol]) if scope.method == "PUT" else 0
        answer = {"bytes": count} if scope.method == "PUT" else {"up": True}
        protocol.response_bytes(200, [("content-type", "application/json")], json.dumps(answer).encode())


async def _serve_granian(listen: Listen) -> None:
    from granian.constants import Interfaces
    from granian.server.embed import Server

    server = Server(
        _Rsgi(),
        HOST,
        listen.port,
        interface=Interfaces.RSGI,
        backlog=BACKLOG,
        backpressure=CONNECTION_COUNT_MAX,
        ssl_cert=listen.certificate,
        ssl_key=listen.key,
        log_enabled=False,
    )
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.stop)
    await server.serve()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A stack, what it needs, and how it is served."""

    packages: tuple[str, ...]
    serve: Callable[[Listen], Coroutine[Any, Any, None]]


_UVICORN: Final = ("uvicorn", "httptools", "starlette")
CANDIDATES: Final = {
    "aiohttp": Candidate(("aiohttp",), _serve_aiohttp),
    "aiohttp-aiofastnet": Candidate(("aiohttp", "aiofastnet"), _serve_aiohttp_fast),
    "uvicorn-websockets": Candidate((*_UVICORN, "websockets"), _serve_uvicorn_websockets),
    "granian-rsgi": Candidate(("granian",), _serve_granian),
    "uvicorn-picows": Candidate((*_UVICORN, "picows"), _serve_uvicorn_picows),
    "uvicorn-picows-aiofastnet": Candidate((*_UVICORN, "picows"), _serve_uvicorn_picows_fast),
    "first-bytes-picows-uvicorn": Candidate((*_UVICORN, "picows"), _serve_first_bytes_uvicorn),
    "first-bytes-picows-aiohttp": Candidate(("aiohttp", "picows"), _serve_first_bytes_aiohttp),
}
