"""A faded schedule carries its share, and tells the same story forwards and backwards."""

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerback.lab.packets.fading import Faded, Share
from answerback.lab.recordings import Recording
from answerback.lab.schedule import Gate, Piece, Rates

MBIT = Rates((Piece(1.0, 1_000_000.0),))
SHARES = (Share(0.0, 1.0), Share(2.0, 0.5), Share(3.0, 0.0), Share(5.0, 1.0))


def test_a_share_of_the_rate_is_carried_and_nothing_while_there_is_none() -> None:
    faded = Faded(MBIT, SHARES)
    assert [faded.capacity_bytes(at_s) for at_s in (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)] == pytest.approx(
        [125_000, 250_000, 312_500, 312_500, 312_500, 437_500]
    )
    assert [faded.rate_bps(at_s) for at_s in (1.0, 2.5, 4.0, 9.0)] == [1e6, 5e5, 0.0, 1e6]
    assert faded.outages is MBIT.outages


@given(st.floats(1.0, 1e6))
def test_what_is_reached_by_a_moment_could_have_crossed_before_it_and_not_much_earlier(capacity_bytes: float) -> None:
    faded = Faded(MBIT, SHARES)
    at_s = faded.reach_s(capacity_bytes)
    assert faded.capacity_bytes(at_s) == pytest.approx(capacity_bytes, abs=0.1)
    assert faded.capacity_bytes(at_s - 0.01) < capacity_bytes


def test_a_packet_that_does_not_fit_before_the_silence_leaves_after_it() -> None:
    gate = Gate(Faded(MBIT, SHARES))
    assert gate.cross(1250, now_s=2.99) == pytest.approx(5.005)
    assert gate.cross(1250, now_s=2.99) == pytest.approx(5.015)


def test_a_faded_recording_uses_only_moments_of_the_recording() -> None:
    recording = Recording(array("Q", range(10, 1001, 10)))
    faded = Faded(recording, (Share(0.0, 1.0), Share(0.5, 0.5)))
    left = [Gate(faded).cross(1500, now_s=at_s) for at_s in (0.0, 0.011, 0.6)]
    assert left[:2] == pytest.approx([0.01, 0.02])
    gate = Gate(faded)
    crossed = [gate.cross(1500, now_s=0.0) for _ in range(60)]
    assert crossed[49] == pytest.approx(0.5, abs=0.011)
    assert crossed[59] == pytest.approx(0.7, abs=0.021)
    assert all(round(at_s * 100, 6) == round(at_s * 100) for at_s in crossed)


def test_nothing_crosses_in_no_time() -> None:
    assert Faded(MBIT, SHARES).reach_s(0.0) == 0.0


@pytest.mark.parametrize("shares", [(), (Share(1.0, 1.0),), (Share(0.0, 1.0), Share(1.0, 0.0))])
def test_a_share_holds_from_the_beginning_and_something_is_left_in_the_end(shares: tuple[Share, ...]) -> None:
    with pytest.raises(AssertionError):
        Faded(MBIT, shares)
