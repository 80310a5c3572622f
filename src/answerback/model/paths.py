"""A path: a way out of this device, as one look at its network interfaces saw it."""

from dataclasses import dataclass
from typing import Final

NETWORK_BYTES = 8
"""Enough that two networks of one person never have one name, too few to find a gateway's address by."""
ANY_PATH: Final = ""
"""The name of the one path where nobody can tell them apart: whatever the system chooses."""


@dataclass(frozen=True, slots=True)
class PathSeen:
    """One interface that leads out."""

    name: str
    """The interface's name; "" is whatever the system chooses."""
    network: bytes
    """What it leads into, in `NETWORK_BYTES` bytes; empty while nobody knows."""
    is_metered: bool
    """Somebody pays by the byte."""
    has_ipv4: bool
    has_ipv6: bool
    addresses: frozenset[str] = frozenset()
    """Its own addresses that lead out: a line ends with the one it was made from."""
    arrivals: int = 0
    """How often its carrier came, where the system counts: it may go and come between two looks."""
