"""Takes somebody away for minutes or hours while everybody else goes on."""

import asyncio
from typing import Final

from answerback.lab.simulation.misfortunes.lies import RelayLies
from answerback.lab.simulation.misfortunes.trouble import Trouble
from answerback.lab.simulation.villager import Villager
from answerback.lab.simulation.workload import Workload

OUTAGE_S: Final = (120.0, 3600.0)
HOURS_S: Final = (3600.0, 8 * 3600.0)
"""Long enough for a sender to ask about its mail more than four times."""
HOURS_SHARE: Final = 0.3
STEPS: Final = 4
"""How often meanwhile somebody writes, and everybody is asked why they wait."""


class Outages(Trouble):
    """What lasts long."""

    async def long_outage(self) -> None:
        """Let a device, the relay or all ways to it be away, and the world wait."""
        what = self.town.random.choice(("relay", "network", "device", "way"))
        who = self.anybody()
        span = HOURS_S if what == "device" or self.chance(HOURS_SHARE) else OUTAGE_S
        lasts_s = self.some(span)
        self.fault("long_outage", None if what == "relay" else who, f"{what}, for {lasts_s:.0f} s")
        if what == "device" and self.chance(0.5):
            RelayLies(self.town).relay_denies_mail()  # who waits for a device that is away asks where its mail is
        self._begin(what, who)
        for _ in range(STEPS):
            await asyncio.sleep(lasts_s / STEPS)
            Workload(self.town).write()
        self._end(what, who)

    def _begin(self, what: str, who: Villager) -> None:
        if what == "relay":
            self.town.office.crash()
        elif what == "device":
            who.crash()
        for villager in self.town.villagers if what == "network" else [who] if what == "way" else []:
            for road in villager.ways.roads.values():
                road.obstruct(up=True, down=True)
                road.is_cut = True

    def _end(self, what: str, who: Villager) -> None:
        if what == "relay":
            self.town.office.come_back()
        elif what == "device":
            who.start()
        for villager in self.town.villagers if what == "network" else [who] if what == "way" else []:
            for road in villager.ways.roads.values():
                road.is_cut = False
                road.obstruct()
