"""Breaks, delays and blocks connections."""

from answerback.core.network.evidence import Evidence
from answerback.lab.simulation.misfortunes.trouble import LONG_S, SHORT_S, Kind, Trouble
from answerback.lab.simulation.villager import Villager


class NetworkTrouble(Trouble):
    """What befalls the ways between devices and the relay."""

    def often(self) -> list[Kind]:
        """What happens every day."""
        return [
            self.connection_lost,
            self.half_open_at_the_relay,
            self.half_open_at_the_device,
            self.one_way_partition,
            self.two_way_partition,
            self.delay_spike,
            self.network_changes,
        ]

    def heal(self) -> None:
        """Let everything through."""
        for villager in self.town.villagers:
            _unblock(villager)

    def connection_lost(self) -> None:
        """Break a connection with frames on it in both directions."""
        self._cut("connection_lost", device_knows=True, relay_knows=True)

    def half_open_at_the_relay(self) -> None:
        """Let the relay believe in a connection that its device has lost."""
        self._cut("half_open_at_the_relay", device_knows=True, relay_knows=False)

    def half_open_at_the_device(self) -> None:
        """Let a device believe in a connection that the relay has lost."""
        self._cut("half_open_at_the_device", device_knows=False, relay_knows=True)

    def one_way_partition(self) -> None:
        """Let nothing through in one direction; it arrives later, perhaps on a connection given up meanwhile."""
        who = self.anybody()
        up = self.chance(0.5)
        self.fault("one_way_partition", who, "it is not heard" if up else "it hears nothing")
        who.road.obstruct(up=up, down=not up)
        self.town.later(self.some(LONG_S), lambda: _unblock(who))

    def two_way_partition(self) -> None:
        """Let nothing through at all."""
        who = self.anybody()
        self.fault("two_way_partition", who)
        who.road.obstruct(up=True, down=True)
        who.road.is_cut = True
        self.town.later(self.some(LONG_S), lambda: _unblock(who))

    def delay_spike(self) -> None:
        """Make everything late for a while."""
        who = self.anybody()
        self.fault("delay_spike", who)
        who.road.spike_s = self.some((0.5, 6.0))
        self.town.later(self.some(SHORT_S), lambda: _unblock(who))

    def network_changes(self) -> None:
        """Lose the connection for another network, and know it."""
        who = self.anybody()
        self.fault("network_changes", who)
        for wire in who.wires():
            wire.cut(relay_knows=False)
        who.road.delay_s = self.town.random.choice((0.005, 0.03, 0.1, 0.3))
        who.change(lambda engine, now: engine.hint(now=now, evidence=Evidence.NETWORK_CHANGED))

    def _cut(self, kind: str, *, device_knows: bool, relay_knows: bool) -> None:
        who = self.anybody()
        wires = who.wires()
        if not wires:
            return
        self.fault(kind, who)
        wire = wires[-1]
        wire.cut(
            relay_gets=self.town.random.randint(0, wire.up.under_way),
            device_gets=self.town.random.randint(0, wire.down.under_way),
            device_knows=device_knows,
            relay_knows=relay_knows,
        )


def _unblock(who: Villager) -> None:
    who.road.is_cut = False
    who.road.spike_s = 0.0
    who.road.obstruct()
