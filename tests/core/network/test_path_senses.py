"""Proves what a path makes of hints, interfaces, networks, datagrams and measurements."""

import pytest

from answerback.core.effects import Ask, Close, Probe, Reason
from answerback.core.network.evidence import Evidence
from answerback.core.network.outages import Outages
from answerback.core.network.path import FRONT_QUIET_S, SYN_EVERY
from answerback.core.network.patience import ANSWER_S_LONGEST, LONG_AGE_S
from answerback.core.network.recovery import ABSENT_S
from answerback.core.network.repetitions import UNKNOWN
from answerback.core.network.signs import PINGS_MAX
from answerback.core.network.silence import SILENCE_S_MIN
from answerback.core.network.standing import Sign, Standing
from answerback.model.causes import Cause
from tests.core.network.path_drive import DRAW, RTT_S, asking, connected, doubted, ping, probe, times_s, woken

# ---- hints


def test_a_person_who_comes_to_look_has_a_quiet_connection_asked_and_no_more() -> None:
    path = connected()
    now_s = 0.25 + FRONT_QUIET_S
    assert path.hint(Evidence.IN_FRONT, now_s=now_s, draw=DRAW) == [], "it spoke a moment ago"
    assert path.hint(Evidence.IN_FRONT, now_s=now_s + 0.1, draw=DRAW) == [ping(2)]
    assert path.hint(Evidence.IN_FRONT, now_s=now_s + 0.2, draw=DRAW) == [], "that is being asked"
    assert not path.is_doubted


def test_another_path_that_works_says_nothing_against_this_one() -> None:
    path = connected()
    assert path.hint(Evidence.OTHER_PATH_WORKED, now_s=20.0, draw=DRAW) == []
    assert not path.is_doubted


@pytest.mark.parametrize("evidence", [Evidence.NETWORK_CHANGED, Evidence.WOKE, Evidence.RELAY_CALLED])
def test_a_sign_against_the_connection_has_it_doubted_at_once(evidence: Evidence) -> None:
    path = connected()
    effects = path.hint(evidence, now_s=5.0, draw=DRAW)
    assert effects == [ping(2), probe(2, Reason.CONNECT_EVIDENCE)]
    assert path.is_doubted
    assert path.works


@pytest.mark.parametrize("evidence", [Evidence.NETWORK_CHANGED, Evidence.WOKE, Evidence.RELAY_CALLED])
def test_a_connection_doubted_by_a_sign_that_has_no_answer_either_is_believed_dead_like_a_silent_one(
    evidence: Evidence,
) -> None:
    path = connected()
    path.hint(evidence, now_s=5.0, draw=DRAW)
    verdicts = []
    for until_s in (5.0 + SILENCE_S_MIN - 0.01, 5.0 + SILENCE_S_MIN + 0.01, 20.0):
        woken(path, until_s=until_s)
        verdicts.append(path.verdict)
    assert [verdict.sign for verdict in verdicts] == [Sign.HEARD, Sign.SILENT, Sign.UNANSWERED]
    assert verdicts[1].value == pytest.approx(5.0 + SILENCE_S_MIN - 0.25)
    assert not path.works, "what people are told of as connected"


def test_a_sign_against_a_connection_does_not_make_its_silence_begin_anew() -> None:
    path = connected()
    path.expects(outstanding=True, flying_bytes=0, now_s=10.0)
    path.hint(Evidence.RELAY_CALLED, now_s=10.3, draw=DRAW)
    woken(path, until_s=10.2 + SILENCE_S_MIN)
    assert path.verdict.standing is Standing.STALLED


def test_an_answer_after_a_sign_against_the_connection_leaves_nothing_against_it() -> None:
    path = connected()
    path.hint(Evidence.RELAY_CALLED, now_s=5.0, draw=DRAW)
    path.heard(is_progress=True, now_s=5.05, draw=DRAW)
    path.ponged(2, now_s=5.05)
    woken(path, until_s=10.0)
    assert not path.is_doubted
    assert path.verdict.standing is Standing.UP


def test_after_another_network_a_new_connection_does_not_wait_for_the_old_one() -> None:
    for evidence, goes in ((Evidence.WOKE, True), (Evidence.RELAY_CALLED, False)):
        path = connected()
        path.recovery.setup_round_trips = 11.0
        path.hint(evidence, now_s=0.3, draw=DRAW)
        assert (path.answered(2, now_s=0.4, draw=DRAW) != []) == goes


def test_while_it_is_down_a_hint_asks_at_once() -> None:
    path = connected()
    path.lost(Cause.NETWORK_CONNECTION_LOST, now_s=20.0, draw=DRAW)
    woken(path, until_s=50.0)
    wake = path.wake_at
    assert wake is not None
    tries = path.tries
    effects = path.hint(Evidence.IN_FRONT, now_s=50.1, draw=DRAW)
    assert [effect for effect in effects if isinstance(effect, Probe)] == [
        probe(path.numbers.given, Reason.CONNECT_EVIDENCE)
    ]
    assert path.tries == tries + 1


def test_the_relays_own_time_is_kept_whatever_is_hinted() -> None:
    path = connected()
    path.told(300.0, now_s=20.0)
    path.lost(Cause.RELAY_BUSY, now_s=20.0, draw=DRAW)
    assert path.hint(Evidence.NETWORK_CHANGED, now_s=21.0, draw=DRAW) == []
    assert times_s(woken(path, until_s=319.9), Probe) == []
    assert times_s(woken(path, until_s=320.0), Probe) == [320.0]


def test_not_even_an_answer_in_hand_is_set_up_before_the_relays_time() -> None:
    path = asking()
    path._probe(Reason.CONNECT_EVIDENCE, answer_s=ANSWER_S_LONGEST, now_s=0.0)
    path.answered(1, now_s=RTT_S, draw=DRAW)
    assert path.answered(2, now_s=RTT_S + 0.01, draw=DRAW) == []
    path.told(1.0, now_s=0.2)
    path.failed(1, Cause.RELAY_BUSY, now_s=0.2, draw=DRAW)
    assert woken(path, until_s=1.1) == []
    assert [effect for _, effect in woken(path, until_s=1.2)] == [probe(3, Reason.CONNECT_TOLD)]


# ---- interfaces and networks


def test_without_an_interface_nobody_asks_until_one_comes() -> None:
    path = connected()
    path.absent(now_s=5.0)
    assert (path.verdict.standing, path.verdict.sign) == (Standing.DOWN, Sign.NO_INTERFACE)
    assert (path.up, path.is_doubted, path.works) == (True, True, False)
    assert woken(path, until_s=5.0 + ABSENT_S - 0.1) == []
    assert times_s(woken(path, until_s=5.0 + ABSENT_S), Probe) == [5.0 + ABSENT_S], "lest nobody tells"
    path.present(now_s=70.0)
    assert path.verdict.sign is Sign.NOTHING_YET
    effects = path.hint(Evidence.NETWORK_CHANGED, now_s=70.0, draw=DRAW)
    assert [type(effect) for effect in effects] == [Close, Probe], "the unanswered one, and another"


def test_what_was_measured_holds_for_one_network_only() -> None:
    path, home, train = connected(), Outages(), Outages()
    measured = path.estimate
    assert not path.moved(b"home", home)
    assert (path.network, path.recovery.outages) == (b"home", home)
    assert path.estimate is measured, "nobody knew where it was"
    assert not path.moved(b"home", Outages())
    assert path.recovery.outages is home
    assert path.moved(b"train", train)
    assert path.estimate is not measured
    assert not path.estimate.measured
    assert path.recovery.outages is train
    assert not path.moved(b"", Outages()), "nobody knows any more"


def test_a_path_that_nobody_needs_lets_go_of_everything() -> None:
    path = doubted()
    path.answered(2, now_s=10.6, draw=DRAW)
    assert path.rest(now_s=11.0) == [Close(1), Close(2)]
    assert (path.up, path.is_doubted, path.wake_at) == (False, False, None)
    assert not path.silence.is_owed
    assert not path.holds(1)
    assert path.rest(now_s=12.0) == []


# ---- datagrams


def test_an_old_outage_is_asked_about_by_datagram_where_those_pass() -> None:
    path = connected()
    path.recovery.by_datagram = True
    path.lost(Cause.NETWORK_CONNECTION_LOST, now_s=20.0, draw=DRAW)
    done = woken(path, until_s=40.0)
    old = [effect for at_s, effect in done if at_s > 20.0 + LONG_AGE_S and isinstance(effect, Probe | Ask)]
    assert min(times_s(done, Ask)) > 20.0 + LONG_AGE_S
    is_syn = [number % SYN_EVERY == 0 for number in range(1, len(old) + 1)]
    assert [isinstance(effect, Probe) for effect in old] == is_syn
    assert {effect for _, effect in done if isinstance(effect, Ask)} == {Ask("")}
    for line in list(path.attempts.under_way):
        path.failed(line, Cause.NETWORK_RELAY_UNREACHABLE, now_s=40.0, draw=DRAW)
    assert [effect for effect in path.datagram_answered(now_s=40.1, draw=DRAW) if isinstance(effect, Probe)] == [
        probe(path.numbers.given, Reason.CONNECT_EVIDENCE)
    ]
    assert path.attempts.under_way[path.numbers.given].answer_s == ANSWER_S_LONGEST, "the path is there: it will come"
    assert path.datagram_answered(now_s=40.2, draw=DRAW) == [], "that is being asked"


def test_an_answer_by_datagram_without_an_outage_begins_nothing() -> None:
    assert connected().datagram_answered(now_s=5.0, draw=DRAW) == []


# ---- what is measured


def test_a_pong_measures_and_one_nobody_asked_for_does_not() -> None:
    path = connected()
    path.hint(Evidence.IN_FRONT, now_s=9.0, draw=DRAW)
    assert path.ponged(7, now_s=9.1) is None
    path.hint(Evidence.IN_FRONT, now_s=9.2, draw=DRAW)
    rtt_s = path.estimate.rtt_s
    assert path.ponged(3, now_s=9.45) == pytest.approx(0.25)
    assert path.estimate.rtt_s == pytest.approx(rtt_s + (0.25 - rtt_s) / 8)
    assert path.ponged(3, now_s=9.5) is None
    assert not path.silence.is_owed


def test_a_pong_answers_all_pings_before_it() -> None:
    path = connected()
    for now_s in (9.0, 9.1, 9.2):
        path._ping(now_s)
    assert path.ponged(3, now_s=9.3) == pytest.approx(0.2)
    assert path.silence.is_owed, "one is still to come"
    assert path.ponged(2, now_s=9.35) is None
    assert path.ponged(4, now_s=9.4) == pytest.approx(0.2)
    assert not path.silence.is_owed


def test_only_so_many_pings_are_remembered() -> None:
    path = connected()
    for number in range(PINGS_MAX + 5):
        path._ping(9.0 + number / 100)
    assert len(path.signs.sent) == PINGS_MAX
    assert path.ponged(2, now_s=10.0) == pytest.approx(1.0)
    assert path.ponged(2 + PINGS_MAX, now_s=10.0) is None


def test_what_crossed_a_silence_was_no_round_trip() -> None:
    path = doubted()
    noticed_s, rtt_s = path._noticed_s, path.estimate.rtt_s
    path.measured(2.0, now_s=noticed_s + 1.0, is_loaded=False)
    path.measured(1.0, now_s=noticed_s + 1.0, is_loaded=False)
    assert path.estimate.rtt_s == rtt_s
    path.measured(0.9, now_s=noticed_s + 1.0, is_loaded=True)
    assert path.estimate.rtt_s > rtt_s
    assert path.estimate.loaded_rtt_s == 0.9
    assert path.recovery.rtt_s == path.estimate.rtt_s


def test_a_pong_while_bytes_are_under_way_measures_the_queue() -> None:
    path = connected()
    path._ping(9.0)
    path.expects(outstanding=True, flying_bytes=1, now_s=9.0)
    path.ponged(2, now_s=9.2)
    assert path.estimate.loaded_rtt_s == pytest.approx(0.2)


def test_a_probe_that_waits_for_long_is_counted_as_often_as_the_kernel_sends_it() -> None:
    path = asking()
    spent = path.recovery.budget.spent
    path.attempts.under_way[1].answer_s = ANSWER_S_LONGEST
    path.recovery._next = None
    woken(path, until_s=ANSWER_S_LONGEST)
    assert path.recovery.budget.spent == spent + len(UNKNOWN.counted_s)
