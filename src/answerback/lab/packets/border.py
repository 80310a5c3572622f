"""Decides what the edge of a network lets through: blocked ports, a captive portal, and the translation of addresses.

A packet of the device comes here after it has crossed the link, one for the device before it does: the radio is on the
device's side of everything that a network operator does to packets.
"""

from collections import Counter
from dataclasses import dataclass
from enum import Enum, unique
from typing import Final

from answerback.lab.packets.datagrams import TCP, Flow, flow_of, readdressed
from answerback.lab.packets.translation import Translation

HTTP_PORT = 80
HTTPS_PORT = 443


@unique
class Stop(Enum):
    """Why a packet does not pass the border."""

    FOREIGN = "neither TCP nor UDP over IPv4"
    WRONG_SOURCE = "not this network's address"
    BLOCKED = "blocked port"
    CAPTIVE = "not signed in"
    UNMAPPED = "nobody inside waits for it"


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator of a network allows just now."""

    blocked_ports: frozenset[int] = frozenset()
    """Packets to these ports vanish."""
    captive: bool = False
    """Whether plain HTTP is answered by a portal, whoever it is for, and everything else vanishes."""


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """The addresses that mean something to a border."""

    relay: bytes
    relay_port: int
    portal: bytes


class Border:
    """The edge of one network."""

    def __init__(self, neighbourhood: Neighbourhood, translation: Translation, *, inside: bytes) -> None:
        self.translation: Final = translation
        self.rules = Rules()
        self.inside = inside
        self.stops: Final[Counter[Stop]] = Counter()
        self._near: Final = neighbourhood
        self._redirected: Final[dict[tuple[int, int], tuple[bytes, int]]] = {}
        """Where a flow of the device, by protocol and outside port, believes to talk to."""

    def outward(self, packet: bytes, *, at_s: float) -> bytes | None:
        """Let out what the device sends, as the rest of the world sees it; None if it does not pass."""
        flow = flow_of(packet)
        stop = self._stop(flow)
        if stop is not None or flow is None:
            self.stops[stop or Stop.FOREIGN] += 1
            return None
        leads_to = self._leads_to(flow)
        translated = self.translation.outward(packet, flow, at_s=at_s)
        outside = flow_of(translated)
        assert outside is not None
        key = (flow.protocol, outside.source_port)
        if leads_to is None:
            self._redirected.pop(key, None)
            return translated
        self._redirected[key] = (flow.target, flow.target_port)
        return readdressed(translated, target=leads_to)

    def inward(self, packet: bytes, *, at_s: float) -> bytes | None:
        """Let in what is for the device; None if it does not pass."""
        flow = flow_of(packet)
        believed = self._redirected.get((flow.protocol, flow.target_port)) if flow is not None else None
        if flow is not None and self.rules.captive and flow.source != self._near.portal:
            self.stops[Stop.CAPTIVE] += 1
            return None
        translated = self.translation.inward(packet, at_s=at_s)
        if translated is None:
            self.stops[Stop.UNMAPPED if flow is not None else Stop.FOREIGN] += 1
            return None
        return readdressed(translated, source=believed) if believed is not None else translated

    def _stop(self, flow: Flow | None) -> Stop | None:
        if flow is None:
            return Stop.FOREIGN
        if flow.source != self.inside:
            return Stop.WRONG_SOURCE
        is_web = flow.protocol == TCP and flow.target_port == HTTP_PORT
        if self.rules.captive and not is_web:
            return Stop.CAPTIVE
        return Stop.BLOCKED if flow.target_port in self.rules.blocked_ports else None

    def _leads_to(self, flow: Flow) -> tuple[bytes, int] | None:
        if flow.protocol != TCP:
            return None
        if self.rules.captive:
            return (self._near.portal, HTTP_PORT)
        if (flow.target, flow.target_port) == (self._near.relay, HTTPS_PORT):
            return (self._near.relay, self._near.relay_port)  # the relay's operator has it answer there, too
        return None
