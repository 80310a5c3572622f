"""Has a socket leave through one interface and no other: by the interface itself, or else by its address.

| system | how | who may |
|---|---|---|
| Linux | `SO_BINDTODEVICE` | everybody since 5.7, before that with CAP_NET_RAW; else the source address |
| macOS | `IP_BOUND_IF`, `IPV6_BOUND_IF` | everybody |
| Windows | `IP_UNICAST_IF`, `IPV6_UNICAST_IF` | everybody |
| others | the source address | everybody |

The surprising rule: where the interface itself is bound, the address is left to the system. It knows which of several
is meant for leaving (RFC 6724), and a source address alone does not keep packets off another interface.
"""

import errno
import socket
import struct
import sys
from collections.abc import Iterable
from typing import Final

from answerback.model.paths import ANY_PATH

_SO_BINDTODEVICE: Final = 25
_IP_BOUND_IF, _IPV6_BOUND_IF = 25, 125
_IP_UNICAST_IF, _IPV6_UNICAST_IF = 31, 31
_NOT_ALLOWED: Final = frozenset({errno.EPERM, errno.EACCES, errno.ENOPROTOOPT})


def bind_to(made: socket.socket, path: str, *, addresses: Iterable[str] = ()) -> None:
    """Bind a new socket to a path, one of whose addresses may be needed for it. Raises `OSError`."""
    if path == ANY_PATH or bind_to_device(made, path):
        return
    wanted = [address for address in addresses if (":" in address) == (made.family == socket.AF_INET6)]
    if not wanted:
        raise OSError(errno.EADDRNOTAVAIL, f"{path} has no address of this family")
    made.bind((wanted[0], 0))


def bind_to_device(made: socket.socket, path: str, *, platform: str = sys.platform) -> bool:
    """Bind a socket to the interface itself; false where that is not allowed. Raises `OSError` if there is none."""
    is_ipv6 = made.family == socket.AF_INET6
    try:
        if platform == "linux":
            made.setsockopt(socket.SOL_SOCKET, _SO_BINDTODEVICE, path.encode() + b"\0")
        elif platform == "darwin":
            level, option = (socket.IPPROTO_IPV6, _IPV6_BOUND_IF) if is_ipv6 else (socket.IPPROTO_IP, _IP_BOUND_IF)
            made.setsockopt(level, option, struct.pack("@I", _index(path)))
        elif platform == "win32":
            # The one is asked for in the network's byte order, the other in the machine's.
            index = _index(path)
            if is_ipv6:
                made.setsockopt(socket.IPPROTO_IPV6, _IPV6_UNICAST_IF, struct.pack("@I", index))
            else:
                made.setsockopt(socket.IPPROTO_IP, _IP_UNICAST_IF, struct.pack("!I", index))
        else:
            return False
    except OSError as error:
        if error.errno in _NOT_ALLOWED:
            return False
        raise
    return True


def _index(path: str) -> int:
    try:
        return socket.if_nametoindex(path)
    except OSError as error:  # which says so in words only
        raise OSError(errno.ENODEV, f"there is no interface {path}") from error
