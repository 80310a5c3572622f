"""Knows the ways out of one machine: one that nobody can tell from others, or interfaces with a road each.

Several accounts' devices on one machine have the same ways, and each is told of them by its own senses.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from answerback.lab.simulation.wires import Road, Wire
from answerback.model.paths import ANY_PATH, NETWORK_BYTES, PathSeen

WIFI, CELLULAR = "wlan0", "wwan0"


@dataclass(slots=True)
class Ways:
    """The ways of one machine, the one its system prefers first."""

    roads: dict[str, Road]
    metered: set[str] = field(default_factory=set)
    """Where somebody pays for each byte."""
    _networks: dict[str, int] = field(default_factory=dict)
    _arrivals: dict[str, int] = field(default_factory=dict)
    _gone: set[str] = field(default_factory=set)

    @property
    def first(self) -> Road:
        """The road that the system prefers, whether or not it is there."""
        return next(iter(self.roads.values()))

    @property
    def are_several(self) -> bool:
        """Whether there is more than one."""
        return len(self.roads) > 1

    def road(self, path: str) -> Road | None:
        """The road behind a path, if it is there; without a name it is whatever the system chooses."""
        there = [name for name in self.roads if name not in self._gone]
        name = next(iter(there), path) if path == ANY_PATH else path
        return self.roads[name] if name in there else None

    def name_of(self, road: Road) -> str:
        """The path that a road is behind."""
        return next(name for name, each in self.roads.items() if each is road)

    def seen(self) -> tuple[PathSeen, ...]:
        """What a look finds."""
        return tuple(self._seen(name) for name in self.roads if name not in self._gone)

    def address(self, path: str) -> tuple[str, int]:
        """Where datagrams of a path come from, as the relay sees it."""
        return path, self._networks.get(path, 0)

    def wires(self) -> Iterator[Wire]:
        """All connections on them."""
        for road in self.roads.values():
            yield from list(road.wires)

    # ---- what befalls them

    def go(self, name: str) -> None:
        """An interface is gone."""
        self._gone.add(name)

    def come(self, name: str) -> None:
        """It is back."""
        self._gone.discard(name)
        self._arrivals[name] = self._arrivals.get(name, 0) + 1

    def move(self, name: str) -> None:
        """It leads into another network, by another address."""
        self._networks[name] = self._networks.get(name, 0) + 1

    def heal(self) -> None:
        """All of them are there, and let everything through."""
        for name, road in self.roads.items():
            if name in self._gone:
                self.come(name)
            road.is_cut, road.spike_s = False, 0.0
            road.obstruct()

    def _seen(self, name: str) -> PathSeen:
        number = self._networks.get(name, 0)
        network = f"{name[:4]}{number}".encode().ljust(NETWORK_BYTES)[:NETWORK_BYTES]
        return PathSeen(
            name,
            network,
            is_metered=name in self.metered,
            has_ipv4=True,
            has_ipv6=False,
            addresses=frozenset({f"192.0.2.{number % 256}"}),
            arrivals=self._arrivals.get(name, 0),
        )
