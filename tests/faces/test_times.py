"""Proves that times are read and written the way people do."""

import pytest

from answerback.faces.times import clock, from_now, parse_duration, span
from answerback.model.errors import UsageError

NOON_MS = 1_790_000_000_000


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("10m", 600), (" 2H ", 7200), ("7 d", 604_800)])
def test_a_length_of_time_is_read(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "10", "m", "-1s", "1w", "1.5h", "9999999999s"])
def test_what_is_no_length_of_time_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match="10m"):
        parse_duration(text)


def test_a_moment_of_today_is_an_hour_and_another_has_its_day() -> None:
    assert len(clock(NOON_MS, now_ms=NOON_MS + 1000)) == len("12:00:00")
    assert ":" in clock(NOON_MS - 30 * 86_400_000, now_ms=NOON_MS)
    assert clock(NOON_MS - 800 * 86_400_000, now_ms=NOON_MS).endswith("2024")


def test_the_next_moment_is_said_from_now() -> None:
    assert from_now(NOON_MS - 5, now_ms=NOON_MS) == "at once"
    assert from_now(NOON_MS + 2_000, now_ms=NOON_MS) == "in 2 s"
    assert from_now(NOON_MS + 900_000, now_ms=NOON_MS) == "in 15 min"


def test_a_span_has_one_unit() -> None:
    assert [span(s) for s in (3, 600, 7200, 604_800)] == ["3 s", "10 min", "2 h", "7 days"]
