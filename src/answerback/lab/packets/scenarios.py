"""The closed list of what the lab can let happen to a device's network, as data."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

from answerback.lab.packets.border import Rules
from answerback.lab.packets.fading import Share
from answerback.lab.packets.weather import Burst
from answerback.model.errors import UsageError

CALM_S = 8.0
"""How long nothing happens at first: connections settle, and policies learn what a good link is like."""

BETWEEN_S = (8.0, 14.0)
"""How long a link is well again between two outages."""

OUTAGE_S = (3.0, 15.0)
"""How long outages last where nothing else is asked for: a lift, a tunnel, a dead corner."""

OUTAGES_USUAL = 3
STEADY_S = 30.0
"""How long a run lasts in which nothing begins and ends."""

FLAPPING_S = 20.0
"""How long an interface that flaps does."""

FADE_S = 2.5
"""A link thins out within this; sooner where calm is shorter."""

AFTER_S = 8.0
"""How long a run goes on after the last thing has happened."""

SHORT_PACKET_BYTES = 1280
"""What still crosses a black hole of path MTU: the least that IPv6 asks of any link, RFC 8200 §5."""

IDLE_S = 15.0
"""A NAT that forgets this soon is among the worst that were measured; the least RFC 4787 allows for UDP is 2 min."""

Change = tuple[tuple[str, object], ...]
"""Fields of a `Weather` that are other than the link's own."""


@dataclass(frozen=True, slots=True)
class Befall:
    """The weather is the link's own but for these fields; none means that it is as before."""

    change: Change = ()
    ways: tuple[str, ...] = ("up", "down")


@dataclass(frozen=True, slots=True)
class Switch:
    """The interface is switched on or off: the system tells everybody."""

    on: bool


@dataclass(frozen=True, slots=True)
class Plug:
    """The interface has its carrier, or has lost it: the system tells everybody."""

    on: bool


@dataclass(frozen=True, slots=True)
class Move:
    """The device gets another address, and its network another one outside: the system tells everybody."""


@dataclass(frozen=True, slots=True)
class Rebind:
    """The network's NAT forgets all mappings, and perhaps gets another address; nobody is told."""

    moved: bool = False


@dataclass(frozen=True, slots=True)
class Forget:
    """The network's NAT forgets what was silent for so long; nobody is told."""

    idle_s: float


@dataclass(frozen=True, slots=True)
class Allow:
    """The operator of the network lets through what these rules say; nobody is told."""

    blocks_relay: bool = False
    captive: bool = False

    def rules(self, relay_port: int) -> Rules:
        """Give the rules for a relay at this port."""
        return Rules(frozenset({relay_port}) if self.blocks_relay else frozenset(), captive=self.captive)


Deed = Befall | Switch | Plug | Move | Rebind | Forget | Allow


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happens to one path, so long after the beginning."""

    at_s: float
    deed: Deed
    path: int = 0


@dataclass(frozen=True, slots=True)
class Trouble:
    """A stretch in which a path does not carry what it should; a moment, where both ends are the same."""

    start_s: float
    end_s: float
    announced: bool
    path: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """What happens in one run."""

    duration_s: float
    happenings: tuple[Happening, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    shares: tuple[Share, ...] = (Share(0.0, 1.0),)
    """What is left of the first path's rates, both ways."""
    every_s: float = 0.5
    """How far apart messages are written, each way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What was asked for beside the scenario's name."""

    seed: int = 1
    outage_s: float | None = None
    """How long each outage lasts; drawn where nothing is said."""
    outages: int = OUTAGES_USUAL
    pace: float = 1.0
    """The lengths of the stretches in which nothing happens, to the usual ones."""

    def __post_init__(self) -> None:
        if self.outage_s is not None and not 0 < self.outage_s <= 3600:
            raise UsageError("an outage lasts more than 0 and at most 3600 s")
        if not 1 <= self.outages <= 100:
            raise UsageError("a run has 1 to 100 outages")
        if not 0.01 <= self.pace <= 100:
            raise UsageError("a pace is 0.01 to 100")


@dataclass(frozen=True, slots=True)
class Scenario:
    """A kind of run."""

    name: str
    description: str
    write: Callable[["Script"], Plot]
    needs_second: bool = False

    def plot(self, wish: Wish) -> Plot:
        """Write down what happens, from the seed alone."""
        return self.write(Script(self.name, wish))


class Script:
    """Draws when things happen; the lengths that are asked for are used as they are."""

    def __init__(self, name: str, wish: Wish) -> None:
        self.wish: Final = wish
        self.calm_s: Final = CALM_S * wish.pace
        self.after_s: Final = AFTER_S * wish.pace
        self.steady_s: Final = STEADY_S * wish.pace
        self._random: Final = Random(f"{name}:{wish.seed}")

    def stretches(self) -> list[tuple[float, float]]:
        """When outages begin and end."""
        found: list[tuple[float, float]] = []
        at_s = self.calm_s
        for _ in range(self.wish.outages):
            start_s = at_s + self._random.uniform(
                0.0, self.wish.pace
            )  # not on the beat of whatever repeats every second
            drawn_s = self._random.uniform(*OUTAGE_S)
            end_s = start_s + (self.wish.outage_s or drawn_s)
            found.append((start_s, end_s))
            at_s = end_s + self._random.uniform(*BETWEEN_S) * self.wish.pace
        return found

    def moments(self) -> list[float]:
        """When something happens at once."""
        return [start_s for start_s, _ in self.stretches()]

    def between(self, least: float, most: float) -> float:
        """Draw a length."""
        return self._random.uniform(least, most)


def _cut(script: Script, begin: Deed, end: Deed, *, announced: bool) -> Plot:
    stretches = script.stretches()
    return Plot(
        duration_s=stretches[-1][1] + script.after_s,
        happenings=tuple(
            happening
            for start_s, end_s in stretches
            for happening in (Happening(start_s, begin), Happening(end_s, end))
        ),
        troubles=tuple(Trouble(start_s, end_s, announced) for start_s, end_s in stretches),
    )


def _steady(script: Script) -> Plot:
    return Plot(duration_s=script.steady_s)


def _rough(script: Script) -> Plot:
    change: Change = (
        ("burst", Burst(begin=0.005, end=0.25)),
        ("reorder", 0.02),
        ("reorder_by_s", 0.03),
        ("jitter_s", 0.02),
    )
    return Plot(duration_s=script.steady_s, happenings=(Happening(0.0, Befall(change)),))


def _announced(script: Script) -> Plot:
    return _cut(script, Switch(on=False), Switch(on=True), announced=True)


def _unplugged(script: Script) -> Plot:
    return _cut(script, Plug(on=False), Plug(on=True), announced=True)


def _black_hole(script: Script) -> Plot:
    return _cut(script, Befall((("hole", True),)), Befall(), announced=False)


def _deaf(script: Script) -> Plot:
    return _cut(script, Befall((("hole", True),), ways=("down",)), Befall(ways=("down",)), announced=False)


def _fade(script: Script) -> Plot:
    happenings: list[Happening] = []
    shares = [Share(0.0, 1.0)]
    stretches = script.stretches()
    slowness = min(1.0, script.calm_s / FADE_S)
    for start_s, end_s in stretches:
        for before_s, share, loss in ((2.0, 0.5, 0.02), (1.0, 0.2, 0.1), (0.5, 0.05, 0.3)):
            shares.append(Share(start_s - before_s * slowness, share))
            happenings.append(Happening(start_s - before_s * slowness, Befall((("loss", loss),))))
        happenings.append(Happening(start_s, Befall((("hole", True),))))
        happenings.append(Happening(end_s, Befall()))
        shares.append(Share(end_s, 1.0))
    return Plot(
        duration_s=stretches[-1][1] + script.after_s,
        happenings=tuple(happenings),
        troubles=tuple(Trouble(start_s, end_s, announced=False) for start_s, end_s in stretches),
        shares=tuple(shares),
    )


def _flapping(script: Script) -> Plot:
    happenings: list[Happening] = []
    at_s = script.calm_s
    troubles: list[Trouble] = []
    while at_s < script.calm_s + FLAPPING_S:
        start_s, end_s = at_s, at_s + script.between(0.3, 2.0)
        happenings += [Happening(start_s, Switch(on=False)), Happening(end_s, Switch(on=True))]
        troubles.append(Trouble(start_s, end_s, announced=True))
        at_s = end_s + script.between(0.5, 3.0)
    return Plot(duration_s=at_s + script.after_s, happenings=tuple(happenings), troubles=tuple(troubles))


def _mtu(script: Script) -> Plot:
    return _cut(script, Befall((("packet_bytes_max", SHORT_PACKET_BYTES),)), Befall(), announced=False)


def _rebinding(script: Script) -> Plot:
    return _at_once(script, Rebind, announced=False)


def _moving(script: Script) -> Plot:
    return _at_once(script, Move, announced=True)


def _at_once(script: Script, deed: Callable[[], Deed], *, announced: bool) -> Plot:
    moments_s = script.moments()
    return Plot(
        duration_s=moments_s[-1] + script.after_s,
        happenings=tuple(Happening(at_s, deed()) for at_s in moments_s),
        troubles=tuple(Trouble(at_s, at_s, announced) for at_s in moments_s),
    )


def _forgetful(_script: Script) -> Plot:
    # Messages are further apart than the NAT's patience: each finds its mapping forgotten.
    return Plot(duration_s=80.0, happenings=(Happening(0.0, Forget(IDLE_S)),), every_s=1.5 * IDLE_S)


def _blocked(script: Script) -> Plot:
    return _cut(script, Allow(blocks_relay=True), Allow(), announced=False)


def _captive(script: Script) -> Plot:
    return _cut(script, Allow(captive=True), Allow(), announced=False)


SCENARIOS: Final[tuple[Scenario, ...]] = (
    Scenario("steady", "Nothing happens but what the links themselves do.", _steady),
    Scenario("rough", "Losses in bursts, jitter, and packets that overtake each other.", _rough),
    Scenario("outage-announced", "The interface goes down and comes back; the system says so.", _announced),
    Scenario("carrier-lost", "The interface loses its carrier and finds it again; the system says so.", _unplugged),
    Scenario("black-hole", "Everything vanishes for a while with the interface up; nobody says so.", _black_hole),
    Scenario("deaf", "What the device sends arrives, what is for it vanishes; nobody says so.", _deaf),
    Scenario("fade", "The link thins out, is gone, and is back at once, with the interface up.", _fade),
    Scenario("flapping", "The interface goes and comes every second or two, then stays.", _flapping),
    Scenario("mtu-black-hole", "Packets over 1280 bytes vanish for a while; small ones cross.", _mtu),
    Scenario("nat-rebinding", "The NAT forgets its mappings: the same flow comes from another port.", _rebinding),
    Scenario("nat-timeout", "The NAT forgets what was silent for 15 s, and messages are rarer than that.", _forgetful),
    Scenario("blocked-port", "Packets to the relay's port vanish for a while; port 443 leads there, too.", _blocked),
    Scenario("captive-portal", "Plain HTTP is answered by a portal for a while, everything else vanishes.", _captive),
    Scenario("address-change", "The device gets another address at once, as on another network.", _moving),
    Scenario("two-paths", "Two paths, and nothing happens but what their links do.", _steady, needs_second=True),
    Scenario(
        "path-dies", "The first of two paths swallows everything; nobody says so.", _black_hole, needs_second=True
    ),
    Scenario("path-leaves", "The first of two paths goes down; the system says so.", _announced, needs_second=True),
)


def find_scenario(name: str) -> Scenario:
    """Find a scenario by its name."""
    for scenario in SCENARIOS:
        if scenario.name == name:
            return scenario
    raise UsageError(f"There is no scenario {name!r}; known are {', '.join(each.name for each in SCENARIOS)}.")
