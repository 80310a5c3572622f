"""Now, in the two times a machine may know."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Moment:
    """One time for waiting, one for showing and for stamps."""

    now_s: float
    """Monotonic seconds; only differences mean anything, and only within one run."""
    wall_ms: int
    """The device's, or the relay's, own wall clock, which may be wrong."""
