"""Reads datagrams with the address they were sent to, and answers from that very address.

A machine may have several addresses, and a socket that listens on all of them answers from whichever the system finds
fit; a device that is connected to another one does not hear that. Linux tells the address and takes it back
(`IP_PKTINFO`, RFC 3542 §6 for IPv6); elsewhere, and for a socket with an address of its own, it is left to the system.
"""

import socket
import struct
import sys
from typing import Any, Final

BUFFER_BYTES = 1024 * 1024
"""Asked of the system for what comes while nobody reads; it may give less."""
EVERYWHERE: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not bound to
_IP_PKTINFO: Final = 8
_INFO4: Final = struct.Struct("@I4s4s")
_INFO6: Final = struct.Struct("@16sI")
_LINK_LOCAL: Final = b"\xfe\x80"

Address = tuple[tuple[Any, ...], bytes]
"""Whose datagram it is, and what of ours it was sent to; the latter empty where nobody knows."""


class DatagramSocket:
    """One socket that is listened on."""

    def __init__(self, family: int, address: tuple[Any, ...]) -> None:
        """Listen; raise OSError where that is not possible."""
        self.socket: Final = socket.socket(family, socket.SOCK_DGRAM)
        self._tells_own = sys.platform == "linux" and address[0] in EVERYWHERE
        try:
            if family == socket.AF_INET6:
                self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
            if self._tells_own:
                self._have_it_told()
            self.socket.bind(address)
            self.socket.settimeout(0)
        except OSError:
            self.socket.close()
            raise

    def read(self, bytes_max: int) -> tuple[bytes, Address]:
        """Give the next datagram, cut to so many bytes; raise BlockingIOError if there is none, or another OSError."""
        if not self._tells_own:
            data, peer = self.socket.recvfrom(bytes_max)
            return data, (peer, b"")
        data, told, _, peer = self.socket.recvmsg(bytes_max, socket.CMSG_SPACE(_INFO6.size))
        return data, (peer, _own(told))

    def write(self, data: bytes, address: Address) -> None:
        """Send; raise OSError if it did not leave."""
        peer, own = address
        if not own:
            self.socket.sendto(data, peer)
        elif len(own) == 4:  # noqa: PLR2004 - bytes of an IPv4 address
            self.socket.sendmsg([data], [(socket.IPPROTO_IP, _IP_PKTINFO, _INFO4.pack(0, own, bytes(4)))], 0, peer)
        else:
            scope = peer[3] if own.startswith(_LINK_LOCAL) else 0
            info = _INFO6.pack(own, scope)
            self.socket.sendmsg([data], [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, info)], 0, peer)

    def close(self) -> None:
        """Listen no more."""
        self.socket.close()

    def _have_it_told(self) -> None:
        if self.socket.family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        else:
            self.socket.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)


def _own(told: list[tuple[int, int, bytes]]) -> bytes:
    for level, kind, content in told:
        if level == socket.IPPROTO_IP and kind == _IP_PKTINFO:
            _, own, _ = _INFO4.unpack(content)
            return bytes(own)
        if level == socket.IPPROTO_IPV6 and kind == socket.IPV6_PKTINFO:
            return bytes(_INFO6.unpack(content)[0])
    return b""
