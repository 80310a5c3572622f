"""One path driven by hand: connected, doubted, and woken by its own clock."""

from answerback.core.effects import Effect, Probe, Reason, Transmit
from answerback.core.network.path import Path
from answerback.core.network.silence import SILENCE_S_MIN
from answerback.wire.frames import Ping

DRAW = 0.5
RTT_S = 0.05


def ping(echo: int, line: int = 1) -> Effect:
    """This ping on a connection."""
    return Transmit(Ping(echo), line)


def probe(line: int, reason: Reason = Reason.CONNECT_CADENCE) -> Effect:
    """A probe of the only path."""
    return Probe(line, "", reason)


def asking(now_s: float = 0.0) -> Path:
    """A path that has begun; line 1 asks."""
    path = Path()
    path.start(now_s=now_s)
    assert path.wake(now_s=now_s, draw=DRAW) == [probe(1, Reason.CONNECT_FIRST)]
    return path


def connected() -> Path:
    """A path that was welcomed on line 1 after 200 ms, and whose first ping was answered 50 ms later."""
    path = asking()
    path.answered(1, now_s=RTT_S, draw=DRAW)
    path.welcomed(1, now_s=0.2)
    path.wake(now_s=0.2, draw=DRAW)
    path.heard(is_progress=True, now_s=0.25, draw=DRAW)
    path.ponged(1, now_s=0.25)
    return path


def doubted(*, owed_s: float = 10.0) -> Path:
    """A connection on which something was owed and nothing came; line 2 asks beside it since it was doubted."""
    path = connected()
    path.expects(outstanding=True, flying_bytes=0, now_s=owed_s)
    assert path.wake(now_s=owed_s + SILENCE_S_MIN, draw=DRAW) == [ping(2), probe(2)]
    return path


def woken(path: Path, *, until_s: float) -> list[tuple[float, Effect]]:
    """All it does by the clock alone, and when."""
    done: list[tuple[float, Effect]] = []
    while (wake := path.wake_at) is not None and wake.at_s <= until_s:
        done += [(wake.at_s, effect) for effect in path.wake(now_s=wake.at_s, draw=DRAW)]
        following = path.wake_at
        assert following is None or following.at_s > wake.at_s, "it would never sleep again"
    return done


def times_s(done: list[tuple[float, Effect]], kind: type[Effect]) -> list[float]:
    """When effects of this kind were asked for."""
    return [at_s for at_s, effect in done if isinstance(effect, kind)]
