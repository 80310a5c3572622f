"""Changes what the relay says on its way to a device: said again, said unasked, or not true.

Theory. A lie waits for a frame it can be told with. Devices believe the relay in little, and nothing that others sign;
so whatever is told here may cost time and work, and must not cost a message or a truth.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from answerback.lab.simulation.wires import Wire
from answerback.wire.codec import encode
from answerback.wire.frames import Located, Refused, RelayFrame

Twist = Callable[[RelayFrame, str], list[RelayFrame]]
"""What is said to a device in a frame's place; nothing if this frame is not one to lie with."""
Note = Callable[[RelayFrame], None]


@dataclass(slots=True)
class Lie:
    """Something that will be said otherwise."""

    kind: str
    twist: Twist
    times: int = 1
    """To whoever is told next, and next, …"""
    again_s: float = 0.0
    """When the same is said once more, on the same connection; 0 for never."""


@dataclass(slots=True)
class Tongue:
    """Says the relay's frames, and the lies that wait."""

    told: Callable[[str, str], None]
    """Hears of each lie, and whom it was told."""
    note: Note
    """Sees every frame as it is said."""
    lies: list[Lie] = field(default_factory=list)

    def say(self, wire: Wire, frame: RelayFrame) -> None:
        """Say one frame, or what stands in its place."""
        for lie in self.lies:
            if said := lie.twist(frame, wire.device):
                lie.times -= 1
                if lie.times <= 0:
                    self.lies.remove(lie)
                self.told(lie.kind, wire.device)
                self._put(wire, said)
                if lie.again_s:
                    asyncio.get_running_loop().call_later(lie.again_s, self._put, wire, said)
                return
        self._put(wire, [frame])

    def _put(self, wire: Wire, frames: list[RelayFrame]) -> None:
        for frame in frames:
            if not wire.is_ended:
                if isinstance(frame, Refused | Located):
                    self.note(frame)
                wire.down.put(encode(frame))
