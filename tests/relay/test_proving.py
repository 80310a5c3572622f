"""Proves the bounds around codes that no single handle or address sees: for all of a relay together."""

from pathlib import Path

import pytest

from answerback.model.causes import Cause
from answerback.model.handle import Handle
from answerback.relay.codes import Verdict
from answerback.relay.http import Refusal
from answerback.relay.limits import Rate
from answerback.relay.proving import Proof, ProvingLimits
from tests.relay.accounts_of_handles import town

BEA = Handle("bea@example.org")


def test_a_relay_sends_so_many_codes_an_hour_and_no_more(tmp_path: Path) -> None:
    with town(tmp_path, proving_limits=ProvingLimits(codes=Rate(burst=3, per_s=1 / 60))) as relay:
        for number in range(3):
            relay.code(f"person{number}@example.org")
        with pytest.raises(Refusal) as refused:
            relay.code("one-more@example.org")
        assert refused.value.cause is Cause.ACCOUNT_RATE_LIMITED
        assert 0 < refused.value.retry_after_ms <= 60_001
        relay.now_ms += 60_000
        relay.code("one-more@example.org")


def test_guesses_at_many_handles_are_counted_together(tmp_path: Path) -> None:
    with town(tmp_path, proving_limits=ProvingLimits(wrong_tries=Rate(burst=4, per_s=1 / 600))) as relay:
        account = relay.account()
        right = relay.code(BEA.text)
        for number in range(4):
            assert relay.add(account, f"person{number}@example.org", "000000") is Cause.ACCOUNT_CODE_WRONG
        with pytest.raises(Refusal) as refused:
            relay.add(account, BEA.text, right)
        assert refused.value.cause is Cause.ACCOUNT_RATE_LIMITED, "the right code must not be an answer either"
        relay.now_ms += 600_000 - 1
        with pytest.raises(Refusal):
            relay.add(account, BEA.text, right)


def test_a_code_proves_once_and_again_only_to_the_same_account(tmp_path: Path) -> None:
    with town(tmp_path) as relay:
        ann, bea = relay.account(), relay.account()
        code = relay.code(BEA.text)
        prove = relay.handles.proving.prove
        assert prove(BEA, code, ann, now_ms=relay.now_ms) == (Proof.FRESH, None)
        assert prove(BEA, code, ann, now_ms=relay.now_ms) == (Proof.AGAIN, None)
        assert prove(BEA, code, bea, now_ms=relay.now_ms) == (Proof.NOTHING, Cause.ACCOUNT_CODE_WRONG)


def test_looking_at_a_code_uses_nothing_up(tmp_path: Path) -> None:
    with town(tmp_path) as relay:
        code = relay.code(BEA.text)
        for _ in range(9):
            assert relay.handles.proving.look(BEA, code, now_ms=relay.now_ms) == (Verdict.RIGHT, b"")
