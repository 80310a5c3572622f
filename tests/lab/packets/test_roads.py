"""What is played on a path begins and ends with the run, and nothing of what came before is counted."""

import os
from collections.abc import Iterator

import pytest

from answerback.lab.links import generate_link
from answerback.lab.packets.addresses import RELAY, RELAY_PORT, inside_of, outside_of, packed
from answerback.lab.packets.datagrams import TCP, flow_of
from answerback.lab.packets.fading import Share
from answerback.lab.packets.namespaces import make_namespace, open_tun
from answerback.lab.packets.netlink import Netlink
from answerback.lab.packets.roads import Road, Traffic
from answerback.lab.packets.scenarios import Allow, Befall, Forget, Move, Rebind, Switch
from tests.lab.packets.bytes_of_packets import packet_of

PACKET = packet_of((inside_of(0), 40_000), (packed(RELAY), RELAY_PORT))
GOOD = generate_link("good")


@pytest.fixture
def road(namespaces: None) -> Iterator[Road]:
    namespace = make_namespace()
    tun = open_tun(namespace, "path0")
    made = Road(0, tun=tun.number, index=tun.index, netlink=Netlink(namespace.control), now_s=100.0)
    made.connect()
    yield made
    os.close(tun.number)
    namespace.close()


def begin(road: Road, *, now_s: float = 105.0, shares: tuple[Share, ...] = (Share(0.0, 1.0),)) -> None:
    road.begin(GOOD, shares=shares, seed=1, queue_bytes_max=3000, drops_gaps=False, from_s=50.0, now_s=now_s)


def test_before_a_run_a_link_is_as_good_as_none(road: Road) -> None:
    road.up.offer(PACKET, now_s=100.5)
    at_s = road.up.next_at_s()
    assert at_s is not None
    assert at_s == pytest.approx(100.5, abs=0.001)


def test_a_run_begins_anew_with_its_own_link_delay_and_queue(road: Road) -> None:
    road.up.offer(PACKET, now_s=100.5)
    road.border.outward(b"\x60" + bytes(40), at_s=100.5)
    begin(road)
    assert road.up.bottleneck.tally.offered == 0
    assert road.drops() == {}
    road.up.offer(PACKET, now_s=106.0)
    assert road.up.next_at_s() == pytest.approx(106.0 + GOOD.delay_s, abs=0.001)
    for _ in range(200):
        road.up.offer(PACKET + bytes(1400), now_s=106.0)
    assert road.drops()["queue full"] > 100


def test_weather_befalls_one_way_and_passes(road: Road) -> None:
    begin(road)
    road.do(Befall((("hole", True),), ways=("down",)), now_s=106.0)
    assert (road.up.bottleneck.weather.hole, road.down.bottleneck.weather.hole) == (False, True)
    road.do(Befall(), now_s=107.0)
    assert not road.down.bottleneck.weather.hole
    assert road.down.bottleneck.weather == road.down.own


def test_shares_count_from_the_beginning_of_the_run(road: Road) -> None:
    begin(road, shares=(Share(0.0, 1.0), Share(1.0, 0.001)))
    road.up.offer(PACKET, now_s=105.5)
    assert road.up.bottleneck.busy_until_s == pytest.approx(50.5, abs=0.001)
    for _ in range(2):
        road.up.offer(PACKET + bytes(1400), now_s=106.5)
    assert road.up.bottleneck.busy_until_s == pytest.approx(51.5 + 2 * 8 * len(PACKET + bytes(1400)) / 1e5, abs=0.01)


def test_the_operator_does_as_told(road: Road) -> None:
    flow = flow_of(PACKET)
    assert flow is not None
    road.do(Allow(blocks_relay=True), now_s=100.0)
    assert road.border.outward(PACKET, at_s=100.0) is None
    road.do(Allow(), now_s=100.0)
    before = road.border.outward(PACKET, at_s=100.0)
    road.do(Rebind(), now_s=100.0)
    after = road.border.outward(PACKET, at_s=100.0)
    assert before is not None
    assert after is not None
    assert before != after
    road.do(Rebind(moved=True), now_s=100.0)
    assert road.border.translation.outside != outside_of(0)
    road.do(Forget(0.5), now_s=100.0)
    assert road.border.translation.idle_s_max == 0.5


def test_a_device_that_moves_leaves_its_address_behind(road: Road) -> None:
    road.do(Move(), now_s=100.0)
    assert road.border.inside == inside_of(0, move=1)
    assert road.border.translation.outside == outside_of(0, move=1)
    road.do(Move(), now_s=100.0)
    assert road.border.inside == inside_of(0, move=2)


def test_an_interface_that_is_down_takes_nothing_and_that_is_counted(road: Road) -> None:
    road.write(PACKET)
    assert road.drops() == {}
    road.do(Switch(on=False), now_s=100.0)
    road.write(PACKET)
    assert road.drops() == {"interface down": 1}
    road.do(Switch(on=True), now_s=100.0)
    road.write(PACKET)
    assert road.drops() == {"interface down": 1}


def test_traffic_counts_new_connections_once() -> None:
    traffic = Traffic()
    syn = packet_of((inside_of(0), 40_000), (packed(RELAY), RELAY_PORT), protocol=TCP, content=b"")
    for at_s in (1.0, 2.0, 4.0):
        traffic.take(syn, at_s=at_s)
    traffic.take(PACKET, at_s=5.0)
    assert list(traffic.attempts_s) == [1.0]
    assert list(traffic.at_s) == [1.0, 2.0, 4.0, 5.0]
    assert list(traffic.sizes_bytes) == [len(syn)] * 3 + [len(PACKET)]
