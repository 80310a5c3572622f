"""Sets up the interfaces of one network namespace, by rtnetlink: links, addresses, routes and rules.

The few requests the lab needs, as `linux/rtnetlink.h` lays them out; so the lab needs no program and no library, and
an interface goes down in microseconds, not in the time a program takes to start. A socket belongs to the namespace it
was made in, whoever uses it later.
"""

import os
import socket
import struct
from typing import Final

from answerback.lab.packets.troubles import LabBroken

ANSWER_BYTES = 8192

_NEW_LINK, _NEW_ADDRESS, _DELETE_ADDRESS, _NEW_ROUTE, _NEW_RULE, _DELETE_RULE = 16, 20, 21, 24, 32, 33
_REQUEST, _ACKNOWLEDGE, _REPLACE, _CREATE = 0x1, 0x4, 0x100, 0x400
_ERROR = 2
_IS_UP = 0x1
_TABLE_MAIN, _BY_STATIC, _SCOPE_LINK, _UNICAST, _TO_TABLE = 254, 4, 253, 1, 1
_ADDRESS, _LOCAL = 1, 2
_ROUTE_TARGET, _ROUTE_DEVICE, _ROUTE_METRIC, _ROUTE_SOURCE, _TABLE = 1, 4, 6, 7, 15
_RULE_SOURCE = 2
_HEAD = struct.Struct("=IHHII")
_WORD = struct.Struct("=I")


class Netlink:
    """The requests of one namespace."""

    def __init__(self, control: socket.socket) -> None:
        """Talk through a socket made in that namespace by `open_netlink`."""
        self.control: Final = control
        self._asked = 0

    def set_link(self, index: int, *, up: bool) -> None:
        """Switch an interface on or off, as a person or the system would; its routes go with it."""
        flags = _IS_UP if up else 0
        self._ask(_NEW_LINK, 0, struct.pack("=BxHiII", socket.AF_UNSPEC, 0, index, flags, _IS_UP))

    def add_address(self, index: int, address: bytes) -> None:
        """Give an interface one address more."""
        self._ask(_NEW_ADDRESS, _CREATE | _REPLACE, _address_of(index, address))

    def remove_address(self, index: int, address: bytes) -> None:
        """Take an address from an interface; routes that use it as their source go with it."""
        self._ask(_DELETE_ADDRESS, 0, _address_of(index, address))

    def add_route(
        self,
        index: int,
        *,
        target: bytes = b"",
        target_bits: int = 0,
        source: bytes,
        metric: int = 0,
        table: int = _TABLE_MAIN,
    ) -> None:
        """Send what is for a range of addresses, or for all others, through an interface."""
        head = struct.pack("=BBBBBBBBI", socket.AF_INET, target_bits, 0, 0, table, _BY_STATIC, _SCOPE_LINK, _UNICAST, 0)
        attributes = _attribute(_ROUTE_DEVICE, _WORD.pack(index)) + _attribute(_ROUTE_SOURCE, source)
        attributes += _attribute(_ROUTE_METRIC, _WORD.pack(metric)) + _attribute(_TABLE, _WORD.pack(table))
        if target:
            attributes += _attribute(_ROUTE_TARGET, target)
        self._ask(_NEW_ROUTE, _CREATE | _REPLACE, head + attributes)

    def add_rule(self, *, source: bytes, table: int) -> None:
        """Have what comes from an address use the routes of a table."""
        self._ask(_NEW_RULE, _CREATE, _rule_of(source, table))

    def remove_rule(self, *, source: bytes, table: int) -> None:
        """Take such a rule away."""
        self._ask(_DELETE_RULE, 0, _rule_of(source, table))

    def _ask(self, kind: int, flags: int, body: bytes) -> None:
        self._asked += 1
        head = _HEAD.pack(_HEAD.size + len(body), kind, _REQUEST | _ACKNOWLEDGE | flags, self._asked, 0)
        self.control.send(head + body)
        answer = self.control.recv(ANSWER_BYTES)
        _, answered, _, _, _ = _HEAD.unpack_from(answer)
        error = -struct.unpack_from("=i", answer, _HEAD.size)[0] if answered == _ERROR else 0
        if error:
            raise LabBroken(f"the system refused a change of the lab's network: {os.strerror(error)}")


def open_netlink() -> socket.socket:
    """Make a control socket in the namespace of the calling thread."""
    control = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
    control.bind((0, 0))
    return control


def _attribute(kind: int, content: bytes) -> bytes:
    size_bytes = 4 + len(content)
    return struct.pack("=HH", size_bytes, kind) + content + bytes(-size_bytes % 4)


def _address_of(index: int, address: bytes) -> bytes:
    head = struct.pack("=BBBBI", socket.AF_INET, 32, 0, 0, index)
    return head + _attribute(_LOCAL, address) + _attribute(_ADDRESS, address)


def _rule_of(source: bytes, table: int) -> bytes:
    head = struct.pack("=BBBBBBBBI", socket.AF_INET, 0, 32, 0, table, 0, 0, _TO_TABLE, 0)
    return head + _attribute(_RULE_SOURCE, source) + _attribute(_TABLE, _WORD.pack(table))
