"""Has the mode of this device mean what it says: probes, keep-alives, files, and how much mail is taken at once.

Theory. `network/modes` chooses a mode with its reason; here everything that has to know of it is told, and so is the
relay, in one small frame whenever it changes and on each new connection. A device without a platform's profile is as
eager as it can be. Where a platform lets nobody keep a connection, one is let go of when nothing more is owed, with a
last word to the relay, which wakes the device by push from then on; it is begun again when there is something to say
or somebody looks.
"""

from dataclasses import dataclass, field, replace
from typing import assert_never

from answerback.core.effects import Effect, ModeChanged, Moment, Tell, Transmit, Wake
from answerback.core.machines import Machines
from answerback.core.network.choice import Metered
from answerback.core.network.modes import Mode, Modes, Posture, Surroundings, Sync, Why, Wish, fetches
from answerback.core.network.platforms import Profile
from answerback.core.sensing import FileAsked, Looked, PowerSeen, PushGiven, Wished
from answerback.model.ids import AccountId, MessageId
from answerback.wire.frames import Pace, Subscribe, Welcome
from answerback.wire.subscriptions import subscription_name

SILENT_MODE = 3
"""Said by whoever is about to let go of its connection."""
AGAIN_S = 300.0
"""How often a device that economises takes its next helping of what waits."""
METERED = {
    Mode.LIVE: Metered.ALWAYS,
    Mode.ECONOMICAL: Metered.URGENT,
    Mode.BACKGROUND: Metered.URGENT,
    Mode.OFFLINE: Metered.NEVER,
}
"""When a path that costs money by the byte may be used beside one that does not."""
OF_THE_PATH = frozenset({Why.METERED, Why.LINK_POOR})
"""Reasons that go with the path in use. They must not say which path that is: whoever moved to one that costs money
would economise because of it, so move back, economise no more, and move again, for ever."""


@dataclass(slots=True)
class Adapting:
    """The composer of the mode."""

    machines: Machines
    profile: Profile | None = None
    wish: Wish = field(default_factory=Wish)
    push: Subscribe | None = None
    """Where this device is woken; none if nobody said, and then the relay keeps what it has."""
    _modes: Modes | None = None
    _before: Surroundings = field(default_factory=Surroundings)
    """What was sensed before it began."""
    _told_s: float = 0.0
    _asked: set[MessageId] = field(default_factory=set)
    """Files somebody wants to see now."""

    def start(self, *, now: Moment) -> None:
        """Begin."""
        if self.profile is not None:
            self._modes = Modes(self.profile, now_s=now.now_s, wish=self.wish)
            self._modes.notice(self._before, now_s=now.now_s)
            self._apply()

    @property
    def posture(self) -> Posture:
        """The mode of now, since when and why."""
        if self._modes is not None:
            return self._modes.posture
        is_chosen = self.profile is not None and self.wish.mode is not None
        return Posture(self.wish.mode or Mode.LIVE, Why.CHOSEN) if is_chosen else Posture()

    @property
    def sync(self) -> Sync | None:
        """What it means; none without a profile."""
        return self._modes.sync if self._modes is not None else None

    # ---- what is sensed

    def sensed(self, event: Looked | PowerSeen | Wished | FileAsked | PushGiven, *, now: Moment) -> list[Effect]:
        """Take in what a sense has told."""
        modes = self._modes
        if isinstance(event, PushGiven):
            self.push = event.push
            return [Transmit(event.push)] if self.machines.path.up else []
        if isinstance(event, FileAsked):
            self._asked.add(event.message)
            return []
        if isinstance(event, Wished):
            self.wish = event.wish  # also before it has begun
        if modes is None:
            self._before = _with(self._before, event)  # it counts when this device begins
            return []
        match event:
            case Looked() | PowerSeen():
                is_new = modes.notice(_with(modes.around, event), now_s=now.now_s)
            case Wished(wish):
                is_new = modes.choose(wish, now_s=now.now_s)
            case _:
                assert_never(event)
        return self._changed(now) if is_new else []

    def look(self, *, now: Moment) -> list[Effect]:
        """See how the path in use stands, and whether the mode is still the right one."""
        modes, paths = self._modes, self.machines.paths
        if modes is None:
            return []
        is_metered = any(seen.is_metered for seen in paths.seen if seen.name == paths.current.name)
        around = replace(modes.around, is_metered=is_metered, verdict=paths.current.verdict)
        is_new = modes.notice(around, now_s=now.now_s) if around != modes.around else False
        is_new = modes.wake(now_s=now.now_s) or is_new
        effects = self._changed(now) if is_new else []
        is_helping = self._is_bounded and self.machines.catchup.behind > 0 and now.now_s >= self._told_s + AGAIN_S
        if is_helping and self.machines.path.up and modes.posture.mode is Mode.ECONOMICAL:
            effects += self._tell(now)
        return effects

    def welcomed(self, welcome: Welcome, *, now: Moment) -> list[Effect]:
        """A connection begins: the relay takes every device for an eager one, and may wake it elsewhere."""
        is_eager = self._modes is None or self._modes.posture.mode is Mode.LIVE
        effects = [] if is_eager else self._tell(now)
        if self.push is not None and subscription_name(self.push) != welcome.push:
            effects.append(Transmit(self.push))
        return effects

    @property
    def wake_at(self) -> Wake | None:
        """When what goes on like this will count."""
        return self._modes.wake_at if self._modes is not None else None

    # ---- what follows

    def may_fetch(self, author: AccountId, message: MessageId, total_bytes: int) -> bool:
        """Whether a file is fetched now."""
        if self._modes is None or author == self.machines.own.account:
            return True
        standing = self.machines.path.verdict.standing
        is_asked = message in self._asked
        mode, is_metered = self._modes.posture.mode, self._modes.is_metered
        return fetches(mode, total_bytes, standing, asked=is_asked, is_metered=is_metered)

    # ---- private

    @property
    def _is_bounded(self) -> bool:
        return self._modes is not None and self._modes.sync.catch_up_bytes >= 0

    def _changed(self, now: Moment) -> list[Effect]:
        self._apply()
        told: list[Effect] = [Tell(ModeChanged(self.posture))]
        return [*(self._tell(now) if self.machines.path.up else []), *told]

    def _apply(self) -> None:
        if self._modes is None:
            return
        sync, paths = self._modes.sync, self.machines.paths
        paths.adapt(sync.probes, sync.keepalive)
        posture = self._modes.posture
        is_of_path = posture.why in OF_THE_PATH and not self._modes.wish.is_metered
        paths.metered = METERED[Mode.LIVE if is_of_path else posture.mode]

    def _tell(self, now: Moment) -> list[Effect]:
        assert self._modes is not None
        self._told_s = now.now_s
        sync = self._modes.sync
        # While it is about to be without a network there is nobody to say that to.
        number = min(self._modes.posture.mode.number, Mode.BACKGROUND.number)
        return [Transmit(Pace(number, sync.catch_up_bytes))]


def _with(around: Surroundings, event: Looked | PowerSeen | Wished) -> Surroundings:
    match event:
        case Looked(is_in_front):
            return replace(around, is_in_front=is_in_front)
        case PowerSeen(battery, is_charging):
            return replace(around, battery=battery, is_charging=is_charging)
        case Wished():
            return around
        case _:
            assert_never(event)
