"""Proves the road over a phone against a stand-in that keeps what a phone keeps: ids once, and signed webhooks."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from answerback.device import texting
from answerback.device.texting import Cut
from answerback.model.errors import UsageError
from answerback.model.handle import parse_handle
from answerback.model.texts import TextStage
from answerback.transport.carriers.android_gateway import AndroidSettings, basic, open_android
from answerback.transport.carriers.roads import RoadClosed, RoadRefused
from tests.texts.office import office
from tests.texts.running import free_port

KEY = "signing key"


class Phone:
    """What SMS Gateway for Android does in its local mode, as far as its documentation says."""

    def __init__(self) -> None:
        self.port = free_port()
        self.messages: dict[str, dict[str, object]] = {}
        self.posts = 0
        self.hooks: dict[str, str] = {}
        self.hang_after_taking = 0
        """The next so many are taken and never answered."""
        self.runner: web.AppRunner | None = None

    async def start(self) -> None:
        application = web.Application(middlewares=[self.guard])
        application.add_routes(
            [
                web.get("/webhooks", self.list_hooks),
                web.post("/webhooks", self.add_hook),
                web.post("/messages", self.take),
                web.get("/messages/{id}", self.look),
            ]
        )
        self.runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", self.port).start()

    async def stop(self) -> None:
        assert self.runner is not None
        await self.runner.cleanup()

    @web.middleware
    async def guard(self, request: web.Request, handler: object) -> web.StreamResponse:
        if request.headers.get("Authorization") != basic("ann", "secret"):
            return web.Response(status=401)
        return await handler(request)  # type: ignore[operator, no-any-return]

    async def list_hooks(self, _request: web.Request) -> web.Response:
        return web.json_response(list(self.hooks))

    async def add_hook(self, request: web.Request) -> web.Response:
        words = await request.json()
        self.hooks[words["event"]] = words["url"]
        return web.json_response(words, status=201)

    async def take(self, request: web.Request) -> web.Response:
        words = await request.json()
        self.posts += 1
        if words["id"] in self.messages:
            return web.json_response({"message": "there already"}, status=409)
        if words["phoneNumbers"] == ["+4930555"]:
            return web.json_response({"message": "no such number"}, status=400)
        self.messages[words["id"]] = words
        if self.hang_after_taking:
            self.hang_after_taking -= 1
            assert request.transport is not None
            request.transport.abort()
        return web.json_response({"id": words["id"], "state": "Pending"}, status=202)

    async def look(self, request: web.Request) -> web.Response:
        id_ = request.match_info["id"]
        if id_ not in self.messages:
            return web.json_response({}, status=404)
        return web.json_response({"id": id_, "state": "Sent", "recipients": []})

    async def say(self, event: str, key: str = KEY, **payload: str) -> int:
        body = json.dumps({"event": event, "payload": payload, "id": "w1"}).encode()
        signature = hmac.new(key.encode(), body + b"1700000000", hashlib.sha256).hexdigest()
        headers = {"X-Signature": signature, "X-Timestamp": "1700000000", "Content-Type": "application/json"}
        async with (
            aiohttp.ClientSession() as session,
            session.post(self.hooks[event], data=body, headers=headers) as answer,
        ):
            return answer.status


@asynccontextmanager
async def phone() -> AsyncIterator[tuple[Phone, AndroidSettings]]:
    here = Phone()
    await here.start()
    listen = f"127.0.0.1:{free_port()}"
    yield (
        here,
        AndroidSettings(
            url=f"http://127.0.0.1:{here.port}",
            username="ann",
            password="secret",
            webhook_url=f"http://{listen}",
            webhook_listen=listen,
            webhook_key=KEY,
        ),
    )
    await here.stop()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texting, "AGAIN_S", 0.05)
    monkeypatch.setattr(texting, "AGAIN_S_MAX", 0.1)


def test_a_text_goes_by_the_phone_and_its_delivery_is_heard(tmp_path: Path) -> None:
    async def story() -> None:
        async with phone() as (here, settings), office(tmp_path, lambda: open_android(settings), cut=Cut.THERE) as desk:
            await desk.send(1, "hello " * 40)
            word = await desk.until_stage(1, TextStage.SENT)
            assert word.parts == 2
            ((id_, words),) = here.messages.items()
            assert words["textMessage"] == {"text": "hello " * 40}
            assert await here.say("sms:delivered", messageId=id_, phoneNumber="+49301234567") == 200
            await desk.until_stage(1, TextStage.DELIVERED)
            await desk.send(2, "hello", to="+4930555")
            told = await desk.until_stage(2, TextStage.FAILED)
            assert "status 400" in told.reason

    asyncio.run(story())


def test_an_answer_that_is_lost_leaves_no_doubt_and_no_second_text(tmp_path: Path) -> None:
    async def story() -> None:
        async with phone() as (here, settings), office(tmp_path, lambda: open_android(settings), cut=Cut.THERE) as desk:
            here.hang_after_taking = 2
            for number in range(5):
                await desk.send(number, f"text {number}")
            await desk.until(lambda: desk.count(TextStage.SENT) == 5)
            assert len(here.messages) == 5

    asyncio.run(story())


def test_what_arrives_is_shown_once_and_only_if_it_is_signed(tmp_path: Path) -> None:
    async def story() -> None:
        async with phone() as (here, settings), office(tmp_path, lambda: open_android(settings)) as desk:
            await desk.until(lambda: "sms:received" in here.hooks and not desk.carrier.trouble)
            words = {"messageId": "m1", "message": "at nine 🙂", "phoneNumber": "+49301234567", "receivedAt": "t1"}
            assert await here.say("sms:received", key="wrong", **words) == 403
            for _ in range(2):
                assert await here.say("sms:received", **words) == 200
            assert await here.say("sms:received", **words | {"receivedAt": "t2"}) == 200
            await desk.until(lambda: len(desk.arrivals) == 2)
            assert [arrival.text for arrival in desk.arrivals] == ["at nine 🙂"] * 2
            assert desk.arrivals[0].sender == parse_handle("+49301234567")
            assert await here.say("sms:received", **words | {"message": "x" * 70_000}) == 413

    asyncio.run(story())


def test_a_wrong_password_and_no_phone_are_two_things() -> None:
    async def story() -> None:
        async with phone() as (here, _settings):
            wrong = AndroidSettings(url=f"http://127.0.0.1:{here.port}", username="ann", password="no")
            with pytest.raises(RoadRefused):
                await open_android(wrong)
        with pytest.raises(RoadClosed, match="cannot be reached"):
            await open_android(AndroidSettings(url=f"http://127.0.0.1:{here.port}", username="a", password="b"))

    asyncio.run(story())


def test_settings_that_would_believe_anybody_are_refused_and_secrets_are_not_shown() -> None:
    with pytest.raises(UsageError, match="webhook_key"):
        AndroidSettings(url="http://h", username="a", password="b", webhook_url="https://h")
    with pytest.raises(UsageError, match="looks like"):
        AndroidSettings(url="h", username="a", password="b")
    shown = repr(AndroidSettings(url="http://h", username="a", password="s3cret", webhook_key="k3y"))
    assert "s3cret" not in shown
    assert "k3y" not in shown
