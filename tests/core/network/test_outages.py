"""Proves that the end of an outage is expected where outages ended before, in bounded memory."""

from hypothesis import given
from hypothesis import strategies as st

from answerback.core.network.outages import BIN_COUNT, NETWORKS_MAX, SHORTEST_S, OutageBook, Outages


def test_before_anything_was_seen_an_outage_is_as_likely_to_last_as_long_again() -> None:
    outages = Outages()
    for age_s in (1.0, 10.0, 100.0, 1_000.0):
        assert 0.5 / age_s < outages.hazard(age_s) < 1.5 / age_s


def test_an_end_is_expected_where_outages_ended_before_and_nowhere_earlier() -> None:
    outages, fresh = Outages(), Outages()
    for _ in range(30):
        outages.learn(20.0)
    assert outages.hazard(20.0) > 2 * fresh.hazard(20.0)
    assert outages.hazard(3.0) < 0.3 * fresh.hazard(3.0)


def test_an_outage_whose_end_was_not_seen_counts_for_what_it_survived() -> None:
    seen, unseen = Outages(), Outages()
    seen.learn(8.0)
    unseen.learn(8.0, ended=False)
    assert unseen.hazard(8.0) < seen.hazard(8.0)
    assert unseen.hazard(2.0) == seen.hazard(2.0)


def test_a_blink_teaches_nothing() -> None:
    outages = Outages()
    outages.learn(SHORTEST_S / 2)
    assert outages == Outages()


def test_what_was_learned_long_ago_fades() -> None:
    outages = Outages()
    outages.learn(2.0)
    before = outages.hazard(2.0)
    for _ in range(200):
        outages.learn(100.0)
    assert outages.hazard(2.0) < before / 10


@given(st.lists(st.tuples(st.floats(0, 1e7), st.booleans()), max_size=60), st.floats(0, 1e7))
def test_memory_is_bounded_and_a_hazard_is_always_a_rate(lengths: list[tuple[float, bool]], age_s: float) -> None:
    outages = Outages()
    for length_s, ended in lengths:
        outages.learn(length_s, ended=ended)
    assert len(outages.ends) == len(outages.ages_s) == BIN_COUNT
    assert outages.hazard(age_s) > 0
    assert all(lived_s >= 0 for lived_s in outages.ages_s)


def test_networks_are_told_apart_and_the_one_unused_longest_is_forgotten() -> None:
    book = OutageBook()
    book.of(b"home").learn(2.0)
    for number in range(NETWORKS_MAX - 1):
        book.of(bytes([number])).learn(30.0)
    assert book.of(b"home").hazard(2.0) > book.of(b"\x00").hazard(2.0)
    book.of(b"one too many")
    assert len(book) == NETWORKS_MAX
    assert book.of(b"home") != Outages()
    assert book.of(b"\x01") == Outages()
