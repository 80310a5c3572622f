"""Proves what a machine sees of its ways out, and which road is behind each."""

import random

from answerback.lab.simulation.ways import CELLULAR, WIFI, Ways
from answerback.lab.simulation.wires import Road
from answerback.model.paths import ANY_PATH


def ways(*names: str) -> Ways:
    return Ways({name: Road(random.Random(1)) for name in names})


def test_a_machine_with_one_way_sees_one_without_a_name() -> None:
    one = ways(ANY_PATH)
    assert [path.name for path in one.seen()] == [ANY_PATH]
    assert one.road(ANY_PATH) is one.first
    assert one.road(WIFI) is None
    assert not one.are_several


def test_without_a_name_the_system_chooses_the_first_that_is_there() -> None:
    two = ways(WIFI, CELLULAR)
    assert two.road(ANY_PATH) is two.roads[WIFI]
    two.go(WIFI)
    assert two.road(ANY_PATH) is two.roads[CELLULAR]
    assert two.road(WIFI) is None
    assert [path.name for path in two.seen()] == [CELLULAR]
    two.go(CELLULAR)
    assert (two.road(ANY_PATH), two.seen()) == (None, ())


def test_one_that_came_back_is_known_to_have_been_away() -> None:
    two = ways(WIFI, CELLULAR)
    before = two.seen()
    two.go(WIFI)
    two.come(WIFI)
    after = two.seen()
    assert [path.name for path in after] == [path.name for path in before]
    assert after[0].arrivals == before[0].arrivals + 1
    assert (after[0].network, after[1]) == (before[0].network, before[1])


def test_one_that_moved_has_another_network_address_and_origin_of_datagrams() -> None:
    two = ways(WIFI, CELLULAR)
    (before, other), origin = two.seen(), two.address(WIFI)
    two.move(WIFI)
    after, same = two.seen()
    assert after.network != before.network
    assert after.addresses != before.addresses
    assert two.address(WIFI) != origin
    assert same == other


def test_what_costs_money_is_seen_and_all_of_it_heals() -> None:
    two = ways(WIFI, CELLULAR)
    two.metered.add(CELLULAR)
    assert [path.is_metered for path in two.seen()] == [False, True]
    two.go(CELLULAR)
    two.roads[WIFI].is_cut, two.roads[WIFI].spike_s = True, 3.0
    two.roads[WIFI].obstruct(up=True)
    two.heal()
    assert len(two.seen()) == 2
    road = two.roads[WIFI]
    assert (road.is_cut, road.spike_s, road.up_held, road.down_held) == (False, 0.0, False, False)
    assert two.name_of(road) == WIFI
    assert list(two.wires()) == []
