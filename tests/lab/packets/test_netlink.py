"""Interfaces, addresses and routes are set as asked, and a refusal is told in words."""

import os
import socket
import threading
from collections.abc import Iterator

import pytest

from answerback.lab.packets.addresses import packed
from answerback.lab.packets.namespaces import Namespace, Tun, enter, make_namespace, open_tun
from answerback.lab.packets.netlink import Netlink
from answerback.lab.packets.troubles import LabBroken

HERE, THERE, OTHER = "10.70.0.2", ("10.72.0.1", 9), "10.70.0.9"


@pytest.fixture
def place(namespaces: None) -> Iterator[tuple[Namespace, Tun, Netlink]]:
    namespace = make_namespace()
    tun = open_tun(namespace, "path0")
    yield namespace, tun, Netlink(namespace.control)
    os.close(tun.number)
    namespace.close()


def source_towards(held: int) -> str | None:
    """The address the system would speak from; None if it knows no way."""
    found: list[str | None] = []

    def look() -> None:
        enter(held)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            try:
                asking.connect(THERE)
                found.append(asking.getsockname()[0])
            except OSError:
                found.append(None)

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    return found[0]


def test_a_way_out_needs_a_link_an_address_and_a_route(place: tuple[Namespace, Tun, Netlink]) -> None:
    namespace, tun, netlink = place
    netlink.set_link(tun.index, up=True)
    netlink.add_address(tun.index, packed(HERE))
    assert source_towards(namespace.held) is None
    netlink.add_route(tun.index, source=packed(HERE))
    assert source_towards(namespace.held) == HERE
    netlink.set_link(tun.index, up=False)
    assert source_towards(namespace.held) is None
    netlink.set_link(tun.index, up=True)
    assert source_towards(namespace.held) is None, "routes went with the link"
    netlink.add_route(tun.index, source=packed(HERE))
    assert source_towards(namespace.held) == HERE


def test_an_address_that_is_taken_away_takes_its_routes_along(place: tuple[Namespace, Tun, Netlink]) -> None:
    namespace, tun, netlink = place
    netlink.set_link(tun.index, up=True)
    netlink.add_address(tun.index, packed(HERE))
    netlink.add_route(tun.index, source=packed(HERE))
    netlink.remove_address(tun.index, packed(HERE))
    assert source_towards(namespace.held) is None
    netlink.add_address(tun.index, packed(OTHER))
    netlink.add_route(tun.index, source=packed(OTHER), target=packed("10.72.0.0"), target_bits=16)
    assert source_towards(namespace.held) == OTHER


def test_rules_come_and_go(place: tuple[Namespace, Tun, Netlink]) -> None:
    _, _, netlink = place
    netlink.add_rule(source=packed(HERE), table=100)
    netlink.remove_rule(source=packed(HERE), table=100)
    with pytest.raises(LabBroken, match="refused"):
        netlink.remove_rule(source=packed(HERE), table=100)


def test_asking_twice_for_the_same_does_no_harm(place: tuple[Namespace, Tun, Netlink]) -> None:
    namespace, tun, netlink = place
    for _ in range(2):
        netlink.set_link(tun.index, up=True)
        netlink.add_address(tun.index, packed(HERE))
        netlink.add_route(tun.index, source=packed(HERE), metric=100)
    assert source_towards(namespace.held) == HERE
