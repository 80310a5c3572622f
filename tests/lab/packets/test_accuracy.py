"""The emulator's own figures are right where the truth is known."""

import pytest

from answerback.lab.packets.accuracy import WayMeter, accuracy_of
from answerback.lab.packets.bottleneck import Bottleneck
from answerback.lab.packets.weather import Weather
from answerback.lab.schedule import Piece, Rates

MBIT = Rates((Piece(1.0, 1_000_000.0),))


def play(*, late_s: float = 0.0, loss: float = 0.0, until_s: float = 3.5, share: float = 1.0) -> WayMeter:
    """Keep a link busy from 0.5 s on, and hand over each packet as late as is asked for."""
    meter = WayMeter(MBIT)
    bottleneck: Bottleneck[int] = Bottleneck(
        MBIT, Weather(loss=loss, queue_bytes_max=10**9), seed=1, way="up", tell_loss=meter.lost
    )
    for number in range(int((until_s - 0.5) * 100 * share)):  # a packet takes 10 ms
        bottleneck.offer(number, size_bytes=1250, at_s=0.5)
        meter.offered(0.5, busy_until_s=bottleneck.busy_until_s)
    for arrival in bottleneck.due(100.0):
        meter.written(
            left_s=arrival.left_s,
            lands_s=arrival.lands_s,
            now_s=arrival.lands_s + late_s,
            size_bytes=arrival.size_bytes,
        )
    return meter


def test_a_true_emulator_is_never_late_and_carries_the_recordings_rate() -> None:
    found = accuracy_of([play()], until_s=3.5, pause_s_max=0.0)
    assert (found.packets, found.late_ms_max, found.busy_s) == (300, 0.0, 2.0)
    assert found.rate_ratio == pytest.approx(1.0, abs=0.01)


def test_lateness_is_told_as_it_is() -> None:
    found = accuracy_of([play(late_s=0.004)], until_s=3.5, pause_s_max=0.2)
    assert (found.late_ms_p50, found.late_ms_p99, found.late_ms_max) == pytest.approx((4.0, 4.0, 4.0))
    assert found.pause_ms_max == 200.0


def test_packets_that_were_lost_behind_the_link_still_took_its_time() -> None:
    found = accuracy_of([play(loss=0.3)], until_s=3.5, pause_s_max=0.0)
    assert found.packets < 250
    assert found.rate_ratio == pytest.approx(1.0, abs=0.01)


def test_a_rate_that_is_not_kept_shows() -> None:
    meter = play()
    meter._landed_bytes[1] //= 2
    found = accuracy_of([meter], until_s=3.5, pause_s_max=0.0)
    assert found.rate_ratio == pytest.approx(0.75, abs=0.01)


def test_seconds_in_which_the_link_was_idle_say_nothing_of_its_rate() -> None:
    found = accuracy_of([play(share=0.3)], until_s=3.5, pause_s_max=0.0)
    assert (found.busy_s, found.rate_ratio) == (0.0, None)
    idle = WayMeter(MBIT)
    assert accuracy_of([idle], until_s=3.5, pause_s_max=0.0).busy_s == 0.0


def test_a_gap_between_packets_makes_its_seconds_idle() -> None:
    meter = play(until_s=5.5)
    meter.offered(7.2, busy_until_s=9.5)
    busy = [window for window, _ in enumerate(range(10)) if window not in meter._idle]
    list(meter.busy_windows(9.9))
    assert {0, 5, 6, 7, 9} <= meter._idle
    assert 2 in busy
