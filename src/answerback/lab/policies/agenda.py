"""Keeps what is to happen in virtual time, and lets it happen in order."""

import heapq
from collections.abc import Callable

Event = Callable[[], None]


class Agenda:
    """Moments to come; of two at the same time, the one noted first comes first."""

    def __init__(self, now_s: float) -> None:
        self.now_s = now_s
        self._noted: list[tuple[float, int, Event]] = []
        self._count = 0

    def note(self, at_s: float, event: Event) -> None:
        """Let something happen then; what is past happens now."""
        self._count += 1
        heapq.heappush(self._noted, (max(at_s, self.now_s), self._count, event))

    def play(self, *, until_s: float, done: Callable[[], bool]) -> None:
        """Let everything happen up to a moment, or until it is done."""
        while self._noted and self._noted[0][0] <= until_s and not done():
            self.now_s, _, event = heapq.heappop(self._noted)
            event()
