"""Proves that a route serves what it says: the type it takes, the status and type it gives."""

import asyncio

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from answerback.relay.http import Door, HttpLimits
from answerback.relay.routes import json_route
from answerback.wire.requests import CodeRequest, CodeSent


async def said(_request: web.Request, asked: CodeRequest) -> CodeSent:
    """Say how long a handle is."""
    return CodeSent(len(asked.handle))


def test_a_json_route_decodes_and_answers_as_it_is_described() -> None:
    route = json_route("/x", said, takes=CodeRequest, status=202, gives=CodeSent)
    assert (route.words, route.takes, set(route.gives)) == ("Say how long a handle is.", CodeRequest, {202})

    async def run() -> None:
        door = Door(HttpLimits(), registry=CollectorRegistry())
        application = web.Application(middlewares=[door.middleware()])
        application.add_routes([route.definition])
        async with TestClient(TestServer(application)) as client:
            good = await client.post("/x", json={"handle": "+4930123456"})
            assert (good.status, await good.json()) == (202, {"expires_in_s": 11})
            bodies: tuple[object, ...] = ({"handle": "030 123456"}, {"handle": 5}, {}, [])
            for body in bodies:
                bad = await client.post("/x", json=body)
                assert (bad.status, (await bad.json())["cause"]) == (400, "relay.incompatible")
            wrong = await client.get("/x")
            assert (wrong.status, wrong.headers["Allow"]) == (405, "POST")

    asyncio.run(run())
