"""Takes away one of a device's ways out, moves it elsewhere, and tells the device of it, or does not."""

from collections.abc import Sequence

from answerback.core.network.modes import Mode, Wish
from answerback.core.sensing import Looked, PowerSeen, Sensed, Wished
from answerback.lab.simulation.misfortunes.trouble import LONG_S, SHORT_S, Kind, Trouble
from answerback.lab.simulation.villager import Villager

UNTOLD_SHARE = 0.3
"""Changes that a system says nothing of, or too late."""
LEFT_S = (20.0, 900.0)
LOW, FULL = 0.05, 0.95


class PathTrouble(Trouble):
    """What befalls the ways out, one by one, and what a device feels of itself."""

    def often(self) -> list[Kind]:
        """What happens every day."""
        return [self.path_dies_silently, self.path_vanishes, self.address_changes]

    def seldom(self) -> list[Kind]:
        """What happens now and then."""
        return [*[self.path_priced] * 2, *[self.left_alone] * 2, *[self.battery_low] * 2, *[self.wish_changed] * 2]

    def heal(self) -> None:
        """Bring back all ways, tell everybody of them, and have everybody looked at."""
        for who in self.town.villagers:
            who.ways.heal()
        for who in self.town.villagers:
            who.look()
            self._feel(who, Looked(is_in_front=True), PowerSeen(1.0, is_charging=True), Wished(Wish()))

    # ---- ways

    def path_dies_silently(self) -> None:
        """Of several ways, let nothing through the one in use, and tell nobody."""
        who = self._with_several()
        if who is None:
            return
        name = who.path
        road = who.ways.roads[name]
        self.fault("path_dies_silently", who, name)
        road.obstruct(up=True, down=True)
        road.is_cut = True

        def back() -> None:
            road.is_cut = False
            road.obstruct()

        self.town.later(self.some(LONG_S), back)

    def path_vanishes(self) -> None:
        """Take an interface away, and bring it back."""
        who = self._feeling()
        if who is None:
            return
        name = self.town.random.choice(list(who.ways.roads))
        knows = self.chance(0.5)
        self.fault("path_vanishes", who, f"{name or 'the only one'}, {'its' if knows else 'none of its'} ends known")
        who.ways.go(name)
        for wire in list(who.ways.roads[name].wires):
            wire.cut(device_knows=knows, relay_knows=False)
        self._tell(who)

        def back() -> None:
            who.ways.come(name)
            self._tell(who)

        self.town.later(self.some(self.town.random.choice((SHORT_S, LONG_S))), back)

    def address_changes(self) -> None:
        """Let an interface lead into another network: what stood on it is dead, and neither end hears of it."""
        who = self._feeling()
        if who is None:
            return
        name = self.town.random.choice(list(who.ways.roads))
        self.fault("address_changes", who, name)
        who.ways.move(name)
        for wire in list(who.ways.roads[name].wires):
            wire.cut(device_knows=False, relay_knows=False)
        who.ways.roads[name].delay_s = self.town.random.choice((0.005, 0.03, 0.1, 0.3))
        self._tell(who)

    def path_priced(self) -> None:
        """Let a byte cost something on a way, or nothing any more."""
        who = self._feeling()
        if who is not None:
            name = self.town.random.choice(list(who.ways.roads))
            self.fault("path_priced", who, name)
            who.ways.metered ^= {name}
            self._tell(who)

    # ---- the device itself

    def left_alone(self) -> None:
        """Let nobody look at a device for a while."""
        who = self.anybody()
        self.fault("left_alone", who)
        self._feel(who, Looked(is_in_front=False))
        self.town.later(self.some(LEFT_S), lambda: self._feel(who, Looked(is_in_front=True)))

    def battery_low(self) -> None:
        """Let a battery run down, and be charged again."""
        who = self.anybody()
        self.fault("battery_low", who)
        self._feel(who, PowerSeen(LOW, is_charging=False))
        self.town.later(self.some(LEFT_S), lambda: self._feel(who, PowerSeen(FULL, is_charging=True)))

    def wish_changed(self) -> None:
        """Let a person choose how eager a device is, and leave it to the device again."""
        who = self.anybody()
        mode = self.town.random.choice(tuple(Mode))
        self.fault("wish_changed", who, mode.value)
        self._feel(who, Wished(Wish(mode)))
        self.town.later(self.some(LEFT_S), lambda: self._feel(who, Wished(Wish())))

    # ---- whom

    def _with_several(self) -> Villager | None:
        return self._one([who for who in self.town.awake if who.ways.are_several and who.path in who.ways.roads])

    def _feeling(self) -> Villager | None:
        return self._one([who for who in self.town.awake if who.feels])

    def _one(self, those: Sequence[Villager]) -> Villager | None:
        return self.town.random.choice(those) if those else None

    def _tell(self, who: Villager) -> None:
        """Let everybody on this machine look, unless its system tells nobody."""
        if self.chance(UNTOLD_SHARE):
            self.fault("nobody_tells", who)
            return
        for each in self.town.villagers:
            if each.ways is who.ways:
                each.look()

    @staticmethod
    def _feel(who: Villager, *events: Sensed) -> None:
        for event in events:
            who.senses(event)
