"""Counts what was healed between this device and others, by kind and device: a number that grows tells of a cause.

The repairs themselves are decided where their evidence comes in (`arrival`, `confirmation`, `rollback`); here is only
how often each was begun in this run.
"""

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum, unique

from answerback.model.ids import DeviceId

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
    """What others were given for this device had no secrets here, or was gone: made anew."""
    DEVICE_LIST = "device list"
    """Our list of somebody's devices was older than theirs: looked up again."""


@dataclass(slots=True)
class Healing:
    """The counts of this run."""

    _by_device: Counter[tuple[Healed, DeviceId]] = field(default_factory=Counter)
    _totals: Counter[Healed] = field(default_factory=Counter)

    def count(self, kind: Healed, device: DeviceId | None = None) -> None:
        """One more was begun, for a device if it is about one."""
        self._totals[kind] += 1
        if device is not None and ((kind, device) in self._by_device or len(self._by_device) < DEVICES_MAX):
            self._by_device[kind, device] += 1

    def of(self, device: DeviceId) -> dict[str, int]:
        """What one device needed, by kind."""
        return {kind.value: count for (kind, whose), count in self._by_device.items() if whose == device}

    @property
    def totals(self) -> dict[str, int]:
        """How often each kind was begun; kinds that were not are left out."""
        return {kind.value: count for kind, count in self._totals.items()}
