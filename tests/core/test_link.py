"""Proves that a connection's life is judged by what is heard, and its quality learned from what happens on it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerback.core.effects import Connect, Disconnect, LinkChanged, Reason, Tell, Transmit, Wake
from answerback.core.link import (
    ANSWER_S_MIN,
    ATTEMPT_S_MAX,
    KEEPALIVE_S,
    PATIENCE_MAX,
    RATE_FLOOR_BYTES_PER_S,
    RTO_S_MAX,
    RTO_S_MIN,
    SILENCE_RTOS,
    SILENCE_S_MIN,
    WINDOW_BYTES_MAX,
    WINDOW_BYTES_MIN,
    WINDOW_BYTES_START,
    Link,
    LinkState,
)
from answerback.model.causes import Cause
from answerback.wire.frames import Ping


def up(now_s: float = 0.0) -> Link:
    link = Link()
    link.attempt(Reason.CONNECT_FIRST, now_s=now_s)
    link.opened(now_s=now_s)
    link.welcomed(now_s=now_s)
    return link


def test_one_attempt_at_a_time() -> None:
    link = Link()
    assert link.attempt(Reason.CONNECT_FIRST, now_s=0.0) == [Connect(Reason.CONNECT_FIRST)]
    assert link.attempt(Reason.CONNECT_EVIDENCE, now_s=0.1) == []
    assert link.attempts == 1


def test_an_attempt_that_takes_too_long_is_given_up() -> None:
    link = Link()
    link.attempt(Reason.CONNECT_FIRST, now_s=0.0)
    link.opened(now_s=5.0)
    assert link.wake(now_s=5.0 + ATTEMPT_S_MAX - 0.1) == []
    assert link.wake(now_s=5.0 + ATTEMPT_S_MAX) == [Disconnect(Cause.NETWORK_RELAY_UNREACHABLE)]
    link.lost(Cause.NETWORK_RELAY_UNREACHABLE)
    assert link.wasted_attempts == 1


def test_silence_while_something_is_owed_is_asked_about_and_then_ends_the_connection() -> None:
    link = up()
    link.rtt_s, link.rtt_deviation_s = 0.1, 0.0
    link.expects(outstanding=True, flying_bytes=0, now_s=1.0)
    assert link.wake(now_s=1.0 + SILENCE_S_MIN - 0.01) == []
    (ping,) = link.wake(now_s=1.0 + SILENCE_S_MIN)
    assert isinstance(ping, Transmit)
    assert isinstance(ping.frame, Ping)
    asked_s = 1.0 + SILENCE_S_MIN
    assert link.wake(now_s=asked_s + ANSWER_S_MIN) == [Disconnect(Cause.NETWORK_STALLED)]


def test_anything_heard_proves_life() -> None:
    link = up()
    link.expects(outstanding=True, flying_bytes=0, now_s=1.0)
    link.wake(now_s=1.0 + 10.0)
    link.heard(now_s=12.0)
    assert link.wake_at is not None
    assert link.wake_at.reason is Reason.SILENCE_PROBE
    assert link.wake_at.at_s > 12.0


def test_a_quiet_connection_is_kept_alive() -> None:
    link = up()
    assert link.wake_at is not None
    assert (link.wake_at.at_s, link.wake_at.reason) == (KEEPALIVE_S, Reason.KEEPALIVE)


def test_a_loss_is_told_once_for_each_cause() -> None:
    link = up()
    lost = Tell(LinkChanged(connected=False, cause=Cause.NETWORK_STALLED))
    assert link.lost(Cause.NETWORK_STALLED) == [lost]
    assert link.lost(Cause.NETWORK_STALLED) == []
    link.attempt(Reason.CONNECT_CADENCE, now_s=1.0)
    assert link.lost(Cause.NETWORK_STALLED) == []
    link.attempt(Reason.CONNECT_CADENCE, now_s=2.0)
    assert link.lost(Cause.TLS_UNTRUSTED) == [Tell(LinkChanged(connected=False, cause=Cause.TLS_UNTRUSTED))]


def test_a_round_trip_is_learned_from_our_own_pings_only() -> None:
    link = up()
    assert link.ponged(999, now_s=1.0) is None
    assert link.ponged(1, now_s=0.2) == 0.2
    assert (link.rtt_s, link.measured) == (0.2, True)
    assert link.ponged(1, now_s=0.3) is None


def test_a_connection_given_up_for_silence_gets_more_time_the_next_time() -> None:
    link = up()
    link.wake(now_s=KEEPALIVE_S)
    assert link.wake_at is not None
    first_s = link.wake_at.at_s - KEEPALIVE_S
    assert link.wake(now_s=link.wake_at.at_s) == [Disconnect(Cause.NETWORK_STALLED)]
    link.lost(Cause.NETWORK_STALLED)
    link.attempt(Reason.CONNECT_CADENCE, now_s=100.0)
    link.opened(now_s=100.0)
    link.welcomed(now_s=100.0)
    link.wake(now_s=100.0 + KEEPALIVE_S)
    assert link.wake_at is not None
    assert link.wake_at.at_s - 100.0 - KEEPALIVE_S == 2 * first_s


def ponged(link: Link, sample_s: float, now_s: float) -> float | None:
    """Ask with a ping, and let it come back after so long."""
    (ping,) = link.wake(now_s=now_s)
    assert isinstance(ping, Transmit)
    assert isinstance(ping.frame, Ping)
    link.heard(now_s=now_s + sample_s)
    return link.ponged(ping.frame.echo, now_s=now_s + sample_s)


def test_the_round_trip_is_smoothed_as_in_rfc_6298() -> None:
    link = up()
    assert ponged(link, 0.8, KEEPALIVE_S) == pytest.approx(0.8)
    assert (link.rtt_s, link.rtt_deviation_s) == pytest.approx((0.8, 0.4))
    assert link.rto_s == pytest.approx(0.8 + 4 * 0.4)
    assert ponged(link, 0.4, 3 * KEEPALIVE_S) == pytest.approx(0.4)
    assert (link.rtt_s, link.rtt_deviation_s) == pytest.approx((0.75, 0.4))
    assert ponged(link, 2.75, 6 * KEEPALIVE_S) == pytest.approx(2.75)
    assert (link.rtt_s, link.rtt_deviation_s) == pytest.approx((1.0, 0.8))
    assert link.ponged(99, now_s=200.0) is None, "nobody asked"


def test_a_ping_counts_once_and_only_in_its_own_connection() -> None:
    link = up()
    (ping,) = link.wake(now_s=KEEPALIVE_S)
    assert isinstance(ping, Transmit)
    assert isinstance(ping.frame, Ping)
    assert link.ponged(ping.frame.echo, now_s=KEEPALIVE_S + 1.0) == 1.0
    assert link.ponged(ping.frame.echo, now_s=KEEPALIVE_S + 9.0) is None
    link.heard(now_s=KEEPALIVE_S)
    earlier = ping.frame
    (ping,) = link.wake(now_s=2 * KEEPALIVE_S)
    assert isinstance(ping, Transmit)
    assert ping.frame != earlier, "an answer that comes late is not taken for another's"
    link.lost(Cause.NETWORK_CONNECTION_LOST)
    link.attempt(Reason.CONNECT_EVIDENCE, now_s=30.0)
    link.opened(now_s=30.0)
    assert isinstance(ping, Transmit)
    assert isinstance(ping.frame, Ping)
    assert link.ponged(ping.frame.echo, now_s=31.0) is None


def test_the_window_is_half_a_second_of_the_rate_or_two_round_trips_of_it() -> None:
    link = up()
    link.confirmed(100_000, 1.0, window_full=True)
    link.rtt_s = 0.1
    assert link.window_bytes == 50_000
    link.rtt_s = 0.5
    assert link.window_bytes == 100_000


def test_the_rate_moves_a_quarter_of_the_way_with_each_sample_that_counts() -> None:
    link = up()
    link.confirmed(40_000, 1.0, window_full=False)
    assert link.rate_bytes_per_s == 40_000
    link.confirmed(80_000, 1.0, window_full=False)
    assert link.rate_bytes_per_s == 50_000
    link.confirmed(10_000, 1.0, window_full=True)
    assert link.rate_bytes_per_s == 40_000
    link.confirmed(1, 0.0, window_full=False)
    assert link.rate_bytes_per_s == 40_000, "no rate is measured with a clock that stood still"
    link.confirmed(100, 0.0, window_full=False)
    assert link.rate_bytes_per_s == 55_000


def test_that_the_connection_came_and_went_is_told_with_its_cause() -> None:
    link = Link()
    assert link.lost(Cause.NETWORK_CONNECTION_LOST) == [], "there was none"
    causes = [link.cause]
    link.attempt(Reason.CONNECT_FIRST, now_s=0.0)
    causes.append(link.cause)
    assert causes == [Cause.NETWORK_AGENT_STOPPED, Cause.NETWORK_CONNECTING]
    link.opened(now_s=0.0)
    came, first_ping = link.welcomed(now_s=1.0)
    assert came == Tell(LinkChanged(connected=True, cause=None))
    assert first_ping == Transmit(Ping(1))
    stalled = Cause.NETWORK_STALLED
    assert link.lost(stalled) == [Tell(LinkChanged(connected=False, cause=stalled))]
    unreachable = Cause.NETWORK_RELAY_UNREACHABLE
    for told in ([Tell(LinkChanged(connected=False, cause=unreachable))], [], []):
        link.attempt(Reason.CONNECT_CADENCE, now_s=9.0)
        assert link.lost(unreachable) == told, "the same cause is told once"
    assert (link.attempts, link.wasted_attempts) == (4, 3)


def test_patience_ends_with_the_first_answer() -> None:
    link = up()
    for _ in range(5):
        assert link.wake(now_s=1000.0)
        link._pinged_s = 0.0
        assert link.wake(now_s=1000.0) == [Disconnect(Cause.NETWORK_STALLED)]
        link.lost(Cause.NETWORK_STALLED)
        link.attempt(Reason.CONNECT_CADENCE, now_s=0.0)
        link.opened(now_s=0.0)
        link.welcomed(now_s=0.0)
    assert link.wake(now_s=KEEPALIVE_S)
    link.rtt_s, link.rtt_deviation_s = 0.1, 0.0
    assert link.wake_at == Wake(KEEPALIVE_S + PATIENCE_MAX * ANSWER_S_MIN, Reason.SILENCE_LIMIT)
    link.heard(now_s=KEEPALIVE_S)
    link.ponged(link._echo, now_s=KEEPALIVE_S + 0.1)
    assert link.wake(now_s=3 * KEEPALIVE_S)
    assert link.wake_at is not None
    assert link.wake_at.at_s == pytest.approx(3 * KEEPALIVE_S + ANSWER_S_MIN)


def test_an_answer_is_given_the_time_that_the_link_and_what_is_under_way_need() -> None:
    link = up()
    link.expects(outstanding=True, flying_bytes=RATE_FLOOR_BYTES_PER_S * 10, now_s=0.0)
    link.rtt_s, link.rtt_deviation_s = 0.5, 0.0
    assert link.wake_at == Wake(SILENCE_S_MIN, Reason.SILENCE_PROBE)
    assert link.wake(now_s=10.0)
    assert link.wake_at == Wake(10.0 + 20.0, Reason.SILENCE_LIMIT), "no rate is known: as on the slowest link"
    link.confirmed(RATE_FLOOR_BYTES_PER_S * 4, 1.0, window_full=True)
    assert link.wake_at == Wake(10.0 + 5.0, Reason.SILENCE_LIMIT)
    link.rtt_s = 5.0
    assert link.wake_at == Wake(10.0 + 10.0, Reason.SILENCE_LIMIT)
    link.expects(outstanding=False, flying_bytes=0, now_s=11.0)
    link.heard(now_s=12.0)
    assert link.wake_at == Wake(12.0 + KEEPALIVE_S, Reason.KEEPALIVE)
    link.expects(outstanding=True, flying_bytes=0, now_s=20.0)
    link.expects(outstanding=True, flying_bytes=0, now_s=21.0)
    assert link.wake_at == Wake(20.0 + SILENCE_RTOS * 5.0, Reason.SILENCE_PROBE)


@given(st.lists(st.floats(0.001, 60.0), max_size=50))
def test_the_expected_time_stays_within_its_limits_and_follows_steady_samples(samples: list[float]) -> None:
    link, now_s = up(), 0.0
    for sample_s in [*samples, *[0.3] * 80]:
        now_s += KEEPALIVE_S
        (ping,) = link.wake(now_s=now_s)
        assert isinstance(ping, Transmit)
        assert isinstance(ping.frame, Ping)
        link.heard(now_s=now_s)
        link.ponged(ping.frame.echo, now_s=now_s + sample_s)
        assert RTO_S_MIN <= link.rto_s <= RTO_S_MAX
        link.heard(now_s=now_s)
    assert link.rtt_s == pytest.approx(0.3, rel=0.05)


@given(st.lists(st.tuples(st.integers(1, 10**6), st.floats(0, 100)), max_size=50))
def test_the_window_stays_within_its_limits(confirmations: list[tuple[int, float]]) -> None:
    link = up()
    assert link.window_bytes == WINDOW_BYTES_START
    link.confirmed(100, 10.0, window_full=False)
    slow = link.rate_bytes_per_s
    link.confirmed(100, 100.0, window_full=False)
    assert link.rate_bytes_per_s == slow
    for byte_count, took_s in confirmations:
        link.confirmed(byte_count, took_s, window_full=True)
        assert WINDOW_BYTES_MIN <= link.window_bytes <= WINDOW_BYTES_MAX


VERBS = "attempt opened welcomed lost heard expects rests wake".split()


@given(st.lists(st.tuples(st.sampled_from(VERBS), st.floats(0.01, 30.0)), max_size=60))
def test_in_any_order_of_events_a_connection_that_is_not_down_has_a_next_look(verbs: list[tuple[str, float]]) -> None:
    link, now_s = Link(), 0.0
    for verb, passed_s in verbs:
        now_s += passed_s
        match verb:
            case "attempt":
                link.attempt(Reason.CONNECT_CADENCE, now_s=now_s)
            case "opened" if link.state is LinkState.TRYING:
                link.opened(now_s=now_s)
            case "welcomed" if link.state is LinkState.GREETING:
                link.welcomed(now_s=now_s)
            case "lost":
                link.lost(Cause.NETWORK_CONNECTION_LOST)
            case "heard":
                link.heard(now_s=now_s)
            case "expects" | "rests":
                link.expects(outstanding=verb == "expects", flying_bytes=0, now_s=now_s)
            case "wake":
                link.wake(now_s=now_s)
        assert (link.wake_at is None) == (link.state is LinkState.DOWN)
        assert (link.cause is None) == link.up
