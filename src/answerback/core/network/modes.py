"""Chooses how eager this device is: live, economical, in the background or offline, with the reason.

Theory. Known are: whether somebody looks, the battery, whether bytes are paid for, how the path stands, what the
platform allows, and what the person asked for. From the heaviest to the lightest: without a way out a device is
offline; where nobody looks, and the platform holds back who is not looked at, it is in the background; where battery,
money or link are short it is economical; else it is live. What a mode means is a value (`Sync`), made from the mode and
the platform's profile, so that nothing else has to ask which mode it is.

A person is obeyed at once, and so is somebody who looks. What is measured must hold for a while, in either direction,
before it counts: a device that changes its mind with every fade wakes its radio to say so. The surprising rule: urgent
mail is never treated differently. Modes decide what may wait; no mode makes a person wait for what is urgent.
"""

from dataclasses import dataclass, field, replace
from enum import Enum, unique
from typing import Final

from answerback.core.network.keepalive import Bounds
from answerback.core.network.platforms import Profile
from answerback.core.network.probe_budget import Allowance
from answerback.core.network.standing import Sign, Standing, Verdict
from answerback.core.waking import Reason, Wake

SETTLE_S = 10.0
"""What makes a device less eager, or is merely measured, holds for so long before it counts: people look away and back,
trains pass under bridges."""
SMALL_BYTES = 256 * 1024
"""A file fetched without being asked for where bytes are dear: a photo as messengers shrink it, 2 s on 1 Mbit/s."""
RECEIPTS_WAIT_S = 60.0
"""How long a receipt may wait for something to travel with, where nobody looks: its reader's sign comes a minute later,
and a radio is not woken for it alone."""
NO_BOUND: Final = -1
"""Of bytes: as many as there are."""


@unique
class Mode(Enum):
    """How eager a device is, the most eager first."""

    LIVE = "live"
    ECONOMICAL = "economical"
    BACKGROUND = "background"
    OFFLINE = "offline"

    @property
    def number(self) -> int:
        """0 for the most eager: as a device tells it to its relay."""
        return _MODES.index(self)


_MODES = tuple(Mode)


@unique
class Why(Enum):
    """What a mode rests on."""

    NOTHING_SHORT = "nothing.short"
    CHOSEN = "chosen"
    BATTERY_LOW = "battery.low"
    METERED = "metered"
    LINK_POOR = "link.poor"
    NOT_LOOKED_AT = "not.looked.at"
    NO_NETWORK = "no.network"
    SIGN_IN_NEEDED = "sign.in.needed"


@unique
class Change(Enum):
    """What would make a device more eager again."""

    NOTHING = "nothing"
    CHOOSE_AGAIN = "choose.again"
    CHARGE = "charge"
    FREE_NETWORK = "free.network"
    BETTER_LINK = "better.link"
    LOOK = "look"
    NETWORK_BACK = "network.back"
    SIGN_IN = "sign.in"


CHANGES: Final[dict[Why, Change]] = {
    Why.NOTHING_SHORT: Change.NOTHING,
    Why.CHOSEN: Change.CHOOSE_AGAIN,
    Why.BATTERY_LOW: Change.CHARGE,
    Why.METERED: Change.FREE_NETWORK,
    Why.LINK_POOR: Change.BETTER_LINK,
    Why.NOT_LOOKED_AT: Change.LOOK,
    Why.NO_NETWORK: Change.NETWORK_BACK,
    Why.SIGN_IN_NEEDED: Change.SIGN_IN,
}


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person asked for; None leaves it to the device."""

    mode: Mode | None = None
    is_metered: bool | None = None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a device knows of itself; None is unknown, and what is unknown is no reason."""

    is_in_front: bool = True
    battery: float | None = None
    """Its level, from 0 to 1."""
    is_charging: bool | None = None
    is_metered: bool = False
    verdict: Verdict = field(default_factory=lambda: Verdict(Standing.DOWN, Sign.NOTHING_YET, 0.0))
    """How the path in use stands."""


@dataclass(frozen=True, slots=True)
class Posture:
    """The mode of now: since when, why, and what would change it."""

    mode: Mode = Mode.LIVE
    why: Why = Why.NOTHING_SHORT
    since_s: float = 0.0

    @property
    def change(self) -> Change:
        """What would make the device more eager again."""
        return CHANGES[self.why]


@unique
class Files(Enum):
    """Which files come without being asked for."""

    ALL = "all"
    SMALL = "small"
    ON_DEMAND = "on demand"


@dataclass(frozen=True, slots=True)
class Sync:
    """What a mode means."""

    holds_connection: bool
    """Else it connects to say and to fetch something, and lets go; a push tells it when."""
    keepalive: Bounds
    probes: Allowance
    files: Files
    catch_up_bytes: int
    """Of mail that is not urgent, at one go; `NO_BOUND`: all of it."""
    receipts_wait_s: float
    """How long a receipt may wait for other things to travel with. What is urgent waits for nothing in any mode."""
    lingers_s: float = 0.0
    """Where no connection is held: for how long one stays after the last word, while the radio is awake anyway."""
    runs_s: float = 0.0
    """For how long the platform lets the program run on in this mode; 0: without end. Whoever is about to be stopped
    says so first, and is then woken by push instead of being spoken to in vain."""


def sync_of(mode: Mode, profile: Profile, *, is_metered: bool = False) -> Sync:
    """Say what a mode means on a platform."""
    keepalive, savings = profile.keepalive, profile.savings
    live = Sync(
        holds_connection=True,
        keepalive=Bounds(keepalive.floor_s, keepalive.live_s),
        probes=profile.probes_in_front.allowance,
        files=Files.SMALL if is_metered else Files.ALL,
        catch_up_bytes=NO_BOUND,
        receipts_wait_s=0.0,
    )
    seldom = Bounds(keepalive.floor_s, keepalive.ceiling_s)
    match mode:
        case Mode.LIVE:
            return live
        case Mode.ECONOMICAL:
            return replace(live, keepalive=seldom, files=Files.SMALL, catch_up_bytes=savings.economical_bytes)
        case Mode.BACKGROUND | Mode.OFFLINE:
            return Sync(
                holds_connection=mode is Mode.BACKGROUND and profile.background.holds_connection,
                keepalive=seldom,
                probes=profile.probes_in_background.allowance,
                files=Files.ON_DEMAND,
                catch_up_bytes=savings.background_bytes,
                receipts_wait_s=RECEIPTS_WAIT_S,
                lingers_s=keepalive.radio_tail_s,
                runs_s=profile.background.runs_s,
            )


def fetches(mode: Mode, size_bytes: int, standing: Standing, *, asked: bool, is_metered: bool = False) -> bool:
    """Say whether a file is fetched now: somebody asked for it, or the link is good and bytes are not dear."""
    if mode is Mode.OFFLINE or standing not in (Standing.UP, Standing.DEGRADED):
        return False
    if asked:
        return True
    if mode is Mode.BACKGROUND:
        return False
    is_dear = mode is Mode.ECONOMICAL or is_metered or standing is Standing.DEGRADED
    return size_bytes <= SMALL_BYTES if is_dear else True


class Modes:
    """The mode of one device."""

    def __init__(self, profile: Profile, *, now_s: float, wish: Wish | None = None) -> None:
        self.profile: Final = profile
        self.wish = wish or Wish()
        self.around = Surroundings()
        self._is_low = False
        self.posture = Posture(Mode.LIVE, Why.NOTHING_SHORT, now_s)
        self._due: Posture | None = None
        """What would be chosen if it went on like this; its `since_s` is when it began to."""
        self._decide(now_s=now_s, at_once=True)

    # ---- verbs

    def choose(self, wish: Wish, *, now_s: float) -> bool:
        """Obey a person, at once; true if the mode or its reason changed."""
        self.wish = wish
        return self._decide(now_s=now_s, at_once=True)

    def notice(self, around: Surroundings, *, now_s: float) -> bool:
        """Take in what is known now; true if the mode or its reason changed."""
        came = around.is_in_front and not self.around.is_in_front
        plugged = bool(around.is_charging) and not self.around.is_charging
        was_nowhere = self.posture.mode is Mode.OFFLINE
        self.around = around
        self._weigh_battery()
        return self._decide(now_s=now_s, at_once=came or plugged or was_nowhere)

    @property
    def wake_at(self) -> Wake | None:
        """When what goes on like this will count."""
        return Wake(self._due.since_s + SETTLE_S, Reason.TURN) if self._due is not None else None

    def wake(self, *, now_s: float) -> bool:
        """Let count what has held for long enough; true if the mode or its reason changed."""
        return self._decide(now_s=now_s, at_once=False)

    @property
    def sync(self) -> Sync:
        """What the mode of now means."""
        return sync_of(self.posture.mode, self.profile, is_metered=self.is_metered)

    @property
    def is_metered(self) -> bool:
        """Whether bytes are paid for: as the person says, or else as the system does."""
        return self.around.is_metered if self.wish.is_metered is None else self.wish.is_metered

    # ---- private

    def _weigh_battery(self) -> None:
        level, savings = self.around.battery, self.profile.savings
        if level is None or self.around.is_charging:
            self._is_low = False
        elif level <= savings.battery_low:
            self._is_low = True
        elif level >= savings.battery_well:
            self._is_low = False

    def _decide(self, *, now_s: float, at_once: bool) -> bool:
        mode, why = self._fitting()
        if (mode, why) == (self.posture.mode, self.posture.why):
            self._due = None
            return False
        is_more = mode.number <= self.posture.mode.number
        if self._due is None or (self._due.mode, self._due.why) != (mode, why):
            # What still makes less eager goes on counting from when anything first did.
            is_still_less = self._due is not None and not is_more and self._due.mode.number >= mode.number
            began_s = self._due.since_s if is_still_less and self._due is not None else now_s
            self._due = Posture(mode, why, began_s)
        is_settled = now_s >= self._due.since_s + SETTLE_S
        if not (is_settled or why is Why.CHOSEN or (at_once and is_more)):
            return False
        self._due = None
        self.posture = Posture(mode, why, now_s)
        return True

    def _fitting(self) -> tuple[Mode, Why]:
        """The mode that all of this asks for, and the weightiest reason for it."""
        around, wish = self.around, self.wish
        if wish.mode is Mode.OFFLINE:
            return Mode.OFFLINE, Why.CHOSEN
        if around.verdict.sign is Sign.NO_INTERFACE:
            return Mode.OFFLINE, Why.NO_NETWORK
        if around.verdict.standing is Standing.CAPTIVE:
            return Mode.OFFLINE, Why.SIGN_IN_NEEDED
        if wish.mode is not None:
            return wish.mode, Why.CHOSEN
        if self.profile.background.sleeps and not around.is_in_front:
            return Mode.BACKGROUND, Why.NOT_LOOKED_AT
        if self._is_low:
            return Mode.ECONOMICAL, Why.BATTERY_LOW
        if self.is_metered:
            return Mode.ECONOMICAL, Why.METERED
        if around.verdict.standing is Standing.DEGRADED:
            return Mode.ECONOMICAL, Why.LINK_POOR
        return Mode.LIVE, Why.NOTHING_SHORT
