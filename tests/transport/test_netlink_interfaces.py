"""Proves what Linux tells of its interfaces, on real ones."""

import os
import select
import socket
from typing import TYPE_CHECKING

import pytest

from answerback.lab.packets.namespaces import open_tun
from answerback.model.paths import ANY_PATH
from answerback.transport import netlink_interfaces
from answerback.transport.interfaces import SOMEWHERE, Interface, Look
from answerback.transport.netlink_interfaces import drain, open_events
from tests.transport.networks import WORLD_HARDWARE, Networks, inside

if TYPE_CHECKING:
    from pyroute2 import IPRoute

FAR = "203.0.113.9"


def look(networks: Networks, *targets: str) -> Look:
    return inside(networks.device, lambda: netlink_interfaces.look(targets))


def the(found: Look, name: str) -> Interface:
    return next(each for each in found.interfaces if each.name == name)


@pytest.fixture
def home(networks: Networks) -> Networks:
    """Wi-Fi with both families, which the system would choose, and a modem with one."""
    networks.cable("wlan0", "10.1.0.2/24", "2001:db8:1::2/64", world=("10.1.0.1/24", "2001:db8:1::1/64"), number=1)
    networks.cable("wwan0", "10.2.0.2/24", world=("10.2.0.1/24",), number=2)
    networks.route("wlan0", "10.1.0.1", metric=100)
    networks.route("wlan0", "2001:db8:1::1", metric=100)
    networks.route("wwan0", "10.2.0.1", metric=600)
    return networks


def test_a_namespace_without_a_way_out_has_no_path(networks: Networks) -> None:
    assert look(networks) == Look()
    networks.cable("wlan0", "10.1.0.2/24", world=("10.1.0.1/24",))
    assert look(networks, FAR) == Look(), "an address alone leads nowhere"


def test_where_the_relay_is_not_known_yet_whatever_works_is_worth_a_question(networks: Networks) -> None:
    networks.cable("wlan0", "10.1.0.2/24", world=("10.1.0.1/24",))  # a network of its own, with a name server perhaps
    (found,) = look(networks).interfaces
    assert found.name == ANY_PATH
    assert found.is_chosen
    networks.unplug("wlan0")
    assert look(networks) == Look()


def test_where_the_system_sees_a_way_that_its_tables_do_not_show_it_is_believed(networks: Networks) -> None:
    def configure(ip: "IPRoute") -> None:
        (loopback,) = ip.link_lookup(ifname="lo")
        ip.addr("add", index=loopback, address="10.5.0.2", prefixlen=32)
        ip.route("add", dst=f"{FAR}/32", oif=loopback, prefsrc="10.5.0.2")

    networks.ip(networks.device, configure)  # such as a way through a program on this machine
    (found,) = look(networks, FAR).interfaces
    assert found.name == ANY_PATH
    assert found.addresses == {"10.5.0.2"}


def test_each_way_out_is_a_path_with_its_families_and_addresses(home: Networks) -> None:
    found = look(home)
    wifi, modem = the(found, "wlan0"), the(found, "wwan0")
    assert (wifi.has_ipv4, wifi.has_ipv6, wifi.is_chosen) == (True, True, True)
    assert (modem.has_ipv4, modem.has_ipv6, modem.is_chosen) == (True, False, False)
    assert wifi.addresses == {"10.1.0.2", "2001:db8:1::2"}
    assert not wifi.is_tunnel
    assert len(found.interfaces) == 2


def test_a_relay_next_door_makes_its_own_network_a_path(networks: Networks) -> None:
    networks.cable("eth0", "10.1.0.2/24", world=("10.1.0.1/24",))
    (found,) = look(networks, "10.1.0.1").interfaces
    assert found.name == "eth0"
    assert found.known_by == b"prefix 10.1.0.0/24"
    assert look(networks, "10.3.0.1") == Look()
    assert look(networks, "10.1.0.2").is_here
    assert look(networks, "127.0.0.1").is_here


def test_a_cable_that_is_pulled_takes_its_path_away_and_its_return_is_counted(home: Networks) -> None:
    before = the(look(home), "wlan0").arrivals
    home.unplug("wlan0")
    (left,) = look(home).interfaces
    assert left.name == "wwan0"
    home.plug_in("wlan0")
    home.route("wlan0", "10.1.0.1", metric=101)  # what a system does when the carrier is back
    assert the(look(home), "wlan0").arrivals > before


def test_a_network_is_known_by_its_gateways_hardware_once_that_has_answered(home: Networks) -> None:
    assert the(look(home), "wlan0").known_by == b""
    with inside(home.device, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as asking:
        asking.sendto(b"?", (FAR, 9))
        until = select.poll()
        while not the(look(home), "wlan0").known_by:
            until.poll(10)
    assert the(look(home), "wlan0").known_by == b"gateway " + WORLD_HARDWARE.format(1).encode()


def test_a_tunnel_is_told_and_known_by_its_own_name(home: Networks) -> None:
    tun = open_tun(home.device, "tun0")

    def configure(ip: "IPRoute") -> None:
        ip.addr("add", index=tun.index, address="10.9.0.2", prefixlen=24)
        ip.link("set", index=tun.index, state="up")

    home.ip(home.device, configure)
    home.route("tun0", metric=1)
    tunnel = the(look(home), "tun0")
    assert (tunnel.is_tunnel, tunnel.is_chosen, tunnel.known_by) == (True, True, b"line tun0")
    tun.set_carrier(on=False)
    assert "tun0" not in {each.name for each in look(home).interfaces}
    os.close(tun.number)


def test_several_gateways_of_one_route_are_several_paths(home: Networks) -> None:
    def make(ip: "IPRoute") -> None:
        hops = [
            {"oif": ip.link_lookup(ifname=name)[0], "gateway": gateway}
            for name, gateway in (("wlan0", "10.1.0.1"), ("wwan0", "10.2.0.1"))
        ]
        ip.route("add", dst=f"{FAR}/32", multipath=hops)

    home.ip(home.device, make)
    assert {each.name for each in look(home, FAR).interfaces} == {"wlan0", "wwan0"}


def test_every_change_is_heard(networks: Networks) -> None:
    with inside(networks.device, open_events) as events:

        def heard() -> bool:
            is_so = bool(select.select([events], [], [], 5)[0])
            drain(events)
            return is_so

        networks.cable("wlan0", "10.1.0.2/24", world=("10.1.0.1/24",))
        assert heard()
        networks.route("wlan0", "10.1.0.1")
        assert heard()
        networks.address("wlan0", "add", "10.1.0.3/24")
        assert heard()
        networks.address("wlan0", "del", "10.1.0.3/24")
        assert heard()
        networks.unplug("wlan0")
        assert heard()
        assert not select.select([events], [], [], 0)[0]


def test_more_news_than_fits_is_news(networks: Networks) -> None:
    with inside(networks.device, open_events) as events:
        events.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        networks.cable("wlan0", "10.1.0.2/24", world=("10.1.0.1/24",))
        for number in range(50):
            networks.address("wlan0", "add", f"10.7.{number}.2/24")
        drain(events)
        assert not select.select([events], [], [], 0)[0]


def test_somewhere_is_an_address_in_either_family() -> None:
    assert [":" in each for each in SOMEWHERE] == [False, True]
