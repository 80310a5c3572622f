"""Proves that packets cross as the link lets them, and what becomes of those that come in a gap."""

from random import Random

import pytest

from answerback.lab.links import Link
from answerback.lab.policies.path import Gap, Path, Way, outage_with, outages_of
from answerback.lab.schedule import Outage, Piece, Rates


def link(*pieces: Piece, down: tuple[Piece, ...] = (), loss: float = 0.0) -> Link:
    """A link with 20 ms each way."""
    return Link("planted", "planted", Rates(pieces), Rates(down or pieces), delay_s=0.02, loss=loss)


GAP = link(Piece(10.0, 1e6), Piece(5.0, 0.0), Piece(85.0, 1e6))


def path(of: Link, gap: Gap, hole: Outage | None = None) -> Path:
    """A path over it."""
    return Path(of, gap=gap, hole=hole, random=Random(1))


def test_a_packet_takes_the_delay_and_its_share_of_the_rate() -> None:
    crossing = path(GAP, Gap.DROPPED)
    assert crossing.arrives_s(Way.UP, 1250, now_s=1.0) == pytest.approx(1.0 + 0.01 + 0.02)
    assert crossing.arrives_s(Way.UP, 1250, now_s=1.0) == pytest.approx(1.0 + 0.02 + 0.02)
    assert crossing.arrives_s(Way.DOWN, 1250, now_s=1.0) == pytest.approx(1.0 + 0.01 + 0.02)


def test_in_a_gap_packets_are_lost_or_held_as_asked() -> None:
    assert path(GAP, Gap.DROPPED).arrives_s(Way.UP, 100, now_s=12.0) is None
    held = path(GAP, Gap.HELD).arrives_s(Way.UP, 100, now_s=12.0)
    assert held == pytest.approx(15.02, abs=0.001)


def test_a_packet_that_would_have_to_wait_through_a_gap_is_lost_as_well() -> None:
    crossing = path(GAP, Gap.DROPPED)
    for _ in range(50):
        crossing.arrives_s(Way.UP, 1250, now_s=9.9)
    assert crossing.arrives_s(Way.UP, 1250, now_s=9.95) is None


def test_a_modem_holds_only_so_much() -> None:
    crossing = path(GAP, Gap.HELD)
    crossed = [crossing.arrives_s(Way.UP, 1400, now_s=11.0) for _ in range(100)]
    assert None in crossed
    assert crossed.index(None) == 64 * 1024 // 1400


def test_a_black_hole_swallows_everything_and_ends() -> None:
    crossing = path(GAP, Gap.HELD, Outage(2.0, 4.0))
    assert crossing.arrives_s(Way.DOWN, 100, now_s=3.0) is None
    assert crossing.arrives_s(Way.DOWN, 100, now_s=4.0) is not None


def test_packets_are_lost_by_chance_where_the_link_loses_them() -> None:
    crossing = path(link(Piece(100.0, 1e8), loss=0.3), Gap.DROPPED)
    lost = sum(crossing.arrives_s(Way.UP, 10, now_s=number * 0.01) is None for number in range(1_000))
    assert 230 < lost < 370


def test_outages_of_both_directions_are_one_and_short_signs_of_life_do_not_end_them() -> None:
    up = (Piece(10.0, 1e6), Piece(5.0, 0.0), Piece(0.5, 1e6), Piece(4.5, 0.0), Piece(80.0, 1e6))
    down = (Piece(13.0, 1e6), Piece(4.0, 0.0), Piece(33.0, 1e6), Piece(2.0, 0.0), Piece(48.0, 1e6))
    assert outages_of(link(*up, down=down), until_s=100.0) == [Outage(10.0, 20.0), Outage(50.0, 52.0)]


def test_a_hole_that_ends_in_a_gap_ends_with_the_gap() -> None:
    gaps = [Outage(10.0, 15.0), Outage(15.5, 18.0), Outage(50.0, 52.0)]
    assert outage_with(Outage(8.0, 12.0), gaps) == Outage(8.0, 18.0)
    assert outage_with(Outage(51.0, 60.0), gaps) == Outage(50.0, 60.0)
    assert outage_with(Outage(30.0, 40.0), gaps) == Outage(30.0, 40.0)
