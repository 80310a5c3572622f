"""Looks at the interfaces of a Linux system through netlink, and hears when they change.

The kernel tells whoever listens that something changed; what it says is not read, since a burst of changes is looked at
once, as a whole. A look asks for links, addresses, routes and neighbours: about five milliseconds, in a thread.
"""

import ipaddress
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from answerback.transport.interfaces import SOMEWHERE, Interface, Look, chosen_source, doubtful, is_here

_NETLINK_ROUTE: Final = 0
_LINKS, _ADDRESSES_4, _ROUTES_4, _ADDRESSES_6, _ROUTES_6 = 0x1, 0x10, 0x40, 0x100, 0x400
_UP, _LOOPBACK, _POINT_TO_POINT, _NO_ARP = 0x1, 0x8, 0x10, 0x80
_TENTATIVE, _CLAIMED_TWICE = 0x40, 0x08
_EVERYWHERE, _UNICAST, _TABLE_LOCAL = 0, 1, 255
_DEAD, _LINK_DOWN = 0x1, 0x10
_TUNNELS: Final = frozenset({"tun", "wireguard", "ipip", "sit", "ip6tnl", "gre", "gretap", "vti", "vti6", "xfrm"})
READ_BYTES = 65536

Message = Any  # pyroute2's messages have no types of their own


def open_events() -> socket.socket:
    """Open what becomes readable when links, addresses or routes change. Raises `OSError`."""
    made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, _NETLINK_ROUTE)
    try:
        made.bind((0, _LINKS | _ADDRESSES_4 | _ROUTES_4 | _ADDRESSES_6 | _ROUTES_6))
    except OSError:
        made.close()
        raise
    return made


def drain(events: socket.socket) -> None:
    """Take everything that was said; that more was said than fits says the same."""
    while True:
        try:
            events.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            continue  # so many events that some were dropped, and the kernel says so once


def look(targets: Sequence[str]) -> Look:
    """Look at all interfaces, and which of them lead to any of these addresses. Raises `OSError`."""
    # It takes a fifth of a second to be read, and only whoever watches needs it.
    from pyroute2 import IPRoute  # noqa: PLC0415
    from pyroute2.netlink.exceptions import NetlinkError  # noqa: PLC0415

    try:
        with IPRoute() as ip:
            seen = _Tables(list(ip.link("dump")), list(ip.addr("dump")), list(ip.route("dump")), list(ip.neigh("dump")))
    except NetlinkError as error:
        raise OSError(error.code, f"netlink: {error}") from error
    return seen.look(targets)


@dataclass
class _Link:
    name: str
    flags: int
    is_tunnel: bool
    has_carrier: bool
    arrivals: int
    addresses: list[str] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    leads: set[int] = field(default_factory=set)
    """IP versions."""
    gateways: list[tuple[int, str]] = field(default_factory=list)
    """Their metrics and addresses."""


class _Tables:
    """What the kernel told."""

    def __init__(
        self,
        links: Iterable[Message],
        addresses: Iterable[Message],
        routes: Sequence[Message],
        neighbours: Iterable[Message],
    ) -> None:
        self._links: Final = {each["index"]: _link(each) for each in links}
        self._routes: Final = routes
        self._hardware: Final = {
            (each["ifindex"], each.get_attr("NDA_DST")): each.get_attr("NDA_LLADDR") for each in neighbours
        }
        for each in addresses:
            self._add_address(each)

    def look(self, targets: Sequence[str]) -> Look:
        """Say what leads to these addresses."""
        sources = chosen_source(targets or SOMEWHERE)
        if is_here(sources, targets):
            return Look(is_here=True)
        wanted = [ipaddress.ip_address(target.partition("%")[0]) for target in targets]
        wanted += [ipaddress.ip_address(each) for each in SOMEWHERE]  # a translated address, for one, is not known yet
        for route in self._routes:
            self._add_route(route, wanted)
        found = tuple(
            Interface(
                link.name,
                frozenset(link.addresses),
                has_ipv4=4 in link.leads,  # noqa: PLR2004  # an IP version
                has_ipv6=6 in link.leads,  # noqa: PLR2004
                known_by=self._known_by(index, link),
                is_tunnel=link.is_tunnel,
                is_chosen=not set(sources).isdisjoint(link.addresses),
                arrivals=link.arrivals,
            )
            for index, link in self._links.items()
            if link.leads
        )
        return Look(found or self._doubtful(sources, are_known=bool(targets)))

    def _doubtful(self, sources: Sequence[str], *, are_known: bool) -> tuple[Interface, ...]:
        """Rather try a way that may not be there than never ask where the relay is, or trust these tables too much."""
        working = {address for link in self._links.values() if _is_working(link) for address in link.addresses}
        unplugged = {address for link in self._links.values() if not _is_plugged(link) for address in link.addresses}
        if set(sources) - unplugged or (working and not are_known):
            return (doubtful(sources),)
        return ()

    def _add_address(self, told: Message) -> None:
        flags = told.get_attr("IFA_FLAGS") or told["flags"]
        if told["scope"] != _EVERYWHERE or flags & (_TENTATIVE | _CLAIMED_TWICE):
            return
        address = told.get_attr("IFA_LOCAL") or told.get_attr("IFA_ADDRESS")
        link = self._links.get(told["index"])
        if link is not None:
            link.addresses.append(address)
            link.prefixes.append(str(ipaddress.ip_interface(f"{address}/{told['prefixlen']}").network))

    def _add_route(self, told: Message, wanted: Iterable[ipaddress.IPv4Address | ipaddress.IPv6Address]) -> None:
        table = told.get_attr("RTA_TABLE") or told["table"]
        if told["type"] != _UNICAST or table == _TABLE_LOCAL or told["family"] not in (socket.AF_INET, socket.AF_INET6):
            return
        version = 4 if told["family"] == socket.AF_INET else 6
        nowhere = "0.0.0.0" if version == 4 else "::"  # noqa: PLR2004, S104  # an IP version; and it is no binding
        range_ = ipaddress.ip_network(f"{told.get_attr('RTA_DST') or nowhere}/{told['dst_len']}", strict=False)
        if not any(target in range_ for target in wanted):
            return
        for index, gateway, flags in _hops(told):
            link = self._links.get(index)
            if link is None or flags & (_DEAD | _LINK_DOWN) or not _is_working(link):
                continue
            if not any((":" in address) == (version == 6) for address in link.addresses):  # noqa: PLR2004
                continue
            link.leads.add(version)
            if gateway:
                link.gateways.append((told.get_attr("RTA_PRIORITY") or 0, gateway))

    def _known_by(self, index: int, link: _Link) -> bytes:
        if link.is_tunnel or link.flags & (_POINT_TO_POINT | _NO_ARP):
            return b"line " + link.name.encode()  # there is nobody at its other end who could be told from others
        if not link.gateways:
            return b"prefix " + min(link.prefixes).encode()
        for _, gateway in sorted(link.gateways, key=lambda each: (":" in each[1], each)):
            hardware = self._hardware.get((index, gateway))
            if hardware:
                return b"gateway " + str(hardware).encode()
        return b""


def _link(told: Message) -> _Link:
    kind = told.get_nested("IFLA_LINKINFO", "IFLA_INFO_KIND")
    arrivals = told.get_attr("IFLA_CARRIER_UP_COUNT") or 0
    # Its flags tell of a carrier up to a second later.
    has_carrier = told.get_attr("IFLA_CARRIER") != 0
    return _Link(told.get_attr("IFLA_IFNAME"), told["flags"], kind in _TUNNELS, has_carrier, arrivals)


def _hops(told: Message) -> Iterable[tuple[int, str | None, int]]:
    """Through which interface a route leads, to which gateway, and its flags: one of each, or several."""
    for hop in told.get_attr("RTA_MULTIPATH") or ():
        yield hop["oif"], hop.get_attr("RTA_GATEWAY"), hop["flags"]
    index = told.get_attr("RTA_OIF")
    if index is not None:
        yield index, told.get_attr("RTA_GATEWAY"), told["flags"]


def _is_working(link: _Link) -> bool:
    return _is_plugged(link) and not link.flags & _LOOPBACK


def _is_plugged(link: _Link) -> bool:
    return bool(link.has_carrier and link.flags & _UP)
