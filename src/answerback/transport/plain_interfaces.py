"""Looks at the interfaces of any system with nothing but sockets, again and again.

A socket that is bound to an interface and connected for datagrams has a source address if that interface leads there,
and an error if it does not; nothing is sent for it. So every interface is asked where the system can bind to it for
real. Linux cannot be asked so: bound to an interface without a route, it believes that everybody is its neighbour.
There, and wherever nothing can be bound, what the system chooses is the only path.
"""

import ipaddress
import socket
import sys
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Final

from answerback.model.paths import ANY_PATH
from answerback.transport.binding import bind_to_device
from answerback.transport.interfaces import SOMEWHERE, Interface, Look, chosen_source, doubtful, is_here, source_towards

ASKED_EACH: Final = frozenset({"darwin", "win32"})
_TUNNELS: Final = ("utun*", "tun*", "tap*", "wg*", "ipsec*", "tunnel*", "ppp*", "iftype53*")
"""What macOS, and Windows by the kind of its adapters, call an interface that leads through others."""
_PREFIX_BITS: Final = {4: 24, 6: 64}
"""What neighbours usually have in common; a socket does not know it for certain."""


def look(targets: Sequence[str], *, platform: str = sys.platform) -> Look:
    """Look at what leads to any of these addresses."""
    sources = chosen_source(targets or SOMEWHERE)
    if is_here(sources, targets):
        return Look(is_here=True)
    # Without a network nobody can be asked where the relay is; but who never asks never knows.
    nothing = () if targets else (doubtful(sources),)
    if platform not in ASKED_EACH:
        return Look((_interface(ANY_PATH, sources, is_chosen=True),) if sources else nothing)
    found = []
    for _, name in socket.if_nameindex():
        own = [source for target in targets or SOMEWHERE if (source := _source_through(name, target, platform))]
        if own and not any(ipaddress.ip_address(source).is_loopback for source in own):
            found.append(_interface(name, own, is_chosen=not set(own).isdisjoint(sources)))
    return Look(tuple(found) or nothing)


def _source_through(name: str, target: str, platform: str) -> str:
    made = socket.socket(socket.AF_INET6 if ":" in target else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        if bind_to_device(made, name, platform=platform):
            return source_towards(target, made)
    except OSError:
        pass  # it went away this moment
    made.close()
    return ""


def _interface(name: str, sources: Sequence[str], *, is_chosen: bool) -> Interface:
    found = [ipaddress.ip_address(source) for source in sources]
    prefixes = [ipaddress.ip_network((each, _PREFIX_BITS[each.version]), strict=False) for each in found]
    return Interface(
        name,
        frozenset(sources),
        has_ipv4=any(each.version == 4 for each in found),  # noqa: PLR2004  # an IP version
        has_ipv6=any(each.version == 6 for each in found),  # noqa: PLR2004
        known_by=" ".join(["prefix", name, *sorted(map(str, prefixes))]).encode(),
        is_tunnel=any(fnmatchcase(name, pattern) for pattern in _TUNNELS),
        is_chosen=is_chosen,
    )
