"""Everything that goes wrong in a simulated world, by where it happens."""

from answerback.lab.simulation.misfortunes.every import Misfortunes
from answerback.lab.simulation.misfortunes.people import MONTHS_S

__all__ = ["MONTHS_S", "Misfortunes"]
