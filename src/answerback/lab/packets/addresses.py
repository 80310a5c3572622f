"""The addresses of a lab; they exist in its own namespaces only."""

import socket
from typing import Final

RELAY: Final = "10.72.0.1"
PORTAL: Final = "10.72.0.2"
RELAY_PORT: Final = 7443
PATHS_MAX: Final = 2


def packed(address: str) -> bytes:
    """An address as packets carry it."""
    return socket.inet_aton(address)


def inside_of(path: int, *, move: int = 0) -> bytes:
    """The device's address on a path, after so many moves to another network."""
    return packed(f"10.70.{path}.{2 + move % 200}")


def outside_of(path: int, *, move: int = 0) -> bytes:
    """The address under which others see that path."""
    return packed(f"10.71.{path}.{1 + move % 200}")


OUTSIDE: Final = packed("10.71.0.0")
OUTSIDE_BITS: Final = 16
"""All addresses under which paths are seen."""
