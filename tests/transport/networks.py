"""A device's network for tests: a namespace for the device, one for the world, and cables between them.

A socket belongs to the namespace it was made in, so one event loop can play both sides.
"""

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from ipaddress import ip_interface
from typing import TYPE_CHECKING, Any, Final, TypeVar

from answerback.lab.packets.namespaces import Namespace, enter, make_namespace

if TYPE_CHECKING:
    from pyroute2 import IPRoute

T = TypeVar("T")
PATIENCE_S = 30.0
LOOPBACK_INDEX: Final = 1
WORLD_HARDWARE = "02:00:00:00:00:{:02x}"
"""What each cable's far end is known by, so that a network can be recognised."""


@dataclass
class Networks:
    """The device's side and the world's."""

    device: Namespace = field(default_factory=make_namespace)
    world: Namespace = field(default_factory=make_namespace)

    def close(self) -> None:
        self.device.close()
        self.world.close()

    def cable(self, name: str, *addresses: str, world: tuple[str, ...], number: int = 1) -> None:
        """Plug in a cable between the two, with addresses such as 10.1.0.2/24 at either end."""

        def make(ip: "IPRoute") -> None:
            peer = {"ifname": f"far-{name}", "net_ns_fd": self.world.held, "address": WORLD_HARDWARE.format(number)}
            ip.link("add", ifname=name, kind="veth", peer=peer)
            _configure(ip, name, addresses)

        self.ip(self.device, make)
        self.ip(self.world, lambda ip: _configure(ip, f"far-{name}", world))

    def route(self, name: str, gateway: str = "", *, metric: int = 100, target: str = "default") -> None:
        """Have the device send what is for others over a cable."""
        family = socket.AF_INET6 if ":" in gateway + target else socket.AF_INET
        options = {"gateway": gateway} if gateway else {}
        dst = {"dst": target} if target != "default" else {"dst": "::/0" if family == socket.AF_INET6 else "0.0.0.0/0"}
        self.ip(
            self.device,
            lambda ip: ip.route(
                "add", oif=ip.link_lookup(ifname=name)[0], family=family, priority=metric, **options, **dst
            ),
        )

    def unplug(self, name: str) -> None:
        """Pull a cable out at the far end."""
        self.ip(self.world, lambda ip: ip.link("set", index=ip.link_lookup(ifname=f"far-{name}")[0], state="down"))

    def plug_in(self, name: str) -> None:
        """Put it back."""
        self.ip(self.world, lambda ip: ip.link("set", index=ip.link_lookup(ifname=f"far-{name}")[0], state="up"))

    def address(self, name: str, verb: str, address: str) -> None:
        """Add an address to the device's end of a cable, or delete it."""
        at = ip_interface(address)
        self.ip(
            self.device,
            lambda ip: ip.addr(
                verb, index=ip.link_lookup(ifname=name)[0], address=str(at.ip), prefixlen=at.network.prefixlen
            ),
        )

    def ip(self, place: Namespace, work: "Callable[[IPRoute], T]") -> T:
        """Change a namespace's network."""
        from pyroute2 import IPRoute  # only Linux has it, and namespaces

        def run() -> T:
            with IPRoute() as ip:
                return work(ip)

        return inside(place, run)

    def play(self, story: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a story on the device."""
        inside(self.device, lambda: asyncio.run(asyncio.wait_for(story(), PATIENCE_S)))

    def listening(self, host: str, port: int = 0, *, place: Namespace | None = None) -> socket.socket:
        """Have something in the world listen."""

        def make() -> socket.socket:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            made = socket.socket(family, socket.SOCK_STREAM)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind((host, port))
            made.listen()
            made.settimeout(0)
            return made

        return inside(place or self.world, make)


def inside(place: Namespace, work: Callable[[], T]) -> T:
    """Do something in a thread that is in a namespace."""
    found: list[T] = []
    broke: list[BaseException] = []

    def run() -> None:
        enter(place.held)
        try:
            found.append(work())
        except BaseException as error:  # noqa: BLE001 - it is raised below, where somebody hears of it
            broke.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if broke:
        raise broke[0]
    return found[0]


def _configure(ip: "IPRoute", name: str, addresses: tuple[str, ...]) -> None:
    index = ip.link_lookup(ifname=name)[0]
    for address in addresses:
        at = ip_interface(address)
        # An IPv6 address is good only after a second in which nobody else claimed it; nobody can here.
        flags = {"flags": 0x02} if at.version == 6 else {}
        ip.addr("add", index=index, address=str(at.ip), prefixlen=at.network.prefixlen, **flags)
    ip.link("set", index=index, state="up")
