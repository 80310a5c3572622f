"""Kills the relay, puts older copies of its store back, and takes all of it away."""

from answerback.lab.simulation.disk import Fuse
from answerback.lab.simulation.misfortunes.trouble import SHORT_S, Kind, Trouble
from answerback.lab.simulation.town import Town

COPIES_MAX = 4
"""Copies kept of the relay's store: the older ones go."""


class RelayTrouble(Trouble):
    """What befalls the relay and its store."""

    def __init__(self, town: Town) -> None:
        super().__init__(town)
        self.copies: list[tuple[float, bytes]] = []

    def often(self) -> list[Kind]:
        """What happens every day."""
        return [self.relay_killed, self.relay_killed_before_a_commit, self.relay_killed_after_a_commit]

    def seldom(self) -> list[Kind]:
        """What happens now and then."""
        return [
            *[self.relay_loses_its_last_second] * 2,
            *[self.relay_restored_from_a_backup] * 2,
            self.relay_loses_its_store,
        ]

    def heal(self) -> None:
        """Let the relay run."""
        self.town.office.disk.put_out()
        if not self.town.office.is_up:
            self.town.office.come_back()

    def relay_killed(self) -> None:
        """Kill the relay between two inputs."""
        if self.town.office.is_up:
            self.fault("relay_killed", None)
            self.town.office.crash()
            self._return_later()

    def relay_killed_before_a_commit(self) -> None:
        """Kill the relay in the middle of a transaction."""
        self._burn("relay_killed_before_a_commit", Fuse(self.town.random.randint(0, 6), is_after=False))

    def relay_killed_after_a_commit(self) -> None:
        """Kill the relay when mail is on its disk and nobody was told."""
        self._burn("relay_killed_after_a_commit", Fuse(self.town.random.randint(0, 2), is_after=True, at_commit=True))

    def relay_loses_its_last_second(self) -> None:
        """Let the relay's disk lie: a second of what it said was kept is not."""
        if self.town.office.is_up:
            image = self.town.office.disk.copy()
            self.town.later(1.0, lambda: self._put_back("relay_loses_its_last_second", image))

    def relay_restored_from_a_backup(self) -> None:
        """Put an older copy of the store back."""
        if not self.copies:
            self.keep_a_copy()
            self.town.later(self.some(SHORT_S), self.relay_restored_from_a_backup)
            return
        _, image = self.town.random.choice(self.copies)
        self._put_back("relay_restored_from_a_backup", image)

    def relay_loses_its_store(self) -> None:
        """Let the relay begin with an empty store; its operator lets people register again."""
        self.fault("relay_loses_its_store", None)
        self.copies.clear()  # they were beside it
        self.town.truth.relay_forgot = True
        self.town.office.lose_everything()
        self._return_later()

    def keep_a_copy(self) -> None:
        """The operator backs the store up."""
        if self.town.office.is_up:
            self.town.chronicle.say("relay", "is backed up")
            self.copies = [*self.copies[-COPIES_MAX + 1 :], (self.now_s(), self.town.office.disk.copy())]

    def _burn(self, kind: str, fuse: Fuse) -> None:
        def burnt() -> None:
            self.fault(kind, None)
            self._return_later()

        fuse.burnt = burnt
        self.town.office.disk.fuse = fuse

    def _put_back(self, kind: str, image: bytes) -> None:
        town = self.town
        before = town.office.list_versions()
        self.fault(kind, None)
        town.truth.relay_forgot = True
        if town.office.is_up:
            town.office.crash()
        town.office.disk.restore(image)
        if town.office.list_versions() != before:
            self.fault("relay_forgets_a_list", None)
        town.register_missing()
        self._return_later()

    def _return_later(self) -> None:
        self.town.office.return_later(self.some((0.5, 30.0)))
