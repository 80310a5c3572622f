"""Proves the handles' HTTP routes: who may ask, what is told, and that both sides of a move hear of it."""

import asyncio
from pathlib import Path
from typing import Any

from answerback.crypto.identity import DeviceKeys, RootKey, first_device_list
from answerback.model.ids import AccountId
from tests.relay.standing import Standing, standing

ANN, BEA = "ann@example.org", "bea@example.org"
Headers = dict[str, str]


async def joined(relay: Standing, handle: str) -> tuple[AccountId, Headers]:
    """Make an account, and let its device in."""
    root, keys = RootKey.generate(), DeviceKeys.generate()
    signed = first_device_list(root, keys.device(1), now_ms=1)
    assert (await relay.create(handle, await relay.code_for(handle), signed))[0] == 201
    return root.account_id, relay.token(keys.device_id)


async def ask(relay: Standing, path: str, body: dict[str, object] | None, head: Headers) -> tuple[int, dict[str, Any]]:
    method = "GET" if body is None else "POST"
    async with relay.web.request(method, f"{relay.url}/v1/handles{path}", json=body, headers=head) as response:
        return response.status, await response.json()


def states(told: dict[str, Any]) -> dict[str, int]:
    return {each["handle"]: each["state"] for each in told["handles"]}


def test_a_device_adds_lists_and_removes_handles_of_its_account(tmp_path: Path) -> None:
    async def run() -> None:
        async with standing(tmp_path) as relay:
            _, head = await joined(relay, ANN)
            code = await relay.code_for("+4930123456")
            status, told = await ask(relay, "", {"handle": "+4930123456", "code": code}, head)
            assert (status, states(told)) == (200, {ANN: 0, "+4930123456": 0})
            assert states((await ask(relay, "", None, head))[1]) == states(told)
            status, told = await ask(relay, "/remove", {"handle": ANN}, head)
            assert (status, states(told)) == (200, {"+4930123456": 0})

    asyncio.run(run())


def test_a_handle_moves_and_both_accounts_are_told(tmp_path: Path) -> None:
    async def run() -> None:
        async with standing(tmp_path) as relay:
            ann, of_ann = await joined(relay, ANN)
            bea, of_bea = await joined(relay, BEA)
            code = await relay.code_for(ANN)
            status, body = await ask(relay, "", {"handle": ANN, "code": code}, of_bea)
            assert (status, body["cause"]) == (409, "account.handle_taken")
            claim: dict[str, object] = {"handle": ANN, "code": code, "move": True}  # the code is Bea's already
            status, told = await ask(relay, "", claim, of_bea)
            assert (status, states(told)) == (200, {BEA: 0, ANN: 3})
            assert states((await ask(relay, "", None, of_ann))[1]) == {ANN: 1}
            status, told = await ask(relay, "/answer", {"handle": ANN, "give": True}, of_ann)
            assert (status, states(told)) == (200, {ANN: 2})
            assert states((await ask(relay, "", None, of_bea))[1]) == {BEA: 0, ANN: 0}
            assert relay.side.handles.accounts.account_of(ANN) == bea != ann
            heard = [(row.account, int(row.state)) for row in relay.told]
            assert heard == [(ann, 1), (bea, 3), (ann, 2), (bea, 4)]

    asyncio.run(run())


def test_an_account_is_made_for_a_handle_that_comes_later(tmp_path: Path) -> None:
    async def run() -> None:
        async with standing(tmp_path) as relay:
            await joined(relay, ANN)
            root, keys = RootKey.generate(), DeviceKeys.generate()
            signed = first_device_list(root, keys.device(1), now_ms=1)
            code = await relay.code_for(ANN)
            assert (await relay.create(ANN, code, signed))[1]["cause"] == "account.handle_taken"
            for _ in range(2):  # the second: its answer was lost
                status, body = await relay.create(ANN, code, signed, move=True)
                assert (status, body["coming_ms"] > 0) == (201, True)
            _, told = await ask(relay, "", None, relay.token(keys.device_id))
            assert states(told) == {ANN: 3}

    asyncio.run(run())


def test_nobody_without_a_devices_token_asks_anything(tmp_path: Path) -> None:
    async def run() -> None:
        async with standing(tmp_path) as relay:
            await joined(relay, ANN)
            requests: list[tuple[str, dict[str, object] | None]] = [
                ("", None),
                ("", {"handle": BEA, "code": "000000"}),
                ("/remove", {"handle": ANN}),
                ("/answer", {"handle": ANN, "give": True}),
            ]
            for head in ({}, {"Authorization": "Bearer " + "00" * 32}, relay.token()):
                for path, body in requests:
                    assert (await ask(relay, path, body, head))[0] == 401, (path, head)
            assert relay.side.handles.accounts.account_of(ANN) is not None

    asyncio.run(run())
