"""Bounds how many messages a sender may call urgent, so that the word keeps its meaning.

Theory. What is urgent goes before everything else and wakes other people's devices; were everything urgent, nothing
would be. A token bucket holds what a bad day needs and refills slowly. What exceeds it is not refused: it goes as
normal, and its sender is told, since a message that is late because of a rule is still better than one not sent.
"""

from dataclasses import dataclass

from answerback.model.message import Urgency

URGENT_MAX = 30
"""At once: an emergency with everybody who matters, several times over."""
URGENT_EVERY_S = 60.0
"""One more each minute after that; an app that calls its every message urgent is at this pace within the hour."""


@dataclass(slots=True)
class UrgentBudget:
    """What one sender may still call urgent."""

    _left: float = float(URGENT_MAX)
    _at_s: float | None = None
    lowered: int = 0
    """Messages that were asked to be urgent and went as normal, since this device started."""

    def left(self, *, now_s: float) -> int:
        """How many messages may be urgent now: what people and apps are shown."""
        return int(self._left_at(now_s) + 1e-9)

    def next_at_s(self, *, now_s: float) -> float | None:
        """When there will be one more; none while the budget is full."""
        left = self._left_at(now_s)
        return None if left >= URGENT_MAX else now_s + (1.0 - left % 1.0) * URGENT_EVERY_S

    def judge(self, asked: Urgency, *, now_s: float) -> Urgency:
        """Say how urgent a message goes, and count it."""
        if asked is not Urgency.URGENT:
            return asked
        self._left, self._at_s = self._left_at(now_s), now_s
        if self._left + 1e-9 < 1:
            self.lowered += 1
            return Urgency.NORMAL
        self._left -= 1
        return asked

    def _left_at(self, now_s: float) -> float:
        if self._at_s is None:
            return self._left
        return min(self._left + max(now_s - self._at_s, 0.0) / URGENT_EVERY_S, float(URGENT_MAX))
