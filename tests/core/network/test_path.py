"""Proves that a path notices silence, doubts without tearing down, and has the quicker connection win."""

import pytest

from answerback.core.effects import Close, Here, Probe, Proceed, Reason, Recheck, Use, Wake
from answerback.core.network.attempts import ATTEMPT_S_MAX, LINE_S_MAX, SETUPS_MAX, Numbers
from answerback.core.network.path import PATIENCE_MAX, RATE_FLOOR_BYTES_PER_S, SILENCE_LIMIT_S, Path
from answerback.core.network.patience import ANSWER_S
from answerback.core.network.recovery import QUEUED_S, REFUSED_S, STANDSTILL_S_MIN
from answerback.core.network.signs import AT_ONCE_S, KEEPALIVE_S
from answerback.core.network.silence import SILENCE_S_MIN
from answerback.core.network.standing import UNANSWERED_MAX, Sign, Standing
from answerback.model.causes import Cause
from tests.core.network.path_drive import DRAW, RTT_S, asking, connected, doubted, ping, probe, times_s, woken

# ---- attempts


def test_it_begins_with_one_probe_and_a_second_start_begins_nothing() -> None:
    path = Path()
    assert (path.wake_at, path.up, path.works, path.cause) == (None, False, False, Cause.NETWORK_AGENT_STOPPED)
    path.start(now_s=5.0)
    assert path.wake_at == Wake(5.0, Reason.CONNECT_FIRST)
    assert path.wake(now_s=5.0, draw=DRAW) == [probe(1, Reason.CONNECT_FIRST)]
    assert (path.cause, path.tries) == (Cause.NETWORK_CONNECTING, 1)
    path.start(now_s=5.1)
    assert path.wake(now_s=5.1, draw=DRAW) == []
    assert path.holds(1)
    assert not path.holds(2)


def test_a_probe_without_an_answer_is_closed_before_its_repetition_and_others_follow() -> None:
    path = Path("wlan0")
    path.start(now_s=0.0)
    done = woken(path, until_s=2.5)
    assert done[0] == (0.0, Probe(1, "wlan0", Reason.CONNECT_FIRST))
    assert (ANSWER_S, Close(1)) in done
    assert len(times_s(done, Probe)) > 2
    assert path.cause is Cause.NETWORK_RELAY_UNREACHABLE
    assert path.estimate.loss > 0
    assert path.answered(1, now_s=2.6, draw=DRAW) == [], "it was given up"


def test_numbers_are_never_given_twice_even_to_two_paths() -> None:
    numbers = Numbers()
    paths = [Path("wlan0", numbers), Path("wwan0", numbers)]
    for path in paths:
        path.start(now_s=0.0)
    lines = [effect.line for path in paths for _, effect in woken(path, until_s=5.0) if isinstance(effect, Probe)]
    assert sorted(lines) == list(range(1, len(lines) + 1))


def test_an_answer_is_set_up_at_once_and_the_first_of_all_is_measured() -> None:
    path = asking()
    assert path.answered(1, now_s=0.3, draw=DRAW) == [Proceed(1)]
    assert path.estimate.rtt_s == path.recovery.rtt_s == 0.3
    assert path.recovery.rto_s == path.estimate.rto_s
    assert path.answered(1, now_s=0.4, draw=DRAW) == []
    path = connected()
    rtt_s = path.estimate.rtt_s
    path.lost(Cause.NETWORK_CONNECTION_LOST, now_s=20.0, draw=DRAW)
    path.wake(now_s=20.0, draw=DRAW)
    assert path.answered(2, now_s=20.9, draw=DRAW) == [Proceed(2)]
    assert path.estimate.rtt_s == rtt_s, "a connection measures better than a SYN after an outage"


def test_another_answer_is_kept_in_hand_and_set_up_when_the_first_stands_still() -> None:
    path = asking()
    path._probe(Reason.CONNECT_EVIDENCE, answer_s=ANSWER_S, now_s=0.0)
    assert path.answered(1, now_s=RTT_S, draw=DRAW) == [Proceed(1)]
    assert path.answered(2, now_s=RTT_S + 0.01, draw=DRAW) == []
    wake = path.wake_at
    assert wake is not None
    assert wake.at_s == pytest.approx(path.recovery.rest_s(RTT_S) + STANDSTILL_S_MIN)
    assert path.wake(now_s=wake.at_s, draw=DRAW) == [Proceed(2)], "and no new probe"
    assert path.tries == 2


def test_an_answer_that_comes_much_quicker_overtakes_a_set_up_that_should_be_there_by_now() -> None:
    path = asking()
    path._probe(Reason.CONNECT_EVIDENCE, answer_s=ANSWER_S, now_s=0.8)
    path._probe(Reason.CONNECT_EVIDENCE, answer_s=ANSWER_S, now_s=1.3)
    assert path.answered(1, now_s=0.9, draw=DRAW) == [Proceed(1)]
    assert path.answered(2, now_s=0.9, draw=DRAW) == [], "it came at the same moment, and so will what follows"
    assert path.answered(3, now_s=1.4, draw=DRAW) == [Proceed(3)]


def test_a_welcome_puts_its_connection_in_use_and_gives_up_the_old_one_and_the_others() -> None:
    path = doubted()
    path._probe(Reason.CONNECT_EVIDENCE, answer_s=ANSWER_S, now_s=10.4)
    path._is_owed = False
    assert Proceed(2) in path.answered(2, now_s=10.7, draw=DRAW)
    assert path.welcomed(2, now_s=10.9) == [Use(2), Close(1), Close(3)]
    assert (path.line, path.cause, path.is_doubted) == (2, None, False)
    assert (path.verdict.standing, path.works) == (Standing.UP, True)


def test_a_new_connection_is_measured_as_soon_as_nothing_is_on_its_way_on_it() -> None:
    path = asking()
    path.answered(1, now_s=0.1, draw=DRAW)
    assert path.welcomed(1, now_s=0.3) == [Use(1)]
    path.expects(outstanding=True, flying_bytes=9, now_s=0.3)
    assert path.wake(now_s=0.35, draw=DRAW) == []
    path.heard(is_progress=True, now_s=0.4, draw=DRAW)
    path.expects(outstanding=False, flying_bytes=0, now_s=0.4)
    wake = path.wake_at
    assert wake is not None
    assert (wake.at_s, wake.reason) == (0.4, Reason.KEEPALIVE)
    assert path.wake(now_s=0.4, draw=DRAW) == [ping(1)]
    assert path.ponged(1, now_s=0.5) == pytest.approx(0.1)
    assert woken(path, until_s=0.5 + KEEPALIVE_S - 1) == [], "once"


def test_one_that_stands_by_is_not_put_in_use() -> None:
    path = Path("wwan0", is_standby=True)
    path.start(now_s=0.0)
    path.wake(now_s=0.0, draw=DRAW)
    path.answered(1, now_s=0.1, draw=DRAW)
    assert path.welcomed(1, now_s=0.3) == []
    assert path.up


def test_an_attempt_that_fails_unanswered_says_why_and_changes_no_timetable() -> None:
    path = asking()
    wake = path.recovery.wake_at
    assert path.failed(1, Cause.NETWORK_NO_PATH, now_s=0.1, draw=DRAW) == []
    assert (path.cause, path.recovery.wake_at) == (Cause.NETWORK_NO_PATH, wake)
    assert path.failed(1, Cause.NETWORK_STALLED, now_s=0.2, draw=DRAW) == []
    assert path.cause is Cause.NETWORK_NO_PATH, "it had ended"


@pytest.mark.parametrize(
    ("cause", "standing"),
    [
        (Cause.NETWORK_CONNECTION_LOST, Standing.DOWN),
        (Cause.TLS_UNTRUSTED, Standing.CAPTIVE),
        (Cause.RELAY_INCOMPATIBLE, Standing.CAPTIVE),
    ],
)
def test_somebody_who_answers_and_would_not_have_us_is_asked_seldom(cause: Cause, standing: Standing) -> None:
    path = asking()
    path.answered(1, now_s=0.1, draw=DRAW)
    path.failed(1, cause, now_s=0.3, draw=DRAW)
    assert path.recovery.wake_at == Wake(0.3 + REFUSED_S, Reason.CONNECT_CADENCE)
    assert (path.cause, path.verdict.standing) == (cause, standing)


def test_an_attempt_that_ends_beside_a_healthy_connection_says_nothing_against_it() -> None:
    path = doubted()
    path._is_owed = False
    path.answered(2, now_s=10.6, draw=DRAW)
    path.heard(is_progress=True, now_s=10.9, draw=DRAW)
    assert path.holds(2), "it may have said hello"
    path.failed(2, Cause.TLS_UNTRUSTED, now_s=11.0, draw=DRAW)
    assert (path.is_doubted, path.recovery.wake_at, path.cause) == (False, None, None)
    assert path.verdict.standing is Standing.UP


def test_a_set_up_that_stands_still_for_long_is_given_up() -> None:
    path = asking()
    path.answered(1, now_s=RTT_S, draw=DRAW)
    done = woken(path, until_s=RTT_S + ATTEMPT_S_MAX)
    assert (RTT_S + ATTEMPT_S_MAX, Close(1)) in done
    assert len(times_s(done, Probe)) > 1, "others were asked beside it"


def test_a_relay_that_answers_and_lets_nobody_in_is_not_given_more_of_it() -> None:
    for others, refusals in ((2, 1), (1, 0)):
        path = asking()
        path.answered(1, now_s=RTT_S, draw=DRAW)
        path.recovery._next = None
        for number in range(others):  # the first of them goes on, as line 1 stands still; the second is kept in hand
            path._probe(Reason.CONNECT_EVIDENCE, answer_s=ANSWER_S, now_s=9.5)
            path.answered(2 + number, now_s=9.6, draw=DRAW)
        path.recovery._next = None
        assert path.wake(now_s=RTT_S + ATTEMPT_S_MAX, draw=DRAW) == [Close(1)]
        assert path.recovery._refusals == refusals
        next_s = RTT_S + ATTEMPT_S_MAX + REFUSED_S
        assert path.recovery.wake_at == (Wake(next_s, Reason.CONNECT_CADENCE) if refusals else None)


# ---- silence


def test_while_nothing_is_owed_it_only_keeps_the_connection_alive() -> None:
    path = connected()
    assert path.wake_at == Wake(0.25 + KEEPALIVE_S, Reason.KEEPALIVE)
    assert path.wake(now_s=0.1 + KEEPALIVE_S, draw=DRAW) == []
    assert path.wake(now_s=0.25 + KEEPALIVE_S, draw=DRAW) == [ping(2)]
    assert path.silence.is_owed, "its answer"
    path.heard(is_progress=True, now_s=26.0, draw=DRAW)
    path.ponged(2, now_s=26.0)
    assert not path.silence.is_owed


def test_where_datagrams_pass_a_sign_of_life_keeps_their_way_open_too() -> None:
    path = connected()
    path.recovery.by_datagram = True
    assert path.wake(now_s=0.25 + KEEPALIVE_S, draw=DRAW) == [ping(2), Here("")]


def test_silence_while_something_is_owed_is_a_doubt_a_ping_and_a_probe_and_no_end() -> None:
    path = doubted()
    assert (path.up, path.is_doubted, path.line) == (True, True, 1)
    assert (path.verdict.standing, path.verdict.sign) == (Standing.STALLED, Sign.SILENT)
    assert path.works, "nobody is told of a doubt"
    assert path.cause is None


def test_a_doubt_that_no_probe_answers_is_an_outage_that_people_are_told_of() -> None:
    path = doubted()
    done = woken(path, until_s=20.0)
    given_up = times_s(done, Close)
    assert len(given_up) > UNANSWERED_MAX
    assert (path.up, path.works, path.verdict.standing) == (True, False, Standing.DOWN)
    path.heard(is_progress=True, now_s=20.1, draw=DRAW)
    assert path.works
    assert path.verdict.standing in (Standing.UP, Standing.DEGRADED), "or no file would be fetched any more"


def test_a_doubted_connection_that_answers_goes_on_and_the_probes_are_given_up() -> None:
    path = doubted()
    assert path.heard(is_progress=True, now_s=10.5, draw=DRAW) == [Close(2), Recheck()]
    assert (path.is_doubted, path.line, path.recovery.wake_at) == (False, 1, None)
    assert path.answered(2, now_s=10.6, draw=DRAW) == []


def test_mail_is_no_answer_to_what_is_owed_for_a_path_may_be_dead_one_way() -> None:
    path = doubted()
    effects = path.heard(is_progress=False, now_s=10.9, draw=DRAW)
    assert path.is_doubted
    assert effects == [probe(3, Reason.CONNECT_EVIDENCE)], "but the path lives again: ask now"
    path.expects(outstanding=False, flying_bytes=0, now_s=11.0)
    path.heard(is_progress=False, now_s=11.2, draw=DRAW)
    assert not path.is_doubted, "nothing is owed any more"


def test_after_a_silence_far_beyond_any_retransmission_the_connection_is_given_up() -> None:
    path = doubted()
    noticed_s = 10.0 + SILENCE_S_MIN
    done = woken(path, until_s=noticed_s + SILENCE_LIMIT_S - 0.01)
    assert Close(1) not in [effect for _, effect in done]
    assert path.up
    done = woken(path, until_s=noticed_s + SILENCE_LIMIT_S)
    assert (noticed_s + SILENCE_LIMIT_S, Close(1)) in done
    assert (path.up, path.cause) == (False, Cause.NETWORK_STALLED)
    assert not path.silence.is_owed


def limit_s(path: Path) -> float:
    return path._limit_s


def test_each_connection_in_a_row_that_is_given_up_for_silence_buys_the_next_one_twice_the_time() -> None:
    path, limits = doubted(), []
    for _ in range(6):
        limits.append(limit_s(path))
        now_s = path._noticed_s + limits[-1]
        woken(path, until_s=now_s)
        line = path.numbers.given + 1
        path._probe(Reason.CONNECT_EVIDENCE, answer_s=ANSWER_S, now_s=now_s + 1)
        path.answered(line, now_s=now_s + 1.1, draw=DRAW)
        path.welcomed(line, now_s=now_s + 1.3)
        path.expects(outstanding=True, flying_bytes=0, now_s=now_s + 1.3)
        woken(path, until_s=now_s + 4.0)
        assert path.is_doubted
    assert limits == [SILENCE_LIMIT_S * many for many in (1, 2, 4, 8, 8, 8)]
    assert PATIENCE_MAX == 8
    path.ponged(path.signs.echo, now_s=path._noticed_s + 1)
    assert limit_s(path) == SILENCE_LIMIT_S, "a word on it ends the row"


def test_what_is_under_way_is_given_the_time_it_needs() -> None:
    path = connected()
    path.expects(outstanding=True, flying_bytes=RATE_FLOOR_BYTES_PER_S * 100, now_s=1.0)
    assert limit_s(path) == 200.0
    path.estimate.up_bytes_per_s = RATE_FLOOR_BYTES_PER_S * 1.25
    assert limit_s(path) == 160.0
    path.estimate.up_bytes_per_s = RATE_FLOOR_BYTES_PER_S / 9
    assert limit_s(path) == 200.0
    path.estimate.up_bytes_per_s = RATE_FLOOR_BYTES_PER_S * 100.0
    assert limit_s(path) == SILENCE_LIMIT_S


def test_a_new_connection_beside_a_doubted_one_waits_as_long_as_the_old_one_may_still_speak_first() -> None:
    path = connected()
    path.recovery.setup_round_trips = 11.0
    path.expects(outstanding=True, flying_bytes=0, now_s=0.5)
    assert path.wake(now_s=0.5 + SILENCE_S_MIN, draw=DRAW) == [ping(2), probe(2)]
    assert path.answered(2, now_s=1.2, draw=DRAW) == [], "it was silent for less than a set-up takes"
    wake = path.wake_at
    assert wake is not None
    assert wake.at_s == pytest.approx(0.25 + 10 * 0.3)
    assert path.wake(now_s=wake.at_s, draw=DRAW)[0] == Proceed(2)


def test_a_connection_that_says_its_end_is_replaced_at_once_and_no_attempt_waits_for_it() -> None:
    path = connected()
    path.lost(Cause.NETWORK_CONNECTION_LOST, now_s=20.0, draw=DRAW)
    assert (path.up, path.cause) == (False, Cause.NETWORK_CONNECTION_LOST)
    assert path.wake(now_s=20.0, draw=DRAW) == [probe(2, Reason.CONNECT_EVIDENCE)]
    path = connected()
    path.recovery.setup_round_trips = 11.0
    path.expects(outstanding=True, flying_bytes=0, now_s=0.5)
    path.wake(now_s=0.5 + SILENCE_S_MIN, draw=DRAW)
    path.answered(2, now_s=1.2, draw=DRAW)
    path.lost(Cause.NETWORK_CONNECTION_LOST, now_s=1.3, draw=DRAW)
    assert path.wake(now_s=1.3, draw=DRAW) == [Proceed(2)]


def test_a_quiet_after_which_only_a_new_connection_was_answered_is_not_borne() -> None:
    for late_s, deaths in ((0.0, 1), (AT_ONCE_S + 0.5, 0)):
        path = connected()
        sent_s = 0.25 + KEEPALIVE_S
        path.wake(now_s=sent_s, draw=DRAW)
        noticed_s = sent_s + SILENCE_S_MIN
        path.wake(now_s=noticed_s, draw=DRAW)
        assert path.is_doubted
        path.answered(2, now_s=noticed_s + 0.1, draw=DRAW)
        path.welcomed(2, now_s=noticed_s + 0.3 + late_s)
        assert path.keepalive.snapshot()[-1].deaths == deaths


# ---- a relay that is busy, not a path that is dead


def standing_still(*, took_s: float = RTT_S) -> tuple[Path, float]:
    """A path on which two set-ups stand still, both answered as promptly; and when."""
    path = asking()
    assert path.answered(1, now_s=took_s, draw=DRAW) == [Proceed(1)]
    second_s = 1.0 + took_s - RTT_S
    path._probe(Reason.CONNECT_CADENCE, answer_s=ANSWER_S, now_s=second_s)
    assert path.answered(2, now_s=second_s + RTT_S, draw=DRAW) == [Proceed(2)]
    return path, second_s + 1.0


def test_while_probes_are_answered_promptly_a_third_set_up_does_not_lengthen_the_relays_line() -> None:
    path, now_s = standing_still()
    path._probe(Reason.CONNECT_CADENCE, answer_s=ANSWER_S, now_s=now_s)
    assert path.answered(3, now_s=now_s + RTT_S, draw=DRAW) == [Close(3)]
    assert path.recovery.wake_at == Wake(now_s + RTT_S + REFUSED_S, Reason.CONNECT_CADENCE)
    woken(path, until_s=LINE_S_MAX - 1)
    assert path.holds(1)
    assert path.holds(2), "they keep their places"
    assert (LINE_S_MAX + RTT_S, Close(1)) in woken(path, until_s=LINE_S_MAX + 1)


def test_a_third_is_set_up_when_a_probe_was_lost_since_or_the_first_answer_was_late() -> None:
    path, now_s = standing_still()
    path._probe(Reason.CONNECT_CADENCE, answer_s=ANSWER_S, now_s=now_s)
    path._probe(Reason.CONNECT_CADENCE, answer_s=ANSWER_S, now_s=now_s + 0.1)
    assert path.answered(4, now_s=now_s + 0.1 + RTT_S, draw=DRAW) == [Proceed(4)]
    path, now_s = standing_still(took_s=0.9)
    path._probe(Reason.CONNECT_CADENCE, answer_s=ANSWER_S, now_s=now_s)
    assert path.answered(3, now_s=now_s + RTT_S, draw=DRAW) == [Proceed(3)]


def test_there_are_never_more_than_three_set_ups_whatever_is_lost() -> None:
    path, now_s = standing_still()
    for number in range(8):
        path._probe(Reason.CONNECT_CADENCE, answer_s=ANSWER_S, now_s=now_s)
        path._probe(Reason.CONNECT_CADENCE, answer_s=ANSWER_S, now_s=now_s)
        path.answered(4 + 2 * number, now_s=now_s + RTT_S, draw=DRAW)
        path.wake(now_s=now_s + 1.0, draw=DRAW)
        now_s += 1.5
    assert sum(each.is_going for each in path.attempts.under_way.values()) == SETUPS_MAX


def test_one_place_in_the_line_of_a_relay_that_was_gone_is_enough_and_is_kept() -> None:
    path = asking()
    path.failed(1, Cause.NETWORK_RELAY_UNREACHABLE, now_s=RTT_S, draw=DRAW)
    path._probe(Reason.CONNECT_CADENCE, answer_s=ANSWER_S, now_s=1.0)
    assert path.answered(2, now_s=1.0 + RTT_S, draw=DRAW) == [Proceed(2)]
    assert path.recovery.wake_at == Wake(1.0 + RTT_S + QUEUED_S, Reason.CONNECT_CADENCE)
    path.wake(now_s=22.0, draw=DRAW)
    assert path.answered(3, now_s=22.0 + RTT_S, draw=DRAW) == [Close(3)]
    done = woken(path, until_s=1.0 + LINE_S_MAX)
    assert Close(2) not in [effect for _, effect in done]
    assert len(times_s(done, Probe)) <= LINE_S_MAX / QUEUED_S
    assert path.welcomed(2, now_s=46.0)[0] == Use(2)
    assert not path.recovery.is_crowd


def test_in_a_crowd_a_lost_probe_begins_no_second_set_up_until_the_first_has_lost_its_place() -> None:
    path = asking()
    path.failed(1, Cause.NETWORK_RELAY_UNREACHABLE, now_s=RTT_S, draw=DRAW)
    path._probe(Reason.CONNECT_CADENCE, answer_s=ANSWER_S, now_s=1.0)
    path.answered(2, now_s=1.0 + RTT_S, draw=DRAW)
    path._probe(Reason.CONNECT_CADENCE, answer_s=ANSWER_S, now_s=9.0)
    path.wake(now_s=10.0, draw=DRAW)
    path._probe(Reason.CONNECT_CADENCE, answer_s=ANSWER_S, now_s=12.0)
    assert path.answered(path.numbers.given, now_s=12.0 + RTT_S, draw=DRAW) == [Close(path.numbers.given)]
    path.failed(2, Cause.NETWORK_STALLED, now_s=16.0, draw=DRAW)
    assert path.recovery.wake_at == Wake(16.0 + REFUSED_S, Reason.CONNECT_CADENCE)
    path.wake(now_s=16.0 + REFUSED_S, draw=DRAW)
    line = path.numbers.given
    assert path.answered(line, now_s=17.0 + RTT_S, draw=DRAW) == [Proceed(line)]
