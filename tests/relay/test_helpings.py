"""Steady mail is never late for its device's thrift; a flood comes in helpings."""

from hypothesis import given
from hypothesis import strategies as st

from answerback.relay.helpings import HELPING_S, Helping

SIZE_BYTES = 32_768
TEXT_BYTES = 1_800


def test_a_text_now_and_then_is_never_held_back() -> None:
    helping = Helping.of(SIZE_BYTES, now_s=0.0)
    for hour in range(20):
        for text in range(100):
            now_s = hour * 3600.0 + text * 36.0
            helping.look(now_s=now_s)
            assert not helping.is_had
            helping.spend(TEXT_BYTES, now_s=now_s)


def test_a_flood_ends_with_the_helping_and_goes_on_with_the_next_one_whole() -> None:
    helping = Helping.of(SIZE_BYTES, now_s=0.0)
    had = []
    for _ in range(SIZE_BYTES // TEXT_BYTES + 1):
        had.append(helping.is_had)
        helping.spend(TEXT_BYTES, now_s=1.0)
    assert not any(had)
    for now_s in (10.0, 300.0, HELPING_S, 1.0 + HELPING_S):
        helping.look(now_s=now_s)
        had.append(helping.is_had)
    assert had[-4:] == [True, True, True, False], "not in drops"
    assert helping.left_bytes == SIZE_BYTES


def test_who_takes_nothing_is_given_nothing_however_long_it_waits() -> None:
    helping = Helping.of(0, now_s=0.0)
    helping.look(now_s=1e6)
    assert helping.is_had


@given(st.integers(1, 10**6), st.lists(st.tuples(st.floats(0.0, 2_000.0), st.integers(1, 65_536)), max_size=60))
def test_no_more_than_two_helpings_and_an_envelope_come_in_any_such_time(
    size_bytes: int, mail: list[tuple[float, int]]
) -> None:
    helping, now_s = Helping.of(size_bytes, now_s=0.0), 0.0
    spent: list[tuple[float, int]] = []
    for wait_s, mail_bytes in mail:
        now_s += wait_s
        helping.look(now_s=now_s)
        assert 0 <= helping.left_bytes <= size_bytes or helping.is_had
        if not helping.is_had:
            helping.spend(mail_bytes, now_s=now_s)
            spent.append((now_s, mail_bytes))
    for start_s, _ in spent:
        window = [(at_s, each) for at_s, each in spent if start_s <= at_s < start_s + HELPING_S]
        assert sum(each for _, each in window[:-1]) <= 2 * size_bytes
