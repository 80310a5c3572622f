"""A path learns what its network bears, whether a forgotten connection is answered by silence or by its end."""

import pytest

from answerback.core.effects import Probe
from answerback.core.network.keepalive import Bounds
from answerback.core.network.path import Path
from answerback.core.network.signs import AT_ONCE_S
from answerback.model.causes import Cause
from tests.core.network.path_drive import DRAW, RTT_S, connected, woken


def trying() -> tuple[Path, float, float]:
    """A path that has just spoken after a quiet longer than is known to be borne; when, and how long it was."""
    path = connected()
    path.keepalive.bounds = Bounds(25.0, 1800.0)
    before_s = 0.25
    path.heard(is_progress=False, now_s=before_s, draw=DRAW)
    ((at_s, _),) = woken(path, until_s=before_s + 60.0)[:1]
    return path, at_s, at_s - before_s


def come_back(path: Path, *, not_before_s: float) -> None:
    """Connect anew, by the first probe that is answered."""
    line, at_s = 0, 0.0
    for when_s, effect in woken(path, until_s=not_before_s + 2.0):
        if isinstance(effect, Probe):
            line, at_s = effect.line, when_s
            if at_s >= not_before_s:
                break
    path.answered(line, now_s=at_s + RTT_S, draw=DRAW)
    path.welcomed(line, now_s=at_s + 4 * RTT_S)


def test_a_forgotten_connection_that_is_ended_teaches_as_one_that_is_silent() -> None:
    path, at_s, quiet_s = trying()
    path.lost(Cause.NETWORK_CONNECTION_LOST, now_s=at_s + RTT_S, draw=DRAW)
    come_back(path, not_before_s=at_s + RTT_S)
    (known,) = path.keepalive.snapshot()
    assert known.broken_s == pytest.approx(quiet_s, abs=0.1)
    assert path.keepalive.interval_s(owed=False, now_s=at_s + 1.0) < quiet_s


def test_a_connection_that_ends_with_its_network_teaches_nothing_about_quiet() -> None:
    path, at_s, _ = trying()
    path.lost(Cause.NETWORK_CONNECTION_LOST, now_s=at_s + RTT_S, draw=DRAW)
    come_back(path, not_before_s=at_s + AT_ONCE_S + 10.0)
    assert [known.deaths for known in path.keepalive.snapshot()] == [0]


def test_a_connection_that_ends_in_the_midst_of_talk_teaches_nothing_about_quiet() -> None:
    path, at_s, _ = trying()
    path.heard(is_progress=True, now_s=at_s + RTT_S, draw=DRAW)
    path.ponged(2, now_s=at_s + RTT_S)
    path.lost(Cause.NETWORK_CONNECTION_LOST, now_s=at_s + 1.0, draw=DRAW)
    come_back(path, not_before_s=at_s + 1.0)
    assert [known.deaths for known in path.keepalive.snapshot()] == [0]
