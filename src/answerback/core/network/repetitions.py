"""Says when a kernel repeats a SYN that nobody answers, which no program is told of.

Theory. A program that wants a connection gives its SYN to the kernel, and the kernel repeats it from one second on. All
kernels double the pause (RFC 6298 §5.7), but Linux since 6.5 only after some pauses of a second. A plan that counts
what it sends must know which; where it does not, it counts what the most eager kernel sends, and relies on what every
kernel does.
"""

from dataclasses import dataclass
from typing import Final

FIRST_AGAIN_S = 1.0
"""When the first repetition leaves, after the SYN (RFC 6298 §2.1)."""
COUNTED_S_MAX = 9.5
"""No probe lives for longer, so later ones are not told."""
LINEAR_TIMEOUTS = 4
"""Of Linux since 6.5, unless somebody sets another (`tcp_syn_linear_timeouts`; measured with 6.18)."""
LINEAR_TIMEOUTS_MAX = 127
SLACK = 1.3
"""A repetition that comes so many spacings after the probe before stands for the one between."""
UNTIMELY = 3
"""Of those that leave for certain so many come when none is wanted (found by trying, with either kernel)."""


@dataclass(frozen=True, slots=True)
class Repetitions:
    """Those of one kernel, in seconds after the SYN."""

    counted_s: tuple[float, ...]
    """All that may leave."""
    sure_s: tuple[float, ...]
    """Those that leave for certain."""

    def within(self, age_s: float) -> int:
        """How many may leave before a SYN is so old."""
        return sum(after_s < age_s for after_s in self.counted_s)

    @property
    def wasted(self) -> int:
        """How many of them stand for no probe of a timetable that wants one a second, and then ever fewer."""
        return UNTIMELY + len(self.counted_s) - len(self.sure_s)


def repetitions(linear_timeouts: int) -> Repetitions:
    """Of a kernel that doubles its pause only after so many pauses of a second besides the first."""
    linear = min(max(linear_timeouts, 0), LINEAR_TIMEOUTS_MAX) + 1
    found: list[float] = []
    at_s, pause_s = 0.0, FIRST_AGAIN_S
    while at_s + pause_s < COUNTED_S_MAX:
        at_s += pause_s
        found.append(at_s)
        pause_s *= 1.0 if len(found) < linear else 2.0
    return Repetitions(tuple(found), tuple(found))


DOUBLING: Final = repetitions(0)
"""Linux before 6.5, and Windows."""
LINEAR: Final = repetitions(LINEAR_TIMEOUTS)
"""Linux since 6.5, and about what macOS does."""
UNKNOWN: Final = Repetitions(LINEAR.counted_s, DOUBLING.sure_s)
"""Any of them."""
