"""Proves that the document of the HTTP interface names every route, and no other, with the types that are served."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web

from answerback.relay.openapi import OPENAPI_PATH, document, plain_path
from answerback.relay.routes import Given, Route
from answerback.relay.serve import RelaySettings, Tls, run_relay
from answerback.transport.relay_http import RelayHttp
from answerback.wire.requests import CodeSent
from tests.relay.standing import Standing, standing


async def described(relay: Standing) -> dict[str, Any]:
    async with relay.web.get(relay.url + OPENAPI_PATH) as response:
        assert response.status == 200
        assert response.content_type == "application/json"
        told: dict[str, Any] = await response.json()
        return told


def served(relay: Standing) -> set[tuple[str, str]]:
    router = relay.side.application.router
    return {
        (route.method.lower(), plain_path(resource.canonical)) for resource in router.resources() for route in resource
    }


def test_every_route_is_described_and_nothing_else(tmp_path: Path) -> None:
    async def run() -> None:
        async with standing(tmp_path) as relay:
            paths = (await described(relay))["paths"]
            assert {(method, path) for path, methods in paths.items() for method in methods} == served(relay)

    asyncio.run(run())


def test_a_whole_relay_describes_all_that_it_serves(tmp_path: Path) -> None:
    """The routes that only a whole relay has come by the same door."""

    async def run() -> None:
        stop, ready = asyncio.Event(), asyncio.get_running_loop().create_future()
        settings = RelaySettings(folder=tmp_path, port=0, tls=Tls.NONE, is_open=True)
        running = asyncio.create_task(
            run_relay(settings, on_ready=ready.set_result, on_code=lambda _handle, _code: None, stop=stop)
        )
        url = (await asyncio.wait_for(ready, 30)).url
        async with RelayHttp(url) as http, http._ask("GET", OPENAPI_PATH) as response:
            paths = msgspec.json.decode(await response.read())["paths"]
        assert {"/v1/frames", "/v1/files", "/v1/push", "/v1/handles", "/v1/codes"} <= paths.keys()
        stop.set()
        await running

    asyncio.run(run())


def test_a_route_that_is_served_past_the_list_is_found(tmp_path: Path) -> None:
    async def run() -> None:
        async with standing(tmp_path) as relay:
            known = document(relay.side.routes)["paths"]
            relay.side.routes.pop()
            assert document(relay.side.routes)["paths"].keys() < known.keys()
            assert {path for _, path in served(relay)} - document(relay.side.routes)["paths"].keys()

    asyncio.run(run())


def test_schemas_are_those_of_the_types_that_decode(tmp_path: Path) -> None:
    async def run() -> None:
        async with standing(tmp_path) as relay:
            told = await described(relay)
            code = told["components"]["schemas"]["CodeSent"]
            assert code == msgspec.json.schema_components([CodeSent])[1]["CodeSent"]
            assert "pattern" in told["components"]["schemas"]["HandleClaim"]["properties"]["handle"]
            assert told["paths"]["/v1/handles"]["post"]["security"] == [{"device": []}]

    asyncio.run(run())


@pytest.mark.parametrize(
    ("path", "plain"),
    [("/a", "/a"), ("/v1/b/{box:[0-9a-f]{32}}/{slot:[0-3]}", "/v1/b/{box}/{slot}"), ("/x/{y}", "/x/{y}")],
)
def test_a_path_is_told_without_its_patterns(path: str, plain: str) -> None:
    assert plain_path(path) == plain


def test_a_route_says_what_it_may_refuse_with() -> None:
    async def serve(_request: web.Request) -> web.Response:
        raise NotImplementedError

    route = Route(
        method="GET", path="/x/{y}", words="X.", serve=serve, gives={200: Given(CodeSent)}, refuses=frozenset({403})
    )
    responses = document([route])["paths"]["/x/{y}"]["get"]["responses"]
    assert {"200", "403", "404", "429", "503"} <= responses.keys()
    assert responses["403"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/RefusalBody"}
