"""Proves that the rooms fit together: one door for all, background work that ends, and files nobody named are gone."""

import asyncio
from pathlib import Path

import pytest

from answerback.model.errors import StorageError
from tests.relay.standing import first_list, standing


def test_every_route_is_behind_the_door(tmp_path: Path) -> None:
    async def run() -> None:
        async with standing(tmp_path) as relay:
            await relay.side.close(within_s=1)
            for resource in relay.side.application.router.resources():
                path = resource.canonical.replace("{box}", "0" * 32).replace("{slot}", "0").replace("{blob}", "0" * 32)
                for route in resource:
                    async with relay.web.request(route.method, relay.url + path) as response:
                        assert response.status == 503, (route.method, path)

    asyncio.run(run())


def test_accounts_and_blobs_are_there_after_a_restart(tmp_path: Path) -> None:
    async def run() -> None:
        signed = first_list()
        async with standing(tmp_path) as relay:
            code = await relay.code_for("ann@example.org")
            assert (await relay.create("ann@example.org", code, signed))[0] == 201
        (tmp_path / "blobs" / "stray").write_bytes(b"left by a crash")
        async with standing(tmp_path) as relay:
            assert (await relay.create("ann@example.org", code, signed))[0] == 201, "the lost answer, given again"
            assert not (tmp_path / "blobs" / "stray").exists()

    asyncio.run(run())


def test_a_store_that_fails_while_tidying_up_does_not_end_the_relay(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        async with standing(tmp_path) as relay:
            said = asyncio.Event()

            def fail(*, now_ms: int) -> int:
                said.set()
                raise StorageError("no")

            relay.side._accounts.forget_old = fail  # type: ignore[method-assign]  # a disk that fails
            tending = asyncio.create_task(relay.side._forget_for_ever())
            await asyncio.wait_for(said.wait(), 10)
            async with relay.web.get(relay.url + "/v1/health") as response:
                assert response.status == 200
            assert not tending.done()
            tending.cancel()

    asyncio.run(run())
    assert "could not be forgotten" in caplog.text
