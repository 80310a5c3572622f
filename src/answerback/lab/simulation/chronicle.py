"""Writes down what happens in one world: a readable timeline, counts of what went wrong, and every objection."""

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from answerback.model.ids import AccountId, DeviceId, MessageId

OBJECTIONS_MAX = 20
"""Enough to find the cause; the thousandth says no more."""


@dataclass(slots=True)
class Chronicle:
    """One world's timeline. Names stand for ids, so that the same seed writes the same lines."""

    now_s: Callable[[], float]
    lines: list[str] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    objections: list[str] = field(default_factory=list)
    names: dict[DeviceId | AccountId | MessageId, str] = field(default_factory=dict)

    def name(self, identity: DeviceId | AccountId | MessageId | None) -> str:
        """What something is called here."""
        return self.names.get(identity, "?") if identity else "all"

    def say(self, who: str, what: str) -> None:
        """Write one line."""
        self.lines.append(f"{self.now_s():14.3f}  {who:<12}  {what}")

    def fault(self, kind: str, who: str, what: str = "") -> None:
        """Count something that went wrong, and write it down."""
        self.faults[kind] += 1
        self.say(who, f"! {kind.replace('_', ' ')}{': ' if what else ''}{what}")

    def object(self, checker: str, who: str, what: str) -> None:
        """Note that a promise was broken."""
        told = f"{checker}: {who}: {what}"
        if told not in self.objections and len(self.objections) < OBJECTIONS_MAX:
            self.objections.append(told)
            self.say(who, f"VIOLATION {checker}: {what}")

    @property
    def digest(self) -> str:
        """Short name of this very run: the same seed gives the same one."""
        return hashlib.sha256("\n".join(self.lines).encode()).hexdigest()[:16]
