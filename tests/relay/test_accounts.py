"""Proves that a handle's account goes to whoever reads the handle's codes, once, and that nobody else learns of it."""

import asyncio
import logging
import statistics
import time
from pathlib import Path

import pytest

from answerback.crypto.identity import RootKey
from answerback.model.errors import AnswerbackError
from answerback.model.handle import Handle
from answerback.relay.accounts import token_hash
from answerback.relay.codes import WRONG_TRIES_MAX
from answerback.relay.http import HttpLimits
from answerback.relay.limits import Rate
from answerback.storage.account_store import AccountStore
from tests.relay.standing import Standing, first_list, standing

ANN = "ann@example.org"


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06}"


async def invite(relay: Standing, token: str, *, uses: int = 1, lifetime_ms: int = 60_000) -> None:
    now_ms = time.time_ns() // 1_000_000
    with relay.database.transaction():
        AccountStore(relay.database).keep_invitation(
            token_hash(token), uses=uses, expires_ms=now_ms + lifetime_ms, now_ms=now_ms
        )


def test_a_person_with_the_code_gets_the_account(tmp_path: Path) -> None:
    async def run() -> None:
        root = RootKey.generate()
        async with standing(tmp_path) as relay:
            code = await relay.code_for(ANN)
            status, body = await relay.create(ANN, code, first_list(root))
            assert status == 201, body
            assert AccountStore(relay.database).account_of(ANN) == root.account_id

    asyncio.run(run())


def test_a_code_makes_one_account_and_is_refused_to_anybody_else(tmp_path: Path) -> None:
    async def run() -> None:
        async with standing(tmp_path) as relay:
            code = await relay.code_for(ANN)
            signed = first_list()
            assert (await relay.create(ANN, code, signed))[0] == 201
            status, body = await relay.create(ANN, code, first_list())
            assert (status, body["cause"]) == (403, "account.code_wrong")
            status, body = await relay.create("bea@example.org", code, first_list())
            assert (status, body["cause"]) == (403, "account.code_wrong")

    asyncio.run(run())


def test_a_lost_answer_is_given_again_to_the_same_request(tmp_path: Path) -> None:
    async def run() -> None:
        async with standing(tmp_path, is_open=False) as relay:
            await invite(relay, "once")
            code = await relay.code_for(ANN, invitation="once")
            signed = first_list()
            answers = [await relay.create(ANN, code, signed, invitation="once") for _ in range(2)]
            assert [status for status, _ in answers] == [201, 201]

    asyncio.run(run())


def test_an_account_that_did_not_hear_that_it_was_made_may_come_with_a_newer_code(tmp_path: Path) -> None:
    async def run() -> None:
        async with standing(tmp_path) as relay:
            signed = first_list()
            assert (await relay.create(ANN, await relay.code_for(ANN), signed))[0] == 201
            newer = await relay.code_for(ANN)
            assert (await relay.create(ANN, wrong(newer), signed))[0] == 403
            assert (await relay.create(ANN, newer, signed))[0] == 201

    asyncio.run(run())


def test_after_five_wrong_tries_even_the_right_code_is_dead(tmp_path: Path) -> None:
    async def run() -> None:
        async with standing(tmp_path) as relay:
            code = await relay.code_for(ANN)
            for _ in range(WRONG_TRIES_MAX):
                assert (await relay.create(ANN, wrong(code), first_list()))[1]["cause"] == "account.code_wrong"
            assert (await relay.create(ANN, code, first_list()))[1]["cause"] == "account.code_expired"

    asyncio.run(run())


def test_guesses_sent_at_once_are_all_counted(tmp_path: Path) -> None:
    async def run() -> None:
        async with standing(tmp_path) as relay:
            code = await relay.code_for(ANN)
            guesses = [relay.create(ANN, wrong(code), first_list()) for _ in range(20)]
            causes = [body["cause"] for _, body in await asyncio.gather(*guesses)]
            assert causes.count("account.code_wrong") == WRONG_TRIES_MAX
            assert causes.count("account.code_expired") == 20 - WRONG_TRIES_MAX

    asyncio.run(run())


def test_two_claims_of_one_handle_at_once_have_one_winner(tmp_path: Path) -> None:
    async def run() -> None:
        async with standing(tmp_path) as relay:
            code = await relay.code_for(ANN)
            claims = [relay.create(ANN, code, first_list()) for _ in range(8)]
            statuses = sorted(status for status, _ in await asyncio.gather(*claims))
            assert statuses == [201, 403, 403, 403, 403, 403, 403, 403]
            rows = relay.database.row("SELECT (SELECT count(*) FROM handles), (SELECT count(*) FROM device_list)")
            assert rows == (1, 1)

    asyncio.run(run())


def test_a_taken_handle_is_told_only_to_whoever_reads_its_codes(tmp_path: Path) -> None:
    async def run() -> None:
        async with standing(tmp_path) as relay:
            assert (await relay.create(ANN, await relay.code_for(ANN), first_list()))[0] == 201
            code = await relay.code_for(ANN)
            assert (await relay.create(ANN, wrong(code), first_list()))[1]["cause"] == "account.code_wrong"
            status, body = await relay.create(ANN, code, first_list())
            assert (status, body["cause"]) == (409, "account.handle_taken")

    asyncio.run(run())


def test_asking_for_a_code_says_the_same_whether_or_not_there_is_an_account(tmp_path: Path) -> None:
    async def ask(relay: Standing, handle: str) -> tuple[object, float]:
        began_s = time.perf_counter()
        async with relay.web.post(relay.url + "/v1/codes", json={"handle": handle}) as response:
            head = {name: value for name, value in response.headers.items() if name != "Date"}
            said = (response.status, await response.read(), head)
        return said, time.perf_counter() - began_s

    async def run() -> None:
        async with standing(tmp_path) as relay:
            known = [f"known{number}@example.org" for number in range(15)]
            for handle in known:
                assert (await relay.create(handle, await relay.code_for(handle), first_list()))[0] == 201
            took: dict[bool, list[float]] = {True: [], False: []}
            said = []
            for number, handle in enumerate(known):  # by turns, so that a slow moment of the machine hits both
                for is_known, name in ((True, handle), (False, f"other{number}@example.org")):
                    answer, took_s = await ask(relay, name)
                    said.append(answer)
                    took[is_known].append(took_s)
            assert all(each == said[0] for each in said)
            ratio = statistics.median(took[True]) / statistics.median(took[False])
            assert 1 / 3 < ratio < 3

    asyncio.run(run())


def test_a_wrong_code_says_the_same_for_a_handle_that_never_asked(tmp_path: Path) -> None:
    async def run() -> None:
        async with standing(tmp_path) as relay:
            code = await relay.code_for(ANN)
            asked = await relay.create(ANN, wrong(code), first_list())
            assert await relay.create("nobody@example.org", "123456", first_list()) == asked

    asyncio.run(run())


def test_a_handle_gets_five_codes_an_hour(tmp_path: Path) -> None:
    async def run() -> None:
        async with standing(tmp_path) as relay:
            for _ in range(5):
                await relay.code_for(ANN)
            async with relay.web.post(relay.url + "/v1/codes", json={"handle": ANN}) as response:
                body = await response.json()
                assert (response.status, body["cause"]) == (429, "account.rate_limited")
                assert 3_500_000 < body["retry_after_ms"] <= 3_600_000
                assert response.headers["Retry-After"] == str(-(-body["retry_after_ms"] // 1000))

    asyncio.run(run())


def test_an_address_that_tries_many_handles_is_stopped(tmp_path: Path) -> None:
    async def run() -> None:
        limits = HttpLimits(costly_rate=Rate(burst=3, per_s=0.001))
        async with standing(tmp_path, limits=limits) as relay:
            statuses = []
            for number in range(5):
                asked = {"handle": f"person{number}@example.org"}
                async with relay.web.post(relay.url + "/v1/codes", json=asked) as response:
                    statuses.append(response.status)
            assert statuses == [202, 202, 202, 429, 429]

    asyncio.run(run())


def test_a_closed_relay_lets_in_only_the_invited_and_each_invitation_once(tmp_path: Path) -> None:
    async def run() -> None:
        async with standing(tmp_path, is_open=False) as relay:
            for token in ("", "wrong"):
                asked = {"handle": ANN, "invitation": token}
                async with relay.web.post(relay.url + "/v1/codes", json=asked) as response:
                    assert (await response.json())["cause"] == "account.invitation_needed"
            await invite(relay, "once")
            codes = {name: await relay.code_for(name, invitation="once") for name in (ANN, "bea@example.org")}
            claims = [relay.create(name, code, first_list(), invitation="once") for name, code in codes.items()]
            answers = await asyncio.gather(*claims)
            assert sorted(status for status, _ in answers) == [201, 403]
            refused = next(body for status, body in answers if status == 403)
            assert refused["cause"] == "account.invitation_needed"

    asyncio.run(run())


def test_an_expired_invitation_opens_nothing(tmp_path: Path) -> None:
    async def run() -> None:
        async with standing(tmp_path, is_open=False) as relay:
            await invite(relay, "old", lifetime_ms=-1)
            asked = {"handle": ANN, "invitation": "old"}
            async with relay.web.post(relay.url + "/v1/codes", json=asked) as response:
                assert response.status == 403

    asyncio.run(run())


def test_a_list_signed_by_somebody_else_makes_no_account_and_spends_no_code(tmp_path: Path) -> None:
    async def run() -> None:
        async with standing(tmp_path) as relay:
            code = await relay.code_for(ANN)
            good, other = first_list(), first_list()
            forged = type(good)(good.body, other.signature)
            status, body = await relay.create(ANN, code, forged)
            assert (status, body["cause"]) == (400, "trust.signature_wrong")
            assert (await relay.create(ANN, code, good))[0] == 201

    asyncio.run(run())


def test_an_account_that_exists_cannot_be_taken_over_with_another_handle(tmp_path: Path) -> None:
    async def run() -> None:
        async with standing(tmp_path) as relay:
            root = RootKey.generate()
            signed = first_list(root)
            assert (await relay.create(ANN, await relay.code_for(ANN), signed))[0] == 201
            mallory = "mallory@example.org"
            status, body = await relay.create(mallory, await relay.code_for(mallory), signed)
            assert (status, body["cause"]) == (409, "account.handle_taken")
            assert AccountStore(relay.database).account_of(mallory) is None

    asyncio.run(run())


def test_a_code_that_could_not_be_sent_is_told_to_the_operator_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tried = asyncio.Event()

    async def broken(_handle: Handle, _code: str) -> None:
        tried.set()
        raise AnswerbackError("the mail server is down")

    async def run() -> None:
        async with standing(tmp_path, courier=broken) as relay:
            async with relay.web.post(relay.url + "/v1/codes", json={"handle": ANN}) as response:
                assert response.status == 202
            await asyncio.wait_for(tried.wait(), 10)
            await asyncio.sleep(0)
            assert relay.metric("answerback_codes_total", fate="failed") == 1

    with caplog.at_level(logging.ERROR):
        asyncio.run(run())
    assert "the mail server is down" in caplog.text
    assert ANN not in caplog.text


def test_the_database_never_holds_a_code(tmp_path: Path) -> None:
    async def run() -> str:
        async with standing(tmp_path) as relay:
            return await relay.code_for(ANN)

    code = asyncio.run(run())
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("relay.db*"))
    assert code.encode() not in kept


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"handle": 5}',
        b'{"handle": "not a handle", "code": "1", "list": ["", ""]}',
        b"[" * 10_000,
        b'{"handle": "a@b.c", "code": "1", "list": ["!", "!"]}',
        b'{"handle": "a@b.c", "code": "1", "list": ["", ""]}',
        b"\xff\xfe",
    ],
)
def test_nonsense_is_refused_in_words(tmp_path: Path, body: bytes) -> None:
    async def run() -> None:
        async with standing(tmp_path) as relay, relay.web.post(relay.url + "/v1/accounts", data=body) as response:
            assert response.status == 400
            said = await response.json()
            assert said["cause"] == "relay.incompatible"
            assert "Traceback" not in said["message"]

    asyncio.run(run())
