"""One path of a device: its network device, both directions of its link, and the border of its network."""

import errno
import os
from array import array
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Final

from answerback.lab.links import Link
from answerback.lab.packets.accuracy import WayMeter
from answerback.lab.packets.addresses import PORTAL, RELAY, RELAY_PORT, inside_of, outside_of, packed
from answerback.lab.packets.border import Border, Neighbourhood
from answerback.lab.packets.bottleneck import Arrival, Bottleneck
from answerback.lab.packets.datagrams import flow_of, opens_connection
from answerback.lab.packets.fading import Faded, Share
from answerback.lab.packets.namespaces import set_carrier
from answerback.lab.packets.netlink import Netlink
from answerback.lab.packets.scenarios import Allow, Befall, Deed, Forget, Move, Plug, Rebind, Switch
from answerback.lab.packets.translation import Translation
from answerback.lab.packets.troubles import LabBroken
from answerback.lab.packets.weather import Weather, weather_of
from answerback.lab.schedule import Piece, Rates, Schedule

CALM: Final = Rates((Piece(1.0, 1e9),))
"""What is played before a run begins: people come in over a good link."""

METRIC_STEP: Final = 100
"""The system prefers the first path by this much."""

TABLE_FIRST: Final = 100
"""Each path has a table of routes of its own, for what is sent from its address."""


@dataclass(slots=True)
class Traffic:
    """What the device sent on a path, packet by packet."""

    at_s: "array[float]" = field(default_factory=lambda: array("d"))
    sizes_bytes: "array[int]" = field(default_factory=lambda: array("I"))
    attempts_s: "array[float]" = field(default_factory=lambda: array("d"))
    """When each new connection was first asked for."""
    _ports: set[tuple[bytes, int]] = field(default_factory=set)

    def take(self, packet: bytes, *, at_s: float) -> None:
        """Take note of a packet; one that asks again for the same connection is no new attempt."""
        self.at_s.append(at_s)
        self.sizes_bytes.append(len(packet))
        flow = flow_of(packet)
        if flow is not None and opens_connection(packet):
            end = (flow.source, flow.source_port)
            if end not in self._ports:
                self._ports.add(end)
                self.attempts_s.append(at_s)


class Way:
    """One direction of a path."""

    def __init__(self, schedule: Schedule, weather: Weather, *, seed: int, name: str, origin_s: float, from_s: float):
        self.origin_s: Final = origin_s
        """When, by the machine's clock, the link was at its beginning."""
        self.own: Final = weather
        self.meter: Final = WayMeter(schedule, from_s=from_s)
        self.bottleneck: Final[Bottleneck[bytes]] = Bottleneck(
            schedule, weather, seed=seed, way=name, from_s=from_s, tell_loss=self.meter.lost
        )

    def offer(self, packet: bytes, *, now_s: float) -> None:
        """Give the link a packet to carry."""
        at_s = now_s - self.origin_s
        if self.bottleneck.offer(packet, size_bytes=len(packet), at_s=at_s) is None:
            self.meter.offered(at_s, busy_until_s=self.bottleneck.busy_until_s)

    def wrote(self, arrival: Arrival[bytes], *, now_s: float) -> None:
        """Take note of when a packet was really handed over."""
        self.meter.written(
            left_s=arrival.left_s,
            lands_s=arrival.lands_s,
            now_s=now_s - self.origin_s,
            size_bytes=arrival.size_bytes,
        )

    def next_at_s(self) -> float | None:
        """When, by the machine's clock, something may land."""
        at_s = self.bottleneck.next_at_s()
        return None if at_s is None else at_s + self.origin_s

    def befall(self, change: dict[str, object], *, now_s: float) -> None:
        """Make the weather the link's own but for these fields."""
        weather = replace(self.own, **change)  # type: ignore[arg-type]
        self.bottleneck.change(weather, at_s=now_s - self.origin_s)


class Road:
    """One path, from the device's network device to the rest of the world and back."""

    def __init__(self, number: int, *, tun: int, index: int, netlink: Netlink, now_s: float) -> None:
        self.number: Final = number
        self.tun: Final = tun
        self.traffic = Traffic()
        self.refused_writes = 0
        """Packets that came while the interface was down."""
        self._index: Final = index
        self._netlink: Final = netlink
        self._moves = 0
        near = Neighbourhood(packed(RELAY), RELAY_PORT, packed(PORTAL))
        self.border: Final = Border(near, Translation(outside_of(number)), inside=inside_of(number))
        self.up, self.down = (
            Way(CALM, Weather(), seed=0, name=name, origin_s=now_s, from_s=0.0) for name in ("up", "down")
        )

    def connect(self) -> None:
        """Switch the interface on, with its address and routes."""
        self._netlink.set_link(self._index, up=True)
        self._netlink.add_address(self._index, self.border.inside)
        self._netlink.add_rule(source=self.border.inside, table=TABLE_FIRST + self.number)
        self._add_routes()

    def begin(
        self,
        link: Link,
        *,
        shares: tuple[Share, ...],
        seed: int,
        queue_bytes_max: int,
        drops_gaps: bool,
        from_s: float,
        now_s: float,
    ) -> None:
        """Play a link from now on."""
        self.traffic = Traffic()
        self.border.stops.clear()
        self.refused_writes = 0
        origin_s = now_s - from_s
        shifted = tuple(Share(share.from_s and share.from_s + from_s, share.share) for share in shares)

        def way(name: str, schedule: Schedule) -> Way:
            played = Faded(schedule, shifted) if len(shares) > 1 else schedule
            weather = weather_of(link, queue_bytes_max=queue_bytes_max, drops_gaps=drops_gaps)
            chance = f"{name}{self.number}"
            return Way(played, weather, seed=seed, name=chance, origin_s=origin_s, from_s=from_s)

        self.up, self.down = way("up", link.up), way("down", link.down)

    def do(self, deed: Deed, *, now_s: float) -> None:
        """Let something happen to this path."""
        match deed:
            case Befall():
                for name, way in (("up", self.up), ("down", self.down)):
                    if name in deed.ways:
                        way.befall(dict(deed.change), now_s=now_s)
            case Switch():
                self._netlink.set_link(self._index, up=deed.on)
                if deed.on:
                    self._add_routes()
            case Plug():
                set_carrier(self.tun, on=deed.on)
            case Move():
                self._move()
            case Rebind():
                self.border.translation.rebind(self._next_outside() if deed.moved else None)
            case Forget():
                self.border.translation.idle_s_max = deed.idle_s
            case Allow():
                self.border.rules = deed.rules(RELAY_PORT)

    def write(self, packet: bytes) -> None:
        """Hand a packet to the device; an interface that is down takes none."""
        try:
            os.write(self.tun, packet)
        except OSError as error:
            if error.errno not in {errno.EIO, errno.EAGAIN, errno.EINVAL}:
                raise LabBroken(f"the device's interface broke: {error.strerror}") from error
            self.refused_writes += 1

    def drops(self) -> Counter[str]:
        """Everything that did not arrive, by its reason."""
        found: Counter[str] = Counter()
        for way in (self.up, self.down):
            found.update({drop.value: count for drop, count in way.bottleneck.tally.drops.items()})
        found.update({stop.value: count for stop, count in self.border.stops.items()})
        found["interface down"] += self.refused_writes
        return +found

    # ---- private ---------------------------------------------------------------------------------------------------

    def _add_routes(self) -> None:
        source, table = self.border.inside, TABLE_FIRST + self.number
        self._netlink.add_route(self._index, source=source, metric=METRIC_STEP * (self.number + 1))
        self._netlink.add_route(self._index, source=source, table=table)

    def _move(self) -> None:
        table = TABLE_FIRST + self.number
        self._netlink.remove_rule(source=self.border.inside, table=table)
        self._netlink.remove_address(self._index, self.border.inside)
        self.border.translation.rebind(self._next_outside())
        self.border.inside = inside_of(self.number, move=self._moves)
        self.connect()

    def _next_outside(self) -> bytes:
        self._moves += 1
        return outside_of(self.number, move=self._moves)
