"""Proves with the real Apprise and a service on loopback that a text is handed over and a refusal is said."""

import asyncio
import builtins
import sys
from types import ModuleType

import pytest
from aiohttp import web

from answerback.model.errors import UsageError
from answerback.model.handle import parse_handle
from answerback.transport.carriers.apprise_services import AppriseSettings, open_apprise
from answerback.transport.carriers.roads import Refused, RoadClosed, RoadRefused, RoadUnsent, Submission, Taken
from tests.texts.running import free_port

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:apprise")
HELLO = Submission(parse_handle("bea@example.org"), "hello €", 1, 0, 1, 1, b"t" * 16)


def test_a_text_is_handed_to_the_service_and_its_refusal_is_said() -> None:
    heard: list[tuple[str, str]] = []

    async def take(request: web.Request) -> web.Response:
        heard.append((request.path, (await request.json())["message"]))
        return web.Response(status=500 if len(heard) > 1 else 200)

    async def story() -> None:
        application = web.Application()
        application.add_routes([web.post("/{to}", take)])
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        port = free_port()
        await web.TCPSite(runner, "127.0.0.1", port).start()
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
        await runner.cleanup()

    asyncio.run(story())
    assert heard == [("/bea@example.org", "hello €")] * 2


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
