"""Names everything that goes wrong in a simulated world, and does it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from answerback.lab.simulation.disk import Fuse
from answerback.lab.simulation.town import Town
from answerback.lab.simulation.villager import Villager

DAY_S = 86_400.0
MONTHS_S = (20 * DAY_S, 36 * DAY_S)
"""Beyond 38 days the keys that envelopes are sealed to may be gone, and no other is asked for: docs/proof.md."""
SHORT_S = (0.2, 8.0)
LONG_S = (20.0, 180.0)
YEAR_MS = 365 * 86_400_000


@dataclass(slots=True)
class Misfortunes:
    """What may befall one town; each method is one kind of fault, counted under its name."""

    town: Town
    backups: list[bytes] = field(default_factory=list)

    def kinds(self) -> list[Callable[[], None]]:
        """Every kind, as often as it is to come."""
        often = [
            self.connection_lost,
            self.half_open_at_the_relay,
            self.half_open_at_the_device,
            self.one_way_partition,
            self.two_way_partition,
            self.delay_spike,
            self.agent_killed,
            self.agent_killed_before_a_write,
            self.agent_killed_after_a_commit,
            self.relay_killed,
            self.relay_killed_before_a_commit,
            self.relay_killed_after_a_commit,
        ]
        seldom = [
            self.relay_loses_its_last_second,
            self.relay_restored_from_a_backup,
            self.relay_disk_full,
            self.relay_commits_fail,
            self.agent_disk_full,
            self.clock_jump,
            self.clock_drift,
            self.device_linked,
            self.device_revoked,
            self.device_off_for_a_while,
            self.network_changes,
        ]
        return often * 2 + seldom

    def heal(self) -> None:
        """End everything that is wrong, but for clocks that were set and devices that are gone."""
        town = self.town
        for timer in town.timers:
            timer.cancel()
        town.timers.clear()
        town.office.is_full = town.office.refuses_commits = False
        town.office.disk.fuse = None
        if not town.office.is_up:
            self._relay_returns()
        for villager in town.villagers:
            self._unblock(villager)
            villager.disk.is_full, villager.disk.fuse = False, None
            if villager.device in {device.id for device in town.listed(villager)}:
                villager.start()
        self.backups.clear()

    # ---- connections

    def connection_lost(self) -> None:
        """Break a connection with frames on it in both directions."""
        self._cut(device_knows=True, relay_knows=True)

    def half_open_at_the_relay(self) -> None:
        """Let the relay believe in a connection that its device has lost."""
        self._cut(device_knows=True, relay_knows=False)

    def half_open_at_the_device(self) -> None:
        """Let a device believe in a connection that the relay has lost."""
        self._cut(device_knows=False, relay_knows=True)

    def one_way_partition(self) -> None:
        """Let nothing through in one direction; it arrives later, perhaps on a connection given up meanwhile."""
        who = self._anybody()
        up = self._chance(0.5)
        self._fault("one_way_partition", who, "it is not heard" if up else "it hears nothing")
        who.road.obstruct(up=up, down=not up)
        self.town.later(self._some(LONG_S), lambda: self._unblock(who))

    def two_way_partition(self) -> None:
        """Let nothing through at all."""
        who = self._anybody()
        self._fault("two_way_partition", who)
        who.road.obstruct(up=True, down=True)
        who.road.is_cut = True
        self.town.later(self._some(LONG_S), lambda: self._unblock(who))

    def delay_spike(self) -> None:
        """Make everything late for a while."""
        who = self._anybody()
        self._fault("delay_spike", who)
        who.road.spike_s = self._some((0.5, 6.0))
        self.town.later(self._some(SHORT_S), lambda: self._unblock(who))

    def network_changes(self) -> None:
        """Lose the connection for another network, and know it."""
        who = self._anybody()
        self._fault("network_changes", who)
        for wire in who.wires():
            wire.cut(relay_knows=False)
        who.road.delay_s = self.town.random.choice((0.005, 0.03, 0.1, 0.3))
        who.change(lambda engine, now: engine.hint(now=now))

    # ---- agents

    def agent_killed(self) -> None:
        """Kill an agent between two changes."""
        who = self._anybody()
        self._fault("agent_killed", who)
        who.crash()
        who.start_later()

    def agent_killed_before_a_write(self) -> None:
        """Kill an agent at one of its next statements, in the middle of a transaction."""
        who = self._anybody()
        self._fault("agent_killed_before_a_write", who)
        who.disk.fuse = Fuse(self.town.random.randint(0, 40), is_after=False)

    def agent_killed_after_a_commit(self) -> None:
        """Kill an agent when something is on its disk and nobody was told."""
        who = self._anybody()
        self._fault("agent_killed_after_a_commit", who)
        who.disk.fuse = Fuse(self.town.random.randint(0, 8), is_after=True, at_commit=True)

    def agent_disk_full(self) -> None:
        """Leave no room on a device."""
        who = self._anybody()
        self._fault("agent_disk_full", who)
        who.disk.is_full = True
        self.town.later(self._some((1.0, 60.0)), lambda: setattr(who.disk, "is_full", False))

    def device_off_for_a_while(self) -> None:
        """Switch a device off, for seconds or minutes."""
        who = self._anybody()
        self._fault("device_off_for_a_while", who)
        who.crash()
        self.town.later(self._some(LONG_S), who.start)

    def clock_jump(self) -> None:
        """Set a device's clock, by seconds or by years."""
        who = self._anybody()
        self.town.truth.clocks_were_set = True
        self._fault("clock_jump", who)
        who.wall_offset_ms = self.town.random.choice((0, 5_000, -90_000, 3_600_000, 30 * YEAR_MS, -30 * YEAR_MS))

    def clock_drift(self) -> None:
        """Let a device's clock gain or lose."""
        who = self._anybody()
        self.town.truth.clocks_were_set = True
        self._fault("clock_drift", who)
        who.drift = self.town.random.choice((1e-4, -1e-4, 0.02, -0.02))

    def device_linked(self) -> None:
        """Add a device to somebody's account while people write."""
        who = self._anybody()
        if not self.town.spare:
            return
        self._fault("device_linked", who)
        self.backups.clear()  # an older relay would not know the device: how that heals is another story
        self.town.link(who)

    def device_revoked(self) -> None:
        """Take a device off its account's list while people write."""
        town = self.town
        for by in town.awake:
            others = [v for v in town.villagers if v.account == by.account and v is not by and v.lives]
            if others and len(town.listed(by)) > 1 and by.device not in town.truth.revoked:
                gone = town.random.choice(others)
                self._fault("device_revoked", gone)
                self.backups.clear()
                town.announce(by, [device for device in town.listed(by) if device.id != gone.device])
                return

    # ---- the relay

    def relay_killed(self) -> None:
        """Kill the relay between two inputs."""
        if self.town.office.is_up:
            self._relay_fault("relay_killed")
            self.town.office.crash()
            self._relay_returns_later()

    def relay_killed_before_a_commit(self) -> None:
        """Kill the relay in the middle of a transaction."""
        self._relay_fault("relay_killed_before_a_commit")
        self.town.office.disk.fuse = Fuse(self.town.random.randint(0, 6), is_after=False)
        self._relay_returns_later()

    def relay_killed_after_a_commit(self) -> None:
        """Kill the relay when mail is on its disk and nobody was told."""
        self._relay_fault("relay_killed_after_a_commit")
        self.town.office.disk.fuse = Fuse(self.town.random.randint(0, 2), is_after=True, at_commit=True)
        self._relay_returns_later()

    def relay_loses_its_last_second(self) -> None:
        """Let the relay's disk lie: a second of what it said was kept is not."""
        if not self.town.office.is_up:
            return
        lists = len(self.town.truth.revoked), len(self.town.villagers)
        image = self.town.office.disk.copy()

        def power_goes() -> None:
            if lists == (len(self.town.truth.revoked), len(self.town.villagers)):
                self._restore("relay_loses_its_last_second", image)

        self.town.later(1.0, power_goes)

    def relay_restored_from_a_backup(self) -> None:
        """Take a backup, or put the last one back."""
        if self.backups:
            image = self.backups.pop()
            self._restore("relay_restored_from_a_backup", image)
        elif self.town.office.is_up:
            self.town.chronicle.say("relay", "is backed up")
            self.backups.append(self.town.office.disk.copy())

    def relay_disk_full(self) -> None:
        """Let the relay take no mail for want of room."""
        self._relay_fault("relay_disk_full")
        self.town.office.is_full = self.town.truth.relay_was_full = True
        self.town.later(self._some(SHORT_S), lambda: setattr(self.town.office, "is_full", False))

    def relay_commits_fail(self) -> None:
        """Let the relay's disk refuse every commit for a while."""
        self._relay_fault("relay_commits_fail")
        self.town.office.refuses_commits = True
        self.town.later(self._some(SHORT_S), lambda: setattr(self.town.office, "refuses_commits", False))

    # ---- private

    def _cut(self, *, device_knows: bool, relay_knows: bool) -> None:
        random = self.town.random
        connected = [wire for villager in self.town.awake for wire in villager.wires()]
        if not connected:
            return
        wire = random.choice(connected)
        kind = "connection_lost"
        if not (device_knows and relay_knows):
            kind = "half_open_at_the_device" if relay_knows else "half_open_at_the_relay"
        under_way = f"{wire.up.under_way} frames under way to the relay, {wire.down.under_way} from it"
        self.town.chronicle.fault(kind, wire.device, under_way)
        wire.cut(
            relay_gets=random.randint(0, 3),
            device_gets=random.randint(0, 3),
            device_knows=device_knows,
            relay_knows=relay_knows,
        )

    def _restore(self, kind: str, image: bytes) -> None:
        self._relay_fault(kind)
        self.town.truth.relay_forgot = True
        if self.town.office.is_up:
            self.town.office.crash()
        self.town.office.disk.restore(image)
        self._relay_returns_later()

    def _relay_returns_later(self) -> None:
        self.town.later(self._some((0.5, 30.0)), self._relay_returns)

    def _relay_returns(self) -> None:
        if not self.town.office.is_up:
            self.town.chronicle.say("relay", "is back")
            self.town.office.disk.fuse = None
            self.town.office.start()

    def _unblock(self, who: Villager) -> None:
        who.road.is_cut = False
        who.road.spike_s = 0.0
        who.road.obstruct()

    def _fault(self, kind: str, who: Villager, what: str = "") -> None:
        self.town.chronicle.fault(kind, who.name, what)

    def _relay_fault(self, kind: str) -> None:
        self.town.chronicle.fault(kind, "relay")

    def _anybody(self) -> Villager:
        return self.town.random.choice(self.town.awake or self.town.villagers)

    def _some(self, span: tuple[float, float]) -> float:
        return self.town.random.uniform(*span)

    def _chance(self, share: float) -> bool:
        return self.town.random.random() < share
