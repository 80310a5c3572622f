"""Counts what was healed between this device and others, and writes each healing on the life of the message it was for.

The repairs themselves are decided where their evidence comes in (`arrival`, `confirmation`, `departure`, `lookup`,
`rollback`); here is how often each was begun in this run, by kind and device, since a number that grows tells of a
cause, and the line on the message's timeline that says so, with a cause of the layer `healing`.
"""

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum, unique

from answerback.core.effects import Effect, Moment, Progressed, Save, Tell
from answerback.core.facts import KeepStep
from answerback.core.outbox import Copy, Promise
from answerback.model.causes import Cause
from answerback.model.ids import DeviceId
from answerback.model.timeline import Evidence, Stage, Step

DEVICES_MAX = 4096
"""Devices counted apart; what others need beyond that counts in the totals alone."""


@unique
class Healed(Enum):
    """What was broken."""

    SESSION = "session"
    """A device could not open what we sealed: sealed again on a fresh session."""
    GAP = "gap"
    """A number never came to a device: it is looked for at the relay, and sent again."""
    LOST_MAIL = "lost mail"
    """The relay no longer had what it had accepted: the same bytes were sent again."""
    RECEIPT = "receipt"
    """A device had taken it and its receipt was lost: sealed again, so that it is repeated."""
    KEYS = "keys"
    """A pre-key had no secret any more, or the relay had lost some: others are made, or another is fetched."""
    DEVICE_LIST = "device list"
    """Our list of somebody's devices was older than theirs: looked up again."""
    FILE = "file"
    """The relay no longer had a message's file: uploaded again."""

    @property
    def cause(self) -> Cause:
        """What a timeline calls it."""
        return Cause(f"healing.{self.value.replace(' ', '_')}")


@dataclass(slots=True)
class Healing:
    """The counts of this run, and the lines on timelines."""

    _by_device: Counter[tuple[Healed, DeviceId]] = field(default_factory=Counter)
    _totals: Counter[Healed] = field(default_factory=Counter)

    def count(self, kind: Healed, device: DeviceId | None = None) -> None:
        """One more was begun, for a device if it is about one."""
        self._totals[kind] += 1
        if device is not None and ((kind, device) in self._by_device or len(self._by_device) < DEVICES_MAX):
            self._by_device[kind, device] += 1

    def of_copy(self, kind: Healed, copy: Copy, *, now: Moment) -> list[Effect]:
        """One more was begun, for a copy of a message of ours: counted, and a line on its timeline."""
        self.count(kind, copy.device)
        step = Step(copy.stage, Evidence.REPAIR, now.wall_ms, kind.cause, copy.attempts)
        return [Save(KeepStep(copy.message, copy.device, step)), Tell(Progressed(copy.message, copy.device, step))]

    def of_message(self, kind: Healed, promise: Promise, *, now: Moment) -> list[Effect]:
        """A line on the timeline of a message of ours as a whole; it was counted when it was noticed."""
        if not promise.letter.answered:
            return []
        step = Step(Stage.QUEUED, Evidence.REPAIR, now.wall_ms, kind.cause)
        return [Save(KeepStep(promise.id, None, step)), Tell(Progressed(promise.id, None, step))]

    def of(self, device: DeviceId) -> dict[str, int]:
        """What one device needed, by kind."""
        return {kind.value: count for (kind, whose), count in self._by_device.items() if whose == device}

    @property
    def totals(self) -> dict[str, int]:
        """How often each kind was begun; kinds that were not are left out."""
        return {kind.value: count for kind, count in self._totals.items()}
