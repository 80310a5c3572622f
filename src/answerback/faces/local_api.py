"""Lets programs of the same person ask the agent that runs on this device: JSON over HTTP, on a private socket.

Theory. Whoever may open the socket is the person: its file has mode 0600 in a folder of mode 0700, and where the system
tells who is on the other end, that is checked too. Where there are no Unix sockets it is a loopback port; a web page
could reach that, so a token from a private file, the exact `Host` and the absence of an `Origin` are asked for.
"""

import asyncio
import contextlib
import hmac
import os
import secrets
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Final, TypeVar

import msgspec
from aiohttp import web

from answerback.core.network.modes import Mode, Wish
from answerback.core.sensing import Wished
from answerback.device.client import Client, Sent
from answerback.device.signing_in import give_back_here
from answerback.device.wishes import keep_wish
from answerback.faces.ledger import READ_SETTING, Ledger
from answerback.faces.local_fallback import FallbackRoom
from answerback.faces.local_handles import HandleRoom
from answerback.faces.local_link import LinkRoom
from answerback.faces.local_trust import TrustRoom
from answerback.faces.news import told_link, told_news
from answerback.faces.place import TOKEN_BYTES, Place, forget_place, has_unix_sockets, socket_path, write_place
from answerback.faces.told import (
    DeviceNamed,
    HistoryAsked,
    ReadAsked,
    RegisterAsked,
    RevokeAsked,
    SendAsked,
    SentTold,
    Trouble,
    WishAsked,
)
from answerback.faces.troubles import kind_of
from answerback.model.causes import Cause, cause_of
from answerback.model.errors import AnswerbackError, UsageError
from answerback.model.ids import message_id_text, parse_message_id
from answerback.model.message import LIFETIME_S, Urgency
from answerback.model.timeline import Stage
from answerback.storage.durable import PRIVATE_FILE
from answerback.transport.odd_requests import server_log

BODY_BYTES_MAX = 256 * 1024
"""A text has at most 48 KiB; JSON may write each byte as six."""
MESSAGES_MAX = 1_000
HEARTBEAT_S = 15.0
"""An empty line to a quiet listener, to learn that it is gone."""
LOOK_S = 0.02
"""How often it is looked whether all has been caught up with."""
STOP_S_MAX = 1.0
LET_IN_TURNS = 4
"""Turns of the loop from a connection's acceptance until the server knows of it."""
_PEER = struct.Struct("3i")  # pid, uid, gid: `struct ucred`, unix(7)
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_Asked = TypeVar("_Asked", bound=msgspec.Struct)


class LocalApi:
    """What one agent answers to programs on this device."""

    def __init__(self, client: Client, *, on_stop: Callable[[], None]) -> None:
        self._client: Final = client
        self._ledger: Final = Ledger(client.journal, client.identity, client=client)
        self._links: Final = LinkRoom(client)
        self._fallbacks: Final = FallbackRoom(client, self._ledger)
        self._handles: Final = HandleRoom(client)
        self._on_stop: Final = on_stop
        self._place = Place(pid=os.getpid())

    @contextlib.asynccontextmanager
    async def serving(self, folder: Path, *, unix: bool | None = None) -> AsyncIterator[Place]:
        """Answer while in the block; the caller holds the folder's lock."""
        app = web.Application(middlewares=[self._guard], client_max_size=BODY_BYTES_MAX)
        app.add_routes(self._routes())
        log = server_log("answerback.agent.requests")
        runner = web.AppRunner(app, access_log=None, logger=log, handler_cancellation=True, shutdown_timeout=STOP_S_MAX)
        await runner.setup()
        try:
            use_unix = has_unix_sockets() if unix is None else unix
            self._place = await (_on_socket(runner, folder) if use_unix else _on_port(runner))
            write_place(folder, self._place)
            yield self._place
        finally:
            forget_place(folder)
            for _ in range(LET_IN_TURNS):
                await asyncio.sleep(0)  # asyncio loses a socket that was let in just before its server closes
            await runner.cleanup()

    def _routes(self) -> list[web.RouteDef]:
        return [
            web.get("/v1/status", self._status),
            web.get("/v1/devices", self._devices),
            web.post("/v1/devices/name", self._name_device),
            web.post("/v1/devices/revoke", self._revoke_device),
            web.post("/v1/devices/history", self._offer_history),
            web.get("/v1/messages", self._messages),
            web.get("/v1/timeline", self._timeline),
            web.get("/v1/reached", self._reached),
            web.get("/v1/caught-up", self._caught_up),
            web.get("/v1/events", self._events),
            web.post("/v1/send", self._send),
            web.post("/v1/read", self._read),
            web.post("/v1/mode", self._choose),
            web.post("/v1/re-register", self._register_again),
            web.post("/v1/stop", self._stop),
            web.get("/v1/handles", self._handles.tell),
            web.post("/v1/handles", self._handles.change),
            web.post("/v1/link", self._links.begin),
            web.post("/v1/link/confirm", self._links.confirm),
            *TrustRoom(self._client).routes(),
            *self._fallbacks.routes,
        ]

    # ---- the door

    @web.middleware
    async def _guard(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        try:
            return await handler(request)
        except AnswerbackError as error:
            cause = getattr(error, "cause", None)
            trouble = Trouble(kind_of(error), str(error), cause.value if isinstance(cause, Cause) else None)
            return _json(trouble, status=400)

    def _refusal(self, request: web.Request) -> web.Response | None:
        if self._place.socket is not None:
            own = _is_own(request)
            return None if own else _json(Trouble("usage", "this is another person's agent"), status=403)
        if request.host != f"127.0.0.1:{self._place.port}":
            return _json(Trouble("usage", "this is not the host you asked for"), status=421)
        if "Origin" in request.headers:
            return _json(Trouble("usage", "web pages may not ask this agent"), status=403)
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(errors="replace"), (self._place.token or "").encode()):
            return _json(Trouble("usage", "the token is not this agent's"), status=401)
        return None

    # ---- questions

    async def _status(self, _request: web.Request) -> web.Response:
        return _json(self._ledger.status())

    async def _devices(self, _request: web.Request) -> web.Response:
        return _json(self._ledger.devices())

    async def _messages(self, request: web.Request) -> web.Response:
        return _json(self._ledger.messages(limit=_number(request, "limit", usual=50, most=MESSAGES_MAX)))

    async def _timeline(self, request: web.Request) -> web.Response:
        return _json(self._ledger.why(request.query.get("message")))

    async def _reached(self, request: web.Request) -> web.Response:
        """Wait until a message has come so far, or until the time is over; tell its life either way."""
        identity = self._ledger.find(request.query.get("message", ""))
        stage = _stage(request.query.get("stage", ""))
        timeout_s = _number(request, "timeout_s", usual=20, most=86_400)
        with contextlib.suppress(TimeoutError):
            await Sent(identity, self._client).reached(stage, timeout_s=timeout_s)
        return _json(self._ledger.why(message_id_text(identity)))

    async def _caught_up(self, request: web.Request) -> web.Response:
        """Wait until what waited at the relay is here and answered, or until the time is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_number(request, "timeout_s", usual=5, most=3600)):
                while not self._is_caught_up():  # noqa: ASYNC110 - receipts make no news to wait for
                    await asyncio.sleep(LOOK_S)
        return _json(self._ledger.status())

    def _is_caught_up(self) -> bool:
        machines = self._client.agent.engine.machines
        owes_receipts = any(not promise.letter.answered for promise in machines.outbox)
        has_keys = machines.path.up and machines.registration.prekeys_left > 0
        is_asking = machines.questions.waiting or machines.catchup.waiting
        return has_keys and not (machines.catchup.behind or is_asking or owes_receipts or len(machines.transfers))

    async def _events(self, request: web.Request) -> web.StreamResponse:
        """Tell all news, a line each, beginning with how the connection is."""
        response = web.StreamResponse(headers={"Content-Type": "application/jsonl"})
        await response.prepare(request)
        with self._client.hearing() as news:
            status = self._ledger.status()
            cause = cause_of(status.cause) if status.cause else None
            await response.write(_line(told_link(connected=status.connected, cause=cause)))
            while True:
                try:
                    heard = await asyncio.wait_for(news.get(), HEARTBEAT_S)
                except TimeoutError:
                    await response.write(b"\n")
                else:
                    await response.write(_line(told_news(heard, history=self._client.journal, ledger=self._ledger)))

    # ---- deeds

    async def _send(self, request: web.Request) -> web.Response:
        asked = await _body(request, SendAsked)
        sent = await self._client.send(
            *asked.to,
            text=asked.text,
            file=Path(asked.file) if asked.file else None,
            urgency=Urgency.URGENT if asked.urgent else Urgency.NORMAL,
            lifetime_s=asked.ttl_s or LIFETIME_S,
            is_private=asked.private,
        )
        # A person acts: the best moment to try again, unless the relay asked us to stay away.
        self._client.agent.change(lambda engine, now: engine.hint(now=now))
        return _json(SentTold(message_id_text(sent.id)))

    async def _read(self, request: web.Request) -> web.Response:
        asked = await _body(request, ReadAsked)
        unread = self._ledger.unread(up_to=parse_message_id(asked.up_to))
        if unread:
            self._client.read([kept.message for kept in unread])
            self._client.journal.keep_setting(READ_SETTING, str(max(kept.arrival for kept in unread)))
        return _json([message_id_text(kept.message.id) for kept in unread])

    async def _choose(self, request: web.Request) -> web.Response:
        asked = await _body(request, WishAsked)
        wish = Wish(_mode(asked.mode), asked.metered)
        keep_wish(self._client.journal, wish)
        self._client.agent.wish = wish
        self._client.agent.change(lambda engine, now: engine.sensed(Wished(wish), now=now))
        return _json(self._ledger.status())

    async def _name_device(self, request: web.Request) -> web.Response:
        self._client.name((await _body(request, DeviceNamed)).name)
        return _json(self._ledger.devices())

    async def _offer_history(self, request: web.Request) -> web.Response:
        self._client.offer_history(self._ledger.find_device((await _body(request, HistoryAsked)).device))
        return _json(self._ledger.devices())

    async def _revoke_device(self, request: web.Request) -> web.Response:
        asked = await _body(request, RevokeAsked)
        await self._client.revoke(self._ledger.find_removable(asked.device), keep_root=asked.keep_root)
        return _json(self._ledger.devices())

    async def _register_again(self, request: web.Request) -> web.Response:
        """Sign out and in again; the answer comes when it is done, or when the time is over."""
        asked = await _body(request, RegisterAsked)
        if asked.code is not None:
            await give_back_here(self._client.agent, code=asked.code, invitation=asked.invitation)
        await self._client.register_again(gentle=asked.gentle, timeout_s=min(max(asked.timeout_s, 1), 3600))
        return _json(self._ledger.status())

    async def _stop(self, _request: web.Request) -> web.Response:
        self._on_stop()
        return _json(None)


async def _on_socket(runner: web.AppRunner, folder: Path) -> Place:
    path = socket_path(folder)
    path.unlink(missing_ok=True)  # of an agent that did not end well: we hold the lock, so it is nobody's
    await web.UnixSite(runner, path).start()
    path.chmod(PRIVATE_FILE)
    return Place(pid=os.getpid(), socket=str(path))


async def _on_port(runner: web.AppRunner) -> Place:
    listening = socket.create_server(("127.0.0.1", 0))
    await web.SockSite(runner, listening).start()
    return Place(pid=os.getpid(), port=listening.getsockname()[1], token=secrets.token_urlsafe(TOKEN_BYTES))


def _is_own(request: web.Request) -> bool:
    """Whether the other end is this person, or the system's own root; where nobody can tell, the file's mode did."""
    peer: socket.socket | None = request.transport.get_extra_info("socket") if request.transport else None
    option = getattr(socket, "SO_PEERCRED", None)
    if peer is None or option is None:
        return True
    _, uid, _ = _PEER.unpack(peer.getsockopt(socket.SOL_SOCKET, option, _PEER.size))
    return uid in (os.getuid(), 0)


async def _body(request: web.Request, kind: type[_Asked]) -> _Asked:
    try:
        return msgspec.json.decode(await request.read(), type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, ConnectionError, web.RequestPayloadError) as error:
        raise UsageError(f"the request is not what {request.path} takes: {error}") from error


def _number(request: web.Request, name: str, *, usual: int, most: int) -> int:
    text = request.query.get(name, str(usual))
    if not text.isdecimal() or len(text) > len(str(most)) or not 0 < int(text) <= most:
        raise UsageError(f"{name} is a number from 1 to {most}; {text[:20]!r} is not")
    return int(text)


def _mode(text: str | None) -> Mode | None:
    try:
        return Mode(text) if text is not None else None
    except ValueError as error:
        raise UsageError(f"{text!r} is not a mode") from error


def _stage(text: str) -> Stage:
    try:
        return Stage[text.upper()]
    except KeyError as error:
        raise UsageError(f"{text!r} is not a stage") from error


def _json(told: object, *, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(told), content_type="application/json", status=status)


def _line(told: object) -> bytes:
    return msgspec.json.encode(told) + b"\n"
