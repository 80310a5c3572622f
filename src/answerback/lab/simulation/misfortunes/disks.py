"""Fills disks, makes them unreadable, and takes the power away while they write."""

from answerback.lab.simulation.blocks import Tear
from answerback.lab.simulation.disk import Fuse
from answerback.lab.simulation.misfortunes.trouble import SHORT_S, Kind, Trouble
from answerback.lab.simulation.villager import Villager


class DiskTrouble(Trouble):
    """What befalls the disks of devices and of the relay."""

    def seldom(self) -> list[Kind]:
        """What happens now and then."""
        return [
            self.agent_disk_full,
            self.agent_read_errors,
            self.relay_disk_full,
            self.relay_read_errors,
            self.relay_commits_fail,
            self.unsynced_writes_lost,
            self.torn_write,
            self.power_cut_after_sync,
        ]

    def heal(self) -> None:
        """Let every disk be as good as new; what is on it stays."""
        office = self.town.office
        office.is_full = office.refuses_commits = office.disk.is_unreadable = False
        for villager in self.town.villagers:
            villager.disk.is_full = villager.disk.is_unreadable = False

    def agent_disk_full(self) -> None:
        """Leave no room on a device."""
        who = self.anybody()
        self.fault("agent_disk_full", who)
        who.disk.is_full = True
        self.town.later(self.some((1.0, 60.0)), lambda: setattr(who.disk, "is_full", False))

    def agent_read_errors(self) -> None:
        """Let nothing be read from a device's disk: its agent has to begin again, from there."""
        who = self.anybody()
        self.fault("agent_read_errors", who)
        who.disk.is_unreadable = True
        self.town.later(self.some((1.0, 60.0)), lambda: setattr(who.disk, "is_unreadable", False))
        if self.chance(0.5):
            who.crash()
            who.start_later()
        else:  # what is refused is begun again from the disk
            who.disk.is_full = True
            self.town.later(self.some((0.5, 30.0)), lambda: setattr(who.disk, "is_full", False))

    def relay_disk_full(self) -> None:
        """Let the relay take no mail for want of room."""
        office = self.town.office
        self.fault("relay_disk_full", None)
        office.is_full = self.town.truth.relay_was_full = True
        self.town.later(self.some(SHORT_S), lambda: setattr(office, "is_full", False))

    def relay_read_errors(self) -> None:
        """Let nothing be read from the relay's disk."""
        disk = self.town.office.disk
        self.fault("relay_read_errors", None)
        disk.is_unreadable = self.town.truth.relay_was_full = True
        self.town.later(self.some(SHORT_S), lambda: setattr(disk, "is_unreadable", False))

    def relay_commits_fail(self) -> None:
        """Let the relay's disk refuse what it is to keep."""
        office = self.town.office
        self.fault("relay_commits_fail", None)
        office.refuses_commits = True
        self.town.later(self.some(SHORT_S), lambda: setattr(office, "refuses_commits", False))

    def unsynced_writes_lost(self) -> None:
        """Take the power away before a commit is synced: something of it never reaches the platter."""
        self._cut_power(Tear.LOST)

    def torn_write(self) -> None:
        """Take the power away before a commit is synced: something of it reaches the platter in part."""
        self._cut_power(Tear.TORN)

    def power_cut_after_sync(self) -> None:
        """Take the power away when the log is synced, while it is being folded into the file or just after."""
        self._cut_power(Tear.FOLDING)

    def _cut_power(self, tear: Tear) -> None:
        who = None if self.chance(0.4) else self.anybody()
        disk = who.disk if who else self.town.office.disk
        disk.fuse = Fuse(
            self.town.random.randint(0, 4),
            is_after=False,
            at_commit=True,
            tear=tear,
            seed=self.seed(),
            burnt=lambda: self._went(tear, who),
        )

    def _went(self, tear: Tear, who: Villager | None) -> None:
        self.fault(tear.value, who)
        if who is None:
            self.town.office.return_later(self.some((0.5, 30.0)))
