"""Proves that what is bound to an interface leaves through it, whatever the system would choose."""

import errno
import socket

import pytest

from answerback.model.paths import ANY_PATH
from answerback.transport import binding
from answerback.transport.binding import bind_to, bind_to_device
from tests.transport.networks import Networks, inside

FAR = ("203.0.113.9", 7443)


@pytest.fixture
def two_ways(networks: Networks) -> Networks:
    """Wi-Fi, which the system would choose, and mobile data; both lead to one address."""
    networks.cable("wlan0", "10.1.0.2/24", world=("10.1.0.1/24", f"{FAR[0]}/32"), number=1)
    networks.cable("wwan0", "10.2.0.2/24", world=("10.2.0.1/24",), number=2)
    networks.route("wlan0", "10.1.0.1", metric=100)
    networks.route("wwan0", "10.2.0.1", metric=600)
    return networks


def seen_from(networks: Networks, path: str, *addresses: str) -> str:
    """The address the world sees a device come from."""
    with networks.listening(*FAR) as listener, socket_in(networks) as near:
        listener.settimeout(10)
        near.settimeout(10)
        bind_to(near, path, addresses=addresses)
        near.connect(FAR)
        accepted, (host, _) = listener.accept()
        accepted.close()
        return str(host)


def socket_in(networks: Networks, family: socket.AddressFamily = socket.AF_INET) -> socket.socket:
    return inside(networks.device, lambda: socket.socket(family))


def test_the_world_sees_a_socket_come_from_the_interface_it_is_bound_to(two_ways: Networks) -> None:
    assert seen_from(two_ways, ANY_PATH) == "10.1.0.2"
    assert seen_from(two_ways, "wwan0") == "10.2.0.2"
    assert seen_from(two_ways, "wlan0") == "10.1.0.2"


def test_where_an_interface_cannot_be_bound_its_address_is(two_ways: Networks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binding, "bind_to_device", lambda made, path: False)
    with socket_in(two_ways) as near:
        bind_to(near, "wwan0", addresses=("2001:db8::2", "10.2.0.2"))
        assert near.getsockname()[0] == "10.2.0.2"
    with socket_in(two_ways) as near, pytest.raises(OSError, match="no address of this family") as failed:
        bind_to(near, "wwan0", addresses=("2001:db8::2",))
    assert failed.value.errno == errno.EADDRNOTAVAIL


def test_an_interface_that_is_gone_is_an_error_and_not_another_interface(two_ways: Networks) -> None:
    with socket_in(two_ways) as near, pytest.raises(OSError, match="No such device") as failed:
        bind_to(near, "wlan7", addresses=("10.1.0.2",))
    assert failed.value.errno == errno.ENODEV


class Options:
    """A socket that remembers what was asked of it."""

    def __init__(self, family: socket.AddressFamily, refusal: int = 0) -> None:
        self.family = family
        self.refusal = refusal
        self.asked: list[tuple[int, int, bytes]] = []

    def setsockopt(self, level: int, option: int, value: bytes) -> None:
        if self.refusal:
            raise OSError(self.refusal, "no")
        self.asked.append((level, option, value))


@pytest.mark.parametrize(
    ("platform", "family", "asked"),
    [
        ("darwin", socket.AF_INET, (socket.IPPROTO_IP, 25, (1).to_bytes(4, "little"))),
        ("darwin", socket.AF_INET6, (socket.IPPROTO_IPV6, 125, (1).to_bytes(4, "little"))),
        ("win32", socket.AF_INET, (socket.IPPROTO_IP, 31, (1).to_bytes(4, "big"))),
        ("win32", socket.AF_INET6, (socket.IPPROTO_IPV6, 31, (1).to_bytes(4, "little"))),
    ],
)
def test_each_system_is_asked_in_its_own_way(
    platform: str, family: socket.AddressFamily, asked: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "if_nametoindex", lambda name: 1)
    made = Options(family)
    assert bind_to_device(made, "en0", platform=platform)  # type: ignore[arg-type]
    assert made.asked == [asked]


def test_a_system_that_does_not_allow_it_or_has_no_such_thing_says_so() -> None:
    refusing = Options(socket.AF_INET, errno.EPERM)
    assert not bind_to_device(refusing, "eth0", platform="linux")  # type: ignore[arg-type]
    assert not bind_to_device(Options(socket.AF_INET), "eth0", platform="freebsd14")  # type: ignore[arg-type]


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_an_interface_that_is_gone_is_the_same_error_on_every_system(platform: str) -> None:
    with pytest.raises(OSError, match="nothing0") as failed:
        bind_to_device(Options(socket.AF_INET), "nothing0", platform=platform)  # type: ignore[arg-type]
    assert failed.value.errno == errno.ENODEV
