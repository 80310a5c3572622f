"""Sends texts by a phone that runs SMS Gateway for Android in its local mode.

Theory. The phone takes a message over HTTP under an id of *our* choosing, refuses a second one with the same id, and
can be asked for it: so no doubt lasts, and nothing goes twice. What becomes of it, and what arrives, the phone says by
webhooks, signed with a key both sides know; it says them again until it is answered, and it is answered when what it
said is on our disk.
"""

import asyncio
import contextlib
import hashlib
import hmac
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
import msgspec
from aiohttp import web

from answerback.model.errors import UsageError
from answerback.transport.carriers.roads import (
    Absent,
    Incoming,
    Receipted,
    Refused,
    RoadClosed,
    RoadRefused,
    RoadUnsent,
    Submission,
    Taken,
)
from answerback.transport.carriers.smpp import numbered
from answerback.wire.delivery_receipts import DeliveryReceipt, MessageState
from answerback.wire.short_messages import Fragment

ANSWER_S_MAX = 20.0
LOOK_S = 30.0
"""How often a phone that says nothing is asked whether it is there."""
WEBHOOK_BYTES_MAX = 64 * 1024
EVENTS_MAX = 100
KEEP_S_MAX = 10.0
"""How long a webhook waits for the disk before the phone is told to come again."""
WEBHOOK_PATH: Final = "/answerback"
SAID: Final = ("sms:received", "sms:delivered", "sms:failed")
_STATES: Final = {
    "Pending": MessageState.ENROUTE,
    "Processed": MessageState.ENROUTE,
    "Sent": MessageState.ENROUTE,
    "Delivered": MessageState.DELIVERED,
    "Failed": MessageState.UNDELIVERABLE,
}
_UNAUTHORIZED, _FORBIDDEN, _ABSENT, _THERE_ALREADY, _TOO_MANY, _SERVER = 401, 403, 404, 409, 429, 500


@dataclass(frozen=True, slots=True, kw_only=True)
class AndroidSettings:
    """Which phone, and where it says what happens."""

    url: str
    username: str
    password: str = field(repr=False)
    webhook_url: str = ""
    """Where the phone reaches `webhook_listen`: https://…, or http://127.0.0.1:… through a tunnel. If empty it says
    nothing, so nothing is confirmed and nothing arrives."""
    webhook_listen: str = "127.0.0.1:8091"
    webhook_key: str = field(default="", repr=False)
    """The phone's signing key for webhooks, from its settings."""

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise UsageError("a phone's URL looks like http://192.168.1.5:8080")
        if self.webhook_url and not self.webhook_key:
            raise UsageError("webhooks need webhook_key: anybody could say anything otherwise")

    @property
    def is_confirming(self) -> bool:
        """Whether delivery is ever heard of."""
        return bool(self.webhook_url)


class _Payload(msgspec.Struct):
    messageId: str = ""  # noqa: N815 - its name there
    message: str = ""
    phoneNumber: str = ""  # noqa: N815
    receivedAt: str = ""  # noqa: N815
    reason: str = ""


class _Said(msgspec.Struct):
    event: str
    payload: _Payload
    id: str = ""


class _Known(msgspec.Struct):
    id: str
    state: str


def basic(username: str, password: str) -> str:
    """Write what a request says of who asks (RFC 7617 §2)."""
    return "Basic " + b64encode(f"{username}:{password}".encode()).decode()


async def open_android(settings: AndroidSettings) -> "AndroidRoad":
    """Meet the phone, and have it say what happens. Raises RoadClosed, RoadRefused for a wrong password."""
    session = aiohttp.ClientSession(
        headers={"Authorization": basic(settings.username, settings.password)},
        timeout=aiohttp.ClientTimeout(total=ANSWER_S_MAX),
    )
    road = AndroidRoad(settings, session)
    try:
        await road.begin()
    except BaseException:
        await road.close()
        raise
    return road


class AndroidRoad:
    """One phone."""

    def __init__(self, settings: AndroidSettings, session: aiohttp.ClientSession) -> None:
        self._settings: Final = settings
        self._url: Final = settings.url.rstrip("/")
        self._session: Final = session
        self._runner: web.AppRunner | None = None
        self._events: Final[asyncio.Queue[Receipted | Incoming | None]] = asyncio.Queue(EVENTS_MAX)
        self._ended: str = ""

    @property
    def can_ask(self) -> bool:
        """A phone knows what it has by our ids."""
        return True

    async def begin(self) -> None:
        """Ask who is there and listen. Raises RoadClosed."""
        await self._look()
        if not self._settings.webhook_url:
            return
        application = web.Application(client_max_size=WEBHOOK_BYTES_MAX)
        application.add_routes([web.post(WEBHOOK_PATH, self._hear)])
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        host, _, port = self._settings.webhook_listen.rpartition(":")
        try:
            await web.TCPSite(self._runner, host, int(port)).start()
        except (OSError, ValueError) as error:
            raise RoadClosed(f"nothing can be heard at {self._settings.webhook_listen}: {error}") from error
        for event in SAID:
            hook = {"id": f"answerback-{event.replace(':', '-')}", "event": event}
            status, _ = await self._exchange(
                "POST", "/webhooks", hook | {"url": self._settings.webhook_url.rstrip("/") + WEBHOOK_PATH}
            )
            if status >= 400:  # noqa: PLR2004 - RFC 9110 §15.5
                raise RoadClosed(f"the phone does not take our webhook (status {status})")

    async def submit(self, submission: Submission) -> Taken | Refused:
        """Hand the whole text over under our own id."""
        name = submission.token.hex()
        words = {
            "id": name,
            "textMessage": {"text": submission.text},
            "phoneNumbers": [submission.to.text],
            "withDeliveryReport": True,
        }
        status, _ = await self._exchange("POST", "/messages", words)
        if status < 300 or status == _THERE_ALREADY:  # noqa: PLR2004 - RFC 9110 §15.3
            return Taken(name)
        if status >= _SERVER:
            raise RoadClosed(f"the phone had an error of its own (status {status})")
        is_wait = status == _TOO_MANY
        return Refused(f"the phone refuses the text (status {status})", is_temporary=is_wait, too_fast=is_wait)

    async def ask(self, submission: Submission) -> DeliveryReceipt | Absent | None:
        """Ask for a text by our id."""
        status, body = await self._exchange("GET", f"/messages/{submission.token.hex()}")
        if status == _ABSENT:
            return Absent()
        try:
            known = msgspec.json.decode(body, type=_Known)
        except msgspec.MsgspecError:
            return None
        state = _STATES.get(known.state)
        return DeliveryReceipt(submission.token.hex(), state) if state is not None else None

    async def events(self) -> AsyncIterator[Receipted | Incoming]:
        """What the phone says; a quiet one is asked now and then whether it is there."""
        while not self._ended:
            event: Receipted | Incoming | None = None
            try:
                async with asyncio.timeout(LOOK_S):
                    event = await self._events.get()
            except TimeoutError:
                await self._look()
            if event is not None:
                yield event
        raise RoadClosed(self._ended)

    async def close(self) -> None:
        """Stop listening."""
        self._ended = self._ended or "we ended it"
        with contextlib.suppress(asyncio.QueueFull):
            self._events.put_nowait(None)
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()
        await self._session.close()

    async def _look(self) -> None:
        status, _ = await self._exchange("GET", "/webhooks")
        if status in (_UNAUTHORIZED, _FORBIDDEN):
            raise RoadRefused("the phone does not accept user name and password")
        if status >= _SERVER:
            raise RoadClosed(f"the phone had an error of its own (status {status})")

    async def _exchange(self, verb: str, path: str, words: dict[str, Any] | None = None) -> tuple[int, bytes]:
        if self._ended:
            raise RoadUnsent(self._ended)
        try:
            async with self._session.request(verb, self._url + path, json=words, allow_redirects=False) as answer:
                return answer.status, await answer.content.read(WEBHOOK_BYTES_MAX)
        except aiohttp.ClientConnectorError as error:
            raise RoadUnsent(f"the phone cannot be reached: {error}") from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise RoadClosed(f"the phone did not answer: {str(error) or type(error).__name__}") from error

    async def _hear(self, request: web.Request) -> web.Response:
        body = await request.read()
        signed = body + request.headers.get("X-Timestamp", "").encode()
        expected = hmac.new(self._settings.webhook_key.encode(), signed, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected.encode(), request.headers.get("X-Signature", "").lower().encode()):
            return web.Response(status=_FORBIDDEN)
        try:
            said = msgspec.json.decode(body, type=_Said)
        except msgspec.MsgspecError:
            return web.Response(status=400)
        on_disk = asyncio.Event()
        event = _event(said, on_disk)
        if event is None:
            return web.Response()
        try:
            async with asyncio.timeout(KEEP_S_MAX):
                await self._events.put(event)
                await on_disk.wait()
        except TimeoutError:
            return web.Response(status=503)  # it says it again
        return web.Response()


def _event(said: _Said, on_disk: asyncio.Event) -> Receipted | Incoming | None:
    payload = said.payload
    whom = numbered(payload.phoneNumber, kind=0)
    match said.event:
        case "sms:received":
            name = f"{payload.messageId} {payload.receivedAt}"  # the id alone is made of what was said
            return Incoming(whom, Fragment(payload.message), on_disk.set, name)
        case "sms:delivered":
            return Receipted(DeliveryReceipt(payload.messageId, MessageState.DELIVERED), whom, on_disk.set)
        case "sms:failed":
            return Receipted(DeliveryReceipt(payload.messageId, MessageState.UNDELIVERABLE), whom, on_disk.set)
        case _:
            return None
