"""Each generated link is what its description says, for any seed."""

from collections.abc import Callable
from random import Random

import pytest

from answerback.lab import places
from answerback.lab.places import PERIOD_S, Place

SEEDS = (1, 2, 3)


def rates_bps(place: Place) -> list[float]:
    return [piece.rate_bps for way in (place.up, place.down) for piece in way.pieces if piece.rate_bps]


def outages_s(place: Place) -> list[float]:
    return [outage.end_s - outage.start_s for outage in place.down.outages.stretches]


@pytest.mark.parametrize("make", [places.good, places.tunnel, places.train, places.lift, places.crowd])
def test_one_seed_makes_one_link_that_lasts_its_period(make: Callable[[Random], Place]) -> None:
    assert make(Random(7)) == make(Random(7))
    place = make(Random(7))
    assert place.up.outages.period_s == place.down.outages.period_s >= PERIOD_S
    assert place.up.outages == place.down.outages


@pytest.mark.parametrize("seed", SEEDS)
def test_a_tunnel_takes_everything_for_seconds_and_sometimes_the_connection(seed: int) -> None:
    place = places.tunnel(Random(seed))
    assert all(3.0 <= length_s <= 12.001 for length_s in outages_s(place))
    assert 0 < len(place.resets_s) < len(outages_s(place))
    ends_s = {round(outage.end_s, 6) for outage in place.down.outages.stretches}
    assert {round(reset_s, 6) for reset_s in place.resets_s} <= ends_s
    first = place.down.outages.stretches[0]
    fading_bps = [place.down.rate_bps(first.start_s - before_s) for before_s in (2.0, 1.25, 0.75, 0.25)]
    assert fading_bps == sorted(fading_bps, reverse=True)
    assert fading_bps[-1] < 0.07 * fading_bps[0]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_train_swings_has_gaps_spikes_and_loss(seed: int) -> None:
    place = places.train(Random(seed))
    assert 0.1e6 <= min(rates_bps(place)) < 0.2e6
    assert 6e6 < max(rates_bps(place)) <= 8e6
    assert len(outages_s(place)) > 100
    assert min(outages_s(place)) >= 1.0
    assert max(place.wobble_s) > 0.5
    assert place.loss > 0


@pytest.mark.parametrize("seed", SEEDS)
def test_a_lift_is_good_but_for_its_rides(seed: int) -> None:
    place = places.lift(Random(seed))
    assert set(rates_bps(place)) == {20e6}
    assert all(4.999 <= length_s <= 25.001 for length_s in outages_s(place))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_crowd_is_slow_and_late_but_never_gone(seed: int) -> None:
    place = places.crowd(Random(seed))
    assert outages_s(place) == []
    assert 30e3 <= min(rates_bps(place)) < max(rates_bps(place)) <= 200.001e3
    assert place.delay_s + max(place.wobble_s) <= 1.5
    assert place.loss > 0
