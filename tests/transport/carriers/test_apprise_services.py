"""Proves with the real Apprise and a service on loopback that a text is handed over and a refusal is said."""

import asyncio
import builtins
import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import ModuleType

import pytest
from aiohttp import web

from answerback.model.errors import UsageError
from answerback.model.handle import parse_handle
from answerback.transport.carriers.apprise_services import AppriseSettings, no_means, open_apprise
from answerback.transport.carriers.roads import Refused, RoadClosed, RoadRefused, RoadUnsent, Submission, Taken
from tests.texts.running import free_port

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:apprise")
HELLO = Submission(parse_handle("bea@example.org"), "hello €", 1, 0, 1, 1, b"t" * 16)


@asynccontextmanager
async def service(answer: Callable[[web.Request], Awaitable[web.Response]]) -> AsyncIterator[int]:
    """Something on loopback that answers every request."""
    application = web.Application()
    application.add_routes([web.route("*", "/{path:.*}", answer)])
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield port
    finally:
        await runner.cleanup()


def test_a_text_is_handed_to_the_service_and_its_refusal_is_said() -> None:
    heard: list[tuple[str, str]] = []

    async def take(request: web.Request) -> web.Response:
        heard.append((request.path, (await request.json())["message"]))
        return web.Response(status=403 if len(heard) > 1 else 200)

    async def story() -> None:
        async with service(take) as port:
            road = await open_apprise(AppriseSettings(url=f"json://127.0.0.1:{port}/{{to}}"))
            assert await road.submit(HELLO) == Taken("")
            assert isinstance(await road.submit(HELLO), Refused)
            assert not road.can_ask
            assert await road.ask(HELLO) is None
            await road.close()
            with pytest.raises(RoadUnsent):
                await road.submit(HELLO)
            with pytest.raises(RoadClosed):
                await anext(road.events())

    asyncio.run(story())
    assert heard == [("/bea@example.org", "hello €")] * 2


@pytest.mark.parametrize("status", [0, 500, 504, 302], ids=["silent", "broken", "gateway", "elsewhere"])
def test_what_a_service_has_read_and_not_clearly_refused_is_in_doubt(status: int) -> None:
    """It was read, and may have gone out: saying that it failed would have its person send it twice."""
    heard: list[str] = []

    async def read(request: web.Request) -> web.Response:
        heard.append((await request.json())["message"])
        if not status:
            await asyncio.sleep(1.0)  # longer than Apprise waits here
        return web.Response(status=status or 200)

    async def story() -> None:
        async with service(read) as port:
            road = await open_apprise(AppriseSettings(url=f"json://127.0.0.1:{port}/?rto=0.2"))
            with pytest.raises(RoadClosed) as raised:
                await road.submit(HELLO)
            assert not isinstance(raised.value, RoadUnsent | RoadRefused)

    asyncio.run(story())
    assert heard == ["hello €"]


def test_what_never_found_its_service_was_not_sent_and_may_go_again() -> None:
    async def story() -> None:
        road = await open_apprise(AppriseSettings(url=f"json://127.0.0.1:{free_port()}/x"))
        with pytest.raises(RoadUnsent):
            await road.submit(HELLO)

    asyncio.run(story())


def test_one_refusal_says_nothing_of_the_other_people_behind_the_same_url() -> None:
    refused = ["Failed to send JSON POST notification: Forbidden, error=403."]
    assert isinstance(no_means(refused, people=1), Refused)
    with pytest.raises(RoadClosed, match="cannot tell"):
        no_means(refused, people=2)


@pytest.mark.parametrize("line", ["error=408.", "error=425.", "error=500.", "Response Details: error=4031", ""])
def test_only_a_clear_answer_is_a_refusal(line: str) -> None:
    with pytest.raises(RoadClosed, match="cannot tell"):
        no_means([line], people=1)


def test_whatever_is_logged_nobody_is_shown_texts_or_passwords(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="")

    async def story() -> None:
        road = await open_apprise(AppriseSettings(url=f"json://ann:s3cret@127.0.0.1:{free_port()}/x"))
        with pytest.raises(RoadUnsent):
            await road.submit(HELLO)

    asyncio.run(story())
    assert "connection" in caplog.text.lower(), "that it failed is said"
    assert "hello" not in caplog.text
    assert "s3cret" not in caplog.text


def test_a_url_that_is_none_is_refused_and_never_shown() -> None:
    with pytest.raises(RoadRefused, match="does not understand"):
        asyncio.run(open_apprise(AppriseSettings(url="nonsense://x")))
    with pytest.raises(UsageError):
        AppriseSettings(url="nonsense")
    assert "s3cret" not in repr(AppriseSettings(url="mailto://a:s3cret@b"))


def test_without_apprise_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: object, **more: object) -> ModuleType:
        if name == "apprise":
            raise ImportError(name)
        return real(name, *rest, **more)  # type: ignore[arg-type]

    for name in [name for name in sys.modules if name.partition(".")[0] == "apprise"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(RoadRefused, match=r"answerback\[apprise\]"):
        asyncio.run(open_apprise(AppriseSettings(url="json://127.0.0.1")))
