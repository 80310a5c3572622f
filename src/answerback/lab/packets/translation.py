"""Hides a device behind the address of its network, and forgets it when it was silent too long: a NAT."""

from dataclasses import dataclass
from typing import Final

from answerback.lab.packets.datagrams import Flow, flow_of, readdressed

PORT_MIN = 20_000
PORT_MAX = 59_999
"""Ports are given out in turn, so that a mapping that is forgotten comes back as another one."""

IDLE_S_USUAL = 7440.0
"""RFC 5382 asks a NAT to keep a TCP connection for 2 h 4 min; many keep it far shorter, and scenarios say so."""


@dataclass(slots=True)
class _Mapping:
    inside: tuple[int, bytes, int]
    port: int
    used_s: float


class Translation:
    """The mappings of one network; one inside address and port keep one outside port for all they talk to."""

    def __init__(self, outside: bytes, *, idle_s_max: float = IDLE_S_USUAL) -> None:
        self._outside = outside
        self.idle_s_max = idle_s_max
        self._by_inside: Final[dict[tuple[int, bytes, int], _Mapping]] = {}
        self._by_port: Final[dict[tuple[int, int], _Mapping]] = {}
        self._next_port = PORT_MIN
        self.rebindings = 0

    @property
    def outside(self) -> bytes:
        """The address others see."""
        return self._outside

    def outward(self, packet: bytes, flow: Flow, *, at_s: float) -> bytes:
        """Give a packet of the device the outside address; a new or forgotten flow gets a new port."""
        inside = (flow.protocol, flow.source, flow.source_port)
        mapping = self._by_inside.get(inside)
        if mapping is not None and at_s - mapping.used_s > self.idle_s_max:
            self._forget(mapping)
            mapping = None
        if mapping is None:
            mapping = self._map(inside, at_s)
        mapping.used_s = at_s
        return readdressed(packet, source=(self._outside, mapping.port))

    def inward(self, packet: bytes, *, at_s: float) -> bytes | None:
        """Give a packet from outside the device's address; None if nobody inside is known to wait for it."""
        flow = flow_of(packet)
        if flow is None or flow.target != self._outside:
            return None
        mapping = self._by_port.get((flow.protocol, flow.target_port))
        if mapping is None:
            return None
        if at_s - mapping.used_s > self.idle_s_max:
            self._forget(mapping)
            return None
        mapping.used_s = at_s
        return readdressed(packet, target=mapping.inside[1:])

    def rebind(self, outside: bytes | None = None) -> None:
        """Forget all mappings, as a NAT does that was started again; perhaps under another address from now on."""
        self.rebindings += 1
        self._by_inside.clear()
        self._by_port.clear()
        self._outside = outside or self._outside

    # ---- private ---------------------------------------------------------------------------------------------------

    def _map(self, inside: tuple[int, bytes, int], at_s: float) -> _Mapping:
        taken = len(self._by_port)
        assert taken <= PORT_MAX - PORT_MIN, "one device uses a handful of ports"
        while (inside[0], self._next_port) in self._by_port:
            self._next_port = self._following()
        mapping = _Mapping(inside, self._next_port, at_s)
        self._next_port = self._following()
        self._by_inside[inside] = mapping
        self._by_port[inside[0], mapping.port] = mapping
        return mapping

    def _following(self) -> int:
        return PORT_MIN if self._next_port == PORT_MAX else self._next_port + 1

    def _forget(self, mapping: _Mapping) -> None:
        del self._by_inside[mapping.inside]
        del self._by_port[mapping.inside[0], mapping.port]
