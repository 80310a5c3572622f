"""Sets clocks wrong, lets them gain and lose, and sets them right again."""

from answerback.lab.simulation.clock import WallClock
from answerback.lab.simulation.misfortunes.trouble import SHORT_S, Kind, Trouble
from answerback.lab.simulation.villager import Villager

YEAR_MS = 365 * 86_400_000
DAY_MS = 86_400_000
SLEW = 5e-4
"""How fast an NTP daemon bends a clock: 500 ppm (RFC 5905)."""
JUMPS_MS = (5_000, -90_000, 3_600_000, -3_600_000, DAY_MS, 30 * YEAR_MS, -30 * YEAR_MS)
RELAY_JUMPS_MS = (2_000, -2_000, 90_000, -90_000, 3_600_000, -3_600_000, DAY_MS, -DAY_MS)
"""A relay whose clock is wrong by months lets mail expire before its time: nobody else can tell what time it is."""


class ClockTrouble(Trouble):
    """What befalls clocks."""

    def seldom(self) -> list[Kind]:
        """What happens now and then."""
        return [
            self.clock_jump,
            self.clock_drift,
            self.clock_corrected,
            self.relay_clock_jump,
            self.relay_clock_drift,
            self.relay_clock_corrected,
        ]

    def clock_jump(self) -> None:
        """Set a device's clock, by seconds or by years."""
        self._jump(self.anybody(), "clock_jump", JUMPS_MS)

    def clock_drift(self) -> None:
        """Let a device's clock gain or lose."""
        self._drift(self.anybody(), "clock_drift", (1e-4, -1e-4, 0.02, -0.02))

    def clock_corrected(self) -> None:
        """Set a device's clock right, at once or little by little."""
        wrong = [villager for villager in self.town.villagers if self._is_wrong(villager.clock)]
        if wrong:
            self._correct(self.town.random.choice(wrong), "clock_corrected")
        else:
            self.clock_jump()
            self.town.later(self.some(SHORT_S), self.clock_corrected)

    def relay_clock_jump(self) -> None:
        """Set the relay's clock wrong."""
        self._jump(None, "relay_clock_jump", RELAY_JUMPS_MS)

    def relay_clock_drift(self) -> None:
        """Let the relay's clock gain or lose."""
        self._drift(None, "relay_clock_drift", (1e-4, -1e-4, 0.002, -0.002))

    def relay_clock_corrected(self) -> None:
        """Set the relay's clock right."""
        if self._is_wrong(self.town.office.clock):
            self._correct(None, "relay_clock_corrected")
        else:
            self.relay_clock_jump()
            self.town.later(self.some(SHORT_S), self.relay_clock_corrected)

    def _jump(self, who: Villager | None, kind: str, jumps_ms: tuple[int, ...]) -> None:
        self._touch(who)
        jump_ms = self.town.random.choice(jumps_ms)
        self.fault(kind, who, f"by {jump_ms / 1000:+.0f} s")
        self._clock(who).set_to(jump_ms, now_s=self.now_s())
        self._touch(who)

    def _drift(self, who: Villager | None, kind: str, drifts: tuple[float, ...]) -> None:
        self._touch(who)
        drift = self.town.random.choice(drifts)
        self.fault(kind, who, f"by {drift * 1e6:+.0f} ppm")
        self._clock(who).drift_by(drift, now_s=self.now_s())

    def _correct(self, who: Villager | None, kind: str) -> None:
        self._touch(who)
        clock, ahead_ms = self._clock(who), self._clock(who).ahead_ms(self.now_s())
        if self.chance(0.5):
            self.fault(kind, who, "at once")
            clock.drift_by(0.0, now_s=self.now_s())
            clock.set_to(0, now_s=self.now_s())
        else:
            self.fault(kind, who, "little by little")
            clock.drift_by(-SLEW if ahead_ms > 0 else SLEW, now_s=self.now_s())
            self.town.later(min(abs(ahead_ms) / 1000 / SLEW, 600.0), lambda: clock.drift_by(0.0, now_s=self.now_s()))

    def _clock(self, who: Villager | None) -> WallClock:
        return who.clock if who else self.town.office.clock

    def _is_wrong(self, clock: WallClock) -> bool:
        return clock.drift != 0.0 or clock.ahead_ms(self.now_s()) != 0

    def _touch(self, who: Villager | None) -> None:
        """Remember that clocks were set, and how far ahead the relay's was."""
        self.town.truth.clocks_were_set = True
        if who is None:
            self.town.office.remember_clock()
