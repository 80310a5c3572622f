"""Names everything that goes wrong in a simulated world, and heals all of it."""

from answerback.lab.simulation.misfortunes.agents import AgentTrouble
from answerback.lab.simulation.misfortunes.claims import HandleClaims
from answerback.lab.simulation.misfortunes.clocks import ClockTrouble
from answerback.lab.simulation.misfortunes.contacts import ContactLies
from answerback.lab.simulation.misfortunes.directory import DirectoryLies
from answerback.lab.simulation.misfortunes.disks import DiskTrouble
from answerback.lab.simulation.misfortunes.lies import RelayLies
from answerback.lab.simulation.misfortunes.network import NetworkTrouble
from answerback.lab.simulation.misfortunes.outages import Outages
from answerback.lab.simulation.misfortunes.paths import PathTrouble
from answerback.lab.simulation.misfortunes.people import PeopleTrouble
from answerback.lab.simulation.misfortunes.relay import RelayTrouble
from answerback.lab.simulation.misfortunes.trouble import LONG_S, Kind
from answerback.lab.simulation.town import Town

COPY_SHARE = 0.2
"""How often, when something may go wrong, somebody takes a backup first."""


LIARS_SHARE = 0.25
"""Worlds in which the relay or a contact lies; in the others everybody is honest, and stricter promises hold."""
LIE_SHARE = 0.6
"""How often there, when something may go wrong, it is a lie."""


class Misfortunes:
    """What may befall one town; each method of each trouble is one kind of fault, counted under its name."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.network = NetworkTrouble(town)
        self.agents = AgentTrouble(town)
        self.disks = DiskTrouble(town)
        self.clocks = ClockTrouble(town)
        self.relay = RelayTrouble(town)
        self.people = PeopleTrouble(town)
        self.paths = PathTrouble(town)
        self.outages = Outages(town)
        self.lies = RelayLies(town)
        self.contacts = ContactLies(town)
        self.directory = DirectoryLies(town)
        self.claims = HandleClaims(town)
        self._are_there_liars: bool | None = None

    def kinds(self) -> list[Kind]:
        """Every kind, as often as it is to come."""
        often = [*self.network.often(), *self.paths.often(), *self.agents.often(), *self.relay.often()]
        seldom = [
            *self.agents.seldom(),
            *self.disks.seldom(),
            *self.clocks.seldom(),
            *self.relay.seldom(),
            *self.people.seldom(),
            *self.paths.seldom(),
        ]
        return often * 2 + [*seldom, *[self.relay_forgets_a_list] * 2]

    def lie_kinds(self) -> list[Kind]:
        """Every kind of lie, in worlds that have liars."""
        return [*self.lies.seldom(), *self.contacts.seldom()]

    def relay_forgets_a_list(self) -> None:
        """Put the relay's store back to before a list changed, which it does right now."""
        self.relay.keep_a_copy()
        self.town.random.choice((self.people.device_linked, self.people.device_revoked))()
        self.town.later(self.town.random.uniform(*LONG_S), self.relay.relay_restored_from_a_backup)

    def strike(self) -> None:
        """Let one thing go wrong, and now and then somebody take a backup before."""
        if self.town.random.random() < COPY_SHARE:
            self.town.random.choice((self.relay.keep_a_copy, self.agents.keep_a_copy))()
        if self._are_there_liars is None:
            self._are_there_liars = self.town.random.random() < LIARS_SHARE
        if self._are_there_liars and self.town.random.random() < LIE_SHARE:
            self.town.random.choice(self.lie_kinds())()
        else:
            self.town.random.choice(self.kinds())()

    def heal(self) -> None:
        """End everything that is wrong, but for clocks that were set and devices that are gone."""
        for timer in self.town.timers:
            timer.cancel()
        self.town.timers.clear()
        self.lies.heal()
        self.directory.heal()
        self.disks.heal()
        self.relay.heal()
        self.network.heal()
        self.agents.heal()
        self.paths.heal()
