"""Chooses whom a misfortune befalls, for how long, and writes it down."""

from collections.abc import Callable

from answerback.lab.simulation.faults import KINDS
from answerback.lab.simulation.town import Town
from answerback.lab.simulation.villager import Villager

Kind = Callable[[], None]
SHORT_S = (0.2, 8.0)
LONG_S = (20.0, 180.0)


class Trouble:
    """What all misfortunes have in common."""

    def __init__(self, town: Town) -> None:
        self.town = town

    def fault(self, kind: str, who: Villager | None, what: str = "") -> None:
        """Count a fault under its name, and write it down."""
        assert kind in KINDS
        self.town.chronicle.fault(kind, who.name if who else "relay", what)

    def anybody(self) -> Villager:
        """Somebody whose device runs, if there is one; never one that no list names yet: nobody has started it."""
        return self.town.random.choice(self.town.awake or [each for each in self.town.villagers if each.counts])

    def some(self, span: tuple[float, float]) -> float:
        """A time within a span."""
        return self.town.random.uniform(*span)

    def chance(self, share: float) -> bool:
        """Whether something happens that happens this often."""
        return self.town.random.random() < share

    def seed(self) -> int:
        """A number for whatever must not depend on how many numbers it draws."""
        return self.town.random.getrandbits(32)

    def now_s(self) -> float:
        """Virtual seconds."""
        return self.town.loop.time()
