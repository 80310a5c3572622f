"""Proves that health is a real write, that numbers are the operator's, and that the page loads nothing."""

import asyncio
from pathlib import Path

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from answerback.model.errors import StorageError, StoreFullError
from answerback.relay import health as health_room
from answerback.relay.health import PAGE, HealthRoutes
from answerback.relay.metrics import EntranceMetrics
from tests.relay.standing import Standing, standing


async def health(relay: Standing) -> tuple[int, dict[str, object]]:
    async with relay.web.get(relay.url + "/v1/health") as response:
        return response.status, await response.json()


def test_health_writes_and_reads_and_says_no_secrets(tmp_path: Path) -> None:
    async def run() -> None:
        async with standing(tmp_path) as relay:
            status, said = await health(relay)
            assert (status, said["well"], said["store"]) == (200, True, "writable")
            plain = {"well", "version", "uptime_s", "store", "store_ms", "waiting", "strain"}
            assert set(said) == plain | {"calls", "called_heard", "pushes_failed"}
            assert relay.database.row("SELECT length(beat) FROM pulse") == (8,)

    asyncio.run(run())


def test_a_crowd_of_watchers_makes_one_write_a_second(tmp_path: Path) -> None:
    async def run() -> None:
        async with standing(tmp_path) as relay:
            first = await health(relay)
            beat = relay.database.row("SELECT beat FROM pulse")
            assert await asyncio.gather(*(health(relay) for _ in range(20))) == [first] * 20
            assert relay.database.row("SELECT beat FROM pulse") == beat

    asyncio.run(run())


@pytest.mark.parametrize(
    ("error", "store"), [(StoreFullError("/a/path"), "full"), (StorageError("/a/path"), "broken"), (None, "forgetful")]
)
def test_a_store_that_does_not_keep_its_promise_is_not_well(error: Exception | None, store: str) -> None:
    async def beat(_mark: bytes) -> bytes:
        if error is not None:
            raise error
        return b"something else"

    async def run() -> None:
        room = HealthRoutes(beat=beat, registry=CollectorRegistry())
        said = await room._look()
        assert (said.well, said.store) == (False, store)

    asyncio.run(run())


def test_a_store_that_does_not_come_back_in_time_is_not_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_room, "WRITE_S_MAX", 0.0)

    async def beat(_mark: bytes) -> bytes:
        await asyncio.Event().wait()
        return b""

    async def run() -> None:
        room = HealthRoutes(beat=beat, registry=CollectorRegistry())
        async with asyncio.timeout(5):
            said = await room._look()
        assert (said.well, said.store) == (False, "slow")

    asyncio.run(run())


def test_the_page_says_what_this_is_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    async def run() -> None:
        async with standing(tmp_path) as relay:
            async with relay.web.get(relay.url + "/") as response:
                assert response.content_type == "text/html"
                assert await response.text() == PAGE
                policy = response.headers["Content-Security-Policy"]
                assert "default-src 'none'" in policy
                assert "unsafe" not in policy
            async with relay.web.get(relay.url + "/page.css") as response:
                assert (response.status, response.content_type) == (200, "text/css")
        assert "://" not in PAGE
        assert "<script" not in PAGE

    asyncio.run(run())


def test_metrics_are_for_this_machine_unless_a_token_is_set(tmp_path: Path) -> None:
    async def ask(relay: Standing, **headers: str) -> int:
        async with relay.web.get(relay.url + "/metrics", headers=headers) as response:
            if response.status == web.HTTPOk.status_code:
                assert "answerback_http_answers_total" in await response.text()
            return response.status

    async def run() -> None:
        async with standing(tmp_path / "open") as relay:
            await health(relay)
            assert await ask(relay) == 200
            assert await ask(relay, **{"X-Forwarded-For": "198.51.100.1"}) == 403, (
                "a proxy on this machine passed it on"
            )
        async with standing(tmp_path / "token", metrics_token="word") as relay:
            await health(relay)
            assert await ask(relay) == 403
            assert await ask(relay, Authorization="Bearer wrong") == 403
            assert await ask(relay, Authorization="Bearer word") == 200

    asyncio.run(run())


def test_health_says_who_waits_and_what_is_put_off(tmp_path: Path) -> None:
    async def story() -> None:
        async with standing(tmp_path) as relay:
            entrance = EntranceMetrics(relay.registry)
            entrance.waiting.set(7)
            _, said = await health(relay)
            assert (said["waiting"], said["strain"]) == (7, 0)

    asyncio.run(story())
