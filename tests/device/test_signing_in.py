"""Proves that a device at work signs in anew, and gives its account back to a relay that has lost it."""

import asyncio
from pathlib import Path

import pytest

from answerback.device.client import Client
from answerback.device.signing_in import give_back_here, sign_in_again
from answerback.model.errors import RefusedError
from answerback.model.handle import parse_handle
from answerback.model.registration import Registered
from tests.device.relays import town


def test_a_device_at_work_signs_in_anew(tmp_path: Path) -> None:
    async def run() -> None:
        async with town(tmp_path) as place, Client.open(await place.person("ann")) as me:
            first = await me.register_again(gentle=True, timeout_s=30)
            assert first.state in (Registered.REGISTERED, Registered.RENEWING), "its first keys may be on their way"
            before = me.agent.engine.machines.registration.seal_key
            standing = await sign_in_again(me.agent, gentle=False, timeout_s=30)
            assert (standing.state, standing.cause) == (Registered.REGISTERED, None)
            assert me.agent.engine.machines.registration.seal_key != before
            assert standing.ends_ms is not None

    asyncio.run(run())


def test_an_account_is_given_back_to_a_relay_that_has_it_or_not_but_only_with_a_code(tmp_path: Path) -> None:
    async def run() -> None:
        async with town(tmp_path) as place, Client.open(await place.person("ann")) as me:
            with pytest.raises(RefusedError):
                await give_back_here(me.agent, code="000000")
            await give_back_here(me.agent, code=await place.code(parse_handle("ann@example.org")))

    asyncio.run(run())
