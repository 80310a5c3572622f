"""Proves that interfaces are found with nothing but sockets, and that one path is told where they cannot be."""

import errno
import socket

import pytest

from answerback.model.paths import ANY_PATH
from answerback.transport import binding, plain_interfaces
from answerback.transport.interfaces import Look, paths_of
from tests.transport.networks import Networks, inside


@pytest.fixture
def home(networks: Networks) -> Networks:
    networks.cable("wlan0", "10.1.0.2/24", "2001:db8:1::2/64", world=("10.1.0.1/24", "2001:db8:1::1/64"), number=1)
    networks.cable("wwan0", "10.2.0.2/24", world=("10.2.0.1/24",), number=2)
    networks.route("wlan0", "10.1.0.1", metric=100)
    networks.route("wlan0", "2001:db8:1::1", metric=100)
    networks.route("wwan0", "10.2.0.1", metric=600)
    return networks


def look(networks: Networks, *targets: str, platform: str) -> Look:
    return inside(networks.device, lambda: plain_interfaces.look(targets, platform=platform))


def test_where_nobody_can_tell_paths_apart_there_is_the_one_the_system_chooses(home: Networks) -> None:
    for platform in ("linux", "plan9"):
        (path,) = paths_of(look(home, platform=platform))
        assert path.name == ANY_PATH
        assert path.addresses == {"10.1.0.2", "2001:db8:1::2"}
        assert (path.has_ipv4, path.has_ipv6) == (True, True)


def test_without_a_way_out_there_is_no_path(networks: Networks) -> None:
    for platform in ("linux", "darwin"):
        assert look(networks, "198.51.100.1", platform=platform) == Look()
        (doubtful,) = look(networks, platform=platform).interfaces
        assert doubtful.name == ANY_PATH, "who never asks where the relay is never knows"
    assert look(networks, "127.0.0.1", platform="linux").is_here


def test_another_network_has_another_name(home: Networks) -> None:
    (before,) = paths_of(look(home, platform="linux"))
    home.address("wlan0", "del", "10.1.0.2/24")
    home.address("wlan0", "add", "10.8.0.2/24")
    home.route("wlan0", "10.8.0.1", metric=50)
    (after,) = paths_of(look(home, platform="linux"))
    assert before.network != after.network


def test_each_interface_is_asked_where_a_socket_can_be_bound_to_it(
    home: Networks, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bind(made: socket.socket, name: str, *, platform: str) -> bool:
        return binding.bind_to_device(made, name, platform="linux")  # this machine's way, for the other system's

    monkeypatch.setattr(plain_interfaces, "bind_to_device", bind)
    found = {each.name: each for each in look(home, "198.51.100.1", "2001:db8:9::1", platform="darwin").interfaces}
    assert found["wlan0"].addresses == {"10.1.0.2", "2001:db8:1::2"}
    assert found["wlan0"].is_chosen
    assert found["wwan0"].addresses == {"10.2.0.2"}
    assert (found["wwan0"].has_ipv4, found["wwan0"].has_ipv6) == (True, False)
    assert not found["wwan0"].is_chosen


def test_a_tunnel_is_known_by_what_such_interfaces_are_called(
    networks: Networks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        plain_interfaces, "bind_to_device", lambda made, name, platform: binding.bind_to_device(made, name)
    )
    networks.cable("utun3", "10.1.0.2/24", world=("10.1.0.1/24",), number=1)
    networks.cable("en0", "10.2.0.2/24", world=("10.2.0.1/24",), number=2)
    networks.route("utun3", "10.1.0.1", metric=100)
    networks.route("en0", "10.2.0.1", metric=600)
    found = look(networks, "198.51.100.1", platform="darwin")
    assert {each.name: each.is_tunnel for each in found.interfaces if each.name != "lo"} == {
        "utun3": True,
        "en0": False,
    }
    assert [path.name for path in paths_of(found)] == ["utun3"]


def test_an_interface_that_goes_away_meanwhile_is_no_path(home: Networks, monkeypatch: pytest.MonkeyPatch) -> None:
    def bind(made: socket.socket, name: str, *, platform: str) -> bool:
        raise OSError(errno.ENODEV, "no such device")

    monkeypatch.setattr(plain_interfaces, "bind_to_device", bind)
    assert look(home, "198.51.100.1", platform="win32") == Look()
