"""Proves that every verdict on a path has its sign, and that none flaps."""

from hypothesis import given
from hypothesis import strategies as st

from answerback.core.network.estimate import Estimate
from answerback.core.network.standing import (
    CALM_S,
    DEGRADED_AFTER_S,
    FLAPS_MAX,
    RTT_S_MAX,
    UNANSWERED_MAX,
    UP_AFTER_S,
    Judgement,
    Sign,
    Standing,
    Verdict,
)


def measured(rtt_s: float, *, loss: float = 0.0) -> Estimate:
    """An estimate whose round trips were all alike."""
    estimate = Estimate()
    estimate.round_trip(rtt_s, now_s=0.0)
    estimate.loss = loss
    return estimate


def up(now_s: float = 0.0) -> Judgement:
    """A path just found to be up."""
    judgement = Judgement()
    judgement.welcomed(now_s=now_s)
    return judgement


def standing(judgement: Judgement) -> Standing:
    """How it stands now."""
    return judgement.verdict.standing


def test_nothing_is_said_of_what_was_never_tried() -> None:
    assert Judgement().verdict == Verdict(Standing.DOWN, Sign.NOTHING_YET, 0.0)


def test_a_welcome_counts_at_once() -> None:
    assert up(3.0).verdict == Verdict(Standing.UP, Sign.HEARD, 3.0)


def test_one_fade_is_no_weather_but_what_lasts_counts_and_names_its_limit() -> None:
    judgement = up()
    judgement.heard(measured(2.0), now_s=1.0)
    assert standing(judgement) is Standing.UP
    judgement.heard(measured(0.1), now_s=1.5)
    judgement.heard(measured(2.0), now_s=2.0)
    judgement.heard(measured(2.0), now_s=2.0 + DEGRADED_AFTER_S)
    assert judgement.verdict == Verdict(Standing.DEGRADED, Sign.SLOW, 2.0 + DEGRADED_AFTER_S, 2.0, RTT_S_MAX)


def test_it_is_taken_back_only_well_within_the_limit_and_after_a_longer_while() -> None:
    judgement = up()
    for at_s in (0.0, DEGRADED_AFTER_S):
        judgement.heard(measured(2.0), now_s=at_s)
    for at_s in (3.0, 20.0, 40.0):
        judgement.heard(measured(0.9), now_s=at_s)  # better than the limit, but not by much
    assert standing(judgement) is Standing.DEGRADED
    judgement.heard(measured(0.1), now_s=50.0)
    assert standing(judgement) is Standing.DEGRADED
    judgement.heard(measured(0.1), now_s=50.0 + UP_AFTER_S)
    assert judgement.verdict == Verdict(Standing.UP, Sign.HEARD, 50.0 + UP_AFTER_S)


def test_silence_stalls_probes_without_answers_end_and_a_sound_revives() -> None:
    judgement = up()
    judgement.silent(0.7, borne_s=0.5, now_s=10.0)
    assert judgement.verdict == Verdict(Standing.STALLED, Sign.SILENT, 10.0, 0.7, 0.5)
    judgement.heard(measured(0.1), now_s=10.2)
    assert standing(judgement) is Standing.UP
    judgement.silent(0.7, borne_s=0.5, now_s=11.0)
    for number in range(UNANSWERED_MAX + 1):
        judgement.unanswered(now_s=12.0 + number)
    assert standing(judgement) is Standing.DOWN
    assert judgement.verdict.sign is Sign.UNANSWERED
    judgement.heard(measured(0.1), now_s=20.0)
    assert standing(judgement) is Standing.DOWN, "a late word of a connection that was given up"
    judgement.welcomed(now_s=21.0)
    assert standing(judgement) is Standing.UP


def test_no_interface_is_said_as_such_also_when_the_connection_ends_of_it() -> None:
    judgement = up()
    judgement.absent(now_s=5.0)
    judgement.ended(now_s=6.0)
    assert judgement.verdict == Verdict(Standing.DOWN, Sign.NO_INTERFACE, 5.0)


def test_a_stranger_who_answers_is_captivity_until_the_relay_welcomes_us() -> None:
    judgement = up()
    judgement.ended(now_s=1.0)
    judgement.strange(now_s=2.0)
    judgement.ended(now_s=3.0)
    judgement.unanswered(now_s=3.0)
    assert judgement.verdict == Verdict(Standing.CAPTIVE, Sign.STRANGER, 2.0)
    judgement.welcomed(now_s=4.0)
    assert standing(judgement) is Standing.UP


def test_a_path_that_comes_and_goes_is_not_called_up_until_it_was_calm() -> None:
    judgement = up()
    for number in range(FLAPS_MAX + 1):
        judgement.ended(now_s=10.0 + number)
        judgement.welcomed(now_s=10.5 + number)
    assert standing(judgement) is Standing.DEGRADED
    assert judgement.verdict.sign is Sign.FLAPPING
    calm_s = 10.0 + FLAPS_MAX + CALM_S
    judgement.heard(measured(0.1), now_s=calm_s + 0.1)
    judgement.heard(measured(0.1), now_s=calm_s + 0.1 + UP_AFTER_S)
    assert standing(judgement) is Standing.UP


EVENTS = ["welcomed", "silent", "unanswered", "ended", "absent", "strange", "good", "bad"]


@given(st.lists(st.tuples(st.sampled_from(EVENTS), st.floats(0.01, 10)), max_size=150))
def test_in_any_order_there_is_one_verdict_whose_age_never_runs_backwards(events: list[tuple[str, float]]) -> None:
    judgement, now_s = Judgement(), 0.0
    for event, later_s in events:
        now_s += later_s
        before = judgement.verdict
        _happen(judgement, event, now_s)
        after = judgement.verdict
        assert after.since_s <= now_s
        assert (after.since_s == before.since_s) is (after.standing is before.standing)
        if event == "welcomed":
            assert after.standing in (Standing.UP, Standing.DEGRADED)


def _happen(judgement: Judgement, event: str, now_s: float) -> None:
    match event:
        case "welcomed":
            judgement.welcomed(now_s=now_s)
        case "silent":
            judgement.silent(1.0, borne_s=0.5, now_s=now_s)
        case "unanswered":
            judgement.unanswered(now_s=now_s)
        case "ended":
            judgement.ended(now_s=now_s)
        case "absent":
            judgement.absent(now_s=now_s)
        case "strange":
            judgement.strange(now_s=now_s)
        case _:
            judgement.heard(measured(0.1 if event == "good" else 3.0), now_s=now_s)


def test_a_path_that_was_measured_to_be_poor_is_poor_when_it_is_let_in_again() -> None:
    judgement, slow = Judgement(), Estimate()
    slow.round_trip(2 * RTT_S_MAX, now_s=0.0)
    judgement.welcomed(slow, now_s=1.0)
    assert (judgement.verdict.standing, judgement.verdict.sign) == (Standing.DEGRADED, Sign.SLOW)
    judgement.welcomed(Estimate(), now_s=2.0)
    assert judgement.verdict.standing is Standing.UP
