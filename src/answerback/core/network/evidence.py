"""Says which evidence makes success likely now, and when it is acted upon.

Theory. Systems tell of a single change in a dozen events, so what comes close together is one. Each that led to nothing
makes the next of its kind count later: a flapping interface, or a relay that is heard and does not hear, would eat the
budget.
"""

import math
from dataclasses import dataclass, field
from enum import Enum, unique

EVIDENCE_S_MIN = 0.2
EVIDENCE_S_MAX = 5.0
"""Evidence that comes closer together is one; and each that led to nothing doubles this."""


@unique
class Evidence(Enum):
    """What makes success likely now."""

    NETWORK_CHANGED = "network changed"
    OTHER_PATH_WORKED = "another path worked"
    WOKE = "woke from sleep"
    IN_FRONT = "somebody looks"
    RELAY_CALLED = "the relay called"
    HEARD = "something was heard"


FRESH = frozenset({Evidence.NETWORK_CHANGED, Evidence.WOKE, Evidence.IN_FRONT})
"""After these what went before says nothing about how soon the path is back."""
CERTAIN = FRESH | {Evidence.RELAY_CALLED}
"""These may take what the timetable leaves: they do not come of themselves, one after another."""
ANEW = frozenset({Evidence.NETWORK_CHANGED, Evidence.WOKE})
"""After these a new connection does not wait for the old one."""


@dataclass(slots=True)
class Hints:
    """What was told since anything worked."""

    acted_s: float = -math.inf
    """When evidence was last acted upon."""
    _told: dict[Evidence, tuple[float, int]] = field(default_factory=dict)
    """Of each kind when it came last, and how often it led to nothing."""

    def act(self, evidence: Evidence, *, now_s: float) -> bool:
        """Whether this is to be acted upon, and not a part of what was before."""
        came_s, in_vain = self._told.get(evidence, (-math.inf, 0))
        if now_s - came_s < min(EVIDENCE_S_MIN * 2.0**in_vain, EVIDENCE_S_MAX):
            return False
        self._told[evidence] = (now_s, in_vain + 1)
        self.acted_s = now_s
        return True

    def clear(self) -> None:
        """Something worked."""
        self._told.clear()
