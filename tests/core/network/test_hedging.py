"""Proves that urgent envelopes are said twice when that is likely to help, and never more often than is allowed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerback.core.network.estimate import Estimate
from answerback.core.network.hedging import (
    ALONE_S,
    DONE_MAX,
    DOUBT_COUNT_MIN,
    DOUBT_MEMORY_S,
    DOUBT_SHARE,
    FLYING_MAX,
    HEDGED_BYTES_MAX,
    LATE_S_MIN,
    LATE_SHARE,
    QUIET_COUNT_MIN,
    QUIET_S_MIN,
    RESERVE_BYTES,
    SHARE,
    Hedge,
    Hedging,
    Why,
    late_s,
)
from answerback.model.ids import EnvelopeId

TEXT_BYTES = 700


def name(number: int) -> EnvelopeId:
    return EnvelopeId(number.to_bytes(16, "big"))


def beside_bulk(*, gap_s: float = 0.02, count: int = 3 * QUIET_COUNT_MIN) -> Hedging:
    """A line on which answers came in a rhythm, the last of them at `count * gap_s`."""
    hedging = Hedging()
    for number in range(count + 1):
        hedging.heard(now_s=number * gap_s)
    return hedging


def test_what_has_no_answer_in_the_time_answers_take_is_said_again_once() -> None:
    hedging = Hedging()
    hedging.sent(name(1), TEXT_BYTES, now_s=1.0)
    assert hedging.wake_at_s(0.1, has_other=True) == pytest.approx(1.1)
    assert hedging.due(0.1, has_other=True, now_s=1.09) == []
    assert hedging.due(0.1, has_other=True, now_s=1.1) == [name(1)]
    assert hedging.due(0.1, has_other=True, now_s=9.0) == []
    assert hedging.wake_at_s(0.1, has_other=True) is None


def test_an_answer_cancels_it() -> None:
    hedging = Hedging()
    hedging.sent(name(1), TEXT_BYTES, now_s=1.0)
    busy = [hedging.is_busy]
    assert hedging.answered(name(1), now_s=1.05) is None
    assert [*busy, hedging.is_busy] == [True, False], "as long a metered path may stand by for it"
    assert hedging.wake_at_s(0.1, has_other=True) is None
    assert hedging.due(0.1, has_other=True, now_s=2.0) == []


def test_without_another_line_it_waits_for_a_second() -> None:
    hedging = Hedging()
    hedging.sent(name(1), TEXT_BYTES, now_s=1.0)
    assert hedging.wake_at_s(0.1, has_other=False) == 1.0 + ALONE_S
    assert hedging.wake_at_s(3.0, has_other=False) == 4.0, "on a slow line longer"
    assert hedging.due(0.1, has_other=False, now_s=1.9) == []
    assert hedging.due(0.1, has_other=False, now_s=2.0) == [name(1)]
    hedge = hedging.of(name(1))
    assert hedge == Hedge(Why.ALONE, 2.0, 1.0)


def test_nothing_is_late_sooner_than_a_disk_answers() -> None:
    hedging = Hedging()
    hedging.sent(name(1), TEXT_BYTES, now_s=1.0)
    assert hedging.wake_at_s(0.001, has_other=True) == 1.0 + LATE_S_MIN


def test_what_is_large_is_never_said_twice() -> None:
    hedging = Hedging()
    hedging.sent(name(1), HEDGED_BYTES_MAX + 1, now_s=0.0)
    assert hedging.due(0.1, has_other=True, now_s=100.0) == []
    assert hedging.urgent_bytes == 0


def test_a_line_that_falls_silent_beside_bulk_is_not_waited_for() -> None:
    hedging = beside_bulk(gap_s=0.02)
    last_s = hedging.quiet_at_s
    assert last_s is not None
    heard_s = 3 * QUIET_COUNT_MIN * 0.02
    assert heard_s + QUIET_S_MIN <= last_s < heard_s + 0.1
    hedging.sent(name(1), TEXT_BYTES, now_s=heard_s + 0.01)
    assert hedging.due(5.0, has_other=True, now_s=last_s - 0.001) == []
    assert hedging.due(5.0, has_other=True, now_s=last_s) == [name(1)]
    hedging.sent(name(2), TEXT_BYTES, now_s=last_s + 0.01)
    assert hedging.due(5.0, has_other=True, now_s=last_s + 0.01) == [name(2)], "it left into a line that was quiet"
    hedge = hedging.of(name(2))
    assert hedge is not None
    assert hedge.why is Why.QUIET


def test_only_a_silence_longer_than_any_lately_is_a_sign_against_the_line() -> None:
    assert beside_bulk(count=DOUBT_COUNT_MIN - 1).doubt_at_s is None
    hedging = beside_bulk(count=DOUBT_COUNT_MIN)
    assert hedging.doubt_at_s == hedging.quiet_at_s, "where no gap was longer than the rhythm explains"
    now_s = DOUBT_COUNT_MIN * 0.02 + 0.3
    hedging.heard(now_s=now_s)
    while now_s < 20.0:
        now_s += 0.02
        hedging.heard(now_s=now_s)
    assert hedging.doubt_at_s == pytest.approx(now_s + DOUBT_SHARE * 0.3)
    assert hedging.quiet_at_s == pytest.approx(now_s + QUIET_S_MIN), "for a text it may be said sooner"
    while now_s < 20.0 + 2 * DOUBT_MEMORY_S:
        now_s += 0.02
        hedging.heard(now_s=now_s)
    assert hedging.doubt_at_s == hedging.quiet_at_s, "what was long ago is forgotten"
    hedging.ended()
    assert hedging.doubt_at_s is None


def test_a_word_on_the_line_ends_its_silence() -> None:
    hedging = beside_bulk(gap_s=0.02)
    before_s = hedging.quiet_at_s
    assert before_s is not None
    hedging.sent(name(1), TEXT_BYTES, now_s=before_s - 0.03)
    hedging.heard(now_s=before_s - 0.001)
    assert hedging.due(5.0, has_other=True, now_s=before_s) == []


@pytest.mark.parametrize("count", [0, 1, QUIET_COUNT_MIN - 1])
def test_too_few_answers_are_no_rhythm(count: int) -> None:
    assert beside_bulk(count=count).quiet_at_s is None


def test_answers_in_one_packet_are_one_and_rare_ones_are_no_rhythm() -> None:
    together = Hedging()
    for number in range(100):
        together.heard(now_s=1.0 + number * 0.00001)
    assert together.quiet_at_s is None
    assert beside_bulk(gap_s=1.5, count=50).quiet_at_s is None


def test_silence_when_the_bulk_is_through_says_nothing() -> None:
    hedging = beside_bulk()
    hedging.idle()
    assert hedging.quiet_at_s is None
    hedging.sent(name(1), TEXT_BYTES, now_s=5.0)
    assert hedging.wake_at_s(0.3, has_other=True) == 5.3


def test_a_line_that_was_idle_is_not_taken_for_silent() -> None:
    hedging = beside_bulk()
    hedging.sent(name(1), TEXT_BYTES, now_s=30.0)
    assert hedging.due(0.1, has_other=True, now_s=30.0) == []
    assert hedging.wake_at_s(0.1, has_other=True) == 30.1


def test_a_slow_line_leaves_half_of_the_reserve_for_a_dead_one() -> None:
    hedging = beside_bulk()
    at_s = hedging.quiet_at_s
    assert at_s is not None
    late = 0
    for number in range(100):
        hedging.sent(name(number), TEXT_BYTES, now_s=0.0)
        late += len(hedging.due(0.1, has_other=True, now_s=at_s - 0.01))
    assert 0 < late * TEXT_BYTES <= LATE_SHARE * RESERVE_BYTES + SHARE * 100 * TEXT_BYTES
    assert hedging.wake_at_s(0.1, has_other=True) == at_s, "the late ones have to wait for a better reason"
    quiet = len(hedging.due(0.1, has_other=True, now_s=at_s))
    assert quiet * TEXT_BYTES >= (1 - LATE_SHARE) * RESERVE_BYTES - TEXT_BYTES


def test_the_timeline_can_tell_what_was_done_and_which_was_first() -> None:
    hedging = Hedging()
    for number in (1, 2, 3):
        hedging.sent(name(number), TEXT_BYTES, now_s=0.0)
    assert hedging.of(name(1)) is None
    assert len(hedging.due(0.1, has_other=True, now_s=0.25)) == 3
    assert hedging.of(name(1)) == Hedge(Why.LATE, 0.25, 0.25)
    won = hedging.answered(name(1), on_other=True, now_s=0.3)
    assert won == hedging.of(name(1)) == Hedge(Why.LATE, 0.25, 0.25, answered_s=0.3, is_won=True)
    assert hedging.answered(name(1), now_s=0.9) is None, "the second answer tells nothing"
    lost = hedging.answered(name(2), now_s=0.31)
    assert lost is not None
    assert not lost.is_won
    assert (hedging.hedged, hedging.won, hedging.hedged_bytes) == (3, 1, 3 * TEXT_BYTES)
    hedging.ended()
    assert hedging.of(name(3)) == Hedge(Why.LATE, 0.25, 0.25)
    assert not hedging.is_busy


def test_what_is_remembered_is_bounded() -> None:
    hedging = Hedging()
    for number in range(3 * FLYING_MAX):
        hedging.sent(name(number), 1, now_s=0.0)
    assert len(hedging.due(0.1, has_other=True, now_s=1.0)) == FLYING_MAX
    for number in range(DONE_MAX + 10):
        hedging.sent(name(number + 10_000), 1, now_s=2.0)
        hedging.due(0.1, has_other=True, now_s=3.0)
        hedging.answered(name(number), now_s=3.0)
        hedging.answered(name(number + 10_000), now_s=3.0)
    assert len(hedging._done) <= DONE_MAX


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["sent", "answered", "heard", "due", "idle", "ended"]),
        st.integers(0, 40),
        st.integers(1, HEDGED_BYTES_MAX),
        st.floats(0.0, 0.5),
    ),
    max_size=200,
)


@given(steps=STEPS, late=st.floats(0.0, 2.0), has_other=st.booleans())
def test_never_more_is_said_twice_than_the_share_and_the_reserve(
    *, steps: list[tuple[str, int, int, float]], late: float, has_other: bool
) -> None:
    hedging, now_s, flying, twice = Hedging(), 0.0, set[int](), set[int]()
    for kind, number, size_bytes, pause_s in steps:
        now_s += pause_s
        match kind:
            case "sent":
                if number not in flying:
                    twice.discard(number)
                flying.add(number)
                hedging.sent(name(number), size_bytes, now_s=now_s)
            case "answered":
                flying.discard(number)
                hedging.answered(name(number), now_s=now_s)
            case "heard":
                hedging.heard(now_s=now_s)
            case "idle":
                hedging.idle()
            case "ended":
                flying.clear()
                hedging.ended()
            case _:
                wake_at_s = hedging.wake_at_s(late, has_other=has_other)
                found = {int.from_bytes(each, "big") for each in hedging.due(late, has_other=has_other, now_s=now_s)}
                assert found <= flying, "only what has no answer"
                assert not found & twice, "never a third time"
                assert bool(found) == (wake_at_s is not None and wake_at_s <= now_s)
                twice |= found
        assert hedging.hedged_bytes <= SHARE * hedging.urgent_bytes + RESERVE_BYTES
        assert hedging.is_busy == bool(flying)


def test_a_steady_path_has_short_patience() -> None:
    estimate = Estimate()
    for number in range(100):
        estimate.round_trip(0.04, now_s=float(number))
    assert late_s(estimate) == pytest.approx(0.04, rel=0.01)
    assert estimate.rto_s == 0.2, "which TCP must not have"
