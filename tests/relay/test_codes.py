"""Proves that codes are bounded in time, tries and number, whatever the clock does."""

import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerback.model.errors import UsageError
from answerback.relay.codes import (
    CLOCK_SLACK_MS,
    CODE_LIFETIME_MS,
    CODES_PER_HANDLE_MAX,
    CODES_WINDOW_MS,
    WRONG_TRIES_MAX,
    KeptCode,
    Verdict,
    code_mac,
    judge,
    new_code,
    wait_ms,
)

SECRET = b"s" * 32
MAC = code_mac(SECRET, handle="ann@example.org", code="123456")


def test_a_code_is_six_digits_whatever_the_randomness() -> None:
    assert new_code(bytes(8)) == "000000"
    assert new_code((10**6 + 7).to_bytes(8, "big")) == "000007"
    with pytest.raises(UsageError):
        new_code(b"short")


@given(st.binary(min_size=8, max_size=8))
def test_every_code_can_be_typed(randomness: bytes) -> None:
    code = new_code(randomness)
    assert len(code) == 6
    assert code.isdecimal()


def test_a_code_counts_for_its_handle_its_secret_and_as_people_copy_it() -> None:
    assert code_mac(SECRET, handle="ann@example.org", code=" 123 456\n") == MAC
    assert code_mac(SECRET, handle="bea@example.org", code="123456") != MAC
    assert code_mac(b"t" * 32, handle="ann@example.org", code="123456") != MAC


@pytest.mark.parametrize(
    ("age_ms", "verdict"),
    [
        (0, Verdict.RIGHT),
        (CODE_LIFETIME_MS - 1, Verdict.RIGHT),
        (CODE_LIFETIME_MS, Verdict.EXPIRED),
        (-CLOCK_SLACK_MS, Verdict.RIGHT),
        (-CLOCK_SLACK_MS - 1, Verdict.EXPIRED),
    ],
)
def test_a_code_lives_ten_minutes_even_if_the_clock_is_set(age_ms: int, verdict: Verdict) -> None:
    kept = KeptCode(MAC, issued_ms=1_000_000, wrong_tries=WRONG_TRIES_MAX - 1)
    assert judge(kept, mac=MAC, now_ms=1_000_000 + age_ms) is verdict


def test_a_code_tried_too_often_is_dead_for_right_and_wrong_tries_alike() -> None:
    kept = KeptCode(MAC, issued_ms=0, wrong_tries=WRONG_TRIES_MAX)
    assert judge(kept, mac=MAC, now_ms=0) is Verdict.EXPIRED
    assert judge(kept, mac=bytes(32), now_ms=0) is Verdict.EXPIRED


def test_no_code_and_a_wrong_code_are_the_same() -> None:
    assert judge(None, mac=MAC, now_ms=0) is Verdict.WRONG
    assert judge(None, mac=bytes(32), now_ms=0) is Verdict.WRONG
    assert judge(KeptCode(MAC, 0, 0), mac=bytes(32), now_ms=CODE_LIFETIME_MS * 9) is Verdict.WRONG


@given(st.lists(st.integers(0, 20_000_000), max_size=60))
def test_no_hour_holds_more_codes_than_allowed(asked_ms: list[int]) -> None:
    sent: list[int] = []
    for now_ms in sorted(asked_ms):
        wait = wait_ms(sent, now_ms=now_ms)
        assert 0 <= wait <= CODES_WINDOW_MS
        if not wait:
            sent.append(now_ms)
        else:
            assert wait_ms(sent, now_ms=now_ms + wait) == 0
    for first in sent:
        assert sum(first <= moment < first + CODES_WINDOW_MS for moment in sent) <= CODES_PER_HANDLE_MAX


def test_a_code_is_compared_in_constant_time_also_where_none_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", compare)
    kept = KeptCode(MAC, 0, 0)
    assert judge(kept, mac=MAC, now_ms=0) is Verdict.RIGHT
    assert judge(None, mac=MAC, now_ms=0) is Verdict.WRONG
    assert compared == [(MAC, MAC), (bytes(len(MAC)), MAC)]
