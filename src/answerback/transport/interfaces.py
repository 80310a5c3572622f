"""What is known of this device's network interfaces, and which of them are paths to the relay.

Theory. A path is an interface that has an address, a carrier and a route towards the relay. Three surprising rules. A
relay on this very machine is reached over no interface, so there the only path is the nameless one. If the system
itself would go through a tunnel, interfaces beside it are no paths: who runs a VPN does not want to be seen past it.
And a network is known by its gateway's hardware address, not by its own addresses, since thousands of networks have the
same ones; only a hash of it is kept, keyed by the device, so that nobody can tell from it where somebody was.
"""

import hashlib
import ipaddress
import os
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Final

from answerback.model.paths import ANY_PATH, NETWORK_BYTES, PathSeen

METERED_SETTING: Final = "ANSWERBACK_METERED"
"""Interfaces somebody pays for by the byte, as patterns with commas between; instead of the usual ones."""
METERED_USUALLY: Final = ("wwan*", "rmnet*", "pdp_ip*")
"""How Linux, Android and Apple's systems name modems."""
SOMEWHERE: Final = ("198.41.0.4", "2001:503:ba3e::2:30")
"""A name server of the root, in either family: what leads there leads everywhere. Nothing is ever sent to it."""
_DISCARD_PORT: Final = 9
_HERE: Final = b"this very machine"
_SOMEHOW: Final = b"some way"


@dataclass(frozen=True, slots=True)
class Interface:
    """One interface that leads out."""

    name: str
    addresses: frozenset[str]
    has_ipv4: bool
    has_ipv6: bool
    known_by: bytes
    """What tells the network behind it from all others, such as its gateway's hardware address; empty if not known."""
    is_tunnel: bool = False
    is_chosen: bool = False
    """The system would take it."""
    arrivals: int = 0


@dataclass(frozen=True, slots=True)
class Look:
    """What one look saw."""

    interfaces: tuple[Interface, ...] = ()
    is_here: bool = False
    """The relay is on this very machine."""


def paths_of(look: Look, *, key: bytes = b"", metered: Sequence[str] | None = None) -> tuple[PathSeen, ...]:
    """Say which paths a look has seen, the one the system would choose first."""
    if look.is_here:
        return (PathSeen(ANY_PATH, name_of(_HERE, key), is_metered=False, has_ipv4=True, has_ipv6=True),)
    patterns = metered_patterns() if metered is None else metered
    only_tunnels = any(each.is_chosen and each.is_tunnel for each in look.interfaces)
    usable = [each for each in look.interfaces if each.is_tunnel or not only_tunnels]
    return tuple(
        PathSeen(
            name=each.name,
            network=name_of(each.known_by, key) if each.known_by else b"",
            is_metered=any(fnmatchcase(each.name, pattern) for pattern in patterns),
            has_ipv4=each.has_ipv4,
            has_ipv6=each.has_ipv6,
            addresses=each.addresses,
            arrivals=each.arrivals,
        )
        for each in sorted(usable, key=lambda each: (not each.is_chosen, each.name))
    )


def with_names_kept(before: Iterable[PathSeen], after: Iterable[PathSeen]) -> tuple[PathSeen, ...]:
    """Keep the name of a network when the system has forgotten its gateway's hardware address, as it does."""
    known = {path.name: path for path in before}
    return tuple(_with_name_kept(known.get(path.name), path) for path in after)


def _with_name_kept(old: PathSeen | None, new: PathSeen) -> PathSeen:
    if old is None or new.network or old.arrivals != new.arrivals or old.addresses.isdisjoint(new.addresses):
        return new
    return replace(new, network=old.network)


def doubtful(sources: Iterable[str]) -> Interface:
    """Give the way of which nothing is known but that there may be one."""
    own = frozenset(sources)
    return Interface(ANY_PATH, own, has_ipv4=True, has_ipv6=True, known_by=_SOMEHOW, is_chosen=True)


def is_here(sources: Iterable[str], targets: Iterable[str]) -> bool:
    """Tell from where the system would go to a relay whether that is this very machine."""
    own = set(sources)
    return any(target in own or ipaddress.ip_address(target.partition("%")[0]).is_loopback for target in targets)


def name_of(known_by: bytes, key: bytes) -> bytes:
    """Name a network by what it is known by, in a way that says so to nobody else."""
    return hashlib.blake2b(known_by, digest_size=NETWORK_BYTES, key=key[: hashlib.blake2b.MAX_KEY_SIZE]).digest()


def metered_patterns() -> Sequence[str]:
    """Say which interfaces somebody pays for by the byte, as the person told or as they are usually called."""
    said = os.environ.get(METERED_SETTING)
    return METERED_USUALLY if said is None else [pattern.strip() for pattern in said.split(",") if pattern.strip()]


def chosen_source(targets: Iterable[str]) -> tuple[str, ...]:
    """Ask the system from which of our addresses it would go to each of these; nothing is sent."""
    return tuple(source for target in targets if (source := source_towards(target)))


def source_towards(target: str, made: socket.socket | None = None) -> str:
    """Say from which address the system, or a socket that is bound already, would go somewhere; "" for no way."""
    family = socket.AF_INET6 if ":" in target else socket.AF_INET
    with made or socket.socket(family, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect((target.partition("%")[0], _DISCARD_PORT))
            return str(asking.getsockname()[0]).partition("%")[0]
        except OSError:
            return ""
