"""Proves what somebody cannot do who steals one-time codes, repeats them, or guesses them."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from answerback.crypto.identity import DeviceKeys, RootKey, first_device_list
from answerback.model.causes import Cause
from answerback.model.handle_state import HandleState
from answerback.relay.codes import CODES_PER_HANDLE_MAX, WRONG_TRIES_MAX
from answerback.relay.handles import DAY_MS
from answerback.relay.http import HttpLimits, Refusal
from answerback.relay.limits import Rate
from answerback.relay.proving import ProvingLimits
from answerback.storage.account_store import AccountStore
from tests.relay.accounts_of_handles import town
from tests.relay.standing import Standing, first_list, standing

BEA = "bea@example.org"


def test_a_replayed_code_gives_nothing_to_anybody(tmp_path: Path) -> None:
    """Neither another account, nor the same one after what came of it was undone."""
    with town(tmp_path) as relay:
        bea, mallory = relay.account(), relay.account()
        code = relay.code(BEA)
        assert relay.add(bea, BEA, code) is None
        assert relay.add(mallory, BEA, code, move=True) is Cause.ACCOUNT_CODE_WRONG
        relay.remove(bea, BEA)
        assert [relay.add(who, BEA, code) for who in (mallory, bea)] == [Cause.ACCOUNT_CODE_WRONG] * 2
        assert relay.owner(BEA) is None


def test_a_code_for_one_handle_proves_no_other(tmp_path: Path) -> None:
    with town(tmp_path) as relay:
        mallory = relay.account()
        own = relay.code("mallory@example.org")
        relay.code(BEA)
        assert relay.add(mallory, BEA, own) is Cause.ACCOUNT_CODE_WRONG


def test_a_newer_code_makes_the_overheard_one_worthless(tmp_path: Path) -> None:
    with town(tmp_path) as relay:
        mallory = relay.account()
        overheard = relay.code(BEA)
        relay.code(BEA)
        assert relay.add(mallory, BEA, overheard) is Cause.ACCOUNT_CODE_WRONG


def test_whoever_guesses_at_one_handle_for_an_hour_has_twenty_five_tries_in_a_million(tmp_path: Path) -> None:
    with town(tmp_path) as relay:
        mallory, tries = relay.account(), 0
        for _ in range(2 * CODES_PER_HANDLE_MAX):
            try:
                right = relay.code(BEA)
            except Refusal:  # no more codes for this handle
                break
            for guess in range(3 * WRONG_TRIES_MAX):
                wrong = f"{(int(right) + 1 + guess) % 1_000_000:06}"
                tries += relay.add(mallory, BEA, wrong) is Cause.ACCOUNT_CODE_WRONG
            assert relay.add(mallory, BEA, right) is Cause.ACCOUNT_CODE_EXPIRED, "too many tries: even the right one"
        assert tries == CODES_PER_HANDLE_MAX * WRONG_TRIES_MAX
        assert relay.owner(BEA) is None


def test_whoever_guesses_at_a_thousand_handles_from_a_thousand_addresses_is_stopped_for_all_of_them(
    tmp_path: Path,
) -> None:
    """Addresses do not count here at all: each guess comes from a new one."""
    with town(tmp_path, proving_limits=ProvingLimits(wrong_tries=Rate(burst=100, per_s=100 / 3600))) as relay:
        mallory, compared = relay.account(), 0
        for number in range(1_000):
            handle = f"person{number}@example.org"
            relay.code(handle)
            try:
                relay.add(mallory, handle, "not it")
            except Refusal:  # no more wrong tries at this relay
                continue
            compared += 1
        assert compared == 100


def test_an_address_that_tries_codes_of_many_handles_is_stopped(tmp_path: Path) -> None:
    async def run() -> None:
        async with standing(tmp_path, limits=HttpLimits(costly_rate=Rate(burst=5, per_s=0.001))) as relay:
            statuses = [
                (await relay.create(f"person{number}@example.org", "000000", first_list()))[0] for number in range(9)
            ]
            assert statuses == [403] * 5 + [429] * 4

    asyncio.run(run())


def test_a_stolen_code_takes_over_no_account_and_its_person_hears_of_the_try(tmp_path: Path) -> None:
    with town(tmp_path) as relay:
        bea, mallory = relay.account(BEA), relay.account()
        assert relay.add(mallory, BEA, relay.code(BEA), move=True) is None
        assert (relay.owner(BEA), relay.told(bea)) == (bea, [HandleState.LEAVING])
        relay.answer(bea, BEA, give=False)
        relay.later(8 * DAY_MS)
        assert relay.owner(BEA) == bea
        assert relay.add(mallory, BEA, move=True) is Cause.ACCOUNT_HANDLE_LOCKED
        relay.answer(mallory, BEA, give=True)  # who keeps it has said so; nobody else lets it go
        assert relay.add(mallory, BEA, move=True) is Cause.ACCOUNT_HANDLE_LOCKED


@pytest.mark.parametrize("move", [False, True])
def test_a_stolen_code_makes_no_account_in_somebodys_name(tmp_path: Path, move: bool) -> None:  # noqa: FBT001 - a case
    async def run() -> None:
        async with standing(tmp_path) as relay:
            bea = RootKey.generate()
            assert (await relay.create(BEA, await relay.code_for(BEA), first_list(bea)))[0] == 201
            stolen = await relay.code_for(BEA)
            await relay.create(BEA, stolen, first_list(), move=move)
            assert AccountStore(relay.database).account_of(BEA) == bea.account_id

    asyncio.run(run())


@pytest.mark.parametrize("move", [False, True])
def test_a_code_that_made_an_account_makes_no_other_and_moves_nothing(tmp_path: Path, move: bool) -> None:  # noqa: FBT001 - a case
    async def run() -> None:
        async with standing(tmp_path) as relay:
            bea, code = RootKey.generate(), await relay.code_for(BEA)
            assert (await relay.create(BEA, code, first_list(bea)))[0] == 201
            status, told = await relay.create(BEA, code, first_list(), move=move)
            assert (status, told["cause"]) == (403, Cause.ACCOUNT_CODE_WRONG.value)
            assert relay.database.rows("SELECT * FROM handle_moves") == []
            assert AccountStore(relay.database).account_of(BEA) == bea.account_id

    asyncio.run(run())


def test_a_device_that_tries_codes_of_many_handles_is_stopped_like_a_stranger(tmp_path: Path) -> None:
    async def run() -> None:
        async with standing(tmp_path, limits=HttpLimits(costly_rate=Rate(burst=6, per_s=0.001))) as relay:
            root, keys = RootKey.generate(), DeviceKeys.generate()
            mine = first_device_list(root, keys.device(1), now_ms=1)
            code = await relay.code_for("mallory@example.org")
            assert (await relay.create("mallory@example.org", code, mine))[0] == 201
            head, statuses = relay.token(keys.device_id), []
            for number in range(7):
                body = {"handle": f"person{number}@example.org", "code": "000000", "move": True}
                async with relay.web.post(f"{relay.url}/v1/handles", json=body, headers=head) as response:
                    statuses.append(response.status)
            assert statuses == [403] * 4 + [429] * 3

    asyncio.run(run())


def test_known_and_unknown_handles_cost_the_relay_the_same_statements(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Equal in what is done, statement by statement, not only in how long it took on one quiet machine."""

    async def statements(relay: Standing, deed: str, handle: str) -> list[str]:
        done: list[str] = []
        run, rows, row = relay.database.run, relay.database.rows, relay.database.row

        def noted(verb: Callable[..., object]) -> Callable[..., object]:
            def call(sql: str, *rest: object) -> object:
                done.append(" ".join(sql.split()))
                return verb(sql, *rest)

            return call

        with monkeypatch.context() as patch:
            for name, verb in (("run", run), ("rows", rows), ("row", row)):
                patch.setattr(relay.database, name, noted(verb))
            if deed == "ask":
                await relay.code_for(handle)
            else:
                assert (await relay.create(handle, "000000", first_list()))[1]["cause"] == "account.code_wrong"
        return done

    async def run() -> None:
        async with standing(tmp_path) as relay:
            assert (await relay.create(BEA, await relay.code_for(BEA), first_list()))[0] == 201
            for deed in ("ask", "try"):
                known = await statements(relay, deed, BEA)
                assert known == await statements(relay, deed, "nobody@example.org")
                assert len(known) >= 2, "nothing was seen"

    asyncio.run(run())
