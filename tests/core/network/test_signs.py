"""Proves what a ping and its answer show: a round trip, and how much quiet a connection has borne."""

from answerback.core.network.signs import AT_ONCE_S, KEEPALIVE_S, PINGS_MAX, Signs
from answerback.core.waking import Reason, Wake

HOME = b"home    "


def begun(now_s: float = 0.0) -> Signs:
    signs = Signs()
    signs.begin(HOME, noticed_s=float("-inf"), now_s=now_s)
    return signs


def quiet(signs: Signs, now_s: float) -> int:
    """Send a ping after a quiet."""
    assert signs.try_quiet(now_s=now_s)
    return signs.send(now_s=now_s)


def test_a_new_connection_is_measured_first_and_that_is_no_trial() -> None:
    signs = begun()
    assert signs.due(heard_s=0.5, now_s=0.5) == Wake(0.5, Reason.KEEPALIVE)
    assert not signs.try_quiet(now_s=0.5)
    assert signs.send(now_s=0.5) == 1
    assert not signs.is_tried
    assert signs.came(1, now_s=0.6) == 0.5
    assert signs.due(heard_s=0.6, now_s=0.6) == Wake(0.5 + KEEPALIVE_S, Reason.KEEPALIVE)


def test_what_comes_while_something_is_owed_is_a_sign_and_no_measure_of_quiet() -> None:
    signs = begun()
    signs.send(now_s=0.0)
    signs.came(1, now_s=0.1)
    borne_s = signs.keepalive.snapshot()[-1].borne_s
    signs.heard(is_owed=True, now_s=20.0)
    assert signs.due(heard_s=20.0, now_s=20.0).at_s == 20.0 + KEEPALIVE_S
    assert signs.keepalive.snapshot()[-1].borne_s == borne_s


def test_an_answer_after_a_quiet_ends_the_trial_and_those_before_it_are_forgotten() -> None:
    signs = begun()
    first = signs.send(now_s=0.0)
    second = quiet(signs, 25.0)
    assert signs.is_tried
    assert signs.came(second, now_s=25.1) == 25.0
    assert (signs.is_tried, signs.sent) == (False, {})
    assert signs.came(first, now_s=25.2) is None


def test_only_a_new_connection_that_stands_at_once_says_that_a_quiet_was_not_borne() -> None:
    for late_s, deaths in ((AT_ONCE_S, 1), (AT_ONCE_S + 0.1, 0)):
        signs = begun()
        signs.send(now_s=0.0)
        signs.came(1, now_s=0.1)
        quiet(signs, 30.0)
        signs.end()
        signs.begin(HOME, noticed_s=31.0, now_s=31.0 + late_s)
        assert signs.keepalive.snapshot()[-1].deaths == deaths
        assert not signs.is_tried


def test_a_connection_that_was_given_up_for_other_reasons_shows_nothing() -> None:
    signs = begun()
    signs.send(now_s=0.0)
    signs.came(1, now_s=0.1)
    quiet(signs, 30.0)
    signs.forget()
    signs.begin(HOME, noticed_s=31.0, now_s=31.0)
    assert signs.keepalive.snapshot()[-1].deaths == 0


def test_only_so_many_are_remembered() -> None:
    signs = begun()
    for number in range(PINGS_MAX + 5):
        signs.send(now_s=float(number))
    assert len(signs.sent) == PINGS_MAX
    assert signs.came(1, now_s=100.0) == 0.0
