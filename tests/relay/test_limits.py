"""A bucket lets a burst through and then the rate, and says how long to wait."""

from hypothesis import given
from hypothesis import strategies as st

from answerback.relay import limits
from answerback.relay.limits import Bucket, Rate
from answerback.relay.link import FULL_BYTES, UNSENT_BYTES_MAX
from answerback.storage.relay_index import MAILBOX_BYTES_MAX, MAILBOX_ROWS_MAX
from tests.house.sources import ROOT


def test_a_burst_passes_and_then_the_rate() -> None:
    bucket = Bucket(Rate(burst=10, per_s=2), now_s=0)
    assert bucket.take(10, now_s=0) == 0
    assert bucket.take(4, now_s=0) == 2.0
    assert bucket.take(4, now_s=2.0) == 0
    assert not bucket.is_full(now_s=6.9)
    assert bucket.is_full(now_s=7.1)


def test_more_than_the_burst_passes_when_the_bucket_is_full() -> None:
    bucket = Bucket(Rate(burst=2, per_s=1), now_s=0)
    assert bucket.take(50, now_s=0) == 0
    assert bucket.take(50, now_s=1) == 1.0


def test_a_reservation_says_how_far_away_its_turn_is() -> None:
    bucket = Bucket(Rate(burst=1, per_s=0.5), now_s=0)
    assert [bucket.reserve(now_s=0) for _ in range(3)] == [0.0, 2.0, 4.0]


def test_what_was_reserved_and_is_given_back_is_there_for_the_next_and_never_more_than_the_burst() -> None:
    bucket = Bucket(Rate(burst=2, per_s=0.5), now_s=0)
    assert [bucket.reserve(now_s=0) for _ in range(4)] == [0.0, 0.0, 2.0, 4.0]
    bucket.give_back(2)
    assert bucket.reserve(now_s=0) == 2.0
    bucket.give_back(9)
    assert [bucket.reserve(now_s=0) for _ in range(3)] == [0.0, 0.0, 2.0]


def test_a_clock_that_stands_still_or_goes_back_fills_nothing() -> None:
    bucket = Bucket(Rate(burst=1, per_s=1), now_s=10)
    assert bucket.take(1, now_s=10) == 0
    assert bucket.take(1, now_s=5) > 0


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(1, 5)), max_size=60))
def test_no_more_passes_than_burst_and_rate_allow(asked: list[tuple[float, int]]) -> None:
    bucket, now_s, passed = Bucket(Rate(burst=5, per_s=1), now_s=0), 0.0, 0
    for step_s, count in asked:
        now_s += step_s
        if bucket.take(count, now_s=now_s) == 0:
            passed += count
    assert passed <= 5 + now_s + 1e-6


def test_the_protocols_page_says_the_limits_as_they_are() -> None:
    page = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
    own = limits.RelayLimits()
    for row in (
        f"| a stranger's time | {limits.HELLO_S_MAX:.0f} s |",
        f"| {limits.STRANGERS_MAX:,}; {own.connections_max:,} |",
        f"| {limits.SILENCE_S_MAX / 60:.0f} min; {limits.UNTAKEN_S_MAX / 60:.0f} min with mail untaken |",
        f"| {MAILBOX_ROWS_MAX:,} envelopes or {MAILBOX_BYTES_MAX >> 20} MiB |",
        f"| {own.envelopes.burst:,} at once, {own.envelopes.per_s:,} a second |",
        f"| {own.lookups.burst:,} at once, {own.lookups.per_s} a second |",
        f"| handles resolved by one device | {_pace(own.handles)} |",
        f"| entries of the log disclosed to one device | {_pace(own.entries)} |",
        f"| {limits.PENDING_BYTES_MAX >> 20} MiB; {limits.PENDING_CONNECTION_BYTES_MAX >> 20} MiB a connection |",
        f"| {FULL_BYTES >> 10} KiB; {UNSENT_BYTES_MAX >> 20} MiB |",
    ):
        assert row in page


def _pace(rate: Rate) -> str:
    return f"{rate.burst} at once, one in {1 / rate.per_s:.0f} s"
