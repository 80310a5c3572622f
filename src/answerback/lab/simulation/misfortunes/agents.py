"""Kills, stops and puts back devices."""

from answerback.lab.simulation.disk import Fuse
from answerback.lab.simulation.misfortunes.trouble import LONG_S, SHORT_S, Kind, Trouble
from answerback.lab.simulation.villager import Villager

COPIES_MAX = 3
"""Copies kept of one device's journal."""


class AgentTrouble(Trouble):
    """What befalls devices and the agents on them."""

    def often(self) -> list[Kind]:
        """What happens every day."""
        return [self.agent_killed, self.agent_killed_before_a_write, self.agent_killed_after_a_commit]

    def seldom(self) -> list[Kind]:
        """What happens now and then."""
        return [
            self.agent_frozen,
            self.device_suspended,
            self.device_off_for_a_while,
            *[self.device_restored_from_a_backup] * 2,
        ]

    def heal(self) -> None:
        """Let everything run that may."""
        for villager in self.town.villagers:
            villager.disk.put_out()
            villager.thaw()
            if villager.counts:
                villager.start()

    def agent_killed(self) -> None:
        """Kill an agent between two changes."""
        who = self.anybody()
        self.fault("agent_killed", who)
        who.crash()
        who.start_later()

    def agent_killed_before_a_write(self) -> None:
        """Kill an agent at one of its next statements, in the middle of a transaction."""
        self._burn("agent_killed_before_a_write", statements=self.town.random.randint(0, 40), is_after=False)

    def agent_killed_after_a_commit(self) -> None:
        """Kill an agent when something is on its disk and nobody was told."""
        self._burn("agent_killed_after_a_commit", statements=self.town.random.randint(0, 8), is_after=True)

    def agent_frozen(self) -> None:
        """Stop an agent as SIGSTOP does: its sockets go on, it handles nothing."""
        who = self.anybody()
        if who.freeze():
            self.fault("agent_frozen", who)
            self.town.later(self.some((2.0, 240.0)), who.thaw)

    def device_suspended(self) -> None:
        """Send a device to sleep: its monotonic clock sleeps too."""
        who = self.anybody()
        if who.freeze(sleeps=True):
            self.fault("device_suspended", who)
            self.town.later(self.some((5.0, 3600.0)), who.thaw)

    def device_off_for_a_while(self) -> None:
        """Switch a device off, for seconds or minutes."""
        who = self.anybody()
        self.fault("device_off_for_a_while", who)
        who.crash()
        self.town.later(self.some(LONG_S), who.start)

    def device_restored_from_a_backup(self) -> None:
        """Put an older copy of a device's journal back; it goes on from there."""
        having = [villager for villager in self.town.awake if villager.copies]
        if not having:
            self.keep_a_copy()
            self.town.later(self.some(SHORT_S), self.device_restored_from_a_backup)
            return
        who = self.town.random.choice(having)
        at_s, image = self.town.random.choice(who.copies)
        self.fault("device_restored_from_a_backup", who, f"of {at_s:.0f} s")
        who.restore(image)

    def keep_a_copy(self) -> None:
        """Somebody backs a device up."""
        who = self.anybody()
        if who.is_on:
            who.copies = [*who.copies[-COPIES_MAX + 1 :], (self.now_s(), who.disk.copy())]

    def _burn(self, kind: str, *, statements: int, is_after: bool) -> None:
        who = self.anybody()
        who.disk.fuse = Fuse(statements, is_after, at_commit=is_after, burnt=lambda: self._burnt(kind, who))

    def _burnt(self, kind: str, who: Villager) -> None:
        self.fault(kind, who)
