"""Knows the recording: it connects at the very moment the path is back, and never before."""

# ruff: noqa: ARG002 - a policy is told everything, and uses what it can

from collections.abc import Sequence

from answerback.lab.policies.policy import Action, Close, Open, PassiveTcp

AGAIN_S = 0.25
"""Knowing that the path is there, it does not wait long for an answer that was lost on it."""
AGAIN_MAX = 40


class Oracle(PassiveTcp):
    """Connects the way all of us do, but knows when: whoever must connect anew cannot be much sooner."""

    name = "oracle"

    def __init__(self, returns_s: Sequence[float]) -> None:
        self._dues_s = sorted(at_s + AGAIN_S * again for at_s in returns_s for again in range(AGAIN_MAX))
        self._open: list[int] = []
        self._count = 0

    @property
    def wake_at_s(self) -> float | None:
        """The end of the outage, and shortly after it."""
        return self._dues_s[0] if self._dues_s else None

    def welcomed(self, number: int, *, now_s: float) -> list[Action]:
        """That is it."""
        self._dues_s.clear()
        others, self._open = [each for each in self._open if each != number], []
        return [Close(each) for each in others]

    def wake(self, *, now_s: float) -> list[Action]:
        """Connect, now that it will succeed."""
        due = [at_s for at_s in self._dues_s if at_s <= now_s]
        if not due:
            return []
        del self._dues_s[: len(due)]
        self._count += 1
        self._open.append(self._count)
        return [Open(self._count)]
