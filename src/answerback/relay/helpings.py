"""Measures out to one device the mail that is not urgent: a helping at once, more as it is digested.

Theory. A device that economises says how much it takes in one go. Steady mail, a text now and then, must never be late
for that: what was taken grows back as time passes, a whole helping in ten minutes. A flood uses the helping up; then
nothing comes, lest it come in drops that wake a radio each, until ten minutes have passed or the device asks for more.
"""

from dataclasses import dataclass

HELPING_S = 600.0
"""In which a helping grows back, and for which a device that has had it is left alone."""


@dataclass(slots=True)
class Helping:
    """What one device takes for now."""

    size_bytes: int
    left_bytes: float
    at_s: float
    """When that much was left."""
    had_s: float | None = None
    """Since when nothing is left."""

    @classmethod
    def of(cls, size_bytes: int, *, now_s: float) -> "Helping":
        """Begin a helping."""
        return cls(size_bytes, float(size_bytes), now_s, None if size_bytes else now_s)

    @property
    def is_had(self) -> bool:
        """Whether nothing more is taken for now."""
        return self.had_s is not None

    def spend(self, size_bytes: int, *, now_s: float) -> None:
        """So much is handed over."""
        self.left_bytes -= size_bytes
        if self.left_bytes <= 0:
            self.had_s = now_s

    def look(self, *, now_s: float) -> None:
        """See what has grown back."""
        if self.had_s is None:
            grown_bytes = self.size_bytes * (now_s - self.at_s) / HELPING_S
            self.left_bytes = min(self.left_bytes + grown_bytes, float(self.size_bytes))
        elif self.size_bytes and now_s >= self.had_s + HELPING_S:
            self.left_bytes, self.had_s = float(self.size_bytes), None
        self.at_s = now_s
